package usermgmt_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// system is an actor of the host's who may make users.
func system(e *usermgmttest.Env, t *testing.T) usermgmt.Actor {
	t.Helper()
	a, err := e.SystemActor("installation", e.Organization.ID, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
	require.NoError(t, err)
	return a
}

func reservedUser(e *usermgmttest.Env, name string) usermgmt.NewUser {
	return usermgmt.NewUser{Username: name, OwnerUnit: e.MainUnit.ID, Reserved: true, NewMembership: usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
}

func TestOnlyTheSystemMakesReservedUsers(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{ReservedUsernames: []string{"Guestuser"}})
	_, err := e.Users().Create(t.Context(), e.Root(), reservedUser(e, "guestuser"))
	require.ErrorIs(t, err, usermgmt.ErrPermission, "not even the system administrator")
	n := reservedUser(e, "guestuser")
	n.Password = usermgmttest.Password
	_, err = e.Users().Create(t.Context(), system(e, t), n)
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	pools, err := e.Store.ListPools(t.Context(), e.Organization.ID)
	require.NoError(t, err)

	guest, err := e.Users().Create(t.Context(), system(e, t), reservedUser(e, "guestuser"))
	require.NoError(t, err)
	assert.True(t, guest.Reserved)
	after, err := e.Store.ListPools(t.Context(), e.Organization.ID)
	require.NoError(t, err)
	assert.Equal(t, pools, after, "no seat")
	got, err := e.Users().Get(t.Context(), e.Root(), guest.ID)
	require.NoError(t, err, "they are seen")
	assert.True(t, got.Reserved)
	_, err = login(e, t, "guestuser", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	results, err := e.Users().EnableMany(t.Context(), e.Root(), []usermgmt.UserID{guest.ID}, false)
	require.NoError(t, err)
	assert.ErrorIs(t, results[0].Err, usermgmt.ErrPermission)
}

func TestReservedLoginNamesAreNobodyElses(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	boss := e.AddUser("boss", nil)
	m, err := usermgmt.New(e.Store, &usermgmt.Config{Now: e.Clock.Now, ReservedUsernames: []string{"BOSS", "guestuser", "post@acme.test"}})
	require.NoError(t, err)
	for _, change := range []func(*usermgmt.NewUser){
		func(n *usermgmt.NewUser) { n.Username = "GuestUser" },
		func(n *usermgmt.NewUser) { n.Email = "Post@acme.test" },
	} {
		n := newcomer(e, "ann", "ann@acme.test")
		change(&n)
		_, err = m.Users().Create(t.Context(), e.Root(), n)
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
		assert.Equal(t, "reserved", usermgmt.FieldErrors(err)[0].Rule)
	}
	boss, err = m.Users().Update(t.Context(), e.Root(), boss.ID, boss.Version, usermgmt.UserUpdate{Title: ptr("Dr")})
	require.NoError(t, err, "who has one already keeps it")
	_, err = m.Users().Update(t.Context(), e.Root(), boss.ID, boss.Version, usermgmt.UserUpdate{Username: ptr("guestuser")})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	r, err := m.Imports().Users(t.Context(), e.Root(), strings.NewReader(header+"\nguestuser,G,U,g@x.test\n"), defaults(e))
	require.NoError(t, err)
	assert.Equal(t, "reserved", r.Problems[0].Rule)
	_, err = usermgmt.New(e.Store, &usermgmt.Config{ReservedUsernames: []string{"a b"}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
}

// readsOfUsers are the calls about a user that change nothing of the user.
var readsOfUsers = []string{"Users.Get", "Users.View", "Users.List", "Users.Status", "Members.Get", "Members.ListOf", "Sessions.List", "Factors.Get",
	"Proxy.Grants", "Proxy.Deputies", "Proxy.WhoMayActAs", "Proxy.History", "Settings.List", "Settings.Get", "Users.SubjectReport", "Access.MayOwn"}

// TestNobodyChangesReservedUsers makes every call of the matrix that is about a
// user, on a reserved one.
func TestNobodyChangesReservedUsers(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	guest, err := p.Users().Create(t.Context(), system(p.Env, t), reservedUser(p.Env, "guestuser"))
	require.NoError(t, err)
	p.users["reserved"] = guest
	p.actors["system"] = system(p.Env, t)
	calls := 0
	for _, r := range matrixRows() {
		if !slices.Contains(r.targets, "outsider") || !slices.Contains(r.targets, "self") || r.fresh || slices.Contains(readsOfUsers, r.method) {
			continue
		}
		for _, kind := range []string{"root", "admin", "system"} {
			var before, after usermgmt.User
			err := p.Store.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
				c, env := *p, *p.Env
				env.Store = tx
				c.Env = &env
				note, err := r.call(&cell{plan: &c, m: p.WithStore(tx), ctx: ctx, kind: kind, a: p.actors[kind], target: "reserved"})
				if err == nil && note == "" {
					t.Errorf("%s by %s is allowed", r.method, kind)
				}
				before = *guest
				var rerr error
				if after, rerr = tx.UserByID(ctx, guest.ID); rerr == nil {
					assert.Equal(t, before, after, "%s by %s", r.method, kind)
				}
				return errRollBack
			})
			require.ErrorIs(t, err, errRollBack)
			calls++
		}
	}
	assert.Greater(t, calls, 60)
}
