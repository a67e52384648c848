package usermgmt

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Fields manages the custom fields that organizations define. [Manager.Fields]
// returns it.
type Fields struct{ m *Manager }

// Fields returns the service that manages custom fields.
func (m *Manager) Fields() *Fields { return &Fields{m} }

// Audit verbs of custom fields.
const (
	verbFieldCreate = "field.create"
	verbFieldUpdate = "field.update"
	verbFieldDelete = "field.delete"
)

// List returns the custom fields of an organization's members in the order of
// forms: those that the host defines for everybody, and the organization's own.
// The zero org is the actor's. Whoever is in the organization may ask; others
// need [PermOrgView] on it.
//
// Errors: [ErrNotFound].
func (s *Fields) List(ctx context.Context, a Actor, org OrgID) ([]CustomField, error) {
	const op = "Fields.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	if org != v.org && !v.can(PermOrgView, &Record{Org: org}) {
		return nil, withOp(op, &Error{Kind: ErrNotFound, hidden: true})
	}
	own, err := s.m.customOf(ctx, s.m.store, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	all := append(slices.Clone(s.m.fields), own...)
	all.sort()
	out := make([]CustomField, len(all))
	for i, f := range all {
		out[i] = f.CustomField
		out[i].Values = slices.Clone(f.Values)
	}
	return out, nil
}

// Create defines a field in an organization; the zero org is the actor's. ID,
// Org, times and Version of f do not count. An organization has at most
// [MaxCustomFields], none with the name of a field of the host's.
//
// Members who are there already have no value, whatever Default and Required say.
//
// The actor needs [PermFieldManage] in the organization.
//
// Create is atomic. It records "field.create".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid], [ErrConflict] for a taken
// name, [ErrLimit].
func (s *Fields) Create(ctx context.Context, a Actor, org OrgID, f CustomField) (*CustomField, error) {
	var out *CustomField
	id := newID[CustomField]()
	err := s.m.change(ctx, a, "Fields.Create", verbFieldCreate, func(ctx context.Context, w *work) error {
		f := f
		f.ID, f.Org, f.Version, f.CreatedAt = id, org, 0, w.now
		if f.Org.IsZero() {
			f.Org = w.v.org
		}
		w.on("field", f.ID, f.Org, f.Name)
		if err := w.v.needIn(PermFieldManage, f.Org); err != nil {
			return err
		}
		if _, err := w.organization(ctx, f.Org); err != nil {
			return err
		}
		w.on("field", f.ID, f.Org, f.Name)
		if err := w.tx.LockOrg(ctx, f.Org); err != nil {
			return err
		}
		all, err := w.tx.FieldsOf(ctx, f.Org)
		if err != nil {
			return err
		}
		if len(all) >= MaxCustomFields {
			return &Error{Kind: ErrLimit, Field: "fields", Rule: "max_items"}
		}
		out, err = w.saveField(ctx, f, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// saveField checks and stores a definition.
func (w *work) saveField(ctx context.Context, f CustomField, before map[string]string) (*CustomField, error) {
	if w.m.fields.find(f.Name) != nil {
		return nil, conflict("name", "taken", "the host defines a field of this name")
	}
	var p problems
	f.UpdatedAt = w.now
	f = f.prepare(&p).CustomField
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := w.tx.SaveField(ctx, f); err != nil {
		return nil, err
	}
	f.Version++
	w.record(before, definitionFields(&f))
	return &f, w.tx.BumpStamps(ctx, f.Org, false)
}

// definitionFields are a definition's fields as audit entries hold them.
func definitionFields(f *CustomField) map[string]string {
	out := map[string]string{
		"name": f.Name, "label": f.Label, "type": string(f.Type), "default": f.Default, "pattern": f.Pattern,
		"min": f.Min, "max": f.Max, "values": strings.Join(f.Values, ";"), "order": strconv.Itoa(f.Order),
		"required": boolText(f.Required), "hidden": boolText(f.Hidden), "own": boolText(f.Own),
		"exportable": boolText(f.Exportable), "searchable": boolText(f.Searchable),
	}
	if f.MaxLength > 0 {
		out["min_length"], out["max_length"] = strconv.Itoa(f.MinLength), strconv.Itoa(f.MaxLength)
	}
	return out
}

// Update replaces a definition, if version is the stored one, by f; Name and Type
// stay as they are. ID, Org, times and Version of f do not count.
//
// Stored values are not touched: see [CustomField]. What was not searchable is
// found as soon as it is next changed, and what was stays found until then.
//
// The actor needs [PermFieldManage] in the organization.
//
// Update is atomic. It records "field.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid], with the Rule
// "fixed" for another Name or Type.
func (s *Fields) Update(ctx context.Context, a Actor, id FieldID, version int64, f CustomField) (*CustomField, error) {
	var out *CustomField
	err := s.m.change(ctx, a, "Fields.Update", verbFieldUpdate, func(ctx context.Context, w *work) error {
		stored, err := w.field(ctx, id)
		if err != nil {
			return err
		}
		if stored.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		var p problems
		if f.Name != stored.Name {
			p.add("name", "fixed", "cannot be changed")
		}
		if f.Type != stored.Type {
			p.add("type", "fixed", "cannot be changed")
		}
		if err := p.err(); err != nil {
			return err
		}
		next := f
		next.ID, next.Org, next.Version, next.CreatedAt = stored.ID, stored.Org, stored.Version, stored.CreatedAt
		out, err = w.saveField(ctx, next, definitionFields(stored))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// field loads the definition that the call is about.
func (w *work) field(ctx context.Context, id FieldID) (*CustomField, error) {
	f, err := w.tx.FieldByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("field", id, f.Org, f.Name)
	switch err := w.v.needIn(PermFieldManage, f.Org); {
	case err == nil:
		return &f, nil
	case f.Org == w.v.org:
		return nil, err
	}
	return nil, &Error{Kind: ErrNotFound, hidden: true}
}

// Delete takes a definition away. The values stay stored and are hidden: nobody
// gets, filters by, exports or changes them, and a field of the same name that is
// defined later shows those that its type can read. A search finds members by what
// was searchable until one of their values is next changed. Values go with the
// membership, and with [Users.Erase].
//
// The actor needs [PermFieldManage] in the organization.
//
// It records "field.delete".
//
// Errors: [ErrNotFound], [ErrPermission].
func (s *Fields) Delete(ctx context.Context, a Actor, id FieldID) error {
	return s.m.change(ctx, a, "Fields.Delete", verbFieldDelete, func(ctx context.Context, w *work) error {
		f, err := w.field(ctx, id)
		if err != nil {
			return err
		}
		if err := w.tx.DeleteField(ctx, id); err != nil {
			return err
		}
		w.record(definitionFields(f), nil)
		return w.tx.BumpStamps(ctx, f.Org, false)
	})
}
