package naive

import (
	"slices"
	"time"
)

// The kinds of sources.
const (
	FromProfile   = "profile"
	FromRole      = "role"
	FromUserEntry = "access entry of the user"
	FromTeamEntry = "access entry of a team"
	FromPolicy    = "sharing policy"
)

// Source is where rights come from.
type Source struct {
	Kind   string
	Name   string // of the profile, role or policy
	Entry  string // the access entry by which the role is there
	grants Grants
	policy *Policy
	shared []string // of a policy: the teams whose records are shared with the user
}

// actor is a user at a moment.
type actor struct {
	userName, orgName string
	org               *Organization
	units, teams      []string
	app               string
	roles             []string // those that are sources
	sources           []Source
	mustChoose        bool
}

// actor finds out everything about who asks.
func (w *World) actor(q Question) actor {
	org := w.Organizations[q.Org]
	member := org.Members[q.User]
	a := actor{userName: q.User, orgName: q.Org, org: org, units: member.Units}
	for _, t := range member.Teams {
		if t.counts(q.At) {
			a.teams = append(a.teams, t.To)
		}
	}
	if w.hasAccess(a, q.App, q.At) {
		a.app = q.App
	}

	var roles []Source
	for _, r := range member.Roles {
		if r.counts(q.At) && w.roleIsHere(a, r.To) {
			roles = append(roles, Source{Kind: FromRole, Name: r.To, grants: w.Roles[r.To].Grants})
		}
	}
	for name, e := range org.Entries {
		if a.app == "" || e.App != a.app || !a.named(e) {
			continue
		}
		for _, r := range e.Roles {
			if r.counts(q.At) && w.roleIsHere(a, r.To) {
				kind := FromTeamEntry
				if e.User != "" {
					kind = FromUserEntry
				}
				roles = append(roles, Source{Kind: kind, Name: r.To, Entry: name, grants: w.Roles[r.To].Grants})
			}
		}
	}

	if org.SwitchRoles && !q.Key {
		choices, inForce := names(roles), q.Role
		if !slices.Contains(choices, inForce) {
			inForce = ""
			if len(choices) == 1 {
				inForce = choices[0]
			}
			a.mustChoose = len(choices) > 1
		}
		roles = slices.DeleteFunc(roles, func(s Source) bool { return s.Name != inForce })
	}
	a.roles = names(roles)

	a.sources = append(a.sources, Source{Kind: FromProfile, Name: member.Profile, grants: w.Profiles[member.Profile].Grants})
	a.sources = append(a.sources, roles...)
	for name, p := range org.Policies {
		shared, applies := a.sharedBy(p)
		if applies && (len(p.Roles) == 0 || shareOne(p.Roles, a.roles)) {
			a.sources = append(a.sources, Source{Kind: FromPolicy, Name: name, policy: p, shared: shared})
		}
	}
	return a
}

// counts: the assignment holds at a moment.
func (x Assignment) counts(at time.Time) bool {
	return (x.From.IsZero() || !at.Before(x.From)) && (x.Until.IsZero() || at.Before(x.Until))
}

// hasAccess: some entry for the application names the user, with a role that counts.
func (w *World) hasAccess(a actor, app string, at time.Time) bool {
	for _, e := range a.org.Entries {
		if app != "" && e.App == app && a.named(e) &&
			slices.ContainsFunc(e.Roles, func(r Assignment) bool { return r.counts(at) }) {
			return true
		}
	}
	return false
}

// named: the entry is the user's, or of a team of the user, or of a team above one.
func (a actor) named(e *Entry) bool {
	if e.User != "" {
		return e.User == a.userName
	}
	return slices.ContainsFunc(a.teams, func(t string) bool { return t == e.Team || below(a.org.Teams, t, e.Team) })
}

// roleIsHere: the role is of this organization or of all, and for the current
// application or for all.
func (w *World) roleIsHere(a actor, role string) bool {
	r := w.Roles[role]
	return (r.Org == "" || r.Org == a.orgName) && (r.App == "" || r.App == a.app)
}

// names are the roles of sources, each once.
func names(roles []Source) []string {
	var all []string
	for _, s := range roles {
		if !slices.Contains(all, s.Name) {
			all = append(all, s.Name)
		}
	}
	return all
}

// below: the node lies strictly below another, in a tree of parents.
func below(parents map[string]string, node, above string) bool {
	for p := parents[node]; p != ""; p = parents[p] {
		if p == above {
			return true
		}
	}
	return false
}

// related are the relations in which a record stands to the actor, as far as a
// source may grant them.
func (w *World) related(a actor, s Source, r *Record) Relations {
	holds := Of(System)
	if r.Org != a.orgName {
		return holds
	}
	holds[WholeOrganization] = true
	if r.Owner == a.userName {
		holds[Own] = true
	}
	for _, t := range r.Teams {
		if _, here := a.org.Teams[t]; !here {
			continue
		}
		if slices.Contains(a.teams, t) {
			holds[Team] = true
		}
		if slices.ContainsFunc(a.teams, func(mine string) bool { return below(a.org.Teams, t, mine) }) {
			holds[Subteams] = true
		}
		if slices.Contains(s.shared, t) {
			holds[Shared] = true
		}
	}
	for _, u := range r.Units {
		if _, here := a.org.Units[u]; !here {
			continue
		}
		if slices.Contains(a.units, u) {
			holds[Unit], holds[Division] = true, true
		}
		if slices.ContainsFunc(a.units, func(mine string) bool { return below(a.org.Units, u, mine) }) {
			holds[Division] = true
		}
	}
	return holds
}

// sharedBy are the teams whose records a policy shares with the user, and whether the
// user has a team to which it shares any.
func (a actor) sharedBy(p *Policy) (shared []string, applies bool) {
	owning := a.with([]string{p.Owning}, p.OwningSubteams)
	sharing := a.with(p.Sharing, p.SharingSubteams)
	if shareOne(a.teams, sharing) {
		shared, applies = append(shared, owning...), true
		if p.Model == Mashup {
			shared = append(shared, sharing...)
		}
	}
	if shareOne(a.teams, owning) && (p.Model == TwoWay || p.Model == Mashup) {
		shared, applies = append(shared, sharing...), true
	}
	return shared, applies
}

// with are the teams and, if asked for, everything below them.
func (a actor) with(teams []string, subteams bool) []string {
	all := slices.Clone(teams)
	for t := range a.org.Teams {
		if subteams && slices.ContainsFunc(teams, func(top string) bool { return below(a.org.Teams, t, top) }) {
			all = append(all, t)
		}
	}
	return all
}

// UserRecord is a user's own record in an organization.
func (w *World) UserRecord(user, org string, at time.Time) *Record {
	r := &Record{Org: org, Owner: user}
	if u := w.Users[user]; u.Home == org {
		r.Units = []string{u.OwnerUnit}
	}
	for _, t := range w.Organizations[org].Members[user].Teams {
		if t.counts(at) {
			r.Teams = append(r.Teams, t.To)
		}
	}
	return r
}
