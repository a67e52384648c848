package pmap

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type row struct{ key, value int }

func mix(k int) uint64 {
	h := uint64(k) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func contents(m *Map[row]) map[int]int {
	out := map[int]int{}
	m.All(func(r *row) bool { out[r.key] = r.value; return true })
	return out
}

func TestMapAgainstModel(t *testing.T) {
	for name, hash := range map[string]func(*row) uint64{
		"spread":  func(r *row) uint64 { return mix(r.key) },
		"few":     func(r *row) uint64 { return mix(r.key % 7) },
		"similar": func(r *row) uint64 { return uint64(r.key) },
		"one":     func(*row) uint64 { return 42 },
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			m := Map[row]{Hash: hash}
			model := map[int]int{}
			type snap struct {
				m     Map[row]
				model map[int]int
			}
			var snaps []snap
			own := uint64(1)
			for i := range 20000 {
				k := rnd.IntN(700)
				old := m.Get(hash(&row{key: k}), func(r *row) bool { return r.key == k })
				v, has := model[k]
				require.Equal(t, has, old != nil)
				if has {
					require.Equal(t, v, old.value)
				}
				switch {
				case old == nil:
					m.Insert(own, &row{k, i})
					model[k] = i
				case rnd.IntN(3) == 0:
					m.Replace(own, old, &row{k, i})
					model[k] = i
				default:
					m.Delete(own, old)
					delete(model, k)
				}
				require.Equal(t, len(model), m.Len())
				if i%1000 == 0 {
					snaps = append(snaps, snap{m, maps.Clone(model)})
					own++
				}
			}
			for _, s := range append(snaps, snap{m, model}) {
				require.Equal(t, s.model, contents(&s.m))
			}
		})
	}
}

func TestTreeAgainstModel(t *testing.T) {
	for name, key := range map[string]func(*rand.Rand, int) int{
		"random":     func(r *rand.Rand, _ int) int { return r.IntN(5000) },
		"ascending":  func(_ *rand.Rand, i int) int { return i },
		"descending": func(_ *rand.Rand, i int) int { return -i },
		"shrinking":  func(r *rand.Rand, i int) int { return r.IntN(1 + max(0, 3000-i/10)) },
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 4))
			tr := Tree[row]{Cmp: func(a, b row) int { return cmp.Compare(a.key, b.key) }}
			model := map[int]int{}
			type snap struct {
				tr    Tree[row]
				model map[int]int
			}
			var snaps []snap
			own := uint64(1)
			for i := range 40000 {
				k := key(rnd, i)
				if rnd.IntN(5) < 3 {
					tr.Set(own, row{k, i})
					model[k] = i
				} else {
					if name != "random" && len(model) > 0 {
						tr.Ascend(nil, func(r row) bool { k = r.key; return false })
					}
					_, has := model[k]
					require.Equal(t, has, tr.Delete(own, row{key: k}))
					delete(model, k)
				}
				require.Equal(t, len(model), tr.Len())
				if i%4000 == 0 {
					snaps = append(snaps, snap{tr, maps.Clone(model)})
					own++
				}
			}
			for _, s := range append(snaps, snap{tr, model}) {
				keys := append([]int{}, slices.Sorted(maps.Keys(s.model))...)
				got := []int{}
				s.tr.Ascend(nil, func(r row) bool {
					require.Equal(t, s.model[r.key], r.value)
					got = append(got, r.key)
					return true
				})
				require.Equal(t, keys, got)
				for range 50 {
					from := key(rnd, rnd.IntN(40000))
					i, found := slices.BinarySearch(keys, from)
					_, has := s.tr.Get(row{key: from})
					require.Equal(t, found, has)
					got = []int{}
					s.tr.Ascend(func(r row) bool { return r.key >= from }, func(r row) bool {
						got = append(got, r.key)
						return len(got) < 200
					})
					require.Equal(t, keys[i:min(len(keys), i+200)], got)
					got = []int{}
					s.tr.Descend(func(r row) bool { return r.key < from }, func(r row) bool {
						got = append(got, r.key)
						return len(got) < 200
					})
					want := append([]int{}, keys[max(0, i-200):i]...)
					slices.Reverse(want)
					require.Equal(t, want, got)
				}
			}
		})
	}
}
