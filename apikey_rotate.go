package usermgmt

import (
	"context"
	"fmt"
	"time"

	"github.com/usermgmt/usermgmt/internal/token"
)

// Audit verbs of this file.
const (
	verbRotateKey = "api_key.rotate"
	verbLeakedKey = "api_key.leaked"
)

const maxKeyGrace = 30 * day

// keyReminder is how long before its end the owner of a key is told.
const keyReminder = 7 * day

// KeyRotation asks for a key in place of the present one.
type KeyRotation struct {
	User UserID
	// Org is the organization of the key. Defaults to the actor's.
	Org OrgID
	// Grace is how long the key before goes on working, at most 30 days and not
	// beyond its own end; 0 ends it at once.
	Grace time.Duration
	// ExpiresAt ends the new key. Defaults to the lifetime that the one before had
	// from its making to its end; a key without end is followed by one without.
	ExpiresAt time.Time
}

// Rotate makes a new key with the permissions of the user's present one, which
// goes on working for the time of grace alone. There are two keys for that time
// only: rotating again within it ends the older one at once, as Generate and
// Delete end both.
//
// Rights are those of [APIKeys.Generate].
//
// Rotate is atomic. It records "api_key.rotate", and mails if it is not one's own.
//
// Errors: those of [APIKeys.Generate]; [ErrNotFound] if there is no key, or it has
// expired.
func (k *APIKeys) Rotate(ctx context.Context, a Actor, req KeyRotation) (*NewKey, error) {
	const op = "APIKeys.Rotate"
	m := k.m
	text, public := token.NewAPIKey(m.cfg.APIKeyPrefix, [9]byte(randomBytes(9)), random32())
	_, hash, err := token.ParseAPIKey(text)
	if err != nil {
		return nil, withOp(op, err)
	}
	var out *NewKey
	err = m.change(ctx, a, op, verbRotateKey, func(ctx context.Context, w *work) error {
		org := req.Org
		if org.IsZero() {
			org = w.v.org
		}
		mem, err := w.keyHolder(ctx, req.User, org)
		if err != nil {
			return err
		}
		// Two rotations of one key run one after the other.
		if err := w.tx.LockOrg(ctx, org); err != nil {
			return err
		}
		old, err := w.tx.APIKeyOf(ctx, req.User, org)
		if err != nil {
			return err
		}
		if !old.ExpiresAt.IsZero() && !w.now.Before(old.ExpiresAt) {
			return &Error{Kind: ErrNotFound, Field: "api_key", Rule: "expired"}
		}
		key := old
		key.ID, key.PublicID, key.Hash = newID[APIKey](), public, hash
		key.CreatedAt, key.CreatedBy, key.LastUsedAt = w.now, w.v.operator, time.Time{}
		key.ExpiresAt = req.ExpiresAt.UTC().Truncate(time.Microsecond)
		if req.ExpiresAt.IsZero() {
			key.ExpiresAt = time.Time{}
			if !old.ExpiresAt.IsZero() {
				key.ExpiresAt = w.now.Add(old.ExpiresAt.Sub(old.CreatedAt))
			}
		}
		var p problems
		if req.Grace < 0 || req.Grace > maxKeyGrace {
			p.add("grace", "range", "want 0 to 30 days")
		}
		if !key.ExpiresAt.IsZero() && !key.ExpiresAt.After(w.now) {
			p.add("expires_at", "past", "is not in the future")
		}
		if err := p.err(); err != nil {
			return err
		}
		if !mem.User.Active() || mem.User.Reserved || !mem.Membership.Enabled {
			return conflict("user", "not_active", "only active members have API keys")
		}
		key.PreviousHash, key.PreviousUntil = [32]byte{}, time.Time{}
		if req.Grace > 0 {
			key.PreviousHash, key.PreviousUntil = old.Hash, w.now.Add(req.Grace).Truncate(time.Microsecond)
			if !old.ExpiresAt.IsZero() {
				key.PreviousUntil = earlier(key.PreviousUntil, old.ExpiresAt)
			}
		}
		st, err := w.tx.StandingOf(ctx, req.User, org)
		if err != nil {
			return err
		}
		key.Epoch = st.Epoch
		if err := w.tx.PutAPIKey(ctx, key); err != nil {
			return err
		}
		after := map[string]string{"public_id": public}
		if !key.PreviousUntil.IsZero() {
			after["previous_until"] = key.PreviousUntil.Format(time.RFC3339)
		}
		w.record(map[string]string{"public_id": old.PublicID}, after)
		if req.User != w.v.subject {
			w.mail(&mem.User, MailKeyGenerated, map[string]string{"public_id": public})
		}
		key.Hash, key.PreviousHash = [32]byte{}, [32]byte{}
		out = &NewKey{Secret{text}, key}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ReportLeak withdraws a key that somebody has found where it does not belong. It
// takes no actor: whoever holds the text of a key may end it, for that is the
// least that can be done with it. where says where it was found, and is recorded.
// The key stops working at once, and its owner is told; a key within its time of
// grace is withdrawn alone.
//
// The answer is the same whether or not there is, or ever was, such a key.
//
// ReportLeak is atomic. It records "api_key.leaked".
//
// Errors: only the store's, and [ErrInvalid] for a where of more than 1000
// characters.
func (k *APIKeys) ReportLeak(ctx context.Context, text, where string, origin Origin) error {
	const op = "APIKeys.ReportLeak"
	m := k.m
	var p problems
	p.text("where", where, 1000, true)
	if err := p.err(); err != nil {
		return withOp(op, err)
	}
	_, hash, err := token.ParseAPIKey(text)
	if err != nil {
		hash = [32]byte{} // nobody's
	}
	operation, now := newID[Operation](), m.now()
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		view, err := tx.APIKeyByHash(ctx, hash)
		if err != nil && !isNotFound(err) {
			return err
		}
		withdrawn, err := tx.WithdrawAPIKey(ctx, hash)
		if err != nil || !withdrawn {
			return err
		}
		u, err := tx.UserByID(ctx, view.Key.User)
		if err != nil {
			return err
		}
		w := &work{m: m, tx: tx, v: &actorValue{origin: origin, reason: where}, now: now, op: operation, verb: verbLeakedKey}
		w.on("user", u.ID, view.Key.Org, u.DisplayName())
		w.record(map[string]string{"public_id": view.Key.PublicID}, nil)
		w.mailAll(&u, MailKeyLeaked, map[string]string{"public_id": view.Key.PublicID})
		return w.flush(ctx)
	})
	return failed(op, operation, err)
}

// dutyRemindKeys tells the owners of keys a week before these expire, once. A key
// that was made for less is not told of.
func (m *Manager) dutyRemindKeys(ctx context.Context, now time.Time) (int, error) {
	const name = "api key reminder"
	until := now.Add(keyReminder)
	stood, err := m.store.Mark(ctx, name)
	if err != nil {
		return 0, err
	}
	at, key := parseMark[APIKey](stood)
	if at.After(until) {
		at, key = until, APIKeyID{} // the clock went back
	}
	q := KeyQuery{Until: until, After: at, AfterKey: key, Limit: dutyBatch}
	if now.After(at) { // those before have expired
		q.After, q.AfterKey = now, APIKeyID{}
	}
	page, err := m.store.KeysByExpiry(ctx, q)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	last := &page[len(page)-1]
	err = m.dutyWork(ctx, now, "API keys that expire", "", func(ctx context.Context, w *work) error {
		moved, err := w.tx.MoveMark(ctx, name, stood, formatMark(last.ExpiresAt, last.ID))
		if err != nil || !moved {
			return err // another process has told them
		}
		for i := range page {
			if page[i].ExpiresAt.Sub(page[i].CreatedAt) <= keyReminder {
				continue
			}
			u, err := w.tx.UserByID(ctx, page[i].User)
			if err != nil {
				return err
			}
			if u.Active() && !u.Reserved {
				w.mail(&u, MailKeyReminder, map[string]string{"public_id": page[i].PublicID,
					"expires_at": page[i].ExpiresAt.Format(time.RFC3339), "days": fmt.Sprint(daysLeft(page[i].ExpiresAt, now))})
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(page), nil
}
