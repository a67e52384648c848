package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

const oneDay = 24 * time.Hour

// ageing is an installation whose passwords grow too old.
func ageing(t *testing.T, change func(*usermgmt.Policy)) *usermgmttest.Env {
	t.Helper()
	p := usermgmt.PolicyNIST()
	p.MaxAge, p.Reminders = 30*oneDay, []int{7, 1, 3}
	if change != nil {
		change(&p)
	}
	return usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
}

func duties(t *testing.T, m *usermgmt.Manager) {
	t.Helper()
	_, err := m.RunOnce(t.Context())
	require.NoError(t, err)
}

func phrase(i int) string { return fmt.Sprintf("Unlikely-Phrase-%d-Xyzzy", i) }

func TestFormerPasswordsAreNotTakenAgain(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.History = 3
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Password = phrase(0) })
	change := func(from, to int) error {
		_, err := e.Passwords().Change(ctx, e.As(ann.ID), usermgmt.PasswordChange{Current: phrase(from), New: phrase(to)})
		return err
	}
	refused := func(err error) {
		t.Helper()
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
		assert.Equal(t, "reused", ruleIn(err))
	}
	refused(change(0, 0))
	require.NoError(t, change(0, 1))
	refused(change(1, 0))
	require.NoError(t, change(1, 2))
	refused(change(2, 0)) // the third of three
	refused(change(2, 1))
	refused(e.Passwords().Set(ctx, e.Root(), ann.ID, phrase(1), "", false))
	require.NoError(t, change(2, 3))
	require.NoError(t, change(3, 0), "one of longer ago may come back")
	former, err := e.Store.FormerPasswords(ctx, ann.ID, 99)
	require.NoError(t, err)
	assert.Len(t, former, 2, "no more is kept than the policy asks")

	// Every broken rule at once.
	_, err = e.Passwords().Change(ctx, e.As(ann.ID), usermgmt.PasswordChange{Current: phrase(0), New: phrase(3), Confirm: "other"})
	var rules []string
	for _, f := range usermgmt.FieldErrors(err) {
		rules = append(rules, f.Rule)
	}
	assert.Equal(t, []string{"mismatch", "reused"}, rules)
}

func TestPasswordsThatLeakedAreRefusedOnEveryPath(t *testing.T) {
	t.Parallel()
	var fail error
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Breached: func(_ context.Context, password string) (bool, error) {
		if password == "panic-with-this-one" {
			panic("the service is gone")
		}
		return password == phrase(7), fail
	}})
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	for what, set := range map[string]func(password string) error{
		"create": func(p string) error {
			_, err := e.Users().Create(ctx, e.Root(), usermgmt.NewUser{Username: "bob", Email: "bob@acme.test", FirstName: "B", LastName: "B",
				OwnerUnit: e.MainUnit.ID, Password: p, NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser),
					PrimaryTeam: e.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}})
			return err
		},
		"change": func(p string) error {
			_, err := e.Passwords().Change(ctx, e.As(ann.ID), usermgmt.PasswordChange{Current: usermgmttest.Password, New: p})
			return err
		},
		"set":         func(p string) error { return e.Passwords().Set(ctx, e.Root(), ann.ID, p, "", false) },
		"break glass": func(p string) error { return e.BreakGlass(ctx, "a test", ann.ID, p) },
	} {
		err := set(phrase(7))
		require.ErrorIs(t, err, usermgmt.ErrInvalid, what)
		assert.Equal(t, "breached", ruleIn(err), what)
		assert.NotContains(t, err.Error(), phrase(7))
		fail = errors.New("down")
		err = set(phrase(8))
		require.ErrorIs(t, err, usermgmt.ErrTransient, "%s: what cannot be asked is not allowed", what)
		fail = nil
		require.ErrorIs(t, set("panic-with-this-one"), usermgmt.ErrTransient, what)
	}
	acc, err := e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Zero(t, acc.Login.Failures, "a right current password was no guess")
}

func TestAPasswordIsKeptForItsLeastAge(t *testing.T) {
	t.Parallel()
	e := ageing(t, func(p *usermgmt.Policy) { p.MinAge = 2 * oneDay })
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	change := func(a usermgmt.Actor, from, to string) error {
		_, err := e.Passwords().Change(ctx, a, usermgmt.PasswordChange{Current: from, New: to})
		return err
	}
	e.Clock.Advance(2*oneDay - time.Microsecond)
	err := change(e.As(ann.ID), usermgmttest.Password, otherPassword)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, "min_age", ruleIn(err))
	e.Clock.Advance(time.Microsecond)
	require.NoError(t, change(e.As(ann.ID), usermgmttest.Password, otherPassword))

	require.NoError(t, e.Passwords().Set(ctx, e.Root(), ann.ID, phrase(1), "", true))
	r, err := login(e, t, "ann", phrase(1))
	require.NoError(t, err)
	require.NoError(t, change(r.Actor, phrase(1), phrase(2)), "a demanded change is never too early")
	e.Clock.Advance(-10 * 365 * oneDay)
	require.NoError(t, change(e.As(ann.ID), phrase(2), phrase(3)), "a clock that was wrong locks nobody for ever")
}

func TestAPasswordThatIsTooOldIsChangedAtTheNextLogin(t *testing.T) {
	t.Parallel()
	e := ageing(t, nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	assert.Equal(t, e.Clock.Now().Add(30*oneDay), r.PasswordExpiresAt)
	e.Clock.Advance(30*oneDay - time.Microsecond)
	assert.Zero(t, e.Login("ann").Pending)
	e.Clock.Advance(time.Microsecond)
	_, err := login(e, t, "ann", "wrong")
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "an unproved password is told nothing")
	r = e.Login("ann") // no duty has run
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	_, err = e.Users().Get(ctx, r.Actor, ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	r, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
	require.NoError(t, err)
	assert.Zero(t, r.Pending)
	r, err = login(e, t, "ann", otherPassword)
	require.NoError(t, err)
	assert.Zero(t, r.Pending)
}

func TestOldPasswordsAreMarkedAndTold(t *testing.T) {
	t.Parallel()
	var ids []usermgmt.UserID
	e := ageing(t, func(p *usermgmt.Policy) { p.Reminders = nil })
	ctx := t.Context()
	for _, name := range []string{"ann", "bob", "exempt", "disabled", "fresh"} {
		ids = append(ids, e.AddUser(name, nil).ID)
	}
	o, err := e.Orgs().Get(ctx, e.Root(), e.Organization.ID)
	require.NoError(t, err)
	p := usermgmt.PolicyNIST()
	p.MaxAge, p.ExpiryExempt = 30*oneDay, []usermgmt.UserID{ids[2], e.Administrator.ID}
	_, err = e.Orgs().Update(ctx, e.Root(), o.ID, o.Version, usermgmt.OrganizationUpdate{Policy: new(&p)})
	require.NoError(t, err)
	require.NoError(t, e.Users().Disable(ctx, e.Root(), ids[3]))
	key, err := e.APIKeys().Generate(ctx, e.As(ids[0]), usermgmt.KeyRequest{User: ids[0]})
	require.NoError(t, err)
	e.Clock.Advance(20 * oneDay)
	require.NoError(t, e.Passwords().Set(ctx, e.Root(), ids[4], otherPassword, "", false))
	mailKinds(e, t)
	sent := len(e.Mail.Sent())
	e.Clock.Advance(10 * oneDay)
	open := e.Login("exempt")
	assert.Zero(t, open.Pending)
	duties(t, e.Manager)
	duties(t, e.Manager)
	for i, want := range []usermgmt.AuthStatus{usermgmt.StatusExpired, usermgmt.StatusExpired, usermgmt.StatusActive, usermgmt.StatusExpired, usermgmt.StatusActive} {
		status, _, err := e.Users().Status(ctx, e.Root(), ids[i])
		require.NoError(t, err)
		assert.Equal(t, want, status, i)
	}
	var told []string
	for _, m := range e.Mail.Sent()[sent:] {
		told = append(told, m.Kind+" to "+m.To)
	}
	assert.ElementsMatch(t, []string{"password_expired to ann@acme.test", "password_expired to bob@acme.test"}, told, "each once")
	_, err = e.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	page, err := e.Users().List(ctx, e.Root(), usermgmt.UserQuery{View: usermgmt.ViewCannotLogIn})
	require.NoError(t, err)
	assert.Len(t, page.Items, 2)

	r := e.Login("ann")
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	_, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
	require.NoError(t, err)
	status, _, err := e.Users().Status(ctx, e.Root(), ids[0])
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StatusActive, status)
	_, err = e.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
}

func TestRemindersComeOnceForEachNumberOfDays(t *testing.T) {
	t.Parallel()
	e := ageing(t, nil)
	e.AddUser("ann", nil)
	var got []string
	for hour := range 31 * 24 {
		e.Clock.Advance(time.Hour)
		if hour%3 != 0 {
			continue
		}
		duties(t, e.Manager)
		for _, m := range e.Mail.Sent()[len(got):] {
			got = append(got, m.To+" "+m.Kind+" "+m.Values["days"])
		}
	}
	var anns []string
	for _, g := range got {
		if g[:3] == "ann" {
			anns = append(anns, g[len("ann@acme.test "):])
		}
	}
	assert.Equal(t, []string{"password_reminder 7", "password_reminder 3", "password_reminder 1", "password_expired "}, anns)
}

// Whoever switches the policy on tells those who are due, of the nearest number of
// days alone.
func TestANewPolicyRemindsByWhatIsLeft(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", nil)
	e.Clock.Advance(28 * oneDay)
	duties(t, e.Manager)
	sent := len(e.Mail.Sent())
	p := usermgmt.PolicyNIST()
	p.MaxAge, p.Reminders = 30*oneDay, []int{1, 3, 7}
	other := *e
	other.Manager = other.NewManager(&usermgmt.Config{Policy: &p})
	duties(t, other.Manager)
	duties(t, other.Manager)
	var days []string
	for _, m := range e.Mail.Sent()[sent:] {
		if m.To == "ann@acme.test" {
			days = append(days, m.Kind+" "+m.Values["days"])
		}
	}
	assert.Equal(t, []string{"password_reminder 2"}, days)
	p.MaxAge = 20 * oneDay // by comparison, not by rewriting
	other.Manager = other.NewManager(&usermgmt.Config{Policy: &p})
	assert.Equal(t, usermgmt.StepPassword, other.Login("ann").Pending)
	assert.Zero(t, e.Login("ann").Pending)
}

// Clocks jump, and come back.
func TestAClockThatJumpsLocksNobodyForEver(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{time.Hour, 10 * 365 * oneDay} {
		e := ageing(t, func(p *usermgmt.Policy) { p.SessionIdle, p.SessionLifetime = 2*oneDay, 20*oneDay })
		ctx := t.Context()
		ann := e.AddUser("ann", nil)
		old := e.Login("ann")
		e.Clock.Advance(jump)
		duties(t, e.Manager)
		e.Clock.Advance(-jump)
		duties(t, e.Manager)
		r := e.Login("ann")
		if jump > 30*oneDay {
			assert.Equal(t, usermgmt.StepPassword, r.Pending, "what was marked stays marked")
			_, err := e.Auth().Session(ctx, old.Token.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "what ended stays ended")
			r, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
			require.NoError(t, err)
		}
		assert.Zero(t, r.Pending)
		// A password that was set by a clock far ahead, and a proof made then.
		current := usermgmttest.Password
		if jump > 30*oneDay {
			current = otherPassword
		}
		e.Clock.Advance(jump)
		r, err := login(e, t, "ann", current)
		require.NoError(t, err)
		ahead, err := e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: current, New: phrase(1)})
		require.NoError(t, err)
		e.Clock.Advance(-jump)
		a, err := e.Refresh(ctx, ahead.Actor)
		if err == nil {
			_, err = e.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: ann.ID})
			require.ErrorIs(t, err, usermgmt.ErrStepUp, "a proof of the future is none")
		}
		r, err = login(e, t, "ann", phrase(1))
		require.NoError(t, err)
		assert.Zero(t, r.Pending)
		_, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: phrase(1), New: phrase(2)})
		require.NoError(t, err)
	}
}
