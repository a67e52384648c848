package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

const freshPassword = "Another-Long-7-Phrase"

// delivered delivers all mail and returns the messages of a kind that were sent
// by this call, oldest first.
func delivered(t *testing.T, e *usermgmttest.Env, kind string) []usermgmt.Message {
	t.Helper()
	before := len(e.Mail.Sent())
	for {
		d, err := e.Deliver(t.Context(), 1000)
		require.NoError(t, err)
		if d.Sent+d.Failed+d.Dead+d.Withdrawn == 0 {
			break
		}
	}
	var out []usermgmt.Message
	for _, m := range e.Mail.Sent()[before:] {
		if m.Kind == kind {
			out = append(out, m)
		}
	}
	return out
}

// secretOf is the secret of the one mail of a kind that is delivered now.
func secretOf(t *testing.T, e *usermgmttest.Env, kind string) string {
	t.Helper()
	list := delivered(t, e, kind)
	require.Len(t, list, 1, kind)
	require.False(t, list[0].Secret.IsZero(), "the mailer gets the secret")
	return list[0].Secret.Reveal()
}

func redeem(e *usermgmttest.Env, t *testing.T, token, password string) error {
	t.Helper()
	return e.Passwords().Redeem(t.Context(), usermgmt.Redemption{Token: token, New: password, Origin: here})
}

func policyWith(change func(*usermgmt.Policy)) *usermgmt.Config {
	p := usermgmt.PolicyNIST()
	change(&p)
	return &usermgmt.Config{Policy: &p}
}

func statusOf(t *testing.T, e *usermgmttest.Env, id usermgmt.UserID) usermgmt.AuthStatus {
	t.Helper()
	s, _, err := e.Users().Status(t.Context(), e.Root(), id)
	require.NoError(t, err)
	return s
}

// isBadLink asserts the one answer that every link gets which is no good.
func isBadLink(t *testing.T, err error, what string) {
	t.Helper()
	require.ErrorIs(t, err, usermgmt.ErrCredentials, what)
	assert.Equal(t, []string{"token link"}, broken(err), what)
	assert.Contains(t, usermgmt.UserMessage(err), "link", what)
}

func TestAResetStopsTheOldPasswordAtOnceAndTheLinkSetsANewOne(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Emails = []string{"private@ann.test"} })
	session := e.Login("ann")
	require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
	assert.Equal(t, usermgmt.StatusPasswordReset, statusOf(t, e, ann.ID))
	_, err := e.Auth().Session(ctx, session.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "sessions end")
	_, err = login(e, t, "ann", usermgmttest.Password)
	assert.Equal(t, "password_reset", ruleIn(err), "the old password is told why, and lets nobody in")

	token := secretOf(t, e, usermgmt.MailReset)
	require.NoError(t, redeem(e, t, token, freshPassword))
	assert.Equal(t, usermgmt.StatusActive, statusOf(t, e, ann.ID))
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	_, err = login(e, t, "ann", freshPassword)
	require.NoError(t, err)
	isBadLink(t, redeem(e, t, token, freshPassword+"2"), "works once")

	var told []string
	for _, m := range delivered(t, e, usermgmt.MailPasswordChanged) {
		told = append(told, m.To)
	}
	assert.ElementsMatch(t, []string{"ann@acme.test", "private@ann.test"}, told, "every address is told")
	u, err := e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, []string{"ann@acme.test"}, u.VerifiedEmails)
	entries := auditOf(t, e, "password.redeem")
	require.Len(t, entries, 2)
	assert.Equal(t, usermgmt.DoorLink, entries[1].Door)
	assert.Equal(t, ann.ID, entries[1].Subject)
	assert.Equal(t, usermgmt.OutcomeRefused, entries[0].Outcome)
}

func TestALinkIsGoodUntilItsLastMoment(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]time.Duration{"before": -time.Microsecond, "at": 0, "after": time.Nanosecond + time.Microsecond} {
		e := usermgmttest.NewOn(t, teststores.New(t), nil)
		ann := e.AddUser("ann", nil)
		require.NoError(t, e.Passwords().Reset(t.Context(), e.Root(), ann.ID))
		token := secretOf(t, e, usermgmt.MailReset)
		e.Clock.Advance(24*time.Hour + good)
		err := redeem(e, t, token, freshPassword)
		if good < 0 {
			require.NoError(t, err, name)
		} else {
			isBadLink(t, err, name)
		}
	}
}

func TestWhateverChangesAboutAUserKillsTheLinks(t *testing.T) {
	t.Parallel()
	type env = *usermgmttest.Env
	update := func(c usermgmt.UserUpdate) func(env, *usermgmt.User, context.Context) error {
		return func(e env, u *usermgmt.User, ctx context.Context) error {
			now, err := e.Users().Get(ctx, e.Root(), u.ID)
			if err == nil {
				_, err = e.Users().Update(ctx, e.Root(), u.ID, now.Version, c)
			}
			return err
		}
	}
	for what, change := range map[string]func(env, *usermgmt.User, context.Context) error{
		"username": update(usermgmt.UserUpdate{Username: ptr("anna")}),
		"e-mail":   update(usermgmt.UserUpdate{Email: ptr("anna@acme.test")}),
		"password": func(e env, u *usermgmt.User, ctx context.Context) error {
			return e.Passwords().Set(ctx, e.Root(), u.ID, freshPassword, "", false)
		},
		"disabled": func(e env, u *usermgmt.User, ctx context.Context) error {
			return e.Users().Disable(ctx, e.Root(), u.ID)
		},
		"deactivated": func(e env, u *usermgmt.User, ctx context.Context) error {
			return e.Users().Deactivate(ctx, e.Root(), u.ID, usermgmt.DeactivateOptions{})
		},
		"another reset": func(e env, u *usermgmt.User, ctx context.Context) error {
			return e.Passwords().Reset(ctx, e.Root(), u.ID)
		},
		"disabled and enabled again": func(e env, u *usermgmt.User, ctx context.Context) error {
			return errors.Join(e.Users().Disable(ctx, e.Root(), u.ID), e.Users().Enable(ctx, e.Root(), u.ID))
		},
	} {
		for _, early := range []bool{false, true} {
			e := usermgmttest.NewOn(t, teststores.New(t), nil)
			ann := e.AddUser("ann", nil)
			require.NoError(t, e.Passwords().Forgot(t.Context(), "ann", here), what)
			if early { // before the mail goes out, the mail does not go out
				require.NoError(t, change(e, ann, t.Context()), what)
				assert.Empty(t, delivered(t, e, usermgmt.MailForgotten), what)
				continue
			}
			token := secretOf(t, e, usermgmt.MailForgotten)
			require.NoError(t, change(e, ann, t.Context()), what)
			isBadLink(t, redeem(e, t, token, freshPassword+"2"), what)
		}
	}
}

func TestAnInvitationDiesByALoginToo(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil) // with a password, and never logged in
	require.NoError(t, e.Users().Invite(ctx, e.Root(), ann.ID))
	token := secretOf(t, e, usermgmt.MailInvitation)
	e.Login("ann")
	isBadLink(t, redeem(e, t, token, freshPassword), "a login")
	err := e.Users().Invite(ctx, e.Root(), ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, []string{"user logged_in"}, broken(err))
}

func TestSomebodyNewIsInvitedAndSetsTheFirstPassword(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	n := newcomer(e, "bob", "bob@acme.test")
	n.Invite, n.AccountMail = true, true
	bob, err := e.Users().Create(ctx, e.Root(), n)
	require.NoError(t, err)
	first := delivered(t, e, usermgmt.MailInvitation)
	require.Len(t, first, 1)
	assert.Equal(t, "bob@acme.test", first[0].To)
	assert.Equal(t, "bob", first[0].Values["username"])
	assert.Equal(t, e.Clock.Now().Add(7*24*time.Hour).Format(time.RFC3339), first[0].Values["expires_at"])
	for _, m := range e.Mail.Sent() {
		assert.NotEqual(t, usermgmt.MailWelcome, m.Kind, "the invitation is the welcome")
	}
	require.NoError(t, e.Users().Invite(ctx, e.Root(), bob.ID))
	again := secretOf(t, e, usermgmt.MailInvitation)
	isBadLink(t, redeem(e, t, first[0].Secret.Reveal(), freshPassword), "the newer link kills the older")

	e.Clock.Advance(7*24*time.Hour - time.Second)
	err = redeem(e, t, again, "short")
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	require.NoError(t, redeem(e, t, again, freshPassword), "a password that was refused leaves the link good")
	_, err = login(e, t, "bob", freshPassword)
	require.NoError(t, err)

	for what, change := range map[string]func(*usermgmt.NewUser){
		"invite password": func(n *usermgmt.NewUser) { n.Password = freshPassword },
		"invite disabled": func(n *usermgmt.NewUser) { n.Disabled = true },
	} {
		n := newcomer(e, "cat", "cat@acme.test")
		n.Invite = true
		change(&n)
		_, err := e.Users().Create(ctx, e.Root(), n)
		assert.Equal(t, []string{what}, broken(err))
	}
}

func TestATemporaryPasswordWorksForOneLoginThatMustChangeIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), policyWith(func(p *usermgmt.Policy) { p.TemporaryPassword = true }))
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
	_, err := login(e, t, "ann", usermgmttest.Password)
	require.Error(t, err, "also before the mail is delivered")
	temporary := secretOf(t, e, usermgmt.MailTemporary)
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	assert.GreaterOrEqual(t, len(temporary), 20)

	r, err := login(e, t, "ann", temporary)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	assert.Equal(t, usermgmt.StatusPasswordReset, statusOf(t, e, ann.ID), "until there is a new one")
	_, err = login(e, t, "ann", temporary)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "works once")
	_, err = e.Users().List(ctx, r.Actor, usermgmt.UserQuery{})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the session can only change it")

	_, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: temporary, New: temporary})
	assert.Equal(t, []string{"password reused"}, broken(err), "it cannot become the lasting one")
	r, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: temporary, New: freshPassword})
	require.NoError(t, err)
	assert.Zero(t, r.Pending)
	assert.Equal(t, usermgmt.StatusActive, statusOf(t, e, ann.ID))
	_, err = login(e, t, "ann", freshPassword)
	require.NoError(t, err)
}

func TestATemporaryPasswordEndsAtItsMoment(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"before": -time.Microsecond, "at": 0} {
		e := usermgmttest.NewOn(t, teststores.New(t), policyWith(func(p *usermgmt.Policy) { p.TemporaryPassword = true }))
		ann := e.AddUser("ann", nil)
		require.NoError(t, e.Passwords().Reset(t.Context(), e.Root(), ann.ID))
		temporary := secretOf(t, e, usermgmt.MailTemporary)
		e.Clock.Advance(24*time.Hour + after)
		_, err := login(e, t, "ann", temporary)
		if after < 0 {
			require.NoError(t, err, name)
			continue
		}
		assert.Equal(t, "temporary_expired", ruleIn(err), name)
		_, err = login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
		assert.NotContains(t, err.Error(), "temporary")
		// Nobody is locked out for ever: the mailbox helps.
		require.NoError(t, e.Passwords().Forgot(t.Context(), "ann", here))
		require.NoError(t, redeem(e, t, secretOf(t, e, usermgmt.MailForgotten), freshPassword))
	}
}

type mailerFunc func(msg usermgmt.Message) error

func (f mailerFunc) Send(_ context.Context, msg usermgmt.Message) error { return f(msg) }

func TestAMailThatFailsIsTriedWithANewSecretAndAllSecretsAreGood(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	var secrets []string
	m, err := usermgmt.New(e.Store, &usermgmt.Config{Now: e.Clock.Now, Mailer: mailerFunc(func(msg usermgmt.Message) error {
		if !msg.Secret.IsZero() { // it went out, and the answer was lost
			secrets = append(secrets, msg.Secret.Reveal())
		}
		return errors.New("lost")
	})})
	require.NoError(t, err)
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Reset(t.Context(), e.Root(), ann.ID))
	for range 2 {
		_, err := m.Deliver(t.Context(), 10)
		require.NoError(t, err)
		e.Clock.Advance(10 * time.Minute)
	}
	secrets = append(secrets, secretOf(t, e, usermgmt.MailReset))
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(secrets))), 3)
	require.NoError(t, redeem(e, t, secrets[0], freshPassword))
	isBadLink(t, redeem(e, t, secrets[2], freshPassword), "one use for all")
}

func TestResetManyTellsRowByRowAndSkipsWhomItMust(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Directories: []string{"ldap"}, Policy: func() *usermgmt.Policy {
		p := usermgmt.PolicyNIST()
		p.UsernameOnly = true
		return &p
	}()})
	ctx := t.Context()
	ann, bob := e.AddUser("ann", nil), e.AddUser("bob", nil)
	off := e.AddUser("off", func(n *usermgmt.NewUser) { n.Disabled = true })
	mailless := e.AddUser("mailless", func(n *usermgmt.NewUser) { n.Email = "" })
	service := e.AddUser("service", func(n *usermgmt.NewUser) {
		n.Kind, n.Password, n.Email, n.Responsible = usermgmt.KindService, "", "", ann.ID
	})
	system, err := e.SystemActor("directory", e.Organization.ID, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
	require.NoError(t, err)
	n := newcomer(e, "dir", "dir@acme.test")
	n.Source, n.ExternalID, n.Password = "ldap", "cn=dir", ""
	dir, err := e.Users().Create(ctx, system, n)
	require.NoError(t, err)
	before := len(auditOf(t, e, "password.reset"))
	rows, err := e.Passwords().ResetMany(ctx, e.Root(), []usermgmt.UserID{ann.ID, e.Administrator.ID, off.ID, mailless.ID, service.ID, dir.ID, {9}, bob.ID})
	require.NoError(t, err)
	var got []string
	for _, r := range rows {
		switch {
		case r.Err != nil:
			require.ErrorIs(t, r.Err, usermgmt.ErrNotFound)
			got = append(got, "not found")
		case r.Changed:
			got = append(got, "changed")
		default:
			got = append(got, r.Skipped)
		}
	}
	assert.Equal(t, []string{"changed", "self", "disabled", "no_email", "service", "directory", "not found", "changed"}, got)
	assert.Len(t, delivered(t, e, usermgmt.MailReset), 2, "links are mailed")
	assert.Len(t, auditOf(t, e, "password.reset"), before+3, "two resets and one refusal")

	for rule, id := range map[string]usermgmt.UserID{"disabled": off.ID, "service": service.ID, "directory": dir.ID} {
		err := e.Passwords().Reset(ctx, e.Root(), id)
		require.ErrorIs(t, err, usermgmt.ErrConflict)
		assert.Equal(t, rule, ruleIn(err))
	}
	err = e.Passwords().Reset(ctx, e.Root(), mailless.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotConfigured)
	_, err = e.Passwords().ResetMany(ctx, e.Root(), make([]usermgmt.UserID, usermgmt.MaxPageSize+1))
	require.ErrorIs(t, err, usermgmt.ErrLimit)
}

func TestForgettingChangesNothingUntilTheLinkIsUsed(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	session := e.Login("ann")
	before, err := e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	require.NoError(t, e.Passwords().Forgot(ctx, "ANN@acme.test", here), "by either name, in any case")
	after, err := e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	_, err = e.Auth().Session(ctx, session.Token.Reveal(), here)
	require.NoError(t, err)
	list := delivered(t, e, usermgmt.MailForgotten)
	require.Len(t, list, 1)
	assert.Equal(t, "ann@acme.test", list[0].To, "the stored address, never the typed one")
	require.NoError(t, redeem(e, t, list[0].Secret.Reveal(), freshPassword))
	_, err = e.Auth().Session(ctx, session.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

func TestALockedUserGetsBackInByTheMailbox(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), policyWith(func(p *usermgmt.Policy) { p.LockoutAttempts, p.LockoutDuration = 3, 0 }))
	ann := e.AddUser("ann", nil)
	for range 5 {
		_, err := login(e, t, "ann", "a stranger's guess")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	require.Equal(t, usermgmt.StatusLocked, statusOf(t, e, ann.ID))
	require.NoError(t, e.Passwords().Forgot(t.Context(), "ann", here))
	require.NoError(t, redeem(e, t, secretOf(t, e, usermgmt.MailForgotten), freshPassword))
	_, err := login(e, t, "ann", freshPassword)
	require.NoError(t, err)
}

func TestOneMailInAnIntervalWhoeverAsks(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	e.AddUser("ann", nil)
	for range 3 {
		require.NoError(t, e.Passwords().Forgot(ctx, "ann", here))
	}
	first := delivered(t, e, usermgmt.MailForgotten)
	require.Len(t, first, 1)
	e.Clock.Advance(5*time.Minute - time.Microsecond)
	require.NoError(t, e.Passwords().Forgot(ctx, "ann", here))
	assert.Empty(t, delivered(t, e, usermgmt.MailForgotten))
	e.Clock.Advance(time.Microsecond)
	require.NoError(t, e.Passwords().Forgot(ctx, "ann", here))
	second := secretOf(t, e, usermgmt.MailForgotten)
	isBadLink(t, redeem(e, t, first[0].Secret.Reveal(), freshPassword), "the newer kills the older")
	require.NoError(t, redeem(e, t, second, freshPassword))

	// A clock that was ten years ahead for a while keeps nobody out for ever.
	e.Clock.Advance(10 * 365 * 24 * time.Hour)
	require.NoError(t, e.Passwords().Forgot(ctx, "ann", here))
	e.Clock.Advance(-10 * 365 * 24 * time.Hour)
	require.NoError(t, e.Passwords().Forgot(ctx, "ann", here))
	require.NoError(t, redeem(e, t, secretOf(t, e, usermgmt.MailForgotten), freshPassword+"2"))
}

func TestAskingForALinkTellsNothingAboutTheAccount(t *testing.T) {
	t.Parallel()
	var seen calls
	e, names := suspects(t, noted(teststores.New(t), seen.add))
	names = append(names, "", strings.Repeat("x", 5000), "\x00", "not\xffutf8")
	var want []string
	for i, name := range append([]string{"good"}, names...) {
		if i == 0 {
			e.AddUser("good", nil)
		}
		seen.take()
		before := usermgmt.HashesOf(e.Manager)
		require.NoError(t, e.Passwords().Forgot(t.Context(), name, here), name)
		got := seen.take()
		assert.Equal(t, before, usermgmt.HashesOf(e.Manager))
		if i == 0 {
			want = got
			assert.Equal(t, 1, strings.Count(strings.Join(want, " "), "commit"))
		}
		assert.Equal(t, want, got, name)
	}
	for _, m := range delivered(t, e, usermgmt.MailForgotten) {
		name, _, _ := strings.Cut(m.To, "@")
		assert.NotContains(t, []string{"disabled", "deactivated", "reserved", "password-less", "service"}, name)
	}
}

func TestNobodyIsMailedALinkWhoHasNoPasswordHere(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Directories: []string{"ldap"}})
	ctx := t.Context()
	e.AddUser("sso", func(n *usermgmt.NewUser) { n.Password, n.SSO.FederationID = "", "sso@idp" })
	off := e.AddUser("off", nil)
	require.NoError(t, e.Users().Disable(ctx, e.Root(), off.ID))
	for _, name := range []string{"sso", "off", "nobody"} {
		require.NoError(t, e.Passwords().Forgot(ctx, name, here))
	}
	assert.Empty(t, delivered(t, e, usermgmt.MailForgotten))
	reasons := map[string]bool{}
	for _, a := range auditOf(t, e, "password.forgot") {
		reasons[a.Detail.Reason] = true
	}
	assert.Equal(t, map[string]bool{"no password": true, "disabled": true, "unknown": true}, reasons, "the log knows why")
}

// The store never holds anything that opens a link: what is in the tables is
// told apart from what was mailed.
func TestNoUsableSecretIsInTheStore(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
	waiting, err := e.Store.ListMessages(ctx, true, usermgmt.ListQuery{Limit: 100})
	require.NoError(t, err)
	token := secretOf(t, e, usermgmt.MailReset)
	row, err := e.Store.TokenByKey(ctx, "reset "+ann.ID.String())
	require.NoError(t, err)
	messages, err := e.Store.ListMessages(ctx, false, usermgmt.ListQuery{Limit: 100})
	require.NoError(t, err)
	entries, err := e.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 100})
	require.NoError(t, err)
	dump := fmt.Sprintf("%+v %+v %+v %+v", row, waiting, messages, entries)
	assert.NotContains(t, dump, token)
	assert.NotContains(t, dump, token[4:])
	isBadLink(t, redeem(e, t, row.Key, freshPassword), "a key")
	isBadLink(t, redeem(e, t, "uml_"+strings.Repeat("A", 43), freshPassword), "a guess")
	isBadLink(t, redeem(e, t, "", freshPassword), "nothing")
	require.NoError(t, redeem(e, t, token, freshPassword))
}

func TestOfSixtyFourCallersOneUsesTheLink(t *testing.T) {
	t.Parallel()
	for n := range 2 * raceRounds() {
		e := usermgmttest.NewOn(t, raceStore(t, n), nil)
		ann := e.AddUser("ann", nil)
		require.NoError(t, e.Passwords().Reset(t.Context(), e.Root(), ann.ID))
		token := secretOf(t, e, usermgmt.MailReset)
		won := raceOnce(t, func(i int) error { return redeem(e, t, token, fmt.Sprintf("%s-%d", freshPassword, i)) }, usermgmt.ErrCredentials)
		_, err := login(e, t, "ann", fmt.Sprintf("%s-%d", freshPassword, won))
		require.NoError(t, err, "the winner's password is the password")
	}
}

func TestOfSixtyFourCallersOneUsesTheTemporaryPassword(t *testing.T) {
	t.Parallel()
	for n := range 2 * raceRounds() {
		e := usermgmttest.NewOn(t, raceStore(t, n), policyWith(func(p *usermgmt.Policy) { p.TemporaryPassword, p.LockoutAttempts = true, 0 }))
		ann := e.AddUser("ann", nil)
		require.NoError(t, e.Passwords().Reset(t.Context(), e.Root(), ann.ID))
		temporary := secretOf(t, e, usermgmt.MailTemporary)
		raceOnce(t, func(int) error {
			_, err := login(e, t, "ann", temporary)
			if errors.Is(err, usermgmt.ErrUnauthenticated) { // used before this one began
				err = usermgmt.ErrCredentials
			}
			return err
		}, usermgmt.ErrCredentials)
		list, err := e.Store.ListSessions(t.Context(), ann.ID, 100)
		require.NoError(t, err)
		assert.Len(t, list, 1)
	}
}

// raceStore is a store of the chosen kind for even n, and for odd ones the weakest
// that the contract allows: no invariant may rest on isolation.
func raceStore(t *testing.T, n int) usermgmt.Store {
	t.Helper()
	if n%2 == 1 {
		return newCommitted(&plant{})
	}
	return teststores.New(t)
}

// raceOnce lets all racers call at once: exactly one succeeds, whose number it
// returns, and the others get the loss.
func raceOnce(t *testing.T, call func(i int) error, loss error) int {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() {
			for {
				if errs[i] = call(i); !errors.Is(errs[i], usermgmt.ErrTransient) && !errors.Is(errs[i], usermgmt.ErrOverloaded) {
					return
				}
			}
		})
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		if err == nil {
			assert.Equal(t, -1, won, "a second one won")
			won = i
			continue
		}
		require.ErrorIs(t, err, loss)
	}
	require.GreaterOrEqual(t, won, 0, "nobody won: %v", errs[0])
	return won
}

// Whoever logs in has not forgotten the password: what was mailed meanwhile is
// good for nobody.
func TestAForgottenPasswordsLinkDiesByALogin(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Forgot(t.Context(), "ann", here))
	token := secretOf(t, e, usermgmt.MailForgotten)
	e.Login("ann")
	isBadLink(t, redeem(e, t, token, freshPassword), "a login")
}
