package fresh_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// ground is what the process that uses has to know.
type ground struct {
	Org                     usermgmt.OrgID
	Role, Move, Share, List string // tokens
	Grants, Disable         string // keys
	Demoted, Target         usermgmt.UserID
	Moved, Shared           usermgmt.TeamID
}

// kind is something that is taken away and given back again and again.
type kind struct {
	name       string
	take, give func(ctx context.Context) error
}

const (
	view     = usermgmt.Permission("lead.view")
	password = "A-Long-Enough-Phrase-7"
)

// newGround makes the people, and says how what each has is taken away.
func newGround(t *testing.T, m *usermgmt.Manager) (g ground, kinds []kind) {
	t.Helper()
	ctx := t.Context()
	boot, err := m.Bootstrap(ctx, usermgmt.BootstrapRequest{Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.test", FirstName: "R", LastName: "R", Password: password}})
	require.NoError(t, err)
	f := &founder{t: t, m: m, boot: boot}
	g.Org = boot.Organization.ID
	seer := f.role("seer", usermgmt.Grant{Permission: view, Scope: usermgmt.ScopeOrganization})
	plain := f.role("plain")
	below := f.role("below", usermgmt.Grant{Permission: view, Scope: usermgmt.ScopeSubteams})
	operator := f.role("operator", usermgmt.Grant{Permission: usermgmt.PermProxyLogin, Scope: usermgmt.ScopeOrganization},
		usermgmt.Grant{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization})
	unlock, err := m.Profiles().Create(ctx, f.root(ctx), usermgmt.NewProfile{Org: g.Org, Name: "unlocks", Grants: []usermgmt.Grant{
		{Permission: usermgmt.PermUserUnlock, Scope: usermgmt.ScopeOrganization}, {Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	left, right, third := f.team("left"), f.team("right"), f.team("third")
	member := func(name string, team *usermgmt.Team, role *usermgmt.Role) *usermgmt.User {
		return f.user(name, team.ID, role.ID)
	}
	who := member("role", left, seer)
	g.Role = f.token("role")
	kinds = append(kinds, kind{"role", f.roles(who.ID, plain.ID), f.roles(who.ID, seer.ID)})

	content := f.role("content", usermgmt.Grant{Permission: view, Scope: usermgmt.ScopeOrganization})
	who = member("grants", left, content)
	g.Grants = f.key(who)
	kinds = append(kinds, kind{"grants", f.grants(content.ID), f.grants(content.ID, usermgmt.Grant{Permission: view, Scope: usermgmt.ScopeOrganization})})

	demoted := member("demoted", left, plain)
	g.Demoted, g.Target = demoted.ID, member("target", left, plain).ID
	regular := f.profile(usermgmt.ProfileRegularUser)
	require.NoError(t, f.profiles(demoted.ID, unlock.ID)(ctx))
	kinds = append(kinds, kind{"demote", f.profiles(demoted.ID, regular), f.profiles(demoted.ID, unlock.ID)})

	member("move", left, below)
	moved := f.team("moved")
	g.Move, g.Moved = f.token("move"), moved.ID
	require.NoError(t, f.parent(moved.ID, left.ID)(ctx))
	kinds = append(kinds, kind{"move", f.parent(moved.ID, right.ID), f.parent(moved.ID, left.ID)})

	who = member("disable", left, plain)
	g.Disable = f.key(who)
	kinds = append(kinds, kind{"disable",
		func(ctx context.Context) error { return m.Users().Disable(ctx, f.root(ctx), who.ID) },
		func(ctx context.Context) error { return m.Users().Enable(ctx, f.root(ctx), who.ID) }})

	boss, subject := member("operator", left, operator), member("subject", right, plain)
	in, err := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "user-operator", Password: password})
	require.NoError(t, err)
	proxied, err := m.Proxy().Login(ctx, in.Actor, usermgmt.ProxyRequest{Target: subject.ID, Acknowledged: true})
	require.NoError(t, err)
	g.List = proxied.Token.Reveal()
	kinds = append(kinds, kind{"list", f.list(boss.ID, true), f.list(boss.ID, false)})

	member("share", third, plain)
	g.Share, g.Shared = f.token("share"), right.ID
	kinds = append(kinds, f.sharing(right.ID, third.ID))
	return g, kinds
}

// founder makes what the test needs, as the root administrator.
type founder struct {
	t    *testing.T
	m    *usermgmt.Manager
	boot *usermgmt.Bootstrapped
}

func (f *founder) root(ctx context.Context) usermgmt.Actor {
	a, err := f.m.ActorFor(ctx, usermgmt.ActorRequest{User: f.boot.Administrator.ID})
	if err != nil {
		panic(err) // the administrator stays one
	}
	return a
}

func (f *founder) role(name string, grants ...usermgmt.Grant) *usermgmt.Role {
	r, err := f.m.Roles().Create(f.t.Context(), f.root(f.t.Context()), usermgmt.NewRole{Org: f.boot.Organization.ID, Name: name, Grants: grants})
	require.NoError(f.t, err)
	return r
}

func (f *founder) team(name string) *usermgmt.Team {
	team, err := f.m.Teams().Create(f.t.Context(), f.root(f.t.Context()), usermgmt.NewTeam{Name: name})
	require.NoError(f.t, err)
	return team
}

func (f *founder) profile(name string) usermgmt.ProfileID {
	p, err := f.m.Profiles().Shipped(f.t.Context(), f.root(f.t.Context()), name)
	require.NoError(f.t, err)
	return p.ID
}

func (f *founder) user(name string, team usermgmt.TeamID, role usermgmt.RoleID) *usermgmt.User {
	u, err := f.m.Users().Create(f.t.Context(), f.root(f.t.Context()), usermgmt.NewUser{Username: "user-" + name, Email: name + "@acme.test",
		FirstName: "A", LastName: "B", OwnerUnit: f.boot.MainUnit.ID, Password: password, NewMembership: usermgmt.NewMembership{
			Profile: f.profile(usermgmt.ProfileRegularUser), PrimaryTeam: team, Roles: []usermgmt.RoleAssignment{{Role: role}}}})
	require.NoError(f.t, err)
	return u
}

func (f *founder) token(name string) string {
	r, err := f.m.Auth().Login(f.t.Context(), usermgmt.LoginRequest{Name: "user-" + name, Password: password})
	require.NoError(f.t, err)
	return r.Token.Reveal()
}

func (f *founder) key(u *usermgmt.User) string {
	k, err := f.m.APIKeys().Generate(f.t.Context(), f.root(f.t.Context()), usermgmt.KeyRequest{User: u.ID})
	require.NoError(f.t, err)
	return k.Text.Reveal()
}

// member changes a membership, again if somebody else was faster.
func (f *founder) member(user usermgmt.UserID, change usermgmt.MembershipUpdate) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		for {
			mem, err := f.m.Members().Get(ctx, f.root(ctx), user, f.boot.Organization.ID)
			if err != nil {
				return err
			}
			if _, err = f.m.Members().Update(ctx, f.root(ctx), user, f.boot.Organization.ID, mem.Version, change); !errors.Is(err, usermgmt.ErrStale) {
				return err
			}
		}
	}
}

func (f *founder) roles(user usermgmt.UserID, role usermgmt.RoleID) func(ctx context.Context) error {
	return f.member(user, usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: role}}})
}

func (f *founder) profiles(user usermgmt.UserID, profile usermgmt.ProfileID) func(ctx context.Context) error {
	return f.member(user, usermgmt.MembershipUpdate{Profile: &profile})
}

func (f *founder) grants(role usermgmt.RoleID, grants ...usermgmt.Grant) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		r, err := f.m.Roles().Get(ctx, f.root(ctx), role)
		if err != nil {
			return err
		}
		_, err = f.m.Roles().Update(ctx, f.root(ctx), role, r.Version, usermgmt.RoleUpdate{Grants: &grants})
		return err
	}
}

func (f *founder) parent(team, parent usermgmt.TeamID) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		t, err := f.m.Teams().Get(ctx, f.root(ctx), team)
		if err != nil {
			return err
		}
		_, err = f.m.Teams().Update(ctx, f.root(ctx), team, t.Version, usermgmt.TeamUpdate{Parent: &parent})
		return err
	}
}

func (f *founder) list(operator usermgmt.UserID, restricted bool) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		l, err := f.m.Proxy().Grants(ctx, f.root(ctx), operator)
		if err != nil {
			return err
		}
		_, err = f.m.Proxy().SetGrants(ctx, f.root(ctx), operator, l.Version, usermgmt.ProxyGrants{Restricted: restricted})
		return err
	}
}

// sharing takes a policy away and makes it anew.
func (f *founder) sharing(owning, sharing usermgmt.TeamID) kind {
	n := 0
	var id usermgmt.SharingID
	give := func(ctx context.Context) error {
		n++
		p, err := f.m.Sharing().Create(ctx, f.root(ctx), usermgmt.NewSharing{Name: fmt.Sprint("policy ", n), Owning: owning,
			Sharing: []usermgmt.TeamID{sharing}, Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{view}})
		if err == nil {
			id = p.ID
		}
		return err
	}
	require.NoError(f.t, give(f.t.Context()))
	return kind{"share", func(ctx context.Context) error { return f.m.Sharing().Delete(ctx, f.root(ctx), id) }, give}
}
