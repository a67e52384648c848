package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/usermgmt/usermgmt"
)

// newUser is what [usermgmt.NewUser] is in the model.
type newUser struct {
	kind                                usermgmt.UserKind
	unit                                int
	username, email, first, last, title string
	responsible                         int
	password                            string
	mustChange                          bool
	groups                              []int
	place
}

func (s *system) roleList(in []heldRole) []usermgmt.RoleAssignment {
	var out []usermgmt.RoleAssignment
	for _, r := range in {
		out = append(out, usermgmt.RoleAssignment{Role: at(s.roles, r.role), From: r.from, Until: r.until})
	}
	return out
}

func (s *system) teamList(in []heldTeam) []usermgmt.TeamAssignment {
	var out []usermgmt.TeamAssignment
	for _, t := range in {
		out = append(out, usermgmt.TeamAssignment{Team: at(s.teams, t.team), From: t.from, Until: t.until})
	}
	return out
}

func (s *system) place(p *place) usermgmt.NewMembership {
	return usermgmt.NewMembership{Profile: at(s.profiles, p.profile), Roles: s.roleList(p.roles), Teams: s.teamList(p.teams),
		PrimaryTeam: at(s.teams, p.primary), Units: all(s.units, p.units), Licence: usermgmt.LicenceType(p.licence), InitialApp: at(s.apps, p.app),
		Custom: p.custom}
}

// complete adds the primary team to the teams and puts units in order.
func (p *place) complete() {
	if p.primary != none && !slices.ContainsFunc(p.teams, func(t heldTeam) bool { return t.team == p.primary }) {
		p.teams = append(slices.Clone(p.teams), heldTeam{team: p.primary})
	}
	p.units = slices.Clone(p.units)
	slices.Sort(p.units)
	p.units = slices.Compact(p.units)
}

// usernameKey is the canonical form of the names that are drawn here; ok is
// false for what is none.
func usernameKey(s string) (string, bool) {
	if strings.Contains(s, "@") {
		return emailKey(s)
	}
	n := len([]rune(s))
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !strings.ContainsRune("._-", r)) {
			return "", false
		}
	}
	return strings.ToLower(s), n >= 3 && n <= 255
}

func emailKey(s string) (string, bool) {
	local, domain, ok := strings.Cut(s, "@")
	return strings.ToLower(s), ok && local != "" && strings.Contains(domain, ".") && !strings.Contains(domain, "@")
}

// wellFormed reports whether the fields of a user obey the rules.
func (u *person) wellFormed() bool {
	if _, ok := usernameKey(u.username); !ok {
		return false
	}
	if u.email != "" {
		if _, ok := emailKey(u.email); !ok {
			return false
		}
	}
	if u.kind == usermgmt.KindService {
		return u.responsible != none
	}
	return u.email != "" && strings.TrimSpace(u.first) != "" && strings.TrimSpace(u.last) != ""
}

// responds reports whether the responsible person, if any, is an active one of
// the home organization.
func (m *model) responds(u *person) bool {
	if u.responsible == none {
		return true
	}
	if !m.known(u.responsible) {
		return false
	}
	r := m.users[u.responsible]
	return r.in[u.home] != nil && r.enabled && !r.deactivated && r.kind == usermgmt.KindPerson
}

// nameTaken: usernames and addresses are one space over all users but user.
func (m *model) nameTaken(user int, u *person) bool {
	mine := loginKeys(u)
	for i, other := range m.users {
		if i != user && slices.ContainsFunc(loginKeys(other), func(k string) bool { return slices.Contains(mine, k) }) {
			return true
		}
	}
	return false
}

func loginKeys(u *person) []string {
	keys := make([]string, 0, 2)
	if k, ok := usernameKey(u.username); ok {
		keys = append(keys, k)
	}
	if u.email != "" {
		k, _ := emailKey(u.email)
		keys = append(keys, k)
	}
	return keys
}

func passwordOK(p *usermgmt.Policy, password string) bool {
	has := func(class func(rune) bool) bool { return strings.ContainsFunc(password, class) }
	return len([]rune(password)) >= p.MinLength && (!p.Upper || has(unicode.IsUpper)) && (!p.Digit || has(unicode.IsNumber))
}

func (mc *machine) userCreate(n *newUser) *call {
	return &call{name: "users.create", verb: "user.create",
		expect: func(a *actor) (string, error) { return mc.expectCreate(a, n) },
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			u, err := s.Users().Create(ctx, a, usermgmt.NewUser{Kind: n.kind, OwnerUnit: at(s.units, n.unit), Username: n.username,
				Email: n.email, FirstName: n.first, LastName: n.last, Title: n.title, Responsible: at(s.users, n.responsible),
				Password: n.password, MustChange: n.mustChange, Groups: all(s.groups, n.groups), NewMembership: s.place(&n.place)})
			if err != nil {
				return "", err
			}
			add(s, "user", &s.users, u.ID)
			return s.userText(u), nil
		}}
}

func (mc *machine) expectCreate(a *actor, n *newUser) (string, error) {
	m := mc.model
	if n.password != "" && a.door == usermgmt.DoorProxy {
		return "", usermgmt.ErrPermission
	}
	i := len(m.users)
	m.on("user", "?", a.org)
	if n.unit < 0 || n.unit >= len(m.units) || !m.units[n.unit].alive ||
		m.units[n.unit].org != a.org && m.granted(a, "user.create")&usermgmt.ScopeSystem == 0 {
		return "", usermgmt.ErrInvalid
	}
	org := m.units[n.unit].org
	m.on("user", "?", org)
	u := &person{kind: n.kind, home: org, unit: n.unit, username: n.username, email: n.email, first: n.first, last: n.last, title: n.title,
		responsible: n.responsible, enabled: true, version: 1, created: m.now, epoch: 1, in: map[int]*place{}}
	p := n.place
	p.complete()
	r := &thing{org: org, owner: i, units: []int{n.unit}, teams: m.teamsNow(&p, false)}
	if err := m.need(a, "user.create", "unit.view", r); err != nil {
		return "", err
	}
	if !m.unitInScope(a, "user.create", org, n.unit) {
		return "", usermgmt.ErrPermission
	}
	bad, err := m.wear(a, nil, u, n.groups)
	if err != nil {
		return "", err
	}
	var wrong bool
	host, own := splitValues(p.custom)
	if u.custom, wrong = checkValues(fieldsOfHost, nil, host, true, needsSeat(u)); wrong {
		bad = true
	}
	p.custom = own
	if m.freshValues(u, org, &p) {
		bad = true
	}
	bad = bad || !u.wellFormed() || !m.responds(u)
	if n.password != "" && (u.kind == usermgmt.KindService || !passwordOK(&m.orgs[org].policy, n.password)) {
		bad = true
	}
	bad, err = m.checkPlace(a, i, u, org, nil, &p, "user.create", bad)
	switch {
	case err != nil:
		return "", err
	case bad:
		return "", usermgmt.ErrInvalid
	case m.nameTaken(i, u):
		return "", usermgmt.ErrConflict
	case needsSeat(u) && !m.free(org, p.licence):
		return "", usermgmt.ErrLimit
	}
	if n.password != "" {
		u.password, u.mustChange = n.password, n.mustChange
	}
	m.users = append(m.users, u)
	m.join(i, org, &p)
	m.on("user", fmt.Sprint("user", i), org)
	m.record(a, "user.create")
	return m.userText(i), nil
}

// join gives a user the place, with a seat.
func (m *model) join(user, org int, p *place) {
	p.version, p.enabled = 1, true
	if needsSeat(m.users[user]) && !m.users[user].deactivated {
		m.poolOf(org, p.licence).used++
		p.seat = true
	}
	m.users[user].in[org] = p
}

func (m *model) userText(i int) string {
	u := m.users[i]
	return fmt.Sprintf("user%d %s %s <%s> %s %s %q in %s %s, responsible %s, enabled %t, deactivated %t, erased %t, version %d, made %s, groups %s, values %s", i, u.kind, u.nameText(i),
		u.email, u.first, u.last, u.title, name("org", u.home), name("unit", u.unit), name("user", u.responsible), u.enabled, u.deactivated, u.erased, u.version,
		u.created.Format(time.RFC3339), names("group", u.groups), valuesText(u.custom))
}

func (s *system) userText(u *usermgmt.User) string {
	return fmt.Sprintf("%s %s %s <%s> %s %s %q in %s %s, responsible %s, enabled %t, deactivated %t, erased %t, version %d, made %s, groups %s, values %s", of(s, u.ID), u.Kind, s.plain(u.Username),
		u.Email, u.FirstName, u.LastName, u.Title, of(s, u.Org), of(s, u.OwnerUnit), of(s, u.Responsible), u.Enabled, !u.DeactivatedAt.IsZero(), !u.ErasedAt.IsZero(), u.Version,
		u.CreatedAt.Format(time.RFC3339), ofAll(s, u.Groups), valuesText(u.Custom))
}

// userChange is what changes of a user; nil leaves a field alone.
type userChange struct {
	username, email, last, title *string
	groups                       *[]int
	custom                       map[string]string
}

func (mc *machine) userUpdate(user int, version int64, c userChange) *call {
	return &call{name: "users.update", verb: "user.update",
		expect: func(a *actor) (string, error) { return mc.expectUpdate(a, user, version, &c) },
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			to := usermgmt.UserUpdate{Username: c.username, Email: c.email, LastName: c.last, Title: c.title, Custom: c.custom}
			if c.groups != nil {
				to.Groups = ptr(all(s.groups, *c.groups))
			}
			u, err := s.Users().Update(ctx, a, at(s.users, user), version, to)
			if err != nil {
				return "", err
			}
			return s.userText(u), nil
		}}
}

func (mc *machine) expectUpdate(a *actor, user int, version int64, c *userChange) (string, error) {
	m := mc.model
	allowed := false
	if user == a.subject && c.username == nil && c.email == nil && c.groups == nil && ownOnly(fieldsOfHost, c.custom) {
		m.on("user", fmt.Sprint("user", user), m.users[user].home)
		if a.org != m.users[user].home {
			return "", usermgmt.ErrPermission
		}
		allowed = m.can(a, "user.edit_profile", m.met(a, user))
	}
	if !allowed {
		if err := m.identity(a, user, "user.edit"); err != nil {
			return "", err
		}
	}
	u := *m.users[user]
	if u.version != version {
		return "", usermgmt.ErrStale
	}
	for to, value := range map[*string]*string{&u.username: c.username, &u.email: c.email, &u.last: c.last, &u.title: c.title} {
		if value != nil {
			*to = *value
		}
	}
	if c.groups != nil {
		unknown, err := m.wear(a, m.users[user].groups, &u, *c.groups)
		switch {
		case err != nil:
			return "", err
		case unknown:
			return "", usermgmt.ErrInvalid
		}
	}
	custom, wrong := checkValues(fieldsOfHost, u.custom, mergedValues(u.custom, c.custom), false, needsSeat(&u))
	if u.custom = custom; wrong || !u.wellFormed() {
		return "", usermgmt.ErrInvalid
	}
	if !slices.Equal(loginKeys(&u), loginKeys(m.users[user])) { // somebody else could become the user
		if a.door == usermgmt.DoorProxy || a.door == usermgmt.DoorAPIKey {
			return "", usermgmt.ErrPermission
		}
		if user == a.subject && addressKey(u.email) != addressKey(m.users[user].email) {
			return "", usermgmt.ErrPermission // one's own address is changed with Users.ChangeEmail
		}
		if user != a.subject && m.strongerAnywhere(a, user) != nil {
			return "", usermgmt.ErrPermission
		}
	}
	if m.nameTaken(user, &u) {
		return "", usermgmt.ErrConflict
	}
	if addressKey(u.email) != u.verified {
		u.verified = ""
	}
	u.version++
	*m.users[user] = u
	m.record(a, "user.update")
	return m.userText(user), nil
}

func addressKey(email string) string {
	if email == "" {
		return ""
	}
	k, _ := emailKey(email)
	return k
}

// changeUser is the frame of calls on a user's identity that have no result.
func (mc *machine) changeUser(callName, verb, perm string, user int, self bool, rule func(a *actor, u *person) (done bool, err error),
	do func(ctx context.Context, s *system, a usermgmt.Actor) error) *call {
	return &call{name: callName, verb: verb,
		expect: func(a *actor) (string, error) {
			if err := mc.identity(a, user, perm); err != nil {
				return "", err
			}
			if user == a.subject && !self {
				return "", usermgmt.ErrPermission
			}
			done, err := rule(a, mc.users[user])
			if err == nil && done {
				mc.record(a, verb)
			}
			return "", err
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) { return "", do(ctx, s, a) }}
}

func (mc *machine) userEnable(user int, enable bool) *call {
	if enable {
		return mc.changeUser("users.enable", "user.enable", "user.enable", user, false, func(_ *actor, u *person) (bool, error) {
			switch {
			case u.enabled:
				return false, nil
			case u.deactivated:
				return false, usermgmt.ErrConflict
			}
			u.enabled = true
			u.version++
			return true, nil
		}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
			return s.Users().Enable(ctx, a, at(s.users, user))
		})
	}
	return mc.changeUser("users.disable", "user.disable", "user.enable", user, false, func(_ *actor, u *person) (bool, error) {
		switch {
		case !u.enabled:
			return false, nil
		case mc.lastAdministrator(user, none):
			return false, usermgmt.ErrConflict
		}
		u.enabled = false
		u.version++
		mc.endForGood(user, "disabled")
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Disable(ctx, a, at(s.users, user))
	})
}

func (m *model) endForGood(user int, reason string) {
	m.users[user].epoch++
	m.endSessions(user, none, none, reason)
}

func (mc *machine) userDeactivate(user int, leave bool) *call {
	return mc.changeUser("users.deactivate", "user.deactivate", "user.deactivate", user, false, func(a *actor, u *person) (bool, error) {
		switch {
		case u.deactivated:
			return false, nil
		case mc.lastAdministrator(user, none):
			return false, usermgmt.ErrConflict
		}
		for _, p := range u.in {
			if !leave && len(p.teams) > 1 {
				return false, usermgmt.ErrConflict
			}
		}
		for org := range mc.orgs {
			p := u.in[org]
			if p == nil {
				continue
			}
			if p.seat {
				mc.poolOf(org, p.licence).used--
				p.seat = false
			}
			mc.dropKey(user, org)
			p.teams = slices.DeleteFunc(slices.Clone(p.teams), func(t heldTeam) bool { return t.team != p.primary })
			p.version++
			mc.on("user", fmt.Sprint("user", user), org)
			mc.record(a, "membership.update")
		}
		u.enabled, u.deactivated = false, true
		u.version++
		mc.endForGood(user, "deactivated")
		mc.on("user", fmt.Sprint("user", user), u.home)
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Deactivate(ctx, a, at(s.users, user), usermgmt.DeactivateOptions{LeaveTeams: leave})
	})
}

func (mc *machine) userReactivate(user int) *call {
	return mc.changeUser("users.reactivate", "user.reactivate", "user.deactivate", user, true, func(a *actor, u *person) (bool, error) {
		if !u.deactivated {
			return false, nil
		}
		for org := range mc.orgs {
			if p := u.in[org]; p != nil && needsSeat(u) && !p.seat && !mc.free(org, p.licence) {
				return false, usermgmt.ErrLimit
			}
		}
		for org := range mc.orgs {
			p := u.in[org]
			if p == nil || !needsSeat(u) || p.seat {
				continue
			}
			mc.poolOf(org, p.licence).used++
			p.seat = true
			p.version++
			mc.on("user", fmt.Sprint("user", user), org)
			mc.record(a, "membership.update")
		}
		u.enabled, u.deactivated = true, false
		u.version++
		mc.on("user", fmt.Sprint("user", user), u.home)
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Reactivate(ctx, a, at(s.users, user))
	})
}

func (mc *machine) userUnlock(user int) *call {
	return mc.changeUser("users.activate", "user.unlock", "user.unlock", user, false, func(_ *actor, u *person) (bool, error) {
		u.failures, u.lockedUntil = 0, time.Time{}
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Activate(ctx, a, at(s.users, user))
	})
}

func (mc *machine) userAssign(user int, version int64, unit int) *call {
	return mc.changeUser("users.assign", "user.assign", "user.assign", user, true, func(a *actor, u *person) (bool, error) {
		if u.version != version {
			return false, usermgmt.ErrStale
		}
		if unit < 0 || unit >= len(mc.units) || !mc.units[unit].alive {
			return false, usermgmt.ErrInvalid
		}
		org := mc.units[unit].org
		switch {
		case org != a.org && !mc.can(a, "user.assign", &thing{org: org, owner: none}):
			return false, usermgmt.ErrInvalid
		case !mc.unitInScope(a, "user.assign", org, unit):
			return false, usermgmt.ErrPermission
		case org != u.home && u.in[org] == nil:
			return false, usermgmt.ErrConflict
		}
		u.unit, u.home = unit, org
		u.version++
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Assign(ctx, a, at(s.users, user), version, at(s.units, unit))
	})
}

// unitInScope reports whether the unit lies within the scope of a permission;
// where that is granted by teams only, within the actor's divisions.
func (m *model) unitInScope(a *actor, perm string, org, unit int) bool {
	s := m.granted(a, perm)
	const byUnit, byTeam = usermgmt.ScopeUnit | usermgmt.ScopeDivision, usermgmt.ScopeTeam | usermgmt.ScopeSubteams
	if s&(wide|byUnit) == 0 && s&byTeam != 0 {
		s = byUnit
	}
	return m.related(a, s&^(usermgmt.ScopeOwn|byTeam), &thing{org: org, owner: none, units: []int{unit}})
}
