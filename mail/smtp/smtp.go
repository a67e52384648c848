// Package smtp sends the library's mail by SMTP (RFC 5321), as a
// [usermgmt.Mailer].
//
//	mailer, err := smtp.New(smtp.Config{
//		Addr: "mail.acme.example:587", Username: "crm", Password: password,
//		From: "Acme CRM <crm@acme.example>", Texts: texts, // of package mail
//	})
//	m, err := usermgmt.New(store, &usermgmt.Config{Mailer: mailer})
//
// Every mail is a connection of its own, encrypted unless the server is on the
// same machine.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/usermgmt/usermgmt"
	texts "github.com/usermgmt/usermgmt/mail"
)

// TLS says how a connection is encrypted.
type TLS uint8

// The ways. The zero TLS is StartTLS.
const (
	// StartTLS begins in clear text and goes on encrypted (RFC 3207), before
	// anything of a mail or a password is said. A server that does not offer it is
	// refused.
	StartTLS TLS = iota
	// Implicit is encrypted from the first byte (RFC 8314), usually on port 465.
	Implicit
	// None is clear text, for servers on the loopback interface only.
	None
)

// Config says which server sends the mail, and as whom.
type Config struct {
	// Addr is the server's host and port. Required.
	Addr string
	// TLS defaults to StartTLS.
	TLS TLS
	// TLSConfig is used for the connection, with the server's name filled in.
	// Defaults to the system's certificates and TLS 1.2 or newer.
	TLSConfig *tls.Config
	// Username and Password log in to the server by the strongest mechanism that it
	// offers; over clear text only by ones that do not show the password. Defaults
	// to not logging in.
	Username, Password string
	// From is the sender, as in "Acme CRM <crm@acme.example>". Required.
	From string
	// ReplyTo is where answers go. Defaults to none: to the sender.
	ReplyTo string
	// Hello is the name that the client gives itself. Defaults to the machine's.
	Hello string
	// Timeout is for one mail, from dialling to the server's last word. Defaults to
	// 30 seconds.
	Timeout time.Duration
	// Texts makes the texts. Required.
	Texts *texts.Templates
	// Now dates the mails. Defaults to time.Now.
	Now func() time.Time
}

// Mailer sends mail by SMTP. It is safe for concurrent use.
type Mailer struct {
	cfg    Config
	host   string
	port   int
	domain string // of the sender
}

// New returns a Mailer. It connects to nothing yet. Every problem is reported.
func New(cfg Config) (*Mailer, error) {
	m := &Mailer{cfg: cfg}
	var errs []error
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err == nil {
		m.host = host
		m.port, err = strconv.Atoi(port)
	}
	if err != nil || host == "" || m.port < 1 || m.port > 65535 {
		errs = append(errs, errors.New("smtp: addr: want host:port"))
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		errs = append(errs, errors.New("smtp: from: want an address, as in Name <name@host>"))
	} else {
		_, m.domain, _ = strings.Cut(from.Address, "@")
	}
	if cfg.ReplyTo != "" {
		if _, err := mail.ParseAddress(cfg.ReplyTo); err != nil {
			errs = append(errs, errors.New("smtp: reply to: want an address"))
		}
	}
	switch {
	case cfg.TLS > None:
		errs = append(errs, errors.New("smtp: tls: want one of the ways"))
	case cfg.TLS == None && !loopback(host):
		errs = append(errs, errors.New("smtp: tls: none is for a server on the same machine"))
	}
	if (cfg.Username == "") != (cfg.Password == "") {
		errs = append(errs, errors.New("smtp: username and password come together"))
	}
	if m.cfg.Timeout == 0 {
		m.cfg.Timeout = 30 * time.Second
	}
	if m.cfg.Timeout < 0 {
		errs = append(errs, errors.New("smtp: timeout: want more than 0"))
	}
	if cfg.Texts == nil {
		errs = append(errs, errors.New("smtp: texts: required"))
	}
	if m.cfg.Now == nil {
		m.cfg.Now = time.Now
	}
	if m.cfg.TLSConfig == nil {
		m.cfg.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	m.cfg.TLSConfig = m.cfg.TLSConfig.Clone()
	if m.cfg.TLSConfig.ServerName == "" {
		m.cfg.TLSConfig.ServerName = host
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send implements [usermgmt.Mailer]. A mail that is sent twice has the same
// Message-ID, by which readers know that it is one, unless it carries a secret:
// each try has a secret of its own.
//
// An error of the network, or one that the server calls temporary, comes back as
// it is, to be tried again; one that the server calls permanent, and a mail that
// cannot be written, match [usermgmt.ErrInvalid]. If the connection broke after
// the text was handed over, nobody knows whether the server took it; the error
// says so, and trying again may make it arrive twice. Errors do not hold the
// address.
func (m *Mailer) Send(ctx context.Context, msg usermgmt.Message) error {
	out, err := m.write(msg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	if err := m.transmit(ctx, out); err != nil {
		return m.explain(ctx, err, msg.To)
	}
	return nil
}

// write makes the mail of a message.
func (m *Mailer) write(msg usermgmt.Message) (*gomail.Msg, error) {
	text, err := m.cfg.Texts.Render(msg)
	if err != nil {
		return nil, err
	}
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	errs := []error{out.From(m.cfg.From), out.To(msg.To)}
	if m.cfg.ReplyTo != "" {
		errs = append(errs, out.ReplyTo(m.cfg.ReplyTo))
	}
	out.Subject(text.Subject)
	out.SetDateWithValue(m.cfg.Now())
	id := msg.ID.String()
	if !msg.Secret.IsZero() {
		id += "." + strconv.Itoa(msg.Attempts)
	}
	out.SetMessageIDWithValue(id + "@" + m.domain)
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers
	out.SetBodyString(gomail.TypeTextPlain, text.Plain)
	if text.HTML != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, text.HTML)
	}
	if errors.Join(errs...) != nil {
		return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "to", Rule: "address", Detail: "cannot be written as a mail"}
	}
	return out, nil
}

// transmit sends the mail over a connection of its own, which is closed when ctx
// ends, whatever the server is at.
func (m *Mailer) transmit(ctx context.Context, out *gomail.Msg) error {
	closed := func() {}
	defer func() { closed() }()
	options := []gomail.Option{
		gomail.WithPort(m.port), gomail.WithTimeout(m.cfg.Timeout), gomail.WithTLSConfig(m.cfg.TLSConfig),
		gomail.WithTLSPolicy(policies[m.cfg.TLS]), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(dialing context.Context, network, addr string) (net.Conn, error) {
			conn, err := m.dial(dialing, network, addr)
			if err == nil {
				stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
				closed = func() {
					stop()
					_ = conn.Close() // what mattered has been said
				}
			}
			return conn, err
		}),
	}
	if m.cfg.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(m.cfg.Username), gomail.WithPassword(m.cfg.Password))
	}
	if m.cfg.Hello != "" {
		options = append(options, gomail.WithHELO(m.cfg.Hello))
	}
	client, err := gomail.NewClient(m.host, options...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if err := client.SendWithSMTPClient(session, out); err != nil {
		return err
	}
	_ = client.CloseWithSMTPClient(session) // the mail is accepted, whatever becomes of the goodbye
	return nil
}

// policies are the ways as the client knows them. A connection of TLS from the
// first byte is there when the client gets it.
var policies = [...]gomail.TLSPolicy{StartTLS: gomail.TLSMandatory, Implicit: gomail.TLSOpportunistic, None: gomail.NoTLS}

func (m *Mailer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{}
	if m.cfg.TLS == Implicit {
		return (&tls.Dialer{NetDialer: dialer, Config: m.cfg.TLSConfig}).DialContext(ctx, network, addr)
	}
	return dialer.DialContext(ctx, network, addr)
}

// explain is err without the address, and of a kind that tells whether trying
// again makes sense.
func (m *Mailer) explain(ctx context.Context, err error, to string) error {
	said := strings.ReplaceAll(err.Error(), to, "<address>")
	var sent *gomail.SendError
	switch {
	case !errors.As(err, &sent):
		return fmt.Errorf("smtp: %s%s", said, ended(ctx))
	case sent.ErrorCode() >= 500:
		return &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "to", Rule: "refused", Detail: "smtp: " + said}
	case sent.Reason == gomail.ErrSMTPDataClose && sent.ErrorCode() == 0:
		return fmt.Errorf("smtp: the connection broke after the text, which the server may have taken: %s%s", said, ended(ctx))
	}
	return fmt.Errorf("smtp: %s%s", said, ended(ctx))
}

func ended(ctx context.Context) string {
	if err := ctx.Err(); err != nil {
		return " (" + err.Error() + ")"
	}
	return ""
}
