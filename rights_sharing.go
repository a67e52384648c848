package usermgmt

import (
	"slices"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// compiledSharing is a sharing policy with its permissions numbered.
type compiledSharing struct {
	policy *SharingPolicy
	masks  []authz.Mask // Shared, by permission
	perms  []bool
}

func compileSharing(cat *authz.Catalogue, p *SharingPolicy) *compiledSharing {
	c := &compiledSharing{policy: p, masks: make([]authz.Mask, cat.Len()), perms: make([]bool, cat.Len())}
	for _, perm := range p.Permissions {
		if n, ok := cat.Number(string(perm)); ok && cat.At(n).Scopes&authz.Shared != 0 {
			c.masks[n], c.perms[n] = authz.Shared, true
		}
	}
	return c
}

// placedSharing is a policy in the team tree: the positions of its owning set
// and of all its sharing sets.
type placedSharing struct {
	*compiledSharing
	owning, sharing, both []authz.Span
}

func (c *compiledSharing) place(t *authz.Tree) *placedSharing {
	s := &placedSharing{compiledSharing: c, owning: spanOf(t, c.policy.Owning, c.policy.OwningSubteams)}
	for _, id := range c.policy.Sharing {
		s.sharing = append(s.sharing, spanOf(t, id, c.policy.SharingSubteams)...)
	}
	s.sharing = authz.Disjoint(s.sharing)
	s.both = authz.Disjoint(slices.Concat(s.owning, s.sharing))
	return s
}

// spanOf is the position of a node, or with below set the span of its subtree; none
// if it is not there.
func spanOf[T ~[16]byte](t *authz.Tree, id T, below bool) []authz.Span {
	p, ok := t.Position(authz.ID(id))
	switch {
	case !ok:
		return nil
	case below:
		return []authz.Span{t.Subtree(p)}
	}
	return []authz.Span{{Start: p, End: p + 1}}
}

// source is the policy as a source that shares the records of teams.
func (s *placedSharing) source(teams []authz.Span) source {
	return source{Source: Source{Kind: SourceSharing, Name: s.policy.Name, Sharing: s.policy.ID},
		masks: s.masks, share: authz.Share{Permissions: s.perms, Teams: teams}}
}

// with returns the teams whose records the policy shares with the members of a
// team, by their positions.
func (s *placedSharing) with(team int32) []authz.Span {
	return s.sides(within(s.owning, team), within(s.sharing, team))
}

// sides is what is shared with somebody who is in the owning set, in a sharing
// set, or in both.
func (s *placedSharing) sides(owning, sharing bool) []authz.Span {
	switch model := s.policy.Model; {
	case sharing && model == SharingMashup, sharing && owning && model == SharingTwoWay:
		return s.both
	case sharing:
		return s.owning
	case owning && model != SharingOneWay:
		return s.sharing
	}
	return nil
}

func within(spans []authz.Span, p int32) bool {
	return slices.ContainsFunc(spans, func(s authz.Span) bool { return s.Contains(p) })
}

// placed returns the organization's sharing policies in its trees.
func (p *orgPolicy) placed(trees *orgTrees) []*placedSharing {
	if len(p.sharing) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.placedIn != trees {
		p.placedIn, p.places = trees, make([]*placedSharing, len(p.sharing))
		for i, c := range p.sharing {
			p.places[i] = c.place(trees.teams)
		}
	}
	return p.places
}

// sharingSources lists the policies that apply to somebody in the teams who has
// the roles, with what each shares.
func (p *orgPolicy) sharingSources(teams []TeamID, roles []RoleID, trees *orgTrees) (out []source) {
	for _, s := range p.placed(trees) {
		if len(s.policy.Roles) > 0 && !slices.ContainsFunc(s.policy.Roles, func(r RoleID) bool { return slices.Contains(roles, r) }) {
			continue
		}
		var spans []authz.Span
		for _, t := range teams {
			if pos, ok := trees.teams.Position(authz.ID(t)); ok {
				if more := s.with(pos); len(spans) == 0 {
					spans = more
				} else if len(more) > 0 {
					spans = authz.Disjoint(slices.Concat(spans, more))
				}
			}
		}
		if len(spans) > 0 {
			out = append(out, s.source(spans))
		}
	}
	return out
}

// sharesOf gathers what the sources share.
func sharesOf(list []source) (out []authz.Share) {
	for i := range list {
		if len(list[i].share.Teams) > 0 {
			out = append(out, list[i].share)
		}
	}
	return out
}
