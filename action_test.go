package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// actionCalls are the calls that the actions stand for, as a host makes them.
var actionCalls = map[usermgmt.Action]func(c *cell) error{
	usermgmt.ActionEdit: func(c *cell) error {
		change := usermgmt.UserUpdate{Phone: ptr("+49 1"), Company: ptr("Another")}
		if c.a.Subject() == c.user() {
			change.Company = nil
		}
		_, err := c.m.Users().Update(c.ctx, c.a, c.user(), c.version(), change)
		return err
	},
	usermgmt.ActionEnable:     func(c *cell) error { return c.m.Users().Enable(c.ctx, c.a, c.user()) },
	usermgmt.ActionDisable:    func(c *cell) error { return c.m.Users().Disable(c.ctx, c.a, c.user()) },
	usermgmt.ActionReactivate: func(c *cell) error { return c.m.Users().Reactivate(c.ctx, c.a, c.user()) },
	usermgmt.ActionDeactivate: func(c *cell) error {
		return c.m.Users().Deactivate(c.ctx, c.a, c.user(), usermgmt.DeactivateOptions{LeaveTeams: true})
	},
	usermgmt.ActionUnlock: func(c *cell) error { return c.m.Users().Activate(c.ctx, c.a, c.user()) },
	usermgmt.ActionAssign: func(c *cell) error { // to whatever unit there is
		var last error
		version := c.version()
		for _, unit := range []string{"main", "sales", "east", "ops", "beta", "gamma"} {
			err := c.Store.Tx(c.ctx, func(ctx context.Context, tx usermgmt.Store) error {
				if err := c.m.WithStore(tx).Users().Assign(ctx, c.a, c.user(), version, c.units[unit]); err != nil {
					return err
				}
				return errRollBack
			})
			if errors.Is(err, errRollBack) {
				return nil
			}
			last = err
		}
		return last
	},
	usermgmt.ActionInvite: func(c *cell) error { return c.m.Users().Invite(c.ctx, c.a, c.user()) },
	usermgmt.ActionSetPassword: func(c *cell) error {
		return c.m.Passwords().Set(c.ctx, c.a, c.user(), "Another-Long-7-Phrase", "", false)
	},
	usermgmt.ActionResetPassword: func(c *cell) error { return c.m.Passwords().Reset(c.ctx, c.a, c.user()) },
	usermgmt.ActionGenerateKey: func(c *cell) error {
		_, err := c.m.APIKeys().Generate(c.ctx, c.a, usermgmt.KeyRequest{User: c.user()})
		return err
	},
	usermgmt.ActionEndSessions: func(c *cell) error {
		_, err := c.m.Sessions().EndAll(c.ctx, c.a, c.user())
		return err
	},
	usermgmt.ActionGrant: func(c *cell) error {
		mem := c.membership()
		_, err := c.m.Members().Update(c.ctx, c.a, c.user(), usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &mem.Roles})
		return err
	},
	usermgmt.ActionMembership: func(c *cell) error {
		mem := c.membership()
		_, err := c.m.Members().Update(c.ctx, c.a, c.user(), usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Units: &mem.Units})
		return err
	},
	usermgmt.ActionEndMembership: func(c *cell) error { return c.m.Members().End(c.ctx, c.a, c.user(), usermgmt.OrgID{}) },
	usermgmt.ActionConfigure: func(c *cell) error {
		return c.m.Settings().Change(c.ctx, c.a, usermgmt.SettingsOf{User: c.user()}, usermgmt.SettingChange{Key: "language", Value: "de"})
	},
	usermgmt.ActionProxyLogin: func(c *cell) error {
		_, err := c.m.Proxy().Login(c.ctx, c.a, usermgmt.ProxyRequest{Target: c.user(), Acknowledged: true})
		return err
	},
	usermgmt.ActionProxyConfigure: func(c *cell) error {
		_, err := c.m.Proxy().SetGrants(c.ctx, c.a, c.user(), 0, usermgmt.ProxyGrants{Restricted: true})
		return err
	},
	usermgmt.ActionResetFactor: func(c *cell) error { return c.m.Factors().Reset(c.ctx, c.a, c.user(), "lost") },
	usermgmt.ActionErase:       func(c *cell) error { return c.m.Users().Erase(c.ctx, c.a, c.user()) },
}

// membership is that of the cell's user in the actor's organization.
func (c *cell) membership() usermgmt.Membership {
	mem, err := c.Store.MembershipOf(c.ctx, c.user(), c.a.Org())
	if err != nil {
		return usermgmt.Membership{}
	}
	return mem
}

// TestActionsAreWhatTheCallsSay compares, for every kind of actor and every user
// of the matrix, what Actions says with what the call itself says.
func TestActionsAreWhatTheCallsSay(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	for _, name := range []string{"disabled", "gone", "shut"} {
		p.users[name] = p.AddUser(name, func(n *usermgmt.NewUser) { n.PrimaryTeam, n.OwnerUnit = p.teams["middle"], p.units["sales"] })
	}
	require.NoError(t, p.Users().Disable(t.Context(), p.Root(), p.users["disabled"].ID))
	require.NoError(t, p.Users().Deactivate(t.Context(), p.Root(), p.users["gone"].ID, usermgmt.DeactivateOptions{}))
	for range 10 {
		_, err := p.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "shut", Password: "wrong"})
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	compared := 0
	for _, kind := range actorKinds {
		for _, target := range append([]string{"disabled", "gone", "shut"}, userTargets...) {
			at := cell{plan: p, m: p.Manager, ctx: t.Context(), kind: kind, a: p.actors[kind], target: target}
			said, err := p.Users().Actions(t.Context(), at.a, at.user())
			seen := false
			if _, gerr := p.Users().Get(t.Context(), at.a, at.user()); gerr == nil {
				seen = true
			}
			if errors.Is(err, usermgmt.ErrUnauthenticated) {
				continue
			}
			require.NoError(t, err)
			require.Equal(t, seen, len(said) == 1, "%s of %s: Actions tells of whom Get tells", kind, target)
			if !seen {
				continue
			}
			require.Len(t, said[0].Actions, len(actionCalls))
			for _, act := range said[0].Actions {
				call := row{method: string(act.Action), call: func(c *cell) (string, error) { return "", actionCalls[act.Action](c) }}
				_, err := call.run(t, p, kind, target)
				want, got := answer("", err), answer("", act.Err)
				assert.Equal(t, want, got, "%s: %s on %s", kind, act.Action, target)
				compared++
			}
		}
	}
	assert.Greater(t, compared, 700)
}

func TestActionsFollowTheState(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", nil)
	of := func(action usermgmt.Action) usermgmt.UserAction {
		t.Helper()
		list, err := e.Users().Actions(ctx, root, ann.ID)
		require.NoError(t, err)
		return list[0].Of(action)
	}
	allowed := func(want ...usermgmt.Action) {
		t.Helper()
		for _, a := range []usermgmt.Action{usermgmt.ActionEnable, usermgmt.ActionDisable, usermgmt.ActionDeactivate, usermgmt.ActionReactivate, usermgmt.ActionUnlock} {
			one := of(a)
			assert.Equal(t, assert.ObjectsAreEqual(true, contains(want, a)), one.Allowed(), "%s", a)
		}
	}
	allowed(usermgmt.ActionDisable, usermgmt.ActionDeactivate)
	require.NoError(t, e.Users().Disable(ctx, root, ann.ID))
	allowed(usermgmt.ActionEnable, usermgmt.ActionDeactivate)
	require.NoError(t, e.Users().Deactivate(ctx, root, ann.ID, usermgmt.DeactivateOptions{}))
	allowed(usermgmt.ActionReactivate)
	require.NoError(t, e.Licences().SetPool(ctx, root, e.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 1}))
	full := of(usermgmt.ActionReactivate)
	require.ErrorIs(t, full.Err, usermgmt.ErrLimit, "there is no seat to come back to")
	require.NoError(t, e.Licences().SetPool(ctx, root, e.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 2}))
	require.NoError(t, e.Users().Reactivate(ctx, root, ann.ID))
	for range 10 {
		_, err := e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: "wrong"})
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	allowed(usermgmt.ActionDisable, usermgmt.ActionDeactivate, usermgmt.ActionUnlock)

	own, err := e.Users().Actions(ctx, root, e.Administrator.ID)
	require.NoError(t, err)
	self := own[0].Of(usermgmt.ActionDisable)
	var refusal *usermgmt.Error
	require.ErrorAs(t, self.Err, &refusal)
	assert.Equal(t, "self", refusal.Rule)
	unknown := own[0].Of("no such action")
	assert.False(t, unknown.Allowed())
}

func contains[T comparable](list []T, x T) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// Asking changes nothing, records nothing and mails nothing.
func TestActionsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.AccountMail = true })
	e.Login("ann")
	root := e.Login("root").Actor
	state := func() string {
		t.Helper()
		acc, err := e.Store.AccountByID(ctx, ann.ID)
		require.NoError(t, err)
		mem, err := e.Store.MembershipOf(ctx, ann.ID, e.Organization.ID)
		require.NoError(t, err)
		sessions, err := e.Store.ListSessions(ctx, ann.ID, 9)
		require.NoError(t, err)
		entries, err := e.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 100})
		require.NoError(t, err)
		mails, err := e.Store.ListMessages(ctx, false, usermgmt.ListQuery{Limit: 100})
		require.NoError(t, err)
		return fmt.Sprint(acc, mem, sessions, len(entries), len(mails))
	}
	before := state()
	list, err := e.Users().Actions(ctx, root, ann.ID)
	require.NoError(t, err)
	n := 0
	for _, a := range list[0].Actions {
		if a.Allowed() {
			n++
		}
	}
	assert.Greater(t, n, 10)
	assert.Equal(t, before, state())
	_, err = e.Users().Actions(ctx, root, make([]usermgmt.UserID, usermgmt.MaxActions+1)...)
	require.ErrorIs(t, err, usermgmt.ErrLimit)
}

// A page of users costs as many reads as one user.
func TestActionsOfAPageCostABoundedNumberOfReads(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	admin := e.Profile(usermgmt.ProfileAdministrator)
	var ids []usermgmt.UserID
	for i := range 50 {
		ids = append(ids, e.AddUser(fmt.Sprintf("user%d", i), func(n *usermgmt.NewUser) {
			if i%5 == 0 {
				n.Profile = admin
			}
		}).ID)
	}
	root := e.Login("root").Actor
	reads := func(ids ...usermgmt.UserID) int {
		t.Helper()
		n := 0
		var names []string
		m, err := usermgmt.New(noted(e.Store, func(method string) { n++; names = append(names, method) }), &usermgmt.Config{Now: e.Clock.Now})
		require.NoError(t, err)
		list, err := m.Users().Actions(t.Context(), root, ids...)
		require.NoError(t, err)
		require.Len(t, list, len(ids))
		t.Log(strings.Join(names, " "))
		return n
	}
	one, page := reads(ids[0]), reads(ids...)
	assert.LessOrEqual(t, page, one+5)
	assert.LessOrEqual(t, page, 25)
}
