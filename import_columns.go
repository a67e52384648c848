package usermgmt

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/phc"
)

// The columns that are no fields of the record itself.
const (
	colReportsTo = iota
	colResponsible
	colDeactivated
	colOwnerUnit
	colMemberEnabled
	colProfile
	colRoles
	colPrimaryTeam
	colTeams
	colUnits
	colLicence
	colInitialApp
	colTimeZone
	colDateFormat
	colPassword
	colGroups
	colCount
)

var importColumnNames = map[string]int{
	"reports_to": colReportsTo, "responsible": colResponsible, "deactivated_at": colDeactivated,
	"owner_unit": colOwnerUnit, "membership_enabled": colMemberEnabled, "profile": colProfile, "roles": colRoles,
	"primary_team": colPrimaryTeam, "teams": colTeams, "units": colUnits, "licence": colLicence,
	"initial_application": colInitialApp, "time_zone": colTimeZone, "date_format": colDateFormat, "password": colPassword,
	"groups": colGroups,
}

// otherNames are names that columns have in files besides.
var otherNames = map[string]string{"business_unit": "owner_unit", "team": "primary_team", "password_hash": "password"}

// importHeader is what the columns of rows mean.
type importHeader struct {
	names  []string
	fields []fieldColumn
	at     [colCount]int // the column, -1 for none
	kind   int           // the columns of these fields of the record, -1 for none
	enable int
	source int
	extID  int
	user   int
	custom []customColumn
	uses   []columnUse
	digest [32]byte // of what the columns are
	basis  [32]byte // of that and what else decides about a row, once rows are hashed
	based  bool
}

type fieldColumn struct {
	at    int
	field *UserField
}

// readHeader finds out what columns mean. Every problem is reported.
func (imp *importer) readHeader(names []string, line int) (*importHeader, error) {
	h := &importHeader{names: names, kind: -1, enable: -1, source: -1, extID: -1, user: -1, uses: make([]columnUse, len(names))}
	for i := range h.at {
		h.at[i] = -1
	}
	var p problems
	type fault struct {
		column       int
		rule, detail string
	}
	var faults []fault
	used := make(map[string]bool, len(names))
	for i, column := range names {
		name, renamed := imp.opt.Columns[column]
		if !renamed {
			name = strings.ToLower(strings.TrimSpace(column))
			if other, ok := otherNames[name]; ok {
				name = other
			}
		}
		if renamed && name == "" {
			continue
		}
		if slices.Contains(rejectedColumns[:], name) {
			continue
		}
		if f := imp.fields.find(name); f != nil && !used[name] {
			h.custom = append(h.custom, customColumn{i, f})
			h.use(i, -1, name)
			used[name] = true
			continue
		}
		field := slices.IndexFunc(userFields, func(f UserField) bool { return f.Name == name })
		special, ok := importColumnNames[name]
		switch _, known := exportFields[name]; {
		case field < 0 && !ok && known: // what nobody can set
			continue
		case field < 0 && !ok && !used[name]:
			if renamed || !imp.opt.IgnoreUnknown {
				faults = append(faults, fault{i, "unknown_column", "no field of this name can be imported"})
			}
			continue
		case used[name]:
			faults = append(faults, fault{i, "twice", "two columns for the field " + name})
			continue
		case ok:
			h.at[special] = i
		default:
			special = -1
			h.setField(i, &userFields[field])
		}
		h.use(i, special, name)
		used[name] = true
	}
	isHeader := h.user >= 0 || h.extID >= 0
	for _, f := range faults {
		// What may be no header may be a row, which no error shows.
		name := "column_" + strconv.Itoa(f.column+1)
		if isHeader && columnWord.MatchString(names[f.column]) {
			name = names[f.column]
		}
		p.add(name, f.rule, f.detail)
	}
	if !isHeader {
		p.add("username", "required", "there is no column that says whom a row is about")
	}
	for _, err := range p.errs {
		var e *Error
		if errors.As(err, &e) {
			e.Line = line
		}
	}
	return h, p.err()
}

func (h *importHeader) setField(column int, f *UserField) {
	switch f.Name {
	case "kind":
		h.kind = column
		return
	case "enabled":
		h.enable = column
		return
	case "username":
		h.user = column
	case "source":
		h.source = column
	case "external_id":
		h.extID = column
	}
	h.fields = append(h.fields, fieldColumn{column, f})
}

var columnWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 _-]{0,39}$`)

// cell returns a cell of the row, "" if there is no such column.
func (r *importRow) cell(column int) string {
	if column < 0 {
		return ""
	}
	return r.cells[column]
}

func (r *importRow) special(column int) string { return r.cell(r.h.at[column]) }

// into writes the cells of the record's own fields into u. In a new user empty
// cells have nothing to clear.
func (r *importRow) into(u *User, source string, p *problems) {
	fresh := u.Version == 0
	for _, c := range r.h.fields {
		value := r.cells[c.at]
		if value == "" && fresh {
			continue
		}
		var err error
		switch c.field.Type {
		case FieldList:
			err = c.field.setList(u, value)
		default:
			err = c.field.set(u, value)
		}
		if err != nil {
			p.add(c.field.Name, "format", formats[c.field.Type])
		}
	}
	switch {
	case u.ExternalID == "" && r.h.extID >= 0 && r.h.source < 0:
		u.Source = ""
	case u.Source == "" && u.ExternalID != "":
		u.Source = source
	}
}

var formats = map[FieldType]string{FieldDate: "a date is written 2006-01-02", FieldBool: "want true or false"}

// setList is set for texts in which a backslash protects separators.
func (f *UserField) setList(u *User, value string) error {
	if strings.IndexByte(value, '\\') < 0 {
		return f.set(u, value)
	}
	items := splitEscaped(value, ';')
	for i := range items {
		items[i] = unescape(items[i])
	}
	*f.list(u) = items
	return nil
}

// flag reads a cell of true or false; an empty one stands for otherwise.
func (r *importRow) flag(column int, field string, otherwise bool, p *problems) bool {
	text := r.cell(column)
	if text == "" {
		return otherwise
	}
	b, err := parseBool(text)
	if err != nil {
		p.add(field, "format", formats[FieldBool])
	}
	return b
}

// draft makes u the user that the row describes, without the owner unit and
// people.
func (r *importRow) draft(u *User, source string, now time.Time, p *problems) {
	*u = User{Kind: KindPerson}
	r.into(u, source, p)
	if text := r.cell(r.h.kind); text != "" {
		if kind, err := parseKind(text); err != nil {
			p.addErr(err)
		} else {
			u.Kind = kind
		}
	}
	u.Enabled = r.flag(r.h.enable, "enabled", true, p)
	if text := r.special(colDeactivated); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || at.After(now) {
			p.add("deactivated_at", "format", "want a time of RFC 3339 that is not in the future")
		}
		u.DeactivatedAt = stored(at)
		u.Enabled = false
	}
}

// hash is the password hash of the row.
func (r *importRow) hash(kind UserKind, p *problems) string {
	text := r.special(colPassword)
	if text == "" {
		return ""
	}
	if _, err := phc.Parse(text); err != nil {
		p.add("password", "hash", "want a password hash of a known form; plain passwords are not imported")
		return ""
	}
	if kind == KindService {
		p.add("password", "service", "services have no password")
	}
	return text
}

// membership is what the row says about the membership; nil says nothing.
func (r *importRow) membership(refs *csvRefs, p *problems) MembershipUpdate {
	var c MembershipUpdate
	if text := r.special(colMemberEnabled); text != "" {
		enabled := r.flag(r.h.at[colMemberEnabled], "membership_enabled", true, p)
		c.Enabled = &enabled
	}
	if text := r.special(colProfile); text != "" {
		id, _ := nameIn(refs.profiles, text, "profile", p)
		c.Profile = &id
	}
	if text := r.special(colInitialApp); text != "" {
		id, _ := nameIn(refs.applications, text, "initial_application", p)
		c.InitialApp = &id
	}
	if text := r.special(colRoles); text != "" {
		list := []RoleAssignment{}
		for _, item := range splitEscaped(text, ';') {
			if id, from, until, ok := periodIn(refs.roles, item, "roles", p); ok {
				list = append(list, RoleAssignment{id, stored(from), stored(until)})
			}
		}
		c.Roles = &list
	}
	if text := r.special(colTeams); text != "" {
		list := []TeamAssignment{}
		for _, item := range splitEscaped(text, ';') {
			if id, from, until, ok := periodIn(refs.teams, item, "teams", p); ok {
				list = append(list, TeamAssignment{id, stored(from), stored(until)})
			}
		}
		c.Teams = &list
		if len(list) > 0 {
			c.PrimaryTeam = &list[0].Team
		}
	}
	if text := r.special(colPrimaryTeam); text != "" {
		id, _ := nameIn(refs.teams, text, "primary_team", p)
		c.PrimaryTeam = &id
		if c.Teams != nil && !inTeam(*c.Teams, id) {
			*c.Teams = append(*c.Teams, TeamAssignment{Team: id})
		}
	}
	if text := r.special(colUnits); text != "" {
		list := namesIn(refs.units, text, "units", p)
		c.Units = &list
	}
	if text := r.special(colLicence); text != "" {
		licence := LicenceType(text)
		c.Licence = &licence
	}
	if text := r.special(colTimeZone); text != "" {
		c.TimeZone = &text
	}
	if text := r.special(colDateFormat); text != "" {
		c.DateFormat = &text
	}
	return c
}
