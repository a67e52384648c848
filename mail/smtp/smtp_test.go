package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-sasl"
	server "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/mail"
	"github.com/usermgmt/usermgmt/mail/smtp"
)

// post is an SMTP server that remembers what it took.
type post struct {
	addr string
	pool *x509.CertPool

	mu     sync.Mutex
	taken  []letter
	refuse map[string]error // by recipient
}

type letter struct {
	user, from, to string
	tls            bool
	data           []byte
}

func (p *post) letters() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.taken...)
}

// certificate is one for 127.0.0.1, made for this test.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// newPost starts a server.
func newPost(t *testing.T, way smtp.TLS) *post {
	t.Helper()
	cert, pool := certificate(t)
	p := &post{pool: pool, refuse: map[string]error{}}
	s := server.NewServer(server.BackendFunc(func(c *server.Conn) (server.Session, error) {
		_, encrypted := c.TLSConnectionState()
		return &visit{post: p, letter: letter{tls: encrypted}}, nil
	}))
	s.Domain = "localhost"
	s.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.addr = listener.Addr().String()
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	switch way {
	case smtp.StartTLS:
		s.TLSConfig = cfg
	case smtp.Implicit:
		listener = tls.NewListener(listener, cfg)
	case smtp.None:
		s.AllowInsecureAuth = true
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		<-done
	})
	return p
}

type visit struct {
	*post
	letter letter
}

func (*visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "crm" || password != "correct" {
			return server.ErrAuthFailed
		}
		v.letter.user = username
		return nil
	}), nil
}

func (v *visit) Mail(from string, _ *server.MailOptions) error { v.letter.from = from; return nil }

func (v *visit) Rcpt(to string, _ *server.RcptOptions) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.letter.to = to
	return v.refuse[to]
}

func (v *visit) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.letter.data = data
	v.taken = append(v.taken, v.letter)
	return nil
}

func (*visit) Reset()        {}
func (*visit) Logout() error { return nil }

func texts(t testing.TB) *mail.Templates {
	t.Helper()
	out, err := mail.New(mail.Config{Product: "Acme", Templates: fstest.MapFS{
		"en/x.txt":  {Data: []byte("Grüße an {{.Values.name}}\n\nHello {{.Values.name}},\n.\nthe end")},
		"en/x.html": {Data: []byte("<p>Hello {{.Values.name}}</p>")},
	}})
	require.NoError(t, err)
	return out
}

func newMailer(t *testing.T, p *post, change func(*smtp.Config)) *smtp.Mailer {
	t.Helper()
	cfg := smtp.Config{Addr: p.addr, TLSConfig: &tls.Config{RootCAs: p.pool, MinVersion: tls.VersionTLS12},
		From: "Acme CRM <crm@acme.test>", Texts: texts(t), Timeout: 10 * time.Second, Hello: "localhost"}
	if change != nil {
		change(&cfg)
	}
	m, err := smtp.New(cfg)
	require.NoError(t, err)
	return m
}

func newMessage(to string) usermgmt.Message {
	return usermgmt.Message{ID: usermgmt.MessageID{1, 2, 3}, Kind: "x", To: to, Values: map[string]string{"name": "Änn"}, Attempts: 1}
}

func TestMailArrivesByEachWay(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]smtp.TLS{"STARTTLS": smtp.StartTLS, "implicit TLS": smtp.Implicit, "clear text on loopback": smtp.None} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, way)
			m := newMailer(t, p, func(c *smtp.Config) {
				c.TLS = way
				if way != smtp.None { // PLAIN shows the password, so it is for TLS only
					c.Username, c.Password = "crm", "correct"
				}
				c.ReplyTo = "help@acme.test"
			})
			require.NoError(t, m.Send(t.Context(), newMessage("ann@acme.test")))
			require.Len(t, p.letters(), 1)
			got := p.letters()[0]
			assert.Equal(t, way != smtp.None, got.tls)
			assert.Equal(t, map[bool]string{true: "crm"}[way != smtp.None], got.user)
			assert.Equal(t, "crm@acme.test", got.from)
			assert.Equal(t, "ann@acme.test", got.to)
			read, err := netmail.ReadMessage(bytes.NewReader(got.data))
			require.NoError(t, err)
			assert.Equal(t, "<01020300-0000-0000-0000-000000000000@acme.test>", read.Header.Get("Message-ID"))
			assert.Equal(t, "auto-generated", read.Header.Get("Auto-Submitted"))
			assert.Equal(t, "<help@acme.test>", read.Header.Get("Reply-To"))
			assert.Contains(t, read.Header.Get("Content-Type"), "multipart/alternative")
			body, err := io.ReadAll(read.Body)
			require.NoError(t, err)
			assert.Contains(t, string(body), "the end", "a line with a dot does not end the mail")
		})
	}
}

func TestWithoutEncryptionNothingIsSent(t *testing.T) {
	t.Parallel()
	p := newPost(t, smtp.None) // offers no STARTTLS
	m := newMailer(t, p, func(c *smtp.Config) { c.Username, c.Password = "crm", "correct" })
	require.ErrorContains(t, m.Send(t.Context(), newMessage("ann@acme.test")), "STARTTLS")
	assert.Empty(t, p.letters())

	p = newPost(t, smtp.StartTLS)
	m = newMailer(t, p, func(c *smtp.Config) { c.TLSConfig = nil }) // does not know the certificate
	err := m.Send(t.Context(), newMessage("ann@acme.test"))
	require.ErrorContains(t, err, "certificate")
	require.NotErrorIs(t, err, usermgmt.ErrInvalid, "to be tried again")
	assert.Empty(t, p.letters())

	p = newPost(t, smtp.None)
	m = newMailer(t, p, func(c *smtp.Config) { c.TLS, c.Username, c.Password = smtp.None, "crm", "correct" })
	require.Error(t, m.Send(t.Context(), newMessage("ann@acme.test")), "the password is not shown in clear text")
	assert.Empty(t, p.letters())
}

var permanent = &server.SMTPError{Code: 550, EnhancedCode: server.EnhancedCode{5, 1, 1}, Message: "no such user <gone@acme.test>"}

func TestAServerThatRefuses(t *testing.T) {
	t.Parallel()
	p := newPost(t, smtp.StartTLS)
	p.refuse["gone@acme.test"] = permanent
	p.refuse["busy@acme.test"] = &server.SMTPError{Code: 450, EnhancedCode: server.EnhancedCode{4, 2, 0}, Message: "greylisted"}
	m := newMailer(t, p, nil)
	err := m.Send(t.Context(), newMessage("gone@acme.test"))
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "for good")
	require.ErrorContains(t, err, "550")
	assert.NotContains(t, err.Error(), "gone@acme.test", "an error names nobody")
	err = m.Send(t.Context(), newMessage("busy@acme.test"))
	require.Error(t, err)
	require.NotErrorIs(t, err, usermgmt.ErrInvalid, "for now")
	require.ErrorContains(t, err, "greylisted")

	m = newMailer(t, p, func(c *smtp.Config) { c.Username, c.Password = "crm", "wrong" })
	err = m.Send(t.Context(), newMessage("ann@acme.test"))
	require.Error(t, err)
	require.NotErrorIs(t, err, usermgmt.ErrInvalid, "a wrong password of the sender's is no fault of the mail")
	assert.NotContains(t, err.Error(), "wrong")
	assert.Empty(t, p.letters())
}

// script is a server that says its lines, one for each line it is told, and then
// does what the test wants.
func script(t *testing.T, lines []string, then func(net.Conn)) *post {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close() //nolint:errcheck // the test is over
				r := bufio.NewReader(conn)
				for i, line := range lines {
					if i > 0 {
						if _, err := r.ReadString('\n'); err != nil {
							return
						}
					}
					if _, err := conn.Write([]byte(line + "\r\n")); err != nil {
						return
					}
				}
				for len(lines) == len(takes) { // the text
					line, err := r.ReadString('\n')
					if err != nil || line == ".\r\n" {
						break
					}
				}
				then(conn)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		wg.Wait()
	})
	return &post{addr: listener.Addr().String()}
}

var takes = []string{"220 ready", "250 localhost", "250 sender", "250 recipient", "354 go on"}

func TestAServerThatDiesAfterTheText(t *testing.T) {
	t.Parallel()
	p := script(t, takes, func(net.Conn) {})
	m := newMailer(t, p, func(c *smtp.Config) { c.TLS = smtp.None })
	err := m.Send(t.Context(), newMessage("ann@acme.test"))
	require.ErrorContains(t, err, "may have taken")
	require.NotErrorIs(t, err, usermgmt.ErrInvalid)
}

func TestAServerThatHangs(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{"at once": {}, "after the greeting": takes[:1], "after the text": takes} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := make(chan struct{})
			p := script(t, lines, func(net.Conn) { <-held })
			t.Cleanup(func() { close(held) })
			for _, end := range []string{"timeout", "context"} {
				m := newMailer(t, p, func(c *smtp.Config) {
					c.TLS = smtp.None
					if end == "timeout" {
						c.Timeout = 50 * time.Millisecond
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				if end == "context" {
					time.AfterFunc(50*time.Millisecond, cancel)
				}
				err := m.Send(ctx, newMessage("ann@acme.test"))
				cancel()
				require.Error(t, err)
				require.NotErrorIs(t, err, usermgmt.ErrInvalid)
			}
		})
	}
}

func TestWhatIsWrongWithTheConfigurationIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := smtp.New(smtp.Config{Addr: "mail.acme.test", TLS: smtp.None, Username: "crm", From: "nobody", ReplyTo: "x", Timeout: -1})
	require.Error(t, err)
	for _, want := range []string{"addr", "from", "reply to", "tls", "password", "timeout", "texts"} {
		assert.ErrorContains(t, err, want)
	}
}

// Whatever is in an address or a value, the mail has the headers that it should
// have and no others, and goes to one address.
func FuzzNothingIsInjected(f *testing.F) {
	for _, s := range []string{"ann@acme.test", "ann@acme.test\r\nBcc: eve@evil.test", "a, b@c.d", "<ann@acme.test>", "\x00@x.y", "ä@ö.de", `"a b"@c.d`} {
		f.Add(s, s)
	}
	all := texts(f)
	f.Fuzz(func(t *testing.T, to, name string) {
		if strings.ContainsAny(to, "\r\n") && func() bool { _, err := netmail.ParseAddress(to); return err == nil }() {
			t.Skip() // folded white space that the parser permits
		}
		m, err := smtp.New(smtp.Config{Addr: "127.0.0.1:25", TLS: smtp.None, From: "crm@acme.test", Texts: all})
		if err != nil {
			t.Fatal(err)
		}
		msg := newMessage(to)
		msg.Values["name"] = name
		data, err := smtp.Write(m, msg)
		if err != nil {
			if !errors.Is(err, usermgmt.ErrInvalid) {
				t.Errorf("%v", err)
			}
			return
		}
		read, err := netmail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		for key := range read.Header {
			if !strings.Contains(" Date From To Subject Message-Id Auto-Submitted Content-Type Mime-Version Content-Transfer-Encoding ", " "+key+" ") {
				t.Errorf("header %q", key)
			}
		}
		if list, err := read.Header.AddressList("To"); err != nil || len(list) != 1 {
			t.Errorf("to %v, %v", list, err)
		}
	})
}
