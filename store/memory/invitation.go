package memory

import (
	"context"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func invitationsByOrg(a, b *usermgmt.Invitation) int {
	if c := compareIDs(a.Org, b.Org); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

func invitationsByEmail(a, b *usermgmt.Invitation) int {
	if c := compareIDs(a.Org, b.Org); c != 0 {
		return c
	}
	return strings.Compare(a.EmailKey, b.EmailKey)
}

func invitationsByEnd(a, b *usermgmt.Invitation) int {
	if c := a.ExpiresAt.Compare(b.ExpiresAt); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

func cloneInvitation(i *usermgmt.Invitation) usermgmt.Invitation {
	c := *i
	c.Plan = clonePlan(&i.Plan)
	c.CreatedAt, c.UpdatedAt, c.ExpiresAt, c.EndedAt = utc(i.CreatedAt), utc(i.UpdatedAt), utc(i.ExpiresAt), utc(i.EndedAt)
	return c
}

func clonePlan(p *usermgmt.NewMembership) usermgmt.NewMembership {
	c := *p
	c.Roles, c.Units, c.Access = cloneSpans(p.Roles), cloneSlice(p.Units), cloneSlice(p.Access)
	for i := range c.Access {
		c.Access[i].Roles = cloneSpans(c.Access[i].Roles)
	}
	c.Teams, c.Custom = cloneSlice(p.Teams), cloneMap(p.Custom)
	for i := range c.Teams {
		c.Teams[i].From, c.Teams[i].Until = utc(c.Teams[i].From), utc(c.Teams[i].Until)
	}
	return c
}

func (v *version) invitation(id usermgmt.InvitationID) *usermgmt.Invitation {
	return find(&v.others.invitations, id, func(i *usermgmt.Invitation) usermgmt.InvitationID { return i.ID })
}

func (v *version) pendingInvitation(org usermgmt.OrgID, emailKey string) *usermgmt.Invitation {
	i, _ := v.others.invited.Get(&usermgmt.Invitation{Org: org, EmailKey: emailKey})
	return i
}

// replaceInvitation puts row in the place of old, which may be nil.
func (w *writer) replaceInvitation(old, row *usermgmt.Invitation) {
	t := w.others()
	if old != nil {
		t.orgInvitations.Delete(w.own, old)
		if old.Outcome == "" {
			t.invited.Delete(w.own, old)
			t.invitationEnds.Delete(w.own, old)
		}
	}
	put(&t.invitations, w.own, old, row)
	t.orgInvitations.Set(w.own, row)
	if row.Outcome == "" {
		t.invited.Set(w.own, row)
		t.invitationEnds.Set(w.own, row)
	}
}

// SaveInvitation implements [usermgmt.Store].
func (s *Store) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.invitation(i.ID)
		var stored int64
		if old != nil {
			stored = old.Version
		}
		if err := checkVersion(i.Version, old != nil, stored); err != nil {
			return err
		}
		row := cloneInvitation(&i)
		row.Version++
		if old != nil {
			if old.Outcome != "" {
				return usermgmt.ErrStale
			}
			row.Outcome, row.EndedAt, row.AcceptedBy = "", time.Time{}, usermgmt.UserID{}
		}
		if w.v.org(i.Org) == nil {
			return missing("organization")
		}
		if other := w.v.pendingInvitation(i.Org, i.EmailKey); other != nil && other != old && row.Outcome == "" {
			return taken("email")
		}
		w.replaceInvitation(old, &row)
		return nil
	})
}

// InvitationByID implements [usermgmt.Store].
func (s *Store) InvitationByID(ctx context.Context, id usermgmt.InvitationID) (usermgmt.Invitation, error) {
	return s.oneInvitation(ctx, func(v *version) *usermgmt.Invitation { return v.invitation(id) })
}

// PendingInvitation implements [usermgmt.Store].
func (s *Store) PendingInvitation(ctx context.Context, org usermgmt.OrgID, emailKey string) (usermgmt.Invitation, error) {
	return s.oneInvitation(ctx, func(v *version) *usermgmt.Invitation { return v.pendingInvitation(org, emailKey) })
}

func (s *Store) oneInvitation(
	ctx context.Context, find func(v *version) *usermgmt.Invitation,
) (usermgmt.Invitation, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Invitation{}, err
	}
	i := find(v)
	if i == nil {
		return usermgmt.Invitation{}, usermgmt.ErrNotFound
	}
	return cloneInvitation(i), nil
}

// EndInvitation implements [usermgmt.Store].
func (s *Store) EndInvitation(
	ctx context.Context, id usermgmt.InvitationID, outcome usermgmt.InvitationOutcome, at time.Time, by usermgmt.UserID,
) (ended bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := w.v.invitation(id)
		if old == nil || old.Outcome != "" {
			return nil
		}
		row := cloneInvitation(old)
		row.Outcome, row.EndedAt, row.AcceptedBy = outcome, utc(at), by
		row.Version++
		w.replaceInvitation(old, &row)
		ended = true
		return nil
	})
	return ended && err == nil, err
}

// ListInvitations implements [usermgmt.Store].
func (s *Store) ListInvitations(
	ctx context.Context, org usermgmt.OrgID, onlyPending bool, q usermgmt.ListQuery,
) ([]usermgmt.Invitation, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	var out []usermgmt.Invitation
	upTo := func(i *usermgmt.Invitation) bool {
		c := compareIDs(i.Org, org)
		return c < 0 || c == 0 && (q.After.IsZero() || cmpID(i.ID, q.After.ID) < 0)
	}
	v.others.orgInvitations.Descend(upTo, func(i *usermgmt.Invitation) bool {
		if i.Org != org {
			return false
		}
		if !onlyPending || i.Outcome == "" {
			out = append(out, cloneInvitation(i))
		}
		return len(out) < q.Limit
	})
	return out, nil
}

// ExpiredInvitations implements [usermgmt.Store].
func (s *Store) ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]usermgmt.Invitation, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, limitInvalid()
	}
	var out []usermgmt.Invitation
	v.others.invitationEnds.Ascend(nil, func(i *usermgmt.Invitation) bool {
		if i.ExpiresAt.After(now) {
			return false
		}
		out = append(out, cloneInvitation(i))
		return len(out) < limit
	})
	return out, nil
}

// InvitedSeats implements [usermgmt.Store].
func (s *Store) InvitedSeats(ctx context.Context, org usermgmt.OrgID) (map[usermgmt.LicenceType]int, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out map[usermgmt.LicenceType]int
	v.others.invited.Ascend(func(i *usermgmt.Invitation) bool { return compareIDs(i.Org, org) >= 0 },
		func(i *usermgmt.Invitation) bool {
			if i.Org != org {
				return false
			}
			if out == nil {
				out = make(map[usermgmt.LicenceType]int)
			}
			out[i.Licence]++
			return true
		})
	return out, nil
}
