package memory

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// unitRow is a unit with its number, which stays while the unit exists.
type unitRow struct {
	usermgmt.BusinessUnit
	no uint64
}

func unitsByName(a, b *unitRow) int { return byKey(a.NameKey, b.NameKey, a.ID, b.ID) }

func (r *unitRow) value() usermgmt.BusinessUnit { return r.BusinessUnit }

func (v *version) unit(id usermgmt.UnitID) *unitRow {
	return find(&v.orgs.units, id, func(r *unitRow) usermgmt.UnitID { return r.ID })
}

// SaveUnit implements [usermgmt.Store].
func (s *Store) SaveUnit(ctx context.Context, u usermgmt.BusinessUnit) error {
	return s.write(ctx, func(w *writer) error { return w.saveUnit(u) })
}

func (w *writer) saveUnit(u usermgmt.BusinessUnit) error {
	old := w.v.unit(u.ID)
	row := &unitRow{BusinessUnit: u}
	var stored int64
	if old != nil {
		stored, row.no = old.Version, old.no
	}
	if err := checkVersion(u.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.org(u.Org) == nil || old != nil && old.Org != u.Org {
		return missing("organization")
	}
	if !u.Parent.IsZero() {
		if p := w.v.unit(u.Parent); p == nil || p.Org != u.Org {
			return missing("parent")
		}
	}
	row.Version++
	row.CreatedAt, row.UpdatedAt = utc(u.CreatedAt), utc(u.UpdatedAt)
	sp := w.space(u.Org)
	if old == nil {
		row.no = w.nextNo()
	} else if old.NameKey != row.NameKey {
		sp.units.Delete(w.own, old)
	}
	if old == nil || old.Parent != row.Parent {
		if old != nil {
			w.refer(refUnit, old.Parent, -1)
		}
		w.refer(refUnit, row.Parent, 1)
		sp.unitTree = &numbering[usermgmt.BusinessUnit]{}
	}
	sp.units.Set(w.own, row)
	put(&w.orgs().units, w.own, old, row)
	return nil
}

// DeleteUnit implements [usermgmt.Store].
func (s *Store) DeleteUnit(ctx context.Context, id usermgmt.UnitID) error {
	return s.write(ctx, func(w *writer) error {
		r := w.v.unit(id)
		if r == nil {
			return usermgmt.ErrNotFound
		}
		owns := false
		w.v.ownedBy(r.no, func(*userRow) bool {
			owns = true
			return false
		})
		if owns || w.v.referred(refUnit, id) {
			return inUse("unit")
		}
		sp := w.space(r.Org)
		sp.units.Delete(w.own, r)
		sp.unitTree = &numbering[usermgmt.BusinessUnit]{}
		w.refer(refUnit, r.Parent, -1)
		w.orgs().units.Delete(w.own, r)
		return nil
	})
}

// UnitByID implements [usermgmt.Store].
func (s *Store) UnitByID(ctx context.Context, id usermgmt.UnitID) (usermgmt.BusinessUnit, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.BusinessUnit{}, err
	}
	r := v.unit(id)
	if r == nil {
		return usermgmt.BusinessUnit{}, usermgmt.ErrNotFound
	}
	return r.value(), nil
}

// ListUnits implements [usermgmt.Store].
func (s *Store) ListUnits(
	ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery,
) ([]usermgmt.BusinessUnit, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	sp := v.space(org)
	if sp == nil {
		sp = newSpace(0, org)
	}
	return page(&sp.units, q, func(r *unitRow) (string, [16]byte) { return r.NameKey, r.ID }, (*unitRow).value)
}
