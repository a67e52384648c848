package usermgmt_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

const otherPassword = "Another-Horse-9-Staple"

func TestPresetPoliciesReportEveryBrokenRule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy   usermgmt.Policy
		password string
		want     []string
	}{
		{usermgmt.PolicyNIST(), "short", []string{"password min_length"}},
		{usermgmt.PolicyNIST(), "passwordpassword", []string{"password common"}},
		{usermgmt.PolicyNIST(), "my name is Anneliese ok", []string{"password context"}},
		{usermgmt.PolicyNIST(), "                  ", nil},
		{usermgmt.PolicyOroCRM(), "x", []string{"password min_length", "password upper", "password digit"}},
		{usermgmt.PolicyOroCRM(), "Abcdefg1", nil},
		{usermgmt.PolicyAgileApps(), "abcde", []string{"password min_length"}},
		{usermgmt.PolicyAgileApps(), "abcdef", nil},
	} {
		e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &c.policy})
		n := usermgmt.NewUser{Username: "anna", Email: "a@acme.test", FirstName: "Anneliese", LastName: "B", OwnerUnit: e.MainUnit.ID,
			Password: c.password, NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser),
				PrimaryTeam: e.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
		_, err := e.Users().Create(t.Context(), e.Root(), n)
		assert.Equal(t, c.want, broken(err), "%q", c.password)
	}
}

func TestChangeOwnPassword(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", nil)
	one, two := e.Login("ann"), e.Login("ann")
	change := func(a usermgmt.Actor, current, next, confirm string) (*usermgmt.LoginResult, error) {
		return e.Passwords().Change(t.Context(), a, usermgmt.PasswordChange{Current: current, New: next, Confirm: confirm})
	}
	_, err := change(one.Actor, "wrong", otherPassword, "")
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	_, err = change(one.Actor, usermgmttest.Password, otherPassword, "different")
	assert.Equal(t, []string{"confirm mismatch"}, broken(err))
	_, err = change(one.Actor, usermgmttest.Password, usermgmttest.Password, "")
	assert.Equal(t, []string{"password reused"}, broken(err))
	fresh, err := change(one.Actor, usermgmttest.Password, otherPassword, otherPassword)
	require.NoError(t, err)
	for _, dead := range []*usermgmt.LoginResult{one, two} {
		_, err := e.Auth().Session(t.Context(), dead.Token.Reveal(), here)
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	}
	_, err = e.Auth().Session(t.Context(), fresh.Token.Reveal(), here)
	require.NoError(t, err)
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	_, err = login(e, t, "ann", otherPassword)
	require.NoError(t, err)
}

func TestWrongCurrentPasswordCountsTowardsTheLock(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	s := e.Login("ann")
	for range 10 {
		_, err := e.Passwords().Change(t.Context(), s.Actor, usermgmt.PasswordChange{Current: "wrong", New: otherPassword})
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	status, _, err := e.Users().Status(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StatusLocked, status)
	_, err = e.Auth().Session(t.Context(), s.Token.Reveal(), here)
	require.NoError(t, err, "open sessions go on")
}

func TestDemandedChangeGivesARestrictedSession(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), ann.ID, otherPassword, otherPassword, true))
	r, err := login(e, t, "ann", otherPassword)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	_, err = e.Users().Get(t.Context(), r.Actor, ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = e.Users().Update(t.Context(), r.Actor, ann.ID, 1, usermgmt.UserUpdate{Phone: new("1")})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	assert.False(t, r.Actor.Has(usermgmt.PermUserEditProfile))
	fresh, err := e.Passwords().Change(t.Context(), r.Actor, usermgmt.PasswordChange{Current: otherPassword, New: usermgmttest.Password})
	require.NoError(t, err)
	assert.Zero(t, fresh.Pending)
	_, err = e.Users().Get(t.Context(), fresh.Actor, ann.ID)
	require.NoError(t, err)
}

func TestSetPasswordIsTold(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), ann.ID, otherPassword, "", false))
	_, err := e.Deliver(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, e.Mail.Sent(), 1)
	assert.Equal(t, usermgmt.MailPasswordChanged, e.Mail.Sent()[0].Kind)
	assert.NotContains(t, e.Mail.Sent()[0].Values, "password")
	require.ErrorIs(t, e.Passwords().Set(t.Context(), e.Root(), e.Administrator.ID, otherPassword, "", false), usermgmt.ErrPermission)
}

func TestSuggestedPasswordsObeyThePolicy(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyOroCRM()
	p.Special, p.MinLength = true, 20
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	seen := map[string]bool{}
	for range 50 {
		s, err := e.Passwords().Suggest(t.Context(), e.Organization.ID)
		require.NoError(t, err)
		require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), e.AddUser("u"+usermgmt.UserID{byte(len(seen) + 1)}.String()[:8], nil).ID, s.Reveal(), "", false))
		seen[s.Reveal()] = true
	}
	assert.Len(t, seen, 50)
}

func TestLockEndsByItselfWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyAgileApps()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	e.AddUser("ann", nil)
	for range 5 {
		_, err := login(e, t, "ann", "wrong")
		require.Error(t, err)
	}
	_, err := login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	e.Clock.Advance(15*time.Minute - time.Microsecond)
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	e.Clock.Advance(time.Microsecond)
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
}

func TestLockoutMayDisableButNotTheLastAdministrator(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyAgileApps()
	p.LockoutDisables = true
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	for _, name := range []string{"ann", "root"} {
		for range 5 {
			_, err := login(e, t, name, "wrong")
			require.ErrorIs(t, err, usermgmt.ErrCredentials)
		}
	}
	e.Clock.Advance(time.Hour)
	_, err := login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "disabled, as the right password may know")
	_, err = login(e, t, "root", usermgmttest.Password)
	require.NoError(t, err)
	u, err := e.Users().Get(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.False(t, u.Enabled)
}

func TestOverloadIsTypedAndCountsNothing(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: "x"})
	require.Error(t, err)
	_, login, err := e.Users().Status(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Zero(t, login.Failures)
}

// The attempt that uses up the limit locks; that it was right is known only after.
func TestARightPasswordOnTheLastAttemptChangesIt(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyAgileApps() // five
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	for range 4 {
		_, err := e.Passwords().Change(t.Context(), e.As(ann.ID), usermgmt.PasswordChange{Current: "wrong", New: "Another-Horse-8"})
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	_, err := e.Passwords().Change(t.Context(), e.As(ann.ID), usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Horse-8"})
	require.NoError(t, err)
	_, err = login(e, t, "ann", "Another-Horse-8")
	require.NoError(t, err)
}

// An actor whom the host authenticated is free as soon as the demanded change is
// made.
func TestADemandedChangeBindsAHostsActorNoLongerThanItIsDemanded(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.MustChange = true })
	actor := e.As(ann.ID)
	require.ErrorIs(t, e.Audit().Record(t.Context(), actor, usermgmt.HostEvent{Verb: "lead.convert"}), usermgmt.ErrUnauthenticated)
	_, err := e.Passwords().Change(t.Context(), actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Long-7-Phrase"})
	require.NoError(t, err)
	require.NoError(t, e.Audit().Record(t.Context(), actor, usermgmt.HostEvent{Verb: "lead.convert"}))
}
