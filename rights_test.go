package usermgmt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// oro is the fixture of OroCRM's own access tests (orocrm.md 12.10 A): one
// organization; units F with F1 (with F1x) and F2 below, S and T; eight users,
// all owned by F; one record of each of three kinds of ownership.
type oro struct {
	*usermgmttest.Env
	unit  map[string]usermgmt.UnitID
	user  map[string]usermgmt.UserID
	roles [2]*usermgmt.Role
}

var oroUnits = map[string][]string{
	"admin": {"F", "S", "T"}, "all": {"F", "S", "T"}, "uF": {"F"}, "uS": {"S"}, "uT": {"T"},
	"uF1": {"F1"}, "uF2": {"F2"}, "uF1x": {"F1x"},
}

func newOro(t *testing.T) *oro {
	t.Helper()
	o := &oro{Env: usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "note", Ownership: usermgmt.OwnedByUser, Actions: []string{"view"}},
		{Name: "store", Ownership: usermgmt.OwnedByUnit, Actions: []string{"view"}},
		{Name: "fiscal_year", Ownership: usermgmt.OwnedByOrganization, Actions: []string{"view"}},
		{Name: "weather", Ownership: usermgmt.Unowned, Actions: []string{"view"}},
	}})}
	o.fill(t)
	return o
}

func (o *oro) fill(t *testing.T) {
	t.Helper()
	o.unit, o.user = map[string]usermgmt.UnitID{}, map[string]usermgmt.UserID{}
	for _, u := range [][2]string{{"F", ""}, {"F1", "F"}, {"F2", "F"}, {"F1x", "F1"}, {"S", ""}, {"T", ""}} {
		o.unit[u[0]] = o.AddUnit(u[0], o.unit[u[1]]).ID
	}
	for i := range o.roles {
		r, err := o.Roles().Create(t.Context(), o.Root(), usermgmt.NewRole{Name: "role " + string(rune('A'+i))})
		require.NoError(t, err)
		o.roles[i] = r
	}
	for name, units := range oroUnits {
		o.user[name] = o.AddUser("oro-"+name, func(n *usermgmt.NewUser) {
			n.OwnerUnit = o.unit["F"]
			for _, u := range units {
				n.Units = append(n.Units, o.unit[u])
			}
			n.Roles = []usermgmt.RoleAssignment{{Role: o.roles[0].ID}, {Role: o.roles[1].ID}}
		}).ID
	}
}

// grant raises the level of permissions on the second role; the first role has
// an explicit None, which must not matter.
func (o *oro) grant(t *testing.T, scope usermgmt.Scope, perms ...usermgmt.Permission) {
	t.Helper()
	for i, r := range o.roles {
		var grants []usermgmt.Grant
		for _, p := range perms {
			s := scope
			if i == 0 {
				s = 0
			}
			grants = append(grants, usermgmt.Grant{Permission: p, Scope: s})
		}
		changed, err := o.Roles().Update(t.Context(), o.Root(), r.ID, r.Version, usermgmt.RoleUpdate{Grants: &grants})
		require.NoError(t, err)
		o.roles[i] = changed
	}
}

// notes are whose records the viewer may see, by single checks.
func (o *oro) notes(t *testing.T, viewer string) []string {
	t.Helper()
	var owners []usermgmt.UserID
	for _, id := range o.user {
		owners = append(owners, id)
	}
	places, err := o.Access().Placements(t.Context(), o.Organization.ID, owners...)
	require.NoError(t, err)
	a := o.As(o.user[viewer])
	var out []string
	for name, id := range o.user {
		if a.Can("note.view", places[id]) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func TestOroCRMMatrixOfUserOwnedRecords(t *testing.T) {
	t.Parallel()
	o := newOro(t)
	everybody := "admin all uF uF1 uF1x uF2 uS uT"
	want := map[string]map[usermgmt.Scope]string{
		"all":  {usermgmt.ScopeUnit: "admin all uF uS uT", usermgmt.ScopeDivision: everybody},
		"uF":   {usermgmt.ScopeUnit: "admin all uF", usermgmt.ScopeDivision: "admin all uF uF1 uF1x uF2"},
		"uS":   {usermgmt.ScopeUnit: "admin all uS", usermgmt.ScopeDivision: "admin all uS"},
		"uT":   {usermgmt.ScopeUnit: "admin all uT", usermgmt.ScopeDivision: "admin all uT"},
		"uF1":  {usermgmt.ScopeUnit: "uF1", usermgmt.ScopeDivision: "uF1 uF1x"},
		"uF2":  {usermgmt.ScopeUnit: "uF2", usermgmt.ScopeDivision: "uF2"},
		"uF1x": {usermgmt.ScopeUnit: "uF1x", usermgmt.ScopeDivision: "uF1x"},
	}
	for _, scope := range []usermgmt.Scope{0, usermgmt.ScopeOwn, usermgmt.ScopeUnit, usermgmt.ScopeDivision, usermgmt.ScopeOrganization, usermgmt.ScopeSystem} {
		o.grant(t, scope, "note.view")
		for viewer, byScope := range want {
			expected := byScope[scope]
			switch scope {
			case 0:
				expected = ""
			case usermgmt.ScopeOwn:
				expected = viewer
			case usermgmt.ScopeOrganization, usermgmt.ScopeSystem:
				expected = everybody
			}
			assert.Equal(t, expected, strings.Join(o.notes(t, viewer), " "), "%s at %s", viewer, scope)
		}
	}
}

func TestOroCRMMatrixOfUnitAndOrganizationOwnedRecords(t *testing.T) {
	t.Parallel()
	o := newOro(t)
	all := "F F1 F1x F2 S T"
	for _, c := range []struct {
		viewer string
		scope  usermgmt.Scope
		want   string
	}{
		{"uF", 0, ""}, {"uF", usermgmt.ScopeUnit, "F"}, {"uF", usermgmt.ScopeDivision, "F F1 F1x F2"},
		{"uF1", usermgmt.ScopeUnit, "F1"}, {"uF1", usermgmt.ScopeDivision, "F1 F1x"},
		{"all", usermgmt.ScopeUnit, "F S T"}, {"all", usermgmt.ScopeDivision, all}, {"uF1x", usermgmt.ScopeOrganization, all},
	} {
		o.grant(t, c.scope, "store.view")
		a := o.As(o.user[c.viewer])
		var got []string
		for name, id := range o.unit {
			if a.Can("store.view", usermgmt.Record{Org: o.Organization.ID, OwnerUnits: []usermgmt.UnitID{id}}) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		assert.Equal(t, c.want, strings.Join(got, " "), "%s at %s", c.viewer, c.scope)
	}
	record := usermgmt.Record{Org: o.Organization.ID}
	o.grant(t, 0, "fiscal_year.view")
	assert.False(t, o.As(o.user["uF"]).Can("fiscal_year.view", record))
	o.grant(t, usermgmt.ScopeOrganization, "fiscal_year.view")
	assert.True(t, o.As(o.user["uF"]).Can("fiscal_year.view", record))
}

func TestDefaultsAdaptToTheObject(t *testing.T) {
	t.Parallel()
	o := newOro(t)
	o.grant(t, usermgmt.ScopeOwn, "*.view")
	a := o.As(o.user["uF"])
	assert.Equal(t, "own", a.Scope("note.view").String())
	assert.Equal(t, "unit", a.Scope("store.view").String(), "raised to the least scope that exists")
	assert.Equal(t, "organization", a.Scope("fiscal_year.view").String())
	assert.Equal(t, "none", a.Scope("weather.view").String(), "what nobody owns needs scope System")
	grants := []usermgmt.Grant{{Permission: "store.view", Scope: usermgmt.ScopeSystem + usermgmt.ScopeOwn}}
	r, err := o.Roles().Update(t.Context(), o.Root(), o.roles[0].ID, o.roles[0].Version, usermgmt.RoleUpdate{Grants: &grants})
	require.NoError(t, err)
	assert.Equal(t, "system", r.Grants[0].Scope.String())
	grants = []usermgmt.Grant{{Permission: "store.view", Scope: usermgmt.ScopeOwn}}
	_, err = o.Roles().Update(t.Context(), o.Root(), r.ID, r.Version, usermgmt.RoleUpdate{Grants: &grants})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "a scope that the object does not have")
}

// TestDocsMatrixWithTwoOrganizations is orocrm.md 12.10 B without Robert, whose
// printed row contradicts itself.
func TestDocsMatrixWithTwoOrganizations(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "account", Ownership: usermgmt.OwnedByUser, Actions: []string{"view"}}}})
	second := e.AddOrg("Second")
	unitA := e.MainUnit.ID
	unitB := second.MainUnit.ID
	c, err := e.Units().Create(t.Context(), e.Root(), usermgmt.NewUnit{Org: second.Organization.ID, Parent: unitB, Name: "C"})
	require.NoError(t, err)
	role, err := e.Roles().Create(t.Context(), e.Root(), usermgmt.NewRole{Name: "viewer"})
	require.NoError(t, err)

	held := []usermgmt.RoleAssignment{{Role: role.ID}}
	profile := e.Profile(usermgmt.ProfileRegularUser)
	inMain := func(units ...usermgmt.UnitID) usermgmt.NewMembership {
		return usermgmt.NewMembership{Profile: profile, PrimaryTeam: e.RootTeam.ID, Roles: held, Units: units}
	}
	inSecond := func(units ...usermgmt.UnitID) usermgmt.NewMembership {
		return usermgmt.NewMembership{Profile: profile, PrimaryTeam: second.RootTeam.ID, Roles: held, Units: units}
	}
	add := func(name string, home usermgmt.UnitID, m usermgmt.NewMembership) usermgmt.UserID {
		return e.AddUser(name, func(n *usermgmt.NewUser) { n.OwnerUnit, n.NewMembership = home, m }).ID
	}
	join := func(id usermgmt.UserID, org usermgmt.OrgID, m usermgmt.NewMembership) {
		_, err := e.Members().Add(t.Context(), e.Root(), id, org, m)
		require.NoError(t, err)
	}
	john := add("john", unitA, inMain(unitA))
	join(john, second.Organization.ID, inSecond(c.ID))
	mary := add("mary", unitA, inMain(unitA))
	join(mary, second.Organization.ID, inSecond(unitB))
	mike := add("mike", c.ID, inSecond(c.ID))
	mark := add("mark", unitB, inSecond())

	see := func(viewer usermgmt.UserID, org usermgmt.OrgID, scope usermgmt.Scope) []usermgmt.UserID {
		fresh, err := e.Roles().Get(t.Context(), e.Root(), role.ID)
		require.NoError(t, err)
		grants := []usermgmt.Grant{{Permission: "account.view", Scope: scope}}
		_, err = e.Roles().Update(t.Context(), e.Root(), role.ID, fresh.Version, usermgmt.RoleUpdate{Grants: &grants})
		require.NoError(t, err)
		a := e.AsIn(viewer, org)
		var out []usermgmt.UserID
		for _, where := range []usermgmt.OrgID{e.Organization.ID, second.Organization.ID} {
			places, err := e.Access().Placements(t.Context(), where, john, mary, mike, mark)
			require.NoError(t, err)
			for _, owner := range []usermgmt.UserID{john, mary, mike, mark} {
				if r, ok := places[owner]; ok && a.Can("account.view", r) {
					out = append(out, owner)
				}
			}
		}
		return out
	}
	ids := func(ids ...usermgmt.UserID) []usermgmt.UserID { return ids }
	org2 := second.Organization.ID
	assert.Equal(t, ids(john), see(john, org2, usermgmt.ScopeOwn))
	assert.Equal(t, ids(john, mike), see(john, org2, usermgmt.ScopeUnit))
	assert.Equal(t, ids(john, mike), see(john, org2, usermgmt.ScopeDivision))
	assert.Equal(t, ids(john, mary, mike, mark), see(john, org2, usermgmt.ScopeOrganization))
	assert.Equal(t, ids(john, mary), see(john, e.Organization.ID, usermgmt.ScopeUnit), "unit A is shared with Mary")
	assert.Equal(t, ids(mary), see(mary, org2, usermgmt.ScopeUnit))
	assert.Equal(t, ids(john, mary, mike), see(mary, org2, usermgmt.ScopeDivision))
	assert.Equal(t, ids(john, mike), see(mike, org2, usermgmt.ScopeUnit))
	for _, s := range []usermgmt.Scope{usermgmt.ScopeOwn, usermgmt.ScopeUnit, usermgmt.ScopeDivision} {
		assert.Equal(t, ids(mark), see(mark, org2, s), "without units only the own records")
	}
	assert.Equal(t, ids(john, mary, mike, mark), see(mike, org2, usermgmt.ScopeSystem),
		"System counts as Organization outside the provider organization")
}
