package equality_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// The model is what the documentation says, written down again in the plainest
// way: numbers for identifiers, lists, and loops.

const (
	none   = -1        // nobody, nothing; as an organization: system-wide
	ghost  = 1 << 20   // something that was never made
	unmade = ghost + 1 // somebody whose making was refused
)

type (
	period   struct{ from, until time.Time }
	heldRole struct {
		role int
		period
	}
	heldTeam struct {
		team int
		period
	}
	// place is a membership.
	place struct {
		enabled bool
		profile int
		roles   []heldRole
		teams   []heldTeam
		primary int
		units   []int
		app     int
		licence string
		seat    bool
		version int64
		custom  map[string]string
		search  string // what of it is searched
	}
	person struct {
		kind                                usermgmt.UserKind
		home, unit                          int
		username, email, first, last, title string
		responsible                         int
		enabled, deactivated, erased        bool
		version                             int64
		created                             time.Time
		in                                  map[int]*place
		password                            string
		mustChange, reset                   bool
		temporary                           time.Time // until when a temporary password that was not used works
		verified                            string    // the key of the address at which the user has read mail
		epoch                               int64
		failures                            int
		lockedUntil, lastLogin              time.Time
		logins                              int64
		groups                              []int
		factor                              *secondFactor
		question, answer                    string
		custom                              map[string]string
	}
	organization struct {
		name    string
		enabled bool
		epoch   int64
		version int64
		policy  usermgmt.Policy
	}
	// node is a team or a unit.
	node struct {
		org, parent int
		name        string
		version     int64
		alive       bool
	}
	role struct {
		org, app int
		name     string
		grants   grants
		masks    masks
		version  int64
		alive    bool
	}
	profile struct {
		org                  int
		name                 string
		grants               grants
		masks                masks
		version              int64
		alive, admin, locked bool // locked: shipped
	}
	// entry is application access of a user or a team.
	entry struct {
		org, app, user, team int
		roles                []heldRole
		version              int64
	}
	session struct {
		kind                   usermgmt.SessionKind
		pending                usermgmt.Step
		user, org, app         int
		operator, parent       int
		token                  int // none while parked
		parked, ended          bool
		gone                   bool   // with the person
		reason                 string // why it ended
		epoch, operatorEpoch   int64
		idle                   time.Duration
		licence                string // the pool that it takes a seat of, if that floats
		created, seen, expires time.Time
		proved                 time.Time // when a secret was proved last
	}
	apiKey struct {
		user, org     int
		alive         bool
		narrow        []string
		expires, used time.Time
		created       time.Time
		previous      int       // the key whose place it took, while that is known
		grace         time.Time // until when that one works
	}
	proxyList struct {
		restricted   bool
		users, teams []int
		version      int64
	}
	pool struct {
		org     int
		licence string
	}
	seats struct {
		size, overdraft, used int
		floating              bool
	}
	// logEntry is what the model says of an audit entry.
	logEntry struct {
		verb, outcome, door    string
		operator, subject, org int
		target                 string // kind and logical name
		count                  int
		fold                   string
	}
)

type model struct {
	now      time.Time
	policies []usermgmt.Policy // of the two organizations
	strict   bool              // proxy logins
	seeds    int               // of authenticators
	batches  int               // of recovery codes
	perms    []permission
	number   map[string]int
	proxied  []scope // what a proxy login leaves of each permission

	orgs         []*organization
	units, teams []*node
	users        []*person
	roles        []*role
	profiles     []*profile
	regular      int // the profile Regular User
	groups       []*group
	apps         [][]string // the objects of each application
	access       []*entry
	sessions     []*session
	tokens       int
	keys         []*apiKey
	links        []*link
	secrets      []int // the link of each secret that was mailed
	invitations  []*invitation
	jobs         []*job
	fields       []*fieldDef           // of the organizations
	lists        map[[2]int]*proxyList // by operator and organization
	pools        map[pool]*seats
	settings     map[settingsAt]map[string]setValue
	log          []*logEntry
	folds        map[string]*logEntry // the entries that others may be counted to

	// The running call: the record that it is about, and what it will record.
	target struct {
		kind, name string
		org        int
	}
	pending []*logEntry
}

// actor is a verified actor, with its rights as of the last verification.
type actor struct {
	door              usermgmt.Door
	subject, operator int
	org, app          int
	session, parent   int
	token, key        int
	narrow            []scope
	pending           usermgmt.Step // what is to be done first
	verified, proved  time.Time
	old               bool // kept from an earlier step
	granted, held     []scope
}

func newActor() *actor {
	return &actor{subject: none, operator: none, org: none, app: none, session: none, parent: none, token: none, key: none}
}

// status says whether the user passes the checks that concern nobody's
// organization. The ways in differ in whether a lock stops them and whether
// services may use them.
func (m *model) entersAtAll(u *person, lock, interactive bool) bool {
	return !u.deactivated && u.enabled && (!interactive || u.kind != usermgmt.KindService) && (!lock || !m.locked(u))
}

func (m *model) locked(u *person) bool { return m.now.Before(u.lockedUntil) }

func (m *model) enters(user, org int, lock, interactive bool) bool {
	u := m.users[user]
	return m.entersAtAll(u, lock, interactive) && m.orgs[org].enabled && u.in[org] != nil && u.in[org].enabled
}

func (m *model) sessionEpoch(user, org int) int64 { return m.users[user].epoch + m.orgs[org].epoch }

func (m *model) admit(a *actor, user, org int) {
	a.subject, a.org = user, org
	a.granted, a.held = m.rights(user, org, a.app)
}

// live is the part of the verification of a session that needs no rights.
func (m *model) live(i int) bool {
	s := m.sessions[i]
	return !s.ended && !s.parked && m.now.Before(s.expires) && m.now.Before(s.seen.Add(s.idle)) &&
		s.epoch == m.sessionEpoch(s.user, s.org) && m.enters(s.user, s.org, s.kind == usermgmt.SessionProxy, true) &&
		(s.kind == usermgmt.SessionProxy || s.pending.Has(usermgmt.StepPassword) || !m.users[s.user].shut())
}

// verifySession is the verification of a session; nil if it is refused.
func (m *model) verifySession(i int) *actor {
	if !m.live(i) {
		return nil
	}
	s := m.sessions[i]
	proxy := s.kind == usermgmt.SessionProxy
	a := newActor()
	a.door, a.operator, a.app, a.session, a.token, a.verified = usermgmt.DoorSession, s.user, s.app, i, s.token, m.now
	a.pending, a.proved = s.pending, s.proved
	if m.users[s.user].mustChange && !proxy {
		a.pending |= usermgmt.StepPassword
	}
	if proxy {
		a.door, a.operator, a.parent, a.narrow = usermgmt.DoorProxy, s.operator, s.parent, m.proxied
	}
	m.admit(a, s.user, s.org)
	if proxy && !m.stillProxied(s) {
		return nil
	}
	return a
}

// stillProxied asks again whether the operator may act as the target.
func (m *model) stillProxied(s *session) bool {
	own := m.sessions[s.parent]
	if own.ended || !own.parked || !m.now.Before(own.expires) || own.org != s.org {
		return false
	}
	if s.operatorEpoch != m.sessionEpoch(s.operator, own.org) || m.users[s.operator].mustChange || m.users[s.operator].shut() ||
		!m.enters(s.operator, own.org, false, true) {
		return false
	}
	op := newActor()
	op.app = own.app
	m.admit(op, s.operator, own.org)
	if m.users[s.user].in[s.org] == nil || !m.can(op, "proxy.login", m.personIn(s.user, s.org)) || !m.onList(s.operator, s.user, s.org) {
		return false
	}
	return !m.strict || m.stronger(op, s.user, s.org) == nil
}

func (m *model) onList(operator, target, org int) bool {
	l := m.lists[[2]int{operator, org}]
	if l == nil || !l.restricted || slices.Contains(l.users, target) {
		return true
	}
	return slices.ContainsFunc(m.teamsNow(m.users[target].in[org], false), func(t int) bool { return slices.Contains(l.teams, t) })
}

func (m *model) verifyKey(i int) *actor {
	j := m.keyNow(i)
	if j == none {
		return nil
	}
	k := m.keys[j]
	if i != j && !m.now.Before(k.grace) || !k.expires.IsZero() && !m.now.Before(k.expires) || !m.enters(k.user, k.org, true, false) ||
		m.users[k.user].mustChange || m.users[k.user].shut() {
		return nil
	}
	a := newActor()
	a.door, a.operator, a.key, a.verified = usermgmt.DoorAPIKey, k.user, i, m.now
	if len(k.narrow) > 0 {
		a.narrow = make([]scope, len(m.perms))
		for _, p := range k.narrow {
			a.narrow[m.number[p]] = ^scope(0)
		}
	}
	m.admit(a, k.user, k.org)
	return a
}

func (m *model) verifyHost(user, org, app int) *actor {
	if user >= len(m.users) || !m.enters(user, org, true, false) || m.users[user].shut() {
		return nil
	}
	a := newActor()
	a.door, a.operator, a.app, a.verified = usermgmt.DoorHost, user, app, m.now
	if m.users[user].mustChange {
		a.pending = usermgmt.StepPassword
	}
	m.admit(a, user, org)
	return a
}

// renew is the verification inside every change: present rights, or nil.
func (m *model) renew(a *actor) *actor {
	var now *actor
	switch a.door {
	case usermgmt.DoorSystem:
		return a
	case usermgmt.DoorSession, usermgmt.DoorProxy:
		if m.sessions[a.session].token != a.token {
			return nil
		}
		now = m.verifySession(a.session)
	case usermgmt.DoorAPIKey:
		now = m.verifyKey(a.key)
	case usermgmt.DoorHost:
		now = m.verifyHost(a.subject, a.org, a.app)
	}
	if now != nil {
		now.verified = a.verified
		if a.door == usermgmt.DoorHost {
			now.proved = a.proved
		}
	}
	return now
}

// personIn is a user as a record of an organization: seen from elsewhere than
// the home it belongs to no unit.
func (m *model) personIn(user, org int) *thing {
	u := m.users[user]
	r := &thing{org: org, owner: user, teams: m.teamsNow(u.in[org], false)}
	if u.home == org {
		r.units = []int{u.unit}
	}
	return r
}

// met is a user as the actor meets it: as a member of the actor's organization,
// and otherwise at home.
func (m *model) met(a *actor, user int) *thing {
	if a.org != none && m.users[user].in[a.org] != nil {
		return m.personIn(user, a.org)
	}
	return m.personIn(user, m.users[user].home)
}

func (m *model) known(user int) bool { return user >= 0 && user < len(m.users) }

// identity decides on calls about a user's identity, for which only the home
// organization counts.
func (m *model) identity(a *actor, user int, perm string) error {
	if !m.known(user) {
		return usermgmt.ErrNotFound
	}
	m.on("user", fmt.Sprint("user", user), m.users[user].home)
	err := m.need(a, perm, "user.view", m.personIn(user, m.users[user].home))
	if err == usermgmt.ErrNotFound && m.sees(a, "user.view", m.met(a, user)) {
		return usermgmt.ErrPermission
	}
	if err == nil && m.users[user].erased && perm != "user.erase" {
		return usermgmt.ErrConflict
	}
	return err
}

// member decides on calls about a member of an organization.
func (m *model) member(user, org int) error {
	if !m.known(user) || m.users[user].in[org] == nil {
		return usermgmt.ErrNotFound
	}
	m.on("user", fmt.Sprint("user", user), org)
	return nil
}

func needsSeat(u *person) bool { return u.kind != usermgmt.KindService }

func (m *model) poolOf(org int, licence string) *seats {
	k := pool{org, licence}
	if m.pools[k] == nil {
		m.pools[k] = &seats{size: -1}
	}
	return m.pools[k]
}

// free reports whether the pool has a seat left.
func (m *model) free(org int, licence string) bool {
	p := m.pools[pool{org, licence}]
	return p == nil || p.floating || p.size < 0 || p.used < p.size+p.overdraft
}

// lastAdministrator reports whether an organization of the user's (or the one)
// would have no active administrator without the user.
func (m *model) lastAdministrator(user, only int) bool {
	for org := range m.orgs {
		p := m.users[user].in[org]
		if p == nil || only != none && org != only || !m.profiles[p.profile].admin {
			continue
		}
		if !slices.ContainsFunc(m.administrators(org), func(u int) bool { return u != user }) {
			return true
		}
	}
	return false
}

// administrators are the active ones of an organization.
func (m *model) administrators(org int) (out []int) {
	for i, u := range m.users {
		if p := u.in[org]; p != nil && p.enabled && u.enabled && u.kind != usermgmt.KindService && m.profiles[p.profile].admin {
			out = append(out, i)
		}
	}
	return out
}

func (m *model) endSession(i, keep int, reason string) {
	s := m.sessions[i]
	if s.ended || i == keep {
		return
	}
	s.ended, s.reason = true, reason
	for j, c := range m.sessions {
		if c.parent == i {
			m.endSession(j, keep, reason)
		}
	}
}

// endSessions ends the sessions in which the user is user or operator, in org or
// (none) anywhere, and returns how many of the user's own.
func (m *model) endSessions(user, org, keep int, reason string) (n int) {
	var own []int
	for i, s := range m.sessions {
		if !s.ended && i != keep && (s.user == user || s.operator == user) && (org == none || s.org == org) {
			own = append(own, i)
			if s.user == user {
				n++
			}
		}
	}
	for _, i := range own {
		m.endSession(i, keep, reason)
	}
	return n
}

func (m *model) dropKey(user, org int) (dropped bool) {
	for _, k := range m.keys {
		if k.alive && k.user == user && k.org == org {
			k.alive, dropped = false, true
		}
	}
	return dropped
}

// on names the record that the running call is about.
func (m *model) on(kind, name string, org int) {
	m.target.kind, m.target.name, m.target.org = kind, name, org
}

func (m *model) begin() {
	m.on("", "", none)
	m.pending = nil
}

// record adds an entry of a change to the running call.
func (m *model) record(a *actor, verb string) *logEntry {
	e := m.entry(a, verb, "done")
	m.pending = append(m.pending, e)
	return e
}

func (m *model) entry(a *actor, verb, outcome string) *logEntry {
	e := &logEntry{verb: verb, outcome: outcome, door: a.door.String(), operator: a.operator, subject: a.subject,
		org: m.target.org, target: strings.TrimSpace(m.target.kind + " " + m.target.name), count: 1}
	if e.org == none {
		e.org = a.org
	}
	return e
}

// append adds an entry to the log, or counts it to one of the same fold.
func (m *model) append(e *logEntry) {
	if e.fold != "" {
		if old := m.folds[e.fold]; old != nil {
			old.count++
			return
		}
		m.folds[e.fold] = e
	}
	m.log = append(m.log, e)
}

func (m *model) fold(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(parts, m.now.Format("200601021504")), "\x00")))
	return string(sum[:])
}

func (e *logEntry) String() string {
	return fmt.Sprintf("%s %s by %s: %s for %s in %s on %q, %d times", e.verb, e.outcome, e.door,
		name("user", e.operator), name("user", e.subject), name("org", e.org), e.target, e.count)
}

// name is a logical name; "-" is none, "?" what was not made after all.
func name(kind string, i int) string {
	switch i {
	case none:
		return "-"
	case unmade:
		return "?"
	}
	return fmt.Sprint(kind, i)
}

func names(kind string, list []int) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = name(kind, n)
	}
	return strings.Join(out, ",")
}
