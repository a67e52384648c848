package equality_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (mc *machine) userGet(user int) *call {
	return &call{name: "users.get", read: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.known(user) || user != a.subject && !m.can(a, "user.view", m.met(a, user)) && !m.sees(a, "user.view", m.met(a, user)) {
				return "", usermgmt.ErrNotFound
			}
			return m.userText(user), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			u, err := s.Users().Get(ctx, a, at(s.users, user))
			if err != nil {
				return "", err
			}
			return s.userText(u), nil
		}}
}

func (mc *machine) userStatus(user int) *call {
	return &call{name: "users.status", read: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.known(user) || user != a.subject && !m.can(a, "user.view", m.met(a, user)) {
				return "", usermgmt.ErrNotFound
			}
			u := m.users[user]
			status := usermgmt.StatusActive
			if u.reset {
				status = usermgmt.StatusPasswordReset
			}
			if m.locked(u) {
				status = usermgmt.StatusLocked
			}
			return fmt.Sprint(status, " ", u.loginText()), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			status, l, err := s.Users().Status(ctx, a, at(s.users, user))
			return fmt.Sprint(status, " ", loginText(&l)), err
		}}
}

func (u *person) loginText() string {
	return fmt.Sprintf("%d failures, locked until %s, %d logins, last %s", u.failures, text(u.lockedUntil), u.logins, text(u.lastLogin))
}

func loginText(l *usermgmt.LoginState) string {
	return fmt.Sprintf("%d failures, locked until %s, %d logins, last %s", l.Failures, text(l.LockedUntil), l.LoginCount, text(l.LastLoginAt))
}

// userList is what is asked of a list of users.
type userList struct {
	org, profile, role, team, teamTree, unit, unitTree, group int
	view                                                      usermgmt.View
	kind                                                      usermgmt.UserKind
	home, desc                                                bool
	search                                                    string
	sort                                                      usermgmt.UserSort
	limit, pages                                              int
	again                                                     bool // go on where the last list of its kind ended
	field, value                                              string
}

// listCursor is where a list ended: behind a user as it was then.
type listCursor struct {
	sort usermgmt.UserSort
	desc bool
	key  string
	user int
}

func (m *model) sortKey(i int, sort usermgmt.UserSort) string {
	u := m.users[i]
	name, _ := usernameKey(u.username)
	switch sort {
	case usermgmt.SortUsername:
		return name
	case usermgmt.SortEmail:
		return strings.ToLower(u.email)
	case usermgmt.SortCreated:
		return u.created.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	key := ""
	for _, s := range []string{u.last, u.first} {
		if s != "" {
			key += strings.ToLower(s) + "\x1f"
		}
	}
	return key + name
}

func (m *model) searchKey(i int) string {
	u := m.users[i]
	if u.erased {
		return "erased-" // and an identifier
	}
	return strings.ToLower(strings.Join([]string{u.first + " " + u.last, u.last + " " + u.first, u.username, u.email, u.custom["nick"]}, "\n"))
}

// selected reports whether a member belongs on the list.
func (m *model) selected(i, org int, q *userList) bool {
	u := m.users[i]
	p := u.in[org]
	if p == nil {
		return false
	}
	enabled := u.enabled && p.enabled
	switch q.view {
	case usermgmt.ViewActive:
		if !enabled {
			return false
		}
	case usermgmt.ViewDisabled:
		if enabled {
			return false
		}
	case usermgmt.ViewCannotLogIn:
		if !enabled || !m.locked(u) && !u.reset {
			return false
		}
	case usermgmt.ViewDeactivated:
		if !u.deactivated {
			return false
		}
	}
	inTree := func(nodes []*node, i, root int) bool { return slices.Contains(lineage(nodes, i), root) }
	switch {
	case q.home && u.home != org, q.kind != 0 && u.kind != q.kind, q.profile != none && p.profile != q.profile,
		q.role != none && !slices.ContainsFunc(p.roles, func(h heldRole) bool { return h.role == q.role }),
		q.team != none && !slices.ContainsFunc(p.teams, func(h heldTeam) bool { return h.team == q.team }),
		q.teamTree != none && !slices.ContainsFunc(p.teams, func(h heldTeam) bool { return inTree(m.teams, h.team, q.teamTree) }),
		q.unit != none && u.unit != q.unit, q.group != none && !slices.Contains(u.groups, q.group),
		// Of a unit of another organization the documentation says nothing. Asked for
		// by itself it selects the guests whom it owns, as the root of a tree nobody.
		q.unitTree != none && (!alive(m.units, q.unitTree, org) || !inTree(m.units, u.unit, q.unitTree)):
		return false
	}
	if q.field != "" {
		values := p.custom
		if isHost(q.field) {
			values = u.custom
		}
		if v, there := values[q.field]; !there || v != q.value {
			return false
		}
	}
	search := strings.ToLower(q.search)
	return strings.Contains(m.searchKey(i), search) || strings.Contains(p.search, search)
}

func (mc *machine) userListCall(q userList) *call {
	var from *listCursor
	if q.again && mc.cursor != nil {
		from = mc.cursor
		q.sort, q.desc = from.sort, from.desc
	}
	return &call{name: "users.list", note: fmt.Sprintf(" %+v after %+v", q, from), read: true,
		expect: func(a *actor) (string, error) { return mc.expectList(a, &q, from) },
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			uq := usermgmt.UserQuery{Org: at(s.orgs, q.org), View: q.view, Search: q.search, Home: q.home, Profile: at(s.profiles, q.profile),
				Role: at(s.roles, q.role), Team: at(s.teams, q.team), TeamTree: at(s.teams, q.teamTree), Unit: at(s.units, q.unit),
				UnitTree: at(s.units, q.unitTree), Kind: q.kind, Group: at(s.groups, q.group), Sort: q.sort, Desc: q.desc, Limit: q.limit}
			if from != nil {
				uq.After = s.cursor
			}
			if q.field != "" {
				uq.Custom = map[string]string{q.field: q.value}
			}
			var out []string
			for range q.pages {
				page, err := s.Users().List(ctx, a, uq)
				if err != nil {
					return "", err
				}
				for i := range page.Items {
					out = append(out, s.userText(&page.Items[i]))
				}
				if page.Next.IsZero() {
					return strings.Join(append(out, "end"), "\n"), nil
				}
				cursor, _ := page.Next.MarshalText() // as it travels through a URL
				if err := uq.After.UnmarshalText(cursor); err != nil {
					return "", err
				}
				s.cursor = uq.After
				out = append(out, "page")
			}
			return strings.Join(out, "\n"), nil
		}}
}

func (mc *machine) expectList(a *actor, q *userList, from *listCursor) (string, error) {
	m, org := mc.model, q.org
	if org == none {
		org = a.org
	}
	switch {
	case m.nothing(a, "user.view"):
		return "", usermgmt.ErrPermission
	case org != a.org && m.granted(a, "user.view")&usermgmt.ScopeSystem == 0:
		return "", usermgmt.ErrNotFound
	case q.limit > usermgmt.MaxPageSize:
		return "", usermgmt.ErrLimit
	case q.limit < 0:
		return "", usermgmt.ErrInvalid
	}
	if q.field != "" {
		f := findField(append(m.fieldsOf(org), fieldsOfHost...), q.field)
		if f == nil {
			return "", usermgmt.ErrInvalid
		}
		value, ok := f.form(q.value)
		if !ok {
			return "", usermgmt.ErrInvalid
		}
		q.value = value
	}
	before := func(k1 string, i int, k2 string, j int) bool {
		if k1 == k2 {
			return i < j != q.desc && i != j
		}
		return k1 < k2 != q.desc
	}
	var list []int
	for i := range m.users {
		if m.selected(i, org, q) && m.can(a, "user.view", m.personIn(i, org)) &&
			(from == nil || before(from.key, from.user, m.sortKey(i, q.sort), i)) {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(i, j int) int {
		switch {
		case i == j:
			return 0
		case before(m.sortKey(i, q.sort), i, m.sortKey(j, q.sort), j):
			return -1
		}
		return 1
	})
	limit := q.limit
	if limit == 0 {
		limit = usermgmt.DefaultPageSize
	}
	var out []string
	for range q.pages {
		n := min(limit, len(list))
		for _, i := range list[:n] {
			out = append(out, m.userText(i))
		}
		if n == len(list) {
			return strings.Join(append(out, "end"), "\n"), nil
		}
		last := list[n-1]
		mc.cursor = &listCursor{q.sort, q.desc, m.sortKey(last, q.sort), last}
		list = list[n:]
		out = append(out, "page")
	}
	return strings.Join(out, "\n"), nil
}

// visibleEntry reports whether the actor may see an entry: by its operator or
// its subject.
func (m *model) visibleEntry(a *actor, e *logEntry) bool {
	s := m.granted(a, "audit.view")
	if s&usermgmt.ScopeSystem != 0 {
		return true
	}
	for _, u := range []int{e.operator, e.subject} {
		if !m.known(u) {
			continue
		}
		r := m.personIn(u, a.org)
		byUnit := s & (usermgmt.ScopeUnit | usermgmt.ScopeDivision)
		if m.users[u].in[a.org] != nil && m.related(a, s, r) || s&usermgmt.ScopeOrganization == 0 && m.related(a, byUnit, r) {
			return true
		}
	}
	return false
}

func (mc *machine) auditList(org int, verb string, outcome usermgmt.Outcome, operator, limit, pages int) *call {
	return &call{name: "audit.list", read: true,
		expect: func(a *actor) (string, error) {
			m, in := mc.model, org
			everything := m.granted(a, "audit.view")&usermgmt.ScopeSystem != 0
			if in == none && !everything {
				in = a.org
			}
			switch {
			case m.nothing(a, "audit.view"):
				return "", usermgmt.ErrPermission
			case in != a.org && !everything:
				return "", usermgmt.ErrNotFound
			case limit > usermgmt.MaxPageSize:
				return "", usermgmt.ErrLimit
			}
			var out []string
			for i := len(m.log) - 1; i >= 0 && len(out) < limit*pages; i-- {
				e := m.log[i]
				if (in == none || e.org == in) && (verb == "" || e.verb == verb) && (operator == none || e.operator == operator) &&
					(outcome == 0 || e.outcome == outcome.String()) && m.visibleEntry(a, e) {
					out = append(out, e.String())
				}
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			q := usermgmt.AuditQuery{Org: at(s.orgs, org), Verb: verb, Outcome: outcome, Operator: at(s.users, operator), Limit: limit, From: began}
			var out []string
			for range pages {
				list, err := s.Audit().List(ctx, a, q)
				if err != nil {
					return "", err
				}
				for i := range list {
					out = append(out, s.entryText(&list[i]))
				}
				if len(list) < limit {
					break
				}
				q.After = list[len(list)-1].ID
			}
			return strings.Join(out, "\n"), nil
		}}
}

// began is after the bootstrap and not after the first call.
var began = time.Date(2026, time.June, 1, 12, 0, 1, 0, time.UTC)

func (s *system) entryText(e *usermgmt.AuditEntry) string {
	target := e.TargetKind
	if e.Target != "" {
		target = strings.TrimSpace(target + " " + s.named(e.Target))
	}
	return fmt.Sprintf("%s %s by %s: %s for %s in %s on %q, %d times", e.Verb, e.Outcome, e.Door, of(s, e.Operator), of(s, e.Subject), of(s, e.Org), target, e.Count)
}

// accessCheck compares checks, one by one and many at once, with the model, and
// the filter with them.
func (mc *machine) accessCheck(perm string, r thing) *call {
	return &call{name: "access.check", read: true, restricted: true,
		expect: func(a *actor) (string, error) {
			if !mc.can(a, perm, &r) {
				return "", usermgmt.ErrPermission
			}
			if err := mc.freshFor(a, perm); err != nil {
				return "", err
			}
			s := mc.granted(a, perm)
			return fmt.Sprint(s, s&usermgmt.ScopeSystem != 0, s&wide == usermgmt.ScopeOrganization), nil
		},
		do: func(_ context.Context, s *system, a usermgmt.Actor) (string, error) {
			record := usermgmt.Record{Org: at(s.orgs, r.org), Owner: at(s.users, r.owner), OwnerUnits: all(s.units, r.units), OwnerTeams: all(s.teams, r.teams)}
			p := usermgmt.Permission(perm)
			err := s.Access().Check(a, p, record)
			if can := a.Can(p, record); can != (err == nil || errors.Is(err, usermgmt.ErrStepUp)) || s.Access().CheckMany(a, p, []usermgmt.Record{record})[0] != can {
				return "", fmt.Errorf("Check, CheckMany and Can differ: %w", err)
			}
			f := s.Access().Filter(a, p)
			return fmt.Sprint(a.Scope(p), f.System, f.All), err
		}}
}
