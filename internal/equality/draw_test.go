package equality_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt"
)

var (
	firstNames    = []string{"Ann", "Bob", "bea", "Émile", "Zoe", "carl"}
	lastNames     = []string{"Stone", "stone", "Ärger", "Abel", "Young", "de Boer"}
	goodPasswords = []string{usermgmtPassword, "Another-Long-Passw0rd", "Third-Long-Passw0rd"}
	badPasswords  = []string{"short", "Short1", "nodigitsnoupper"}
	searches      = []string{"name0", "STONE", "stone ann", "acme.test", "émi", "xyz", "ame1", "Abel Ä"}
	titles        = []string{"Clerk", "Boss", ""}
)

const usermgmtPassword = "Correct-Horse-7-Battery" // that of usermgmttest

// uniform draws evenly from 0 to n-1; rapid's own ranges prefer small numbers.
// Shrunk it is 0.
func uniform(n int) *rapid.Generator[int] {
	return rapid.Custom(func(t *rapid.T) int {
		width := bits.Len(uint(n-1)) + 3
		v := 0
		for range width {
			v <<= 1
			if rapid.Bool().Draw(t, "bit") {
				v++
			}
		}
		return v * n >> width
	})
}

func (mc *machine) pick(what string, n int) int {
	if n < 2 {
		return 0
	}
	return uniform(n).Draw(mc.t, what)
}

// chance is true in percent of 100 cases, and shrinks to false.
func (mc *machine) chance(what string, percent int) bool { return mc.pick(what, 100) >= 100-percent }

func sample[T any](mc *machine, what string, list []T) T { return list[mc.pick(what, len(list))] }

// choose draws one of a list of numbers so that the choice stays the same when
// others come or go: a sequence that lost some of its steps, as shrinking has it,
// then still does much the same.
func (mc *machine) choose(what string, list []int) int {
	if len(list) == 1 {
		return list[0]
	}
	r := uint64(mc.pick(what, 512))
	best, least := list[0], ^uint64(0)
	for _, i := range list {
		h := (r<<32 | uint64(i+1)) * 0x9e3779b97f4a7c15 // of splitmix64
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		if h ^= h >> 31; h < least {
			best, least = i, h
		}
	}
	return best
}

// any draws one of the numbers from 0 to n-1, as choose does.
func (mc *machine) any(what string, n int) int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return mc.choose(what, list)
}

// weighted is a weighted choice.
func (mc *machine) weighted(what string, weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := mc.pick(what, sum)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return 0
}

// pickUser draws a user: mostly one of the actor's organization.
func (mc *machine) pickUser(a *actor) int {
	var near []int
	for i, u := range mc.users {
		if u.in[a.org] != nil {
			near = append(near, i)
		}
	}
	switch {
	case mc.chance("self", 8) && a.subject != none:
		return a.subject
	case mc.chance("no user", 3):
		return ghost
	case len(near) > 0 && !mc.chance("any user", 25):
		return mc.choose("user", near)
	}
	return mc.any("user", len(mc.users))
}

func (mc *machine) pickOrg(a *actor) int {
	if a.org != none && !mc.chance("another org", 15) {
		return a.org
	}
	return mc.pick("org", len(mc.orgs))
}

// pickNode draws a node that is there, mostly of the organization.
func (mc *machine) pickNode(what string, nodes []*node, org int) int {
	var near, any []int
	for i, n := range nodes {
		if n.alive {
			any = append(any, i)
			if n.org == org {
				near = append(near, i)
			}
		}
	}
	switch {
	case mc.chance("no "+what, 2):
		return ghost
	case len(near) == 0 || mc.chance("any "+what, 8):
		return mc.choose(what, any)
	}
	return mc.choose(what, near)
}

// pickOffered draws a role or a profile that is offered in the organization.
func (mc *machine) pickOffered(what string, n, org int, is func(i int) (owner int, alive bool)) int {
	var list []int
	for i := range n {
		owner, alive := is(i)
		if alive && (offered(owner, org) || mc.chance("foreign "+what, 10)) {
			list = append(list, i)
		}
	}
	if mc.chance("no "+what, 2) || len(list) == 0 {
		return ghost
	}
	return mc.choose(what, list)
}

func (mc *machine) pickRole(org int) int {
	if mc.chance("plain role", 40) {
		return 1
	}
	return mc.pickOffered("role", len(mc.roles), org, func(i int) (int, bool) { return mc.roles[i].org, mc.roles[i].alive })
}

func (mc *machine) pickProfile(org int) int {
	if mc.chance("regular", 50) {
		return mc.regular
	}
	return mc.pickOffered("profile", len(mc.profiles), org, func(i int) (int, bool) { return mc.profiles[i].org, mc.profiles[i].alive })
}

func (mc *machine) pickPeriod() period {
	at := func(d time.Duration) time.Time { return mc.now.Add(d) }
	return sample(mc, "period", []period{{}, {}, {}, {}, {from: at(-time.Hour)}, {until: at(30 * time.Minute)}, {until: at(2 * time.Minute)}, {from: at(10 * time.Minute)},
		{until: at(-time.Minute)}, {from: at(0)}, {until: at(0)}, {from: at(time.Minute), until: at(-time.Minute)}})
}

func (mc *machine) pickRoles(org int) (out []heldRole) {
	for range mc.weighted("roles", 4, 50, 30, 10) {
		out = append(out, heldRole{mc.pickRole(org), mc.pickPeriod()})
	}
	return out
}

func (mc *machine) pickTeams(org int) (out []heldTeam) {
	for i := range mc.weighted("teams", 8, 35, 42, 15) {
		h := heldTeam{team: mc.pickNode("team", mc.teams, org)}
		if i > 0 {
			h.period = mc.pickPeriod()
		}
		out = append(out, h)
	}
	return out
}

func (mc *machine) pickUnits(org int) (out []int) {
	for range mc.weighted("units", 20, 60, 20) {
		out = append(out, mc.pickNode("unit", mc.units, org))
	}
	return out
}

func (mc *machine) pickLicence() string {
	return sample(mc, "licence", []string{"platform", "platform", "platform", "platform", "platform", "platform", "site", "Bad Licence"})
}

func (mc *machine) pickPlace(org int) *place {
	p := &place{profile: mc.pickProfile(org), roles: mc.pickRoles(org), teams: mc.pickTeams(org), primary: none, units: mc.pickUnits(org),
		app: none, licence: mc.pickLicence()}
	switch {
	case len(p.teams) > 0 && !mc.chance("another primary", 20):
		p.primary = p.teams[0].team
	case !mc.chance("no primary", 10):
		p.primary = mc.pickNode("primary", mc.teams, org)
	}
	if mc.chance("app", 10) {
		p.app = sample(mc, "app", []int{0, 0, 0, ghost})
	}
	return p
}

func (mc *machine) pickGrants() (out []usermgmt.Grant) {
	names := []usermgmt.Permission{"user.view", "user.view", "user.view", "user.edit", "user.grant", "user.membership", "user.create", "user.*", "*.view", "*.edit", "*.*",
		"deal.view", "deal.*", "shop.view", "crew.view", "unit.view", "unit.edit", "team.view", "team.edit", "role.view", "audit.view", "proxy.login", "no.such"}
	scopes := []scope{0, usermgmt.ScopeOwn, usermgmt.ScopeTeam, usermgmt.ScopeHierarchy, usermgmt.ScopeHierarchy, usermgmt.ScopeSubteams, usermgmt.ScopeUnit,
		usermgmt.ScopeDivision, usermgmt.ScopeDivision, usermgmt.ScopeOrganization, usermgmt.ScopeOrganization}
	for range mc.weighted("grants", 5, 40, 40, 15) {
		out = append(out, usermgmt.Grant{Permission: sample(mc, "permission", names), Scope: sample(mc, "scope", scopes)})
	}
	return out
}

func (mc *machine) pickTitle(kind string) string {
	if mc.chance("empty name", 4) {
		return " "
	}
	return fmt.Sprintf("%s %d", sample(mc, "case", []string{kind, kind, "Ö" + kind}), mc.pick("name", 12))
}

// version is mostly the stored one.
func (mc *machine) version(stored int64) int64 {
	if mc.chance("stale", 20) {
		return stored - 1
	}
	return stored
}

func ptr[T any](v T) *T { return &v }

// maybe draws a part of a change.
func maybe[T any](mc *machine, what string, percent int, draw func() T) *T {
	if !mc.chance("changes "+what, percent) {
		return nil
	}
	return ptr(draw())
}

func (mc *machine) userVersion(user int) int64 {
	if !mc.known(user) {
		return 1
	}
	return mc.version(mc.users[user].version)
}

func (mc *machine) drawNewUser(a *actor) *newUser {
	org := mc.pickOrg(a)
	i := mc.pick("number", 90)
	unit := mc.pickNode("owner unit", mc.units, org)
	if unit < len(mc.units) {
		org = mc.units[unit].org
	}
	n := &newUser{kind: usermgmt.KindPerson, unit: unit, username: fmt.Sprintf("name%02d", i), email: fmt.Sprintf("Name%02d@acme.test", i),
		first: sample(mc, "first", firstNames), last: sample(mc, "last", lastNames), responsible: none, place: *mc.pickPlace(org)}
	if units, _ := mc.placesOf(a); a.subject != none && len(units) > 0 && mc.chance("own places", 30) { // for those who administer a part
		n.unit, n.units = units[0], nil
		n.primary, n.teams = mc.users[a.subject].in[a.org].primary, nil
	}
	if !a.old && mc.chance("password", 40) { // whether it is taken goes by the rights as of the verification
		n.password = sample(mc, "password", append(goodPasswords[:2:2], badPasswords...))
		n.mustChange = mc.chance("must change", 25)
	}
	if mc.chance("groups", 20) {
		n.groups = mc.pickGroups()
	}
	if mc.chance("values", 15) {
		n.custom = mc.pickValues(append(mc.fieldsOf(org), fieldsOfHost...))
	}
	switch mc.weighted("kind", 80, 8, 6, 6) {
	case 1:
		n.kind, n.responsible, n.last, n.email = usermgmt.KindService, mc.pickUser(a), "", ""
	case 2:
		n.username = "x!"
	case 3:
		n.username = fmt.Sprintf("name%02d@acme.test", mc.pick("number", 90))
		n.email = n.username
	}
	return n
}

func (mc *machine) drawUserChange() (c userChange) {
	switch mc.weighted("change", 30, 20, 15, 15, 20, 40, 40) {
	case 6:
		c.custom = mc.pickValues(fieldsOfHost)
	case 0:
		c.title = ptr(sample(mc, "title", titles))
	case 1:
		c.last = ptr(sample(mc, "last", lastNames))
	case 2:
		c.username = ptr(fmt.Sprintf("Name%02d", mc.pick("number", 90)))
	case 3:
		c.email = ptr(fmt.Sprintf("name%02d@acme.test", mc.pick("number", 90)))
	case 4:
		c.title = ptr(sample(mc, "title", titles))
		c.last = ptr(sample(mc, "last", []string{"Abel", "", "Young"}))
	case 5:
		c.groups = ptr(mc.pickGroups())
	}
	return c
}

func (mc *machine) drawMemberUpdate(a *actor) *call {
	user, org := mc.pickUser(a), mc.pickOrg(a)
	var version int64 = 1
	if mc.known(user) && mc.users[user].in[org] != nil {
		version = mc.version(mc.users[user].in[org].version)
	}
	var c placeChange
	switch mc.weighted("change", 15, 20, 25, 15, 15, 10, 5, 40) {
	case 7:
		c.custom = mc.pickValues(mc.fieldsOf(org))
	case 0:
		c.profile = ptr(mc.pickProfile(org))
	case 1:
		c.roles = ptr(mc.pickRoles(org))
	case 2:
		c.teams = ptr(mc.pickTeams(org))
		c.primary = maybe(mc, "primary", 70, func() int { return mc.pickNode("primary", mc.teams, org) })
	case 3:
		c.units = ptr(mc.pickUnits(org))
	case 4:
		c.enabled = ptr(mc.chance("enabled", 70))
	case 5:
		c.licence = ptr(mc.pickLicence())
	case 6:
		c.app = ptr(sample(mc, "app", []int{none, 0, ghost}))
	}
	if org == a.org && mc.chance("own org", 50) {
		org = none
	}
	return mc.memberUpdate(user, org, version, c)
}

func (mc *machine) drawNodeChange(kind string, nodes []*node, org int) (c nodeChange) {
	if mc.chance("move", 60) {
		c.parent = ptr(mc.pickNode("parent", nodes, org))
		if mc.chance("top", 8) {
			c.parent = ptr(none)
		}
	} else {
		c.name = ptr(mc.pickTitle(kind))
	}
	return c
}

func (mc *machine) drawGrantsChange(kind string, now grants) (c grantsChange) {
	switch mc.weighted("change", 25, 45, 30) {
	case 0:
		c.name = ptr(mc.pickTitle(kind))
	case 1:
		c.grants = ptr(mc.pickGrants())
	case 2: // only takes away
		var left []usermgmt.Grant
		for _, k := range []string{"user.view", "user.edit", "deal.*", "deal.view", "*.*", "*.view", "shop.view"} {
			if s, ok := now[k]; ok && mc.chance("keeps", 60) {
				left = append(left, usermgmt.Grant{Permission: usermgmt.Permission(k), Scope: s})
			}
		}
		c.grants = &left
	}
	return c
}

func (mc *machine) drawList(a *actor) *call {
	q := userList{org: none, profile: none, role: none, team: none, teamTree: none, unit: none, unitTree: none, group: none,
		view: sample(mc, "view", []usermgmt.View{0, 1, 1, 1, 2, 3, 4}), sort: usermgmt.UserSort(mc.pick("sort", 4)), desc: mc.chance("desc", 40),
		limit: sample(mc, "limit", []int{3, 2, 1, 5, 50, 0, 1001, 1001, 1001, -1}), pages: 1 + mc.pick("pages", 4), again: mc.chance("again", 20)}
	if mc.chance("org", 25) {
		q.org = mc.pick("org", 2)
	}
	org := q.org
	if org == none {
		org = max(a.org, 0)
		if a.org == none {
			q.org = 0
		}
	}
	switch mc.weighted("condition", 25, 40, 5, 5, 5, 5, 5, 5, 5, 5, 12, 25, 15) {
	case 12: // a value of a field that is searched, if somebody has one
		for _, u := range mc.users {
			if p := u.in[org]; p != nil && len(p.search) > 3 {
				q.search = strings.Split(p.search, "\n")[0]
			}
		}
	case 11:
		q.field, q.value = mc.pickValue(sample(mc, "whose", [][]*fieldDef{mc.fieldsOf(org), fieldsOfHost}))
	case 1:
		q.search = sample(mc, "search", searches)
		if u := mc.users[mc.any("whom", len(mc.users))]; !u.erased && mc.chance("somebody", 60) { // a part of a line that is there
			q.search = sample(mc, "form", []string{u.first + " " + u.last, u.last + " " + u.first, strings.ToUpper(u.username), u.email})
			if r := []rune(q.search); len(r) > 5 {
				q.search = string(r[mc.pick("from", 3):])
			}
			q.search = strings.TrimSpace(q.search)
			if strings.Trim(strings.ToLower(q.search), "0123456789abcdef") == "" {
				q.search += " " // may be a part of what an erased user is called
			}
		}
	case 2:
		q.home = true
	case 3:
		q.profile = mc.pickProfile(org)
	case 4:
		q.role = mc.pickRole(org)
	case 5:
		q.team = mc.pickNode("team", mc.teams, org)
	case 6:
		q.teamTree = mc.pickNode("team", mc.teams, org)
	case 7:
		q.unit = mc.pickNode("unit", mc.units, org)
	case 8:
		q.unitTree = mc.pickNode("unit", mc.units, org)
	case 9:
		q.kind = sample(mc, "kind", []usermgmt.UserKind{usermgmt.KindPerson, usermgmt.KindService})
	case 10:
		q.group = mc.pickGroup()
	}
	return mc.userListCall(q)
}

func (mc *machine) drawThing(a *actor) thing {
	r := thing{org: mc.pickOrg(a), owner: none}
	if mc.chance("owner", 50) {
		r.owner = mc.pickUser(a)
	}
	if mc.chance("owner's place", 50) && mc.known(r.owner) && mc.users[r.owner].in[r.org] != nil {
		p := mc.users[r.owner].in[r.org]
		r.units, r.teams = p.units, mc.teamsNow(p, false)
		return r
	}
	r.units = mc.pickUnits(r.org)
	for _, t := range mc.pickTeams(r.org) {
		r.teams = append(r.teams, t.team)
	}
	return r
}

func (mc *machine) drawAccess(a *actor, call func(app, user, team int) *call) *call {
	app := sample(mc, "app", []int{0, 0, 0, 0, 0, 0, ghost})
	switch mc.weighted("subject", 60, 36, 4) {
	case 0:
		return call(app, mc.pickUser(a), none)
	case 1:
		return call(app, none, mc.pickNode("team", mc.teams, mc.pickOrg(a)))
	}
	return call(app, none, none)
}

func (mc *machine) drawPassword(user int) string {
	if mc.known(user) && mc.users[user].password != "" && !mc.chance("wrong", 25) {
		return mc.users[user].password
	}
	return sample(mc, "password", append(slices.Clone(badPasswords), goodPasswords...))
}

func (mc *machine) drawLogin() *call {
	user := mc.any("user", len(mc.users))
	if list := mc.administrators(mc.pick("org", 2)); mc.chance("administrator", 30) {
		user = mc.choose("user", list)
	} else if !mc.chance("anybody", 40) {
		user = mc.userWho(newActor(), func(u *person) bool {
			return u.password != "" && u.enabled && !mc.locked(u) && (!u.reset || !u.temporary.IsZero())
		})
		user = min(user, len(mc.users)-1)
	}
	switch mc.weighted("whose", 60, 25, 15) {
	case 1:
		user = min(mc.userWho(newActor(), func(u *person) bool { return !u.temporary.IsZero() }), len(mc.users)-1)
	case 2:
		user = min(mc.userWho(newActor(), func(u *person) bool { return u.hasFactor() && u.enabled && u.password != "" }), len(mc.users)-1)
	}
	login, password, org, app := mc.users[user].username, mc.drawPassword(user), none, none
	if mc.users[user].erased { // the name has an identifier in it
		login = "nobody"
	}
	switch mc.weighted("login", 60, 25, 8, 7) {
	case 1:
		login = mc.users[user].email
	case 2:
		login = fmt.Sprintf("NAME%02d", mc.pick("number", 90))
	case 3:
		login = sample(mc, "nobody", []string{"nobody", "", "x"})
	}
	if mc.chance("org", 15) {
		org = mc.pick("org", 3)
		if org == 2 {
			org = ghost
		}
	}
	if mc.chance("app", 12) {
		app = 0
	}
	return mc.login(login, password, org, app)
}

func (mc *machine) drawKey(a *actor) *call {
	user, org := mc.pickUser(a), none
	if mc.chance("own key", 30) && a.subject != none {
		user = a.subject
	}
	if mc.chance("org", 20) || a.org == none {
		org = mc.pick("org", 2)
	}
	var narrow []string
	if mc.chance("narrow", 30) {
		narrow = sample(mc, "permissions", [][]string{{"user.view", "user.edit"}, {"user.view", "user.export"}, {"user.view", "user.export"}, {"user.create", "user.view", "user.grant"}, {"no.such"}})
	}
	return mc.keyGenerate(user, org, sample(mc, "life", []time.Duration{0, 0, 0, time.Hour, 24 * time.Hour, -time.Second}), narrow)
}

func (mc *machine) drawProxyGrants(a *actor) *call {
	operator := mc.pickUser(a)
	g := proxyList{restricted: mc.chance("restricted", 60)}
	if g.restricted || mc.chance("contradiction", 8) {
		for range mc.pick("users", 3) {
			g.users = append(g.users, mc.pickUser(a))
		}
		if mc.chance("team", 50) {
			g.teams = []int{mc.pickNode("team", mc.teams, max(a.org, 0))}
		}
		slices.Sort(g.users)
		g.users = slices.Compact(g.users)
	}
	var stored int64
	if l := mc.lists[[2]int{operator, a.org}]; l != nil {
		stored = l.version
	}
	return mc.proxyGrants(operator, mc.version(stored), g)
}

// proxyTarget draws a user as whom the actor may log in, if there is one.
func (mc *machine) proxyTarget(a *actor) int {
	var list []int
	for i, u := range mc.users {
		if i != a.subject && u.in[a.org] != nil && mc.enters(i, a.org, true, true) && mc.can(a, "proxy.login", mc.personIn(i, a.org)) {
			list = append(list, i)
		}
	}
	if len(list) == 0 || mc.chance("anybody", 25) {
		return mc.pickUser(a)
	}
	return mc.choose("target", list)
}

// proxyToken draws the token of a proxy session that may be live, or any.
func (mc *machine) proxyToken() int {
	var list []int
	for _, s := range mc.sessions {
		if s.kind == usermgmt.SessionProxy && !s.ended {
			list = append(list, s.token)
		}
	}
	if len(list) == 0 || mc.chance("any token", 10) {
		return mc.any("token", mc.tokens+1)
	}
	return mc.choose("token", list)
}
