package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A reach says on which records a role's permission holds.
type reach uint8

const (
	hierarchy    reach = iota + 1 // of the holder's teams and those below
	organization                  // of the holder's organization
)

func (r reach) String() string { return [...]string{"none", "hierarchy", "organization"}[r] }

// A tense says when a role is held: only what is held now counts.
type tense uint8

const (
	now     tense = iota
	bounded       // now, between two times
	past
	future
)

// world is what every engine is told. Things are numbered from 0.
type world struct {
	perms  []string // permissions; those with a colon are of protected fields
	roles  []role
	teams  []team
	users  []user
	shares []share
	// switches says of an organization that one role at a time is in force: the
	// first that a user holds.
	switches []bool
}

type role struct {
	grants map[int]reach // by permission
	hidden []int         // permissions of fields that the role does not grant with the record's
}

type team struct{ org, parent, depth int } // parent is -1 of a root

type user struct {
	org   int
	held  []holding
	teams []int
}

type holding struct {
	role int
	when tense
}

// share lets the members of a team use records of another one and those below it.
type share struct{ org, owning, sharing int }

// question asks whether a user may do something with a record of a team.
type question struct {
	user, perm, team int
	seen             int // the role that the record is visible to, or -1
}

const (
	roleCount   = 100
	rolePerms   = 20
	moduleCount = 20
	treeDepth   = 20
	fieldCount  = 4 // modules from the first on with a protected field
	criteria    = 4 // the module whose records may be visible to a role only
	proxyLogin  = "proxy.login"
)

var actions = []string{"view", "create", "edit", "delete", "assign", "export", "print", "close", "reopen", "merge"}

// sharedPerms are what is shared.
var sharedPerms = []string{"module0.view", "module0.edit"}

// newWorld makes a world of n users and as many teams, three quarters of both in
// the first of two organizations. In the second one roles are switched.
func newWorld(n int) *world {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	w := &world{switches: []bool{false, true}}
	w.perms = append(w.perms, proxyLogin)
	for m := range moduleCount {
		for _, a := range actions {
			name := fmt.Sprintf("module%d.%s", m, a)
			w.perms = append(w.perms, name)
			if m < fieldCount && slices.Contains([]string{"view", "create", "edit"}, a) {
				w.perms = append(w.perms, name+":amount")
			}
		}
	}
	for i := range roleCount {
		w.roles = append(w.roles, w.newRole(i, r))
	}
	first := n - n/4
	for i := range n {
		t := team{parent: -1}
		from := 0
		if i >= first {
			t.org, from = 1, first
		}
		switch at := i - from; {
		case at == 0:
		case at <= treeDepth:
			t.parent = i - 1
		default:
			for t.parent = from + r.IntN(at); w.teams[t.parent].depth == treeDepth; {
				t.parent = from + r.IntN(at)
			}
		}
		if t.parent >= 0 {
			t.depth = w.teams[t.parent].depth + 1
		}
		w.teams = append(w.teams, t)
	}
	inOrg := func(org int) int {
		if org == 0 {
			return r.IntN(first)
		}
		return first + r.IntN(n-first)
	}
	for i := range n {
		u := user{org: i % 4 / 3}
		for _, role := range r.Perm(roleCount)[:1+r.IntN(2)] {
			u.held = append(u.held, holding{role, tense(r.IntN(8) / 7)}) // now, or bounded
		}
		if role := r.IntN(roleCount); r.IntN(4) == 0 && !u.holds(role) {
			u.held = append(u.held, holding{role, past + tense(r.IntN(2))})
		}
		u.teams = []int{inOrg(u.org)}
		if t := inOrg(u.org); i%2 == 0 && t != u.teams[0] {
			u.teams = append(u.teams, t)
		}
		w.users = append(w.users, u)
	}
	for range 20 {
		// The members of a team that has some.
		u := &w.users[r.IntN(n)]
		s := share{org: u.org, owning: inOrg(u.org), sharing: u.teams[0]}
		if s.owning != s.sharing && !slices.Contains(w.shares, s) {
			w.shares = append(w.shares, s)
		}
	}
	return w
}

func (w *world) newRole(i int, r *rand.Rand) role {
	out := role{grants: map[int]reach{}}
	if i%5 == 0 {
		out.grants[w.perm(proxyLogin)] = hierarchy
	}
	for len(out.grants) < rolePerms {
		p := r.IntN(len(w.perms))
		if strings.Contains(w.perms[p], ":") || w.perms[p] == proxyLogin {
			continue
		}
		out.grants[p] = hierarchy
		if r.IntN(10) == 0 {
			out.grants[p] = organization
		}
		if f := slices.Index(w.perms, w.perms[p]+":amount"); f >= 0 {
			if r.IntN(2) == 0 {
				out.hidden = append(out.hidden, f)
			} else {
				out.grants[f] = out.grants[p]
			}
		}
	}
	return out
}

func (w *world) perm(name string) int { return slices.Index(w.perms, name) }

func (u *user) holds(role int) bool {
	return slices.ContainsFunc(u.held, func(h holding) bool { return h.role == role })
}

// inForce are the user's roles that count.
func (w *world) inForce(u int) []int {
	var out []int
	for _, h := range w.users[u].held {
		if h.when <= bounded && (len(out) == 0 || !w.switches[w.users[u].org]) {
			out = append(out, h.role)
		}
	}
	return out
}

// within reports whether the team is the other one or lies below it.
func (w *world) within(team, other int) bool {
	for ; team >= 0; team = w.teams[team].parent {
		if team == other {
			return true
		}
	}
	return false
}

// sharesOf are the shares that the user has part in.
func (w *world) sharesOf(u int) []int {
	var out []int
	for i, s := range w.shares {
		if slices.Contains(w.users[u].teams, s.sharing) {
			out = append(out, i)
		}
	}
	return out
}

// allows is the answer, found slowly.
func (w *world) allows(q question) bool {
	u := &w.users[q.user]
	roles := w.inForce(q.user)
	if w.teams[q.team].org != u.org || q.seen >= 0 && !slices.Contains(roles, q.seen) {
		return false
	}
	for _, r := range roles {
		switch w.roles[r].grants[q.perm] {
		case organization:
			return true
		case hierarchy:
			if slices.ContainsFunc(u.teams, func(t int) bool { return w.within(q.team, t) }) {
				return true
			}
		}
	}
	return slices.Contains(sharedPerms, w.perms[q.perm]) &&
		slices.ContainsFunc(w.sharesOf(q.user), func(s int) bool { return w.within(q.team, w.shares[s].owning) })
}

// take takes a role away, and give gives it back.
func (w *world) take(u, role int) {
	w.users[u].held = slices.DeleteFunc(w.users[u].held, func(h holding) bool { return h.role == role })
}

func (w *world) give(u, role int) { w.users[u].held = append(w.users[u].held, holding{role: role}) }

// questions are n questions: every second one about a record that the user may
// well reach, with a permission of a role in force; of the others some are about
// records of another organization, and some about what is shared.
func (w *world) questions(n int) []question {
	r := rand.New(rand.NewPCG(2, uint64(len(w.users))))
	down := make([][]int, len(w.teams))
	for t := range w.teams {
		if p := w.teams[t].parent; p >= 0 {
			down[p] = append(down[p], t)
		}
	}
	below := func(t int) int {
		for len(down[t]) > 0 && r.IntN(4) > 0 {
			t = down[t][r.IntN(len(down[t]))]
		}
		return t
	}
	var sharing [][2]int // users and shares
	for u := 0; u < len(w.users) && len(w.shares) > 0 && len(sharing) < 50; u++ {
		for _, s := range w.sharesOf(u) {
			sharing = append(sharing, [2]int{u, s})
		}
	}
	out := make([]question, n)
	for i := range out {
		u := r.IntN(len(w.users))
		q := question{user: u, perm: r.IntN(len(w.perms)), team: r.IntN(len(w.teams)), seen: -1}
		roles := w.inForce(u)
		switch {
		case i%2 == 0:
			q.perm = w.granted(roles[r.IntN(len(roles))], r)
			q.team = below(w.users[u].teams[r.IntN(len(w.users[u].teams))])
		case i%16 == 1 && len(sharing) > 0:
			s := sharing[r.IntN(len(sharing))]
			q.user, q.perm, q.team = s[0], w.perm(sharedPerms[i/16%2]), below(w.shares[s[1]].owning)
		case i%4 == 1:
			q.perm = w.granted(roles[r.IntN(len(roles))], r)
		}
		if strings.HasPrefix(w.perms[q.perm], fmt.Sprintf("module%d.", criteria)) && r.IntN(2) == 0 {
			q.seen = r.IntN(roleCount)
			if r.IntN(2) == 0 {
				q.seen = roles[0]
			}
		}
		out[i] = q
	}
	return out
}

// granted is some permission of the role.
func (w *world) granted(role int, r *rand.Rand) int {
	for p := r.IntN(len(w.perms)); ; p = (p + 1) % len(w.perms) {
		if w.roles[role].grants[p] != 0 {
			return p
		}
	}
}

// revocations are questions by members of the first organization that a single
// role of two or more allows, with that role.
func (w *world) revocations(n int) (qs []question, roles []int) {
	asked := map[int]bool{}
	for _, q := range w.questions(200 * n) {
		in := w.inForce(q.user)
		if len(qs) == n || asked[q.user] || w.users[q.user].org != 0 || len(in) < 2 || !w.allows(q) {
			continue
		}
		for _, role := range in {
			held := slices.Clone(w.users[q.user].held)
			w.take(q.user, role)
			without := w.allows(q)
			w.users[q.user].held = held
			if !without && q.seen != role {
				qs, roles, asked[q.user] = append(qs, q), append(roles, role), true
				break
			}
		}
	}
	return qs, roles
}

// move hangs a team in elsewhere; depths are left as they are.
func (w *world) move(team, parent int) { w.teams[team].parent = parent }
