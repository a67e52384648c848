package usermgmt

import (
	"bytes"
	"encoding/base64"
	"time"
	"unicode/utf8"
)

// Limits of lists.
const (
	// DefaultPageSize is the size of a page when none is asked for.
	DefaultPageSize = 50
	// MaxPageSize is the largest page; asking for more is [ErrLimit].
	MaxPageSize = 1000
)

// Position is where a page begins: after the row with this order key and id.
// The zero Position is the beginning.
type Position struct {
	// Key is the row's value in the order of the list; of a time, its UTC form
	// "2006-01-02T15:04:05.000000Z".
	Key string
	ID  [16]byte // the row's identifier
}

// IsZero reports whether p is the beginning.
func (p Position) IsZero() bool { return p == Position{} }

const (
	positionForm   = 1 // the first byte of the encoded form
	maxPositionKey = 2048
)

// MarshalText encodes p as a cursor for URLs: opaque, URL-safe, "" for the
// beginning. It is not a secret and not a right: it says where to go on, and
// every page is filtered anew for whoever asks. It holds the order key of the
// last row that was seen.
func (p Position) MarshalText() ([]byte, error) {
	if p.IsZero() {
		return nil, nil
	}
	raw := append(append([]byte{positionForm}, p.ID[:]...), p.Key...)
	return base64.RawURLEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText decodes what MarshalText wrote. Anything else is [ErrInvalid],
// Field "cursor".
func (p *Position) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Position{}
		return nil
	}
	bad := invalid("cursor", "format", "not a cursor of this package")
	if len(text) > base64.RawURLEncoding.EncodedLen(maxPositionKey+17) {
		return bad
	}
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(raw) < 17 || raw[0] != positionForm || !utf8.Valid(raw[17:]) || bytes.ContainsAny(text, "\r\n") {
		return bad
	}
	q := Position{Key: string(raw[17:]), ID: [16]byte(raw[1:17])}
	if q.IsZero() {
		return bad
	}
	*p = q
	return nil
}

// ListQuery selects a page of a short list.
type ListQuery struct {
	// Search keeps the rows whose NameKey contains it; empty keeps all. Lists
	// of things without a name ignore it.
	Search string
	After  Position
	Limit  int // at least 1
}

// View is one of the user grid's views. In a list of an organization's members
// a user counts as enabled if both the user and the membership are.
type View uint8

// The views. The zero View is ViewActive.
const (
	ViewActive      View = iota // enabled, whether or not they can log in
	ViewAll                     // everybody
	ViewDisabled                // not enabled, deactivated ones among them
	ViewCannotLogIn             // enabled, with a status other than active
	ViewDeactivated             // deactivated
)

// UserSort is an order of a list of users. Each has an index, and ends with
// the user's ID so that it is total.
type UserSort uint8

// The orders. The zero UserSort is SortName.
const (
	SortName     UserSort = iota // NameKey
	SortUsername                 // UsernameKey
	SortEmail                    // EmailKey; users without one come first
	SortCreated                  // CreatedAt
)

// UserQuery selects users. All conditions hold together; a zero one is none.
type UserQuery struct {
	// Org keeps the members of the organization; zero is the whole store.
	Org  OrgID
	View View
	// Now decides who is locked in ViewCannotLogIn.
	Now time.Time
	// Search keeps users whose SearchKey contains it or, if it has fewer than
	// three code points, users of whom a line of SearchKey begins with it: no
	// index finds so little inside a text. With Org it is looked for in the
	// SearchKey of the membership too.
	Search string
	Group  GroupID // wears it
	// Custom keeps users whose Custom has each of the values.
	Custom map[string]string
	// Home keeps users whose home is the organization Org.
	Home bool
	// The following need Org.

	// MemberCustom keeps users whose Custom of the membership has each of the
	// values.
	MemberCustom map[string]string
	Profile      ProfileID
	Role         RoleID // held directly
	Team         TeamID // a member of it
	TeamTree     TeamID // a member of it or of a team below
	Unit         UnitID // owned by it
	UnitTree     UnitID // owned by it or by a unit below
	Kind         UserKind
	// Newsletter, if not nil, keeps users whose flag is equal.
	Newsletter *bool
	// Visible keeps what an actor may see. Nil is everything.
	Visible *Filter

	Sort  UserSort
	Desc  bool
	After Position // in the direction of the list
	Limit int      // at least 1
}

// Filter is the set of records that an actor has a permission on: those that
// match any of its parts. It is what [Access.Filter] returns, for lists of
// this package and for the host's own tables.
type Filter struct {
	// System: every record of every organization. Org: every record of Org.
	System bool
	Org    OrgID // the organization that the other parts are limited to
	All    bool  // every record of Org
	// Owners: records owned by one of the users.
	Owners []UserID
	// Units, UnitTrees: records of one of the units, or of it and below.
	Units, UnitTrees []UnitID
	// Teams, TeamTrees: records whose owner is in one of the teams, or in one
	// of the teams strictly below it.
	Teams, TeamTrees []TeamID
	// At is when: an assignment to a team counts if it holds then. Zero counts
	// all of them.
	At time.Time

	// The following concern records of the host's only: lists of this package, and
	// so stores, never have them.

	// And, if not nil, keeps of the records only those that it matches too. Its own
	// Criteria and Control are nil.
	And *Filter
	// Criteria, if not nil, keeps of the records that carry criteria those that meet
	// it, that is list one of its parts, or match Control, which is then not nil. It
	// is set for objects with an [Object.Visibility], with that part alone.
	Criteria *Criteria
	Control  *Filter
}

// Nothing reports whether no record matches.
func (f *Filter) Nothing() bool {
	return f != nil && (f.And.Nothing() || !f.System && !f.All && len(f.Owners) == 0 &&
		len(f.Units) == 0 && len(f.UnitTrees) == 0 && len(f.Teams) == 0 && len(f.TeamTrees) == 0)
}

// AuditQuery selects audit entries. All conditions hold together; a zero one
// is none.
type AuditQuery struct {
	Org       OrgID // zero is the whole store
	Operator  UserID
	Subject   UserID
	Target    string
	Verb      string
	Operation OperationID
	Outcome   Outcome
	From      time.Time // At >= From
	Until     time.Time // At < Until
	// Visible keeps entries whose operator or subject matches, by membership of
	// Org; Units and UnitTrees by the owner unit. Nil is everything.
	Visible *Filter
	After   AuditID // older than
	Limit   int     // at least 1
}
