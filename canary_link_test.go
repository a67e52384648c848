package usermgmt_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// mailed delivers the outbox and plants every secret that comes with a mail.
func (n *nest) mailed(kind string) string {
	list := delivered(n.t, n.Env, kind)
	for _, m := range n.Mail.Sent() {
		if !m.Secret.IsZero() {
			n.secret("secret of a mail "+m.Kind, m.Secret.Reveal())
			n.out("mail with a secret", m, &m, m.Secret)
		}
	}
	require.NotEmpty(n.t, list, kind)
	return list[len(list)-1].Secret.Reveal()
}

// links resets, invites and confirms, well and badly.
func (n *nest) links(ctx context.Context) {
	bob := n.AddUser("benno", func(u *usermgmt.NewUser) {
		u.Username, u.Email, u.Emails = "benno", "benno@links.test", []string{"private@links.test"}
	})
	redeem := func(what, token, password, confirm string) {
		n.out("Passwords.Redeem "+what, n.Passwords().Redeem(ctx, usermgmt.Redemption{Token: token, New: password, Confirm: confirm, Origin: here}))
	}
	require.NoError(n.t, n.Passwords().Reset(ctx, n.Root(), bob.ID))
	link := n.mailed(usermgmt.MailReset)
	n.secret("a cut link", link[:len(link)-1])
	redeem("cut", link[:len(link)-1], n.password("a cut link"), "")
	redeem("bad password", link, n.secret("bob in it", "benno@links.test Xy81 plus"), "")
	redeem("mismatch", link, n.password("a link"), n.password("a link's confirmation"))
	redeem("good", link, n.password("bob's new"), "")
	redeem("again", link, n.password("bob's second"), "")
	rows, err := n.Passwords().ResetMany(ctx, n.Root(), []usermgmt.UserID{bob.ID, {1}})
	n.out("Passwords.ResetMany", rows, err)
	redeem("many", n.mailed(usermgmt.MailReset), n.password("bob's third"), "")
	n.Clock.Advance(time.Hour)
	for _, name := range []string{"benno", n.password("typed as a forgotten name")} {
		n.out("Passwords.Forgot", n.Passwords().Forgot(ctx, name, here))
	}
	last := n.password("bob's fourth")
	redeem("forgotten", n.mailed(usermgmt.MailForgotten), last, "")

	a := n.As(bob.ID)
	for what, c := range map[string]usermgmt.EmailChange{
		"wrong": {Email: "new@links.test", Password: n.password("a wrong one for an address")},
		"bad":   {Email: n.secret("typed as an address", "no address Qx71-Zt"), Password: last},
		"good":  {Email: "new@links.test", Password: last},
	} {
		n.out("Users.ChangeEmail "+what, n.Users().ChangeEmail(ctx, a, c))
	}
	token := n.mailed(usermgmt.MailEmail)
	n.out("Users.ConfirmEmail", n.Users().ConfirmEmail(ctx, token, here), n.Users().ConfirmEmail(ctx, token, here))
	n.out("Users.VerifyEmail", n.Users().VerifyEmail(ctx, a, "private@links.test"))
	n.out("Users.ConfirmEmail", n.Users().ConfirmEmail(ctx, n.mailed(usermgmt.MailEmail), here))

	invited, err := n.Invitations().Send(ctx, n.Root(), invitationTo(n.Env, "carl@links.test"))
	n.out("Invitations.Send", invited, err)
	token = n.mailed(usermgmt.MailJoin)
	joined, err := n.Invitations().Accept(ctx, a, usermgmt.Acceptance{Token: token})
	n.out("Invitations.Accept", joined, err)
	for _, password := range []string{n.secret("too short", "Qv7-Xp2-Kd9-Q"), n.password("carl")} {
		r := registration(token, "carl")
		r.Password = password
		u, err := n.Invitations().Register(ctx, r)
		n.out("Invitations.Register", u, err)
	}
	page, err := n.Invitations().List(ctx, n.Root(), usermgmt.InvitationQuery{})
	n.out("Invitations.List", page, err)
	got, err := n.Invitations().Get(ctx, n.Root(), invited.ID)
	n.out("Invitations.Get", got, err)
	n.out("Invitations.Resend", n.Invitations().Resend(ctx, n.Root(), invited.ID), n.Invitations().Revoke(ctx, n.Root(), invited.ID))
	for _, key := range []string{"reset " + bob.ID.String(), "join " + invited.ID.String()} {
		t, err := n.Store.TokenByKey(ctx, key)
		n.out("a stored token", t, err)
	}
	n.out("Users.Invite", n.Users().Invite(ctx, n.Root(), bob.ID))
	n.temporary(ctx)
}

// temporary resets by a temporary password.
func (n *nest) temporary(ctx context.Context) {
	policy := usermgmt.PolicyAgileApps()
	org, err := n.Orgs().Get(ctx, n.Root(), n.Organization.ID)
	require.NoError(n.t, err)
	_, err = n.Orgs().Update(ctx, n.Root(), org.ID, org.Version, usermgmt.OrganizationUpdate{Policy: ptr(&policy)})
	require.NoError(n.t, err)
	dora := n.AddUser("dora", nil)
	require.NoError(n.t, n.Passwords().Reset(ctx, n.Root(), dora.ID))
	text := n.mailed(usermgmt.MailTemporary)
	for range 2 {
		r, err := login(n.Env, n.t, "dora", text)
		n.result("Auth.Login with a temporary password", r, err)
	}
	acc, err := n.Store.AccountByID(ctx, dora.ID)
	n.out("the account", acc.Credential.TemporaryUntil, acc.Login, err)
}
