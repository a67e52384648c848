package usermgmt

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// builtinObjects are this package's own objects and the capabilities of the
// two platforms. Actions that OroCRM and AgileApps switch on or off are owned
// by the organization: their scopes are None and Organization.
func builtinObjects() []Object {
	return []Object{
		{Name: "user", Ownership: OwnedByUser, Label: "Users", Actions: []string{
			"view", "create", "edit", "assign", "enable", "deactivate", "unlock", "set_password", "reset_password", "invite", "grant",
			"membership", "manage_api_key", "reset_factor", "end_sessions", "configure", "edit_profile", "export", "import", "erase",
			"report",
		}},
		{Name: "organization", Ownership: OwnedByOrganization, Label: "Organizations",
			Actions: []string{"view", "create", "edit", "disable"}, SystemOnly: []string{"create", "disable"}},
		{Name: "unit", Ownership: OwnedByUnit, Label: "Business units", Actions: []string{"view", "create", "edit", "delete"}},
		{Name: "team", Ownership: OwnedByTeam, Label: "Teams", Actions: []string{"view", "create", "edit", "delete"}},
		{Name: "sharing", Ownership: OwnedByTeam, Label: "Team data sharing", Actions: []string{"view", "edit"}},
		{Name: "role", Ownership: OwnedByOrganization, Label: "Roles", Actions: []string{"view", "create", "edit", "delete"}},
		{Name: "profile", Ownership: OwnedByOrganization, Label: "Access profiles", Actions: []string{"view", "create", "edit", "delete"}},
		{Name: "application", Ownership: OwnedByOrganization, Label: "Applications", Actions: []string{"view", "manage"}},
		{Name: "field", Ownership: OwnedByOrganization, Label: "Custom fields", Actions: []string{"manage"}},
		{Name: "group", Ownership: OwnedByOrganization, Label: "Groups",
			Actions: []string{"view", "create", "edit", "delete"}, SystemOnly: []string{"create", "edit", "delete"}},
		{Name: "policy", Ownership: OwnedByOrganization, Label: "Password policy", Actions: []string{"edit"}},
		{Name: "setting", Ownership: OwnedByOrganization, Label: "Settings", Actions: []string{"edit"}},
		{Name: "export", Ownership: OwnedByOrganization, Label: "Export marks", Actions: []string{"mark"}},
		{Name: "licence", Ownership: OwnedByOrganization, Label: "Licences",
			Actions: []string{"view", "manage"}, SystemOnly: []string{"manage"}},
		{Name: "audit", Ownership: OwnedByUser, Label: "Audit log", Actions: []string{"view"}},
		{Name: "proxy", Ownership: OwnedByUser, Label: "Proxy login", Actions: []string{"login", "configure"}},
		{Name: "support", Ownership: OwnedByOrganization, Label: "Customer support",
			Actions: []string{"login", "break_glass", "consent"}, SystemOnly: []string{"login", "break_glass"}},

		// Capabilities of the platforms' own screens (agileapps.md 3c, orocrm.md
		// 12.3). This package grants, checks and explains them; what they open
		// is the host's.
		{Name: "record", Ownership: OwnedByOrganization, Label: "Record ownership", Actions: []string{"change_team_owner"}},
		{Name: "personal", Ownership: OwnedByOrganization, Label: "Personal setup", Actions: []string{"setup"}},
		{Name: "report", Ownership: OwnedByOrganization, Label: "Views and reports",
			Actions: []string{"create", "export", "share", "manage_global", "print"}},
		{Name: "data", Ownership: OwnedByOrganization, Label: "Data management",
			Actions: []string{"mass_operate", "import", "export"}},
		{Name: "recycle_bin", Ownership: OwnedByOrganization, Label: "Recycle bin", Actions: []string{"manage"}},
		{Name: "customization", Ownership: OwnedByOrganization, Label: "Application controls",
			Actions: []string{"objects", "packages", "translations", "development", "debug_log", "sandboxes"}},
		{Name: "support_case", Ownership: OwnedByOrganization, Label: "Support cases", Actions: []string{"manage"}},
	}
}

var objectWord = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// fieldActions are the actions that protected fields have permissions for
// (orocrm.md 12.8).
var fieldActions = []string{"view", "create", "edit"}

// newCatalogue numbers the permissions of objects and reports every problem.
func newCatalogue(objects []Object) (*authz.Catalogue, error) {
	var p problems
	var perms []authz.Permission
	seen := map[Permission]bool{}
	for _, o := range objects {
		if !objectWord.MatchString(o.Name) {
			p.add("objects", "format", fmt.Sprintf("object name %q: want a-z, 0-9 and _, beginning with a letter", o.Name))
		}
		scopes := o.Ownership.Scopes()
		if scopes == 0 {
			p.add("objects", "ownership", "object "+o.Name+" has no ownership")
		}
		for _, s := range o.SystemOnly {
			if !slices.Contains(o.Actions, s) {
				p.add("objects", "system_only", "object "+o.Name+" has no action "+s)
			}
		}
		for _, s := range o.Reads {
			if !slices.Contains(o.Actions, s) {
				p.add("objects", "reads", "object "+o.Name+" has no action "+s)
			}
		}
		actions := o.Actions
		if o.Visibility != 0 {
			actions = append(slices.Clone(actions), authz.ControlVisibility)
		}
		if o.Visibility > VisibleByField || (o.VisibilityField != "") != (o.Visibility == VisibleByField) {
			p.add("objects", "visibility", "object "+o.Name+": a visibility that there is, and a field with VisibleByField only")
		}
		for _, a := range actions {
			name := Permission(o.Name + "." + a)
			if !objectWord.MatchString(a) {
				p.add("objects", "format", fmt.Sprintf("permission %q: want a-z, 0-9 and _, beginning with a letter", name))
			}
			if seen[name] {
				p.add("objects", "taken", "permission "+string(name)+" is declared twice")
			}
			seen[name] = true
			entry := authz.Permission{Name: string(name), Object: o.Name, Action: a,
				Scopes: authz.Mask(scopes), Least: authz.Mask(o.Ownership.least()), Basis: authz.Basis(o.Visibility)}
			if slices.Contains(o.SystemOnly, a) {
				entry.Scopes, entry.Least = authz.System, 0
			}
			perms = append(perms, entry)
			if !slices.Contains(fieldActions, a) {
				continue
			}
			for _, f := range o.Fields {
				entry.Name, entry.Field = string(name.Of(f)), f
				if seen[Permission(entry.Name)] {
					p.add("objects", "taken", "permission "+entry.Name+" is declared twice")
				}
				seen[Permission(entry.Name)] = true
				perms = append(perms, entry)
			}
		}
		for _, f := range o.Fields {
			if !objectWord.MatchString(f) {
				p.add("objects", "format", fmt.Sprintf("field %q of object %s: want a-z, 0-9 and _, beginning with a letter", f, o.Name))
			}
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return authz.NewCatalogue(perms)
}

// least is what a "*" grant of a scope that does not exist becomes.
func (o Ownership) least() Scope {
	switch o {
	case OwnedByUnit:
		return ScopeUnit
	case OwnedByTeam:
		return ScopeTeam
	case OwnedByOrganization:
		return ScopeOrganization.Expand() & o.Scopes()
	}
	return 0
}

// normalizeGrants checks grants against the catalogue, expands their scopes,
// joins equal permissions and sorts. Problems are reported under field.
func normalizeGrants(cat *authz.Catalogue, field string, grants []Grant, p *problems) []Grant {
	merged := make(map[Permission]Scope, len(grants))
	for _, g := range grants {
		if !cat.Matches(string(g.Permission)) {
			p.add(field, "unknown_permission", "no permission "+string(g.Permission))
			continue
		}
		if g.Scope&ScopeShared != 0 && g.Scope&(ScopeOrganization|ScopeSystem) == 0 {
			p.add(field, "scope", fmt.Sprintf("%s: scope shared comes by sharing policies only", g.Permission))
			continue
		}
		if n, exact := cat.Number(string(g.Permission)); exact && g.Scope != 0 {
			exists := Scope(cat.At(n).Scopes)
			if g.Scope&exists == 0 {
				p.add(field, "scope", fmt.Sprintf("%s has no scope %s", g.Permission, g.Scope))
				continue
			}
			g.Scope = g.Scope.Expand() & exists
		} else {
			g.Scope = g.Scope.Expand()
		}
		merged[g.Permission] |= g.Scope
	}
	out := make([]Grant, 0, len(merged))
	for perm, scope := range merged {
		out = append(out, Grant{perm, scope})
	}
	slices.SortFunc(out, func(a, b Grant) int {
		switch {
		case a.Permission < b.Permission:
			return -1
		case a.Permission > b.Permission:
			return 1
		}
		return 0
	})
	return out
}

// resolveGrants numbers stored grants. Names that the catalogue no longer has
// grant nothing.
func resolveGrants(cat *authz.Catalogue, grants []Grant, provider bool) []authz.Mask {
	in := make([]authz.Grant, len(grants))
	for i, g := range grants {
		in[i] = authz.Grant{Name: string(g.Permission), Mask: authz.Mask(g.Scope)}
	}
	return cat.Resolve(in, provider)
}
