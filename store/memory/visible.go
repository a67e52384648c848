package memory

import (
	"time"

	"slices"

	"github.com/usermgmt/usermgmt"
)

// visible is a [usermgmt.Filter] made ready for many rows. Nil is everything.
type visible struct {
	org       usermgmt.OrgID
	all       bool
	owners    map[usermgmt.UserID]struct{}
	units     map[usermgmt.UnitID]struct{}
	teams     map[usermgmt.TeamID]struct{}
	at        time.Time // when an assignment must hold; zero is whenever
	unitTrees treeSet[usermgmt.BusinessUnit]
	teamTrees treeSet[usermgmt.Team]
}

// treeSet is a set of intervals of a numbered tree.
type treeSet[E any] struct {
	numbers *numbering[E]
	spans   []interval
}

// add adds a node with all below it, or, if strictly, only what is below.
func (t *treeSet[E]) add(id usermgmt.ID[E], strictly bool) {
	i, found := t.numbers.spans[id]
	if !found {
		return
	}
	if strictly {
		i.first++
	}
	if i.first < i.end {
		t.spans = append(t.spans, i)
	}
}

// merge sorts the intervals and joins those that overlap or touch.
func (t *treeSet[E]) merge() {
	slices.SortFunc(t.spans, func(a, b interval) int { return int(a.first) - int(b.first) })
	out := t.spans[:0]
	for _, i := range t.spans {
		if n := len(out); n > 0 && i.first <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, i.end)
		} else {
			out = append(out, i)
		}
	}
	t.spans = out
}

func (t *treeSet[E]) has(id usermgmt.ID[E]) bool {
	if len(t.spans) == 0 {
		return false
	}
	i, found := t.numbers.spans[id]
	if !found {
		return false
	}
	n, found := slices.BinarySearchFunc(t.spans, i.first, func(s interval, n uint32) int {
		switch {
		case s.end <= n:
			return -1
		case s.first > n:
			return 1
		}
		return 0
	})
	return found && t.spans[n].holds(i.first)
}

// len returns the number of nodes in the set.
func (t *treeSet[E]) len() int {
	n := 0
	for _, i := range t.spans {
		n += int(i.end - i.first)
	}
	return n
}

// nos yields the numbers of the rows in the set.
func (t *treeSet[E]) nos(yield func(no uint64) bool) {
	for _, i := range t.spans {
		for _, no := range t.numbers.nos[i.first:i.end] {
			if !yield(no) {
				return
			}
		}
	}
}

func setOf[K comparable](keys []K) map[K]struct{} {
	if len(keys) == 0 {
		return nil
	}
	m := make(map[K]struct{}, len(keys))
	for _, k := range keys {
		m[k] = struct{}{}
	}
	return m
}

func (v *version) visible(f *usermgmt.Filter) *visible {
	if f == nil || f.System {
		return nil
	}
	out := &visible{
		at: f.At, org: f.Org, all: f.All, owners: setOf(f.Owners), units: setOf(f.Units), teams: setOf(f.Teams),
	}
	if sp := v.space(f.Org); sp != nil {
		out.unitTrees = sp.unitTrees(f.UnitTrees, false)
		out.teamTrees = sp.teamTrees(f.TeamTrees, true)
	}
	return out
}

func (sp *space) unitTrees(ids []usermgmt.UnitID, strictly bool) (t treeSet[usermgmt.BusinessUnit]) {
	if len(ids) > 0 {
		t.numbers = sp.unitNumbers()
		for _, id := range ids {
			t.add(id, strictly)
		}
		t.merge()
	}
	return t
}

func (sp *space) teamTrees(ids []usermgmt.TeamID, strictly bool) (t treeSet[usermgmt.Team]) {
	if len(ids) > 0 {
		t.numbers = sp.teamNumbers()
		for _, id := range ids {
			t.add(id, strictly)
		}
		t.merge()
	}
	return t
}

// user reports whether the user is visible. m may be the user's membership of
// any organization, or nil.
func (f *visible) user(v *version, u *userRow, m *member) bool {
	if f == nil {
		return true
	}
	if len(f.units) > 0 || len(f.unitTrees.spans) > 0 {
		if u.Org == f.org {
			if _, found := f.units[u.OwnerUnit]; found || f.unitTrees.has(u.OwnerUnit) {
				return true
			}
		}
	}
	if !f.all && len(f.owners) == 0 && len(f.teams) == 0 && len(f.teamTrees.spans) == 0 {
		return false
	}
	if m == nil || m.kit.org != f.org {
		if m = v.member(u.ID, f.org); m == nil {
			return false
		}
	}
	if f.all {
		return true
	}
	if _, found := f.owners[u.ID]; found {
		return true
	}
	for i := range m.place.teams {
		in := &m.place.teams[i]
		if in.span != nil && !f.at.IsZero() && !in.span.holds(f.at) {
			continue
		}
		id := in.tag.id
		if _, found := f.teams[id]; found || f.teamTrees.has(id) {
			return true
		}
	}
	return false
}
