package usermgmt

import "time"

// RoleAssignment is a role held, for a time or for good.
type RoleAssignment struct {
	Role RoleID
	// From and Until bound the assignment: it counts at t if From <= t < Until.
	// A zero bound is open.
	From, Until time.Time
}

// TeamAssignment is a team belonged to, for a time or for good.
type TeamAssignment struct {
	Team        TeamID
	From, Until time.Time // as in RoleAssignment
}

// LicenceType names a pool of seats.
type LicenceType string

// The shipped licence types. Hosts may use others: 1 to 64 characters a-z,
// 0-9, _ and -.
const (
	LicencePlatform LicenceType = "platform"
	LicenceSite     LicenceType = "site"
)

// Membership is a user's place in one organization: everything that "access
// settings" say. A user without one cannot enter the organization.
type Membership struct {
	User UserID
	Org  OrgID
	// Enabled false keeps the user out of this organization only.
	Enabled bool
	// Profile is the one access profile.
	Profile ProfileID
	// Roles are held directly; application access gives more.
	Roles []RoleAssignment
	// Teams are the teams of the organization that the user is in, the
	// primary one among them.
	Teams       []TeamAssignment
	PrimaryTeam TeamID
	// Units are the assigned units: what the user may see.
	Units []UnitID
	// Licence is the pool whose seat the membership holds if Seat is true. Services
	// show it to actors with [PermLicenceView] of scope System only, which counts in
	// the provider organization; to others it is empty.
	// Persons and shared accounts hold one while they are not deactivated.
	Licence LicenceType
	Seat    bool
	// InitialApp is the application that opens after login.
	InitialApp ApplicationID
	// Settings are what is set for the user in the organization, by key. They
	// change without the Version; see [Settings].
	Settings map[string]SettingValue
	// Custom are the values of the organization's own custom fields, by name; see
	// [CustomField].
	Custom map[string]string
	// SearchKey is what a search in the organization looks into besides that of
	// the user, in the same form: the searchable custom fields.
	SearchKey string
	// Rights is the stamp of the membership's rights: it grows with every
	// change of profile, roles, teams, units, enabled and application access.
	// The store counts it; see [MemberStore].
	Rights int64

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Member is a user together with the membership of one organization.
type Member struct {
	User       User
	Membership Membership
}
