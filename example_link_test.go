package usermgmt_test

import (
	"context"
	"fmt"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// postman stands for what sends mail. It alone sees the secret of a link.
type postman struct{ last usermgmt.Message }

func (p *postman) Send(_ context.Context, m usermgmt.Message) error {
	p.last = m
	return nil
}

// Somebody who has forgotten the password is mailed a link, whose secret is drawn
// when the mail is delivered and works once.
func ExamplePasswords_Forgot() {
	ctx := context.Background()
	mail := &postman{}
	m, err := usermgmt.New(memory.New(), &usermgmt.Config{Mailer: mail})
	if err != nil {
		panic(err)
	}
	_, err = m.Bootstrap(ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.example", FirstName: "Ruth", LastName: "Root",
			Password: "correct horse battery staple"},
	})
	if err != nil {
		panic(err)
	}

	// The answer is the same for a name that nobody has.
	fmt.Println(m.Passwords().Forgot(ctx, "root@acme.example", usermgmt.Origin{Address: "192.0.2.1"}))
	if _, err := m.Deliver(ctx, 10); err != nil { // or Manager.Run
		panic(err)
	}
	fmt.Println(mail.last.To, mail.last.Kind, mail.last.Secret)

	redemption := usermgmt.Redemption{Token: mail.last.Secret.Reveal(), New: "new horse battery staple 7"}
	fmt.Println(m.Passwords().Redeem(ctx, redemption))
	fmt.Println(usermgmt.UserMessage(m.Passwords().Redeem(ctx, redemption)))
	// Output:
	// <nil>
	// root@acme.example password_forgotten [secret]
	// <nil>
	// This link is not good any more. Please ask for a new one.
}
