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

// give adds a new role with grants to a member.
func (c *company) give(t *testing.T, user usermgmt.UserID, name string, grants ...usermgmt.Grant) {
	t.Helper()
	role, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Org: c.Organization.ID, Name: name, Grants: grants})
	require.NoError(t, err)
	mem, err := c.Members().Get(t.Context(), c.Root(), user, usermgmt.OrgID{})
	require.NoError(t, err)
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: role.ID})
	_, err = c.Members().Update(t.Context(), c.Root(), user, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
}

func TestWhatIsSystemWideNeedsRightsEverywhere(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	shared, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Name: "Shared"})
	require.NoError(t, err)
	c.give(t, c.sam.ID, "Role editor", usermgmt.Grant{Permission: "role.edit", Scope: usermgmt.ScopeSystem},
		usermgmt.Grant{Permission: "user.edit", Scope: usermgmt.ScopeOrganization})
	grants := []usermgmt.Grant{{Permission: "user.edit", Scope: usermgmt.ScopeOrganization}}
	_, err = c.Roles().Update(t.Context(), c.As(c.sam.ID), shared.ID, shared.Version, usermgmt.RoleUpdate{Grants: &grants})
	permissionRule(t, err, "exceeds_own_rights")
}

func TestNobodyWidensTheOwnScopeByJoining(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	c.give(t, c.sam.ID, "Organizer", usermgmt.Grant{Permission: "user.membership", Scope: usermgmt.ScopeOrganization},
		usermgmt.Grant{Permission: "user.deactivate", Scope: usermgmt.ScopeTeam})
	sam := c.As(c.sam.ID)
	err := c.Teams().AddMember(t.Context(), sam, c.it, c.sam.ID, usermgmt.TeamChange{})
	permissionRule(t, err, "exceeds_own_scope")
	require.NoError(t, c.Teams().AddMember(t.Context(), c.Root(), c.it, c.sam.ID, usermgmt.TeamChange{}), "somebody who holds it everywhere may")
}

func TestNobodyProlongsTheOwnTeams(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	c.give(t, c.sam.ID, "Organizer", usermgmt.Grant{Permission: "user.membership", Scope: usermgmt.ScopeOrganization})
	mem, err := c.Members().Get(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	teams := append(mem.Teams, usermgmt.TeamAssignment{Team: c.it, Until: c.Clock.Now().Add(time.Hour)})
	mem, err = c.Members().Update(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Teams: &teams})
	require.NoError(t, err)
	c.Clock.Advance(2 * time.Hour)
	forGood := []usermgmt.TeamAssignment{mem.Teams[0], {Team: c.it}}
	_, err = c.Members().Update(t.Context(), c.As(c.sam.ID), c.sam.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Teams: &forGood})
	permissionRule(t, err, "own_period")
}

func TestAKeyIsNoWayAroundWhatItsOwnerWouldGain(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	c.give(t, c.lena.ID, "Team editor", usermgmt.Grant{Permission: "team.edit", Scope: usermgmt.ScopeOrganization})
	key, err := c.APIKeys().Generate(t.Context(), c.As(c.lena.ID), usermgmt.KeyRequest{User: c.lena.ID, Permissions: []usermgmt.Permission{"team.edit"}})
	require.NoError(t, err)
	a, err := c.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.NoError(t, err)
	it, err := c.Teams().Get(t.Context(), c.Root(), c.it)
	require.NoError(t, err)
	_, err = c.Teams().Update(t.Context(), a, c.it, it.Version, usermgmt.TeamUpdate{Parent: &c.sales})
	permissionRule(t, err, "gains_by_move")
}

func TestObjectsAreNotSetFreeWithoutRightsOnThem(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	app, err := c.Applications().Create(t.Context(), c.Root(), usermgmt.NewApplication{Org: c.Organization.ID, Name: "CRM", Objects: []string{"deal"}})
	require.NoError(t, err)
	c.give(t, c.sam.ID, "App manager", usermgmt.Grant{Permission: "application.manage", Scope: usermgmt.ScopeOrganization})
	sam := c.As(c.sam.ID)
	_, err = c.Applications().Update(t.Context(), sam, app.ID, app.Version, usermgmt.ApplicationUpdate{Objects: &[]string{}})
	permissionRule(t, err, "exceeds_own_rights")
	permissionRule(t, c.Applications().Delete(t.Context(), sam, app.ID), "exceeds_own_rights")
	_, err = c.Applications().Update(t.Context(), sam, app.ID, app.Version, usermgmt.ApplicationUpdate{Name: new("Sales")})
	require.NoError(t, err)
}

func TestTheHomeOrganizationKeepsIdentity(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	other := e.AddOrg("Other")
	ann := e.AddUser("ann", nil)
	place := func(profile string) usermgmt.NewMembership {
		return usermgmt.NewMembership{Profile: e.Profile(profile), PrimaryTeam: other.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}
	}
	mem, err := e.Members().Add(t.Context(), e.Root(), ann.ID, other.Organization.ID, place(usermgmt.ProfileRegularUser))
	require.NoError(t, err)
	_, err = e.Users().Update(t.Context(), e.AsIn(ann.ID, other.Organization.ID), ann.ID, ann.Version, usermgmt.UserUpdate{Phone: new("1")})
	permissionRule(t, err, "home_organization")
	// The home's administrator keeps the credentials of an ordinary guest
	// elsewhere, but gets no authority there by them.
	admin := e.AddUser("admin2", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	require.NoError(t, e.Passwords().Set(t.Context(), e.As(admin.ID), ann.ID, otherPassword, "", false))
	profile := e.Profile(usermgmt.ProfileAdministrator)
	_, err = e.Members().Update(t.Context(), e.Root(), ann.ID, other.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Profile: &profile})
	require.NoError(t, err)
	permissionRule(t, e.Passwords().Set(t.Context(), e.As(admin.ID), ann.ID, usermgmttest.Password, "", false), "stronger")
}

func TestForeignAndMissingLeaveTheSameTrace(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	other := e.AddOrg("Other")
	olaf := e.AddUser("olaf", func(n *usermgmt.NewUser) { n.OwnerUnit, n.PrimaryTeam = other.MainUnit.ID, other.RootTeam.ID })
	admin := e.AddUser("admin2", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	trace := func(id usermgmt.UserID) string {
		t.Helper()
		err := e.Users().Disable(t.Context(), e.As(admin.ID), id)
		require.ErrorIs(t, err, usermgmt.ErrNotFound)
		e.Clock.Advance(time.Minute)
		entries, lerr := e.Audit().List(t.Context(), e.As(admin.ID), usermgmt.AuditQuery{Limit: 1})
		require.NoError(t, lerr)
		return strings.Join([]string{err.Error(), entries[0].Verb, entries[0].Target, entries[0].TargetKind, entries[0].Detail.TargetName, entries[0].Detail.Reason}, "|")
	}
	assert.Equal(t, trace(usermgmt.UserID{1}), trace(olaf.ID))
}

func TestEveryOrganizationSeesWhatLeavingChangedThere(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	other := e.AddOrg("Other")
	ann := e.AddUser("ann", nil)
	_, err := e.Members().Add(t.Context(), e.Root(), ann.ID, other.Organization.ID, usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: other.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	require.NoError(t, e.Users().Deactivate(t.Context(), e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Org: other.Organization.ID, Verb: "membership.update"})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, []string{"seat"}, entries[0].Fields)
}

// Rights for the whole of the own organization say nothing about another one.
func TestNobodyReachesFartherInAnotherOrganization(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx := t.Context()
	beta := c.AddOrg("Beta")
	c.give(t, c.lena.ID, "Staffing", usermgmt.Grant{Permission: "user.*", Scope: usermgmt.ScopeSystem},
		usermgmt.Grant{Permission: "deal.*", Scope: usermgmt.ScopeOrganization})
	clerk, err := c.Roles().Create(ctx, c.Root(), usermgmt.NewRole{Org: beta.Organization.ID, Name: "Clerk",
		Grants: []usermgmt.Grant{{Permission: "deal.edit", Scope: usermgmt.ScopeTeam}}})
	require.NoError(t, err)
	desk, other := c.AddTeam("Desk", beta.RootTeam.ID).ID, c.AddTeam("Other", beta.RootTeam.ID).ID
	for _, user := range []usermgmt.UserID{c.lena.ID, c.nora.ID} {
		_, err = c.Members().Add(ctx, c.Root(), user, beta.Organization.ID, usermgmt.NewMembership{Profile: c.profileRegular,
			PrimaryTeam: desk, Roles: []usermgmt.RoleAssignment{{Role: clerk.ID}}})
		require.NoError(t, err)
		permissionRule(t, c.Teams().AddMember(ctx, c.As(c.lena.ID), other, user, usermgmt.TeamChange{}), "exceeds_own_scope")
	}
	require.NoError(t, c.Teams().AddMember(ctx, c.Root(), other, c.nora.ID, usermgmt.TeamChange{}))
}
