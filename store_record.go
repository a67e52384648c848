package usermgmt

import "context"

// GroupStore keeps groups.
type GroupStore interface {
	// SaveGroup: NameKey is unique.
	SaveGroup(ctx context.Context, g Group) error
	// DeleteGroup: users use it.
	DeleteGroup(ctx context.Context, id GroupID) error
	GroupByID(ctx context.Context, id GroupID) (Group, error)
	// ListGroups returns a page in the order of NameKey.
	ListGroups(ctx context.Context, q ListQuery) ([]Group, error)
}

// FieldStore keeps the custom fields that organizations define. That values fit
// the definitions, or have one, is not a store's concern.
type FieldStore interface {
	// SaveField: Name is unique in the organization.
	SaveField(ctx context.Context, f CustomField) error
	// DeleteField: nothing uses a definition. The values stay where they are.
	DeleteField(ctx context.Context, id FieldID) error
	FieldByID(ctx context.Context, id FieldID) (CustomField, error)
	// FieldsOf returns the organization's fields, in any order.
	FieldsOf(ctx context.Context, org OrgID) ([]CustomField, error)
}

// Traces is what a store keeps about somebody besides the record, memberships and
// credentials. Slices are in any order.
type Traces struct {
	Sessions    []Session // in which the user is User or Operator, live and ended
	Keys        []APIKey
	Messages    []Message
	Jobs        []Job
	Invitations []Invitation
}

// Person says whose traces are meant; the zero User has none.
type Person struct {
	User UserID
	// Addresses are mail addresses as messages have them, EmailKeys those of
	// invitations.
	Addresses, EmailKeys []string
}

// ErasureStore finds and removes what is kept of a person.
type ErasureStore interface {
	// TracesOf reads the user's sessions, API keys and jobs; the messages whose
	// User is the user or whose To is one of Addresses; and the invitations that
	// the user accepted or whose EmailKey is one of EmailKeys.
	TracesOf(ctx context.Context, p Person) (Traces, error)
	// EraseTraces deletes all that TracesOf reads, but for invitations without
	// Outcome, with the tokens of the user and those of the deleted invitations;
	// the user's factor, recovery codes, security question, former passwords and
	// import digests;
	// and sets the user's LoginState to zero.
	EraseTraces(ctx context.Context, p Person) error
}

// FileStore keeps pictures and the state of imports.
type FileStore interface {
	// PutBlob stores data under key, replacing what is there; nil deletes.
	PutBlob(ctx context.Context, key string, data []byte) error
	Blob(ctx context.Context, key string) ([]byte, error)
	// SaveCheckpoint inserts or replaces, whatever is stored.
	SaveCheckpoint(ctx context.Context, c Checkpoint) error
	CheckpointByID(ctx context.Context, id ImportID) (Checkpoint, error)
}
