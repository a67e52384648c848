package usermgmt

import (
	"maps"
	"slices"
	"time"
)

// Outcome of an audited call.
type Outcome uint8

// The outcomes.
const (
	// OutcomeDone: the change was made; the entry committed with it.
	OutcomeDone Outcome = iota + 1
	// OutcomeRefused: the call was refused; nothing changed.
	OutcomeRefused
	// OutcomeAttempted: a secret is about to be checked. The entry is
	// committed before the check, so that no crash and no roll-back loses it;
	// a success adds an entry of its own with the same operation.
	OutcomeAttempted
)

// String returns "done", "refused" or "attempted".
func (o Outcome) String() string {
	switch o {
	case OutcomeDone:
		return "done"
	case OutcomeRefused:
		return "refused"
	case OutcomeAttempted:
		return "attempted"
	}
	return "unknown"
}

// Door is the way by which an actor came in.
type Door uint8

// The doors.
const (
	DoorNone      Door = iota // nobody: a failed login
	DoorSession               // a session of one's own
	DoorAPIKey                // an API key
	DoorProxy                 // a proxy login
	DoorHost                  // the host authenticated: Manager.ActorFor
	DoorSystem                // SystemActor
	DoorBootstrap             // Manager.Bootstrap and Manager.BreakGlass
	DoorLink                  // a link that was mailed
	DoorSupport               // a customer support login
)

// acting reports whether somebody acts for somebody else who comes in by d.
func (d Door) acting() bool { return d == DoorProxy || d == DoorSupport }

// String returns the door's name, such as "session".
func (d Door) String() string {
	names := [...]string{"none", "session", "api key", "proxy", "host", "system", "bootstrap", "link", "support"}
	if int(d) < len(names) {
		return names[d]
	}
	return "unknown"
}

// AuditEntry describes one change or one refused attempt. Entries commit with
// what they describe. Entry and detail are immutable, but for the folding of
// identical refusals and for the erasure of a person, which removes details.
type AuditEntry struct {
	// ID is unique. The first entry of a change has the identifier of its
	// Operation, so that there is one such entry if and only if it committed.
	ID        AuditID
	Operation OperationID
	At        time.Time
	// Verb is what was done, such as "user.disable".
	Verb    string
	Outcome Outcome
	Door    Door
	// Operator acted with the rights of Subject; unless somebody acts for somebody else they are
	// the same. Both are zero for nobody and for the system.
	Operator, Subject UserID
	Org               OrgID
	// TargetKind and Target name the record: "user", "team", ….
	TargetKind string
	Target     string
	// Fields are the names of the changed fields, sorted.
	Fields []string
	// Digest is the SHA-256 over Detail.Salt and the detail's canonical form, so
	// that a seal, which covers the digest, covers the detail too, and still holds
	// when the detail is erased.
	Digest [32]byte
	// Class decides how long the entry is kept; see [Config.AuditRetention].
	Class AuditClass
	// FoldKey is empty, or equal for refusals that are one entry per minute. A
	// sealed entry has none.
	FoldKey string
	// Count is how often it happened, LastAt when last.
	Count  int64
	LastAt time.Time
	Detail AuditDetail
}

// AuditDetail is the part of an entry that erasing a person removes.
type AuditDetail struct {
	Salt [16]byte
	// Names as they were at the time.
	OperatorName, SubjectName, TargetName string
	Origin                                Origin
	// Reason is the operator's, or the machine's why of a refusal.
	Reason string
	// Before and After hold changed fields in text form, never secrets.
	Before, After map[string]string
}

// Message is a mail in the outbox, or an event for the host. It is written in the
// transaction of the change that causes it and handed to the [Mailer] by
// [Manager.Deliver], or to [Config.Events] by [Manager.DeliverEvents].
type Message struct {
	ID        MessageID
	Operation OperationID
	// Event: for the host. User and To are empty, Kind is the verb, and Values are
	// those of an [Event].
	Event bool
	Org   OrgID
	// User is the addressee; To the address as it was when written.
	User UserID
	To   string
	// Kind names the template, such as "account_locked".
	Kind string
	// Values fill the template. There is never a secret among them.
	Values map[string]string
	// Token is what the mail gives its reader, zero for a mail that only tells.
	// Delivery draws its secret, or drops the message if the token is dead.
	Token TokenID
	// Secret is a secret of Token, for the mailer alone: the text of a link, a
	// temporary password or a code. Stores never see it.
	Secret Secret
	// NotBefore is when it may be sent (next). Attempts counts tries.
	NotBefore time.Time
	Attempts  int
	CreatedAt time.Time
	// Language is that of the addressee's settings, a BCP 47 tag such as "de-AT". It
	// is set for the mailer by [Manager.Deliver] and never stored.
	Language string
	// SentAt is set once the mailer accepted it, DeadAt once it was given up.
	SentAt, DeadAt time.Time
	LastError      string
}

// clone is a copy that shares nothing.
func (e *AuditEntry) clone() AuditEntry {
	c := *e
	c.Fields = slices.Clone(e.Fields)
	c.Detail.Before, c.Detail.After = maps.Clone(e.Detail.Before), maps.Clone(e.Detail.After)
	return c
}
