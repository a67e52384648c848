package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// company is a small hierarchy: root team > sales > (north, south), root > it.
// lena administers sales; the others are regular users of their teams.
type company struct {
	*usermgmttest.Env
	sales, north, south, it      usermgmt.TeamID
	lena, sam, nora, ivan        *usermgmt.User
	seller                       *usermgmt.Role // held by lena too
	strong                       *usermgmt.Role // more than lena holds
	profileRegular, profileAdmin usermgmt.ProfileID
}

func newCompany(t *testing.T, cfg *usermgmt.Config) *company {
	t.Helper()
	if cfg == nil {
		cfg = &usermgmt.Config{}
	}
	cfg.Objects = append(cfg.Objects, usermgmt.Object{Name: "deal", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit", "delete"}})
	c := &company{Env: usermgmttest.NewOn(t, teststores.New(t), cfg)}
	c.sales = c.AddTeam("Sales", c.RootTeam.ID).ID
	c.north = c.AddTeam("North", c.sales).ID
	c.south = c.AddTeam("South", c.sales).ID
	c.it = c.AddTeam("IT", c.RootTeam.ID).ID
	role := func(name string, grants ...usermgmt.Grant) *usermgmt.Role {
		r, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Org: c.Organization.ID, Name: name, Grants: grants})
		require.NoError(t, err)
		return r
	}
	c.seller = role("Seller", usermgmt.Grant{Permission: "deal.view", Scope: usermgmt.ScopeTeam},
		usermgmt.Grant{Permission: "deal.edit", Scope: usermgmt.ScopeOwn})
	c.strong = role("Deal owner", usermgmt.Grant{Permission: "deal.delete", Scope: usermgmt.ScopeOrganization})
	c.profileRegular, c.profileAdmin = c.Profile(usermgmt.ProfileRegularUser), c.Profile(usermgmt.ProfileTeamAdministrator)
	in := func(team usermgmt.TeamID, profile usermgmt.ProfileID) func(*usermgmt.NewUser) {
		return func(n *usermgmt.NewUser) {
			n.PrimaryTeam, n.Profile = team, profile
			n.Roles = []usermgmt.RoleAssignment{{Role: c.seller.ID}}
			n.Units = []usermgmt.UnitID{c.MainUnit.ID}
		}
	}
	c.lena = c.AddUser("lena", in(c.sales, c.profileAdmin))
	c.sam = c.AddUser("sam", in(c.sales, c.profileRegular))
	c.nora = c.AddUser("nora", in(c.north, c.profileRegular))
	c.ivan = c.AddUser("ivan", in(c.it, c.profileRegular))
	return c
}

// colleague is a new user in a team.
func (c *company) colleague(name string, team usermgmt.TeamID, role usermgmt.RoleID, profile usermgmt.ProfileID) usermgmt.NewUser {
	return usermgmt.NewUser{Username: name, Email: name + "@acme.test", FirstName: "A", LastName: "B", OwnerUnit: c.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: profile, PrimaryTeam: team, Roles: []usermgmt.RoleAssignment{{Role: role}}}}
}

func permissionRule(t *testing.T, err error, rule string) {
	t.Helper()
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	var e *usermgmt.Error
	require.ErrorAs(t, err, &e)
	for e.Rule == "" {
		var inner *usermgmt.Error
		if e.Err == nil {
			break
		}
		require.ErrorAs(t, e.Err, &inner)
		e = inner
	}
	assert.Equal(t, rule, e.Rule)
}

func TestHierarchyLimitsChangingNotSeeing(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.As(c.lena.ID)
	page, err := c.Users().List(t.Context(), lena, usermgmt.UserQuery{})
	require.NoError(t, err)
	assert.Len(t, page.Items, 5, "lists show everybody")
	for _, id := range []usermgmt.UserID{c.sam.ID, c.nora.ID} {
		require.NoError(t, c.Users().Disable(t.Context(), lena, id), "own team and the teams below")
	}
	require.ErrorIs(t, c.Users().Disable(t.Context(), lena, c.ivan.ID), usermgmt.ErrPermission, "another branch")
	require.ErrorIs(t, c.Users().Disable(t.Context(), lena, c.Administrator.ID), usermgmt.ErrPermission, "a team above")
	require.ErrorIs(t, c.Users().Disable(t.Context(), c.As(c.ivan.ID), c.sam.ID), usermgmt.ErrNotFound,
		"who may not see a user is told that there is none")
	require.NoError(t, c.Users().Enable(t.Context(), c.Root(), c.sam.ID), "the root administrator is exempt")
}

func TestNewUsersComeIntoOwnTeamsWithOwnRights(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.As(c.lena.ID)
	create := func(n usermgmt.NewUser) error { _, err := c.Users().Create(t.Context(), lena, n); return err }
	require.NoError(t, create(c.colleague("new-north", c.north, c.seller.ID, c.profileRegular)))
	require.NoError(t, create(c.colleague("new-sales", c.sales, c.seller.ID, c.profileAdmin)), "as many rights as one has oneself")
	require.ErrorIs(t, create(c.colleague("new-it", c.it, c.seller.ID, c.profileRegular)), usermgmt.ErrPermission)
	permissionRule(t, create(c.colleague("stronger", c.north, c.strong.ID, c.profileRegular)), "exceeds_own_rights")
	permissionRule(t, create(c.colleague("admin2", c.north, c.seller.ID, c.Profile(usermgmt.ProfileAdministrator))), "exceeds_own_rights")
	both := c.colleague("both", c.north, c.seller.ID, c.profileRegular)
	both.Teams = []usermgmt.TeamAssignment{{Team: c.it}}
	require.ErrorIs(t, create(both), usermgmt.ErrPermission)
}

// A role that reaches as far as the holder's teams reaches farther in the hands
// of somebody who is in other teams than the one who gives it.
func TestRelativeRightsAreGivenWithinTheOwnTeamsOnly(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	require.NoError(t, c.Teams().AddMember(t.Context(), c.Root(), c.it, c.nora.ID, usermgmt.TeamChange{}))
	mem, err := c.Members().Get(t.Context(), c.Root(), c.nora.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = c.Members().Update(t.Context(), c.As(c.lena.ID), c.nora.ID, usermgmt.OrgID{}, mem.Version,
		usermgmt.MembershipUpdate{Profile: &c.profileAdmin})
	permissionRule(t, err, "exceeds_own_scope")
	mem, err = c.Members().Get(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = c.Members().Update(t.Context(), c.As(c.lena.ID), c.sam.ID, usermgmt.OrgID{}, mem.Version,
		usermgmt.MembershipUpdate{Profile: &c.profileAdmin})
	require.NoError(t, err)
}

func TestNobodyGainsByMovingTeamsAndUnits(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	role, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Name: "Organizer", Grants: []usermgmt.Grant{
		{Permission: "team.edit", Scope: usermgmt.ScopeOrganization}, {Permission: "unit.edit", Scope: usermgmt.ScopeOrganization},
		{Permission: "user.edit", Scope: usermgmt.ScopeDivision}}})
	require.NoError(t, err)
	mem, err := c.Members().Get(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	mine := c.AddUnit("Mine", usermgmt.UnitID{})
	other := c.AddUnit("Other", usermgmt.UnitID{})
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: role.ID})
	_, err = c.Members().Update(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{}, mem.Version,
		usermgmt.MembershipUpdate{Roles: &roles, Units: &[]usermgmt.UnitID{mine.ID}})
	require.NoError(t, err)
	lena := c.As(c.lena.ID)
	_, err = c.Units().Update(t.Context(), lena, other.ID, other.Version, usermgmt.UnitUpdate{Parent: &mine.ID})
	permissionRule(t, err, "gains_by_move")
	_, err = c.Units().Update(t.Context(), c.Root(), other.ID, other.Version, usermgmt.UnitUpdate{Parent: &mine.ID})
	require.NoError(t, err)
	it, err := c.Teams().Get(t.Context(), c.Root(), c.it)
	require.NoError(t, err)
	_, err = c.Teams().Update(t.Context(), lena, c.it, it.Version, usermgmt.TeamUpdate{Parent: &c.sales})
	permissionRule(t, err, "gains_by_move")
}

func TestNobodyProlongsWhatTheyHoldForATime(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	soon := c.Clock.Now().Add(time.Hour)
	mem, err := c.Members().Get(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	roles := []usermgmt.RoleAssignment{{Role: c.seller.ID}, {Role: c.strong.ID, Until: soon}}
	mem, err = c.Members().Update(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
	roles = []usermgmt.RoleAssignment{{Role: c.seller.ID}, {Role: c.strong.ID}}
	_, err = c.Members().Update(t.Context(), c.As(c.lena.ID), c.lena.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	permissionRule(t, err, "own_period")
}

func TestSubsetRuleOnRoles(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	// A role manager in sales: may write roles, but holds only what a seller does.
	grants := []usermgmt.Grant{{Permission: "role.*", Scope: usermgmt.ScopeOrganization}}
	author, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Org: c.Organization.ID, Name: "Author", Grants: grants})
	require.NoError(t, err)
	mem, err := c.Members().Get(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: author.ID})
	_, err = c.Members().Update(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
	lena := c.As(c.lena.ID)

	view := usermgmt.Grant{Permission: "deal.view", Scope: usermgmt.ScopeTeam}
	del := usermgmt.Grant{Permission: "deal.delete", Scope: usermgmt.ScopeOwn}
	wide := usermgmt.Grant{Permission: "deal.view", Scope: usermgmt.ScopeOrganization}
	create := func(name string, g ...usermgmt.Grant) (*usermgmt.Role, error) {
		return c.Roles().Create(t.Context(), lena, usermgmt.NewRole{Org: c.Organization.ID, Name: name, Grants: g})
	}
	mine, err := create("Viewer", view)
	require.NoError(t, err)
	_, err = create("Deleter", view, del)
	permissionRule(t, err, "exceeds_own_rights")
	_, err = create("Wide", wide)
	permissionRule(t, err, "exceeds_own_rights")
	_, err = create("Everything", usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOwn})
	permissionRule(t, err, "exceeds_own_rights")
	_, err = c.Roles().Create(t.Context(), lena, usermgmt.NewRole{Name: "System wide"})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "system-wide roles are not an organization's business")

	more := []usermgmt.Grant{view, del}
	_, err = c.Roles().Update(t.Context(), lena, mine.ID, mine.Version, usermgmt.RoleUpdate{Grants: &more})
	permissionRule(t, err, "exceeds_own_rights")
	_, err = c.Roles().Update(t.Context(), lena, c.strong.ID, c.strong.Version, usermgmt.RoleUpdate{Name: new("Mine now")})
	require.NoError(t, err, "a new name grants nothing")
	permissionRule(t, c.Roles().Delete(t.Context(), lena, c.strong.ID), "exceeds_own_rights")
	require.NoError(t, c.Roles().Delete(t.Context(), lena, mine.ID))

	// Taking a right away from one's own role is allowed; putting it back is not.
	less := []usermgmt.Grant{view}
	less2, err := c.Roles().Update(t.Context(), lena, c.seller.ID, c.seller.Version, usermgmt.RoleUpdate{Grants: &less})
	require.NoError(t, err)
	old := c.seller.Grants
	_, err = c.Roles().Update(t.Context(), lena, c.seller.ID, less2.Version, usermgmt.RoleUpdate{Grants: &old})
	permissionRule(t, err, "exceeds_own_rights")
	require.ErrorIs(t, c.Roles().Delete(t.Context(), c.Root(), c.seller.ID), usermgmt.ErrConflict, "a role in use stays")
}

func TestTeamsAreManagedWithinTheHierarchy(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.As(c.lena.ID)
	team, err := c.Teams().Create(t.Context(), lena, usermgmt.NewTeam{Parent: c.north, Name: "Fjord"})
	require.NoError(t, err)
	_, err = c.Teams().Create(t.Context(), lena, usermgmt.NewTeam{Parent: c.it, Name: "Shadow IT"})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	_, err = c.Teams().Update(t.Context(), lena, team.ID, team.Version, usermgmt.TeamUpdate{Parent: &c.it})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	moved, err := c.Teams().Update(t.Context(), lena, team.ID, team.Version, usermgmt.TeamUpdate{Parent: &c.south})
	require.NoError(t, err)
	north, err := c.Teams().Get(t.Context(), lena, c.sales)
	require.NoError(t, err)
	_, err = c.Teams().Update(t.Context(), c.Root(), c.sales, north.Version, usermgmt.TeamUpdate{Parent: &moved.ID})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "no cycles")
	require.ErrorIs(t, c.Teams().Delete(t.Context(), c.Root(), c.north), usermgmt.ErrConflict, "it has members")
	require.ErrorIs(t, c.Teams().Delete(t.Context(), c.Root(), c.south), usermgmt.ErrConflict, "it has a team below")
	require.ErrorIs(t, c.Teams().Delete(t.Context(), c.Root(), c.RootTeam.ID), usermgmt.ErrConflict, "the root team stays")
	require.NoError(t, c.Teams().Delete(t.Context(), lena, team.ID))
}

func TestPrimaryTeam(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.As(c.lena.ID)
	require.NoError(t, c.Teams().AddMember(t.Context(), lena, c.south, c.nora.ID, usermgmt.TeamChange{Primary: true}))
	mem, err := c.Members().Get(t.Context(), c.Root(), c.nora.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, c.south, mem.PrimaryTeam)
	assert.Len(t, mem.Teams, 2, "the old primary team stays a team")
	require.ErrorIs(t, c.Teams().RemoveMember(t.Context(), lena, c.south, c.nora.ID), usermgmt.ErrConflict)
	require.ErrorIs(t, c.Users().Deactivate(t.Context(), lena, c.nora.ID, usermgmt.DeactivateOptions{}), usermgmt.ErrConflict,
		"still in two teams")
	require.NoError(t, c.Teams().RemoveMember(t.Context(), lena, c.north, c.nora.ID))
	require.NoError(t, c.Users().Deactivate(t.Context(), lena, c.nora.ID, usermgmt.DeactivateOptions{}))
	require.ErrorIs(t, c.Teams().AddMember(t.Context(), lena, c.it, c.sam.ID, usermgmt.TeamChange{}), usermgmt.ErrPermission,
		"people are added to own teams only")
}

func TestATargetInSeveralTeamsQualifiesByAny(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.As(c.lena.ID)
	require.ErrorIs(t, c.Users().Disable(t.Context(), lena, c.ivan.ID), usermgmt.ErrPermission)
	require.NoError(t, c.Teams().AddMember(t.Context(), c.Root(), c.north, c.ivan.ID, usermgmt.TeamChange{}))
	require.NoError(t, c.Users().Disable(t.Context(), c.As(c.lena.ID), c.ivan.ID))
}

func TestTeamMatesSeeEachOthersRecords(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	places, err := c.Access().Placements(t.Context(), c.Organization.ID, c.lena.ID, c.sam.ID, c.nora.ID, c.ivan.ID)
	require.NoError(t, err)
	sam := c.As(c.sam.ID)
	assert.True(t, sam.Can("deal.view", places[c.lena.ID]), "same team")
	assert.False(t, sam.Can("deal.view", places[c.nora.ID]), "a team below is not the team")
	assert.False(t, sam.Can("deal.edit", places[c.lena.ID]))
	assert.True(t, sam.Can("deal.edit", places[c.sam.ID]), "one's own")
	assert.False(t, sam.Can("deal.view", places[c.ivan.ID]))
}

func TestSeatsFollowActivation(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	pool := func() usermgmt.LicencePool {
		pools, err := c.Licences().Report(t.Context(), c.Root(), usermgmt.OrgID{})
		require.NoError(t, err)
		require.Len(t, pools, 1)
		return pools[0].LicencePool
	}
	require.NoError(t, c.Licences().SetPool(t.Context(), c.Root(), c.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 5}))
	assert.Equal(t, 5, pool().Used)
	_, err := c.Users().Create(t.Context(), c.Root(), c.colleague("sixth", c.it, c.seller.ID, c.profileRegular))
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	require.NoError(t, c.Users().Disable(t.Context(), c.Root(), c.ivan.ID))
	assert.Equal(t, 5, pool().Used, "disabling keeps the seat")
	require.NoError(t, c.Users().Deactivate(t.Context(), c.Root(), c.nora.ID, usermgmt.DeactivateOptions{}))
	assert.Equal(t, usermgmt.LicencePool{Org: c.Organization.ID, Type: usermgmt.LicencePlatform, PoolTerms: usermgmt.PoolTerms{Size: 5}, Used: 4}, pool(),
		"deactivating frees it and leaves the plan alone")
	_, err = c.Users().Create(t.Context(), c.Root(), c.colleague("sixth", c.it, c.seller.ID, c.profileRegular))
	require.NoError(t, err)
	require.ErrorIs(t, c.Users().Reactivate(t.Context(), c.Root(), c.nora.ID), usermgmt.ErrLimit, "coming back takes a seat")
}
