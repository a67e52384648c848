package usermgmt

import (
	"context"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Limits of custom fields.
const (
	// MaxCustomFields is how many fields a host, or an organization, may define.
	MaxCustomFields = 100

	maxLines        = 4000
	maxFieldValues  = 200
	maxFieldPattern = 255
	customPrefix    = "custom." // of the names in errors, entries and files
)

// customField is a definition made ready for values.
type customField struct {
	CustomField
	pattern  *regexp.Regexp
	min, max *big.Rat
}

// fieldSet are the fields that are defined somewhere, in the order of forms.
type fieldSet []*customField

var (
	fieldWord  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	numberForm = regexp.MustCompile(`^[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?$`)
)

func (s fieldSet) find(name string) *customField {
	for _, f := range s {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func (s fieldSet) sort() {
	slices.SortFunc(s, func(a, b *customField) int {
		if a.Order != b.Order {
			if a.Order < b.Order {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// measure places a number or date on a line.
func (f *customField) measure(value string) *big.Rat {
	if f.Type == FieldDate {
		d, err := ParseDate(value)
		if err != nil {
			return nil
		}
		return new(big.Rat).SetInt64(d.start().Unix())
	}
	r, ok := new(big.Rat).SetString(value)
	if !ok {
		return nil
	}
	return r
}

// form brings a value into the form of the type, whatever else the definition
// asks for. The rule is "" if the type can read it.
func (f *customField) form(text string) (value, rule, detail string) {
	switch f.Type {
	case FieldText, FieldLines:
		most := maxText
		if f.Type == FieldLines {
			most = maxLines
		}
		if err := canon.Text(text, most, f.Type == FieldLines); err != nil {
			return "", ruleOf(err), err.Error()
		}
		return text, "", ""
	case FieldNumber:
		if !numberForm.MatchString(text) {
			return "", "format", "want a decimal number such as -12.5"
		}
		return canonicalNumber(text), "", ""
	case FieldInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", "format", "want a whole number of 64 bits"
		}
		return strconv.FormatInt(n, 10), "", ""
	case FieldDate:
		d, err := ParseDate(text)
		if err != nil || d.Year < 1 {
			return "", "format", formats[FieldDate]
		}
		return d.String(), "", ""
	case FieldBool:
		b, err := parseBool(text)
		if err != nil {
			return "", "format", formats[FieldBool]
		}
		return strconv.FormatBool(b), "", ""
	case FieldEnum:
		if canon.Text(text, 100, false) != nil {
			return "", "format", "is no text"
		}
		return text, "", ""
	case FieldChoices:
		if canon.Text(text, maxFieldValues*101, false) != nil {
			return "", "format", "is no text"
		}
		return strings.Join(f.choices(text), ";"), "", ""
	}
	return "", "type", "is no type of custom fields"
}

// choices are the parts of a list of values, in the order of the definition.
func (f *customField) choices(text string) []string {
	parts := splitList(text)
	var out []string
	for _, v := range f.Values {
		if slices.Contains(parts, v) {
			out = append(out, v)
		}
	}
	for _, v := range parts { // what is unknown comes last
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// canonicalNumber drops what a number has too much: "+007.50" is "7.5".
func canonicalNumber(s string) string {
	minus := strings.HasPrefix(s, "-")
	whole, part, _ := strings.Cut(strings.TrimLeft(s, "+-"), ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if part = strings.TrimRight(part, "0"); part != "" {
		whole += "." + part
	}
	if minus && whole != "0" {
		whole = "-" + whole
	}
	return whole
}

// canonical checks a value that is to be set, and brings it into its form.
func (f *customField) canonical(text string) (value, rule, detail string) {
	if value, rule, detail = f.form(text); rule != "" {
		return "", rule, detail
	}
	switch f.Type {
	case FieldText, FieldLines:
		switch n := utf8.RuneCountInString(value); {
		case n > f.MaxLength:
			return "", "max_length", "at most " + strconv.Itoa(f.MaxLength) + " characters"
		case n < f.MinLength:
			return "", "min_length", "at least " + strconv.Itoa(f.MinLength) + " characters"
		case f.pattern != nil && !f.pattern.MatchString(value):
			return "", "pattern", "does not match the pattern of the field"
		}
	case FieldNumber, FieldInteger, FieldDate:
		at := f.measure(value)
		if f.min != nil && at.Cmp(f.min) < 0 || f.max != nil && at.Cmp(f.max) > 0 {
			return "", "range", "is out of the bounds of the field"
		}
	case FieldEnum:
		if !slices.Contains(f.Values, value) {
			return "", "unknown", "is none of the values of the field"
		}
	case FieldChoices:
		for _, v := range splitList(value) {
			if !slices.Contains(f.Values, v) {
				return "", "unknown", "is none of the values of the field"
			}
		}
	}
	return value, "", ""
}

// isBlank reports whether a value is as good as none.
func isBlank(value string) bool { return strings.TrimSpace(value) == "" }

// check brings the values that differ from before into their forms and reports
// every problem. In what is new it fills in defaults. A value that is blank is
// taken away. Values without a definition stay as they are; nobody sets one.
func (s fieldSet) check(before, after map[string]string, fresh, person bool, p *problems) map[string]string {
	if len(after) == 0 && len(before) == 0 && (!fresh || len(s) == 0) {
		return nil
	}
	out := make(map[string]string, len(after))
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(after)) { // so that problems have an order
		value := after[name]
		was, had := before[name]
		f := s.find(name)
		switch {
		case had && was == value:
			out[name] = value
		case f == nil:
			unknown = append(unknown, name)
		case !isBlank(value):
			v, rule, detail := f.canonical(value)
			if same, no, _ := f.form(value); had && no == "" && same == was { // only written otherwise
				v, rule = was, ""
			}
			if rule != "" {
				p.add(customPrefix+name, rule, detail)
			}
			out[name] = v
		}
	}
	for name := range before {
		if _, still := after[name]; !still && s.find(name) == nil {
			out[name] = before[name]
		}
	}
	for range unknown {
		p.add("custom", "unknown", "no field of this name is defined")
	}
	for _, f := range s {
		_, has := out[f.Name]
		if !has && fresh && f.Default != "" {
			out[f.Name], has = f.Default, true
		}
		if _, had := before[f.Name]; !has && f.Required && person && (fresh || had) {
			p.add(customPrefix+f.Name, "required", "is required")
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// merged is values with changes made to them; "" takes a value away.
func merged(values, changes map[string]string) map[string]string {
	if len(changes) == 0 {
		return values
	}
	out := make(map[string]string, len(values)+len(changes))
	for k, v := range values {
		out[k] = v
	}
	for k, v := range changes {
		if isBlank(v) {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

// visible are the values that have a definition which can read them.
func (s fieldSet) visible(values map[string]string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	for name, value := range values {
		if f := s.find(name); f != nil {
			if _, rule, _ := f.form(value); rule == "" {
				out[name] = value
			}
		}
	}
	return out
}

// ownOnly reports whether users may make the changes to themselves.
func (s fieldSet) ownOnly(changes map[string]string) bool {
	for name := range changes {
		if f := s.find(name); f == nil || !f.Own {
			return false
		}
	}
	return true
}

// appendSearch appends what a search looks into: a line for each searchable
// value, and one for each word inside it.
func (s fieldSet) appendSearch(b []byte, values map[string]string) []byte {
	if len(values) == 0 {
		return b
	}
	for _, f := range s {
		value := values[f.Name]
		if !f.Searchable || value == "" {
			continue
		}
		if len(b) > 0 {
			b = append(b, '\n')
		}
		n := len(b)
		b = appendFold(b, value)
		b = appendWords(b, b[n:])
	}
	return b
}

// customOf are the fields that an organization defines, without those whose name
// the host has taken since.
func (m *Manager) customOf(ctx context.Context, s Store, org OrgID) (fieldSet, error) {
	if org.IsZero() {
		return nil, nil
	}
	fields, err := s.FieldsOf(ctx, org)
	if err != nil {
		return nil, err
	}
	set := make(fieldSet, len(fields))
	for i := range fields {
		set[i] = fields[i].ready()
	}
	set.sort()
	return m.withoutHost(set), nil
}

// withoutHost leaves out the fields whose name the host has taken.
func (m *Manager) withoutHost(set fieldSet) fieldSet {
	taken := func(f *customField) bool { return m.fields.find(f.Name) != nil }
	if !slices.ContainsFunc(set, taken) {
		return set
	}
	return slices.DeleteFunc(slices.Clone(set), taken)
}

// customOf is customOf inside a change, from what is known of the organization.
func (w *work) customOf(ctx context.Context, org OrgID) (fieldSet, error) {
	o, err := w.compiled(ctx, org)
	if err != nil {
		return nil, err
	}
	return w.m.withoutHost(o.policy.fields), nil
}

// remember keeps what is read of organizations for the rest of the call, which
// changes none of it.
func (w *work) remember() {
	if w.known == nil {
		w.known = make(map[OrgID]compiledOrg)
	}
}

// splitCustom divides values by who defines their fields; what nobody does goes
// to the organization's.
func (m *Manager) splitCustom(values map[string]string) (host, org map[string]string) {
	for name, value := range values {
		to := &org
		if m.fields.find(name) != nil {
			to = &host
		}
		if *to == nil {
			*to = make(map[string]string)
		}
		(*to)[name] = value
	}
	return host, org
}

// customOfMember checks the values of a membership that is new (before is nil)
// or changed, and makes its search key.
func (w *work) customOfMember(set fieldSet, u *User, before map[string]string, m *Membership, fresh bool, p *problems) {
	m.Custom = set.check(before, m.Custom, fresh, u.Kind != KindService, p)
	m.SearchKey = string(set.appendSearch(nil, m.Custom))
}

// present hides the values of the user that nothing defines.
func (m *Manager) present(u *User) *User {
	if u != nil {
		u.Custom = m.fields.visible(u.Custom)
	}
	return u
}

// customQuery divides the values that a query asks for by who defines their
// fields, and brings them into their forms.
func (m *Manager) customQuery(ctx context.Context, q *UserQuery) error {
	q.MemberCustom = nil
	if len(q.Custom) == 0 {
		return nil
	}
	own, err := m.customOf(ctx, m.store, q.Org)
	if err != nil {
		return err
	}
	var p problems
	host, org := m.splitCustom(q.Custom)
	for _, name := range slices.Sorted(maps.Keys(q.Custom)) { // so that problems have an order
		f, values := m.fields.find(name), host
		if f == nil {
			f, values = own.find(name), org
		}
		if f == nil {
			p.add("custom", "unknown", "no field of this name is defined")
			continue
		}
		value, rule, detail := f.form(q.Custom[name])
		if rule != "" {
			p.add(customPrefix+name, rule, detail)
		}
		values[name] = value
	}
	q.Custom, q.MemberCustom = host, org
	return p.err()
}
