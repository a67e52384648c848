package usermgmt

import (
	"context"
	"slices"
)

// Get returns a user's membership. The zero org is the actor's. The actor needs
// [PermUserView] on the user as a member, or is the user.
//
// Errors: [ErrNotFound].
func (s *Members) Get(ctx context.Context, a Actor, user UserID, org OrgID) (*Membership, error) {
	const op = "Members.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	mem, r, err := s.m.memberRecord(ctx, s.m.store, user, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.sees(PermUserView, r) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	if err := s.m.presentIn(ctx, v, &mem.Membership); err != nil {
		return nil, withOp(op, err)
	}
	return &mem.Membership, nil
}

// ListOf returns the memberships of a user: of oneself all of them, of others
// those that the actor may see.
//
// Errors: [ErrNotFound] if there is none to see.
func (s *Members) ListOf(ctx context.Context, a Actor, user UserID) ([]Membership, error) {
	const op = "Members.ListOf"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	u, err := s.m.store.UserByID(ctx, user)
	if err != nil {
		return nil, withOp(op, err)
	}
	all, err := s.m.store.MembershipsOf(ctx, user)
	if err != nil {
		return nil, withOp(op, err)
	}
	now := s.m.now()
	out := slices.DeleteFunc(all, func(m Membership) bool {
		return !v.self(user) && !(user == v.subject && m.Org == v.org) && !v.can(PermUserView, recordOf(&u, &m, m.Org, now))
	})
	if len(out) == 0 {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	for i := range out {
		if err := s.m.presentIn(ctx, v, &out[i]); err != nil {
			return nil, withOp(op, err)
		}
	}
	return out, nil
}

// seesLicence reports whether the actor may know which pool somebody's seat is of:
// that is a matter of the provider organization.
func (v *actorValue) seesLicence() bool {
	f := v.filter(PermLicenceView)
	return f.System
}

// presentIn hides the values of the membership that nothing defines, and what the
// actor may not see.
func (m *Manager) presentIn(ctx context.Context, v *actorValue, mem *Membership) error {
	if !v.seesLicence() {
		mem.Licence = ""
	}
	if len(mem.Custom) == 0 {
		return nil
	}
	set, err := m.customOf(ctx, m.store, mem.Org)
	if err == nil {
		mem.Custom = set.visible(mem.Custom)
	}
	return err
}
