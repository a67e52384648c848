package authz

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nameOf is an identifier that is not zero.
func nameOf(n int) (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

// randomForest returns n nodes in random order and the parent of each by
// number, -1 for a root. About one node in ten is a root, some of them below a
// parent that is not there.
func randomForest(r *rand.Rand, n int) ([]Node, []int) {
	nodes, parent := make([]Node, n), make([]int, n)
	for i := range nodes {
		nodes[i].ID, parent[i] = nameOf(i), -1
		switch {
		case i > 0 && r.IntN(10) > 0:
			parent[i] = max(0, i-1-r.IntN(1+r.IntN(i))) // from chains to brooms
			nodes[i].Parent = nameOf(parent[i])
		case r.IntN(2) == 0:
			nodes[i].Parent = nameOf(n + 1 + i)
		}
	}
	r.Shuffle(n, func(a, b int) { nodes[a], nodes[b] = nodes[b], nodes[a] })
	return nodes, parent
}

// above lists i and everything above it, from the bottom up.
func above(parent []int, i int) (out []int) {
	for ; i >= 0; i = parent[i] {
		out = append(out, i)
	}
	return out
}

func TestTreeAgreesWithAWalkToTheParents(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 10, 100, 1_000, 10_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(n)))
			for range max(1, 200/max(1, n)) {
				nodes, parent := randomForest(r, n)
				tree, err := NewTree(nodes)
				require.NoError(t, err)
				require.Equal(t, n, tree.Len())
				checkPositions(t, tree, parent)
				for range min(n*n, 20_000) {
					a, b := r.IntN(n), r.IntN(n)
					if way := above(parent, b); r.IntN(2) == 0 {
						a = way[r.IntN(len(way))]
					}
					want := slices.Contains(above(parent, b), a)
					if got := tree.Below(nameOf(a), nameOf(b)); got != want {
						t.Fatalf("%d below %d: %t", b, a, got)
					}
				}
			}
		})
	}
}

// checkPositions checks that positions are a numbering, that subtrees have as
// many positions as nodes, and the ancestors of some nodes.
func checkPositions(t *testing.T, tree *Tree, parent []int) {
	t.Helper()
	size := make([]int32, len(parent))
	at := make([]int32, len(parent))
	seen := make([]bool, len(parent))
	for i := range parent {
		p, ok := tree.Position(nameOf(i))
		require.True(t, ok)
		require.False(t, seen[p])
		seen[p], at[i] = true, p
		require.Equal(t, nameOf(i), tree.At(p))
		for _, a := range above(parent, i) {
			size[a]++
		}
	}
	for i := range parent {
		s := tree.Subtree(at[i])
		require.Equal(t, size[i], s.End-s.Start)
		require.Equal(t, at[i], s.Start)
	}
	for i := 0; i < len(parent); i += 1 + len(parent)/50 {
		var want []int32
		for _, a := range above(parent, i) {
			want = append(want, at[a])
		}
		slices.Reverse(want)
		require.Equal(t, want, tree.Ancestors(at[i]))
	}
}

func TestTreeRefusesCycles(t *testing.T) {
	t.Parallel()
	for _, nodes := range [][]Node{
		{{nameOf(1), nameOf(1)}},
		{{nameOf(1), nameOf(2)}, {nameOf(2), nameOf(1)}},
		{{nameOf(1), ID{}}, {nameOf(2), nameOf(4)}, {nameOf(3), nameOf(2)}, {nameOf(4), nameOf(3)}, {nameOf(5), nameOf(3)}},
	} {
		_, err := NewTree(nodes)
		assert.ErrorIs(t, err, ErrCycle)
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		nodes, _ := randomForest(r, 2+r.IntN(50))
		tree, err := NewTree(nodes)
		require.NoError(t, err)
		// Hang a node below something in its own subtree.
		i := r.IntN(len(nodes))
		p, _ := tree.Position(nodes[i].ID)
		s := tree.Subtree(p)
		nodes[i].Parent = tree.At(s.Start + r.Int32N(s.End-s.Start))
		_, err = NewTree(nodes)
		require.ErrorIs(t, err, ErrCycle)
	}
}

func TestTreeOfUnknownNodes(t *testing.T) {
	t.Parallel()
	tree, err := NewTree([]Node{{nameOf(1), nameOf(9)}, {nameOf(2), nameOf(1)}})
	require.NoError(t, err, "a parent that is not there makes a root")
	assert.True(t, tree.Below(nameOf(1), nameOf(2)))
	assert.False(t, tree.Below(nameOf(9), nameOf(1)))
	assert.False(t, tree.Below(nameOf(1), nameOf(9)))
	assert.False(t, tree.Below(ID{}, ID{}))
	_, ok := tree.Position(nameOf(9))
	assert.False(t, ok)
	s := NewSubject(nameOf(1), &Site{nameOf(1), tree, tree}, &Rights{}, []ID{nameOf(9), nameOf(2), nameOf(2)}, []ID{{}}, nil)
	assert.Equal(t, []ID{nameOf(2)}, s.UnitRoots(), "each once, and what is not there not at all")
	assert.Empty(t, s.TeamRoots())
}

// FuzzNewTree builds trees of any shape: every error is a cycle, and every tree
// is the one that a walk to the parents sees.
func FuzzNewTree(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 1, 2})
	f.Add([]byte{1, 2, 0})
	f.Fuzz(func(t *testing.T, shape []byte) {
		nodes := make([]Node, len(shape))
		parent := make([]int, len(shape))
		for i, b := range shape {
			nodes[i].ID, parent[i] = nameOf(i), -1
			if p := int(b); p > 0 && p <= len(shape) {
				nodes[i].Parent, parent[i] = nameOf(p-1), p-1
			}
		}
		cycle := false
		for i := range parent {
			n := 0
			for a := i; a >= 0 && n <= len(parent); a = parent[a] {
				n++
			}
			cycle = cycle || n > len(parent)
		}
		tree, err := NewTree(nodes)
		if cycle {
			require.ErrorIs(t, err, ErrCycle)
			return
		}
		require.NoError(t, err)
		checkPositions(t, tree, parent)
	})
}
