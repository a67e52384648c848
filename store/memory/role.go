package memory

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func rolesByName(a, b *usermgmt.Role) int {
	if c := compareIDs(a.App, b.App); c != 0 {
		return c
	}
	return strings.Compare(a.NameKey, b.NameKey)
}

func cloneRole(r *usermgmt.Role) usermgmt.Role {
	c := *r
	c.Grants = cloneSlice(r.Grants)
	c.CreatedAt, c.UpdatedAt = utc(r.CreatedAt), utc(r.UpdatedAt)
	return c
}

func (v *version) role(id usermgmt.RoleID) *usermgmt.Role {
	return find(&v.orgs.roles, id, func(r *usermgmt.Role) usermgmt.RoleID { return r.ID })
}

// SaveRole implements [usermgmt.Store].
func (s *Store) SaveRole(ctx context.Context, r usermgmt.Role) error {
	return s.write(ctx, func(w *writer) error { return w.saveRole(&r) })
}

func (w *writer) saveRole(r *usermgmt.Role) error {
	old := w.v.role(r.ID)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(r.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.space(r.Org) == nil {
		return missing("organization")
	}
	if !r.App.IsZero() && w.v.app(r.App) == nil {
		return missing("application")
	}
	if other, found := w.v.space(r.Org).roles.Get(r); found && other != old {
		return taken("name")
	}
	row := cloneRole(r)
	row.Version++
	if old != nil {
		w.refer(refApp, old.App, -1)
		w.space(old.Org).roles.Delete(w.own, old)
	}
	w.refer(refApp, row.App, 1)
	w.space(r.Org).roles.Set(w.own, &row)
	put(&w.orgs().roles, w.own, old, &row)
	return nil
}

// DeleteRole implements [usermgmt.Store].
func (s *Store) DeleteRole(ctx context.Context, id usermgmt.RoleID) error {
	return s.write(ctx, func(w *writer) error {
		r := w.v.role(id)
		switch {
		case r == nil:
			return usermgmt.ErrNotFound
		case w.v.referred(refRole, id):
			return inUse("role")
		}
		w.refer(refApp, r.App, -1)
		w.space(r.Org).roles.Delete(w.own, r)
		w.orgs().roles.Delete(w.own, r)
		return nil
	})
}

// RoleByID implements [usermgmt.Store].
func (s *Store) RoleByID(ctx context.Context, id usermgmt.RoleID) (usermgmt.Role, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Role{}, err
	}
	r := v.role(id)
	if r == nil {
		return usermgmt.Role{}, usermgmt.ErrNotFound
	}
	return cloneRole(r), nil
}
