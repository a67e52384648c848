package memory

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pmap"
)

// version is the whole of the data at one moment. What it leads to is
// immutable once it is published, except for the stamps of replacement (see
// [writer.replace]) and what lies behind the lengths of logs that only grow.
type version struct {
	seq      uint64
	orgs     *orgTables
	users    *userTables
	sessions *sessionTables
	others   *otherTables
	audit    auditLog

	systemPolicy int64
	bootstrapped bool
}

// orgTables holds organizations and what is set up in them.
type orgTables struct {
	own      uint64
	lastNo   uint64 // the last number given to a unit, team or user
	spaces   pmap.Map[space]
	byName   pmap.Tree[*orgRow]
	units    pmap.Map[unitRow]
	teams    pmap.Map[teamRow]
	roles    pmap.Map[usermgmt.Role]
	profiles pmap.Map[usermgmt.AccessProfile]
	apps     pmap.Map[usermgmt.Application]
	access   pmap.Map[usermgmt.AccessEntry]
	sharing  pmap.Map[usermgmt.SharingPolicy]
	fields   pmap.Map[usermgmt.CustomField]
	refs     pmap.Map[ref]
}

// userTables holds users and memberships.
type userTables struct {
	own         uint64
	people      pmap.Map[person]
	byUsername  pmap.Map[userRow]
	byEmail     pmap.Map[userRow]
	byExternal  pmap.Map[userRow]
	orders      [4]pmap.Tree[*userRow] // by UserSort
	byUnit      pmap.Tree[unitUser]
	blocked     pmap.Tree[usermgmt.UserID] // those whose credentials may not work
	byAge       pmap.Tree[agedUser]        // those whose passwords may grow too old
	search      arena
	members     pmap.Map[member] // by user
	teamMembers pmap.Tree[teamMember]
	kits        pmap.Map[kitRow]
	groups      pmap.Map[usermgmt.Group]
	groupNames  pmap.Tree[*usermgmt.Group]
	grouped     pmap.Tree[groupUser]
}

// sessionTables holds sessions and API keys.
type sessionTables struct {
	own      uint64
	sessions pmap.Map[session]
	tokens   pmap.Map[session] // live ones
	byUser   pmap.Tree[userSession]
	byParent pmap.Tree[userSession]
	byEnd    pmap.Tree[endingSession]
	seats    pmap.Tree[seatSession]
	keys     pmap.Map[apiKey]
	keyHash  pmap.Map[apiKey]
	keyOwner pmap.Map[apiKey]
	previous pmap.Map[apiKey]   // those that took the place of one
	expiring pmap.Tree[*apiKey] // those that expire
}

// otherTables holds the rest.
type otherTables struct {
	own         uint64
	proxies     pmap.Map[usermgmt.ProxyList] // by operator
	proxyTeams  pmap.Tree[proxyTeam]
	deputies    pmap.Tree[*usermgmt.Deputy] // by who named them
	deputyFor   pmap.Tree[*usermgmt.Deputy] // by the deputy
	pools       pmap.Tree[*usermgmt.LicencePool]
	messages    pmap.Tree[*usermgmt.Message]
	pending     pmap.Tree[*usermgmt.Message]
	blobs       pmap.Map[blob]
	checkpoints pmap.Map[usermgmt.Checkpoint]
	digests     pmap.Map[importDigest] // by user

	tokens      pmap.Tree[*tokenRow]
	tokenKeys   pmap.Tree[*tokenRow]
	tokenUsers  pmap.Tree[*tokenRow]
	tokenEnds   pmap.Tree[*tokenRow]
	tokenHashes pmap.Map[tokenHash]

	invitations    pmap.Map[usermgmt.Invitation]
	orgInvitations pmap.Tree[*usermgmt.Invitation]
	invited        pmap.Tree[*usermgmt.Invitation] // without outcome
	invitationEnds pmap.Tree[*usermgmt.Invitation] // without outcome
	factors        pmap.Map[usermgmt.Factor]
	codes          pmap.Map[codes]
	questions      pmap.Map[usermgmt.Question]
	formers        pmap.Map[formers]
	marks          pmap.Map[markRow]
	settings       pmap.Map[orgSettings]
	jobs           pmap.Map[usermgmt.Job]
	activeJobs     pmap.Tree[*usermgmt.Job]
	jobsOf         pmap.Tree[*usermgmt.Job]
	endedJobs      pmap.Tree[*usermgmt.Job]
}

// firstToken is the token with which the empty version is made.
const firstToken = 1

func newVersion(seed maphash.Seed) *version {
	text := func(s string) uint64 { return maphash.String(seed, s) }
	v := &version{
		systemPolicy: 1,
		orgs: &orgTables{
			spaces:   pmap.Map[space]{Hash: func(s *space) uint64 { return hashID(s.id) }},
			byName:   pmap.Tree[*orgRow]{Cmp: orgsByName},
			units:    pmap.Map[unitRow]{Hash: func(r *unitRow) uint64 { return hashID(r.ID) }},
			teams:    pmap.Map[teamRow]{Hash: func(r *teamRow) uint64 { return hashID(r.ID) }},
			roles:    pmap.Map[usermgmt.Role]{Hash: func(r *usermgmt.Role) uint64 { return hashID(r.ID) }},
			profiles: pmap.Map[usermgmt.AccessProfile]{Hash: func(r *usermgmt.AccessProfile) uint64 { return hashID(r.ID) }},
			apps:     pmap.Map[usermgmt.Application]{Hash: func(r *usermgmt.Application) uint64 { return hashID(r.ID) }},
			access:   pmap.Map[usermgmt.AccessEntry]{Hash: func(r *usermgmt.AccessEntry) uint64 { return hashID(r.ID) }},
			sharing:  pmap.Map[usermgmt.SharingPolicy]{Hash: func(r *usermgmt.SharingPolicy) uint64 { return hashID(r.ID) }},
			fields:   pmap.Map[usermgmt.CustomField]{Hash: func(f *usermgmt.CustomField) uint64 { return hashID(f.ID) }},
			refs:     pmap.Map[ref]{Hash: (*ref).hash},
		},
		users: &userTables{
			people:     pmap.Map[person]{Hash: func(p *person) uint64 { return hashID(p.id) }},
			byUsername: pmap.Map[userRow]{Hash: func(u *userRow) uint64 { return text(u.UsernameKey) }},
			byEmail:    pmap.Map[userRow]{Hash: func(u *userRow) uint64 { return text(u.EmailKey) }},
			byExternal: pmap.Map[userRow]{Hash: func(u *userRow) uint64 {
				return hashPair(text(u.Source), text(u.ExternalID))
			}},
			byUnit:      pmap.Tree[unitUser]{Cmp: unitUser.compare},
			blocked:     pmap.Tree[usermgmt.UserID]{Cmp: compareIDs[usermgmt.User]},
			byAge:       pmap.Tree[agedUser]{Cmp: agedUser.compare},
			members:     pmap.Map[member]{Hash: func(m *member) uint64 { return hashID(m.u.ID) }},
			teamMembers: pmap.Tree[teamMember]{Cmp: teamMember.compare},
			kits:        pmap.Map[kitRow]{Hash: func(k *kitRow) uint64 { return k.hash }},
			groups:      pmap.Map[usermgmt.Group]{Hash: func(g *usermgmt.Group) uint64 { return hashID(g.ID) }},
			groupNames:  pmap.Tree[*usermgmt.Group]{Cmp: groupsByName},
			grouped:     pmap.Tree[groupUser]{Cmp: groupUser.compare},
		},
		sessions: &sessionTables{
			sessions: pmap.Map[session]{Hash: func(s *session) uint64 { return hashID(s.id) }},
			tokens:   pmap.Map[session]{Hash: func(s *session) uint64 { return hashToken(&s.token) }},
			byUser:   pmap.Tree[userSession]{Cmp: userSession.compare},
			byParent: pmap.Tree[userSession]{Cmp: userSession.compare},
			byEnd:    pmap.Tree[endingSession]{Cmp: endingSession.compare},
			seats:    pmap.Tree[seatSession]{Cmp: seatSession.compare},
			keys:     pmap.Map[apiKey]{Hash: func(k *apiKey) uint64 { return hashID(k.id) }},
			keyHash:  pmap.Map[apiKey]{Hash: func(k *apiKey) uint64 { return hashToken(&k.hash) }},
			keyOwner: pmap.Map[apiKey]{Hash: func(k *apiKey) uint64 { return hashID(k.person.id) }},
			previous: pmap.Map[apiKey]{Hash: func(k *apiKey) uint64 { return hashToken(&k.more.previousHash) }},
			expiring: pmap.Tree[*apiKey]{Cmp: keysByExpiry},
		},
		others: &otherTables{
			proxies:     pmap.Map[usermgmt.ProxyList]{Hash: func(l *usermgmt.ProxyList) uint64 { return hashID(l.Operator) }},
			proxyTeams:  pmap.Tree[proxyTeam]{Cmp: proxyTeam.compare},
			deputies:    pmap.Tree[*usermgmt.Deputy]{Cmp: deputiesByUser},
			deputyFor:   pmap.Tree[*usermgmt.Deputy]{Cmp: deputiesByDeputy},
			pools:       pmap.Tree[*usermgmt.LicencePool]{Cmp: comparePools},
			messages:    pmap.Tree[*usermgmt.Message]{Cmp: messagesByID},
			pending:     pmap.Tree[*usermgmt.Message]{Cmp: messagesByAge},
			blobs:       pmap.Map[blob]{Hash: func(b *blob) uint64 { return text(b.key) }},
			checkpoints: pmap.Map[usermgmt.Checkpoint]{Hash: func(c *usermgmt.Checkpoint) uint64 { return hashID(c.ID) }},
			digests:     pmap.Map[importDigest]{Hash: func(d *importDigest) uint64 { return hashID(d.User) }},

			tokens:      pmap.Tree[*tokenRow]{Cmp: tokensByID},
			tokenKeys:   pmap.Tree[*tokenRow]{Cmp: tokensByKey},
			tokenUsers:  pmap.Tree[*tokenRow]{Cmp: tokensByUser},
			tokenEnds:   pmap.Tree[*tokenRow]{Cmp: tokensByEnd},
			tokenHashes: pmap.Map[tokenHash]{Hash: func(h *tokenHash) uint64 { return hashToken(&h.hash) }},

			invitations:    pmap.Map[usermgmt.Invitation]{Hash: func(i *usermgmt.Invitation) uint64 { return hashID(i.ID) }},
			orgInvitations: pmap.Tree[*usermgmt.Invitation]{Cmp: invitationsByOrg},
			invited:        pmap.Tree[*usermgmt.Invitation]{Cmp: invitationsByEmail},
			invitationEnds: pmap.Tree[*usermgmt.Invitation]{Cmp: invitationsByEnd},
			factors:        pmap.Map[usermgmt.Factor]{Hash: func(f *usermgmt.Factor) uint64 { return hashID(f.User) }},
			codes:          pmap.Map[codes]{Hash: func(c *codes) uint64 { return hashID(c.user) }},
			questions:      pmap.Map[usermgmt.Question]{Hash: func(q *usermgmt.Question) uint64 { return hashID(q.User) }},
			formers:        pmap.Map[formers]{Hash: func(f *formers) uint64 { return hashID(f.user) }},
			marks:          pmap.Map[markRow]{Hash: func(m *markRow) uint64 { return text(m.name) }},
			settings:       pmap.Map[orgSettings]{Hash: func(s *orgSettings) uint64 { return hashID(s.org) }},
			jobs:           pmap.Map[usermgmt.Job]{Hash: func(j *usermgmt.Job) uint64 { return hashID(j.ID) }},
			activeJobs:     pmap.Tree[*usermgmt.Job]{Cmp: jobsByID},
			jobsOf:         pmap.Tree[*usermgmt.Job]{Cmp: jobsByUser},
			endedJobs:      pmap.Tree[*usermgmt.Job]{Cmp: jobsByEnd},
		},
	}
	for i, by := range userOrders {
		v.users.orders[i].Cmp = func(a, b *userRow) int { return by(&a.User, &b.User) }
	}
	v.audit.init(text)
	v.orgs.spaces.Insert(firstToken, newSpace(firstToken, usermgmt.OrgID{}))
	return v
}

// writer makes the next version. There is one, and whoever has the turn has it.
type writer struct {
	*engine
	v *version
	// own is the token of what the writer may change in place.
	own uint64
	// replaced are the stamps set since the transaction began.
	replaced []*uint64
}

// freeze makes the writer copy whatever it changes from now on.
func (w *writer) freeze() { w.own++ }

// replace stamps a row as replaced or deleted from the writer's version on.
//
// A session keeps pointers to the rows of its user, membership and
// organization as they were when it was written. Such a row is the right one
// for a version as long as it is not stamped or stamped later.
func (w *writer) replace(stamp *uint64) {
	atomic.StoreUint64(stamp, w.v.seq)
	w.replaced = append(w.replaced, stamp)
}

// revive takes back the stamps from the nth on.
func (w *writer) revive(n int) {
	for i := len(w.replaced) - 1; i >= n; i-- {
		atomic.StoreUint64(w.replaced[i], 0)
	}
	clear(w.replaced[n:])
	w.replaced = w.replaced[:n]
}

// current reports whether a row with the stamp is that of the version.
func (v *version) current(stamp *uint64) bool {
	n := atomic.LoadUint64(stamp)
	return n == 0 || n > v.seq
}

func (w *writer) orgs() *orgTables {
	if w.v.orgs.own != w.own {
		c := *w.v.orgs
		c.own = w.own
		w.v.orgs = &c
	}
	return w.v.orgs
}

func (w *writer) users() *userTables {
	if w.v.users.own != w.own {
		c := *w.v.users
		c.own = w.own
		w.v.users = &c
	}
	return w.v.users
}

func (w *writer) sessions() *sessionTables {
	if w.v.sessions.own != w.own {
		c := *w.v.sessions
		c.own = w.own
		w.v.sessions = &c
	}
	return w.v.sessions
}

func (w *writer) others() *otherTables {
	if w.v.others.own != w.own {
		c := *w.v.others
		c.own = w.own
		w.v.others = &c
	}
	return w.v.others
}

func (w *writer) nextNo() uint64 {
	o := w.orgs()
	o.lastNo++
	return o.lastNo
}
