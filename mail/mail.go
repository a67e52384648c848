// Package mail turns messages of the outbox into texts that people read, by
// templates that hosts can replace. Package mail/smtp sends them.
//
//	texts, err := mail.New(mail.Config{
//		Product: "Acme CRM",
//		Links: map[string]string{
//			usermgmt.MailInvitation: "https://crm.acme.example/welcome?token={secret}",
//			…
//		},
//	})
//
// A template is a file named after a language and a kind of message, such as
// "de/account_locked.txt". Its first line is the subject, after an empty line
// comes the text. A file with the same name and the ending ".html" adds the same
// as HTML. English ones come with the package; [Config.Templates] adds languages
// and replaces texts, file by file.
//
// Templates are those of text/template and html/template, over a [Data]. A value
// that does not exist is an error, not "<no value>".
package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"

	"github.com/usermgmt/usermgmt"
)

//go:embed templates
var shipped embed.FS

// DefaultLanguage is the language of the texts that come with the package.
const DefaultLanguage = "en"

// secretMark is where the secret goes in a link.
const secretMark = "{secret}"

// maxText is the size of a text that a template makes, in bytes.
const maxText = 1 << 20

// Config says how messages become texts.
type Config struct {
	// Product is the application's name in the texts. Required.
	Product string
	// Links are where people use the secrets that they are sent, by kind of
	// message: an https address (http for localhost) with "{secret}" in it. A kind
	// that carries a secret and has no link shows the secret itself.
	Links map[string]string
	// Templates adds to the texts that come with the package, and replaces them:
	// files "<language>/<kind>.txt" and ".html". Defaults to none.
	Templates fs.FS
	// Language is that of messages whose own has no text. Defaults to
	// [DefaultLanguage].
	Language string
}

// Data is what templates see.
type Data struct {
	// Product is [Config.Product], Kind the message's, To the address.
	Product, Kind, To string
	// Values are the message's, as the constants of package usermgmt list them.
	Values map[string]string
	// Link leads to where the secret is used; empty without one.
	Link string
	// Secret is the secret itself, such as a code; empty without one.
	Secret string
}

// Text is a mail that people read.
type Text struct {
	// Subject is one line.
	Subject string
	// Plain is the text, HTML the same as HTML, or empty.
	Plain, HTML string
}

// Templates makes texts of messages. It is safe for concurrent use.
type Templates struct {
	cfg Config
	// By language and kind: "en/welcome".
	subject, plain map[string]*texttemplate.Template
	html           map[string]*htmltemplate.Template
}

// New reads all templates. Every problem is reported: a template that cannot be
// read, one without a subject, a link that is none, a default language without a
// text for some kind.
func New(cfg Config) (*Templates, error) {
	t := &Templates{cfg: cfg, subject: map[string]*texttemplate.Template{}, plain: map[string]*texttemplate.Template{},
		html: map[string]*htmltemplate.Template{}}
	if t.cfg.Language == "" {
		t.cfg.Language = DefaultLanguage
	}
	var errs []error
	if cfg.Product == "" {
		errs = append(errs, errors.New("mail: the product needs a name"))
	}
	for kind, link := range cfg.Links {
		if err := checkLink(link); err != nil {
			errs = append(errs, fmt.Errorf("mail: link of %s: %w", kind, err))
		}
	}
	own, err := fs.Sub(shipped, "templates")
	if err != nil {
		return nil, err
	}
	for _, files := range []fs.FS{own, cfg.Templates} {
		if files != nil {
			errs = append(errs, t.read(files))
		}
	}
	for _, kind := range kinds(t.plain) {
		if t.plain[t.cfg.Language+"/"+kind] == nil && t.plain[DefaultLanguage+"/"+kind] == nil {
			errs = append(errs, fmt.Errorf("mail: no text for %s in %s", kind, t.cfg.Language))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// checkLink: a secret travels over nothing but TLS, save on one's own machine.
func checkLink(link string) error {
	u, err := url.Parse(strings.ReplaceAll(link, secretMark, "secret"))
	switch {
	case err != nil:
		return errors.New("is no URL")
	case strings.Count(link, secretMark) != 1:
		return errors.New("wants " + secretMark + " once")
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && u.Hostname() == "localhost":
		return nil
	}
	return errors.New("wants https")
}

// read adds the templates of files.
func (t *Templates) read(files fs.FS) error {
	var errs []error
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, ending := strings.TrimSuffix(name, path.Ext(name)), path.Ext(name)
		if ending != ".txt" && ending != ".html" {
			return nil
		}
		if strings.Count(key, "/") != 1 {
			errs = append(errs, fmt.Errorf("mail: template %s: want <language>/<kind>%s", name, ending))
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if ending == ".html" {
			tmpl, err := htmltemplate.New(name).Option("missingkey=error").Parse(string(text))
			errs = append(errs, err)
			t.html[key] = tmpl
			return nil
		}
		subject, body, found := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n\n")
		if !found || strings.TrimSpace(subject) == "" || strings.Contains(subject, "\n") {
			errs = append(errs, fmt.Errorf("mail: template %s: want the subject, an empty line, and the text", name))
			return nil
		}
		for to, text := range map[*map[string]*texttemplate.Template]string{&t.subject: subject, &t.plain: body} {
			tmpl, err := texttemplate.New(name).Option("missingkey=error").Parse(text)
			errs = append(errs, err)
			(*to)[key] = tmpl
		}
		if _, err := fs.Stat(files, key+".html"); err != nil {
			delete(t.html, key) // that of a text which is replaced says something else
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

func kinds[T any](templates map[string]T) []string {
	var out []string
	for key := range templates {
		if _, kind, _ := strings.Cut(key, "/"); !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	slices.Sort(out)
	return out
}

// Render makes the text of a message, in its language or the nearest that there
// is: that without its region, then [Config.Language], then English.
//
// An error of a kind without a template matches [usermgmt.ErrInvalid]: it will not
// go away.
func (t *Templates) Render(m usermgmt.Message) (Text, error) {
	key := t.find(m.Language, m.Kind)
	if key == "" {
		return Text{}, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "kind", Rule: "no_template", Detail: "no text for " + m.Kind}
	}
	data := Data{Product: t.cfg.Product, Kind: m.Kind, To: m.To, Values: m.Values, Secret: m.Secret.Reveal()}
	if data.Values == nil {
		data.Values = map[string]string{}
	}
	if link := t.cfg.Links[m.Kind]; link != "" && data.Secret != "" {
		data.Link = strings.Replace(link, secretMark, url.QueryEscape(data.Secret), 1)
	}
	var out Text
	var err error
	run := func(tmpl interface{ Execute(io.Writer, any) error }) string {
		var b strings.Builder
		if tmpl.Execute(&bounded{w: &b}, data) != nil {
			// What the template says of it could hold a value.
			err = &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "template", Rule: "failed", Detail: "the template of " + key + " failed"}
		}
		return b.String()
	}
	out.Subject, out.Plain = oneLine(run(t.subject[key])), run(t.plain[key])
	if tmpl := t.html[key]; tmpl != nil {
		out.HTML = run(tmpl)
	}
	if err != nil {
		return Text{}, err
	}
	return out, nil
}

// find returns the key of the template in the nearest language.
func (t *Templates) find(language, kind string) string {
	for language != "" {
		if key := language + "/" + kind; t.plain[key] != nil {
			return key
		}
		cut := strings.LastIndexAny(language, "-_")
		if cut < 0 {
			break
		}
		language = language[:cut]
	}
	for _, language := range [...]string{t.cfg.Language, DefaultLanguage} {
		if key := language + "/" + kind; t.plain[key] != nil {
			return key
		}
	}
	return ""
}

// oneLine makes a header's value of text: no line breaks, no control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
}

// bounded refuses texts that grow too long.
type bounded struct {
	w io.Writer
	n int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.n += len(p); b.n > maxText {
		return 0, errors.New("mail: the text is too long")
	}
	return b.w.Write(p)
}
