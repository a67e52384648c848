package mail_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/mail"
)

// kindsOf are the constants of package usermgmt that begin with Mail.
func kindsOf(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../notify.go", nil, 0)
	require.NoError(t, err)
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Mail") && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				kind, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				out[spec.Names[0].Name] = kind
			}
		}
		return true
	})
	require.Greater(t, len(out), 5)
	return out
}

func newTexts(t *testing.T, change func(*mail.Config)) *mail.Templates {
	t.Helper()
	cfg := mail.Config{Product: "Acme"}
	if change != nil {
		change(&cfg)
	}
	texts, err := mail.New(cfg)
	require.NoError(t, err)
	return texts
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestEveryKindOfMessageHasAText(t *testing.T) {
	t.Parallel()
	texts := newTexts(t, nil)
	values := map[string]string{}
	for _, k := range []string{"username", "public_id", "rows", "reason", "days", "address", "organization", "file", "expires_at", "job", "lifetime", "where", "codes_left",
		"user", "deputy", "from", "until", "read_only", "operator"} {
		values[k] = "the " + k
	}
	for name, kind := range kindsOf(t) {
		text, err := texts.Render(usermgmt.Message{Kind: kind, To: "ann@acme.test", Values: values})
		require.NoError(t, err, name)
		assert.NotEmpty(t, text.Subject, name)
		assert.Contains(t, text.Plain, "Hello", name)
		assert.Contains(t, text.Subject+text.Plain, "Acme", name)
		assert.NotContains(t, text.Plain, "<no value>", name)
	}
}

func TestHostsReplaceTextsFileByFile(t *testing.T) {
	t.Parallel()
	texts := newTexts(t, func(c *mail.Config) {
		c.Templates = fstest.MapFS{
			"en/account_locked.txt":    file("Locked at {{.Product}}\n\nDear {{.To}}: locked."),
			"en/account_locked.html":   file("<p>Dear {{.To}}</p>"),
			"de/account_locked.txt":    file("Gesperrt\n\nGuten Tag."),
			"de-AT/account_locked.txt": file("Gesperrt\n\nServus."),
			"README.md":                file("not a template"),
		}
	})
	render := func(language, kind string) mail.Text {
		text, err := texts.Render(usermgmt.Message{Kind: kind, To: `"<b>"@acme.test`, Language: language})
		require.NoError(t, err)
		return text
	}
	assert.Equal(t, mail.Text{Subject: "Locked at Acme", Plain: `Dear "<b>"@acme.test: locked.`, HTML: "<p>Dear &#34;&lt;b&gt;&#34;@acme.test</p>"},
		render("", usermgmt.MailLocked))
	assert.Equal(t, "Guten Tag.", render("de", usermgmt.MailLocked).Plain)
	assert.Equal(t, "Guten Tag.", render("de-CH-1996", usermgmt.MailLocked).Plain, "a region without texts has those of the language")
	assert.Equal(t, "Servus.", render("de-AT", usermgmt.MailLocked).Plain)
	assert.Contains(t, render("fr", usermgmt.MailLocked).Plain, "locked", "a language without texts has those of the default")
	assert.Contains(t, render("de", usermgmt.MailPasswordChanged).Subject, "password", "what is not replaced is what came")
}

func TestALinkCarriesTheSecret(t *testing.T) {
	t.Parallel()
	texts := newTexts(t, func(c *mail.Config) {
		c.Links = map[string]string{"greeting": "https://acme.test/welcome?token={secret}&x=1"}
		c.Templates = fstest.MapFS{"en/greeting.txt": file("Hi\n\n{{.Link}}{{if not .Link}}none{{end}}")}
	})
	text, err := texts.Render(usermgmt.Message{Kind: "greeting"})
	require.NoError(t, err)
	assert.Equal(t, "none", text.Plain)
}

func TestWhatIsWrongWithTemplatesIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := mail.New(mail.Config{
		Links: map[string]string{"a": "http://acme.test/{secret}", "b": "https://acme.test/", "c": "javascript:{secret}", "d": "https://{secret}{secret}",
			"e": "http://localhost:8080/{secret}", "f": "https://acme.test/?t={secret}"},
		Templates: fstest.MapFS{
			"en/broken.txt": file("Subject\n\n{{.Open"), "en/naked.txt": file("no text"), "top.txt": file("a\n\nb"), "en/broken.html": file("{{end}}"),
			"fr/alone.txt": file("Sujet\n\nTexte"),
		},
	})
	require.Error(t, err)
	for _, want := range []string{"product", "link of a", "link of b", "link of c", "link of d", "en/broken.txt", "en/naked.txt", "top.txt", "en/broken.html", "no text for alone"} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "link of e")
	assert.NotContains(t, err.Error(), "link of f")
}

// A value that is not there, and a kind without a text, will never be sent.
func TestAMailThatCannotBeWrittenIsInvalid(t *testing.T) {
	t.Parallel()
	texts := newTexts(t, nil)
	_, err := texts.Render(usermgmt.Message{Kind: "no_such_kind"})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	_, err = texts.Render(usermgmt.Message{Kind: usermgmt.MailWelcome, Values: map[string]string{"other": "x"}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
}

// Whatever a value holds, the subject is one line and the HTML has no more tags.
func FuzzValuesStayValues(f *testing.F) {
	for _, s := range []string{"", "ann", "a\r\nBcc: eve@evil.test\r\n\r\n", "</p><script>", "{{.Secret}}", "\u2028x", "\xff"} {
		f.Add(s)
	}
	texts, err := mail.New(mail.Config{Product: "Acme", Templates: fstest.MapFS{
		"en/x.txt": file("Hi {{.Values.name}}\n\n{{.Values.name}}"), "en/x.html": file("<p>{{.Values.name}}</p>")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, err := texts.Render(usermgmt.Message{Kind: "x", Values: map[string]string{"name": value}})
		if err != nil {
			t.Skip()
		}
		if strings.ContainsFunc(text.Subject, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("subject %q", text.Subject)
		}
		if strings.Count(text.HTML, "<") != 2 || text.Plain != value {
			t.Errorf("text %q, HTML %q", text.Plain, text.HTML)
		}
	})
}
