package usermgmt_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/store/memory"
)

const (
	cityTeams = 100_000
	cityDepth = 20
	cityPerms = 200
	cityRoles = 100
	cityUnits = 100
	queries   = 1 << 16 // cold: more than the caches of a processor hold
	hotSet    = 64
)

// city is one organization with n members, each with two roles of 20 of 200
// permissions, in two of 100,000 teams 20 deep. It is made through the store.
type city struct {
	store   *memory.Store
	m       *usermgmt.Manager
	n       int
	org     usermgmt.OrgID
	forest  *forest
	users   []usermgmt.UserID
	teams   []usermgmt.TeamID
	perms   []usermgmt.Permission
	roles   [cityRoles][4]uint64 // the permissions of each role
	roleOf  [][2]uint8
	teamsOf [][2]uint32
	tokens  []string
	keys    []string

	userBytes, orgBytes, memberBytes, sessionBytes float64 // for each user, team, member and session
}

// cities are kept for further benchmarks.
var cities = map[int]*city{}

// cityOf returns the city of n.
func cityOf(tb testing.TB, n int) *city {
	tb.Helper()
	if c := cities[n]; c != nil {
		return c
	}
	c := newCity(tb, n)
	cities[n] = c
	return c
}

// sizes of a benchmark: up to a million unless -short is set.
func sizes() []int {
	if testing.Short() {
		return []int{1_000}
	}
	return []int{1_000, 100_000, 1_000_000}
}

// benchID returns identifiers that ascend and end randomly, as UUIDs of version 7 do.
func benchID[E any](kind, n int) (id usermgmt.ID[E]) {
	binary.BigEndian.PutUint64(id[:8], uint64(1_700_000_000_000+n)<<16|0x7000|uint64(kind))
	r := rand.NewPCG(uint64(kind), uint64(n))
	binary.BigEndian.PutUint64(id[8:], r.Uint64()&^(3<<62)|2<<62)
	return id
}

func cityObjects() (objects []usermgmt.Object, perms []usermgmt.Permission) {
	for i := range cityPerms / 10 {
		o := usermgmt.Object{Name: fmt.Sprintf("module%d", i), Ownership: usermgmt.OwnedByUser}
		for k := range 10 {
			o.Actions = append(o.Actions, fmt.Sprintf("action%d", k))
			perms = append(perms, usermgmt.Permission(fmt.Sprintf("module%d.action%d", i, k)))
		}
		objects = append(objects, o)
	}
	return objects, perms
}

func newCity(tb testing.TB, n int) *city {
	tb.Helper()
	c := &city{
		store: memory.New(), n: n, org: benchID[usermgmt.Organization](1, 0), forest: newForest(cityTeams, cityDepth),
		users: make([]usermgmt.UserID, n), teams: make([]usermgmt.TeamID, cityTeams),
		roleOf: make([][2]uint8, n), teamsOf: make([][2]uint32, n),
	}
	objects, perms := cityObjects()
	c.perms = perms
	var err error
	c.m, err = usermgmt.New(c.store, &usermgmt.Config{Objects: objects, SnapshotBytes: 256 << 20})
	require.NoError(tb, err)
	before := heap()
	c.addUnits(tb)
	c.batches(tb, cityTeams, func(ctx context.Context, tx usermgmt.Store, i int) error {
		c.teams[i] = benchID[usermgmt.Team](6, i)
		team := usermgmt.Team{ID: c.teams[i], Org: c.org, NameKey: fmt.Sprintf("team %06d", i)}
		if p := c.forest.parent[i]; p >= 0 {
			team.Parent = c.teams[p]
		}
		return tx.SaveTeam(ctx, team)
	})
	c.addRoles(tb)
	c.orgBytes = grown(before, cityTeams)
	before = heap()
	c.batches(tb, n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		c.users[i] = benchID[usermgmt.User](2, i)
		name := fmt.Sprintf("user%07d", i)
		return tx.SaveUser(ctx, usermgmt.User{
			ID: c.users[i], Org: c.org, OwnerUnit: benchID[usermgmt.BusinessUnit](3, i%cityUnits), Kind: usermgmt.KindPerson,
			Username: name, UsernameKey: name, Email: name + "@example.com", EmailKey: name + "@example.com",
			NameKey: name, SearchKey: name, Enabled: true, CreatedAt: time.Unix(1_700_000_000, 0).UTC(),
		})
	})
	c.userBytes = grown(before, n)
	before = heap()
	c.addMembers(tb)
	c.memberBytes = grown(before, n)
	return c
}

// batches calls fn for 0 to n-1 in transactions of 10,000.
func (c *city) batches(tb testing.TB, n int, fn func(ctx context.Context, tx usermgmt.Store, i int) error) {
	tb.Helper()
	for from := 0; from < n; from += 10_000 {
		require.NoError(tb, c.store.Tx(tb.Context(), func(ctx context.Context, tx usermgmt.Store) error {
			for i := from; i < min(n, from+10_000); i++ {
				if err := fn(ctx, tx, i); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func (c *city) addUnits(tb testing.TB) {
	tb.Helper()
	ctx := tb.Context()
	require.NoError(tb, c.store.SaveOrg(ctx, usermgmt.Organization{ID: c.org, NameKey: "city", Enabled: true}))
	require.NoError(tb, c.store.SaveProfile(ctx, usermgmt.AccessProfile{ID: benchID[usermgmt.AccessProfile](4, 0), NameKey: "p"}))
	for i := range cityUnits {
		unit := usermgmt.BusinessUnit{ID: benchID[usermgmt.BusinessUnit](3, i), Org: c.org, NameKey: fmt.Sprintf("u%03d", i)}
		if i > 0 {
			unit.Parent = benchID[usermgmt.BusinessUnit](3, (i-1)/3)
		}
		require.NoError(tb, c.store.SaveUnit(ctx, unit))
	}
}

func (c *city) addRoles(tb testing.TB) {
	tb.Helper()
	r := rand.New(rand.NewPCG(5, 5))
	for i := range c.roles {
		role := usermgmt.Role{ID: benchID[usermgmt.Role](5, i), Org: c.org, NameKey: fmt.Sprint("r", i)}
		for range 20 {
			p := r.IntN(cityPerms)
			c.roles[i][p>>6] |= 1 << (p & 63)
			role.Grants = append(role.Grants, usermgmt.Grant{Permission: c.perms[p], Scope: usermgmt.ScopeHierarchy})
		}
		require.NoError(tb, c.store.SaveRole(tb.Context(), role))
	}
}

func (c *city) addMembers(tb testing.TB) {
	tb.Helper()
	r := rand.New(rand.NewPCG(6, 6))
	c.batches(tb, c.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		a, b := uint8(r.IntN(cityRoles)), uint8(r.IntN(cityRoles-1))
		if b >= a {
			b++
		}
		t, u := r.Uint32N(cityTeams), r.Uint32N(cityTeams)
		c.roleOf[i], c.teamsOf[i] = [2]uint8{a, b}, [2]uint32{t, u}
		return tx.SaveMembership(ctx, usermgmt.Membership{
			User: c.users[i], Org: c.org, Enabled: true, Profile: benchID[usermgmt.AccessProfile](4, 0), Rights: 1,
			Roles: []usermgmt.RoleAssignment{
				{Role: benchID[usermgmt.Role](5, int(a))}, {Role: benchID[usermgmt.Role](5, int(b))}},
			Teams:       []usermgmt.TeamAssignment{{Team: c.teams[t]}, {Team: c.teams[u]}},
			PrimaryTeam: c.teams[t], Units: []usermgmt.UnitID{benchID[usermgmt.BusinessUnit](3, i%cityUnits)},
			Licence: usermgmt.LicencePlatform,
		})
	})
}

// actor makes the actor of user i.
func (c *city) actor(tb testing.TB, i int) usermgmt.Actor {
	a, err := c.m.ActorFor(tb.Context(), usermgmt.ActorRequest{User: c.users[i], Org: c.org, ProvedAt: time.Now()})
	require.NoError(tb, err)
	return a
}

// question is a check: the library's form, and the floor's.
type question struct {
	actor  usermgmt.Actor
	perm   usermgmt.Permission
	record usermgmt.Record
	floor  floorQuery
}

// questions are random checks of permissions that the user holds with the reach
// of the teams below, half of them about such a team, half about any team.
func (c *city) questions(tb testing.TB) ([]question, *floorChecks) {
	tb.Helper()
	f := &floorChecks{
		users: make(map[string]uint32, c.n), perms: make(map[string]uint16, cityPerms),
		teams: make(map[string]uint32, cityTeams), grants: make([][2]floorGrant, c.n), number: c.forest.first,
	}
	userNames, teamNames := make([]string, c.n), make([]string, cityTeams)
	for i := range userNames {
		userNames[i] = fmt.Sprintf("usr_%012x", i*40503)
		f.users[userNames[i]] = uint32(i)
		for k := range 2 {
			t := c.teamsOf[i][k]
			f.grants[i][k] = floorGrant{&c.roles[c.roleOf[i][k]], c.forest.first[t], c.forest.end[t]}
		}
	}
	for i := range teamNames {
		teamNames[i] = fmt.Sprintf("team-%08x", i*2654435761)
		f.teams[teamNames[i]] = uint32(i)
	}
	for i, p := range c.perms {
		f.perms[string(p)] = uint16(i)
	}
	r := rand.New(rand.NewPCG(8, uint64(c.n)))
	byNumber := c.forest.byNumber()
	actors := make(map[int]usermgmt.Actor)
	out := make([]question, queries)
	for i := range out {
		u := r.IntN(c.n)
		if _, ok := actors[u]; !ok {
			actors[u] = c.actor(tb, u)
		}
		k := r.IntN(2)
		p := r.IntN(cityPerms)
		for role := &c.roles[c.roleOf[u][k]]; role[p>>6]&(1<<(p&63)) == 0; {
			p = r.IntN(cityPerms)
		}
		t := r.Int32N(cityTeams)
		if i%2 == 0 {
			t = c.forest.below(int32(c.teamsOf[u][k]), r, byNumber)
		}
		out[i] = question{
			actor: actors[u], perm: c.perms[p],
			record: usermgmt.Record{Org: c.org, Owner: c.users[0], OwnerTeams: []usermgmt.TeamID{c.teams[t]}},
			floor: floorQuery{user: userNames[u], perm: string(c.perms[p]), team: teamNames[t],
				u: uint32(u), p: uint32(p), t: c.forest.first[t]},
		}
		if f.can(&out[i].floor) && !out[i].actor.Can(out[i].perm, out[i].record) {
			tb.Fatal("the floor allows what the library does not")
		}
	}
	return out, f
}

// BenchmarkCheck is [usermgmt.Actor.Can] beside the floor of three look-ups, a
// bit and an interval. The floor finds the user in a map; the library had that
// when it verified the actor.
func BenchmarkCheck(b *testing.B) {
	for _, n := range sizes() {
		qs, f := cityOf(b, n).questions(b)
		can := func(i int) bool { return qs[i].actor.Can(qs[i].perm, qs[i].record) }
		floor := func(i int) bool { return f.can(&qs[i].floor) }
		for _, set := range []struct {
			name string
			n    int
		}{{"hot64", hotSet}, {"cold", queries}} {
			name := fmt.Sprintf("users=%d/%s/", n, set.name)
			b.Run(name+"floor", func(b *testing.B) { loop(b, set.n, floor) })
			b.Run(name+"can", func(b *testing.B) { loop(b, set.n, can) })
		}
		name := fmt.Sprintf("users=%d/parallel/", n)
		b.Run(name+"floor", func(b *testing.B) { loopParallel(b, hotSet, floor) })
		b.Run(name+"can", func(b *testing.B) { loopParallel(b, hotSet, can) })
	}
}

// handle is a question with the mask and the subject resolved.
type handle struct {
	subject *authz.Subject
	mask    authz.Mask
	org     authz.ID
	owner   authz.ID
	teams   []authz.ID
}

// BenchmarkCheckHandle is the same with everything resolved that can be: the
// permission to its mask. Only the team is found by its identifier.
func BenchmarkCheckHandle(b *testing.B) {
	for _, n := range sizes() {
		c := cityOf(b, n)
		qs, f := c.questions(b)
		tree := c.tree(b)
		site := &authz.Site{Org: authz.ID(c.org), Units: tree, Teams: tree}
		subjects := map[uint32]*authz.Subject{}
		hs := make([]handle, len(qs))
		for i := range qs {
			u := qs[i].floor.u
			if subjects[u] == nil {
				t := c.teamsOf[u]
				subjects[u] = authz.NewSubject[authz.ID, usermgmt.TeamID](authz.ID(c.users[u]), site, &authz.Rights{},
					nil, []usermgmt.TeamID{c.teams[t[0]], c.teams[t[1]]}, nil)
			}
			hs[i] = handle{subjects[u], authz.Mask(qs[i].actor.Scope(qs[i].perm)), authz.ID(c.org), authz.ID(c.users[0]),
				[]authz.ID{authz.ID(qs[i].record.OwnerTeams[0])}}
		}
		allows := func(i int) bool {
			h := &hs[i]
			return authz.Reaches[authz.ID](h.subject, h.mask, h.org, h.owner, nil, h.teams)
		}
		floor := func(i int) bool {
			q := &qs[i].floor
			return f.allows(q.u, q.p, q.t)
		}
		name := fmt.Sprintf("users=%d/", n)
		b.Run(name+"hot64/floor", func(b *testing.B) { loop(b, hotSet, floor) })
		b.Run(name+"hot64/allows", func(b *testing.B) { loop(b, hotSet, allows) })
		b.Run(name+"cold/floor", func(b *testing.B) { loop(b, queries, floor) })
		b.Run(name+"cold/allows", func(b *testing.B) { loop(b, queries, allows) })
	}
}

func (c *city) tree(tb testing.TB) *authz.Tree {
	tb.Helper()
	nodes := make([]authz.Node, len(c.teams))
	for i, id := range c.teams {
		nodes[i].ID = authz.ID(id)
		if p := c.forest.parent[i]; p >= 0 {
			nodes[i].Parent = authz.ID(c.teams[p])
		}
	}
	t, err := authz.NewTree(nodes)
	require.NoError(tb, err)
	return t
}

// BenchmarkCheckDepth checks a record of a team that is 1 or 20 levels below
// the actor's.
func BenchmarkCheckDepth(b *testing.B) {
	c := newCity(b, 2) // its own: a membership changes
	role := benchID[usermgmt.Role](5, 0)
	mem, err := c.store.MembershipOf(b.Context(), c.users[1], c.org)
	require.NoError(b, err)
	mem.Roles = []usermgmt.RoleAssignment{{Role: role}}
	mem.Teams, mem.PrimaryTeam = []usermgmt.TeamAssignment{{Team: c.teams[0]}}, c.teams[0]
	require.NoError(b, c.store.SaveMembership(b.Context(), mem))
	a := c.actor(b, 1)
	var perm usermgmt.Permission
	for p := range cityPerms {
		if c.roles[0][p>>6]&(1<<(p&63)) != 0 {
			perm = c.perms[p]
		}
	}
	for _, depth := range []int{1, cityDepth} {
		r := usermgmt.Record{Org: c.org, OwnerTeams: []usermgmt.TeamID{c.teams[depth]}}
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			loop(b, hotSet, func(int) bool { return a.Can(perm, r) })
		})
	}
}

// BenchmarkTeamContains asks whether a team lies in another: by positions,
// beside a comparison of intervals, and by identifiers, beside two look-ups in
// a map of strings.
func BenchmarkTeamContains(b *testing.B) {
	c := &city{forest: newForest(cityTeams, cityDepth), teams: make([]usermgmt.TeamID, cityTeams)}
	names := make([]string, cityTeams)
	index := make(map[string]uint32, cityTeams)
	for i := range c.teams {
		c.teams[i] = benchID[usermgmt.Team](6, i)
		names[i] = fmt.Sprintf("team-%08x", i*2654435761)
		index[names[i]] = uint32(i)
	}
	tree := c.tree(b)
	r := rand.New(rand.NewPCG(3, 3))
	type pair struct {
		a, n   uint32
		pa, pn int32
	}
	ps := make([]pair, queries)
	for i := range ps {
		n := r.Int32N(cityTeams)
		a := n
		if i%2 == 0 {
			for k := r.IntN(cityDepth); k > 0 && c.forest.parent[a] >= 0; k-- {
				a = c.forest.parent[a]
			}
		} else {
			a = r.Int32N(cityTeams)
		}
		pa, _ := tree.Position(authz.ID(c.teams[a]))
		pn, _ := tree.Position(authz.ID(c.teams[n]))
		ps[i] = pair{uint32(a), uint32(n), pa, pn}
		if tree.Below(authz.ID(c.teams[a]), authz.ID(c.teams[n])) != c.forest.contains(uint32(a), uint32(n)) {
			b.Fatal("the tree is wrong")
		}
	}
	b.Run("positions/floor", func(b *testing.B) {
		loop(b, queries, func(i int) bool { return c.forest.contains(ps[i].a, ps[i].n) })
	})
	b.Run("positions/subtree", func(b *testing.B) {
		loop(b, queries, func(i int) bool { return tree.Subtree(ps[i].pa).Contains(ps[i].pn) })
	})
	b.Run("ids/floor", func(b *testing.B) {
		loop(b, queries, func(i int) bool { return c.forest.contains(index[names[ps[i].a]], index[names[ps[i].n]]) })
	})
	b.Run("ids/below", func(b *testing.B) {
		loop(b, queries, func(i int) bool { return tree.Below(authz.ID(c.teams[ps[i].a]), authz.ID(c.teams[ps[i].n])) })
	})
	for _, depth := range []int{1, cityDepth} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			loop(b, queries, func(int) bool { return tree.Below(authz.ID(c.teams[0]), authz.ID(c.teams[depth])) })
		})
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.tree(b)
		}
	})
}

// BenchmarkRightsState reports the memory that rights take in the store, and
// what the first actor of a process costs: reading the policy and the trees of
// the organization and numbering them.
func BenchmarkRightsState(b *testing.B) {
	for _, n := range sizes() {
		c := cityOf(b, n)
		objects, _ := cityObjects()
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			before := heap()
			var m *usermgmt.Manager
			for b.Loop() {
				var err error
				m, err = usermgmt.New(c.store, &usermgmt.Config{Objects: objects})
				require.NoError(b, err)
				_, err = m.ActorFor(b.Context(), usermgmt.ActorRequest{User: c.users[0], Org: c.org})
				require.NoError(b, err)
			}
			b.ReportMetric(grown(before, 1), "B/manager")
			b.ReportMetric(c.userBytes, "B/user-row")
			b.ReportMetric(c.memberBytes, "B/membership")
			b.ReportMetric(c.orgBytes, "B/team")
			_, err := m.ActorFor(b.Context(), usermgmt.ActorRequest{User: c.users[0], Org: c.org})
			require.NoError(b, err) // keeps m
		})
	}
}
