package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// tried makes a call in a transaction that is rolled back, and tells whether it
// was permitted.
func tried(t *testing.T, p *plan, call func(ctx context.Context, m *usermgmt.Manager) error) bool {
	t.Helper()
	var err error
	require.ErrorIs(t, p.Store.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		err = call(ctx, p.WithStore(tx))
		return errRollBack
	}), errRollBack)
	if err != nil && !errors.Is(err, usermgmt.ErrPermission) && !errors.Is(err, usermgmt.ErrInvalid) {
		t.Fatalf("neither permitted nor refused: %v", err)
	}
	return err == nil
}

// TestCandidatesAreWhatTheCallsTake compares what each actor is offered with what
// the calls then say, for every unit, team, role, profile and person that there is.
func TestCandidatesAreWhatTheCallsTake(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx := t.Context()
	compared := 0
	same := func(what string, offered, taken bool) {
		t.Helper()
		assert.Equal(t, taken, offered, what)
		compared++
	}
	for _, kind := range []string{"lead", "manager", "admin", "root", "member"} {
		a := p.actors[kind]
		for _, target := range []string{"teammate", "below", "outsider"} {
			user := p.users[target]
			said, err := p.Users().Actions(ctx, a, user.ID)
			require.NoError(t, err)
			if len(said) == 0 {
				continue
			}
			may := func(action usermgmt.Action) bool {
				one := said[0].Of(action)
				return one.Allowed()
			}
			mem, err := p.Store.MembershipOf(ctx, user.ID, p.Organization.ID)
			require.NoError(t, err)
			at := kind + " on " + target + ": "
			if may(usermgmt.ActionAssign) {
				page, err := p.Candidates().Units(ctx, a, usermgmt.PermUserAssign, usermgmt.ListQuery{Limit: 1000})
				require.NoError(t, err)
				for _, unit := range []string{"main", "sales", "east", "empty", "ops"} {
					id := p.units[unit]
					offered := slices.ContainsFunc(page.Items, func(u usermgmt.BusinessUnit) bool { return u.ID == id })
					same(at+"unit "+unit, offered, tried(t, p, func(ctx context.Context, m *usermgmt.Manager) error {
						return m.Users().Assign(ctx, a, user.ID, user.Version, id)
					}))
				}
			}
			if may(usermgmt.ActionMembership) {
				page, err := p.Candidates().Teams(ctx, a, usermgmt.PermUserMembership, user.OwnerUnit, usermgmt.ListQuery{Limit: 1000})
				require.NoError(t, err)
				for _, team := range []string{"root", "middle", "below", "empty", "side", "child"} {
					id := p.teams[team]
					if slices.ContainsFunc(mem.Teams, func(x usermgmt.TeamAssignment) bool { return x.Team == id }) {
						continue
					}
					teams := append(slices.Clone(mem.Teams), usermgmt.TeamAssignment{Team: id})
					offered := slices.ContainsFunc(page.Items, func(x usermgmt.Team) bool { return x.ID == id })
					same(at+"team "+team, offered, tried(t, p, func(ctx context.Context, m *usermgmt.Manager) error {
						_, err := m.Members().Update(ctx, a, user.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Teams: &teams})
						return err
					}))
				}
			}
			if may(usermgmt.ActionGrant) {
				roles, err := p.Candidates().Roles(ctx, a, user.ID, "")
				require.NoError(t, err)
				for name, role := range p.roles {
					if name == "unknown" || name == "foreign" {
						continue
					}
					list := append(slices.Clone(mem.Roles), usermgmt.RoleAssignment{Role: role.ID})
					offered := slices.ContainsFunc(roles, func(x usermgmt.Role) bool { return x.ID == role.ID })
					same(at+"role "+name, offered, tried(t, p, func(ctx context.Context, m *usermgmt.Manager) error {
						_, err := m.Members().Update(ctx, a, user.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &list})
						return err
					}))
				}
				profiles, err := p.Candidates().Profiles(ctx, a, user.ID, "")
				require.NoError(t, err)
				all, err := p.Profiles().List(ctx, p.Root(), usermgmt.OrgID{})
				require.NoError(t, err)
				for _, profile := range all {
					if profile.ID == mem.Profile {
						continue
					}
					offered := slices.ContainsFunc(profiles, func(x usermgmt.AccessProfile) bool { return x.ID == profile.ID })
					same(at+"profile "+profile.Name, offered, tried(t, p, func(ctx context.Context, m *usermgmt.Manager) error {
						_, err := m.Members().Update(ctx, a, user.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &profile.ID})
						return err
					}))
				}
			}
			if may(usermgmt.ActionEdit) {
				page, err := p.Candidates().ReportsTo(ctx, a, user.ID, usermgmt.UserQuery{})
				require.NoError(t, err)
				for name, boss := range p.users {
					if _, err := p.Users().Get(ctx, a, boss.ID); err != nil {
						continue
					}
					offered := slices.ContainsFunc(page.Items, func(x usermgmt.User) bool { return x.ID == boss.ID })
					same(at+"boss "+name, offered, tried(t, p, func(ctx context.Context, m *usermgmt.Manager) error {
						_, err := m.Users().Update(ctx, a, user.ID, user.Version, usermgmt.UserUpdate{ReportsTo: &boss.ID})
						return err
					}))
				}
			}
		}
		for _, action := range []usermgmt.Action{usermgmt.ActionProxyLogin, usermgmt.ActionResetPassword, usermgmt.ActionDisable} {
			page, err := p.Candidates().Users(ctx, a, action, usermgmt.UserQuery{View: usermgmt.ViewAll})
			require.NoError(t, err)
			for name, user := range p.users {
				said, err := p.Users().Actions(ctx, a, user.ID)
				require.NoError(t, err)
				if len(said) == 0 || user.Org != p.Organization.ID {
					continue
				}
				one := said[0].Of(action)
				same(fmt.Sprintf("%s, %s: %s", kind, action, name),
					slices.ContainsFunc(page.Items, func(x usermgmt.User) bool { return x.ID == user.ID }), one.Allowed())
			}
		}
	}
	assert.Greater(t, compared, 300)
}

func TestCandidatesComeInPages(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	admin := e.Profile(usermgmt.ProfileAdministrator)
	for i := range 30 {
		e.AddUser(fmt.Sprintf("user%02d", i), func(n *usermgmt.NewUser) {
			if i%2 == 0 {
				n.Kind, n.Password, n.Email, n.Profile = usermgmt.KindService, "", "", admin
				n.Responsible = e.Administrator.ID
			}
		})
		e.AddUnit(fmt.Sprintf("unit%02d", i), usermgmt.UnitID{})
	}
	root := e.Login("root").Actor
	var names []string
	q := usermgmt.UserQuery{Sort: usermgmt.SortUsername, Limit: 4}
	for {
		page, err := e.Candidates().Users(ctx, root, usermgmt.ActionProxyLogin, q)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(page.Items), 4)
		for _, u := range page.Items {
			names = append(names, u.Username)
		}
		if page.Next.IsZero() {
			break
		}
		q.After = page.Next
	}
	var want []string
	for i := 1; i < 30; i += 2 {
		want = append(want, fmt.Sprintf("user%02d", i))
	}
	assert.Equal(t, want, names, "services and oneself are not offered, and nobody is left out or comes twice")

	var units []string
	list := usermgmt.ListQuery{Limit: 7, Search: "UNIT1"}
	for {
		page, err := e.Candidates().Units(ctx, root, usermgmt.PermUserCreate, list)
		require.NoError(t, err)
		for _, u := range page.Items {
			units = append(units, u.Name)
		}
		if page.Next.IsZero() {
			break
		}
		list.After = page.Next
	}
	assert.Len(t, units, 10)
	assert.True(t, slices.IsSorted(units))
	_, err := e.Candidates().Units(ctx, root, usermgmt.PermUserEnable, list)
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	_, err = e.Candidates().Users(ctx, root, "fly", q)
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	orgs, err := e.Candidates().Organizations(ctx, root, usermgmt.ListQuery{})
	require.NoError(t, err)
	assert.Len(t, orgs.Items, 1)
}
