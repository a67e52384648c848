package authz

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// hall is a random organization with one subject, and with the parents that a
// naive evaluator walks.
type hall struct {
	units, teams           *Tree
	unitParent, teamParent []int
	subject                *Subject
	user, org              ID
	assigned, joined       []int
	shared, sharedTrees    []int // teams, and those with everything below
	records                []deed
}

// deed is a record.
type deed struct {
	org, owner   ID
	units, teams []int
}

var (
	here, there = nameOf(1000), nameOf(1001)
	me, you     = nameOf(2000), nameOf(2001)
)

func ids(numbers []int) []ID {
	out := make([]ID, len(numbers))
	for i, n := range numbers {
		out[i] = nameOf(n)
	}
	return out
}

// drawHall draws trees of up to 40 nodes, a subject in up to 12 of each, and
// records, also of units and teams that are not there.
func drawHall(t *rapid.T) *hall {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	h := &hall{user: me, org: here}
	if rapid.IntRange(0, 19).Draw(t, "nobody") == 0 {
		h.user = ID{}
	}
	var nodes []Node
	var err error
	nodes, h.unitParent = randomForest(r, rapid.IntRange(0, 40).Draw(t, "units"))
	if h.units, err = NewTree(nodes); err != nil {
		t.Fatal(err)
	}
	nodes, h.teamParent = randomForest(r, rapid.IntRange(0, 40).Draw(t, "teams"))
	if h.teams, err = NewTree(nodes); err != nil {
		t.Fatal(err)
	}
	h.assigned = rapid.SliceOfN(rapid.IntRange(0, 44), 0, 12).Draw(t, "assigned")
	h.joined = rapid.SliceOfN(rapid.IntRange(0, 44), 0, 12).Draw(t, "joined")
	h.shared = rapid.SliceOfN(rapid.IntRange(0, 44), 0, 3).Draw(t, "shared")
	h.sharedTrees = rapid.SliceOfN(rapid.IntRange(0, 44), 0, 2).Draw(t, "shared trees")
	h.subject = NewSubject(h.user, &Site{h.org, h.units, h.teams}, &Rights{}, ids(h.assigned), ids(h.joined), h.shares())
	some := func(mine []int) []int { // now and then of the subject's own
		out := make([]int, r.IntN(4))
		for i := range out {
			if out[i] = r.IntN(44); len(mine) > 0 && r.IntN(3) == 0 {
				out[i] = mine[r.IntN(len(mine))]
			}
		}
		return out
	}
	for range 40 {
		h.records = append(h.records, deed{
			org: []ID{here, here, here, there, {}}[r.IntN(5)], owner: []ID{me, you, you, {}}[r.IntN(4)],
			units: some(h.assigned), teams: some(h.joined),
		})
	}
	return h
}

// shares are two shares of permission 0, and one of permission 1 that shares
// nothing.
func (h *hall) shares() []Share {
	var one, two []Span
	for _, x := range h.shared {
		if p, ok := h.teams.Position(nameOf(x)); ok {
			one = append(one, Span{p, p + 1})
		}
	}
	for _, x := range h.sharedTrees {
		if p, ok := h.teams.Position(nameOf(x)); ok {
			two = append(two, h.teams.Subtree(p))
		}
	}
	perms := []bool{true, false}
	return []Share{{perms, Disjoint(one)}, {perms, Disjoint(two)}, {[]bool{false, true}, nil}}
}

// relations are those by which a record relates to the subject, from the
// documentation of the scopes alone.
func (h *hall) relations(d *deed) (m Mask) {
	m = System
	if d.org != h.org || d.org == (ID{}) {
		return m
	}
	m |= Organization
	if d.owner == h.user && d.owner != (ID{}) {
		m |= Own
	}
	for _, u := range d.units {
		if u >= len(h.unitParent) {
			continue
		}
		if slices.Contains(h.assigned, u) {
			m |= Unit
		}
		for _, a := range above(h.unitParent, u) {
			if slices.Contains(h.assigned, a) {
				m |= Division // a division is the unit and all below it
			}
		}
	}
	for _, x := range d.teams {
		if x >= len(h.teamParent) {
			continue
		}
		if slices.Contains(h.joined, x) {
			m |= Team
		}
		if slices.Contains(h.shared, x) || slices.ContainsFunc(above(h.teamParent, x), func(a int) bool { return slices.Contains(h.sharedTrees, a) }) {
			m |= Shared
		}
		for _, a := range above(h.teamParent, x)[1:] {
			if slices.Contains(h.joined, a) {
				m |= Subteams
			}
		}
	}
	return m
}

// listed says whether a filter of what mask reaches would list the record: by
// the roots and the trees.
func (h *hall) listed(mask Mask, d *deed) bool {
	switch {
	case mask&System != 0:
		return true
	case d.org != h.org || d.org == (ID{}):
		return false
	case mask&Organization != 0, mask&Own != 0 && d.owner == h.user && h.user != (ID{}):
		return true
	}
	inside := func(tree *Tree, roots []ID, x int, exact, strictly, widely Mask) bool {
		for _, root := range roots {
			same := root == nameOf(x)
			if mask&exact != 0 && same || mask&widely != 0 && tree.Below(root, nameOf(x)) ||
				mask&strictly != 0 && !same && tree.Below(root, nameOf(x)) {
				return true
			}
		}
		return false
	}
	shared, trees := h.subject.Shared(0)
	return mask&Shared != 0 && slices.ContainsFunc(d.teams, func(x int) bool {
		return slices.Contains(shared, nameOf(x)) || inside(h.teams, trees, x, 0, Shared, 0)
	}) || slices.ContainsFunc(d.units, func(x int) bool {
		return inside(h.units, h.subject.UnitRoots(), x, Unit, 0, Division)
	}) || slices.ContainsFunc(d.teams, func(x int) bool {
		return inside(h.teams, h.subject.TeamRoots(), x, Team, Subteams, 0)
	})
}

func TestRelationAgreesWithTheDocumentedRules(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var decided [8]int
	allowed, asked := 0, 0
	scopes := append([]Mask{Own, Team, Subteams, Unit, Division, Organization, System, Shared}, expanded...)
	rapid.Check(t, func(t *rapid.T) {
		h := drawHall(t)
		mu.Lock()
		defer mu.Unlock()
		for i := range h.records {
			d := &h.records[i]
			related := h.relations(d)
			for _, granted := range scopes {
				h.check(t, granted, related, d)
				asked++
				by := granted & related
				if by != 0 {
					allowed++
				}
				if bits.OnesCount8(uint8(by)) == 1 { // without it there would be no right
					decided[bits.TrailingZeros8(uint8(by))]++
				}
			}
		}
	})
	t.Logf("%d of %d decisions allow; alone decide: own %d, team %d, subteams %d, unit %d, division %d, organization %d, system %d, shared %d",
		allowed, asked, decided[0], decided[1], decided[2], decided[3], decided[4], decided[5], decided[6], decided[7])
	assert.Greater(t, allowed, asked/10)
	for scope := range 8 {
		assert.GreaterOrEqual(t, decided[scope]*100, allowed, "scope %d decides too seldom", scope)
	}
}

// check compares one decision with the rules, and with the list.
func (h *hall) check(t *rapid.T, granted, related Mask, d *deed) {
	units, teams := ids(d.units), ids(d.teams)
	got := Relation(h.subject, 0, granted, d.org, d.owner, units, teams)
	want := granted & related
	switch {
	case got == 0 && want != 0, got != 0 && got&want == 0, bits.OnesCount8(uint8(got)) > 1:
		t.Fatalf("granted %b, related %b: relation %b of %+v; assigned %v, joined %v", granted, related, got, d, h.assigned, h.joined)
	case Reaches(h.subject, granted, d.org, d.owner, units, teams) != (want&^Shared != 0):
		t.Fatalf("Reaches and Relation differ: %b", granted)
	case Relation(h.subject, 1, granted, d.org, d.owner, units, teams)&Shared != 0:
		t.Fatalf("what is shared for one permission counts for another")
	case h.listed(granted, d) != (got != 0):
		t.Fatalf("granted %b: the list says %t of %+v", granted, got == 0, d)
	}
}

func TestAWideGrantNeverAllowsLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawHall(t)
		a, b := Mask(rapid.Uint8().Draw(t, "a")), Mask(rapid.Uint8().Draw(t, "b"))
		for i := range h.records {
			d := &h.records[i]
			units, teams := ids(d.units), ids(d.teams)
			one := Reaches(h.subject, a, d.org, d.owner, units, teams)
			other := Reaches(h.subject, b, d.org, d.owner, units, teams)
			if Reaches(h.subject, a|b, d.org, d.owner, units, teams) != (one || other) {
				t.Fatalf("%b and %b of %+v", a, b, d)
			}
		}
	})
}

func TestNobodyOwnsNothing(t *testing.T) {
	t.Parallel()
	none, err := NewTree(nil)
	require.NoError(t, err)
	system := NewSubject[ID, ID](ID{}, &Site{ID{}, none, none}, &Rights{}, nil, nil, nil)
	assert.False(t, Reaches[ID, ID](system, Own, ID{}, ID{}, nil, nil))
	assert.False(t, Reaches[ID, ID](system, wholeOrg, ID{}, ID{}, nil, nil), "no organization is nobody's")
	assert.True(t, Reaches[ID, ID](system, System, here, you, nil, nil))
	assert.False(t, Reaches[ID, ID](system, Shared, here, you, nil, nil))
}

func TestChecksAllocateNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	nodes, _ := randomForest(r, 100)
	tree, err := NewTree(nodes)
	require.NoError(t, err)
	s := NewSubject(me, &Site{here, tree, tree}, &Rights{}, ids([]int{1, 2, 3}), ids([]int{4, 5}), nil)
	units, teams := ids([]int{90, 91}), ids([]int{80, 81})
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_ = Reaches(s, hierarchy|ownDivision, here, you, units, teams)
	}))
}

// A subject of two teams is one value of two lines of the cache, and one of a unit has
// that besides.
func TestASmallSubjectIsOneValue(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	nodes, _ := randomForest(r, 100)
	tree, err := NewTree(nodes)
	require.NoError(t, err)
	site, rights, teams := &Site{here, tree, tree}, &Rights{}, ids([]int{2, 3})
	var s *Subject
	assert.Equal(t, 1.0, testing.AllocsPerRun(100, func() { s = NewSubject[ID](me, site, rights, nil, teams, nil) }))
	assert.Equal(t, 128, s.Bytes())
	s = NewSubject(me, site, rights, ids([]int{1, 2}), ids([]int{2, 3, 4}), []Share{{}})
	assert.GreaterOrEqual(t, s.Bytes(), 128+2*8+3*8+48)
}
