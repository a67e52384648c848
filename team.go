package usermgmt

import "time"

// Team is a node of an organization's team tree. Members of a team share
// data; the tree is also the permissions hierarchy: administration reaches
// one's own teams and the teams below. An organization has exactly one root
// team.
type Team struct {
	ID          TeamID
	Org         OrgID
	Parent      TeamID // zero for the root team
	Name        string
	NameKey     string // canonical form, the order of lists
	Description string

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// SharingModel says in which directions a [SharingPolicy] shares.
type SharingModel uint8

// The models of AgileApps' team data sharing.
const (
	SharingOneWay SharingModel = iota + 1 // sharing teams see the owning team's records
	SharingTwoWay                         // and the owning team sees theirs
	SharingMashup                         // and the sharing teams see each other's
)

// SharingPolicy lets teams use records that another team's members own.
type SharingPolicy struct {
	ID              SharingID
	Org             OrgID
	Name            string
	NameKey         string // unique in the organization
	Owning          TeamID
	OwningSubteams  bool
	Sharing         []TeamID
	SharingSubteams bool
	Model           SharingModel
	// Permissions are what is shared, per object and action.
	Permissions []Permission
	// Roles limits the policy to holders of one of them; empty is everybody.
	Roles []RoleID

	CreatedAt, UpdatedAt time.Time
	Version              int64
}
