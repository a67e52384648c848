package usermgmt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func changeEmail(e *usermgmttest.Env, t *testing.T, a usermgmt.Actor, email string) error {
	t.Helper()
	return e.Users().ChangeEmail(t.Context(), a, usermgmt.EmailChange{Email: email, Password: usermgmttest.Password})
}

func TestANewAddressWaitsUntilItIsConfirmed(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	session := e.Login("ann")
	require.NoError(t, changeEmail(e, t, session.Actor, "Ann.New@acme.test"))
	u, err := e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, "ann@acme.test", u.Email)
	_, err = login(e, t, "ann.new@acme.test", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "pending")
	before := len(e.Mail.Sent())
	link := delivered(t, e, usermgmt.MailEmail)
	require.Len(t, link, 1)
	assert.Equal(t, "Ann.New@acme.test", link[0].To)
	var old []string
	for _, m := range e.Mail.Sent()[before:] {
		if m.Kind == usermgmt.MailEmailRequested {
			old = append(old, m.To)
		}
	}
	assert.Equal(t, []string{"ann@acme.test"}, old, "the old address is told at once")

	require.NoError(t, e.Users().ConfirmEmail(ctx, link[0].Secret.Reveal(), here))
	u, err = e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, "Ann.New@acme.test", u.Email)
	assert.Equal(t, []string{u.EmailKey}, u.VerifiedEmails)
	var told []string
	for _, m := range delivered(t, e, usermgmt.MailLoginChanged) {
		told = append(told, m.To)
	}
	assert.ElementsMatch(t, []string{"ann@acme.test", "Ann.New@acme.test"}, told)
	_, err = login(e, t, "ANN.new@acme.test", usermgmttest.Password)
	require.NoError(t, err)
	_, err = e.Auth().Session(ctx, session.Token.Reveal(), here)
	require.NoError(t, err, "sessions go on")
	isBadLink(t, e.Users().ConfirmEmail(ctx, link[0].Secret.Reveal(), here), "works once")
	isBadLink(t, redeem(e, t, link[0].Secret.Reveal(), freshPassword), "for its purpose only")
}

func TestAnAddressIsChangedByItsOwnerWithThePasswordOnly(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	a := e.As(ann.ID)
	err := e.Users().ChangeEmail(ctx, a, usermgmt.EmailChange{Email: "new@acme.test", Password: "wrong"})
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	acc, err := e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, acc.Login.Failures, "counts like a login")
	for rule, email := range map[string]string{"email format": "no address", "email same": "ANN@acme.test"} {
		assert.Equal(t, []string{rule}, broken(changeEmail(e, t, a, email)))
	}
	acc, err = e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, acc.Login.Failures, "what cannot be is told before the password is judged")
	require.NoError(t, changeEmail(e, t, a, "new@acme.test"))
	acc, err = e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Zero(t, acc.Login.Failures)
	require.ErrorIs(t, changeEmail(e, t, a, "newer@acme.test"), usermgmt.ErrLimit, "one mail in an interval")
	e.Clock.Advance(5 * time.Minute)
	require.NoError(t, changeEmail(e, t, e.As(ann.ID), "newer@acme.test"))
	list := delivered(t, e, usermgmt.MailEmail)
	require.Len(t, list, 1, "the newer request replaces the older")
	assert.Equal(t, "newer@acme.test", list[0].To)

	root, err := e.Users().Get(ctx, e.Root(), e.Administrator.ID)
	require.NoError(t, err)
	_, err = e.Users().Update(ctx, e.Root(), root.ID, root.Version, usermgmt.UserUpdate{Email: ptr("other@acme.test")})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "an administrator's own address too")
	assert.Equal(t, "unconfirmed", ruleIn(err))
}

func TestOnlyWhoReadsTheMailLearnsThatAnAddressIsTaken(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	e.AddUser("bob", nil)
	require.NoError(t, changeEmail(e, t, e.As(ann.ID), "bob@acme.test"))
	token := secretOf(t, e, usermgmt.MailEmail)
	err := e.Users().ConfirmEmail(ctx, token, here)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, []string{"email taken"}, broken(err))
	u, err := e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, "ann@acme.test", u.Email)
}

func TestAFurtherAddressIsVerifiedAndBecomesThePrimaryOne(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Emails = []string{"Private@ann.test", "work@ann.test"} })
	a := e.As(ann.ID)
	require.NoError(t, e.Users().VerifyEmail(ctx, a, "private@ANN.test"))
	require.ErrorIs(t, e.Users().VerifyEmail(ctx, a, "private@ann.test"), usermgmt.ErrLimit)
	require.NoError(t, e.Users().VerifyEmail(ctx, a, "work@ann.test"), "each address by itself")
	assert.Equal(t, []string{"email unknown"}, broken(e.Users().VerifyEmail(ctx, a, "bob@ann.test")))
	list := delivered(t, e, usermgmt.MailEmail)
	require.Len(t, list, 2)
	require.NoError(t, e.Users().ConfirmEmail(ctx, list[0].Secret.Reveal(), here))
	u, err := e.Users().Get(ctx, a, ann.ID)
	require.NoError(t, err)
	assert.Equal(t, []string{"private@ann.test"}, u.VerifiedEmails)
	assert.Equal(t, "ann@acme.test", u.Email)
	require.NoError(t, e.Users().VerifyEmail(ctx, a, "private@ann.test"), "verified already: nothing to do")

	require.NoError(t, changeEmail(e, t, a, "private@ann.test"))
	u, err = e.Users().Get(ctx, a, ann.ID)
	require.NoError(t, err)
	assert.Equal(t, "private@ann.test", u.Email, "at once")
	assert.Equal(t, []string{"work@ann.test", "ann@acme.test"}, u.Emails, "they change places")
	isBadLink(t, e.Users().ConfirmEmail(ctx, list[1].Secret.Reveal(), here), "the primary address changed since")

	u, err = e.Users().Update(ctx, a, u.ID, u.Version, usermgmt.UserUpdate{Emails: &[]string{"work@ann.test"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"private@ann.test"}, u.VerifiedEmails)
	u, err = e.Users().Update(ctx, e.Root(), u.ID, u.Version, usermgmt.UserUpdate{Email: ptr("given@acme.test")})
	require.NoError(t, err)
	assert.Empty(t, u.VerifiedEmails, "what an administrator types is verified by nobody")
	u, err = e.Users().Update(ctx, e.Root(), u.ID, u.Version, usermgmt.UserUpdate{Email: ptr("private@ann.test")})
	require.NoError(t, err)
	assert.Empty(t, u.VerifiedEmails, "an address that went took it along")
}

func TestADirectoryOwnsItsUsers(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Directories: []string{"ldap"}})
	ctx := t.Context()
	system, err := e.SystemActor("directory", e.Organization.ID, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
	require.NoError(t, err)
	n := newcomer(e, "dir", "dir@acme.test")
	n.Source, n.ExternalID = "ldap", "cn=dir"
	_, err = e.Users().Create(ctx, e.Root(), n)
	assert.Equal(t, []string{"source directory"}, broken(err), "only the directory makes them")
	withPassword := n
	withPassword.Password = freshPassword
	_, err = e.Users().Create(ctx, system, withPassword)
	assert.Equal(t, []string{"password directory"}, broken(err))
	dir, err := e.Users().Create(ctx, system, n)
	require.NoError(t, err)

	refused := func(what string, err error) {
		t.Helper()
		require.ErrorIs(t, err, usermgmt.ErrConflict, what)
		assert.Equal(t, "directory", ruleIn(err), what)
	}
	refused("set", e.Passwords().Set(ctx, e.Root(), dir.ID, freshPassword, "", false))
	refused("reset", e.Passwords().Reset(ctx, e.Root(), dir.ID))
	refused("invite", e.Users().Invite(ctx, e.Root(), dir.ID))
	refused("e-mail", changeEmail(e, t, e.As(dir.ID), "new@acme.test"))
	_, err = e.Passwords().Change(ctx, e.As(dir.ID), usermgmt.PasswordChange{Current: "x", New: freshPassword})
	refused("change", err)
	for what, c := range map[string]usermgmt.UserUpdate{
		"name": {FirstName: ptr("New")}, "login name": {Username: ptr("new")}, "phone": {Phone: ptr("1")}, "source": {Source: ptr(""), ExternalID: ptr("")},
	} {
		_, err := e.Users().Update(ctx, e.Root(), dir.ID, dir.Version, c)
		refused(what, err)
		_, err = e.Users().Update(ctx, e.As(dir.ID), dir.ID, dir.Version, usermgmt.UserUpdate{Phone: ptr("1")})
		refused("own "+what, err)
	}
	ann := e.AddUser("ann", nil)
	_, err = e.Users().Update(ctx, e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{Source: ptr("ldap"), ExternalID: ptr("cn=ann")})
	refused("putting somebody under it", err)
	got, err := e.Users().Update(ctx, system, dir.ID, dir.Version, usermgmt.UserUpdate{FirstName: ptr("New")})
	require.NoError(t, err, "a system actor writes for the directory")
	assert.Equal(t, "New", got.FirstName)

	mem, err := e.Members().Get(ctx, e.Root(), dir.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	team := e.AddTeam("more", e.RootTeam.ID)
	_, err = e.Members().Update(ctx, e.Root(), dir.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{PrimaryTeam: &team.ID})
	require.NoError(t, err, "teams and roles are open")
	opt := usermgmt.ImportOptions{Mode: usermgmt.ImportUpdate, DefaultUnit: e.MainUnit.ID}
	for what, file := range map[string]string{
		"phone":    "username,phone\ndir,123\n",
		"password": "username,password\ndir,$6$rounds=5000$saltsalt$" + strings.Repeat("A", 86) + "\n",
	} {
		r, err := e.Imports().Users(ctx, e.Root(), strings.NewReader(file), opt)
		require.NoError(t, err)
		require.Len(t, r.Problems, 1, what)
		refused("import of a "+what, r.Problems[0])
	}
	refused("break glass", e.BreakGlass(ctx, "locked out", dir.ID, freshPassword))
	require.NoError(t, e.Users().Disable(ctx, e.Root(), dir.ID), "and so is the switch")

	// A local password from before counts for nothing once a directory has the user.
	u, err := e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	_, err = e.Users().Update(ctx, system, ann.ID, u.Version, usermgmt.UserUpdate{Source: ptr("ldap"), ExternalID: ptr("cn=ann")})
	require.NoError(t, err)
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	require.NoError(t, e.Passwords().Forgot(ctx, "ann", here))
	assert.Empty(t, delivered(t, e, usermgmt.MailForgotten))
}
