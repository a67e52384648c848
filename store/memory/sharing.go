package memory

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func sharingByName(a, b *usermgmt.SharingPolicy) int { return strings.Compare(a.NameKey, b.NameKey) }

func cloneSharing(p *usermgmt.SharingPolicy) usermgmt.SharingPolicy {
	c := *p
	c.Sharing, c.Permissions, c.Roles = cloneSlice(p.Sharing), cloneSlice(p.Permissions), cloneSlice(p.Roles)
	c.CreatedAt, c.UpdatedAt = utc(p.CreatedAt), utc(p.UpdatedAt)
	return c
}

func (v *version) sharingPolicy(id usermgmt.SharingID) *usermgmt.SharingPolicy {
	return find(&v.orgs.sharing, id, func(p *usermgmt.SharingPolicy) usermgmt.SharingID { return p.ID })
}

// SaveSharing implements [usermgmt.Store].
func (s *Store) SaveSharing(ctx context.Context, p usermgmt.SharingPolicy) error {
	return s.write(ctx, func(w *writer) error { return w.saveSharing(&p) })
}

func (w *writer) saveSharing(p *usermgmt.SharingPolicy) error {
	old := w.v.sharingPolicy(p.ID)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(p.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.org(p.Org) == nil || old != nil && old.Org != p.Org {
		return missing("organization")
	}
	sp := w.space(p.Org)
	if r, found := sp.sharing.Get(p); found && r != old {
		return taken("name")
	}
	if w.v.team(p.Owning) == nil {
		return missing("owning")
	}
	for _, id := range p.Sharing {
		if w.v.team(id) == nil {
			return missing("sharing")
		}
	}
	for _, id := range p.Roles {
		if w.v.role(id) == nil {
			return missing("roles")
		}
	}
	row := cloneSharing(p)
	row.Version++
	if old != nil {
		w.referSharing(old, -1)
		if old.NameKey != row.NameKey {
			sp.sharing.Delete(w.own, old)
		}
	}
	w.referSharing(&row, 1)
	sp.sharing.Set(w.own, &row)
	put(&w.orgs().sharing, w.own, old, &row)
	return nil
}

func (w *writer) referSharing(p *usermgmt.SharingPolicy, n int) {
	w.refer(refTeam, p.Owning, n)
	for _, id := range p.Sharing {
		w.refer(refTeam, id, n)
	}
	for _, id := range p.Roles {
		w.refer(refRole, id, n)
	}
}

// DeleteSharing implements [usermgmt.Store].
func (s *Store) DeleteSharing(ctx context.Context, id usermgmt.SharingID) error {
	return s.write(ctx, func(w *writer) error {
		p := w.v.sharingPolicy(id)
		if p == nil {
			return usermgmt.ErrNotFound
		}
		w.referSharing(p, -1)
		w.space(p.Org).sharing.Delete(w.own, p)
		w.orgs().sharing.Delete(w.own, p)
		return nil
	})
}

// SharingByID implements [usermgmt.Store].
func (s *Store) SharingByID(ctx context.Context, id usermgmt.SharingID) (usermgmt.SharingPolicy, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.SharingPolicy{}, err
	}
	p := v.sharingPolicy(id)
	if p == nil {
		return usermgmt.SharingPolicy{}, usermgmt.ErrNotFound
	}
	return cloneSharing(p), nil
}
