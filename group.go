package usermgmt

import "time"

// Group is a label that users wear, the same in every organization: something
// to filter lists by and to send notices to. It gives no rights, and nobody is
// seen or reached because of it.
type Group struct {
	ID          GroupID
	Name        string // at most 100 characters
	NameKey     string // unique
	Description string

	CreatedAt, UpdatedAt time.Time
	Version              int64
}
