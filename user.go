package usermgmt

import (
	"strings"
	"time"
)

// UserKind says what an account stands for.
type UserKind uint8

// The kinds of users.
const (
	// KindPerson is one human being.
	KindPerson UserKind = iota + 1
	// KindShared is an account that several people use; audit entries say so.
	KindShared
	// KindService is a third-party system: no interactive login, no names or
	// mail, API keys only, and a responsible person. It holds no seat.
	KindService
)

// String returns "person", "shared" or "service".
func (k UserKind) String() string {
	switch k {
	case KindPerson:
		return "person"
	case KindShared:
		return "shared"
	case KindService:
		return "service"
	}
	return "unknown"
}

// User is one identity with one set of login names and credentials.
type User struct {
	ID   UserID
	Kind UserKind
	// Reserved users belong to the system. They cannot be changed, logged in
	// as, or proxied to, and they hold no seat.
	Reserved bool
	// Org is the home organization, that of OwnerUnit. Only its administrators
	// touch identity, credentials and the global enabled flag.
	Org OrgID
	// OwnerUnit owns the record: it says who may manage the user.
	OwnerUnit UnitID

	// Username and Email are the login names. All login names of all users are
	// one space: a key is taken if anybody else has it as either.
	Username    string
	UsernameKey string
	Email       string // primary; empty if the policy allows it
	EmailKey    string // empty if and only if Email is
	// Emails are further addresses. They are no login names.
	Emails []string
	// VerifiedEmails are the keys of those addresses, primary and further, that
	// the user has proved to read, in no order. Only links that were mailed
	// there add to it; an address that goes takes its key along.
	VerifiedEmails []string

	Prefix, FirstName, MiddleName, LastName, Suffix string
	// NameKey orders lists: the canonical last name, first name and username.
	NameKey string
	// SearchKey is what a search looks into: canonical forms in lines, which are
	// separated by line feeds. The lines are the first and last name, the last
	// and first name, the username, each e-mail address, the middle name, and
	// by itself every word inside a name, as "maria" of "anna-maria". So every
	// word of a name begins a line; of usernames and addresses only the whole does.
	// Searchable custom fields follow, each with the words inside it.
	SearchKey string

	Birthday   Date
	AvatarType string // media type of the stored avatar; empty if there is none

	Phone, Mobile, Fax string
	Address            Address
	Company, Title     string
	// EmployeeNumber is an ordered list: territories, then the number.
	EmployeeNumber []string
	ReportsTo      UserID
	// Responsible is the person who answers for a service.
	Responsible UserID
	// Groups are the labels that the user wears.
	Groups     []GroupID
	Newsletter bool
	// AccountMail: mail the user about changes of the account.
	AccountMail bool
	SSO         SSO
	// Source and ExternalID name the record elsewhere; the pair is unique.
	// Both are empty for users made here.
	Source, ExternalID string

	// Custom are the values of the host's custom fields, by name; see
	// [CustomField].
	Custom map[string]string

	// Enabled is the reversible switch. It is independent of [AuthStatus].
	Enabled bool
	// ErasedAt is set for good once [Users.Erase] has taken the person out of the
	// record. Zero otherwise.
	ErasedAt time.Time
	// DeactivatedAt is set while the user is deactivated: disabled, without a
	// seat or an API key, kept for history. Zero otherwise.
	DeactivatedAt time.Time

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Address is a postal address.
type Address struct {
	Street, City, State, PostalCode string
	Country                         string // ISO 3166-1 alpha-2
}

// SSO holds the per-user part of the single sign-on methods; an empty field
// is off.
type SSO struct {
	PassThrough  string // address fields for a custom authentication server
	Delegated    bool
	FederationID string // SAML
}

// Date is a day of the Gregorian calendar. The zero Date is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads the form 2006-01-02. The empty string is the zero Date.
func ParseDate(s string) (Date, error) {
	if s == "" {
		return Date{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, invalid("date", "format", "a date is written 2006-01-02")
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// String returns the form 2006-01-02, or "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.start().Format(time.DateOnly)
}

func (d Date) start() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// DisplayName is the name shown to people: prefix, first, middle, last and
// suffix, or the username where a service has none.
func (u *User) DisplayName() string {
	parts := make([]string, 0, 5)
	for _, p := range [...]string{u.Prefix, u.FirstName, u.MiddleName, u.LastName, u.Suffix} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return u.Username
	}
	return strings.Join(parts, " ")
}

// Active reports whether u is neither disabled nor deactivated.
func (u *User) Active() bool { return u.Enabled && u.DeactivatedAt.IsZero() }
