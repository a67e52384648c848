package authz

import (
	"cmp"
	"slices"
	"unsafe"
)

// Rights are masks by permission number; any number of subjects share them.
type Rights struct {
	// Grants are the masks in force; Held are those that count for granting to
	// others: without the limit to the objects of the current application.
	Grants, Held []Mask
	// Single: they are of one subject; others are shared by many.
	Single bool
}

// Site is where subjects are placed: the trees of an organization.
type Site struct {
	Org          ID
	Units, Teams *Tree
}

// Subject is the resolved rights of one user in one organization. It is immutable.
//
// What a check of a team by its position reads is in the first 64 bytes: one line of
// the processor's cache, since the allocator aligns values of 128 bytes to it.
type Subject struct {
	// Grants are those of the subject's [Rights].
	Grants   []Mask
	teams    places // own teams
	twoTeams [2]Span
	site     *Site
	rights   *Rights
	units    places // assigned units
	shared   *[]Share
	User     ID
}

// Share is what is shared with a subject: permissions, on the records of teams.
// Subjects share the parts of it.
type Share struct {
	Permissions []bool // by permission number
	Teams       []Span // ascending, disjoint
}

// Contains reports whether the records of the team at p are shared.
func (s *Share) contains(p int32) bool {
	for _, t := range s.Teams {
		if p < t.End {
			return p >= t.Start
		}
	}
	return false
}

// Disjoint sorts spans of subtrees and drops those that lie in another one.
func Disjoint(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	out := spans[:0]
	for _, s := range spans {
		if len(out) == 0 || s.Start >= out[len(out)-1].End {
			out = append(out, s)
		}
	}
	return out
}

// NewSubject places a user with the given units and teams, with whom the shares are
// shared.
func NewSubject[U, T ~[16]byte](user ID, site *Site, rights *Rights, units []U, teams []T, shared []Share) *Subject {
	s := &Subject{}
	Place(s, user, site, rights, units, teams, shared)
	return s
}

// Place makes s what [NewSubject] returns. Its teams are spans within itself: a copy keeps it.
func Place[U, T ~[16]byte](s *Subject, user ID, site *Site, rights *Rights, units []U, teams []T, shared []Share) {
	*s = Subject{Grants: rights.Grants, rights: rights, User: user, site: site}
	s.teams = placesOf(s.twoTeams[:0], site.Teams, teams)
	if len(units) > 0 {
		s.units = placesOf(nil, site.Units, units)
	}
	if len(shared) > 0 {
		list := shared
		s.shared = &list
	}
}

// Held are the masks that count for granting to others.
func (s *Subject) Held() []Mask { return s.rights.Held }

// Bytes estimates the memory of s without what it shares.
func (s *Subject) Bytes() int {
	n := int(unsafe.Sizeof(*s)) + 8*cap(s.units) + 48*cap(s.Shares())
	if cap(s.teams) > len(s.twoTeams) {
		n += 8 * cap(s.teams)
	}
	if r := s.rights; r.Single {
		n += int(unsafe.Sizeof(*r)) + cap(r.Held)
		if unsafe.SliceData(r.Grants) != unsafe.SliceData(r.Held) {
			n += cap(r.Grants)
		}
	}
	return n
}

// places are positions of a tree: in Start, ascending. End is the end of the
// subtree, or of one before it that reaches farther, so that a position lies
// below one of them if it lies below the last that begins before it.
type places []Span

// placesOf returns the positions of the ids that exist, each once: in buf, if it
// holds as many.
func placesOf[T ~[16]byte](buf places, t *Tree, ids []T) places {
	out := slices.Grow(buf, len(ids))
	for _, id := range ids {
		if p, ok := t.pos[ID(id)]; ok {
			out = append(out, t.Subtree(p))
		}
	}
	slices.SortFunc(out, func(a, b Span) int { return int(a.Start) - int(b.Start) })
	out = slices.Compact(out)
	for i := 1; i < len(out); i++ {
		out[i].End = max(out[i].End, out[i-1].End)
	}
	return out
}

// relate reports whether p is one of the positions, and whether it lies
// strictly below one. Users are in few units and teams; those in many pay a
// binary search.
func (l places) relate(p int32) (at, below bool) {
	if len(l) > 8 {
		i, found := slices.BinarySearchFunc(l, p, func(s Span, p int32) int { return int(s.Start) - int(p) })
		return found, i > 0 && p < l[i-1].End
	}
	for _, s := range l {
		if s.Start >= p {
			return s.Start == p, below
		}
		below = p < s.End
	}
	return false, below
}

func (l places) names(t *Tree) []ID {
	out := make([]ID, len(l))
	for i, s := range l {
		out[i] = t.nodes[s.Start]
	}
	return out
}

// InTeam reports whether the subject is in a team.
func (s *Subject) InTeam(id ID) bool {
	p, ok := s.site.Teams.pos[id]
	if !ok {
		return false
	}
	at, _ := s.teams.relate(p)
	return at
}

// UnitRoots returns the assigned units in tree order.
func (s *Subject) UnitRoots() []ID { return s.units.names(s.site.Units) }

// TeamRoots returns the own teams in tree order.
func (s *Subject) TeamRoots() []ID { return s.teams.names(s.site.Teams) }

// Shared returns the teams whose records are shared with the subject for
// permission number n, and those below which all are.
func (s *Subject) Shared(n int) (teams, trees []ID) {
	for _, h := range s.Shares() {
		if !h.Permissions[n] {
			continue
		}
		for _, t := range h.Teams {
			root := s.site.Teams.nodes[t.Start]
			teams = append(teams, root)
			if t.End > t.Start+1 {
				trees = append(trees, root)
			}
		}
	}
	return teams, trees
}

// Reach says which nodes of its trees a subject reaches by relations: as a set of
// units, of teams, and of teams whose records are shared.
type Reach struct {
	s    *Subject
	mask Mask
}

// Reach is what s reaches by any of the relations of mask.
func (s *Subject) Reach(mask Mask) Reach { return Reach{s, mask} }

// Unit reports whether the unit is reached.
func (r Reach) Unit(id ID) bool {
	p, ok := r.s.site.Units.pos[id]
	return ok && r.s.byUnit(r.mask, p) != 0
}

// Team reports whether the team is reached.
func (r Reach) Team(id ID) bool {
	p, ok := r.s.site.Teams.pos[id]
	return ok && r.s.byTeam(r.mask, p) != 0
}

// Shared reports whether anything of the team's records is shared.
func (r Reach) Shared(id ID) bool {
	p, ok := r.s.site.Teams.pos[id]
	return ok && slices.ContainsFunc(r.s.Shares(), func(h Share) bool { return h.contains(p) })
}

// SharesTeam reports whether the team's records are shared with the subject for
// permission number n.
func (s *Subject) SharesTeam(n int, id ID) bool {
	p, ok := s.site.Teams.pos[id]
	return ok && s.sharedAt(n, p)
}

// Shares returns what is shared with the subject.
func (s *Subject) Shares() []Share {
	if s.shared == nil {
		return nil
	}
	return *s.shared
}

// With is s with whom nothing but share is shared.
func (s *Subject) With(share Share) *Subject {
	c := *s
	c.shared = &[]Share{share}
	return &c
}

// UnitBelow reports whether unit b is a or, with below, lies below it.
func (s *Subject) UnitBelow(a, b ID, below bool) bool {
	return a == b || below && s.site.Units.Below(a, b)
}

// TeamBelow reports whether team b is a or, with strictly set, lies strictly below
// it.
func (s *Subject) TeamBelow(a, b ID, strictly bool) bool {
	if strictly {
		return a != b && s.site.Teams.Below(a, b)
	}
	return a == b
}

// Covers reports whether mask, granted for permission number n, reaches the
// records of every team of the span of a tree.
func (s *Subject) Covers(n int, mask Mask, t *Tree, teams Span) bool {
	if mask&(Organization|System) != 0 {
		return true
	}
	for _, id := range t.nodes[teams.Start:teams.End] {
		p, ok := s.site.Teams.pos[id]
		if !ok || s.byTeam(mask, p) == 0 && (mask&Shared == 0 || !s.sharedAt(n, p)) {
			return false
		}
	}
	return true
}

func (s *Subject) sharedAt(n int, p int32) bool {
	list := s.Shares()
	for i := range list {
		if list[i].Permissions[n] && list[i].contains(p) {
			return true
		}
	}
	return false
}

// Reaches reports whether a record is related to s by one of the relations of
// mask, what is shared aside.
func Reaches[U, T ~[16]byte](s *Subject, mask Mask, org, owner ID, units []U, teams []T) bool {
	return Relation(s, 0, mask&^Shared, org, owner, units, teams) != 0
}

// Relation returns the first relation of granted, the mask of permission number
// n, from the cheapest to the dearest to compute, by which the record relates to
// s; 0 if there is none. A record of another organization is covered by System
// only.
func Relation[U, T ~[16]byte](s *Subject, n int, granted Mask, org, owner ID, units []U, teams []T) Mask {
	if granted&System != 0 {
		return System
	}
	if granted == 0 || org != s.site.Org || org == (ID{}) {
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
			if p, ok := s.site.Units.pos[ID(u)]; ok {
				if m := s.byUnit(granted, p); m != 0 {
					return m
				}
			}
		}
	}
	if granted&(Team|Subteams|Shared) != 0 {
		for _, t := range teams {
			if p, ok := s.site.Teams.pos[ID(t)]; ok {
				if m := s.byTeam(granted, p); m != 0 {
					return m
				}
				if granted&Shared != 0 && s.sharedAt(n, p) {
					return Shared
				}
			}
		}
	}
	return 0
}

// byUnit returns by which of Unit and Division a record of the unit at p relates.
func (s *Subject) byUnit(granted Mask, p int32) Mask {
	at, below := s.units.relate(p)
	switch {
	case at && granted&Unit != 0:
		return Unit
	case (at || below) && granted&Division != 0:
		return Division
	}
	return 0
}

// byTeam returns by which of Team and Subteams a record of the team at p relates.
func (s *Subject) byTeam(granted Mask, p int32) Mask {
	at, below := s.teams.relate(p)
	switch {
	case at && granted&Team != 0:
		return Team
	case below && granted&Subteams != 0:
		return Subteams
	}
	return 0
}
