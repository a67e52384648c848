package usermgmt

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Event tells the host of something that happened: an entry of the audit log,
// without its detail. See [Config.Events].
type Event struct {
	// ID is that of the audit entry. An event that is delivered again has the same.
	ID        AuditID
	Operation OperationID
	At        time.Time
	Verb      string
	Door      Door
	// Operator acted with the rights of Subject.
	Operator, Subject UserID
	Org               OrgID
	TargetKind        string
	Target            string
	// Fields are the names of the changed fields, sorted.
	Fields []string
}

// DeliverEvents hands at most limit due events of the outbox to [Config.Events],
// each after its change has committed. Leases, repetitions and dead ones are those
// of [Manager.Deliver]; an event may come more than once, and later than one that
// happened after it.
//
// Errors: [ErrNotConfigured] without [Config.Events]; otherwise only the store's.
func (m *Manager) DeliverEvents(ctx context.Context, limit int) (Delivered, error) {
	const op = "DeliverEvents"
	if m.cfg.Events == nil {
		return Delivered{}, withOp(op, &Error{Kind: ErrNotConfigured, Field: "events"})
	}
	d, err := m.deliver(ctx, true, limit, func(ctx context.Context, msg Message) error {
		e, err := msg.event()
		if err != nil {
			return err
		}
		return m.cfg.Events(ctx, e)
	})
	return d, withOp(op, err)
}

// events are the messages that tell the host of what entries record as done.
func (m *Manager) events(entries []AuditEntry) []Message {
	if m.cfg.Events == nil {
		return nil
	}
	var out []Message
	for i := range entries {
		if entries[i].Outcome == OutcomeDone {
			out = append(out, eventOf(&entries[i]))
		}
	}
	return out
}

// eventOf is the message that brings the host an entry.
func eventOf(e *AuditEntry) Message {
	return Message{ID: newID[Message](), Operation: e.Operation, Event: true, Org: e.Org, Kind: e.Verb, NotBefore: e.At, CreatedAt: e.At,
		Values: map[string]string{
			"id": e.ID.String(), "at": e.At.Format(time.RFC3339Nano), "door": e.Door.String(),
			"operator": e.Operator.String(), "subject": e.Subject.String(),
			"target_kind": e.TargetKind, "target": e.Target, "fields": strings.Join(e.Fields, " "),
		}}
}

// event is what eventOf made into a message.
func (msg *Message) event() (Event, error) {
	e := Event{Operation: msg.Operation, Verb: msg.Kind, Org: msg.Org, TargetKind: msg.Values["target_kind"], Target: msg.Values["target"],
		Fields: strings.Fields(msg.Values["fields"])}
	var err error
	e.At, err = time.Parse(time.RFC3339Nano, msg.Values["at"])
	errs := []error{err, parseInto(&e.ID, msg.Values["id"]), parseInto(&e.Operator, msg.Values["operator"]), parseInto(&e.Subject, msg.Values["subject"])}
	for e.Door.String() != msg.Values["door"] && e.Door < DoorBootstrap {
		e.Door++
	}
	return e, errors.Join(errs...)
}

// parseInto reads an identifier; the empty text is the zero one.
func parseInto[E any](id *ID[E], text string) (err error) {
	if text != "" {
		*id, err = ParseID[E](text)
	}
	return err
}
