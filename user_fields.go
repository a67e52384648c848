package usermgmt

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// FieldType says how the text form of a field is read.
type FieldType string

// The types of fields.
const (
	FieldText  FieldType = "text"
	FieldEmail FieldType = "email"
	FieldDate  FieldType = "date" // 2006-01-02
	FieldBool  FieldType = "bool" // "true" or "false"; "1", "0", "yes" and "no" are read too
	FieldList  FieldType = "list" // separated by ";"
	FieldEnum  FieldType = "enum" // one of Values
)

// UserField describes a field of a user, for forms and for CSV files.
type UserField struct {
	// Name is the field's name in errors, audit entries and CSV headers.
	Name string
	Type FieldType
	// Required for persons and shared accounts.
	Required bool
	// MaxLength in code points; 0 where it does not apply.
	MaxLength int
	// Values of an enum.
	Values []string
	// Own: users may change it themselves.
	Own bool

	get  func(*User) string
	set  func(*User, string) error // nil: not by this way
	list func(*User) *[]string     // of a list
}

func textField(name string, limit int, own bool, at func(*User) *string) UserField {
	return UserField{Name: name, Type: FieldText, MaxLength: limit, Own: own,
		get: func(u *User) string { return *at(u) },
		set: func(u *User, s string) error { *at(u) = s; return nil }}
}

func boolField(name string, own bool, at func(*User) *bool) UserField {
	return UserField{Name: name, Type: FieldBool, Own: own,
		get: func(u *User) string { return strconv.FormatBool(*at(u)) },
		set: func(u *User, s string) (err error) { *at(u), err = parseBool(s); return err }}
}

func listField(name string, own bool, at func(*User) *[]string) UserField {
	return UserField{Name: name, Type: FieldList, Own: own, list: at,
		get: func(u *User) string { return strings.Join(*at(u), ";") },
		set: func(u *User, s string) error { *at(u) = splitList(s); return nil }}
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		return true, nil
	case "false", "0", "no":
		return false, nil
	}
	return false, invalid("", "format", "want true or false")
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	out := make([]string, 0, 1+strings.Count(s, ";"))
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

const (
	maxText  = 255
	maxItems = 20
)

// userFields are the fields of the record itself, in the order of forms.
var userFields = []UserField{
	{Name: "username", Type: FieldText, Required: true, MaxLength: 255,
		get: func(u *User) string { return u.Username },
		set: func(u *User, s string) error { u.Username = s; return nil }},
	{Name: "email", Type: FieldEmail, Required: true, MaxLength: 254,
		get: func(u *User) string { return u.Email },
		set: func(u *User, s string) error { u.Email = s; return nil }},
	listField("emails", true, func(u *User) *[]string { return &u.Emails }),
	textField("prefix", maxText, true, func(u *User) *string { return &u.Prefix }),
	required(textField("first_name", 100, true, func(u *User) *string { return &u.FirstName })),
	textField("middle_name", 100, true, func(u *User) *string { return &u.MiddleName }),
	required(textField("last_name", 100, true, func(u *User) *string { return &u.LastName })),
	textField("suffix", maxText, true, func(u *User) *string { return &u.Suffix }),
	{Name: "birthday", Type: FieldDate, Own: true,
		get: func(u *User) string { return u.Birthday.String() },
		set: func(u *User, s string) (err error) { u.Birthday, err = ParseDate(s); return err }},
	textField("phone", 64, true, func(u *User) *string { return &u.Phone }),
	textField("mobile", 64, true, func(u *User) *string { return &u.Mobile }),
	textField("fax", 64, true, func(u *User) *string { return &u.Fax }),
	textField("street", maxText, true, func(u *User) *string { return &u.Address.Street }),
	textField("city", maxText, true, func(u *User) *string { return &u.Address.City }),
	textField("state", maxText, true, func(u *User) *string { return &u.Address.State }),
	textField("postal_code", 32, true, func(u *User) *string { return &u.Address.PostalCode }),
	textField("country", 2, true, func(u *User) *string { return &u.Address.Country }),
	textField("company", maxText, false, func(u *User) *string { return &u.Company }),
	textField("title", maxText, true, func(u *User) *string { return &u.Title }),
	listField("employee_number", true, func(u *User) *[]string { return &u.EmployeeNumber }),
	boolField("newsletter", true, func(u *User) *bool { return &u.Newsletter }),
	boolField("account_mail", true, func(u *User) *bool { return &u.AccountMail }),
	textField("sso_pass_through", maxText, false, func(u *User) *string { return &u.SSO.PassThrough }),
	boolField("sso_delegated", false, func(u *User) *bool { return &u.SSO.Delegated }),
	textField("sso_federation_id", maxText, false, func(u *User) *string { return &u.SSO.FederationID }),
	textField("source", 64, false, func(u *User) *string { return &u.Source }),
	textField("external_id", maxText, false, func(u *User) *string { return &u.ExternalID }),
	{Name: "kind", Type: FieldEnum, Values: []string{"person", "shared", "service"},
		get: func(u *User) string { return u.Kind.String() },
		set: func(u *User, s string) (err error) { u.Kind, err = parseKind(s); return err }},
	boolField("enabled", false, func(u *User) *bool { return &u.Enabled }),
}

func required(f UserField) UserField { f.Required = true; return f }

func parseKind(s string) (UserKind, error) {
	for _, k := range [...]UserKind{KindPerson, KindShared, KindService} {
		if s == k.String() {
			return k, nil
		}
	}
	return 0, invalid("kind", "unknown", "want person, shared or service")
}

// UserFields describes the fields of a user, in the order of forms.
func UserFields() []UserField {
	out := slices.Clone(userFields)
	for i := range out {
		out[i].Values = slices.Clone(out[i].Values)
	}
	return out
}

// fieldsOf are a user's fields as audit entries hold them.
func fieldsOf(u *User) map[string]string {
	out := make(map[string]string, len(userFields)+6)
	for i := range userFields {
		out[userFields[i].Name] = userFields[i].get(u)
	}
	out["owner_unit"], out["reports_to"] = u.OwnerUnit.String(), u.ReportsTo.String()
	out["responsible"], out["avatar"] = u.Responsible.String(), u.AvatarType
	out["groups"] = idList(u.Groups)
	for name, value := range u.Custom {
		out[customPrefix+name] = value
	}
	if !u.DeactivatedAt.IsZero() {
		out["deactivated_at"] = u.DeactivatedAt.Format(time.RFC3339)
	}
	return out
}

// prepareUser checks everything about a user that needs no store and fills in
// the canonical keys. All problems are reported.
func prepareUser(u *User, fields fieldSet, policy *Policy, now time.Time, p *problems) {
	p.key("username", u.Username, &u.UsernameKey, canon.Username)
	u.EmailKey = ""
	person := u.Kind != KindService && !u.Reserved
	switch {
	case u.Kind < KindPerson || u.Kind > KindService:
		p.add("kind", "required", "want person, shared or service")
	case u.Email != "":
		var err error
		if u.Email, u.EmailKey, err = canon.Email(u.Email); err != nil {
			p.add("email", ruleOf(err), err.Error())
		}
	case person && !policy.UsernameOnly:
		p.add("email", "required", "the policy asks for an e-mail address")
	}
	if len(u.Emails) > maxItems {
		p.add("emails", "max_items", "at most 20")
	} else {
		prepareEmails(u, p)
	}
	if len(u.EmployeeNumber) > maxItems {
		p.add("employee_number", "max_items", "at most 20")
	}
	for i := range userFields {
		f := &userFields[i]
		if f.Type == FieldList {
			p.texts(f.Name, *f.list(u), 20*maxText)
		}
		if f.Type != FieldText || f.Name == "username" {
			continue
		}
		value := f.get(u)
		if f.Required && person && strings.TrimSpace(value) == "" {
			p.add(f.Name, "required", "is required")
		}
		if value == "" {
			continue
		}
		p.text(f.Name, value, f.MaxLength, f.Name == "street")
	}
	if !u.Birthday.IsZero() {
		if day := u.Birthday.start(); day.Year() < 0 || day.Year() > 9999 || day.After(now) {
			p.add("birthday", "future", "is no date or in the future")
		}
	}
	if c := u.Address.Country; c != "" && !isCountry[c] {
		p.add("country", "unknown", "want a country code of ISO 3166-1 alpha-2, such as DE")
	}
	if (u.Source == "") != (u.ExternalID == "") {
		p.add("external_id", "pair", "source and external_id come together")
	}
	if u.Kind == KindService && !u.Reserved && u.Responsible.IsZero() {
		p.add("responsible", "required", "a service needs a responsible person")
	}
	u.VerifiedEmails = stillThere(u)
	b := appendFold(make([]byte, 0, 256), u.FirstName) // stays on the stack
	n := len(b)
	b = appendFold(b, u.LastName)
	first, last := b[:n], b[n:]
	u.NameKey = nameKey(u, first, last)
	u.SearchKey = searchKey(u, first, last, fields)
}

// texts checks the items of a list, which have a limit together.
func (p *problems) texts(field string, items []string, limit int) {
	for _, s := range items {
		if err := canon.Text(s, limit, false); err != nil {
			p.add(field, ruleOf(err), err.Error())
			return
		}
		limit = max(limit-utf8.RuneCountInString(s)-1, 0)
	}
}

func (p *problems) key(field, value string, key *string, canonical func(string) (string, error)) {
	k, err := canonical(value)
	if err != nil {
		p.add(field, ruleOf(err), err.Error())
		return
	}
	*key = k
}

func ruleOf(err error) string {
	if e, ok := err.(*canon.Error); ok { //nolint:errorlint // returned as it is
		return e.Rule
	}
	return "format"
}

// prepareEmails checks the further addresses, and keeps each once.
func prepareEmails(u *User, p *problems) {
	if len(u.Emails) == 0 {
		return
	}
	emails, keys := make([]string, 0, len(u.Emails)), append(make([]string, 0, 4), u.EmailKey)
	for _, e := range u.Emails {
		text, key, err := canon.Email(e)
		switch {
		case err != nil:
			p.add("emails", ruleOf(err), err.Error())
		case !slices.Contains(keys, key):
			emails, keys = append(emails, text), append(keys, key)
		}
	}
	u.Emails = emails
}

// nameKey orders people by last name, first name and username. first and last
// are the folded names.
func nameKey(u *User, first, last []byte) string {
	b := make([]byte, 0, 128) // stays on the stack
	for _, s := range [...][]byte{last, first} {
		if len(s) > 0 {
			b = append(append(b, s...), '\x1f')
		}
	}
	return string(append(b, u.UsernameKey...))
}

// searchKey is what [UserQuery.Search] looks into. first and last are the
// folded names.
func searchKey(u *User, first, last []byte, fields fieldSet) string {
	b := make([]byte, 0, 512) // stays on the stack
	if joins(first) && joins(last) {
		b = append(append(append(b, first...), ' '), last...)
		b = append(append(append(append(b, '\n'), last...), ' '), first...)
	} else {
		b = append(b, fold(u.FirstName+" "+u.LastName)...)
		b = append(append(b, '\n'), fold(u.LastName+" "+u.FirstName)...)
	}
	b = appendFold(append(b, '\n'), u.Username)
	b = appendFold(append(b, '\n'), u.Email)
	for _, s := range u.Emails {
		b = appendFold(append(b, '\n'), s)
	}
	b = appendWords(appendWords(b, first), last)
	if u.MiddleName != "" {
		b = append(b, '\n')
		n := len(b)
		b = appendFold(b, u.MiddleName)
		b = appendWords(b, b[n:])
	}
	return string(fields.appendSearch(b, u.Custom))
}

// appendWords appends each word inside a folded name as a line of its own, but
// not the one that the name begins with. A word is what stands between spaces,
// hyphens and the like.
func appendWords(b, name []byte) []byte {
	line, inside := false, false
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRune(name[i:])
		part := unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r)
		if part && !inside && i > 0 {
			line = true
			b = append(b, '\n')
		}
		if part && line {
			b = append(b, name[i:i+n]...)
		}
		inside = part
		i += n
	}
	return b
}

// joins reports whether a folded name stays what it is between other names: it
// begins and ends with a letter and is short.
func joins(folded []byte) bool {
	first, _ := utf8.DecodeRune(folded)
	last, _ := utf8.DecodeLastRune(folded)
	return len(folded) <= 100 && unicode.IsLetter(first) && unicode.IsLetter(last)
}

// appendFold appends the folded form of s.
func appendFold(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return append(b, fold(s)...)
		}
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// fold is the form in which names are compared: that of [canon.Name], or for
// text that is no name the text in lower case.
func fold(s string) string {
	if s == "" {
		return ""
	}
	if key, err := canon.Name(s); err == nil {
		return key
	}
	return strings.ToLower(s)
}

var isCountry = func() map[string]bool {
	out := make(map[string]bool)
	for _, code := range strings.Fields(countries) {
		out[code] = true
	}
	return out
}()

// countries are the codes of ISO 3166-1 alpha-2.
const countries = " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
