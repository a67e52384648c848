package usermgmt

import (
	"net/netip"
	"time"
)

// Role is a named set of grants.
type Role struct {
	ID RoleID
	// Org is zero for a system-wide role. A role of an organization counts,
	// and is offered, only there.
	Org OrgID
	// App limits the role to one application; zero is every application.
	App         ApplicationID
	Name        string
	NameKey     string // unique among the roles of the same Org and App
	Description string
	Grants      []Grant // sorted by permission, expanded

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// AccessProfile is a set of administrative and global grants. A membership
// has exactly one.
type AccessProfile struct {
	ID ProfileID
	// Org is zero for a system-wide profile, as the shipped ones are.
	Org         OrgID
	Name        string
	NameKey     string // unique among the profiles of the same Org
	Description string
	// Administrator marks the shipped profiles whose holders are
	// administrators: an organization always keeps one who is active.
	Administrator bool
	// Shipped profiles cannot be changed or deleted, only cloned.
	Shipped bool
	Grants  []Grant // sorted by permission, expanded
	// IPRanges are the addresses from which holders may log in; empty is
	// everywhere. At most 25.
	IPRanges []IPRange

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// IPRange is a range of addresses of one family, both ends included.
type IPRange struct{ From, To netip.Addr }

// Contains reports whether addr lies in the range.
func (r IPRange) Contains(addr netip.Addr) bool {
	return r.From.BitLen() == addr.BitLen() && r.From.Compare(addr) <= 0 && addr.Compare(r.To) <= 0
}

// Application is an application of the host. Without an access entry, own or
// of one of their teams, users do not reach it.
type Application struct {
	ID ApplicationID
	// Org is zero for an application of every organization.
	Org         OrgID
	Name        string
	NameKey     string // unique among the applications of the same Org
	Description string
	// Objects are the objects whose records live in the application. Roles
	// given by access entries count for these only while it is the current one.
	Objects []string

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// AccessEntry says which roles a user or a team may take in an application.
// Exactly one of User and Team is set. An entry of a team counts for the
// members of the team and of every team below it.
type AccessEntry struct {
	ID          AccessID
	Org         OrgID
	Application ApplicationID
	User        UserID
	Team        TeamID
	Roles       []RoleAssignment

	CreatedAt, UpdatedAt time.Time
	Version              int64
}
