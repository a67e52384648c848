package bench

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func TestEnginesAgree(t *testing.T) {
	t.Parallel()
	for _, m := range makers {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(120)
			e := m.make(t, w)
			defer e.close()
			qs := w.questions(160)
			yes := agree(t, w, e, qs)
			for _, q := range qs[:20] {
				require.Equal(t, w.allows(q), e.ask(q)())
			}
			require.InDelta(t, 80, yes, 40, "questions are answered both ways")
			if m.fixed {
				return
			}
			rqs, roles := w.revocations(5)
			require.Len(t, rqs, 5)
			for i, q := range rqs {
				require.True(t, e.fresh(q))
				w.take(q.user, roles[i])
				e.take(q.user, roles[i])
				require.False(t, w.allows(q))
				if e.fresh(q) != m.stale {
					t.Errorf("after the role was taken away: %v, want %v", !m.stale, m.stale)
				}
			}
			if m.stale {
				return
			}
			agree(t, w, e, qs)
			for i, q := range rqs {
				w.give(q.user, roles[i])
				e.give(q.user, roles[i])
				require.True(t, e.fresh(q))
			}
			moved := w.moves(5)
			for _, v := range moved {
				e.move(v.team, v.from, v.to)
				w.move(v.team, v.to)
			}
			agree(t, w, e, qs)
		})
	}
}

// agree asks all questions, and for lists, and returns how many are answered yes.
func agree(t *testing.T, w *world, e engine, qs []question) (yes int) {
	t.Helper()
	for _, q := range qs {
		want := w.allows(q)
		if want {
			yes++
		}
		if got := e.fresh(q); got != want {
			t.Fatalf("%+v about %s: %v, want %v", q, w.perms[q.perm], got, want)
		}
	}
	for _, q := range qs[:2] {
		teams, want := w.teamsOf(w.users[q.user].org, 1000), map[int]bool{}
		for _, team := range teams {
			if w.allows(question{user: q.user, perm: q.perm, team: team, seen: -1}) {
				want[team] = true
			}
		}
		assert.Equal(t, want, e.list(q.user, q.perm, teams))
	}
	return yes
}

// The filter is a condition; a host's database evaluates it.
func TestFilterIsTheSameSet(t *testing.T) {
	t.Parallel()
	w := newWorld(120)
	o := newOurs(t, w).(*ours)
	number := map[usermgmt.TeamID]int{}
	for i, id := range o.teams {
		number[id] = i
	}
	matches := func(f *usermgmt.Filter, team int) bool {
		if f.All {
			return true
		}
		for _, id := range f.Teams {
			if number[id] == team {
				return true
			}
		}
		for _, id := range f.TeamTrees {
			if above := number[id]; above != team && w.within(team, above) {
				return true
			}
		}
		return false
	}
	for _, q := range w.questions(200) {
		f, teams := o.filter(q.user, q.perm), w.teamsOf(w.users[q.user].org, 1000)
		want := o.list(q.user, q.perm, teams)
		got := map[int]bool{}
		for _, team := range teams {
			if matches(&f, team) && (f.And == nil || matches(f.And, team)) {
				got[team] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%+v: the filter matches %v, Can allows %v", q, got, want)
		}
	}
}

type move struct{ team, from, to int }

// moves are moves in the first organization that leave a tree.
func (w *world) moves(n int) []move {
	r := rand.New(rand.NewPCG(3, 3))
	parent := make([]int, len(w.teams))
	for i := range parent {
		parent[i] = w.teams[i].parent
	}
	within := func(t, other int) bool {
		for ; t >= 0; t = parent[t] {
			if t == other {
				return true
			}
		}
		return false
	}
	var out []move
	for len(out) < n {
		team, to := r.IntN(len(parent)), r.IntN(len(parent))
		if w.teams[team].org == 0 && w.teams[to].org == 0 && parent[team] >= 0 && parent[team] != to && !within(to, team) && w.teams[to].depth < 10 {
			out = append(out, move{team, parent[team], to})
			parent[team] = to
		}
	}
	return out
}
