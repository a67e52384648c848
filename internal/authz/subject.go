package authz

import "slices"

// Subject is the resolved rights of one user in one organization. It is
// immutable; Grants and Held may be shared between subjects.
type Subject struct {
	User, Org ID
	// Grants are the masks in force, by permission number; Held are those that
	// count for granting to others: without the limit to the objects of the
	// current application.
	Grants, Held []Mask

	units, teams *Tree
	unitPos      []int32 // assigned units
	divisions    []Span  // them and below
	teamPos      []int32 // own teams
	subteams     []Span  // strictly below
}

// NewSubject places a user with the given units and teams in the trees.
func NewSubject[U, T ~[16]byte](user, org ID, unitTree, teamTree *Tree, units []U, teams []T) *Subject {
	s := &Subject{User: user, Org: org, units: unitTree, teams: teamTree}
	s.unitPos = positions(unitTree, units)
	s.divisions = spans(unitTree, s.unitPos, false)
	s.teamPos = positions(teamTree, teams)
	s.subteams = strictlyBelow(teamTree, s.teamPos)
	return s
}

// strictlyBelow returns what lies below a position without being only a
// position itself: own teams nested in own teams stay in, since they are also
// below.
func strictlyBelow(t *Tree, pos []int32) []Span { return spans(t, pos, true) }

// Bytes estimates the memory of s without what it shares.
func (s *Subject) Bytes() int {
	return 200 + 4*(cap(s.unitPos)+cap(s.teamPos)) + 8*(cap(s.divisions)+cap(s.subteams))
}

// Allows reports whether the mask granted for a permission covers a record.
// A record of another organization is covered by System only.
func Allows[U, T ~[16]byte](s *Subject, granted Mask, org, owner ID, units []U, teams []T) bool {
	return Relation(s, granted, org, owner, units, teams) != 0
}

// Relation returns the first relation of granted, from the cheapest to the
// dearest to compute, by which the record relates to s; 0 if there is none.
func Relation[U, T ~[16]byte](s *Subject, granted Mask, org, owner ID, units []U, teams []T) Mask {
	if granted&System != 0 {
		return System
	}
	if granted == 0 || org != s.Org || org == (ID{}) {
		return 0
	}
	if granted&Organization != 0 {
		return Organization
	}
	if granted&Own != 0 && owner == s.User && owner != (ID{}) {
		return Own
	}
	if granted&(Unit|Division) != 0 {
		for _, u := range units {
			p, ok := s.units.pos[ID(u)]
			if !ok {
				continue
			}
			if granted&Unit != 0 && has(s.unitPos, p) {
				return Unit
			}
			if granted&Division != 0 && covers(s.divisions, p) {
				return Division
			}
		}
	}
	if granted&(Team|Subteams) != 0 {
		for _, t := range teams {
			p, ok := s.teams.pos[ID(t)]
			if !ok {
				continue
			}
			if granted&Team != 0 && has(s.teamPos, p) {
				return Team
			}
			if granted&Subteams != 0 && covers(s.subteams, p) {
				return Subteams
			}
		}
	}
	return 0
}

// has reports whether sorted contains p. Users are in few units and teams;
// those in many pay a binary search.
func has(sorted []int32, p int32) bool {
	if len(sorted) > 8 {
		_, ok := slices.BinarySearch(sorted, p)
		return ok
	}
	for _, q := range sorted {
		if q == p {
			return true
		}
	}
	return false
}

// covers reports whether one of the disjoint, sorted spans contains p.
func covers(spans []Span, p int32) bool {
	if len(spans) > 8 {
		i, _ := slices.BinarySearchFunc(spans, p, func(s Span, p int32) int { return int(s.End) - int(p) - 1 })
		return i < len(spans) && spans[i].Contains(p)
	}
	for _, s := range spans {
		if s.Contains(p) {
			return true
		}
	}
	return false
}

// UnitRoots returns the assigned units, TeamRoots the own teams, in tree order.
func (s *Subject) UnitRoots() []ID { return names(s.units, s.unitPos) }

// TeamRoots returns the own teams in tree order.
func (s *Subject) TeamRoots() []ID { return names(s.teams, s.teamPos) }

func names(t *Tree, pos []int32) []ID {
	out := make([]ID, len(pos))
	for i, p := range pos {
		out[i] = t.nodes[p]
	}
	return out
}
