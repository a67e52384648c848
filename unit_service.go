package usermgmt

import (
	"context"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/canon"
)

// Units manages business units. [Manager.Units] returns it.
type Units struct{ m *Manager }

// Units returns the service that manages business units.
func (m *Manager) Units() *Units { return &Units{m} }

// Audit verbs of business units.
const (
	verbUnitCreate = "unit.create"
	verbUnitUpdate = "unit.update"
	verbUnitDelete = "unit.delete"
)

// NewUnit describes a business unit to make.
type NewUnit struct {
	// Org defaults to the actor's organization.
	Org OrgID
	// Parent is the unit above; zero makes a top unit.
	Parent      UnitID
	Name        string // need not be unique
	Description string
	Phone, Fax  string
	Email       string
	Website     string // http or https
}

func unitRecord(u *BusinessUnit) *Record { return &Record{Org: u.Org, OwnerUnits: []UnitID{u.ID}} }

// Create makes a business unit.
//
// The actor needs [PermUnitCreate] on the parent, or for a top unit on the
// organization.
//
// Create is atomic. It records "unit.create".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid].
func (s *Units) Create(ctx context.Context, a Actor, n NewUnit) (*BusinessUnit, error) {
	var out *BusinessUnit
	id := newID[BusinessUnit]()
	err := s.m.change(ctx, a, "Units.Create", verbUnitCreate, func(ctx context.Context, w *work) error {
		if n.Org.IsZero() {
			n.Org = w.v.org
		}
		u := BusinessUnit{ID: id, Org: n.Org, Parent: n.Parent, Name: n.Name, Description: n.Description,
			Phone: n.Phone, Fax: n.Fax, Email: n.Email, Website: n.Website, CreatedAt: w.now, UpdatedAt: w.now}
		w.on("unit", u.ID, u.Org, u.Name)
		r := &Record{Org: u.Org}
		if !u.Parent.IsZero() {
			r.OwnerUnits = []UnitID{u.Parent}
		}
		if err := w.need(PermUnitCreate, PermUnitView, r); err != nil {
			return err
		}
		if err := w.saveUnit(ctx, &u, nil); err != nil {
			return err
		}
		out = &u
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// saveUnit checks and stores a unit while it holds the organization's lock.
func (w *work) saveUnit(ctx context.Context, u, before *BusinessUnit) error {
	if err := w.tx.LockOrg(ctx, u.Org); err != nil {
		return err
	}
	var p problems
	p.key("name", u.Name, &u.NameKey, canon.Name)
	p.text("description", u.Description, 4000, true)
	p.text("phone", u.Phone, 100, false)
	p.text("fax", u.Fax, 100, false)
	if u.Email != "" {
		var err error
		if u.Email, _, err = canon.Email(u.Email); err != nil {
			p.add("email", ruleOf(err), err.Error())
		}
	}
	if u.Website != "" && (!checkWebsite(u.Website) || len(u.Website) > maxText) {
		p.add("website", "format", "want an http or https address")
	}
	var org compiledOrg
	moved := before == nil || u.Parent != before.Parent
	if moved {
		var err error
		if org, err = w.compiled(ctx, u.Org); err != nil {
			return err
		}
		checkParent(org.trees.units, authz.ID(u.ID), authz.ID(u.Parent), &p)
		if before != nil && p.err() == nil {
			if err := w.mayMoveUnit(ctx, org, u); err != nil {
				return err
			}
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := w.tx.SaveUnit(ctx, *u); err != nil {
		return err
	}
	u.Version++
	if moved {
		if err := w.tx.BumpStamps(ctx, u.Org, true); err != nil {
			return err
		}
		w.keep(func() *orgTrees {
			return org.trees.with(org.trees.units.With(authz.ID(u.ID), authz.ID(u.Parent)), org.trees.teams)
		})
	}
	var old map[string]string
	if before != nil {
		old = unitFields(before)
	}
	w.record(old, unitFields(u))
	return nil
}

func unitFields(u *BusinessUnit) map[string]string {
	return map[string]string{"name": u.Name, "parent": u.Parent.String(), "description": u.Description,
		"phone": u.Phone, "fax": u.Fax, "email": u.Email, "website": u.Website}
}

// UnitUpdate changes a business unit; nil leaves a part alone.
type UnitUpdate struct {
	Parent                     *UnitID // moves it with everything below
	Name, Description          *string
	Phone, Fax, Email, Website *string
}

// Update changes or moves a business unit, if version is the stored one.
//
// The actor needs [PermUnitEdit] on it and, to move it, on the new parent too;
// to make it a top unit, on the whole organization. Nobody gains rights by moving
// a unit into the own division.
//
// Update is atomic. It records "unit.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid] with the Rule
// "cycle" for a parent that lies below the unit.
func (s *Units) Update(ctx context.Context, a Actor, id UnitID, version int64, c UnitUpdate) (*BusinessUnit, error) {
	var out *BusinessUnit
	err := s.m.change(ctx, a, "Units.Update", verbUnitUpdate, func(ctx context.Context, w *work) error {
		u, err := w.tx.UnitByID(ctx, id)
		if err != nil {
			return err
		}
		w.on("unit", id, u.Org, u.Name)
		if err := w.need(PermUnitEdit, PermUnitView, unitRecord(&u)); err != nil {
			return err
		}
		if c.Parent != nil && *c.Parent != u.Parent {
			r := &Record{Org: u.Org}
			if !c.Parent.IsZero() {
				r.OwnerUnits = []UnitID{*c.Parent}
			}
			if err := w.need(PermUnitEdit, PermUnitView, r); err != nil {
				return err
			}
		}
		if u.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := u
		set(&u.Parent, c.Parent)
		set(&u.Name, c.Name)
		set(&u.Description, c.Description)
		set(&u.Phone, c.Phone)
		set(&u.Fax, c.Fax)
		set(&u.Email, c.Email)
		set(&u.Website, c.Website)
		u.UpdatedAt = w.now
		if err := w.saveUnit(ctx, &u, &before); err != nil {
			return err
		}
		out = &u
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Delete deletes a business unit that owns no users, is assigned to nobody and
// has none below. The last unit of an organization stays.
//
// The actor needs [PermUnitDelete] on it. It records "unit.delete".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "in_use"
// or "last_unit".
func (s *Units) Delete(ctx context.Context, a Actor, id UnitID) error {
	return s.m.change(ctx, a, "Units.Delete", verbUnitDelete, func(ctx context.Context, w *work) error {
		u, err := w.tx.UnitByID(ctx, id)
		if err != nil {
			return err
		}
		w.on("unit", id, u.Org, u.Name)
		if err := w.need(PermUnitDelete, PermUnitView, unitRecord(&u)); err != nil {
			return err
		}
		if err := w.tx.LockOrg(ctx, u.Org); err != nil {
			return err
		}
		two, err := w.tx.ListUnits(ctx, u.Org, ListQuery{Limit: 2})
		if err != nil {
			return err
		}
		if len(two) < 2 {
			return conflict("unit", "last_unit", "an organization keeps one business unit")
		}
		if err := w.tx.DeleteUnit(ctx, id); err != nil {
			return err
		}
		w.record(unitFields(&u), nil)
		return w.tx.BumpStamps(ctx, u.Org, true)
	})
}

// Get returns a business unit on which the actor has [PermUnitView].
// Errors: [ErrNotFound].
func (s *Units) Get(ctx context.Context, a Actor, id UnitID) (*BusinessUnit, error) {
	const op = "Units.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	u, err := s.m.store.UnitByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.can(PermUnitView, unitRecord(&u)) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &u, nil
}

// List returns all business units of an organization on which the actor has
// [PermUnitView], in the order of their names; Parent gives the tree. The zero
// org is the actor's. Errors: none but the store's.
func (s *Units) List(ctx context.Context, a Actor, org OrgID) ([]BusinessUnit, error) {
	const op = "Units.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	out, err := allPages(ctx, func(q ListQuery) ([]BusinessUnit, error) { return s.m.store.ListUnits(ctx, org, q) },
		func(u *BusinessUnit) Position { return Position{u.NameKey, [16]byte(u.ID)} },
		func(u *BusinessUnit) bool { return v.can(PermUnitView, unitRecord(u)) })
	return out, withOp(op, err)
}
