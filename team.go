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
