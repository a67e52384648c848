package equality_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// fieldDef is a custom field of an organization or, with none, of the host.
type fieldDef struct {
	org                       int
	name                      string
	kind                      usermgmt.FieldType
	own, searchable, required bool
	initial                   string
	values                    []string
	longest                   int // of a text
	most                      int64
	version                   int64
	alive                     bool
}

// hostFields are those of the configuration; fieldsOfHost is what the model knows
// of them.
var (
	hostFields = []usermgmt.CustomField{
		{Name: "badge_no", Type: usermgmt.FieldInteger, Max: "999", Own: true},
		{Name: "grade", Type: usermgmt.FieldEnum, Values: []string{"low", "high"}, Default: "low", Required: true},
		{Name: "nick", Type: usermgmt.FieldText, MaxLength: 8, Own: true, Searchable: true},
	}
	fieldsOfHost = []*fieldDef{
		{org: none, name: "badge_no", kind: usermgmt.FieldInteger, most: 999, own: true, alive: true},
		{org: none, name: "grade", kind: usermgmt.FieldEnum, values: []string{"low", "high"}, initial: "low", required: true, alive: true},
		{org: none, name: "nick", kind: usermgmt.FieldText, longest: 8, own: true, searchable: true, alive: true},
	}
)

// drawnValues are values for fields by name, good and bad ones; "" takes one away.
var drawnValues = map[string][]string{
	"badge_no": {"7", "007", "12", "1000", "x", ""}, "grade": {"low", "high", "none", ""}, "nick": {"Bertie", "berti b", "much too long", ""},
	"desk": {"D 12", "window 7", "7", ""}, "zone": {"red", "blue", "pink", ""}, "floor": {"3", "03", "x1", ""}, "no_such": {"1", ""},
}

func isHost(name string) bool { return findField(fieldsOfHost, name) != nil }

func findField(set []*fieldDef, name string) *fieldDef {
	for _, f := range set {
		if f.name == name {
			return f
		}
	}
	return nil
}

// fieldsOf are the fields that an organization defines now.
func (m *model) fieldsOf(org int) (out []*fieldDef) {
	for _, f := range m.fields {
		if f.alive && f.org == org {
			out = append(out, f)
		}
	}
	return out
}

// form brings a value into the form of the type; ok is false if that cannot read it.
func (f *fieldDef) form(value string) (string, bool) {
	if f.kind == usermgmt.FieldInteger {
		n, err := strconv.ParseInt(value, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	}
	return value, true
}

// canonical is form for a value that is to be set.
func (f *fieldDef) canonical(value string) (string, bool) {
	v, ok := f.form(value)
	switch {
	case !ok:
		return "", false
	case f.kind == usermgmt.FieldEnum:
		return v, slices.Contains(f.values, v)
	case f.kind == usermgmt.FieldText:
		return v, f.longest == 0 || len([]rune(v)) <= f.longest
	}
	n, _ := strconv.ParseInt(v, 10, 64)
	return v, f.most == 0 || n <= f.most
}

func mergedValues(values, changes map[string]string) map[string]string {
	out := maps.Clone(values)
	if out == nil {
		out = map[string]string{}
	}
	for k, v := range changes {
		if out[k] = v; v == "" {
			delete(out, k)
		}
	}
	return out
}

// checkValues checks what differs from before; fresh is of somebody new, who gets
// defaults. person: what is required is asked for. bad says whether there are
// problems.
func checkValues(set []*fieldDef, before, after map[string]string, fresh, person bool) (out map[string]string, bad bool) {
	out = map[string]string{}
	for name, value := range after {
		f, was := findField(set, name), before[name]
		switch {
		case was != "" && was == value:
			out[name] = value
		case f == nil:
			bad = true
		case value != "":
			v, ok := f.canonical(value)
			if same, reads := f.form(value); reads && was != "" && same == was {
				v, ok = was, true
			}
			if out[name] = v; !ok {
				bad = true
			}
		}
	}
	for name, value := range before {
		if findField(set, name) == nil {
			out[name] = value
		}
	}
	for _, f := range set {
		if out[f.name] == "" && fresh && f.initial != "" {
			out[f.name] = f.initial
		}
		if out[f.name] == "" && f.required && person && (fresh || before[f.name] != "") {
			bad = true
		}
	}
	return out, bad
}

// freshValues checks the values of a new membership; bad says whether there are
// problems.
func (m *model) freshValues(u *person, org int, p *place) (bad bool) {
	p.custom, bad = checkValues(m.fieldsOf(org), nil, p.custom, true, needsSeat(u))
	p.search = m.searchOf(org, p.custom)
	return bad
}

func (m *model) searchOf(org int, values map[string]string) string {
	var lines []string
	set := m.fieldsOf(org)
	slices.SortFunc(set, func(a, b *fieldDef) int { return strings.Compare(a.name, b.name) })
	for _, f := range set {
		if v := values[f.name]; f.searchable && v != "" {
			lines = append(lines, strings.ToLower(v))
		}
	}
	return strings.Join(lines, "\n")
}

// visibleValues are those that have a definition which can read them.
func (m *model) visibleValues(org int, values map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range values {
		if f := findField(m.fieldsOf(org), name); f != nil {
			if _, ok := f.form(value); ok {
				out[name] = value
			}
		}
	}
	return out
}

func ownOnly(set []*fieldDef, changes map[string]string) bool {
	for name := range changes {
		if f := findField(set, name); f == nil || !f.own {
			return false
		}
	}
	return true
}

// splitValues divides values by who defines their fields.
func splitValues(values map[string]string) (host, own map[string]string) {
	host, own = map[string]string{}, map[string]string{}
	for name, value := range values {
		if isHost(name) {
			host[name] = value
		} else {
			own[name] = value
		}
	}
	return host, own
}

func valuesText(values map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, name+"="+values[name])
	}
	return fmt.Sprint(out)
}

func (f *fieldDef) text(name string) string {
	return fmt.Sprintf("%s %s %s own %t searchable %t required %t default %q values %s version %d", name, f.name, f.kind, f.own, f.searchable, f.required,
		f.initial, f.values, f.version)
}

func (s *system) fieldText(f *usermgmt.CustomField) string {
	return fmt.Sprintf("%s %s %s own %t searchable %t required %t default %q values %s version %d", of(s, f.ID), f.Name, f.Type, f.Own, f.Searchable, f.Required,
		f.Default, f.Values, f.Version)
}

// given is a definition as callers give it.
func (f *fieldDef) given() usermgmt.CustomField {
	return usermgmt.CustomField{Name: f.name, Type: f.kind, Own: f.own, Searchable: f.searchable, Required: f.required, Default: f.initial, Values: f.values}
}

// saveField checks a definition and brings its default into its form.
func (m *model) saveField(f *fieldDef, number int) error {
	if isHost(f.name) {
		return usermgmt.ErrConflict
	}
	if f.name != strings.ToLower(f.name) || (f.kind == usermgmt.FieldEnum) != (len(f.values) > 0) {
		return usermgmt.ErrInvalid
	}
	if f.initial != "" {
		v, ok := f.canonical(f.initial)
		if !ok {
			return usermgmt.ErrInvalid
		}
		f.initial = v
	}
	for i, other := range m.fields {
		if i != number && other.alive && other.org == f.org && other.name == f.name {
			return usermgmt.ErrConflict
		}
	}
	return nil
}

func (mc *machine) fieldCreate(org int, f fieldDef) *call {
	return &call{name: "fields.create", note: fmt.Sprintf(" %+v", f), verb: "field.create",
		expect: func(a *actor) (string, error) {
			m, f := mc.model, f
			if f.org = org; org == none {
				f.org = a.org
			}
			m.on("field", "?", f.org)
			if err := m.needIn(a, "field.manage", f.org); err != nil {
				return "", err
			}
			n := len(m.fields)
			if err := m.saveField(&f, n); err != nil {
				return "", err
			}
			f.version, f.alive = 1, true
			m.fields = append(m.fields, &f)
			m.on("field", name("field", n), f.org)
			m.record(a, "field.create")
			return f.text(name("field", n)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			got, err := s.Fields().Create(ctx, a, at(s.orgs, org), f.given())
			if err != nil {
				return "", err
			}
			add(s, "field", &s.fields, got.ID)
			return s.fieldText(got), nil
		}}
}

// fieldFor is the field that a call is about.
func (m *model) fieldFor(a *actor, n int) (*fieldDef, error) {
	if n >= len(m.fields) || !m.fields[n].alive {
		return nil, usermgmt.ErrNotFound
	}
	f := m.fields[n]
	m.on("field", name("field", n), f.org)
	if err := m.needIn(a, "field.manage", f.org); err != nil {
		if f.org != a.org {
			err = usermgmt.ErrNotFound
		}
		return nil, err
	}
	return f, nil
}

func (mc *machine) fieldUpdate(n int, version int64, next fieldDef) *call {
	return &call{name: "fields.update", note: fmt.Sprintf(" %+v", next), verb: "field.update",
		expect: func(a *actor) (string, error) {
			m, next := mc.model, next
			f, err := m.fieldFor(a, n)
			if err != nil {
				return "", err
			}
			switch {
			case f.version != version:
				return "", usermgmt.ErrStale
			case f.name != next.name || f.kind != next.kind:
				return "", usermgmt.ErrInvalid
			}
			next.org, next.version, next.alive = f.org, f.version+1, true
			if err := m.saveField(&next, n); err != nil {
				return "", err
			}
			m.fields[n] = &next
			m.record(a, "field.update")
			return next.text(name("field", n)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			got, err := s.Fields().Update(ctx, a, at(s.fields, n), version, next.given())
			if err != nil {
				return "", err
			}
			return s.fieldText(got), nil
		}}
}

func (mc *machine) fieldDelete(n int) *call {
	return &call{name: "fields.delete", verb: "field.delete",
		expect: func(a *actor) (string, error) {
			f, err := mc.fieldFor(a, n)
			if err != nil {
				return "", err
			}
			f.alive = false
			mc.record(a, "field.delete")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Fields().Delete(ctx, a, at(s.fields, n))
		}}
}

func (mc *machine) fieldList(org int) *call {
	return &call{name: "fields.list", read: true,
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if org != a.org && !m.can(a, "organization.view", &thing{org: org, owner: none}) {
				return "", usermgmt.ErrNotFound
			}
			lines := map[string]string{}
			for _, f := range fieldsOfHost {
				lines[f.name] = f.text("-")
			}
			for n, f := range m.fields {
				if f.alive && f.org == org {
					lines[f.name] = f.text(name("field", n))
				}
			}
			var out []string
			for _, n := range slices.Sorted(maps.Keys(lines)) {
				out = append(out, lines[n])
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Fields().List(ctx, a, at(s.orgs, org))
			var out []string
			for i := range list {
				out = append(out, s.fieldText(&list[i]))
			}
			return strings.Join(out, "\n"), err
		}}
}

// fieldLines are the definitions, as text by lines.
func (m *model) fieldLines() (out []string) {
	for n, f := range m.fields {
		if f.alive {
			out = append(out, f.text(name("field", n))+" in "+name("org", f.org))
		}
	}
	return out
}

func (mc *machine) foundFields(s *system, org usermgmt.OrgID) (out []string) {
	list, err := s.Store.FieldsOf(mc.ctx, org)
	if err != nil {
		mc.fail("reading the fields of %s: %v", s.name, err)
	}
	for i := range list {
		out = append(out, s.fieldText(&list[i])+" in "+of(s, list[i].Org))
	}
	return out
}

// fieldFaults are those of a store that keeps definitions.
type fieldFaults struct {
	saveField func(f *usermgmt.CustomField)
}

func (f faulty) SaveField(ctx context.Context, x usermgmt.CustomField) error {
	if f.saveField != nil {
		f.saveField(&x)
	}
	return f.Store.SaveField(ctx, x)
}
