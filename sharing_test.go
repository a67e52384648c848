package usermgmt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// shares makes a policy by which IT (and one of South) share North's deals, and
// returns it. Tests change it as they like.
func (c *company) share(t *testing.T, change func(*usermgmt.NewSharing)) *usermgmt.SharingPolicy {
	t.Helper()
	n := usermgmt.NewSharing{Name: "Deals", Owning: c.north, Sharing: []usermgmt.TeamID{c.it, c.south}, Model: usermgmt.SharingOneWay,
		Permissions: []usermgmt.Permission{"deal.view"}}
	if change != nil {
		change(&n)
	}
	p, err := c.Sharing().Create(t.Context(), c.Root(), n)
	require.NoError(t, err)
	return p
}

// branches adds a team below each of North, South and IT, with one member each,
// and a member to South; it returns one person a team by the team's name.
func (c *company) branches(t *testing.T) map[string]usermgmt.UserID {
	t.Helper()
	people := map[string]usermgmt.UserID{"north": c.nora.ID, "it": c.ivan.ID, "sales": c.sam.ID}
	for name, team := range map[string]usermgmt.TeamID{"south": c.south, "north below": c.AddTeam("NB", c.north).ID,
		"south below": c.AddTeam("SB", c.south).ID, "it below": c.AddTeam("IB", c.it).ID} {
		people[name] = c.AddUser(strings.ReplaceAll(name, " ", "-"), func(n *usermgmt.NewUser) {
			n.PrimaryTeam, n.Profile, n.Roles = team, c.profileRegular, []usermgmt.RoleAssignment{{Role: c.seller.ID}}
		}).ID
	}
	return people
}

// seen lists, for a viewer, whose deals that permission reaches, by checks, and
// asserts that the filter agrees.
func (c *company) seen(t *testing.T, people map[string]usermgmt.UserID, viewer string, p usermgmt.Permission) string {
	t.Helper()
	var owners []usermgmt.UserID
	for _, id := range people {
		owners = append(owners, id)
	}
	places, err := c.Access().Placements(t.Context(), c.Organization.ID, owners...)
	require.NoError(t, err)
	a := c.As(people[viewer])
	f := c.Access().Filter(a, p)
	trees, err := c.Store.Trees(t.Context(), c.Organization.ID)
	require.NoError(t, err)
	var out []string
	for name, id := range people {
		r := places[id]
		can := a.Can(p, r)
		assert.Equal(t, can, listed(&f, &r, trees.Teams), "%s of %s, by the filter", p, name)
		if can && name != viewer {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// listed applies the parts of a filter that concern owners and teams.
func listed(f *usermgmt.Filter, r *usermgmt.Record, nodes []usermgmt.TeamNode) bool {
	parent := map[usermgmt.TeamID]usermgmt.TeamID{}
	for _, n := range nodes {
		parent[n.ID] = n.Parent
	}
	below := func(t usermgmt.TeamID) bool {
		for t = parent[t]; !t.IsZero(); t = parent[t] {
			if slices.Contains(f.TeamTrees, t) {
				return true
			}
		}
		return false
	}
	return f.System || f.All || slices.Contains(f.Owners, r.Owner) ||
		slices.ContainsFunc(r.OwnerTeams, func(t usermgmt.TeamID) bool { return slices.Contains(f.Teams, t) || below(t) })
}

func TestWhatTeamsShareByEachModel(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	people := c.branches(t)
	viewers := []string{"north", "north below", "south", "south below", "it", "it below", "sales"}
	for _, test := range []struct {
		model           usermgmt.SharingModel
		owning, sharing bool
		want            map[string]string // by viewer; the others see nothing
	}{
		{usermgmt.SharingOneWay, false, false, map[string]string{"south": "north", "it": "north"}},
		{usermgmt.SharingOneWay, true, false, map[string]string{"south": "north, north below", "it": "north, north below"}},
		{usermgmt.SharingOneWay, false, true, map[string]string{"south": "north", "south below": "north", "it": "north", "it below": "north"}},
		{usermgmt.SharingTwoWay, false, false, map[string]string{"south": "north", "it": "north", "north": "it, south"}},
		{usermgmt.SharingTwoWay, true, true, map[string]string{"south": "north, north below", "south below": "north, north below",
			"it": "north, north below", "it below": "north, north below",
			"north": "it, it below, south, south below", "north below": "it, it below, south, south below"}},
		{usermgmt.SharingMashup, false, false, map[string]string{"south": "it, north", "it": "north, south", "north": "it, south"}},
		{usermgmt.SharingMashup, true, true, map[string]string{"south": "it, it below, north, north below, south below",
			"south below": "it, it below, north, north below, south",
			"it":          "it below, north, north below, south, south below", "it below": "it, north, north below, south, south below",
			"north": "it, it below, south, south below", "north below": "it, it below, south, south below"}},
	} {
		p := c.share(t, func(n *usermgmt.NewSharing) {
			n.Model, n.OwningSubteams, n.SharingSubteams = test.model, test.owning, test.sharing
		})
		for _, viewer := range viewers {
			assert.Equal(t, test.want[viewer], c.seen(t, people, viewer, "deal.view"), "%s, subteams %t %t: %s",
				test.model, test.owning, test.sharing, viewer)
			assert.Empty(t, c.seen(t, people, viewer, "deal.edit"), "sharing a view shares no change")
		}
		require.NoError(t, c.Sharing().Delete(t.Context(), c.Root(), p.ID))
		assert.Empty(t, c.seen(t, people, "it", "deal.view"), "at once")
	}
}

func TestASharingPolicyMayBeLimitedToRoles(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	people := c.branches(t)
	c.share(t, func(n *usermgmt.NewSharing) { n.Roles = []usermgmt.RoleID{c.strong.ID} })
	assert.Empty(t, c.seen(t, people, "it", "deal.view"))
	mem, err := c.Store.MembershipOf(t.Context(), c.ivan.ID, c.Organization.ID)
	require.NoError(t, err)
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: c.strong.ID})
	_, err = c.Members().Update(t.Context(), c.Root(), c.ivan.ID, c.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
	assert.Equal(t, "north", c.seen(t, people, "it", "deal.view"))
}

func TestUsersThemselvesMayBeShared(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	c.branches(t)
	names := func() (out []string) {
		page, err := c.Users().List(t.Context(), c.As(c.ivan.ID), usermgmt.UserQuery{})
		require.NoError(t, err)
		for _, u := range page.Items {
			out = append(out, u.Username)
		}
		return out
	}
	require.Equal(t, []string{"ivan"}, names())
	c.share(t, func(n *usermgmt.NewSharing) {
		n.Permissions, n.OwningSubteams = []usermgmt.Permission{usermgmt.PermUserView}, true
	})
	assert.ElementsMatch(t, []string{"ivan", "nora", "north-below"}, names())
}

func TestNobodySharesWhatTheyDoNotHave(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.Login("lena").Actor // administers Sales and below, and holds deal.view there
	create := func(change func(*usermgmt.NewSharing)) error {
		n := usermgmt.NewSharing{Name: "S", Owning: c.north, Sharing: []usermgmt.TeamID{c.south}, Model: usermgmt.SharingOneWay,
			Permissions: []usermgmt.Permission{"deal.view"}}
		change(&n)
		_, err := c.Sharing().Create(t.Context(), lena, n)
		return err
	}
	permissionRule(t, create(func(n *usermgmt.NewSharing) { n.Owning = c.it }), "out_of_scope")
	permissionRule(t, create(func(n *usermgmt.NewSharing) { n.Sharing = []usermgmt.TeamID{c.it} }), "out_of_scope")
	permissionRule(t, create(func(n *usermgmt.NewSharing) {}), "exceeds_own_scope") // Seller sees team mates' deals, not those of North
	permissionRule(t, create(func(n *usermgmt.NewSharing) { n.Owning, n.OwningSubteams = c.sales, true }), "exceeds_own_scope")
	require.NoError(t, create(func(n *usermgmt.NewSharing) { n.Owning = c.sales }), "one's own team's deals")
	permissionRule(t, create(func(n *usermgmt.NewSharing) {
		n.Name, n.Owning, n.Model = "T", c.sales, usermgmt.SharingTwoWay
	}), "exceeds_own_scope")

	list, err := c.Sharing().List(t.Context(), lena)
	require.NoError(t, err)
	require.Len(t, list, 1)
	p := &list[0]
	edit := []usermgmt.Permission{"deal.view", "deal.delete"}
	_, err = c.Sharing().Update(t.Context(), lena, p.ID, p.Version, usermgmt.SharingUpdate{Permissions: &edit})
	permissionRule(t, err, "exceeds_own_scope")
	wide := c.share(t, func(n *usermgmt.NewSharing) {
		n.Sharing, n.Permissions = []usermgmt.TeamID{c.south, c.it}, []usermgmt.Permission{"deal.view", "deal.delete"}
	})
	less := []usermgmt.Permission{"deal.delete"}
	_, err = c.Sharing().Update(t.Context(), lena, wide.ID, wide.Version, usermgmt.SharingUpdate{Permissions: &less})
	require.NoError(t, err, "taking away is always allowed, and teams that are there stay")
	_, err = c.Sharing().Get(t.Context(), c.As(c.ivan.ID), wide.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "a regular user sees no policies")
}

func TestNobodyGivesWhatIsSharedBeyondTheOwnRights(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	c.branches(t)
	lena := c.Login("lena").Actor
	c.share(t, func(n *usermgmt.NewSharing) { n.Owning, n.Sharing = c.it, []usermgmt.TeamID{c.south} })
	_, err := c.Users().Create(t.Context(), lena, c.colleague("new", c.south, c.seller.ID, c.profileRegular))
	permissionRule(t, err, "exceeds_own_scope") // members of South see IT's deals, and Lena does not
	err = c.Teams().AddMember(t.Context(), lena, c.south, c.nora.ID, usermgmt.TeamChange{})
	permissionRule(t, err, "exceeds_own_scope")
	_, err = c.Users().Create(t.Context(), lena, c.colleague("other", c.north, c.seller.ID, c.profileRegular))
	require.NoError(t, err)
	require.NoError(t, c.Teams().AddMember(t.Context(), c.Root(), c.south, c.nora.ID, usermgmt.TeamChange{}))
	err = c.Passwords().Set(t.Context(), lena, c.nora.ID, "Another-Long-7-Phrase", "", false)
	permissionRule(t, err, "stronger")

	c.share(t, func(n *usermgmt.NewSharing) {
		n.Name, n.Owning, n.Sharing, n.SharingSubteams = "Below", c.it, []usermgmt.TeamID{c.south}, true
	})
	team, err := c.Teams().Get(t.Context(), lena, c.north)
	require.NoError(t, err)
	_, err = c.Teams().Update(t.Context(), lena, team.ID, team.Version, usermgmt.TeamUpdate{Parent: &c.south})
	permissionRule(t, err, "exceeds_own_scope") // North would take on what South's branch has shared
}

// badge makes a role whose holders in a team see IT's deals, and an application in which
// it can be held.
func (c *company) badge(t *testing.T, desk usermgmt.TeamID) (*usermgmt.Role, *usermgmt.Application) {
	t.Helper()
	badge, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Org: c.Organization.ID, Name: "Badge"})
	require.NoError(t, err)
	app, err := c.Applications().Create(t.Context(), c.Root(), usermgmt.NewApplication{Org: c.Organization.ID, Name: "CRM"})
	require.NoError(t, err)
	c.share(t, func(n *usermgmt.NewSharing) {
		n.Owning, n.Sharing, n.Roles = c.it, []usermgmt.TeamID{desk}, []usermgmt.RoleID{badge.ID}
	})
	return badge, app
}

// A policy for the holders of a role applies to them by any of their teams, also if
// another one is given the role.
func TestNobodyLetsAPolicyApplyByARoleOfATeam(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx, lena := t.Context(), c.Login("lena").Actor
	desk := c.AddTeam("Desk", c.RootTeam.ID).ID
	require.NoError(t, c.Teams().AddMember(ctx, c.Root(), desk, c.nora.ID, usermgmt.TeamChange{})) // besides North
	badge, app := c.badge(t, desk)
	to := func(a usermgmt.Actor, team usermgmt.TeamID) error {
		_, err := c.Applications().Grant(ctx, a, usermgmt.AccessRequest{Application: app.ID, Team: team, Roles: []usermgmt.RoleAssignment{{Role: badge.ID}}})
		return err
	}
	permissionRule(t, to(lena, c.north), "exceeds_own_scope") // Nora would see IT's deals, and Lena does not

	require.NoError(t, to(c.Root(), c.south))
	north, err := c.Teams().Get(ctx, lena, c.north)
	require.NoError(t, err)
	_, err = c.Teams().Update(ctx, lena, c.north, north.Version, usermgmt.TeamUpdate{Parent: &c.south})
	permissionRule(t, err, "exceeds_own_scope")
	_, err = c.Teams().Update(ctx, c.Root(), c.north, north.Version, usermgmt.TeamUpdate{Parent: &c.south})
	require.NoError(t, err)
	below, err := c.Teams().Create(ctx, c.Root(), usermgmt.NewTeam{Name: "Below", Parent: c.north})
	require.NoError(t, err)
	_, err = c.Teams().Update(ctx, lena, below.ID, below.Version, usermgmt.TeamUpdate{Parent: &c.south})
	require.NoError(t, err, "it has the role already")
}

func TestNobodyGainsSharedRecordsByAMove(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.Login("lena").Actor
	c.share(t, func(n *usermgmt.NewSharing) {
		n.Owning, n.OwningSubteams, n.Sharing = c.south, true, []usermgmt.TeamID{c.sales}
	})
	team, err := c.Teams().Get(t.Context(), lena, c.north)
	require.NoError(t, err)
	_, err = c.Teams().Update(t.Context(), lena, team.ID, team.Version, usermgmt.TeamUpdate{Parent: &c.south})
	permissionRule(t, err, "gains_by_move")
}

func TestSharingPoliciesAreChecked(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	_, err := c.Sharing().Create(t.Context(), c.Root(), usermgmt.NewSharing{Name: " ", Model: 9,
		Permissions: []usermgmt.Permission{"role.view", "no.such"}, Roles: []usermgmt.RoleID{{1}}, Sharing: []usermgmt.TeamID{{2}}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	for _, want := range []string{"name: invalid", "owning: invalid (unknown)", "sharing: invalid (unknown)", "roles: invalid (unknown)",
		"permissions: invalid (scope)", "permissions: invalid (unknown_permission)", "model: invalid (unknown)"} {
		assert.ErrorContains(t, err, want)
	}
	p := c.share(t, nil)
	_, err = c.Sharing().Create(t.Context(), c.Root(), usermgmt.NewSharing{Name: "deals", Owning: c.it, Sharing: []usermgmt.TeamID{c.north},
		Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{"deal.view"}})
	require.ErrorIs(t, err, usermgmt.ErrConflict, "a name is there once, whatever its case")
	require.ErrorIs(t, c.Teams().Delete(t.Context(), c.Root(), c.south), usermgmt.ErrConflict, "a policy names it")
	name := "Other"
	_, err = c.Sharing().Update(t.Context(), c.Root(), p.ID, p.Version+1, usermgmt.SharingUpdate{Name: &name})
	require.ErrorIs(t, err, usermgmt.ErrStale)
	changed, err := c.Sharing().Update(t.Context(), c.Root(), p.ID, p.Version, usermgmt.SharingUpdate{Name: &name})
	require.NoError(t, err)
	got, err := c.Sharing().Get(t.Context(), c.Root(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, changed, got)
}
