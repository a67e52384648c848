package authz

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkHandle is a check with everything resolved: the subject, the mask
// and the position of the record's team. Its floor is two bits and two
// intervals in a slice.
func BenchmarkHandle(b *testing.B) {
	const teams, perms, questions = 100_000, 200, 1 << 16
	r := rand.New(rand.NewPCG(4, 4))
	nodes, _ := randomForest(r, teams)
	tree, err := NewTree(nodes)
	require.NoError(b, err)
	var roles [100][]Mask
	var bitsOf [100][4]uint64
	for i := range roles {
		roles[i] = make([]Mask, perms)
		for range 20 {
			p := r.IntN(perms)
			roles[i][p] = hierarchy
			bitsOf[i][p>>6] |= 1 << (p & 63)
		}
	}
	type floorGrant struct {
		perms      *[4]uint64
		start, end int32
	}
	for _, users := range []int{1_000, 100_000, 1_000_000} {
		if testing.Short() && users > 1_000 {
			break
		}
		subjects, floors := make([]*Subject, users), make([][2]floorGrant, users)
		for i := range subjects {
			var joined [2]ID
			role := r.IntN(len(roles))
			for k := range joined {
				p := r.Int32N(teams)
				joined[k] = tree.At(p)
				floors[i][k] = floorGrant{&bitsOf[role], p, tree.Subtree(p).End}
			}
			subjects[i] = NewSubject[ID](nameOf(i), here, tree, tree, nil, joined[:], nil)
			subjects[i].Grants = roles[role]
		}
		type question struct{ user, perm, team int32 }
		qs := make([]question, questions)
		for i := range qs {
			qs[i] = question{r.Int32N(int32(users)), r.Int32N(perms), r.Int32N(teams)}
			for subjects[qs[i].user].Grants[qs[i].perm] == 0 {
				qs[i].perm = r.Int32N(perms)
			}
			if i%2 == 0 {
				g := &floors[qs[i].user][i/2%2]
				qs[i].team = g.start + r.Int32N(g.end-g.start)
			}
		}
		floor := func(q *question) bool {
			for k := range floors[q.user] {
				g := &floors[q.user][k]
				if q.team >= g.start && q.team < g.end && g.perms[q.perm>>6]&(1<<(q.perm&63)) != 0 {
					return true
				}
			}
			return false
		}
		check := func(q *question) bool {
			s := subjects[q.user]
			return s.byTeam(s.Grants[q.perm], q.team) != 0
		}
		for i := range qs {
			require.Equal(b, floor(&qs[i]), check(&qs[i]))
		}
		for _, set := range []struct {
			name string
			mask int
		}{{"hot64", 63}, {"cold", questions - 1}} {
			name := fmt.Sprintf("users=%d/%s/", users, set.name)
			b.Run(name+"floor", func(b *testing.B) { ask(b, qs, set.mask, floor) })
			b.Run(name+"check", func(b *testing.B) { ask(b, qs, set.mask, check) })
		}
	}
}

func ask[Q any](b *testing.B, qs []Q, mask int, can func(*Q) bool) {
	b.ReportAllocs()
	i, hits := 0, 0
	for b.Loop() {
		if can(&qs[i&mask]) {
			hits++
		}
		i++
	}
	if hits == 0 {
		b.Fatal("nothing is allowed")
	}
}

// BenchmarkResolve numbers the grants of a role, as every role of an
// organization is when its policy changes: of one that names 20 permissions of
// 300, and of one that has wildcards.
func BenchmarkResolve(b *testing.B) {
	perms := make([]Permission, 300)
	for i := range perms {
		object, action := fmt.Sprint("object", i/10), fmt.Sprint("action", i%10)
		perms[i] = Permission{Name: object + "." + action, Object: object, Action: action, Scopes: hierarchy | Organization}
	}
	c, err := NewCatalogue(perms)
	require.NoError(b, err)
	named := make([]Grant, 20)
	for i := range named {
		named[i] = Grant{perms[i*15].Name, hierarchy}
	}
	for name, grants := range map[string][]Grant{
		"named": named, "wild": append([]Grant{{"*.action1", Organization}, {"object7.*", hierarchy}, {"*.*", hierarchy}}, named...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Resolve(grants, false)
			}
		})
	}
}
