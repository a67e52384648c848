package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// move puts a team below another one.
func (c *company) move(t *testing.T, a usermgmt.Actor, team, parent usermgmt.TeamID) error {
	t.Helper()
	before, err := c.Store.TeamByID(t.Context(), team)
	require.NoError(t, err)
	_, err = c.Teams().Update(t.Context(), a, team, before.Version, usermgmt.TeamUpdate{Parent: &parent})
	return err
}

// join makes a member be in more teams, until the end or from the beginning if those
// are set.
func (c *company) join(t *testing.T, user usermgmt.UserID, teams ...usermgmt.TeamAssignment) {
	t.Helper()
	mem, err := c.Members().Get(t.Context(), c.Root(), user, usermgmt.OrgID{})
	require.NoError(t, err)
	all := append(mem.Teams, teams...)
	_, err = c.Members().Update(t.Context(), c.Root(), user, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Teams: &all})
	require.NoError(t, err)
}

// What a policy shares with the members of a team says nothing about those of the
// teams below it: a move may bring them what the team's own members have already.
func TestAMoveSharesNothingWithMembersBelow(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	desk := c.AddTeam("Desk", c.north).ID
	c.share(t, func(n *usermgmt.NewSharing) {
		n.Owning, n.OwningSubteams, n.Sharing, n.Model = c.south, true, []usermgmt.TeamID{c.north}, usermgmt.SharingMashup
	})
	permissionRule(t, c.move(t, c.As(c.lena.ID), c.north, c.south), "exceeds_own_scope") // Desk would see North's deals, and Lena does not
	require.NoError(t, c.move(t, c.As(c.lena.ID), desk, c.sales), "below Sales it is in no set")
	require.NoError(t, c.move(t, c.As(c.lena.ID), c.north, c.south), "North's own members have all of it already")
}

// A policy whose owning set takes in a team shares its records also with those who
// come into the sharing set with it.
func TestAMoveSharesNothingOfWhatIsMovedWithWhoMovesIt(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	desk := c.AddTeam("Desk", c.it).ID
	c.join(t, c.sam.ID, usermgmt.TeamAssignment{Team: c.north}, usermgmt.TeamAssignment{Team: desk})
	c.give(t, c.sam.ID, "Organizer", usermgmt.Grant{Permission: "team.edit", Scope: usermgmt.ScopeOrganization})
	c.share(t, func(n *usermgmt.NewSharing) {
		n.Name, n.Owning, n.Sharing = "South", c.south, []usermgmt.TeamID{c.sales}
	})
	c.share(t, func(n *usermgmt.NewSharing) {
		n.Owning, n.OwningSubteams, n.Sharing, n.SharingSubteams = c.sales, true, []usermgmt.TeamID{c.south}, true
	})
	sam := c.As(c.sam.ID)
	of := func(team usermgmt.TeamID) *usermgmt.Record {
		return &usermgmt.Record{Org: c.Organization.ID, OwnerTeams: []usermgmt.TeamID{team}}
	}
	for _, team := range []usermgmt.TeamID{c.sales, c.north, c.south, desk} {
		assert.True(t, sam.Can("deal.view", *of(team)), "all that the policy shares before the move")
	}
	assert.False(t, sam.Can("deal.view", *of(c.it)))
	permissionRule(t, c.move(t, sam, c.it, c.south), "gains_by_move")
	require.NoError(t, c.move(t, sam, desk, c.south), "its records Sam sees anyhow")
}

func TestNobodyGainsByAMoveLaterOrElsewhere(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx := t.Context()
	beta := c.AddOrg("Beta")
	c.give(t, c.lena.ID, "Organizer", usermgmt.Grant{Permission: "team.edit", Scope: usermgmt.ScopeSystem},
		usermgmt.Grant{Permission: "unit.edit", Scope: usermgmt.ScopeSystem})
	soon, later := c.AddTeam("Soon", c.RootTeam.ID).ID, c.AddTeam("Later", c.RootTeam.ID).ID
	hour := c.Clock.Now().Add(time.Hour)
	c.join(t, c.lena.ID, usermgmt.TeamAssignment{Team: soon, Until: hour}, usermgmt.TeamAssignment{Team: later, From: hour})
	role, err := c.Roles().Create(ctx, c.Root(), usermgmt.NewRole{Name: "Clerk", Grants: []usermgmt.Grant{{Permission: "user.edit", Scope: usermgmt.ScopeDivision}}})
	require.NoError(t, err)
	there, other := c.AddTeam("There", beta.RootTeam.ID).ID, c.AddTeam("Other", beta.RootTeam.ID).ID
	unit := func(name string) *usermgmt.BusinessUnit {
		u, err := c.Units().Create(ctx, c.Root(), usermgmt.NewUnit{Org: beta.Organization.ID, Name: name})
		require.NoError(t, err)
		return u
	}
	near, away := unit("Near"), unit("Away")
	_, err = c.Members().Add(ctx, c.Root(), c.lena.ID, beta.Organization.ID, usermgmt.NewMembership{Profile: c.profileAdmin,
		PrimaryTeam: there, Units: []usermgmt.UnitID{near.ID}, Roles: []usermgmt.RoleAssignment{{Role: role.ID}}})
	require.NoError(t, err)
	lena := c.As(c.lena.ID)

	permissionRule(t, c.move(t, lena, c.it, later), "gains_by_move") // in an hour Later's branch is hers
	desk := c.AddTeam("Desk", soon).ID
	permissionRule(t, c.move(t, lena, desk, later), "gains_by_move") // and Soon's no longer
	permissionRule(t, c.move(t, lena, other, there), "gains_by_move")
	_, err = c.Units().Update(ctx, lena, away.ID, away.Version, usermgmt.UnitUpdate{Parent: &near.ID})
	permissionRule(t, err, "gains_by_move")
	require.NoError(t, c.move(t, lena, desk, c.it), "out of her branches")
	require.NoError(t, c.move(t, c.Root(), other, there))
}

// What counts until one time and what counts from another never count together.
func TestARoleSharesNothingAtAnotherTime(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx, lena := t.Context(), c.As(c.lena.ID)
	desk := c.AddTeam("Desk", c.RootTeam.ID).ID
	badge, app := c.badge(t, desk)
	hour := c.Clock.Now().Add(time.Hour)
	c.join(t, c.nora.ID, usermgmt.TeamAssignment{Team: desk, From: hour})
	mem, err := c.Members().Get(ctx, c.Root(), c.nora.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: badge.ID, Until: hour})
	_, err = c.Members().Update(ctx, c.Root(), c.nora.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
	to := func(a usermgmt.Actor, r usermgmt.RoleAssignment) error {
		_, err := c.Applications().Grant(ctx, a, usermgmt.AccessRequest{Application: app.ID, User: c.nora.ID, Roles: []usermgmt.RoleAssignment{r}})
		return err
	}
	require.NoError(t, to(lena, usermgmt.RoleAssignment{Role: badge.ID, Until: hour}), "before she is in Desk")
	permissionRule(t, to(lena, usermgmt.RoleAssignment{Role: badge.ID, From: hour}), "exceeds_own_scope")
	require.NoError(t, to(c.Root(), usermgmt.RoleAssignment{Role: badge.ID, From: hour}))
}
