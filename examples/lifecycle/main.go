// Lifecycle follows one person through a company: invited by mail, a password and
// a second factor of the own, a forgotten password, the day of leaving, and
// erasure, after which the sealed audit log still verifies. Mails are printed
// instead of sent.
//
//	go run ./examples/lifecycle
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/mail"
	"github.com/usermgmt/usermgmt/store/memory"
)

const (
	rootPassword = "correct horse battery staple"
	firstOwn     = "seven quiet lamps by the river"
	secondOwn    = "eight quiet lamps by the river"
)

func main() {
	if err := run(context.Background(), os.Stdout, memory.New(), time.Now); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// letterbox is a mailer that prints, and keeps the last secret as its reader would.
type letterbox struct {
	out    io.Writer
	texts  *mail.Templates
	secret string
}

// Send implements [usermgmt.Mailer].
func (b *letterbox) Send(_ context.Context, m usermgmt.Message) error {
	text, err := b.texts.Render(m)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "   mail to %s: %s\n", m.To, text.Subject)
	if !m.Secret.IsZero() {
		b.secret = m.Secret.Reveal()
	}
	return nil
}

// story is what its chapters share.
type story struct {
	ctx   context.Context
	out   io.Writer
	now   func() time.Time
	m     *usermgmt.Manager
	box   *letterbox
	first *usermgmt.Bootstrapped
	ann   *usermgmt.User
	seed  string // of Ann's authenticator
}

func run(ctx context.Context, out io.Writer, store usermgmt.Store, now func() time.Time) error {
	const here = "https://crm.acme.example/"
	texts, err := mail.New(mail.Config{Product: "Acme CRM", Links: map[string]string{
		usermgmt.MailInvitation: here + "welcome?token={secret}", usermgmt.MailForgotten: here + "reset?token={secret}",
	}})
	if err != nil {
		return err
	}
	s := &story{ctx: ctx, out: out, now: now, box: &letterbox{out: out, texts: texts}}
	s.m, err = usermgmt.New(store, &usermgmt.Config{
		Mailer: s.box, Now: now,
		EncryptionKeys: [][]byte{[]byte("an example's 32 bytes, no secret")},
		Fields: []usermgmt.CustomField{{Name: "desk", Label: "Desk", Type: usermgmt.FieldText, Pattern: `[A-Z]-\d{3}`,
			Own: true, Searchable: true, Exportable: true}},
		// A host's own rule, asked inside the transaction.
		Hooks: []usermgmt.Hook{{Name: "work_hours", Verbs: []string{"user.erase"}, Before: func(context.Context, usermgmt.Change) error {
			fmt.Fprintln(out, "   the host's hook is asked, and permits it")
			return nil
		}}},
	})
	if err != nil {
		return err
	}
	for _, chapter := range []func() error{s.begin, s.invite, s.factor, s.forget, s.leave, s.verify} {
		if err := chapter(); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) title(text string) { fmt.Fprintf(s.out, "\n%s\n", text) }

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, "   "+format+"\n", args...) }

// work does what a host runs in the background.
func (s *story) work() error {
	_, err := s.m.RunOnce(s.ctx)
	return err
}

// root is the administrator, logged in afresh as for each day's work.
func (s *story) root() (usermgmt.Actor, error) {
	login, err := s.m.Auth().Login(s.ctx, usermgmt.LoginRequest{Name: "root", Password: rootPassword})
	if err != nil {
		return usermgmt.Actor{}, err
	}
	return login.Actor, nil
}

func (s *story) begin() (err error) {
	s.first, err = s.m.Bootstrap(s.ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.example", FirstName: "Ruth", LastName: "Root",
			Password: rootPassword},
	})
	return err
}
