package usermgmt

import (
	"context"
	"errors"
)

// Audit verb of this file.
const verbAbandoned = "operation.abandoned"

// Resolve tells for good whether an operation committed: after an
// [ErrOutcomeUnknown], by the Operation of the [Error].
//
// An operation that committed has an audit entry whose ID is the operation's
// own. Resolve tries to add one with that ID. If there is one already, the
// operation is done: true. If there is none, the operation is abandoned: false,
// now and ever after, since its entry can no longer be added. Should it still
// be running, on a server that has not noticed the lost connection or in another
// goroutine, either Resolve waits for it or its transaction fails: with
// [ErrConflict] (Field "id", Rule "taken"), and nothing of it is kept but the
// record of a refusal. So do not ask about a call that has not returned.
//
// What an operation is:
//
//   - A call that found nothing to change has no entry, and so is not done.
//   - Of an import each batch is an operation; the batches before it are in.
//   - A login, or a change of the own password, is done if it opened the
//     session or changed the password. That the attempt was counted, and what
//     a lock caused, is no part of the answer. The token is lost either way.
//   - An export is done if the record of its beginning is there; nothing is
//     written before.
//
// Resolve takes no actor and is for whoever holds the Manager: it decides
// nothing about rights and tells yes or no, about any identifier. It records
// "operation.abandoned", with no operator and no organization, if the answer is
// false for the first time. The answer rests on the audit log, and holds while
// the log keeps its entries.
//
// Errors: [ErrInvalid] for the zero identifier; [ErrNotConfigured], Rule
// "bound", on a manager that is bound to a transaction of the host's, since
// there only the host's commit decides; those of the store, [ErrOutcomeUnknown]
// among them. After an error, ask again.
func (m *Manager) Resolve(ctx context.Context, operation OperationID) (done bool, err error) {
	const op = "Resolve"
	switch {
	case m.bound:
		return false, withOp(op, &Error{Kind: ErrNotConfigured, Rule: "bound",
			Detail: "inside a transaction of the host only the host's commit decides"})
	case operation.IsZero():
		return false, withOp(op, invalid("operation", "required", "say which"))
	}
	now := m.now()
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w := &work{m: m, tx: tx, v: &actorValue{door: DoorSystem}, now: now, op: operation, verb: verbAbandoned}
		w.on("operation", operation, OrgID{}, "")
		w.record(nil, nil)
		return w.flush(ctx)
	})
	if err == nil || !errors.Is(err, ErrConflict) {
		return false, failed(op, operation, err)
	}
	abandoned, err := m.store.ListAudit(ctx, AuditQuery{Operation: operation, Verb: verbAbandoned, Limit: 1})
	if err != nil {
		return false, failed(op, operation, err)
	}
	return len(abandoned) == 0, nil
}
