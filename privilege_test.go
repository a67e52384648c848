package usermgmt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// clerk is a world with an administrator of everything but the password
// policy, who would like to have it.
type clerk struct {
	*plan
	t          *testing.T
	id         usermgmt.UserID
	own        usermgmt.ProfileID
	weak       *usermgmt.Role // which the clerk holds
	shadowed   *usermgmt.Role // "*.edit" but for the policy
	team       usermgmt.TeamID
	rich       usermgmt.TeamID // whose members edit the policy in an application
	stronger   usermgmt.RoleID
	app        usermgmt.ApplicationID
	accomplice usermgmt.UserID
}

func newClerk(t *testing.T) *clerk {
	t.Helper()
	c := &clerk{plan: newPlan(t), t: t}
	ctx, root := t.Context(), c.Root()
	org := usermgmt.ScopeOrganization
	var grants []usermgmt.Grant
	for _, object := range []string{"user.*", "role.*", "profile.*", "team.*", "unit.*", "application.*", "proxy.*", "audit.*"} {
		grants = append(grants, usermgmt.Grant{Permission: usermgmt.Permission(object), Scope: org})
	}
	grants = append(grants, usermgmt.Grant{Permission: usermgmt.PermOrgView, Scope: org}, usermgmt.Grant{Permission: usermgmt.PermOrgEdit, Scope: org},
		usermgmt.Grant{Permission: "personal.setup", Scope: org})
	profile, err := c.Profiles().Create(ctx, root, usermgmt.NewProfile{Org: c.Organization.ID, Name: "Clerk", Grants: grants})
	require.NoError(t, err)
	role := func(name string, grants ...usermgmt.Grant) *usermgmt.Role {
		r, err := c.Roles().Create(ctx, root, usermgmt.NewRole{Org: c.Organization.ID, Name: name, Grants: grants})
		require.NoError(t, err)
		return r
	}
	c.own, c.stronger, c.app = profile.ID, c.roles["stronger"].ID, c.apps["own"].ID
	c.weak = role("weak", usermgmt.Grant{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOwn})
	c.shadowed = role("shadowed", usermgmt.Grant{Permission: "*.edit", Scope: org}, usermgmt.Grant{Permission: usermgmt.PermPolicyEdit})
	c.team, c.rich = c.AddTeam("clerks", c.RootTeam.ID).ID, c.AddTeam("rich", c.RootTeam.ID).ID
	_, err = c.Applications().Grant(ctx, root, usermgmt.AccessRequest{Application: c.app, Team: c.rich,
		Roles: []usermgmt.RoleAssignment{{Role: c.stronger}}})
	require.NoError(t, err)
	c.id = c.AddUser("clerk", func(n *usermgmt.NewUser) {
		n.Profile, n.PrimaryTeam, n.Roles = c.own, c.team, []usermgmt.RoleAssignment{{Role: c.weak.ID}, {Role: c.shadowed.ID}}
	}).ID
	c.accomplice = c.AddUser("accomplice", func(n *usermgmt.NewUser) { n.PrimaryTeam = c.team }).ID
	return c
}

func (c *clerk) as() usermgmt.Actor { return c.As(c.id) }

// strong reports whether a user may edit the policy, in whatever application.
func (c *clerk) strong(user usermgmt.UserID) bool {
	for _, app := range []usermgmt.ApplicationID{{}, c.app, c.apps["system-wide"].ID} {
		a, err := c.ActorFor(c.t.Context(), usermgmt.ActorRequest{User: user, Application: app, ProvedAt: c.Clock.Now()})
		require.NoError(c.t, err)
		if a.Has(usermgmt.PermPolicyEdit) {
			return true
		}
	}
	return false
}

func (c *clerk) update(user usermgmt.UserID, u usermgmt.MembershipUpdate) error {
	m, err := c.Store.MembershipOf(c.t.Context(), user, c.Organization.ID)
	require.NoError(c.t, err)
	_, err = c.Members().Update(c.t.Context(), c.as(), user, usermgmt.OrgID{}, m.Version, u)
	return err
}

func TestNobodyGrantsWhatTheyDoNotHoldByAnyRoute(t *testing.T) {
	t.Parallel()
	policy := func(p usermgmt.Permission) *[]usermgmt.Grant {
		return &[]usermgmt.Grant{{Permission: p, Scope: usermgmt.ScopeOrganization}}
	}
	both := func(c *clerk, f func(user usermgmt.UserID) error) error {
		for _, user := range []usermgmt.UserID{c.id, c.accomplice} {
			if err := f(user); err == nil {
				return nil
			} else if !assert.ErrorIs(c.t, err, usermgmt.ErrPermission) {
				return err
			}
		}
		return f(c.accomplice)
	}
	routes := map[string]func(c *clerk) error{
		"changing a role one holds": func(c *clerk) error {
			return second2(c.Roles().Update(c.t.Context(), c.as(), c.weak.ID, c.weak.Version, usermgmt.RoleUpdate{Grants: policy(usermgmt.PermPolicyEdit)}))
		},
		"taking an explicit None out of a role": func(c *clerk) error {
			return second2(c.Roles().Update(c.t.Context(), c.as(), c.shadowed.ID, c.shadowed.Version, usermgmt.RoleUpdate{Grants: policy("*.edit")}))
		},
		"copying a role": func(c *clerk) error {
			return second2(c.Roles().Clone(c.t.Context(), c.as(), c.stronger, c.Organization.ID, "mine"))
		},
		"taking a role": func(c *clerk) error {
			return both(c, func(u usermgmt.UserID) error {
				return c.update(u, usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: c.weak.ID}, {Role: c.stronger}}})
			})
		},
		"taking a role that begins tomorrow": func(c *clerk) error {
			return both(c, func(u usermgmt.UserID) error {
				return c.update(u, usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: c.weak.ID}, {Role: c.stronger, From: c.Clock.Now().Add(24 * time.Hour)}}})
			})
		},
		"taking the administrators' profile": func(c *clerk) error {
			return both(c, func(u usermgmt.UserID) error {
				return c.update(u, usermgmt.MembershipUpdate{Profile: ptr(c.Profile(usermgmt.ProfileAdministrator))})
			})
		},
		"copying the administrators' profile": func(c *clerk) error {
			return second2(c.Profiles().Clone(c.t.Context(), c.as(), c.Profile(usermgmt.ProfileAdministrator), c.Organization.ID, "mine"))
		},
		"changing one's own profile": func(c *clerk) error {
			f, err := c.Profiles().Get(c.t.Context(), c.as(), c.own)
			require.NoError(c.t, err)
			return second2(c.Profiles().Update(c.t.Context(), c.as(), c.own, f.Version, usermgmt.ProfileUpdate{Grants: policy("*.*")}))
		},
		"application access": func(c *clerk) error {
			return both(c, func(u usermgmt.UserID) error {
				return second2(c.Applications().Grant(c.t.Context(), c.as(), usermgmt.AccessRequest{Application: c.app, User: u, Roles: []usermgmt.RoleAssignment{{Role: c.stronger}}}))
			})
		},
		"application access of one's team": func(c *clerk) error {
			return second2(c.Applications().Grant(c.t.Context(), c.as(), usermgmt.AccessRequest{Application: c.app, Team: c.team, Roles: []usermgmt.RoleAssignment{{Role: c.stronger}}}))
		},
		"joining a team with more": func(c *clerk) error {
			return both(c, func(u usermgmt.UserID) error {
				return c.Teams().AddMember(c.t.Context(), c.as(), c.rich, u, usermgmt.TeamChange{})
			})
		},
		"moving one's team below one with more": func(c *clerk) error {
			team, err := c.Teams().Get(c.t.Context(), c.as(), c.team)
			require.NoError(c.t, err)
			return second2(c.Teams().Update(c.t.Context(), c.as(), c.team, team.Version, usermgmt.TeamUpdate{Parent: &c.rich}))
		},
		"an import": func(c *clerk) error {
			r, err := c.Imports().Users(c.t.Context(), c.as(), strings.NewReader("username,profile\naccomplice,Administrator\n"), usermgmt.ImportOptions{})
			require.NoError(c.t, err)
			require.NotEmpty(c.t, r.Problems)
			return r.Problems[0]
		},
		"an import of roles": func(c *clerk) error {
			r, err := c.Imports().Users(c.t.Context(), c.as(), strings.NewReader("username,roles\naccomplice,spare stronger\n"), usermgmt.ImportOptions{})
			require.NoError(c.t, err)
			require.NotEmpty(c.t, r.Problems)
			return r.Problems[0]
		},
	}
	for _, p := range []usermgmt.Permission{usermgmt.PermPolicyEdit, "policy.*", "*.edit", "*.*"} {
		routes["making a role with "+string(p)] = func(c *clerk) error {
			return second2(c.Roles().Create(c.t.Context(), c.as(), usermgmt.NewRole{Org: c.Organization.ID, Name: "r", Grants: *policy(p)}))
		}
		routes["making a profile with "+string(p)] = func(c *clerk) error {
			return second2(c.Profiles().Create(c.t.Context(), c.as(), usermgmt.NewProfile{Org: c.Organization.ID, Name: "p", Grants: *policy(p)}))
		}
	}
	for name, change := range map[string]func(c *clerk, n *usermgmt.NewUser){
		"profile":        func(c *clerk, n *usermgmt.NewUser) { n.Profile = c.Profile(usermgmt.ProfileAdministrator) },
		"system profile": func(c *clerk, n *usermgmt.NewUser) { n.Profile = c.Profile(usermgmt.ProfileSystemAdministrator) },
		"role":           func(c *clerk, n *usermgmt.NewUser) { n.Roles = []usermgmt.RoleAssignment{{Role: c.stronger}} },
		"team":           func(c *clerk, n *usermgmt.NewUser) { n.Teams = []usermgmt.TeamAssignment{{Team: c.rich}} },
		"access": func(c *clerk, n *usermgmt.NewUser) {
			n.Access = []usermgmt.ApplicationAccess{{Application: c.app, Roles: []usermgmt.RoleAssignment{{Role: c.stronger}}}}
		},
	} {
		routes["a new user with a stronger "+name] = func(c *clerk) error {
			n := newcomer(c.Env, "puppet", "puppet@acme.test")
			change(c, &n)
			return second2(c.Users().Create(c.t.Context(), c.as(), n))
		}
	}
	for name, route := range routes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClerk(t)
			require.False(t, c.strong(c.id))
			require.ErrorIs(t, route(c), usermgmt.ErrPermission)
			c.Clock.Advance(48 * time.Hour)
			assert.False(t, c.strong(c.id))
			assert.False(t, c.strong(c.accomplice))
		})
	}
}

// A role or profile that holds more than oneself is only renamed and weakened:
// the addresses of a profile are part of what it protects.
func TestAStrongerRoleOrProfileIsOnlyEverWeakened(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	ctx := t.Context()
	strong, err := c.Profiles().Create(ctx, c.Root(), usermgmt.NewProfile{Org: c.Organization.ID, Name: "Strong",
		Grants:   []usermgmt.Grant{{Permission: usermgmt.PermPolicyEdit, Scope: usermgmt.ScopeOrganization}, {Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOwn}},
		IPRanges: []usermgmt.IPRange{{From: addr("192.0.2.0"), To: addr("192.0.2.255")}}})
	require.NoError(t, err)
	_, err = c.Profiles().Update(ctx, c.as(), strong.ID, strong.Version, usermgmt.ProfileUpdate{IPRanges: &[]usermgmt.IPRange{}})
	assert.ErrorIs(t, err, usermgmt.ErrPermission, "opening a stronger profile to all addresses")
	assert.ErrorIs(t, c.Profiles().Delete(ctx, c.as(), strong.ID), usermgmt.ErrPermission)
	assert.ErrorIs(t, c.Roles().Delete(ctx, c.as(), c.stronger), usermgmt.ErrPermission)

	role, err := c.Roles().Get(ctx, c.as(), c.stronger)
	require.NoError(t, err)
	_, err = c.Roles().Update(ctx, c.as(), c.stronger, role.Version, usermgmt.RoleUpdate{Grants: &[]usermgmt.Grant{}})
	assert.NoError(t, err, "taking away is always allowed")
}

// Whoever could use a stronger user's credentials would be that user.
func TestACredentialOfAStrongerUserIsOutOfReach(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	ctx := t.Context()
	c.Login("admin")
	victim := c.users["admin"]
	session := c.Login("clerk").Actor
	for name, attack := range map[string]func(a usermgmt.Actor) error{
		"api key": func(a usermgmt.Actor) error {
			return second2(c.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: victim.ID}))
		},
		"password": func(a usermgmt.Actor) error {
			return c.Passwords().Set(ctx, a, victim.ID, "Another-Long-7-Phrase", "", false)
		},
		"username": func(a usermgmt.Actor) error {
			return second2(c.Users().Update(ctx, a, victim.ID, victim.Version, usermgmt.UserUpdate{Username: ptr("mine-now")}))
		},
		"address": func(a usermgmt.Actor) error {
			return second2(c.Users().Update(ctx, a, victim.ID, victim.Version, usermgmt.UserUpdate{Email: ptr("clerk2@acme.test")}))
		},
		"address by import": func(a usermgmt.Actor) error {
			r, err := c.Imports().Users(ctx, a, strings.NewReader("username,email\nadmin,clerk2@acme.test\n"), usermgmt.ImportOptions{})
			require.NoError(t, err)
			require.NotEmpty(t, r.Problems)
			return r.Problems[0]
		},
	} {
		assert.ErrorIs(t, attack(c.as()), usermgmt.ErrPermission, name)
		assert.ErrorIs(t, attack(session), usermgmt.ErrPermission, name)
	}
	_, err := login(c.Env, t, "admin", usermgmttest.Password)
	assert.NoError(t, err, "the victim's password is what it was")
}

// An identity at a single sign-on is a credential too.
func TestTheSingleSignOnIdentityOfAStrongerUserIsOutOfReach(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	victim := c.users["admin"]
	_, err := c.Users().Update(t.Context(), c.as(), victim.ID, victim.Version,
		usermgmt.UserUpdate{SSO: &usermgmt.SSO{FederationID: "clerk@idp.test", Delegated: true}})
	assert.ErrorIs(t, err, usermgmt.ErrPermission)
}

func TestStrictProxyLoginRefusesStrongerTargets(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Proxy: usermgmt.ProxyConfig{Strict: true}})
	ctx := t.Context()
	e.AddUser("lead", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileTeamAdministrator) })
	ann := e.AddUser("ann", nil)
	r := e.Login("lead")
	_, err := e.Proxy().Login(ctx, r.Actor, usermgmt.ProxyRequest{Target: e.Administrator.ID, Acknowledged: true})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	assert.Equal(t, "stronger", ruleIn(err))
	p, err := e.Proxy().Login(ctx, r.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.NoError(t, err)
	m, err := e.Members().Get(ctx, e.Root(), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = e.Members().Update(ctx, e.Root(), ann.ID, usermgmt.OrgID{}, m.Version, usermgmt.MembershipUpdate{Profile: ptr(e.Profile(usermgmt.ProfileAdministrator))})
	require.NoError(t, err)
	_, err = e.Auth().Session(ctx, p.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the target was promoted meanwhile")
}

// What an administrator of a user's second organization may do ends at the
// user's identity, by whatever door.
func TestASecondOrganizationsAdministratorDoesNotTouchIdentity(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx := t.Context()
	tom, second := p.users["teammate"], p.actors["second-admin"]
	direct := map[string]error{
		"name":       second2(p.Users().Update(ctx, second, tom.ID, tom.Version, usermgmt.UserUpdate{FirstName: ptr("X")})),
		"address":    second2(p.Users().Update(ctx, second, tom.ID, tom.Version, usermgmt.UserUpdate{Email: ptr("x@gamma.test")})),
		"password":   p.Passwords().Set(ctx, second, tom.ID, "Another-Long-7-Phrase", "", false),
		"disable":    p.Users().Disable(ctx, second, tom.ID),
		"deactivate": p.Users().Deactivate(ctx, second, tom.ID, usermgmt.DeactivateOptions{}),
		"unlock":     p.Users().Activate(ctx, second, tom.ID),
		"avatar":     p.Users().SetAvatar(ctx, second, tom.ID, nil),
		"home":       p.Users().Assign(ctx, second, tom.ID, tom.Version, p.units["gamma"]),
		"sessions":   second2(p.Sessions().EndAll(ctx, second, tom.ID)),
		"session":    p.Sessions().End(ctx, second, p.sessions["teammate"]),
	}
	for name, err := range direct {
		assert.ErrorIs(t, err, usermgmt.ErrPermission, name)
	}

}

// of a member whose home is elsewhere an administrator sees the sessions
// in the own organization.
func TestASecondOrganizationsAdministratorSeesNoSessionsElsewhere(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	list, err := p.Sessions().List(t.Context(), p.actors["second-admin"], p.users["teammate"].ID)
	if err != nil {
		require.ErrorIs(t, err, usermgmt.ErrPermission)
	}
	for _, s := range list {
		assert.Equal(t, p.orgs["gamma"].ID, s.Org, "a session in another organization, with its address")
	}
}

// Nor is there a way around through the user's own rights: a key or a proxy
// login of the second organization is not the user at home.
func TestAKeyOrProxyLoginOfASecondOrganizationIsNotTheUserAtHome(t *testing.T) {
	t.Parallel()
	for door, enter := range map[string]func(p *plan, second usermgmt.Actor, tom usermgmt.UserID) usermgmt.Actor{
		"key": func(p *plan, second usermgmt.Actor, tom usermgmt.UserID) usermgmt.Actor {
			key, err := p.APIKeys().Generate(t.Context(), second, usermgmt.KeyRequest{User: tom})
			require.NoError(t, err)
			a, err := p.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
			require.NoError(t, err)
			return a
		},
		"proxy": func(p *plan, second usermgmt.Actor, tom usermgmt.UserID) usermgmt.Actor {
			r, err := p.Proxy().Login(t.Context(), second, usermgmt.ProxyRequest{Target: tom, Acknowledged: true})
			require.NoError(t, err)
			return r.Actor
		},
	} {
		t.Run(door, func(t *testing.T) {
			t.Parallel()
			p := newPlan(t)
			ctx, tom := t.Context(), p.users["teammate"]
			a := enter(p, p.actors["second-admin"], tom.ID)
			mems, err := p.Members().ListOf(ctx, a, tom.ID)
			require.NoError(t, err)
			assert.Len(t, mems, 1, "memberships elsewhere")
			_, err = p.Users().Update(ctx, a, tom.ID, tom.Version, usermgmt.UserUpdate{FirstName: ptr("Changed"), Emails: &[]string{"x@gamma.test"}})
			assert.ErrorIs(t, err, usermgmt.ErrPermission, "identity")
			_, err = p.Sessions().EndAll(ctx, a, tom.ID)
			assert.ErrorIs(t, err, usermgmt.ErrPermission, "sessions at home")
		})
	}
}

func TestScopeSystemCountsInTheProviderOrganizationOnly(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx := t.Context()
	bea := p.users["other-admin"]
	m, err := p.Members().Get(ctx, p.Root(), bea.ID, p.orgs["beta"].ID)
	require.NoError(t, err)
	_, err = p.Members().Update(ctx, p.Root(), bea.ID, p.orgs["beta"].ID, m.Version, usermgmt.MembershipUpdate{Profile: ptr(p.Profile(usermgmt.ProfileSystemAdministrator))})
	require.NoError(t, err)
	a := p.AsIn(bea.ID, p.orgs["beta"].ID)
	assert.Equal(t, usermgmt.ScopeOrganization.Expand(), a.Scope(usermgmt.PermUserView))
	assert.False(t, a.Has(usermgmt.PermOrgCreate))
	_, err = p.Users().Get(ctx, a, p.users["teammate"].ID)
	assert.ErrorIs(t, err, usermgmt.ErrNotFound)
	_, err = p.Roles().Create(ctx, a, usermgmt.NewRole{Name: "everywhere"})
	assert.Error(t, err)
	_, err = p.Roles().Create(ctx, a, usermgmt.NewRole{Org: p.orgs["beta"].ID, Name: "r",
		Grants: []usermgmt.Grant{{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeSystem}}})
	assert.ErrorIs(t, err, usermgmt.ErrPermission, "scope System in a role of an organization")
	_, err = p.Profiles().Clone(ctx, a, p.Profile(usermgmt.ProfileSystemAdministrator), p.orgs["beta"].ID, "copy")
	assert.ErrorIs(t, err, usermgmt.ErrPermission)

	system, err := p.SystemActor("test", p.orgs["beta"].ID, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeSystem})
	require.NoError(t, err)
	_, err = p.Users().Get(ctx, system, p.users["teammate"].ID)
	assert.ErrorIs(t, err, usermgmt.ErrNotFound, "a system actor of one organization")
}

// A call that says nothing must not do anything either, and tell nothing.
func TestAnEmptyUpdateOfAForeignOrganizationIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	for _, kind := range []string{"member", "lead", "admin", "api-key", "system", "second-admin"} {
		for version := range int64(3) {
			o, err := p.Orgs().Update(t.Context(), p.actors[kind], p.orgs["beta"].ID, version, usermgmt.OrganizationUpdate{})
			assert.ErrorIs(t, err, usermgmt.ErrNotFound, kind)
			assert.Nil(t, o)
		}
	}
}

// An organization that exists elsewhere is not told from one that does not.
func TestAddingToAForeignOrganizationTellsNothingAboutIt(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	n := usermgmt.NewMembership{Profile: p.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: p.teams["beta"], Roles: []usermgmt.RoleAssignment{{Role: p.Regular.ID}}}
	for _, kind := range []string{"lead", "manager", "admin", "api-key", "system"} {
		_, foreign := p.Members().Add(t.Context(), p.actors[kind], p.users["teammate"].ID, p.orgs["beta"].ID, n)
		_, unknown := p.Members().Add(t.Context(), p.actors[kind], p.users["teammate"].ID, p.orgs["unknown"].ID, n)
		require.Error(t, foreign)
		assert.Equal(t, fmt.Sprint(unknown), fmt.Sprint(foreign), kind)
	}
}
