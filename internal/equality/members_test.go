package equality_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

var licenceForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// offered reports whether a profile or a role of owner is offered in org.
func offered(owner, org int) bool { return owner == none || owner == org }

func (m *model) roleOffered(i, org int) bool {
	return i >= 0 && i < len(m.roles) && m.roles[i].alive && offered(m.roles[i].org, org)
}

// longer reports whether p is not covered by old.
func (p period) longer(old period) bool {
	return p.from.Before(old.from) || !old.until.IsZero() && (p.until.IsZero() || p.until.After(old.until))
}

// checkPlace checks a membership that is new (before is nil) or changed. What
// is added must lie within the actor's rights and scope; that is an error at
// once. bad says whether there are problems of values, so far and then.
func (m *model) checkPlace(a *actor, user int, u *person, org int, before, p *place, perm string, bad bool) (bool, error) {
	if before == nil {
		before = &place{profile: none, primary: none, app: none}
	}
	if i := p.profile; i < 0 || i >= len(m.profiles) || !m.profiles[i].alive || !offered(m.profiles[i].org, org) {
		bad = true
	} else if i != before.profile {
		if err := m.mayGrantTo(a, user, org, p, m.profiles[i].masks.in(org)); err != nil {
			return bad, err
		}
	}
	wrong, err := m.checkRoles(a, user, org, p, before.roles, p.roles, none)
	if err != nil {
		return bad, err
	}
	bad = bad || wrong
	if bad, err = m.checkPlaces(a, user, u, org, before, p, perm, bad); err != nil {
		return bad, err
	}
	if len(p.roles) == 0 && len(m.entriesOf(org, m.teamsNow(p, false))) == 0 && len(m.entriesOfUser(org, user)) == 0 {
		bad = true
	}
	if p.app != none && p.app >= len(m.apps) {
		bad = true
	}
	if p.licence != before.licence && (before.licence != "" || p.licence != "platform") && !m.can(a, "licence.manage", &thing{org: org, owner: none}) {
		return bad, usermgmt.ErrPermission
	}
	return bad || !licenceForm.MatchString(p.licence), nil
}

// checkRoles checks roles that a member (p) or, with nil, a team gets.
func (m *model) checkRoles(a *actor, user, org int, p *place, before, after []heldRole, app int) (bad bool, err error) {
	seen := map[int]bool{}
	for _, h := range after {
		if !m.roleOffered(h.role, org) {
			bad = true
			continue
		}
		role := m.roles[h.role]
		if seen[h.role] || app != none && role.app != none && role.app != app || !h.from.IsZero() && !h.until.IsZero() && !h.from.Before(h.until) {
			bad = true
		}
		seen[h.role] = true
		old := slices.IndexFunc(before, func(b heldRole) bool { return b.role == h.role })
		if old >= 0 && !h.longer(before[old].period) {
			continue
		}
		if p == nil {
			err = m.mayGrant(a, org, role.masks.in(org))
		} else {
			err = m.mayGrantTo(a, user, org, p, role.masks.in(org))
		}
		if err == nil && p != nil && old >= 0 && user == a.subject { // nobody prolongs the own roles
			err = usermgmt.ErrPermission
		}
		if err != nil {
			return bad, err
		}
	}
	return bad, nil
}

// checkPlaces checks teams and units, and what comes with those that are added.
func (m *model) checkPlaces(a *actor, user int, u *person, org int, before, p *place, perm string, bad bool) (bool, error) {
	var seen, join []int
	for _, t := range p.teams {
		if !alive(m.teams, t.team, org) {
			bad = true
			continue
		}
		bad = bad || slices.Contains(seen, t.team)
		seen = append(seen, t.team)
		old := slices.IndexFunc(before.teams, func(b heldTeam) bool { return b.team == t.team })
		if old < 0 || t.longer(before.teams[old].period) {
			join = append(join, t.team)
			if old >= 0 && user == a.subject {
				return bad, usermgmt.ErrPermission
			}
		}
	}
	primary := slices.IndexFunc(p.teams, func(t heldTeam) bool { return t.team == p.primary })
	bad = bad || primary < 0 || p.teams[primary].period != period{}
	for _, i := range p.units {
		bad = bad || !alive(m.units, i, org)
	}
	if bad {
		return bad, nil // the scope of what does not exist is nothing to speak of
	}
	var owner, units []int
	if u.home == org {
		owner = []int{u.unit}
	}
	for _, t := range join {
		if !m.can(a, perm, &thing{org: org, owner: none, units: owner, teams: []int{t}}) {
			return bad, usermgmt.ErrPermission
		}
	}
	for _, e := range m.entriesOf(org, join) {
		for _, h := range e.roles {
			if err := m.mayGrant(a, org, m.roles[h.role].masks.in(org)); err != nil {
				return bad, err
			}
		}
	}
	for _, i := range p.units {
		if !slices.Contains(before.units, i) {
			units = append(units, i)
			if !m.unitInScope(a, perm, org, i) {
				return bad, usermgmt.ErrPermission
			}
		}
	}
	if len(join)+len(units) == 0 || p.profile < 0 {
		return bad, nil
	}
	return bad, m.reaches(a, user, org, join, units, m.everywhere(p, m.entriesOfUser(org, user), org))
}

func (p period) String() string {
	if (p == period{}) {
		return ""
	}
	return fmt.Sprintf("[%s,%s)", text(p.from), text(p.until))
}

func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// placeText is a membership as a sees it; nil sees all of it.
func (m *model) placeText(a *actor, user, org int) string {
	p := m.users[user].in[org]
	var roles, teams []string
	for _, h := range p.roles {
		roles = append(roles, fmt.Sprint("role", h.role, h.period.String()))
	}
	for _, h := range p.teams {
		teams = append(teams, fmt.Sprint("team", h.team, h.period.String()))
	}
	licence := p.licence
	if a != nil && m.granted(a, "licence.view")&scope(usermgmt.ScopeSystem) == 0 {
		licence = "" // a matter of the provider organization
	}
	values := p.custom
	if a != nil {
		values = m.visibleValues(org, values)
	}
	return fmt.Sprintf("user%d in org%d enabled %t %s roles %v teams %v first %s units %s app %s licence %s seat %t version %d values %s", user, org, p.enabled,
		name("profile", p.profile), roles, teams, name("team", p.primary), names("unit", p.units), name("app", p.app), licence, p.seat, p.version, valuesText(values))
}

func (s *system) placeText(p *usermgmt.Membership) string {
	var roles, teams []string
	for _, h := range p.Roles {
		roles = append(roles, of(s, h.Role)+period{h.From, h.Until}.String())
	}
	for _, h := range p.Teams {
		teams = append(teams, of(s, h.Team)+period{h.From, h.Until}.String())
	}
	return fmt.Sprintf("%s in %s enabled %t %s roles %v teams %v first %s units %s app %s licence %s seat %t version %d values %s", of(s, p.User), of(s, p.Org), p.Enabled,
		of(s, p.Profile), roles, teams, of(s, p.PrimaryTeam), ofAll(s, p.Units), of(s, p.InitialApp), p.Licence, p.Seat, p.Version, valuesText(p.Custom))
}

func (mc *machine) memberAdd(user, org int, n *place) *call {
	return &call{name: "members.add", about: []int{user}, verb: "membership.add",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.known(user) {
				return "", usermgmt.ErrNotFound
			}
			u := m.users[user]
			m.on("user", fmt.Sprint("user", user), org)
			if !m.sees(a, "user.view", m.met(a, user)) || org >= len(m.orgs) {
				return "", usermgmt.ErrNotFound
			}
			p := *n
			p.complete()
			r := &thing{org: org, owner: user, teams: m.teamsNow(&p, false)}
			if u.home == org {
				r.units = []int{u.unit}
			}
			if !m.can(a, "user.membership", r) {
				if org != a.org && !m.can(a, "organization.view", &thing{org: org, owner: none}) {
					return "", usermgmt.ErrNotFound
				}
				return "", usermgmt.ErrPermission
			}
			if u.erased {
				return "", usermgmt.ErrConflict
			}
			bad, err := m.checkPlace(a, user, u, org, nil, &p, "user.membership", m.freshValues(u, org, &p))
			switch {
			case err != nil:
				return "", err
			case bad:
				return "", usermgmt.ErrInvalid
			case u.in[org] != nil:
				return "", usermgmt.ErrConflict
			case needsSeat(u) && !u.deactivated && !m.free(org, p.licence):
				return "", usermgmt.ErrLimit
			}
			m.join(user, org, &p)
			m.record(a, "membership.add")
			return m.placeText(a, user, org), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			got, err := s.Members().Add(ctx, a, at(s.users, user), at(s.orgs, org), s.place(n))
			if err != nil {
				return "", err
			}
			return s.placeText(got), nil
		}}
}

// placeChange is what changes of a membership; nil leaves a part alone.
type placeChange struct {
	enabled      *bool
	profile      *int
	roles        *[]heldRole
	teams        *[]heldTeam
	primary      *int
	units        *[]int
	licence      *string
	app          *int
	changesPlace bool
	custom       map[string]string
}

func (c *placeChange) rights() bool { return c.profile != nil || c.roles != nil }

func (c *placeChange) places() bool {
	return c.enabled != nil || c.teams != nil || c.primary != nil || c.units != nil || c.licence != nil || c.changesPlace
}

// changeable decides whether the actor may apply c to a member.
func (m *model) changeable(a *actor, user, org int, c *placeChange) error {
	if err := m.member(user, org); err != nil {
		return err
	}
	r := m.personIn(user, org)
	if c.rights() {
		if err := m.need(a, "user.grant", "user.view", r); err != nil {
			return err
		}
	}
	if c.places() {
		if err := m.need(a, "user.membership", "user.view", r); err != nil {
			return err
		}
	}
	if len(c.custom) > 0 {
		own := user == a.subject && m.can(a, "user.edit_profile", r) && ownOnly(m.fieldsOf(org), c.custom)
		if err := m.need(a, "user.edit", "user.view", r); err != nil && !own {
			return err
		}
		if c.app == nil {
			return nil
		}
	}
	if c.rights() || c.places() || user == a.subject && m.can(a, "user.edit_profile", r) || m.can(a, "user.grant", r) {
		return nil
	}
	return m.need(a, "user.membership", "user.view", r)
}

func (mc *machine) memberUpdate(user, org int, version int64, c placeChange) *call {
	return &call{name: "members.update", about: []int{user}, verb: "membership.update",
		expect: func(a *actor) (string, error) { return mc.expectMember(a, user, org, version, &c) },
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			u := usermgmt.MembershipUpdate{Enabled: c.enabled, Custom: c.custom}
			if c.profile != nil {
				id := at(s.profiles, *c.profile)
				u.Profile = &id
			}
			if c.roles != nil {
				list := s.roleList(*c.roles)
				u.Roles = &list
			}
			if c.teams != nil {
				list := s.teamList(*c.teams)
				u.Teams = &list
			}
			if c.primary != nil {
				id := at(s.teams, *c.primary)
				u.PrimaryTeam = &id
			}
			if c.units != nil {
				list := all(s.units, *c.units)
				u.Units = &list
			}
			if c.licence != nil {
				l := usermgmt.LicenceType(*c.licence)
				u.Licence = &l
			}
			if c.app != nil {
				id := at(s.apps, *c.app)
				u.InitialApp = &id
			}
			got, err := s.Members().Update(ctx, a, at(s.users, user), at(s.orgs, org), version, u)
			if err != nil {
				return "", err
			}
			return s.placeText(got), nil
		}}
}

func (mc *machine) expectMember(a *actor, user, org int, version int64, c *placeChange) (string, error) {
	m := mc.model
	if org == none {
		org = a.org
	}
	if err := m.changeable(a, user, org, c); err != nil {
		return "", err
	}
	u, before := m.users[user], m.users[user].in[org]
	switch {
	case before.version != version:
		return "", usermgmt.ErrStale
	case u.erased:
		return "", usermgmt.ErrConflict
	}
	p := *before
	set(&p.enabled, c.enabled)
	set(&p.profile, c.profile)
	set(&p.roles, c.roles)
	set(&p.teams, c.teams)
	set(&p.primary, c.primary)
	set(&p.units, c.units)
	set(&p.licence, c.licence)
	set(&p.app, c.app)
	if c.primary != nil {
		p.complete()
	}
	p.units = slices.Clone(p.units)
	slices.Sort(p.units)
	p.units = slices.Compact(p.units)
	wrong := false
	if len(c.custom) > 0 {
		p.custom, wrong = checkValues(m.fieldsOf(org), before.custom, mergedValues(before.custom, c.custom), false, needsSeat(u))
		p.search = m.searchOf(org, p.custom)
	}
	bad, err := m.checkPlace(a, user, u, org, before, &p, "user.membership", wrong)
	switch {
	case err != nil:
		return "", err
	case bad:
		return "", usermgmt.ErrInvalid
	case (p.profile != before.profile || before.enabled && !p.enabled) && !(m.profiles[p.profile].admin && p.enabled) && m.lastAdministrator(user, org):
		return "", usermgmt.ErrConflict
	case p.licence != before.licence && p.seat && !m.free(org, p.licence):
		return "", usermgmt.ErrLimit
	}
	if p.licence != before.licence && p.seat {
		m.poolOf(org, p.licence).used++
		m.poolOf(org, before.licence).used--
	}
	if before.enabled && !p.enabled {
		m.endSessions(user, org, none, "membership disabled")
	}
	p.version++
	u.in[org] = &p
	m.record(a, "membership.update")
	return m.placeText(a, user, org), nil
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

func (mc *machine) memberEnd(user, org int) *call {
	return &call{name: "members.end", about: []int{user}, verb: "membership.end",
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if err := m.changeable(a, user, org, &placeChange{changesPlace: true}); err != nil {
				return "", err
			}
			if m.lastAdministrator(user, org) {
				return "", usermgmt.ErrConflict
			}
			u := m.users[user]
			if u.in[org].seat {
				m.poolOf(org, u.in[org].licence).used--
			}
			delete(u.in, org)
			delete(m.settings, settingsAt{org, user})
			m.dropKey(user, org)
			delete(m.lists, [2]int{user, org})
			m.access = slices.DeleteFunc(m.access, func(e *entry) bool { return e.user == user && e.org == org })
			m.endSessions(user, org, none, "membership")
			m.record(a, "membership.end")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Members().End(ctx, a, at(s.users, user), at(s.orgs, org))
		}}
}

func (mc *machine) memberGet(user, org int) *call {
	return &call{name: "members.get", read: true,
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if !m.known(user) || m.users[user].in[org] == nil || !m.sees(a, "user.view", m.personIn(user, org)) {
				return "", usermgmt.ErrNotFound
			}
			return m.placeText(a, user, org), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			got, err := s.Members().Get(ctx, a, at(s.users, user), at(s.orgs, org))
			if err != nil {
				return "", err
			}
			return s.placeText(got), nil
		}}
}

// memberList lists the memberships of a user: of oneself all of them.
func (mc *machine) memberList(user int) *call {
	return &call{name: "members.list_of", read: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.known(user) {
				return "", usermgmt.ErrNotFound
			}
			var out []string
			for _, org := range slices.Sorted(maps.Keys(m.users[user].in)) {
				if m.self(a, user) || user == a.subject && org == a.org || m.can(a, "user.view", m.personIn(user, org)) {
					out = append(out, m.placeText(a, user, org))
				}
			}
			if len(out) == 0 {
				return "", usermgmt.ErrNotFound
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Members().ListOf(ctx, a, at(s.users, user))
			out := make([]string, len(list))
			for i := range list {
				out[i] = s.placeText(&list[i])
			}
			return strings.Join(out, "\n"), err
		}}
}

// self: by a key or a proxy login one is oneself in that organization only.
func (m *model) self(a *actor, user int) bool {
	return user == a.subject && user != none && a.door != usermgmt.DoorAPIKey && a.door != usermgmt.DoorProxy
}
