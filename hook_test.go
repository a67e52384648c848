package usermgmt_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func hooked(t *testing.T, hooks ...usermgmt.Hook) *usermgmttest.Env {
	t.Helper()
	return usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Hooks: hooks})
}

var errHost = errors.New("the host says no")

func TestAHookForbidsAChange(t *testing.T) {
	t.Parallel()
	var asked []usermgmt.Change
	forbid := false
	e := hooked(t, usermgmt.Hook{Name: "four_eyes", Verbs: []string{"user.disable"}, Before: func(_ context.Context, c usermgmt.Change) error {
		asked = append(asked, c)
		if forbid {
			return errHost
		}
		return nil
	}})
	ann := e.AddUser("ann", nil)
	assert.Empty(t, asked, "other verbs are not asked about")

	forbid = true
	err := e.Users().Disable(t.Context(), e.Root(), ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrVetoed)
	require.ErrorIs(t, err, errHost)
	var typed *usermgmt.Error
	require.ErrorAs(t, err, &typed)
	assert.Equal(t, "four_eyes", typed.Rule)
	u, err := e.Users().Get(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.True(t, u.Enabled, "nothing changed")
	log := lastEntry(t, e, "user.disable")
	assert.Equal(t, usermgmt.OutcomeRefused, log.Outcome)
	assert.Equal(t, "vetoed: four_eyes", log.Detail.Reason)

	forbid = false
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
	last := asked[len(asked)-1]
	assert.Equal(t, e.Administrator.ID, last.Actor.Operator())
	require.Len(t, last.Entries, 1)
	assert.Equal(t, "false", last.Entries[0].Detail.After["enabled"])
	assert.Equal(t, usermgmt.OperationID(lastEntry(t, e, "user.disable").ID), last.Operation)
}

// lastEntry is the newest entry with a verb.
func lastEntry(t *testing.T, e *usermgmttest.Env, verb string) usermgmt.AuditEntry {
	t.Helper()
	page, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: verb, Limit: 1})
	require.NoError(t, err)
	require.Len(t, page, 1)
	return page[0]
}

func TestWhatAHookDoesCommitsWithTheChange(t *testing.T) {
	t.Parallel()
	calls := 0
	var target usermgmt.UserID
	var fail error
	e := hooked(t, usermgmt.Hook{Name: "also", Verbs: []string{"user.disable", "user.update"}, Before: func(ctx context.Context, c usermgmt.Change) error {
		calls++
		u, err := c.Manager.Users().Get(ctx, c.Actor, target)
		if err != nil {
			return err
		}
		title := "on leave"
		if _, err := c.Manager.Users().Update(ctx, c.Actor, target, u.Version, usermgmt.UserUpdate{Title: &title}); err != nil {
			return err
		}
		return fail
	}})
	ann, bob := e.AddUser("ann", nil), e.AddUser("bob", nil)
	target = bob.ID
	title := func() string {
		u, err := e.Users().Get(t.Context(), e.Root(), bob.ID)
		require.NoError(t, err)
		return u.Title
	}
	fail = errHost
	require.ErrorIs(t, e.Users().Disable(t.Context(), e.Root(), ann.ID), usermgmt.ErrVetoed)
	assert.Empty(t, title(), "rolled back with the change")
	fail = nil
	calls = 0
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
	assert.Equal(t, "on leave", title())
	assert.Equal(t, 1, calls, "what a hook does asks no hook")
}

func TestAHookThatPanicsForbids(t *testing.T) {
	t.Parallel()
	e := hooked(t, usermgmt.Hook{Name: "broken", Verbs: []string{"user.disable"}, Before: func(context.Context, usermgmt.Change) error {
		panic("a secret of the host's")
	}})
	ann := e.AddUser("ann", nil)
	err := e.Users().Disable(t.Context(), e.Root(), ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrVetoed)
	assert.NotContains(t, err.Error(), "a secret")
	assert.Equal(t, "vetoed: broken", lastEntry(t, e, "user.disable").Detail.Reason)
}

func TestAHookForbidsALogin(t *testing.T) {
	t.Parallel()
	e := hooked(t, usermgmt.Hook{Name: "closed", Verbs: []string{"auth.login"}, Before: func(context.Context, usermgmt.Change) error { return errHost }})
	e.AddUser("ann", nil)
	for range 12 { // no guess was wrong, so nobody is locked
		_, err := login(e, t, "ann", usermgmttest.Password)
		require.ErrorIs(t, err, usermgmt.ErrVetoed)
	}
	_, err := login(e, t, "ann", "wrong")
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "before the password is proved nobody learns of a hook")
}

func TestHooksAreCheckedWhenConfigured(t *testing.T) {
	t.Parallel()
	ok := func(context.Context, usermgmt.Change) error { return nil }
	_, err := usermgmt.New(teststores.New(t), &usermgmt.Config{RunEvery: time.Millisecond, Hooks: []usermgmt.Hook{
		{Name: "Not A Word", Before: ok}, {Name: "twice", Before: ok}, {Name: "twice", Before: ok}, {Name: "nothing"},
		{Name: "verbs", Before: ok, Verbs: []string{"no verb"}},
	}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	var rules []string
	for _, p := range usermgmt.FieldErrors(err) {
		rules = append(rules, p.Field+" "+p.Rule)
	}
	assert.ElementsMatch(t, []string{"hooks format", "hooks taken", "hooks required", "hooks verb", "run_every range"}, rules)
}
