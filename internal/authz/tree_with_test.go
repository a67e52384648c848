package authz

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tree that is changed node by node is the one that is made of the changed nodes.
func TestTreeWithAChange(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(2, seed))
		nodes, parent := randomForest(r, r.IntN(40))
		tree, err := NewTree(nodes)
		require.NoError(t, err)
		for range 10 {
			before := slices.Clone(tree.nodes)
			id, to := r.IntN(len(parent)+1), r.IntN(len(parent)+1)-1 // new at times, a root at times
			if id < len(parent) && to >= 0 && slices.Contains(above(parent, to), id) {
				continue // a cycle
			}
			var below ID
			if to >= 0 {
				below = nameOf(to)
			}
			changed := tree.With(nameOf(id), below)
			require.Equal(t, before, tree.nodes, "the tree stays as it is")
			checkPositions(t, tree, parent)
			if id == len(parent) {
				parent = append(parent, to)
			}
			parent[id] = to
			tree = changed
			require.Equal(t, len(parent), tree.Len())
			checkPositions(t, tree, parent)
			for a := range parent {
				for b := range parent {
					require.Equal(t, slices.Contains(above(parent, b), a), tree.Below(nameOf(a), nameOf(b)), "seed %d", seed)
				}
			}
		}
	}
}

func BenchmarkTreeWith(b *testing.B) {
	const teams = 100_000
	r := rand.New(rand.NewPCG(4, 4))
	nodes, _ := randomForest(r, teams)
	tree, err := NewTree(nodes)
	require.NoError(b, err)
	b.Run("moved", func(b *testing.B) {
		for b.Loop() {
			tree.With(tree.At(teams/2), tree.At(0))
		}
	})
	b.Run("numbered anew", func(b *testing.B) {
		for b.Loop() {
			_, err := NewTree(nodes)
			assert.NoError(b, err)
		}
	})
}
