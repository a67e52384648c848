package memory

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func appsByName(a, b *usermgmt.Application) int { return strings.Compare(a.NameKey, b.NameKey) }

func cloneApp(a *usermgmt.Application) usermgmt.Application {
	c := *a
	c.Objects = cloneSlice(a.Objects)
	c.CreatedAt, c.UpdatedAt = utc(a.CreatedAt), utc(a.UpdatedAt)
	return c
}

func (v *version) app(id usermgmt.ApplicationID) *usermgmt.Application {
	return find(&v.orgs.apps, id, func(a *usermgmt.Application) usermgmt.ApplicationID { return a.ID })
}

// SaveApplication implements [usermgmt.Store].
func (s *Store) SaveApplication(ctx context.Context, a usermgmt.Application) error {
	return s.write(ctx, func(w *writer) error { return w.saveApp(&a) })
}

func (w *writer) saveApp(a *usermgmt.Application) error {
	old := w.v.app(a.ID)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(a.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.space(a.Org) == nil {
		return missing("organization")
	}
	if other, found := w.v.space(a.Org).apps.Get(a); found && other != old {
		return taken("name")
	}
	row := cloneApp(a)
	row.Version++
	if old != nil {
		w.space(old.Org).apps.Delete(w.own, old)
	}
	w.space(a.Org).apps.Set(w.own, &row)
	put(&w.orgs().apps, w.own, old, &row)
	return nil
}

// DeleteApplication implements [usermgmt.Store].
func (s *Store) DeleteApplication(ctx context.Context, id usermgmt.ApplicationID) error {
	return s.write(ctx, func(w *writer) error {
		a := w.v.app(id)
		switch {
		case a == nil:
			return usermgmt.ErrNotFound
		case w.v.referred(refApp, id):
			return inUse("application")
		}
		w.space(a.Org).apps.Delete(w.own, a)
		w.orgs().apps.Delete(w.own, a)
		return nil
	})
}

// ApplicationByID implements [usermgmt.Store].
func (s *Store) ApplicationByID(ctx context.Context, id usermgmt.ApplicationID) (usermgmt.Application, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Application{}, err
	}
	a := v.app(id)
	if a == nil {
		return usermgmt.Application{}, usermgmt.ErrNotFound
	}
	return cloneApp(a), nil
}
