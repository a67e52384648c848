package usermgmt

import (
	"context"
	"maps"
	"strings"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// customColumn is a column of a file that holds a custom field.
type customColumn struct {
	at    int
	field *customField
}

// csvFields are the custom fields that files of an organization may hold: the
// host's, then the organization's.
type csvFields struct{ host, org fieldSet }

func (m *Manager) csvFields(ctx context.Context, s Store, org OrgID) (csvFields, error) {
	own, err := m.customOf(ctx, s, org)
	return csvFields{m.fields, own}, err
}

// find finds the field of a column; nil is none.
func (c csvFields) find(column string) *customField {
	name, ok := strings.CutPrefix(column, customPrefix)
	if !ok {
		return nil
	}
	if f := c.host.find(name); f != nil {
		return f
	}
	return c.org.find(name)
}

// exportable are the names of the columns that an export has if none is marked.
func (c csvFields) exportable() []string {
	var out []string
	for _, set := range [...]fieldSet{c.host, c.org} {
		for _, f := range set {
			if f.Exportable {
				out = append(out, customPrefix+f.Name)
			}
		}
	}
	return out
}

// export is the column of an export.
func (c csvFields) export(column string) (exportField, bool) {
	f := c.find(column)
	if f == nil || !f.Exportable {
		return exportField{}, false
	}
	return exportField{name: column, plain: func(dst []byte, m *Member) []byte {
		values := m.User.Custom
		if !f.Org.IsZero() {
			values = m.Membership.Custom
		}
		value, has := values[f.Name]
		if !has {
			return dst
		}
		if _, rule, _ := f.form(value); rule != "" {
			return dst // another type's
		}
		return csvcell.AppendText(dst, value)
	}}, true
}

// custom are the cells of the host's, or of the organization's, custom fields.
func (r *importRow) custom(org bool) map[string]string {
	var out map[string]string
	for _, c := range r.h.custom {
		if org == c.field.Org.IsZero() {
			continue
		}
		if out == nil {
			out = make(map[string]string, len(r.h.custom))
		}
		out[c.field.Name] = r.cells[c.at]
	}
	return out
}

// customDefaults puts the cells that hold something in the place of defaults.
func (r *importRow) customDefaults(n *NewMembership) {
	if len(r.h.custom) == 0 {
		return
	}
	values := maps.Clone(n.Custom)
	for _, c := range r.h.custom {
		if cell := r.cells[c.at]; !isBlank(cell) {
			if values == nil {
				values = make(map[string]string, len(r.h.custom))
			}
			values[c.field.Name] = cell
		}
	}
	n.Custom = values
}

// customChanges are the cells of the organization's fields that differ from what
// is stored.
func (r *importRow) customChanges(set fieldSet, stored *Membership, person bool, p *problems) map[string]string {
	cells := r.custom(true)
	if len(cells) == 0 {
		return nil
	}
	next := set.check(stored.Custom, merged(stored.Custom, cells), false, person, p)
	var out map[string]string
	for name := range cells {
		if next[name] != stored.Custom[name] {
			if out == nil {
				out = make(map[string]string, len(cells))
			}
			out[name] = next[name]
		}
	}
	return out
}

// differing are the values that differ.
func differing(before, after map[string]string) map[string]string {
	if maps.Equal(before, after) {
		return nil
	}
	out := make(map[string]string)
	for name, value := range after {
		if was, had := before[name]; !had || was != value {
			out[name] = value
		}
	}
	for name := range before {
		if _, has := after[name]; !has {
			out[name] = ""
		}
	}
	return out
}
