package usermgmt

import "time"

// CustomField defines a field that users have besides those of [UserFields]. A
// host defines fields for all users in [Config].Fields; their values are in
// [User].Custom. An organization defines its own with [Manager.Fields]; their
// values are in [Membership].Custom, and nobody sees, searches or filters by them
// from another organization.
//
// A definition binds the values that are set from then on. A value that is
// stored and no longer fits (the enum lost it, the bounds are narrower) stays
// until it is next changed.
type CustomField struct {
	// ID and Org are zero in fields that the host defines.
	ID  FieldID
	Org OrgID
	// Name is the key of the values: 1 to 40 characters a-z, 0-9 and _, beginning
	// with a letter. It is unique in the organization, and never changes.
	Name string
	// Label is for people, at most 100 characters. Defaults to Name.
	Label string
	// Type never changes. It is one of FieldText, FieldLines, FieldNumber,
	// FieldInteger, FieldDate, FieldBool, FieldEnum and FieldChoices.
	Type FieldType
	// Required refuses persons and shared accounts without a value, when they
	// are made and when the value is taken away.
	Required bool
	// Default is the value of new users who are given none. Defaults to none.
	Default string
	// MinLength and MaxLength bound texts, in code points. MaxLength defaults to
	// 255, of FieldLines to 4000, which are also the largest.
	MinLength, MaxLength int
	// Pattern is a regular expression of package regexp that a text matches as a
	// whole; at most 255 characters. Defaults to none.
	Pattern string
	// Min and Max bound numbers and dates, in the form of the values. Default to
	// none.
	Min, Max string
	// Values of FieldEnum and FieldChoices: 1 to 200 different ones of 1 to 100
	// characters, without ";" and "\".
	Values []string
	// Order sorts forms; fields of equal Order are sorted by Name.
	Order int
	// Hidden keeps the field out of [Users.View]. Whoever gets the user or the
	// membership has the value all the same.
	Hidden bool
	// Own lets users change it themselves, as [UserField].Own does.
	Own bool
	// Exportable lets exports hold it, as "custom." and the name: in files of
	// [Exports.CSV] where the organization marks it or marks nothing.
	Exportable bool
	// Searchable puts the values that are set from then on into what
	// [UserQuery].Search looks into.
	Searchable bool

	// The following are zero in fields that the host defines.
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// The types of custom fields besides those of [UserField]. Values have one form
// each, in which they are stored, compared and filtered by.
const (
	// FieldLines is a text that may have line breaks.
	FieldLines FieldType = "lines"
	// FieldNumber is a decimal number of at most 30 digits before and 30 after
	// the point: "-12.5", without leading or trailing zeros.
	FieldNumber FieldType = "number"
	// FieldInteger is a whole number of 64 bits.
	FieldInteger FieldType = "integer"
	// FieldChoices is any number of Values, each once, in their order, separated
	// by ";".
	FieldChoices FieldType = "choices"
)
