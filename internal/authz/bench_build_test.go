package authz

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// floorIndex is what a check by strings needs at least: a number for each user and
// each team, two grants of each user, each a role's bits and an interval, and the
// number of each team in depth-first order.
type floorIndex struct {
	users, teams map[string]uint32
	grants       [][2]floorGrant
	number       []int32
}

type floorGrant struct {
	perms      *[4]uint64
	start, end int32
}

// index is the same here: a tree, and a subject of each user, whose masks belong to
// the user's role.
type index struct {
	tree     *Tree
	subjects map[ID]*Subject
}

// BenchmarkBuild builds the index of an organization of 100,000 teams, 20 deep, with
// two teams for each of a million users, and reports what it holds for each user,
// beside the floor of maps and intervals. Both are asked the same before they are
// timed. Identifiers, names and the shape of the tree are there before and count for
// neither; the floor is given the order of the teams too, which NewTree finds.
func BenchmarkBuild(b *testing.B) {
	const teams, depth, perms, questions = 100_000, 20, 200, 1 << 16
	users := 1_000_000
	if testing.Short() {
		users = 10_000
	}
	r := rand.New(rand.NewPCG(6, 6))
	nodes, deep := make([]Node, teams), make([]int, teams)
	for i := range nodes {
		nodes[i].ID = nameOf(i)
		if i == 0 {
			continue
		}
		p := i - 1
		for i > depth {
			if p = r.IntN(i); deep[p] < depth {
				break
			}
		}
		nodes[i].Parent, deep[i] = nameOf(p), deep[p]+1
	}
	shape, err := NewTree(nodes)
	require.NoError(b, err)
	var masks [100][]Mask
	var bits [100][4]uint64
	for i := range masks {
		masks[i] = make([]Mask, perms)
		for range 20 {
			p := r.IntN(perms)
			masks[i][p] = hierarchy
			bits[i][p>>6] |= 1 << (p & 63)
		}
	}
	var rights [len(masks)]Rights
	for i := range masks {
		rights[i] = Rights{Grants: masks[i], Held: masks[i]}
	}
	ids, names, teamNames := make([]ID, users), make([]string, users), make([]string, teams)
	joined, roles := make([][2]ID, users), make([]uint8, users)
	for i := range ids {
		ids[i], names[i], roles[i] = nameOf(teams+i), fmt.Sprintf("usr_%012x", i*40503), uint8(r.IntN(len(masks)))
		joined[i] = [2]ID{nameOf(r.IntN(teams)), nameOf(r.IntN(teams))}
	}
	for i := range teamNames {
		teamNames[i] = fmt.Sprintf("team-%08x", i*2654435761)
	}
	buildFloor := func() *floorIndex {
		f := &floorIndex{users: make(map[string]uint32, users), teams: make(map[string]uint32, teams),
			grants: make([][2]floorGrant, users), number: make([]int32, teams)}
		for i, name := range teamNames {
			f.teams[name] = uint32(i)
			f.number[i], _ = shape.Position(nodes[i].ID)
		}
		for i, name := range names {
			f.users[name] = uint32(i)
			for k, team := range joined[i] {
				p, _ := shape.Position(team)
				f.grants[i][k] = floorGrant{&bits[roles[i]], p, shape.Subtree(p).End}
			}
		}
		return f
	}
	build := func() *index {
		tree, err := NewTree(nodes)
		require.NoError(b, err)
		site, x := &Site{here, tree, tree}, &index{tree, make(map[ID]*Subject, users)}
		for i, id := range ids {
			x.subjects[id] = NewSubject[ID](id, site, &rights[roles[i]], nil, joined[i][:], nil)
		}
		return x
	}
	f, x := buildFloor(), build()
	allowed := 0
	for i := range questions {
		u, p, t := r.IntN(users), r.IntN(perms), r.IntN(teams)
		for i%2 == 0 && masks[roles[u]][p] == 0 {
			p = r.IntN(perms)
		}
		if i%4 == 0 {
			at := shape.pos[joined[u][i/4%2]]
			n := shape.Subtree(at)
			t = nodeNumber(shape.At(n.Start + r.Int32N(n.End-n.Start)))
		}
		want := false
		for _, g := range f.grants[f.users[names[u]]] {
			n := f.number[f.teams[teamNames[t]]]
			want = want || n >= g.start && n < g.end && g.perms[p>>6]&(1<<(p&63)) != 0
		}
		s := x.subjects[ids[u]]
		require.Equal(b, want, Relation[ID](s, p, s.Grants[p], here, ID{}, nil, []ID{nameOf(t)}) != 0)
		if want {
			allowed++
		}
	}
	require.Greater(b, allowed, questions/5)
	f, x = nil, nil
	held := func(b *testing.B, make func() any) {
		before := inUse()
		b.ReportAllocs()
		var kept any
		for b.Loop() {
			kept = nil
			kept = make()
		}
		b.ReportMetric(float64(int64(inUse())-int64(before))/float64(users), "B/user")
		runtime.KeepAlive(kept)
	}
	b.Run(fmt.Sprintf("users=%d/floor", users), func(b *testing.B) { held(b, func() any { return buildFloor() }) })
	b.Run(fmt.Sprintf("users=%d/index", users), func(b *testing.B) { held(b, func() any { return build() }) })
	b.Run(fmt.Sprintf("users=%d/tree-alone", users), func(b *testing.B) {
		held(b, func() any {
			t, err := NewTree(nodes)
			require.NoError(b, err)
			return t
		})
	})
	runtime.KeepAlive([]any{f, x, nodes, names, teamNames, ids, joined, shape})
}

// nodeNumber is the number that nameOf was given.
func nodeNumber(id ID) int {
	n := 0
	for _, c := range id[8:] {
		n = n<<8 | int(c)
	}
	return n - 1
}

// inUse is the memory in use after a collection.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
