package usermgmt_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// confidential is an organization whose host has an object for each basis of
// criteria, and one with protected fields.
type confidential struct {
	*usermgmttest.Env
	team usermgmt.TeamID
	role *usermgmt.Role
	ann  *usermgmt.User // of the region north, in the team, with the role
	bob  *usermgmt.User
}

func newConfidential(t *testing.T) *confidential {
	t.Helper()
	object := func(name string, by usermgmt.Visibility, field string) usermgmt.Object {
		return usermgmt.Object{Name: name, Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}, Visibility: by, VisibilityField: field}
	}
	c := &confidential{Env: usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{
		Fields: []usermgmt.CustomField{{Name: "region", Type: usermgmt.FieldEnum, Values: []string{"north", "south"}}},
		Objects: []usermgmt.Object{
			object("memo", usermgmt.VisibleByTeam, ""), object("plan", usermgmt.VisibleByRole, ""),
			object("note", usermgmt.VisibleByUser, ""), object("price", usermgmt.VisibleByField, "region"),
			{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit", "delete"}, Fields: []string{"salary", "phone"}},
		}})}
	c.team = c.AddTeam("Team", c.RootTeam.ID).ID
	c.role = c.newRole(t, "Reader", usermgmt.Grant{Permission: "*.view", Scope: usermgmt.ScopeOrganization})
	other := c.newRole(t, "Other", usermgmt.Grant{Permission: "*.view", Scope: usermgmt.ScopeOrganization})
	c.ann = c.AddUser("ann", func(n *usermgmt.NewUser) {
		n.PrimaryTeam, n.Roles, n.Custom = c.team, []usermgmt.RoleAssignment{{Role: c.role.ID}}, map[string]string{"region": "north"}
	})
	c.bob = c.AddUser("bob", func(n *usermgmt.NewUser) {
		n.Roles, n.Custom = []usermgmt.RoleAssignment{{Role: other.ID}}, map[string]string{"region": "south"}
	})
	return c
}

func (c *confidential) newRole(t *testing.T, name string, grants ...usermgmt.Grant) *usermgmt.Role {
	t.Helper()
	r, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Org: c.Organization.ID, Name: name, Grants: grants})
	require.NoError(t, err)
	return r
}

// record is a record of bob's with criteria.
func (c *confidential) record(criteria *usermgmt.Criteria) usermgmt.Record {
	return usermgmt.Record{Org: c.Organization.ID, Owner: c.bob.ID, Criteria: criteria}
}

func TestCriteriaSayWhoSeesARecord(t *testing.T) {
	t.Parallel()
	c := newConfidential(t)
	ann, bob := c.As(c.ann.ID), c.As(c.bob.ID)
	all := usermgmt.Criteria{Teams: []usermgmt.TeamID{c.team}, Roles: []usermgmt.RoleID{c.role.ID},
		Users: []usermgmt.UserID{c.ann.ID}, Values: []string{"north"}}
	for perm, own := range map[usermgmt.Permission]usermgmt.Criteria{
		"memo.view": {Teams: all.Teams}, "plan.view": {Roles: all.Roles}, "note.view": {Users: all.Users}, "price.view": {Values: all.Values},
	} {
		assert.True(t, bob.Can(perm, c.record(nil)), "%s: no criteria", perm)
		assert.True(t, ann.Can(perm, c.record(&own)), perm)
		assert.False(t, bob.Can(perm, c.record(&own)), "%s: the owner is asked like everybody else", perm)
		assert.False(t, ann.Can(perm, c.record(&usermgmt.Criteria{})), "%s: criteria that list nobody", perm)
		others := all
		switch perm {
		case "memo.view":
			others.Teams = nil
		case "plan.view":
			others.Roles = nil
		case "note.view":
			others.Users = nil
		case "price.view":
			others.Values = nil
		}
		assert.False(t, ann.Can(perm, c.record(&others)), "%s: what is listed for another basis counts nothing", perm)
		assert.True(t, c.Root().Can(perm, c.record(&own)), "%s: administrators see all the same", perm)
		f := c.Access().Filter(ann, perm)
		require.NotNil(t, f.Criteria, perm)
		require.NotNil(t, f.Control, perm)
		assert.Equal(t, own, *f.Criteria, perm)
		assert.True(t, f.Control.Nothing(), perm)
	}
	assert.False(t, c.Root().Can("lead.view", c.record(&all)), "an object without criteria has no records with them")
	assert.True(t, c.Root().Has("memo.control_visibility"), "the permission comes with the basis")
}

func TestAnotherValueIsAnotherSightAtOnce(t *testing.T) {
	t.Parallel()
	c := newConfidential(t)
	r := c.record(&usermgmt.Criteria{Values: []string{"north"}})
	token := c.Login("bob").Token.Reveal()
	sees := func() bool {
		a, err := c.Auth().Session(t.Context(), token, usermgmt.Origin{})
		require.NoError(t, err)
		return a.Can("price.view", r)
	}
	require.False(t, sees())
	change := func(a usermgmt.Actor, who usermgmt.UserID, region string) error {
		u, err := c.Users().Get(t.Context(), a, who)
		require.NoError(t, err)
		custom := map[string]string{"region": region}
		_, err = c.Users().Update(t.Context(), a, who, u.Version, usermgmt.UserUpdate{Custom: custom})
		return err
	}
	require.NoError(t, change(c.Root(), c.bob.ID, "north"))
	assert.True(t, sees())
	require.NoError(t, change(c.Root(), c.bob.ID, "south"))
	assert.False(t, sees())
	permissionRule(t, change(c.Root(), c.Administrator.ID, "north"), "own_criteria")
}

func TestFieldsHavePermissionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := newConfidential(t)
	const view = usermgmt.Permission("lead.view")
	org, own := usermgmt.ScopeOrganization, usermgmt.ScopeOwn
	for i, test := range []struct {
		name         string
		grants       [][]usermgmt.Grant // by role
		other, owned string             // fields that are seen of somebody's lead, and of one's own
	}{
		{"a default", [][]usermgmt.Grant{{{Permission: view, Scope: org}}}, "salary phone", "salary phone"},
		{"hidden", [][]usermgmt.Grant{{{Permission: view, Scope: org}, {Permission: "lead.view:salary"}}}, "phone", "phone"},
		{"narrower", [][]usermgmt.Grant{{{Permission: view, Scope: org}, {Permission: view.Of("salary"), Scope: own}}}, "phone", "salary phone"},
		{"without the record", [][]usermgmt.Grant{{{Permission: "lead.view:salary", Scope: org}}}, "", ""},
		{"wider than the record", [][]usermgmt.Grant{{{Permission: view, Scope: own}, {Permission: "lead.view:salary", Scope: org}}}, "", "salary phone"},
		{"another role shows it", [][]usermgmt.Grant{{{Permission: view, Scope: org}, {Permission: "lead.view:salary"}},
			{{Permission: "lead.*", Scope: org}}}, "salary phone", "salary phone"},
		{"a wildcard does not name fields", [][]usermgmt.Grant{{{Permission: "*.*", Scope: org}, {Permission: "lead.view", Scope: own}}}, "", "salary phone"},
	} {
		var roles []usermgmt.RoleAssignment
		for _, grants := range test.grants {
			roles = append(roles, usermgmt.RoleAssignment{Role: c.newRole(t, test.name+string(rune('a'+len(roles))), grants...).ID})
		}
		u := c.AddUser("user"+string(rune('a'+i)), func(n *usermgmt.NewUser) { n.Roles = roles })
		a := c.As(u.ID)
		fields := func(owner usermgmt.UserID) (out string) {
			for i, f := range c.Access().Fields(a, view, usermgmt.Record{Org: c.Organization.ID, Owner: owner}) {
				if i > 0 {
					out += " "
				}
				out += f
			}
			return out
		}
		assert.Equal(t, test.other, fields(c.bob.ID), test.name)
		assert.Equal(t, test.owned, fields(u.ID), "%s, of one's own", test.name)
	}
	assert.Empty(t, c.Access().Fields(c.Root(), "lead.delete", c.record(nil)), "deleting concerns no field")
	f := c.Access().Filter(c.Root(), "lead.view:salary")
	require.NotNil(t, f.And)
	assert.True(t, f.System && f.And.System)
}

func TestNobodyGivesAFieldThatTheyDoNotSee(t *testing.T) {
	t.Parallel()
	c := newConfidential(t)
	hides := c.newRole(t, "Hides", usermgmt.Grant{Permission: "role.*", Scope: usermgmt.ScopeOrganization},
		usermgmt.Grant{Permission: "lead.view", Scope: usermgmt.ScopeOrganization}, usermgmt.Grant{Permission: "lead.view:salary"})
	u := c.AddUser("hrm", func(n *usermgmt.NewUser) { n.Roles = []usermgmt.RoleAssignment{{Role: hides.ID}} })
	a := c.Login("hrm").Actor
	_, err := c.Roles().Create(t.Context(), a, usermgmt.NewRole{Org: c.Organization.ID, Name: "Shows",
		Grants: []usermgmt.Grant{{Permission: "lead.view", Scope: usermgmt.ScopeOrganization}}})
	permissionRule(t, err, "exceeds_own_rights")
	_, err = c.Roles().Create(t.Context(), a, usermgmt.NewRole{Org: c.Organization.ID, Name: "Hides too",
		Grants: []usermgmt.Grant{{Permission: "lead.view", Scope: usermgmt.ScopeOrganization}, {Permission: "lead.view:salary"}}})
	require.NoError(t, err)
	key, err := c.APIKeys().Generate(t.Context(), a, usermgmt.KeyRequest{User: u.ID, Permissions: []usermgmt.Permission{"lead.view"}})
	require.NoError(t, err)
	by, err := c.Auth().APIKey(t.Context(), key.Text.Reveal(), usermgmt.Origin{})
	require.NoError(t, err)
	assert.Equal(t, []string{"phone"}, c.Access().Fields(by, "lead.view", c.record(nil)), "a record comes with the fields that its key's owner sees")
}

func TestObjectsWithFieldsAndCriteriaAreChecked(t *testing.T) {
	t.Parallel()
	object := func(change func(o *usermgmt.Object)) *usermgmt.Config {
		o := usermgmt.Object{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view"}}
		change(&o)
		return &usermgmt.Config{Objects: []usermgmt.Object{o}, Fields: []usermgmt.CustomField{
			{Name: "mine", Type: usermgmt.FieldText, Own: true}, {Name: "many", Type: usermgmt.FieldChoices, Values: []string{"a", "b"}}}}
	}
	for name, cfg := range map[string]*usermgmt.Config{
		"no such basis":                object(func(o *usermgmt.Object) { o.Visibility = 9 }),
		"a basis without its field":    object(func(o *usermgmt.Object) { o.Visibility = usermgmt.VisibleByField }),
		"a field without its basis":    object(func(o *usermgmt.Object) { o.VisibilityField = "mine" }),
		"a field that is not there":    object(func(o *usermgmt.Object) { o.Visibility, o.VisibilityField = usermgmt.VisibleByField, "gone" }),
		"a field of one's own":         object(func(o *usermgmt.Object) { o.Visibility, o.VisibilityField = usermgmt.VisibleByField, "mine" }),
		"a field of many values":       object(func(o *usermgmt.Object) { o.Visibility, o.VisibilityField = usermgmt.VisibleByField, "many" }),
		"a protected field twice":      object(func(o *usermgmt.Object) { o.Fields = []string{"x", "x"} }),
		"a protected field with a dot": object(func(o *usermgmt.Object) { o.Fields = []string{"x.y"} }),
		"the action that comes with it": object(func(o *usermgmt.Object) {
			o.Visibility, o.Actions = usermgmt.VisibleByUser, []string{"control_visibility"}
		}),
	} {
		_, err := usermgmt.New(teststores.New(t), cfg)
		require.ErrorIs(t, err, usermgmt.ErrInvalid, name)
	}
}
