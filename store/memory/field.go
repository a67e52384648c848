package memory

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func fieldsByName(a, b *usermgmt.CustomField) int { return strings.Compare(a.Name, b.Name) }

func cloneField(f *usermgmt.CustomField) usermgmt.CustomField {
	c := *f
	c.Values = cloneSlice(f.Values)
	c.CreatedAt, c.UpdatedAt = utc(f.CreatedAt), utc(f.UpdatedAt)
	return c
}

func (v *version) field(id usermgmt.FieldID) *usermgmt.CustomField {
	return find(&v.orgs.fields, id, func(f *usermgmt.CustomField) usermgmt.FieldID { return f.ID })
}

// SaveField implements [usermgmt.Store].
func (s *Store) SaveField(ctx context.Context, f usermgmt.CustomField) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.field(f.ID)
		var stored int64
		if old != nil {
			stored = old.Version
		}
		if err := checkVersion(f.Version, old != nil, stored); err != nil {
			return err
		}
		if w.v.org(f.Org) == nil {
			return missing("organization")
		}
		if other, found := w.v.space(f.Org).fields.Get(&f); found && other != old {
			return taken("name")
		}
		row := cloneField(&f)
		row.Version++
		if old != nil {
			w.space(old.Org).fields.Delete(w.own, old)
		}
		w.space(f.Org).fields.Set(w.own, &row)
		put(&w.orgs().fields, w.own, old, &row)
		return nil
	})
}

// DeleteField implements [usermgmt.Store].
func (s *Store) DeleteField(ctx context.Context, id usermgmt.FieldID) error {
	return s.write(ctx, func(w *writer) error {
		f := w.v.field(id)
		if f == nil {
			return usermgmt.ErrNotFound
		}
		w.space(f.Org).fields.Delete(w.own, f)
		w.orgs().fields.Delete(w.own, f)
		return nil
	})
}

// FieldByID implements [usermgmt.Store].
func (s *Store) FieldByID(ctx context.Context, id usermgmt.FieldID) (usermgmt.CustomField, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.CustomField{}, err
	}
	f := v.field(id)
	if f == nil {
		return usermgmt.CustomField{}, usermgmt.ErrNotFound
	}
	return cloneField(f), nil
}

// FieldsOf implements [usermgmt.Store].
func (s *Store) FieldsOf(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.CustomField, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	sp := v.space(org)
	if sp == nil {
		return nil, nil
	}
	return all(&sp.fields, cloneField), nil
}
