package usermgmt

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
)

// ID identifies one record of entity E. The parameter only tells identifiers
// of different entities apart at compile time: a [TeamID] is not a [UserID].
//
// Identifiers made by this package are UUIDs of version 7 (RFC 9562), so they
// sort by creation time. They are names, never secrets. The zero ID is no
// record; it prints as the empty string.
type ID[E any] uuid.UUID

// The identifiers of the package's entities.
type (
	OrgID         = ID[Organization]
	UnitID        = ID[BusinessUnit]
	TeamID        = ID[Team]
	UserID        = ID[User]
	RoleID        = ID[Role]
	ProfileID     = ID[AccessProfile]
	ApplicationID = ID[Application]
	AccessID      = ID[AccessEntry]
	SharingID     = ID[SharingPolicy]
	SessionID     = ID[Session]
	APIKeyID      = ID[APIKey]
	AuditID       = ID[AuditEntry]
	MessageID     = ID[Message]
	ImportID      = ID[Checkpoint]
	TokenID       = ID[Token]
	InvitationID  = ID[Invitation]
	JobID         = ID[Job]
	OperationID   = ID[Operation]
	GroupID       = ID[Group]
	FieldID       = ID[CustomField]
)

// Operation is one call of a service that changes something; an import is one
// operation a batch. Its identifier is on every audit entry and outbox message
// that the call wrote, and on errors of the call. It is also the ID of one of
// those entries: that which commits with the change, see [Manager.Resolve].
type Operation struct{}

func newID[E any]() ID[E] {
	// NewV7 fails only if the system's random source does; crypto/rand ends
	// the program in that case before this could be reached.
	return ID[E](uuid.Must(uuid.NewV7()))
}

// ParseID reads the text form of an identifier, in any form that
// [uuid.Parse] accepts. The empty string is the zero ID.
// It returns [ErrInvalid] for anything else.
func ParseID[E any](s string) (ID[E], error) {
	if s == "" {
		return ID[E]{}, nil
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return ID[E]{}, &Error{Kind: ErrInvalid, Field: "id", Rule: "format", Detail: "not an identifier"}
	}
	return ID[E](u), nil
}

// IsZero reports whether id is the zero ID.
func (id ID[E]) IsZero() bool { return id == ID[E]{} }

// String returns the canonical 36-character form, or "" for the zero ID.
func (id ID[E]) String() string {
	if id.IsZero() {
		return ""
	}
	return uuid.UUID(id).String()
}

// MarshalText implements [encoding.TextMarshaler].
func (id ID[E]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *ID[E]) UnmarshalText(b []byte) error {
	parsed, err := ParseID[E](string(b))
	if err == nil {
		*id = parsed
	}
	return err
}

// Value implements [driver.Valuer]: the canonical text, or NULL for the zero ID.
func (id ID[E]) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil
	}
	return id.String(), nil
}

// Scan implements [sql.Scanner] for text, 16 raw bytes and NULL.
func (id *ID[E]) Scan(src any) error {
	var u uuid.UUID
	if src != nil {
		if err := u.Scan(src); err != nil {
			return fmt.Errorf("usermgmt: scan id: %w", err)
		}
	}
	*id = ID[E](u)
	return nil
}
