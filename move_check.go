package usermgmt

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// mayMoveTeam refuses to move a team to where its members would take on roles, or
// have records shared with them, that the actor does not hold; and to where the actor
// would gain anything.
func (w *work) mayMoveTeam(ctx context.Context, org compiledOrg, t *Team, after func() *orgTrees) error {
	if err := w.sharesNoMore(org, t); err != nil {
		return err
	}
	inherited := rolesOf(org.policy.teamEntries([]TeamID{t.Parent}, org.trees))
	for _, a := range inherited {
		if r := org.policy.roles[a.Role]; r != nil {
			if err := w.mayGrant(t.Org, r.masks); err != nil {
				return err
			}
		}
	}
	if err := w.mayLet(org, rolesOf(org.policy.teamEntries([]TeamID{t.ID}, org.trees)), inherited); err != nil {
		return err
	}
	return w.gainsNothing(ctx, org, t, after)
}

func rolesOf(entries []AccessEntry) (out []RoleAssignment) {
	for _, e := range entries {
		out = append(out, e.Roles...)
	}
	return out
}

// sharesNoMore is the subset rule for what sharing policies share with the members
// of a team that is moved, and of those below it.
func (w *work) sharesNoMore(org compiledOrg, t *Team) error {
	teams := org.trees.teams
	at, _ := teams.Position(authz.ID(t.ID))
	parent, _ := teams.Position(authz.ID(t.Parent))
	for _, s := range org.policy.placed(org.trees) {
		for _, turn := range s.turns(teams, teams.Subtree(at), parent) {
			if err := w.mayShare(org, []source{s.source(turn.before)}, []source{s.source(turn.after)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn is what a policy shares with the members of some teams before and after a move.
type turn struct{ before, after []authz.Span }

// turns returns, for a subtree of teams that comes to lie below the one at parent,
// what the policy shares with the members of each, without repeating itself. The
// positions are those before the move.
func (s *placedSharing) turns(t *authz.Tree, block authz.Span, parent int32) (out []turn) {
	// A set of teams that begins above the subtree holds all of it or nothing, and
	// after the move what it holds of the parent. Those that begin in it go along.
	along := func(id TeamID, below bool) []authz.Span {
		spans := spanOf(t, id, below)
		if len(spans) == 0 || !block.Contains(spans[0].Start) {
			return nil
		}
		return spans
	}
	owning := along(s.policy.Owning, s.policy.OwningSubteams)
	var sharing []authz.Span
	for _, id := range s.policy.Sharing {
		sharing = append(sharing, along(id, s.policy.SharingSubteams)...)
	}
	owns := s.policy.OwningSubteams && within(s.owning, parent)
	shares := s.policy.SharingSubteams && within(s.sharing, parent)
	at := []int32{block.Start}
	for _, span := range slices.Concat(owning, sharing) {
		at = append(at, span.Start, span.End)
	}
	slices.Sort(at)
	for _, p := range slices.Compact(at) {
		if p < block.End {
			out = append(out, turn{s.with(p), s.sides(owns || within(owning, p), shares || within(sharing, p))})
		}
	}
	return out
}

// gainsNothing refuses to move a team if the actor's user, whatever the present key,
// application or role, would at some time have something after the move that they have
// not before: by a right over what lies below their teams, or by a sharing policy.
func (w *work) gainsNothing(ctx context.Context, org compiledOrg, t *Team, moved func() *orgTrees) error {
	h, err := w.own(ctx, t.Org)
	if err != nil {
		return err
	}
	after := org
	if len(org.policy.sharing) > 0 {
		after.trees = moved()
	}
	for at := w.now; !at.IsZero(); {
		c := clock{now: at}
		was := org.inEach(h, &c)
		var mine []authz.Span
		for _, team := range c.teams(h.membership) {
			mine = append(mine, spanOf(org.trees.teams, team, true)...)
		}
		if w.gainsBelow(org.masksOf(was), org.trees.teams, mine, authz.ID(t.ID), authz.ID(t.Parent), authz.Subteams) {
			return gainsByMove(PermTeamEdit)
		}
		if after.trees != org.trees {
			if perm := w.sharedNewly(org, was, after, after.inEach(h, &c)); perm != "" {
				return gainsByMove(perm)
			}
		}
		at = c.next
	}
	return nil
}

// sharedNewly returns the first permission that policies give after a change of the
// trees on records of teams on which neither they do before nor the actor holds it.
func (w *work) sharedNewly(before compiledOrg, was []source, after compiledOrg, is []source) Permission {
	had := map[SharingID][]authz.Span{}
	for _, s := range was {
		had[s.Sharing] = s.share.Teams // which are those of the holder's teams, in every application
	}
	seen := map[SharingID]bool{{}: true} // what is no policy shares nothing
	for _, s := range is {
		if seen[s.Sharing] {
			continue
		}
		seen[s.Sharing] = true
		more := newly(after.trees.teams, s.share.Teams, before.trees.teams, had[s.Sharing])
		if perm := w.beyond(before.policy.set.Org.ID, before.trees, []authz.Share{{Permissions: s.share.Permissions, Teams: more}}); perm != "" {
			return perm
		}
	}
	return ""
}

// newly returns the nodes in the spans has of a tree that are in none of the spans
// had of another one with the same nodes, as spans of that.
func newly(t *authz.Tree, has []authz.Span, before *authz.Tree, had []authz.Span) (out []authz.Span) {
	for _, span := range has {
		for p := range span.Positions() {
			q, ok := before.Position(t.At(p))
			switch {
			case !ok || within(had, q):
			case len(out) > 0 && out[len(out)-1].End == q:
				out[len(out)-1].End++
			default:
				out = append(out, authz.Span{Start: q, End: q + 1})
			}
		}
	}
	return out
}

// mayMoveUnit refuses to move a unit to where the actor would gain anything over it.
func (w *work) mayMoveUnit(ctx context.Context, org compiledOrg, u *BusinessUnit) error {
	h, err := w.own(ctx, u.Org)
	if err != nil {
		return err
	}
	units := org.trees.units
	var mine []authz.Span
	for _, unit := range h.membership.Units {
		mine = append(mine, spanOf(units, unit, true)...)
	}
	if w.gainsBelow(org.masksOf(org.everywhere(h, w.now)), units, mine, authz.ID(u.ID), authz.ID(u.Parent), authz.Division) {
		return gainsByMove(PermUnitEdit)
	}
	return nil
}

func gainsByMove(p Permission) error {
	return &Error{Kind: ErrPermission, Field: "parent", Rule: "gains_by_move", Permission: p}
}

// own is what the actor's user holds in an organization: nothing where they are no
// member, or if nobody acts.
func (w *work) own(ctx context.Context, org OrgID) (holding, error) {
	if w.v.subject.IsZero() {
		return holding{membership: &Membership{}}, nil
	}
	return w.m.rights.reading().holding(ctx, w.tx, w.v.subject, org, ApplicationID{}, everyRole)
}

// gainsBelow reports whether a move brings a node, which is not, below one of those
// that are the actor's, whose rights have a permission with the relation and not a
// wider one.
func (w *work) gainsBelow(masks []authz.Mask, t *authz.Tree, mine []authz.Span, node, parent authz.ID, relation authz.Mask) bool {
	at, _ := t.Position(node)
	if above, ok := t.Position(parent); !ok || within(mine, at) || !within(mine, above) {
		return false
	}
	for n, m := range masks {
		if m&relation != 0 && m&(authz.Organization|authz.System) == 0 && w.v.held(n)&authz.System == 0 {
			return true
		}
	}
	return false
}
