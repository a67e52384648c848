package usermgmt

import "time"

// SharingModel says in which directions a [SharingPolicy] shares.
type SharingModel uint8

// The models of AgileApps' team data sharing.
const (
	SharingOneWay SharingModel = iota + 1 // sharing teams see the owning team's records
	SharingTwoWay                         // and the owning team sees theirs
	SharingMashup                         // and the sharing teams see each other's
)

// SharingPolicy lets the members of teams use records that belong to other teams
// (team data sharing of AgileApps). It grants its permissions by itself, with
// [ScopeShared]: on those records, and no others. It only adds, and what it grants
// is passed on by nobody.
type SharingPolicy struct {
	ID      SharingID
	Org     OrgID
	Name    string
	NameKey string // unique in the organization
	// Owning is the team whose records are shared; with OwningSubteams, so are
	// those of every team below.
	Owning         TeamID
	OwningSubteams bool
	// Sharing are the teams whose members share; with SharingSubteams, so do those
	// of every team below.
	Sharing         []TeamID
	SharingSubteams bool
	Model           SharingModel
	// Permissions are what is shared, per object and action.
	Permissions []Permission
	// Roles limits the policy to holders of one of them, in force; empty is
	// everybody.
	Roles []RoleID

	CreatedAt, UpdatedAt time.Time
	Version              int64
}
