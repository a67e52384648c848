package usermgmt_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func cutSpace(s string) (before, after string, found bool) { return strings.Cut(s, " ") }

func suffixed(list []string, suffix string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s + " " + suffix
	}
	return out
}

var (
	recordTargets = []string{"own", "system-wide", "foreign", "unknown"}
	orgTargets    = []string{"own", "foreign", "unknown"}
)

func (c *cell) teamVersion(id usermgmt.TeamID) int64 {
	if t, err := c.Store.TeamByID(c.ctx, id); err == nil {
		return t.Version
	}
	return 1
}

func (c *cell) unitVersion(id usermgmt.UnitID) int64 {
	if u, err := c.Store.UnitByID(c.ctx, id); err == nil {
		return u.Version
	}
	return 1
}

func (c *cell) orgVersion() int64 {
	if o, err := c.Store.OrgByID(c.ctx, c.orgs[c.target].ID); err == nil {
		return o.Version
	}
	return 1
}

// structureRows are organizations, teams and business units.
func structureRows() []row {
	orgUpdate := func(name string, u func() usermgmt.OrganizationUpdate) row {
		return row{method: "Orgs.Update", targets: suffixed(orgTargets, name), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			return drop(c.m.Orgs().Update(c.ctx, c.a, c.orgs[c.target].ID, c.orgVersion(), u()))
		}}
	}
	teams := []string{"root", "middle", "below", "empty", "side", "foreign", "unknown"}
	units := []string{"main", "sales", "east", "empty", "ops", "foreign", "unknown"}
	return []row{
		{method: "Orgs.Create", call: func(c *cell) (string, error) {
			return drop(c.m.Orgs().Create(c.ctx, c.a, usermgmt.NewOrganization{Name: "Delta"}))
		}},
		{method: "Orgs.Get", targets: orgTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Orgs().Get(c.ctx, c.a, c.orgs[c.target].ID))
		}},
		{method: "Orgs.List", call: func(c *cell) (string, error) {
			page, err := c.m.Orgs().List(c.ctx, c.a, usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		orgUpdate("name", func() usermgmt.OrganizationUpdate { return usermgmt.OrganizationUpdate{Description: ptr("d")} }),
		orgUpdate("policy", func() usermgmt.OrganizationUpdate {
			p := usermgmt.PolicyOroCRM()
			return usermgmt.OrganizationUpdate{Policy: ptr(&p)}
		}),
		orgUpdate("export marks", func() usermgmt.OrganizationUpdate {
			return usermgmt.OrganizationUpdate{ExportFields: &[]string{"username"}}
		}),
		orgUpdate("nothing", func() usermgmt.OrganizationUpdate { return usermgmt.OrganizationUpdate{} }),
		{method: "Orgs.SetEnabled", targets: orgTargets, call: func(c *cell) (string, error) {
			return only(c.m.Orgs().SetEnabled(c.ctx, c.a, c.orgs[c.target].ID, c.orgVersion(), false))
		}},

		{method: "Teams.Create", targets: teams, call: func(c *cell) (string, error) {
			return drop(c.m.Teams().Create(c.ctx, c.a, usermgmt.NewTeam{Parent: c.teams[c.target], Name: "t"}))
		}},
		{method: "Teams.Get", targets: teams, call: func(c *cell) (string, error) {
			return drop(c.m.Teams().Get(c.ctx, c.a, c.teams[c.target]))
		}},
		{method: "Teams.List", targets: orgTargets, call: func(c *cell) (string, error) {
			list, err := c.m.Teams().List(c.ctx, c.a, c.orgs[c.target].ID)
			return count(len(list), err)
		}},
		{method: "Teams.Update", targets: teams, call: func(c *cell) (string, error) {
			return drop(c.m.Teams().Update(c.ctx, c.a, c.teams[c.target], c.teamVersion(c.teams[c.target]), usermgmt.TeamUpdate{Name: ptr("t")}))
		}},
		{method: "Teams.Update", targets: []string{"empty below below", "empty below side", "side below middle", "empty below foreign", "middle below empty"},
			call: func(c *cell) (string, error) {
				f := strings.Fields(c.target)
				return drop(c.m.Teams().Update(c.ctx, c.a, c.teams[f[0]], c.teamVersion(c.teams[f[0]]), usermgmt.TeamUpdate{Parent: ptr(c.teams[f[2]])}))
			}},
		{method: "Teams.Delete", targets: teams, call: func(c *cell) (string, error) {
			return only(c.m.Teams().Delete(c.ctx, c.a, c.teams[c.target]))
		}},
		{method: "Teams.AddMember", targets: []string{"teammate to below", "teammate to side", "outsider to middle", "self to below", "self to root", "teammate to foreign", "teammate to unknown"},
			call: func(c *cell) (string, error) {
				f := strings.Fields(c.target)
				c.target = f[0]
				return only(c.m.Teams().AddMember(c.ctx, c.a, c.teams[f[2]], c.user(), usermgmt.TeamChange{}))
			}},
		{method: "Teams.RemoveMember", targets: []string{"teammate of middle", "teammate of gamma", "outsider of middle", "foreign of foreign", "unknown of middle"},
			call: func(c *cell) (string, error) {
				f := strings.Fields(c.target)
				c.target = f[0]
				return only(c.m.Teams().RemoveMember(c.ctx, c.a, c.teams[f[2]], c.user()))
			}},

		{method: "Units.Create", targets: append([]string{"top"}, units...), call: func(c *cell) (string, error) {
			n := usermgmt.NewUnit{Org: c.Organization.ID, Parent: c.units[c.target], Name: "u"}
			if c.target == "foreign" {
				n.Org = c.orgs["foreign"].ID
			}
			if c.target == "unknown" {
				n.Org = c.orgs["unknown"].ID
			}
			return drop(c.m.Units().Create(c.ctx, c.a, n))
		}},
		{method: "Units.Get", targets: units, call: func(c *cell) (string, error) {
			return drop(c.m.Units().Get(c.ctx, c.a, c.units[c.target]))
		}},
		{method: "Units.List", targets: orgTargets, call: func(c *cell) (string, error) {
			list, err := c.m.Units().List(c.ctx, c.a, c.orgs[c.target].ID)
			return count(len(list), err)
		}},
		{method: "Units.Update", targets: units, call: func(c *cell) (string, error) {
			return drop(c.m.Units().Update(c.ctx, c.a, c.units[c.target], c.unitVersion(c.units[c.target]), usermgmt.UnitUpdate{Name: ptr("u")}))
		}},
		{method: "Units.Update", targets: []string{"empty below east", "empty below ops", "ops below sales", "empty below foreign", "empty below nothing"},
			call: func(c *cell) (string, error) {
				f := strings.Fields(c.target)
				return drop(c.m.Units().Update(c.ctx, c.a, c.units[f[0]], c.unitVersion(c.units[f[0]]), usermgmt.UnitUpdate{Parent: ptr(c.units[f[2]])}))
			}},
		{method: "Units.Delete", targets: units, call: func(c *cell) (string, error) {
			return only(c.m.Units().Delete(c.ctx, c.a, c.units[c.target]))
		}},
	}
}

// roleRows are roles and access profiles.
func roleRows() []row {
	where := func(c *cell) usermgmt.OrgID {
		if c.target == "system-wide" {
			return usermgmt.OrgID{}
		}
		return c.orgs[c.target].ID
	}
	some := []usermgmt.Grant{{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeTeam}}
	more := []usermgmt.Grant{{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeSystem}}
	stronger := append([]string{"stronger"}, recordTargets...)
	return []row{
		{method: "Roles.Create", targets: recordTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Roles().Create(c.ctx, c.a, usermgmt.NewRole{Org: where(c), Name: "r", Grants: some}))
		}},
		{method: "Roles.Create", targets: []string{"own with scope system"}, call: func(c *cell) (string, error) {
			return drop(c.m.Roles().Create(c.ctx, c.a, usermgmt.NewRole{Org: c.Organization.ID, Name: "r", Grants: more}))
		}},
		{method: "Roles.Get", targets: stronger, call: func(c *cell) (string, error) { return drop(c.m.Roles().Get(c.ctx, c.a, c.roles[c.target].ID)) }},
		{method: "Roles.List", targets: orgTargets, call: func(c *cell) (string, error) {
			list, err := c.m.Roles().List(c.ctx, c.a, c.orgs[c.target].ID)
			return count(len(list), err)
		}},
		{method: "Roles.Update", targets: stronger, call: func(c *cell) (string, error) {
			r := c.roles[c.target]
			return drop(c.m.Roles().Update(c.ctx, c.a, r.ID, r.Version, usermgmt.RoleUpdate{Grants: &[]usermgmt.Grant{}}))
		}},
		{method: "Roles.Update", targets: suffixed(stronger, "more"), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			r := c.roles[c.target]
			return drop(c.m.Roles().Update(c.ctx, c.a, r.ID, r.Version, usermgmt.RoleUpdate{Grants: &more}))
		}},
		{method: "Roles.Clone", targets: stronger, call: func(c *cell) (string, error) {
			return drop(c.m.Roles().Clone(c.ctx, c.a, c.roles[c.target].ID, c.Organization.ID, "copy"))
		}},
		{method: "Roles.Delete", targets: stronger, call: func(c *cell) (string, error) { return only(c.m.Roles().Delete(c.ctx, c.a, c.roles[c.target].ID)) }},

		{method: "Profiles.Create", targets: recordTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Profiles().Create(c.ctx, c.a, usermgmt.NewProfile{Org: where(c), Name: "p", Grants: some}))
		}},
		{method: "Profiles.Create", targets: []string{"own with scope system"}, call: func(c *cell) (string, error) {
			return drop(c.m.Profiles().Create(c.ctx, c.a, usermgmt.NewProfile{Org: c.Organization.ID, Name: "p", Grants: more}))
		}},
		{method: "Profiles.Get", targets: recordTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Profiles().Get(c.ctx, c.a, c.profiles[c.target].ID))
		}},
		{method: "Profiles.Shipped", call: func(c *cell) (string, error) {
			return drop(c.m.Profiles().Shipped(c.ctx, c.a, usermgmt.ProfileRegularUser))
		}},
		{method: "Profiles.List", targets: orgTargets, call: func(c *cell) (string, error) {
			list, err := c.m.Profiles().List(c.ctx, c.a, c.orgs[c.target].ID)
			return count(len(list), err)
		}},
		{method: "Profiles.Update", targets: recordTargets, call: func(c *cell) (string, error) {
			f := c.profiles[c.target]
			return drop(c.m.Profiles().Update(c.ctx, c.a, f.ID, f.Version, usermgmt.ProfileUpdate{Name: ptr("p")}))
		}},
		{method: "Profiles.Update", targets: suffixed(recordTargets, "more"), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			f := c.profiles[c.target]
			return drop(c.m.Profiles().Update(c.ctx, c.a, f.ID, f.Version, usermgmt.ProfileUpdate{Grants: &more}))
		}},
		{method: "Profiles.Update", targets: []string{"shipped"}, call: func(c *cell) (string, error) {
			return drop(c.m.Profiles().Update(c.ctx, c.a, c.Profile(usermgmt.ProfileRegularUser), 1, usermgmt.ProfileUpdate{Name: ptr("p")}))
		}},
		{method: "Profiles.Clone", targets: []string{"regular", "administrator", "system administrator", "own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			id := map[string]usermgmt.ProfileID{"regular": c.Profile(usermgmt.ProfileRegularUser), "administrator": c.Profile(usermgmt.ProfileAdministrator),
				"system administrator": c.Profile(usermgmt.ProfileSystemAdministrator)}[c.target]
			if id.IsZero() {
				id = c.profiles[c.target].ID
			}
			return drop(c.m.Profiles().Clone(c.ctx, c.a, id, c.Organization.ID, "copy"))
		}},
		{method: "Profiles.Delete", targets: recordTargets, call: func(c *cell) (string, error) {
			return only(c.m.Profiles().Delete(c.ctx, c.a, c.profiles[c.target].ID))
		}},
	}
}

// applicationRows are applications and who may take which roles in them.
func applicationRows() []row {
	grant := func(role string) func(c *cell) (string, error) {
		return func(c *cell) (string, error) {
			f := strings.Fields(c.target)
			req := usermgmt.AccessRequest{Application: c.apps["system-wide"].ID, Roles: []usermgmt.RoleAssignment{{Role: c.roles[role].ID}}}
			if c.target = f[0]; f[0] == "team" {
				req.Team = c.teams[f[1]]
			} else {
				req.User = c.user()
			}
			return drop(c.m.Applications().Grant(c.ctx, c.a, req))
		}
	}
	subjects := append([]string{"team middle", "team root", "team foreign", "team unknown"}, userTargets...)
	return []row{
		{method: "Applications.Create", targets: recordTargets, call: func(c *cell) (string, error) {
			var org usermgmt.OrgID
			if c.target != "system-wide" {
				org = c.orgs[c.target].ID
			}
			return drop(c.m.Applications().Create(c.ctx, c.a, usermgmt.NewApplication{Org: org, Name: "a"}))
		}},
		{method: "Applications.Get", targets: recordTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Applications().Get(c.ctx, c.a, c.apps[c.target].ID))
		}},
		{method: "Applications.List", targets: orgTargets, call: func(c *cell) (string, error) {
			list, err := c.m.Applications().List(c.ctx, c.a, c.orgs[c.target].ID)
			return count(len(list), err)
		}},
		{method: "Applications.Mine", call: func(c *cell) (string, error) {
			list, err := c.m.Applications().Mine(c.ctx, c.a)
			return count(len(list), err)
		}},
		{method: "Applications.Update", targets: recordTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Applications().Update(c.ctx, c.a, c.apps[c.target].ID, 1, usermgmt.ApplicationUpdate{Name: ptr("a")}))
		}},
		{method: "Applications.Delete", targets: recordTargets, call: func(c *cell) (string, error) {
			return only(c.m.Applications().Delete(c.ctx, c.a, c.apps[c.target].ID))
		}},
		{method: "Applications.Grant", targets: subjects, call: grant("system-wide")},
		{method: "Applications.Grant", targets: suffixed(subjects, "of a stronger role"), call: grant("stronger")},
		{method: "Applications.Revoke", targets: subjects, call: func(c *cell) (string, error) {
			f := strings.Fields(c.target)
			var user usermgmt.UserID
			var team usermgmt.TeamID
			if c.target = f[0]; f[0] == "team" {
				team = c.teams[f[1]]
			} else {
				user = c.user()
			}
			return only(c.m.Applications().Revoke(c.ctx, c.a, c.apps["system-wide"].ID, user, team))
		}},
		{method: "Applications.Access", targets: recordTargets, call: func(c *cell) (string, error) {
			return drop(c.m.Applications().Access(c.ctx, c.a, c.apps[c.target].ID, usermgmt.ListQuery{}))
		}},
	}
}
