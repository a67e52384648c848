package usermgmt

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// exportField is a column of an export. One of the functions is set.
type exportField struct {
	name   string
	text   func(*User) string
	plain  func([]byte, *Member) []byte // appends a cell
	person func(*User) *UserID
	named  func([]byte, *csvRefs, *Member) []byte
	// account columns cost a read of the store for each row.
	account func([]byte, *exporter, *Account) []byte
}

// unmarked are the fields that are not exported unless an organization marks
// them: those that no import takes, and the password.
var unmarked = []string{"id", "display_name", "organization", "created_at", "updated_at",
	"password", "auth_status", "last_login_at", "login_count"}

// ExportFields returns the names of the fields that an export can hold:
// those of [UserFields], then the rest. Custom fields are not among them.
func ExportFields() []string {
	out := make([]string, len(exportFieldList))
	for i := range exportFieldList {
		out[i] = exportFieldList[i].name
	}
	return out
}

// DefaultExportFields returns the fields of an export when an organization
// marks none: every field that an import reads but the password; custom fields come besides.
func DefaultExportFields() []string {
	return slices.DeleteFunc(ExportFields(), func(name string) bool { return slices.Contains(unmarked, name) })
}

var exportFields = func() map[string]exportField {
	out := make(map[string]exportField, len(exportFieldList))
	for _, f := range exportFieldList {
		out[f.name] = f
	}
	return out
}()

var exportFieldList = func() []exportField {
	var out []exportField
	for _, f := range userFields {
		column := exportField{name: f.Name}
		switch f.Type {
		case FieldBool, FieldEnum:
			column.plain = func(dst []byte, m *Member) []byte { return append(dst, f.get(&m.User)...) }
		case FieldDate:
			column.plain = func(dst []byte, m *Member) []byte { return appendDate(dst, m.User.Birthday) }
		case FieldList:
			column.plain = func(dst []byte, m *Member) []byte { return appendList(dst, *f.list(&m.User)) }
		default:
			column.text = f.get
		}
		out = append(out, column)
	}
	return append(out, furtherFields...)
}()

var furtherFields = []exportField{
	{name: "reports_to", person: func(u *User) *UserID { return &u.ReportsTo }},
	{name: "responsible", person: func(u *User) *UserID { return &u.Responsible }},
	{name: "groups", named: appendGroups},
	{name: "deactivated_at", plain: func(dst []byte, m *Member) []byte { return appendTime(dst, m.User.DeactivatedAt) }},
	{name: "owner_unit", named: func(dst []byte, r *csvRefs, m *Member) []byte {
		return appendName(dst, r.units, m.User.OwnerUnit)
	}},
	{name: "membership_enabled", plain: func(dst []byte, m *Member) []byte {
		return csvcell.AppendBool(dst, m.Membership.Enabled)
	}},
	{name: "profile", named: func(dst []byte, r *csvRefs, m *Member) []byte {
		return appendName(dst, r.profiles, m.Membership.Profile)
	}},
	{name: "roles", named: appendRoles},
	{name: "primary_team", named: func(dst []byte, r *csvRefs, m *Member) []byte {
		return appendName(dst, r.teams, m.Membership.PrimaryTeam)
	}},
	{name: "teams", named: appendTeams},
	{name: "units", named: appendUnits},
	{name: "licence", named: func(dst []byte, r *csvRefs, m *Member) []byte {
		if !r.licences {
			return dst
		}
		return csvcell.AppendText(dst, string(m.Membership.Licence))
	}},
	{name: "initial_application", named: func(dst []byte, r *csvRefs, m *Member) []byte {
		return appendName(dst, r.applications, m.Membership.InitialApp)
	}},
	{name: "time_zone", plain: func(dst []byte, m *Member) []byte {
		return csvcell.AppendText(dst, m.Membership.Settings[SettingTimeZone].Value)
	}},
	{name: "date_format", plain: func(dst []byte, m *Member) []byte {
		return csvcell.AppendText(dst, m.Membership.Settings[SettingDateFormat].Value)
	}},
	{name: "id", plain: func(dst []byte, m *Member) []byte { return appendID(dst, [16]byte(m.User.ID)) }},
	{name: "display_name", text: (*User).DisplayName},
	{name: "organization", named: func(dst []byte, r *csvRefs, m *Member) []byte {
		if m.User.Org != r.org.ID {
			return appendID(dst, [16]byte(m.User.Org))
		}
		return csvcell.AppendText(dst, r.org.Name)
	}},
	{name: "created_at", plain: func(dst []byte, m *Member) []byte { return appendTime(dst, m.User.CreatedAt) }},
	{name: "updated_at", plain: func(dst []byte, m *Member) []byte { return appendTime(dst, m.User.UpdatedAt) }},
	{name: "password", account: func(dst []byte, x *exporter, a *Account) []byte {
		if a.User.Org != x.org.ID { // credentials are a matter of the home organization
			return dst
		}
		return csvcell.AppendText(dst, a.Credential.Hash)
	}},
	{name: "auth_status", account: func(dst []byte, x *exporter, a *Account) []byte {
		return append(dst, a.standing().Status(x.q.Now).String()...)
	}},
	{name: "last_login_at", account: func(dst []byte, _ *exporter, a *Account) []byte {
		return appendTime(dst, a.Login.LastLoginAt)
	}},
	{name: "login_count", account: func(dst []byte, _ *exporter, a *Account) []byte {
		return csvcell.AppendInt(dst, a.Login.LoginCount)
	}},
}

// appendDate appends the text form of a date.
func appendDate(dst []byte, d Date) []byte {
	switch {
	case d.IsZero():
		return dst
	case d.Year < 1000 || d.Year > 9999 || d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > 28:
		return csvcell.AppendDate(dst, d.start())
	}
	return appendDay(dst, d.Year, int(d.Month), d.Day)
}

func appendDay(dst []byte, year, month, day int) []byte {
	dst = append(dst, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-')
	dst = appendTwo(dst, month, '-')
	return append(dst, byte('0'+day/10), byte('0'+day%10))
}

func appendTwo(dst []byte, n int, after byte) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10), after)
}

// appendTime is csvcell.AppendTime, faster for times as stores keep them.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	seconds, micros := t.Unix(), t.Nanosecond()/1000
	if seconds < 0 || seconds >= maxSeconds || micros*1000 != t.Nanosecond() {
		return csvcell.AppendTime(dst, t)
	}
	// The day as Howard Hinnant's civil_from_days finds it, in years that begin
	// in March, from the year 0.
	days, clock := int(seconds/86400)+719468, int(seconds%86400)
	era, of := days/146097, days%146097
	year := (of - of/1460 + of/36524 - of/146096) / 365
	of -= 365*year + year/4 - year/100
	month := (5*of + 2) / 153
	day := of - (153*month+2)/5 + 1
	if year += 400 * era; month < 10 {
		month += 3
	} else {
		month, year = month-9, year+1
	}
	dst = append(appendDay(dst, year, month, day), 'T')
	dst = appendTwo(dst, clock/3600, ':')
	dst = appendTwo(dst, clock/60%60, ':')
	dst = append(dst, byte('0'+clock%60/10), byte('0'+clock%10))
	if micros > 0 {
		dst = append(dst, '.')
		for part := 100_000; micros > 0; part /= 10 {
			dst = append(dst, byte('0'+micros/part))
			micros %= part
		}
	}
	return append(dst, 'Z')
}

// maxSeconds is the end of the year 9999.
const maxSeconds = 253402300800

// appendID appends the text form of an identifier, which is a cell as it is.
func appendID(dst []byte, id [16]byte) []byte {
	if id == [16]byte{} {
		return dst
	}
	begin := 0
	for _, end := range [...]int{4, 6, 8, 10, 16} {
		if begin > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[begin:end])
		begin = end
	}
	return dst
}

func appendName[E any](dst []byte, names *csvNames[E], id ID[E]) []byte {
	if id.IsZero() {
		return dst
	}
	return append(dst, names.cell(id)...)
}

func appendRoles(dst []byte, r *csvRefs, m *Member) []byte {
	begin := len(dst)
	for i := range m.Membership.Roles {
		a := &m.Membership.Roles[i]
		dst = appendItem(dst, begin, r.roles.label(a.Role), a.From, a.Until)
	}
	return protect(dst, begin)
}

// appendTeams begins with the primary team.
func appendTeams(dst []byte, r *csvRefs, m *Member) []byte {
	begin := len(dst)
	for _, primary := range [2]bool{true, false} {
		for i := range m.Membership.Teams {
			a := &m.Membership.Teams[i]
			if (a.Team == m.Membership.PrimaryTeam) == primary {
				dst = appendItem(dst, begin, r.teams.label(a.Team), a.From, a.Until)
			}
		}
	}
	return protect(dst, begin)
}

func appendGroups(dst []byte, r *csvRefs, m *Member) []byte {
	begin := len(dst)
	for _, id := range m.User.Groups {
		dst = appendItem(dst, begin, r.groups.label(id), time.Time{}, time.Time{})
	}
	return protect(dst, begin)
}

func appendUnits(dst []byte, r *csvRefs, m *Member) []byte {
	begin := len(dst)
	for _, id := range m.Membership.Units {
		dst = appendItem(dst, begin, r.units.label(id), time.Time{}, time.Time{})
	}
	return protect(dst, begin)
}

// appendItem appends an item of a list, with its period if it has one:
// "Sales[2026-01-01T00:00:00Z,)".
func appendItem(dst []byte, begin int, label string, from, until time.Time) []byte {
	if len(dst) > begin {
		dst = append(dst, ';')
	}
	dst = append(dst, label...)
	if !from.IsZero() || !until.IsZero() {
		dst = append(dst, '[')
		dst = appendTime(dst, from)
		dst = append(dst, ',')
		dst = appendTime(dst, until)
		dst = append(dst, ')')
	}
	return dst
}

// The bytes that keep an item of a list from being a cell as it is.
var (
	escapes = [256]bool{'\\': true, ';': true}
	quotes  = [256]bool{'"': true, ',': true, '\r': true, '\n': true}
	opens   = [256]bool{'=': true, '+': true, '-': true, '@': true, '\t': true, '\r': true, '\n': true, 0: true, '\'': true, 0xef: true}
)

// appendList appends a list of texts.
func appendList(dst []byte, items []string) []byte {
	begin, quote := len(dst), false
	for i, s := range items {
		if i > 0 {
			dst = append(dst, ';')
		}
		escape := s == "" || s[0] == ' ' || s[len(s)-1] == ' '
		for j := range len(s) {
			escape = escape || escapes[s[j]]
			quote = quote || quotes[s[j]]
		}
		if escape {
			dst = appendEscaped(dst, s, false)
		} else {
			dst = append(dst, s...)
		}
	}
	if quote || len(dst) > begin && opens[dst[begin]] {
		return csvcell.AppendText(dst[:begin], string(dst[begin:]))
	}
	return dst
}

// protect turns what was appended since begin into a cell.
func protect(dst []byte, begin int) []byte {
	quote := false
	for _, c := range dst[begin:] {
		quote = quote || quotes[c]
	}
	if quote || len(dst) > begin && opens[dst[begin]] {
		return csvcell.AppendText(dst[:begin], string(dst[begin:]))
	}
	return dst
}

// appendEscaped appends an item of a list, or a part of a path, so that
// [splitEscaped] finds it again.
func appendEscaped(dst []byte, s string, path bool) []byte {
	for i := range len(s) {
		c := s[i]
		if c == '\\' || c == ';' || c == '/' && path || c == ' ' && (i == 0 || i == len(s)-1) {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

// splitEscaped splits s at sep, except where a backslash stands before it.
// Spaces around the parts and empty parts are dropped; parts keep their
// backslashes, which [unescape] takes away.
func splitEscaped(s string, sep byte) []string {
	var out []string
	begin := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '\\' && i+1 < len(s) {
			i++
			continue
		}
		if i == len(s) || s[i] == sep {
			if part := trimEscaped(s[begin:i]); part != "" {
				out = append(out, part)
			}
			begin = i + 1
		}
	}
	return out
}

// trimEscaped drops the spaces around s but for an escaped one.
func trimEscaped(s string) string {
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	for s != "" && s[len(s)-1] == ' ' {
		slashes := 0
		for i := len(s) - 2; i >= 0 && s[i] == '\\'; i-- {
			slashes++
		}
		if slashes%2 == 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// unescape takes the backslashes away that stand before a backslash, a
// separator or a space. Others belong to the text.
func unescape(s string) string {
	i := 0
	for i < len(s) && s[i] != '\\' {
		i++
	}
	if i == len(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '\\', ';', '/', ' ':
				i++
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
