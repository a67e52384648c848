package usermgmt

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// beyond returns the first permission that the shares give, in an organization with
// the trees, on the records of a team on which the actor does not hold it; "" if
// there is none.
func (w *work) beyond(org OrgID, trees *orgTrees, shares []authz.Share) Permission {
	for _, share := range shares {
		for n, shared := range share.Permissions {
			if !shared {
				continue
			}
			mask := w.heldIn(n, org)
			for _, span := range share.Teams {
				if !w.v.rights.Covers(n, mask, trees.teams, span) {
					return Permission(w.v.cat.At(n).Name)
				}
			}
		}
	}
	return ""
}

// mayShare is the subset rule for what is shared: nobody gives somebody the
// records of a team on which they do not hold the same themselves. Of what is
// shared after a change, what was shared before it is not asked.
func (w *work) mayShare(org compiledOrg, before, after []source) error {
	var gained []authz.Share
	for _, s := range after {
		spans := slices.Clone(s.share.Teams)
		for _, old := range before {
			if old.Sharing == s.Sharing && !s.Sharing.IsZero() {
				spans = slices.DeleteFunc(spans, func(span authz.Span) bool { return lies(span, old.share.Teams) })
			}
		}
		if len(spans) > 0 {
			gained = append(gained, authz.Share{Permissions: s.share.Permissions, Teams: spans})
		}
	}
	if perm := w.beyond(org.policy.set.Org.ID, org.trees, gained); perm != "" {
		return &Error{Kind: ErrPermission, Rule: "exceeds_own_scope", Permission: perm, Detail: "by a sharing policy"}
	}
	return nil
}

// sharesMore is mayShare for what somebody holds before and after a change, now and
// whenever an assignment begins or ends: what counts at different times never counts
// together.
func (w *work) sharesMore(org compiledOrg, before, after holding) error {
	for at := w.now; !at.IsZero(); {
		c := clock{now: at}
		if err := w.mayShare(org, org.inEach(before, &c), org.inEach(after, &c)); err != nil {
			return err
		}
		at = c.next
	}
	return nil
}

// lies reports whether the span lies in one of spans.
func lies(span authz.Span, spans []authz.Span) bool {
	return slices.ContainsFunc(spans, func(s authz.Span) bool { return s.Start <= span.Start && span.End <= s.End })
}

// grantShares checks an access entry whose roles may let a sharing policy apply to
// its user, or to the members of its team and of those below.
func (w *work) grantShares(ctx context.Context, org compiledOrg, e *AccessEntry, mem *Membership, old []RoleAssignment) error {
	if len(org.policy.sharing) == 0 {
		return nil
	}
	if mem != nil {
		entries, err := w.tx.AccessOf(ctx, e.User, e.Org)
		if err != nil {
			return err
		}
		with := append(slices.DeleteFunc(slices.Clone(entries), func(o AccessEntry) bool { return o.ID == e.ID }), *e)
		return w.sharesMore(org, holding{membership: mem, access: entries}, holding{membership: mem, access: with})
	}
	return w.mayLet(org, old, e.Roles)
}

// mayLet is the subset rule for roles that the members of a team get, for the sake
// of which sharing policies come to apply to them: any of their teams may then be one
// that shares, whatever team gets the roles.
func (w *work) mayLet(org compiledOrg, before, after []RoleAssignment) error {
	var shares []authz.Share
	for _, s := range org.policy.placed(org.trees) {
		if slices.ContainsFunc(after, func(a RoleAssignment) bool {
			isNew, _ := newRole(before, a)
			return isNew && slices.Contains(s.policy.Roles, a.Role)
		}) {
			shares = append(shares, s.shares()...)
		}
	}
	if perm := w.beyond(org.policy.set.Org.ID, org.trees, shares); perm != "" {
		return &Error{Kind: ErrPermission, Rule: "exceeds_own_scope", Permission: perm, Detail: "by a sharing policy"}
	}
	return nil
}
