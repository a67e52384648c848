package usermgmt_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The floors: what this machine needs at least for the same question with plain
// maps, bits and intervals, without organizations, roles that change, time
// bounds or transactions. They run beside the benchmarks, so that the ratio of
// two lines of one run says how near the library is.

// forest is a tree of teams with their numbers in depth-first order: what lies
// below team i has the numbers first[i] to end[i].
type forest struct {
	parent     []int32
	depth      []uint8
	first, end []uint32
}

// newForest makes a tree of n nodes: a chain of the given depth, the rest
// hung in anywhere above that depth.
func newForest(n, depth int) *forest {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	f := &forest{
		parent: make([]int32, n), depth: make([]uint8, n),
		first: make([]uint32, n), end: make([]uint32, n),
	}
	f.parent[0] = -1
	children := make([][]int32, n)
	for i := 1; i < n; i++ {
		p := i - 1
		for i > depth {
			if p = r.IntN(i); int(f.depth[p]) < depth {
				break
			}
		}
		f.parent[i], f.depth[i] = int32(p), f.depth[p]+1
		children[p] = append(children[p], int32(i))
	}
	var number uint32
	var visit func(i int32)
	visit = func(i int32) {
		f.first[i] = number
		number++
		for _, c := range children[i] {
			visit(c)
		}
		f.end[i] = number
	}
	visit(0)
	return f
}

func (f *forest) contains(ancestor, node uint32) bool {
	n := f.first[node]
	return n >= f.first[ancestor] && n < f.end[ancestor]
}

// below returns a random node below i or i itself.
func (f *forest) below(i int32, r *rand.Rand, byNumber []int32) int32 {
	return byNumber[f.first[i]+r.Uint32N(f.end[i]-f.first[i])]
}

// byNumber returns the nodes in depth-first order.
func (f *forest) byNumber() []int32 {
	out := make([]int32, len(f.first))
	for i, n := range f.first {
		out[n] = int32(i)
	}
	return out
}

// floorGrant is what a user may by one role in one team and below.
type floorGrant struct {
	perms      *[4]uint64
	first, end uint32
}

// floorChecks answers checks by strings with three look-ups, a bit and an interval.
type floorChecks struct {
	users  map[string]uint32
	perms  map[string]uint16
	teams  map[string]uint32
	grants [][2]floorGrant
	number []uint32 // of a team
}

// floorQuery is a check by names and, resolved, by numbers.
type floorQuery struct {
	user, perm, team string
	u, p, t          uint32
}

func (f *floorChecks) can(q *floorQuery) bool {
	u, ok := f.users[q.user]
	p, ok2 := f.perms[q.perm]
	t, ok3 := f.teams[q.team]
	return ok && ok2 && ok3 && f.allows(u, uint32(p), f.number[t])
}

func (f *floorChecks) allows(user, perm, number uint32) bool {
	for i := range f.grants[user] {
		g := &f.grants[user][i]
		if number >= g.first && number < g.end && g.perms[perm>>6]&(1<<(perm&63)) != 0 {
			return true
		}
	}
	return false
}

// floorSessions is a map in 256 parts behind locks.
type floorSessions [256]struct {
	sync.RWMutex
	m map[[32]byte]*floorSession
	_ [24]byte
}

type floorSession struct {
	user, org string
	until     int64
}

func newFloorSessions(tokens []string) *floorSessions {
	f := &floorSessions{}
	for i := range f {
		f[i].m = make(map[[32]byte]*floorSession, len(tokens)/256+1)
	}
	until := time.Now().Add(time.Hour).UnixNano()
	for _, t := range tokens {
		h := hashed(t)
		f[h[0]].m[h] = &floorSession{"user", "org", until}
	}
	return f
}

func (f *floorSessions) live(token string) bool {
	h := hashed(token)
	part := &f[h[0]]
	part.RLock()
	s := part.m[h]
	part.RUnlock()
	return s != nil && s.until > time.Now().UnixNano()
}

// floorKeys is a map of hashes.
type floorKeys map[[32]byte]uint32

func newFloorKeys(keys []string) floorKeys {
	f := make(floorKeys, len(keys))
	for i, k := range keys {
		f[hashed(k)] = uint32(i)
	}
	return f
}

func (f floorKeys) known(key string) bool {
	_, found := f[hashed(key)]
	return found
}

func hashed(token string) [32]byte {
	var buf [96]byte
	return sha256.Sum256(buf[:copy(buf[:], token)])
}

// loop benchmarks do for 0 to n-1, again and again.
func loop(b *testing.B, n int, do func(i int) bool) {
	b.ReportAllocs()
	i, hits := 0, 0
	for b.Loop() {
		if do(i) {
			hits++
		}
		if i++; i == n {
			i = 0
		}
	}
	if hits == 0 {
		b.Fatal("nothing was found")
	}
}

// loopParallel is loop on all processors, each from another beginning.
func loopParallel(b *testing.B, n int, do func(i int) bool) {
	b.ReportAllocs()
	var mu sync.Mutex
	begin := 0
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		begin += n / 3
		i := begin % n
		mu.Unlock()
		for pb.Next() {
			do(i)
			if i++; i == n {
				i = 0
			}
		}
	})
}

// heap is the memory in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// grown is how much more memory is in use than before, each for n things.
func grown(before uint64, n int) float64 {
	return float64(int64(heap())-int64(before)) / float64(n)
}

func TestFloorsAnswerRight(t *testing.T) {
	t.Parallel()
	f := newForest(500, 20)
	for a := range uint32(500) {
		for n := range uint32(500) {
			walk := int32(n)
			for walk >= 0 && walk != int32(a) {
				walk = f.parent[walk]
			}
			if f.contains(a, n) != (walk == int32(a)) {
				t.Fatal(fmt.Sprint(a, " contains ", n))
			}
		}
	}
}
