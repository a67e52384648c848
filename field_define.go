package usermgmt

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// newFieldSet makes the host's definitions ready, and reports every problem.
func newFieldSet(fields []CustomField, p *problems) fieldSet {
	if len(fields) > MaxCustomFields {
		p.add("fields", "max_items", "at most 100")
		return nil
	}
	set := make(fieldSet, 0, len(fields))
	for i := range fields {
		f := fields[i]
		if !f.ID.IsZero() || !f.Org.IsZero() {
			p.add("fields", "host", f.Name+": a host's field has neither an identifier nor an organization")
		}
		if set.find(f.Name) != nil {
			p.add("fields", "taken", f.Name+": two fields of this name")
		}
		var own problems
		set = append(set, f.prepare(&own))
		for _, err := range own.errs {
			e := err.(*Error) //nolint:errorlint,forcetypeassert // made by problems.add
			p.add("fields", e.Rule, f.Name+": "+e.Field+": "+e.Detail)
		}
	}
	set.sort()
	return set
}

// ready is prepare for a definition that was checked when it was stored.
func (f CustomField) ready() *customField { return f.prepare(&problems{}) }

// prepare fills in defaults and checks a definition.
func (f CustomField) prepare(p *problems) *customField {
	f.Values = slices.Clone(f.Values)
	c := &customField{CustomField: f}
	if !fieldWord.MatchString(f.Name) {
		p.add("name", "format", "want 1 to 40 characters a-z, 0-9 and _, beginning with a letter")
	}
	if f.Label == "" {
		c.Label = f.Name
	}
	p.text("label", c.Label, 100, false)
	text := f.Type == FieldText || f.Type == FieldLines
	switch f.Type {
	case FieldText, FieldLines:
		c.prepareText(p)
	case FieldNumber, FieldInteger, FieldDate:
		c.prepareBounds(p)
	case FieldEnum, FieldChoices:
		c.prepareValues(p)
	case FieldBool:
	default:
		p.add("type", "unknown", "is no type of custom fields")
		return c
	}
	if !text && (f.MinLength != 0 || f.MaxLength != 0 || f.Pattern != "") {
		p.add("type", "bounds", "only texts have lengths and a pattern")
	}
	if (f.Min != "" || f.Max != "") && f.Type != FieldNumber && f.Type != FieldInteger && f.Type != FieldDate {
		p.add("type", "bounds", "only numbers and dates have bounds")
	}
	if len(f.Values) > 0 && f.Type != FieldEnum && f.Type != FieldChoices {
		p.add("values", "type", "only FieldEnum and FieldChoices have values")
	}
	if f.Searchable && (f.Type == FieldLines || f.Type == FieldBool) {
		p.add("searchable", "type", "neither FieldLines nor FieldBool is searched")
	}
	if f.Default != "" && len(p.errs) == 0 {
		value, rule, detail := c.canonical(f.Default)
		if rule != "" {
			p.add("default", rule, detail)
		}
		c.Default = value
	}
	return c
}

func (f *customField) prepareText(p *problems) {
	most := maxText
	if f.Type == FieldLines {
		most = maxLines
	}
	if f.MaxLength == 0 {
		f.MaxLength = most
	}
	if f.MinLength < 0 || f.MinLength > f.MaxLength || f.MaxLength > most {
		p.add("max_length", "range", "want 0 <= MinLength <= MaxLength <= "+strconv.Itoa(most))
	}
	if f.Pattern == "" {
		return
	}
	_, err := regexp.Compile(f.Pattern)
	if err == nil && len(f.Pattern) <= maxFieldPattern {
		f.pattern, err = regexp.Compile(`\A(?:` + f.Pattern + `)\z`)
	}
	if err != nil || f.pattern == nil {
		p.add("pattern", "format", "want a regular expression of package regexp of at most 255 bytes")
	}
}

func (f *customField) prepareBounds(p *problems) {
	bound := func(name string, text *string) *big.Rat {
		if *text == "" {
			return nil
		}
		value, rule, detail := f.form(*text)
		if rule != "" {
			p.add(name, rule, detail)
			return nil
		}
		*text = value
		return f.measure(value)
	}
	f.min, f.max = bound("min", &f.Min), bound("max", &f.Max)
	if f.min != nil && f.max != nil && f.min.Cmp(f.max) > 0 {
		p.add("min", "range", "Min is above Max")
	}
}

func (f *customField) prepareValues(p *problems) {
	if len(f.Values) == 0 || len(f.Values) > maxFieldValues {
		p.add("values", "max_items", "want 1 to 200")
	}
	for i, v := range f.Values {
		switch {
		case v == "" || strings.TrimSpace(v) != v || strings.ContainsAny(v, `;\`) || canon.Text(v, 100, false) != nil:
			p.add("values", "format", "want 1 to 100 characters without spaces around, control characters, \";\" and \"\\\"")
		case slices.Contains(f.Values[:i], v):
			p.add("values", "twice", "the same value twice")
		}
	}
}
