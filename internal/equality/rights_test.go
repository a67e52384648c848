package equality_test

import (
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

type scope = usermgmt.Scope

// The relations that imply all narrower ones.
const wide = usermgmt.ScopeOrganization | usermgmt.ScopeSystem

// permission is an entry of the catalogue, by the documentation of
// [usermgmt.Ownership] and [usermgmt.Object].
type permission struct {
	name, object, action string
	exists               scope // the scopes that there are
	least                scope // what a wildcard of another scope becomes
}

// catalogue lists the permissions of objects.
func catalogue(objects []usermgmt.Object) (out []permission) {
	for _, o := range objects {
		for _, action := range o.Actions {
			p := permission{name: o.Name + "." + action, object: o.Name, action: action, exists: o.Ownership.Scopes()}
			switch o.Ownership {
			case usermgmt.OwnedByUnit:
				p.least = usermgmt.ScopeUnit
			case usermgmt.OwnedByTeam:
				p.least = usermgmt.ScopeTeam
			case usermgmt.OwnedByOrganization:
				p.least = usermgmt.ScopeOrganization
			}
			if slices.Contains(o.SystemOnly, action) {
				p.exists, p.least = usermgmt.ScopeSystem, 0
			}
			out = append(out, p)
		}
	}
	return out
}

// grants are what a role or a profile holds: names, possibly with "*", and
// expanded scopes.
type grants map[string]scope

// normalize is what becomes of grants when they are saved; ok is false if one
// names nothing or has a scope that does not exist.
func (m *model) normalize(in []usermgmt.Grant) (out grants, ok bool) {
	out = grants{}
	for _, g := range in {
		name := string(g.Permission)
		object, action, _ := strings.Cut(name, ".")
		known := slices.ContainsFunc(m.perms, func(p permission) bool {
			return (object == "*" || object == p.object) && (action == "*" || action == p.action)
		})
		if !known {
			return nil, false
		}
		s := g.Scope.Expand()
		if n, exact := m.number[name]; exact && g.Scope != 0 {
			if g.Scope&m.perms[n].exists == 0 {
				return nil, false
			}
			s &= m.perms[n].exists
		}
		out[name] |= s
	}
	return out, true
}

// resolve says what one role or profile gives of every permission: the most
// exact of its grants counts alone. Outside the provider organization System is
// Organization, which is always there beside it where it exists.
func (m *model) resolve(g grants, provider bool) []scope {
	out := make([]scope, len(m.perms))
	for n, p := range m.perms {
		for _, name := range []string{p.name, p.object + ".*", "*." + p.action, "*.*"} {
			s, found := g[name]
			if !found {
				continue
			}
			switch {
			case s&p.exists != 0 || name == p.name:
				out[n] = s & p.exists
			case s != 0:
				out[n] = p.least
			}
			break
		}
		if !provider {
			out[n] &^= usermgmt.ScopeSystem
		}
	}
	return out
}

// masks keeps both resolved forms of a set of grants.
type masks struct{ here, provider []scope }

func (m *model) masksOf(g grants) masks { return masks{m.resolve(g, false), m.resolve(g, true)} }

func (k masks) in(org int) []scope {
	if org == 0 { // the provider organization
		return k.provider
	}
	return k.here
}

// holds reports whether an assignment counts at now.
func (p period) holds(now time.Time) bool {
	return !now.Before(p.from) && (p.until.IsZero() || now.Before(p.until))
}

// lineage is a node and all above it; nothing for a node that is not there.
func lineage(nodes []*node, i int) (out []int) {
	for i >= 0 && i < len(nodes) && nodes[i].alive {
		out = append(out, i)
		i = nodes[i].parent
	}
	return out
}

func alive(nodes []*node, i, org int) bool {
	return i >= 0 && i < len(nodes) && nodes[i].alive && nodes[i].org == org
}

// below reports whether node i lies strictly below one of roots.
func below(nodes []*node, i int, roots []int) bool {
	up := lineage(nodes, i)
	return len(up) > 1 && slices.ContainsFunc(up[1:], func(a int) bool { return slices.Contains(roots, a) })
}

// teamsNow are the teams of a place that count now; with future also those
// that have not begun.
func (m *model) teamsNow(p *place, future bool) (out []int) {
	if p == nil {
		return nil
	}
	for _, t := range p.teams {
		if m.counts(t.period, future) {
			out = append(out, t.team)
		}
	}
	return out
}

func (m *model) counts(p period, future bool) bool {
	if future {
		p.from = time.Time{}
	}
	return p.holds(m.now)
}

// entriesOf are the access entries of an organization that reach the teams:
// their own and those of the teams above.
func (m *model) entriesOf(org int, teams []int) (out []*entry) {
	for _, e := range m.access {
		if e.org == org && e.team != none &&
			slices.ContainsFunc(teams, func(t int) bool { return slices.Contains(lineage(m.teams, t), e.team) }) {
			out = append(out, e)
		}
	}
	return out
}

func (m *model) entriesOfUser(org, user int) (out []*entry) {
	for _, e := range m.access {
		if e.org == org && e.user == user && user != none {
			out = append(out, e)
		}
	}
	return out
}

// sources are the masks of everything that grants p's holder anything in the
// application: profile, roles held directly, access of the user and of teams.
func (m *model) sources(p *place, own []*entry, org, app int, future bool) (out [][]scope) {
	out = append(out, m.profiles[p.profile].masks.in(org))
	add := func(roles []heldRole) {
		for _, h := range roles {
			r := m.roles[h.role]
			if m.counts(h.period, future) && (r.app == none || r.app == app) {
				out = append(out, r.masks.in(org))
			}
		}
	}
	add(p.roles)
	if app == none {
		return out
	}
	for _, e := range slices.Concat(own, m.entriesOf(org, m.teamsNow(p, future))) {
		if e.app == app {
			add(e.roles)
		}
	}
	return out
}

// reachesApp reports whether a role counts now by an entry for the application.
func (m *model) reachesApp(user, org, app int) bool {
	for _, e := range slices.Concat(m.entriesOfUser(org, user), m.entriesOf(org, m.teamsNow(m.users[user].in[org], false))) {
		if e.app == app && slices.ContainsFunc(e.roles, func(h heldRole) bool { return h.holds(m.now) }) {
			return true
		}
	}
	return false
}

func union(n int, sources [][]scope) []scope {
	out := make([]scope, n)
	for _, s := range sources {
		for i := range out {
			out[i] |= s[i]
		}
	}
	return out
}

// rights are the masks in force and those that count for granting. Objects
// that live in an application count only while it is the current one.
func (m *model) rights(user, org, app int) (granted, held []scope) {
	if app != none && !m.reachesApp(user, org, app) {
		app = none
	}
	held = union(len(m.perms), m.sources(m.users[user].in[org], m.entriesOfUser(org, user), org, app, false))
	granted = slices.Clone(held)
	for n, p := range m.perms {
		lives, here := false, false
		for i := range m.apps {
			lives = lives || slices.Contains(m.apps[i], p.object)
			here = here || i == app && slices.Contains(m.apps[i], p.object)
		}
		if lives && !here {
			granted[n] = 0
		}
	}
	return granted, held
}

// everywhere is what a place holds over all applications, also what has not begun.
func (m *model) everywhere(p *place, own []*entry, org int) []scope {
	all := m.sources(p, own, org, none, true)
	for app := range m.apps {
		all = append(all, m.sources(p, own, org, app, true)...)
	}
	return union(len(m.perms), all)
}

// thing is a record: of an organization, an owner, units and teams by number.
type thing struct {
	org, owner   int
	units, teams []int
}

// related reports whether the actor relates to r by a member of s.
func (m *model) related(a *actor, s scope, r *thing) bool {
	if s&usermgmt.ScopeSystem != 0 {
		return true
	}
	if r.org != a.org || r.org == none {
		return false
	}
	if s&usermgmt.ScopeOrganization != 0 || s&usermgmt.ScopeOwn != 0 && r.owner == a.subject && r.owner != none {
		return true
	}
	units, teams := m.placesOf(a)
	for _, u := range r.units {
		at := slices.Contains(units, u) && alive(m.units, u, a.org)
		if at && s&(usermgmt.ScopeUnit|usermgmt.ScopeDivision) != 0 || s&usermgmt.ScopeDivision != 0 && below(m.units, u, units) {
			return true
		}
	}
	for _, t := range r.teams {
		at := slices.Contains(teams, t) && alive(m.teams, t, a.org)
		if at && s&usermgmt.ScopeTeam != 0 || s&usermgmt.ScopeSubteams != 0 && below(m.teams, t, teams) {
			return true
		}
	}
	return false
}

// placesOf are the units and the present teams of the actor's subject.
func (m *model) placesOf(a *actor) (units, teams []int) {
	if a.subject == none {
		return nil, nil
	}
	p := m.users[a.subject].in[a.org]
	if p == nil {
		return nil, nil
	}
	return p.units, m.teamsNow(p, false)
}

func (m *model) granted(a *actor, perm string) scope {
	n, ok := m.number[perm]
	if !ok || a.pending != 0 {
		return 0
	}
	s := a.granted[n]
	if a.narrow != nil {
		s &= a.narrow[n]
	}
	return s
}

func (a *actor) holds(n int) scope {
	s := a.held[n]
	if a.narrow != nil {
		s &= a.narrow[n]
	}
	return s
}

func (m *model) can(a *actor, perm string, r *thing) bool { return m.related(a, m.granted(a, perm), r) }

// sees: everybody may know of themselves.
func (m *model) sees(a *actor, view string, r *thing) bool {
	return m.can(a, view, r) || a.subject != none && r.owner == a.subject
}

// need is nil, ErrPermission for what the actor sees, or ErrNotFound.
func (m *model) need(a *actor, perm, view string, r *thing) error {
	switch {
	case m.can(a, perm, r):
		return m.freshFor(a, perm)
	case m.sees(a, view, r):
		return usermgmt.ErrPermission
	}
	return usermgmt.ErrNotFound
}

// needIn is need for an organization as a whole or, with none, the system.
func (m *model) needIn(a *actor, perm string, org int) error {
	err := m.need(a, perm, "organization.view", &thing{org: org, owner: none})
	if err != nil && err != usermgmt.ErrStepUp && (org == a.org || org == none) {
		return usermgmt.ErrPermission
	}
	return err
}

// nothing reports whether the actor's scope of a permission covers no record at all.
func (m *model) nothing(a *actor, perm string) bool {
	s := m.granted(a, perm)
	units, teams := m.placesOf(a)
	return s&wide == 0 && (s&usermgmt.ScopeOwn == 0 || a.subject == none) &&
		(s&(usermgmt.ScopeUnit|usermgmt.ScopeDivision) == 0 || len(units) == 0) &&
		(s&(usermgmt.ScopeTeam|usermgmt.ScopeSubteams) == 0 || len(teams) == 0)
}

// mayGrant is the subset rule in an organization; none is system-wide.
func (m *model) mayGrant(a *actor, org int, want []scope) error {
	for n, s := range want {
		held := a.holds(n)
		if org != a.org && held&usermgmt.ScopeSystem == 0 {
			held &= usermgmt.ScopeOwn
		}
		if s&^held != 0 {
			return usermgmt.ErrPermission
		}
	}
	return nil
}

// mayRewrite is the subset rule for grants that change: all that was there and
// all that comes, unless something was there and it only loses.
func (m *model) mayRewrite(a *actor, org int, before, after grants) error {
	old, now := m.resolve(before, true), m.resolve(after, true)
	loses := len(before) > 0
	for n := range old {
		loses = loses && now[n]&^old[n] == 0
	}
	if loses {
		return nil
	}
	if err := m.mayGrant(a, org, old); err != nil {
		return err
	}
	return m.mayGrant(a, org, now)
}

// reaches: relative scopes reach as far as their holder's teams and units, so
// these must lie within the actor's hierarchy and divisions; one's own must be
// reached by the very scope.
func (m *model) reaches(a *actor, user, org int, teams, units []int, want []scope) error {
	const byTeam, byUnit = usermgmt.ScopeTeam | usermgmt.ScopeSubteams, usermgmt.ScopeUnit | usermgmt.ScopeDivision
	for n, s := range want {
		held := a.holds(n)
		if held&wide != 0 {
			continue
		}
		if user != a.subject {
			held = byTeam | byUnit
		}
		if s&byTeam != 0 {
			for _, t := range teams {
				if !m.related(a, held&byTeam, &thing{org: org, owner: none, teams: []int{t}}) {
					return usermgmt.ErrPermission
				}
			}
		}
		if s&byUnit != 0 {
			for _, u := range units {
				if !m.related(a, held&byUnit, &thing{org: org, owner: none, units: []int{u}}) {
					return usermgmt.ErrPermission
				}
			}
		}
	}
	return nil
}

// mayGrantTo is the subset rule for what a member gets.
func (m *model) mayGrantTo(a *actor, user, org int, p *place, want []scope) error {
	if err := m.mayGrant(a, org, want); err != nil {
		return err
	}
	var teams []int
	for _, t := range p.teams {
		teams = append(teams, t.team)
	}
	return m.reaches(a, user, org, teams, p.units, want)
}

// stronger refuses a user who holds in org what the actor lacks; in another
// organization than the actor's nobody may hold more than a regular user.
func (m *model) stronger(a *actor, user, org int) error {
	regular := m.profiles[m.regular].masks.here
	for n, s := range m.everywhere(m.users[user].in[org], m.entriesOfUser(org, user), org) {
		mine := a.holds(n)
		if org != a.org && mine&usermgmt.ScopeSystem == 0 {
			mine = regular[n]
		}
		if s&^mine != 0 {
			return usermgmt.ErrPermission
		}
	}
	return nil
}

func (m *model) strongerAnywhere(a *actor, user int) error {
	for org := range m.orgs {
		if m.users[user].in[org] != nil {
			if err := m.stronger(a, user, org); err != nil {
				return err
			}
		}
	}
	return nil
}

// gains reports whether the actor's user would gain something over what comes
// to lie below by the relation.
func (m *model) gains(a *actor, by scope) bool {
	if a.subject == none {
		return false
	}
	held := m.everywhere(m.users[a.subject].in[a.org], m.entriesOfUser(a.org, a.subject), a.org)
	return slices.ContainsFunc(held, func(s scope) bool { return s&by != 0 && s&wide == 0 })
}
