package equality_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// kind is a kind of step: a call that an actor makes.
type kind struct {
	name   string
	weight int
	// fresh calls take rights as of the verification, so not of an actor kept from before.
	fresh bool
	draw  func(mc *machine, a *actor) *call
	// by, if not nil, are the sessions whose actors make the call more often.
	by func(mc *machine, a *actor) bool
}

func anySession(*machine, *actor) bool { return true }

func operators(mc *machine, a *actor) bool {
	return a.door == usermgmt.DoorSession && mc.granted(a, "proxy.login") != 0
}

var stepKinds = []kind{
	{"users.create", 12, false, func(mc *machine, a *actor) *call { return mc.userCreate(mc.drawNewUser(a)) }, nil},
	{"users.update", 14, false, func(mc *machine, a *actor) *call {
		u := mc.pickUser(a)
		return mc.userUpdate(u, mc.userVersion(u), mc.drawUserChange())
	}, nil},
	{"users.enable", 10, false, func(mc *machine, a *actor) *call {
		return mc.userEnable(mc.userWho(a, func(u *person) bool { return !u.enabled }), true)
	}, nil},
	{"users.disable", 9, false, func(mc *machine, a *actor) *call { return mc.userEnable(mc.pickUser(a), false) }, nil},
	{"users.deactivate", 9, false, func(mc *machine, a *actor) *call {
		return mc.userDeactivate(mc.pickUser(a), mc.chance("leave teams", 50))
	}, nil},
	{"users.reactivate", 9, false, func(mc *machine, a *actor) *call {
		return mc.userReactivate(mc.userWho(a, func(u *person) bool { return u.deactivated }))
	}, nil},
	{"users.activate", 9, false, func(mc *machine, a *actor) *call { return mc.userUnlock(mc.userWho(a, mc.locked)) }, nil},
	{"users.assign", 9, false, func(mc *machine, a *actor) *call {
		u := mc.pickUser(a)
		return mc.userAssign(u, mc.userVersion(u), mc.pickNode("unit", mc.units, mc.pickOrg(a)))
	}, nil},
	{"users.get", 9, true, func(mc *machine, a *actor) *call { return mc.userGet(mc.pickUser(a)) }, nil},
	{"users.status", 9, true, func(mc *machine, a *actor) *call { return mc.userStatus(mc.pickUser(a)) }, nil},
	{"users.list", 22, true, func(mc *machine, a *actor) *call { return mc.drawList(a) }, nil},
	{"members.add", 12, false, func(mc *machine, a *actor) *call {
		u, org := mc.pickUser(a), mc.pickOrg(a)
		if mc.known(u) && mc.chance("elsewhere", 50) {
			org = 1 - mc.users[u].home
		}
		p := mc.pickPlace(org)
		if mc.chance("values", 30) {
			p.custom = mc.pickValues(mc.fieldsOf(org))
		}
		return mc.memberAdd(u, org, p)
	}, nil},
	{"members.update", 22, false, func(mc *machine, a *actor) *call { return mc.drawMemberUpdate(a) }, nil},
	{"members.end", 9, false, func(mc *machine, a *actor) *call {
		user := mc.pickUser(a)
		if i := slices.IndexFunc(mc.keys, func(k *apiKey) bool { return k.alive && k.org == a.org }); i >= 0 && mc.chance("with a key", 30) {
			return mc.memberEnd(mc.keys[i].user, none)
		}
		return mc.memberEnd(user, mc.orgOrOwn(a))
	}, nil},
	{"members.get", 9, true, func(mc *machine, a *actor) *call { return mc.memberGet(mc.pickUser(a), mc.orgOrOwn(a)) }, nil},
	{"members.list_of", 9, true, func(mc *machine, a *actor) *call { return mc.memberList(mc.pickUser(a)) }, nil},
	{"teams.create", 9, false, func(mc *machine, a *actor) *call {
		parent := mc.pickNode("parent", mc.teams, a.org)
		if mc.chance("root", 20) {
			parent = none
		}
		return mc.teamCreate(parent, mc.pickTitle("team"))
	}, nil},
	{"teams.update", 12, false, func(mc *machine, a *actor) *call {
		i := mc.pickNode("team", mc.teams, a.org)
		return mc.teamUpdate(i, mc.nodeVersion(mc.teams, i), mc.drawNodeChange("team", mc.teams, a.org))
	}, nil},
	{"teams.delete", 9, false, func(mc *machine, a *actor) *call { return mc.teamDelete(mc.pickNode("team", mc.teams, a.org)) }, nil},
	{"teams.list", 9, true, func(mc *machine, a *actor) *call { return mc.teamList(mc.orgOrOwn(a)) }, nil},
	{"units.create", 9, false, func(mc *machine, a *actor) *call {
		org := mc.pickOrg(a)
		parent := mc.pickNode("parent", mc.units, org)
		if mc.chance("top", 20) {
			parent = none
		}
		return mc.unitCreate(org, parent, mc.pickTitle("unit"))
	}, nil},
	{"units.update", 12, false, func(mc *machine, a *actor) *call {
		i := mc.pickNode("unit", mc.units, a.org)
		return mc.unitUpdate(i, mc.nodeVersion(mc.units, i), mc.drawNodeChange("unit", mc.units, a.org))
	}, nil},
	{"units.delete", 9, false, func(mc *machine, a *actor) *call { return mc.unitDelete(mc.pickNode("unit", mc.units, a.org)) }, nil},
	{"units.list", 9, true, func(mc *machine, a *actor) *call { return mc.unitList(mc.orgOrOwn(a)) }, nil},
	{"roles.create", 9, false, func(mc *machine, a *actor) *call {
		app := none
		if mc.chance("app", 15) {
			app = 0
		}
		return mc.roleCreate(mc.orgOrSystem(a), app, mc.pickTitle("role"), mc.pickGrants())
	}, nil},
	{"roles.update", 10, false, func(mc *machine, a *actor) *call {
		i := mc.pickRole(a.org)
		if i >= len(mc.roles) {
			return mc.roleUpdate(i, 1, grantsChange{})
		}
		return mc.roleUpdate(i, mc.version(mc.roles[i].version), mc.drawGrantsChange("role", mc.roles[i].grants))
	}, nil},
	{"roles.delete", 9, false, func(mc *machine, a *actor) *call { return mc.roleDelete(mc.pickRole(a.org)) }, nil},
	{"roles.list", 9, true, func(mc *machine, a *actor) *call { return mc.roleList(mc.orgOrOwn(a)) }, nil},
	{"profiles.create", 9, false, func(mc *machine, a *actor) *call {
		return mc.profileCreate(mc.orgOrSystem(a), mc.pickTitle("profile"), mc.pickGrants())
	}, nil},
	{"profiles.update", 9, false, func(mc *machine, a *actor) *call {
		i := mc.pickProfile(a.org)
		if i >= len(mc.profiles) {
			return mc.profileUpdate(i, 1, grantsChange{})
		}
		return mc.profileUpdate(i, mc.version(mc.profiles[i].version), mc.drawGrantsChange("profile", mc.profiles[i].grants))
	}, nil},
	{"profiles.delete", 9, false, func(mc *machine, a *actor) *call { return mc.profileDelete(mc.pickProfile(a.org)) }, nil},
	{"applications.grant", 9, false, func(mc *machine, a *actor) *call {
		roles := mc.pickRoles(max(a.org, 0))
		return mc.drawAccess(a, func(app, user, team int) *call { return mc.accessGrant(app, user, team, roles) })
	}, nil},
	{"applications.revoke", 9, false, func(mc *machine, a *actor) *call { return mc.drawAccess(a, mc.accessRevoke) }, nil},
	{"auth.login", 22, false, func(mc *machine, _ *actor) *call { return mc.drawLogin() }, nil},
	{"auth.logout", 9, false, func(mc *machine, _ *actor) *call { return mc.logout() }, anySession},
	{"passwords.change", 9, true, func(mc *machine, a *actor) *call {
		next := sample(mc, "new", append(goodPasswords[:3:3], badPasswords...))
		return mc.passwordChange(mc.drawPassword(a.subject), next)
	}, anySession},
	{"passwords.set", 9, true, func(mc *machine, a *actor) *call {
		return mc.passwordSet(mc.pickUser(a), sample(mc, "new", append(goodPasswords[:3:3], badPasswords[:2]...)), mc.chance("must change", 25))
	}, nil},
	{"sessions.list", 9, true, func(mc *machine, a *actor) *call { return mc.sessionList(mc.pickUser(a)) }, nil},
	{"sessions.end", 9, false, func(mc *machine, _ *actor) *call { return mc.sessionEnd(mc.any("session", len(mc.sessions)+1)) }, nil},
	{"sessions.end_all", 9, false, func(mc *machine, a *actor) *call { return mc.sessionEndAll(mc.pickUser(a)) }, nil},
	{"api_keys.generate", 10, false, func(mc *machine, a *actor) *call { return mc.drawKey(a) }, nil},
	{"api_keys.delete", 9, false, func(mc *machine, a *actor) *call { return mc.keyDelete(mc.pickUser(a), mc.orgOrOwn(a)) }, nil},
	{"proxy.login", 12, false, func(mc *machine, a *actor) *call { return mc.proxyLogin(mc.proxyTarget(a), !mc.chance("silent", 8)) }, operators},
	{"proxy.switch_back", 9, false, func(mc *machine, _ *actor) *call { return mc.switchBack(mc.proxyToken()) }, nil},
	{"proxy.set_grants", 9, false, func(mc *machine, a *actor) *call { return mc.drawProxyGrants(a) }, nil},
	{"licences.set_pool", 9, false, func(mc *machine, a *actor) *call {
		org := mc.pick("org", 2)
		used, floating := 0, mc.chance("floating", 40)
		if p := mc.pools[pool{org, "platform"}]; floating {
			used = 1 + len(mc.holders(org, "platform", nil))
		} else if p != nil {
			used = p.used
		}
		licence, more := mc.pickLicence(), mc.pick("more", 5)
		overdraft := more / 4 // of the same number of seats
		return mc.setPool(org, licence, used+more-2-overdraft, overdraft, floating)
	}, nil},
	{"licences.report", 9, true, func(mc *machine, a *actor) *call { return mc.poolReport(mc.orgOrOwn(a)) }, nil},
	{"orgs.set_enabled", 9, false, func(mc *machine, a *actor) *call {
		org := mc.pick("org", 2)
		return mc.orgEnable(org, mc.version(mc.orgs[org].version), mc.chance("enable", 75))
	}, nil},
	{"settings.change", 14, false, func(mc *machine, a *actor) *call { return mc.drawSettingsChange(a) }, anySession},
	{"settings.read", 9, true, func(mc *machine, a *actor) *call { return mc.drawSettingsRead(a) }, nil},
	{"groups.create", 9, false, func(mc *machine, _ *actor) *call { return mc.groupCreate(mc.pickGroupName(), mc.pickDescription()) }, changesSharedGroups},
	{"groups.update", 9, false, func(mc *machine, _ *actor) *call { return mc.drawGroupUpdate() }, changesSharedGroups},
	{"groups.delete", 9, false, func(mc *machine, _ *actor) *call { return mc.groupDelete(mc.pickGroup()) }, changesSharedGroups},
	{"groups.list", 9, true, func(mc *machine, _ *actor) *call { return mc.drawGroupList() }, nil},
	{"audit.list", 9, true, func(mc *machine, a *actor) *call { return mc.drawAudit(a) }, nil},
	{"access.check", 12, true, func(mc *machine, a *actor) *call {
		perm := mc.perms[mc.pick("permission", len(mc.perms))].name
		if mc.chance("host's", 60) {
			perm = sample(mc, "permission", []string{"deal.view", "deal.edit", "shop.view", "crew.view", "user.view", "user.edit", "no.such"})
		}
		return mc.accessCheck(perm, mc.drawThing(a))
	}, nil},
}

// The weights of a step in which time passes, and of one in which everything is
// compared. That is drawn, and not done every so many steps, so that a shrunk
// sequence can end with it.
const clockWeight, compareWeight = 16, 11

func (mc *machine) drawAudit(a *actor) *call {
	org, operator := none, none
	if mc.chance("org", 25) {
		org = mc.pick("org", 2)
	}
	if mc.chance("operator", 25) {
		operator = mc.pickUser(a)
	}
	return mc.auditList(org, sample(mc, "verb", []string{"", "", "auth.login", "membership.update", "user.update"}),
		sample(mc, "outcome", []usermgmt.Outcome{0, 0, usermgmt.OutcomeDone, usermgmt.OutcomeRefused}), operator,
		sample(mc, "limit", []int{1, 3, 1001}), 1+mc.pick("pages", 3))
}

// userWho draws a user whom the call is for, if there is one.
func (mc *machine) userWho(a *actor, fits func(*person) bool) int {
	var list []int
	for i, u := range mc.users {
		if fits(u) {
			list = append(list, i)
		}
	}
	if len(list) == 0 || mc.chance("anybody", 20) {
		return mc.pickUser(a)
	}
	return mc.choose("user", list)
}

func (mc *machine) orgOrOwn(a *actor) int {
	if a.org != none && !mc.chance("org", 20) {
		return none
	}
	return mc.pick("org", 2)
}

func (mc *machine) orgOrSystem(a *actor) int {
	if mc.chance("system-wide", 15) {
		return none
	}
	return mc.pickOrg(a)
}

func (mc *machine) nodeVersion(nodes []*node, i int) int64 {
	if i >= len(nodes) {
		return 1
	}
	return mc.version(nodes[i].version)
}

// pickWho draws an actor: mostly one that is let in.
func (mc *machine) pickWho(by func(*machine, *actor) bool) who {
	var sessions, proxies, keys, wanted []int
	for i, s := range mc.sessions {
		switch {
		case !mc.live(i):
			continue
		case s.kind == usermgmt.SessionProxy:
			proxies = append(proxies, s.token)
		default:
			sessions = append(sessions, s.token)
		}
		if by != nil {
			if a := mc.verifySession(i); a != nil && by(mc, a) {
				wanted = append(wanted, s.token)
			}
		}
	}
	for i, k := range mc.keys {
		if mc.keyNow(i) != none && mc.enters(k.user, k.org, true, false) {
			keys = append(keys, i)
		}
	}
	w := who{user: none, org: none, app: none}
	if len(wanted) > 0 && mc.chance("wanted", 60) {
		w.door, w.token = usermgmt.DoorSession, mc.choose("session", wanted)
		return w
	}
	switch mc.weighted("door", 34, 9, 9, 8, 4, 3, 33) {
	case 0:
		if len(sessions) > 0 {
			w.door, w.token = usermgmt.DoorSession, mc.choose("session", sessions)
			return w
		}
	case 1:
		if len(proxies) > 0 {
			w.door, w.token = usermgmt.DoorSession, mc.choose("proxy session", proxies)
			return w
		}
	case 2:
		if len(keys) > 0 {
			w.door, w.key = usermgmt.DoorAPIKey, mc.choose("key", keys)
			return w
		}
	case 3:
		w.door, w.system, w.org = usermgmt.DoorSystem, mc.pick("system", len(systemGrants)), mc.pick("org", 3)-1
		return w
	case 4:
		if len(mc.kept) > 0 {
			w.kept = mc.any("kept", len(mc.kept))
			return w
		}
	case 5: // anything that ever let somebody in
		switch {
		case mc.tokens > 0 && mc.chance("token", 60):
			w.door, w.token = usermgmt.DoorSession, mc.any("token", mc.tokens)
			return w
		case len(mc.keys) > 0:
			w.door, w.key = usermgmt.DoorAPIKey, mc.any("key", len(mc.keys))
			return w
		}
	}
	return mc.pickHost()
}

// pickHost draws somebody whom the host authenticated: administrators more often.
func (mc *machine) pickHost() who {
	w := who{door: usermgmt.DoorHost, user: mc.any("user", len(mc.users)), org: none, app: none,
		proved: sample(mc, "proved", []time.Duration{0, 0, 0, 0, 14 * time.Minute, 15 * time.Minute, 24 * time.Hour})}
	if org := mc.pick("org", 2); mc.chance("administrator", 50) {
		if list := mc.administrators(org); len(list) > 0 {
			w.user, w.org = mc.choose("administrator", list), org
		}
	} else if mc.chance("elsewhere", 20) {
		w.org = org
	}
	if !mc.chance("anybody", 20) && mc.verifyModel(w) == nil {
		w.user, w.org = mc.choose("administrator", mc.administrators(0)), 0
	}
	if mc.chance("app", 25) {
		w.app = 0
	}
	return w
}

// better are calls that are made more often by those whom a function draws.
var better = map[string]func(mc *machine, other who) who{
	"users.list": (*machine).pickPartial, "users.get": (*machine).pickPartial, "access.check": (*machine).pickPartial, "members.get": (*machine).pickPartial,
	"exports.start": (*machine).pickNarrow, "exports.job": (*machine).pickStarter, "exports.cancel": (*machine).pickStarter, "exports.open": (*machine).pickStarter,
	"invitations.accept": (*machine).pickInvited, "factors.confirm": (*machine).pickEnrolling,
	"factors.prove": pickSession(next(usermgmt.StepFactor)), "factors.send_code": pickSession(next(usermgmt.StepFactor)),
	"questions.answer": pickSession(next(usermgmt.StepQuestion)), "auth.step_up": pickSession(unpending),
}

// pickPartial draws somebody who sees some of an organization's users, by teams
// or units; other if there is nobody.
func (mc *machine) pickPartial(other who) who {
	const byPlace = usermgmt.ScopeTeam | usermgmt.ScopeSubteams | usermgmt.ScopeUnit | usermgmt.ScopeDivision
	var list []who
	for i, u := range mc.users {
		for org := range mc.orgs {
			if u.in[org] == nil {
				continue
			}
			w := who{door: usermgmt.DoorHost, user: i, org: org, app: none}
			if a := mc.verifyModel(w); a != nil && mc.granted(a, "user.view")&byPlace != 0 && mc.granted(a, "user.view")&wide == 0 {
				list = append(list, w)
			}
		}
	}
	if len(list) == 0 {
		return other
	}
	return sample(mc, "who", list)
}

// once is one step.
func (mc *machine) once() {
	mc.step++
	var weights []int
	kinds := slices.Concat(stepKinds, linkKinds, rotationKinds, invitationKinds, erasureKinds, acceptanceKinds, factorKinds, secretKinds, jobKinds, fieldKinds)
	for _, k := range kinds {
		weights = append(weights, k.weight)
	}
	n := mc.weighted("call", append(weights, clockWeight, compareWeight)...)
	switch n {
	case len(kinds) + 1:
		mc.t.Logf("step %d: compare everything", mc.step)
		mc.checkState()
		return
	case len(kinds):
		mc.advance(sample(mc, "time", []time.Duration{time.Second, time.Second, 20 * time.Second, 20 * time.Second, 2 * time.Minute,
			2 * time.Minute, 5 * time.Minute, 5 * time.Minute, 10 * time.Minute, 11 * time.Minute, 31 * time.Minute, 5 * time.Hour}))
		return
	}
	k := kinds[n]
	w := mc.pickWho(k.by)
	if pick := better[k.name]; pick != nil && mc.chance("better", 60) {
		w = pick(mc, w)
	}
	a, actors := mc.verify(w)
	if a == nil {
		mc.tally.count("verify", usermgmt.ErrUnauthenticated)
		return
	}
	if w.door == usermgmt.DoorNone && k.fresh {
		mc.tally.count("verify", nil)
		return
	}
	c := k.draw(mc, a)
	mc.t.Logf("%s: %s%s", mc.describe(a), c.name, c.note) // shown of a shrunk failure only
	before := mc.foreign(c, a)
	about := mc.concerned(c)
	mc.sameRights(about)
	mc.exec(c, a, actors)
	mc.sameRights(about)
	mc.sameForeign(before)
	if w.door != usermgmt.DoorNone && mc.chance("keep", 5) {
		kept := *a
		kept.old = true
		mc.kept = append(mc.kept, &kept)
		for i, s := range mc.systems {
			s.kept = append(s.kept, actors[i])
		}
	}
}

// concerned is a user whose rights the call may change, or none.
func (mc *machine) concerned(c *call) int {
	switch {
	case len(c.about) > 0 && mc.known(c.about[0]):
		return c.about[0]
	case slices.ContainsFunc([]string{"roles.update", "profiles.update", "teams.update", "units.update", "applications."},
		func(p string) bool { return strings.HasPrefix(c.name, p) }):
		return mc.any("concerned", len(mc.users))
	}
	return none
}

// sameRights compares the rights of a user with the model: before a call, so
// that they are cached, and after it.
func (mc *machine) sameRights(user int) {
	if user == none {
		return
	}
	for _, s := range mc.systems {
		mc.rightsOf(s, user, func(_, format string, args ...any) {
			mc.fail("step %d: rights on %s: %s", mc.step, s.name, fmt.Sprintf(format, args...))
		})
	}
}

func (mc *machine) advance(d time.Duration) {
	mc.now = mc.now.Add(d)
	for _, s := range mc.systems {
		s.Clock.Advance(d)
	}
	mc.tally.count("clock", nil)
}
