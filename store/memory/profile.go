package memory

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func profilesByName(a, b *usermgmt.AccessProfile) int { return strings.Compare(a.NameKey, b.NameKey) }

func cloneProfile(p *usermgmt.AccessProfile) usermgmt.AccessProfile {
	c := *p
	c.Grants, c.IPRanges = cloneSlice(p.Grants), cloneSlice(p.IPRanges)
	c.CreatedAt, c.UpdatedAt = utc(p.CreatedAt), utc(p.UpdatedAt)
	return c
}

func (v *version) profile(id usermgmt.ProfileID) *usermgmt.AccessProfile {
	return find(&v.orgs.profiles, id, func(p *usermgmt.AccessProfile) usermgmt.ProfileID { return p.ID })
}

// SaveProfile implements [usermgmt.Store].
func (s *Store) SaveProfile(ctx context.Context, p usermgmt.AccessProfile) error {
	return s.write(ctx, func(w *writer) error { return w.saveProfile(&p) })
}

func (w *writer) saveProfile(p *usermgmt.AccessProfile) error {
	old := w.v.profile(p.ID)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(p.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.space(p.Org) == nil {
		return missing("organization")
	}
	if other, found := w.v.space(p.Org).profiles.Get(p); found && other != old {
		return taken("name")
	}
	row := cloneProfile(p)
	row.Version++
	if old != nil {
		w.space(old.Org).profiles.Delete(w.own, old)
	}
	w.space(p.Org).profiles.Set(w.own, &row)
	put(&w.orgs().profiles, w.own, old, &row)
	return nil
}

// DeleteProfile implements [usermgmt.Store].
func (s *Store) DeleteProfile(ctx context.Context, id usermgmt.ProfileID) error {
	return s.write(ctx, func(w *writer) error {
		p := w.v.profile(id)
		switch {
		case p == nil:
			return usermgmt.ErrNotFound
		case w.v.referred(refProfile, id):
			return inUse("profile")
		}
		w.space(p.Org).profiles.Delete(w.own, p)
		w.orgs().profiles.Delete(w.own, p)
		return nil
	})
}

// ProfileByID implements [usermgmt.Store].
func (s *Store) ProfileByID(ctx context.Context, id usermgmt.ProfileID) (usermgmt.AccessProfile, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.AccessProfile{}, err
	}
	p := v.profile(id)
	if p == nil {
		return usermgmt.AccessProfile{}, usermgmt.ErrNotFound
	}
	return cloneProfile(p), nil
}

// ProfileByName implements [usermgmt.Store].
func (s *Store) ProfileByName(
	ctx context.Context, org usermgmt.OrgID, nameKey string,
) (usermgmt.AccessProfile, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.AccessProfile{}, err
	}
	if sp := v.space(org); sp != nil {
		if p, found := sp.profiles.Get(&usermgmt.AccessProfile{NameKey: nameKey}); found {
			return cloneProfile(p), nil
		}
	}
	return usermgmt.AccessProfile{}, usermgmt.ErrNotFound
}
