package memory

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func messagesByID(a, b *usermgmt.Message) int { return cmpID(a.ID, b.ID) }

// messagesByAge orders messages that are pending, mails first.
func messagesByAge(a, b *usermgmt.Message) int {
	if a.Event != b.Event {
		if b.Event {
			return -1
		}
		return 1
	}
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

func cloneMessage(m *usermgmt.Message) usermgmt.Message {
	c := *m
	c.Values, c.Secret = cloneMap(m.Values), usermgmt.Secret{}
	c.NotBefore, c.CreatedAt = utc(m.NotBefore), utc(m.CreatedAt)
	c.SentAt, c.DeadAt = utc(m.SentAt), utc(m.DeadAt)
	return c
}

func pending(m *usermgmt.Message) bool { return m.SentAt.IsZero() && m.DeadAt.IsZero() }

func (v *version) message(id usermgmt.MessageID) *usermgmt.Message {
	m, _ := v.others.messages.Get(&usermgmt.Message{ID: id})
	return m
}

// setMessage puts row in the place of old, which may be nil.
func (w *writer) setMessage(old, row *usermgmt.Message) {
	t := w.others()
	t.messages.Set(w.own, row)
	if pending(row) {
		t.pending.Set(w.own, row)
	} else if old != nil {
		t.pending.Delete(w.own, old)
	}
}

// AddMessages implements [usermgmt.Store].
func (s *Store) AddMessages(ctx context.Context, messages ...usermgmt.Message) error {
	return s.write(ctx, func(w *writer) error {
		for i := range messages {
			if w.v.message(messages[i].ID) != nil {
				return taken("id")
			}
			row := cloneMessage(&messages[i])
			w.setMessage(nil, &row)
		}
		return nil
	})
}

// ClaimMessages implements [usermgmt.Store].
func (s *Store) ClaimMessages(
	ctx context.Context, event bool, now, until time.Time, limit int,
) (out []usermgmt.Message, err error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	err = s.write(ctx, func(w *writer) error {
		var rows []*usermgmt.Message
		from := func(m *usermgmt.Message) bool { return m.Event || !event }
		w.v.others.pending.Ascend(from, func(m *usermgmt.Message) bool {
			if m.Event != event {
				return false
			}
			if !m.NotBefore.After(now) {
				rows = append(rows, m)
			}
			return len(rows) < limit
		})
		for _, m := range rows {
			row := *m
			row.NotBefore = utc(until)
			row.Attempts++
			w.setMessage(m, &row)
			out = append(out, cloneMessage(&row))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SettleMessage implements [usermgmt.Store].
func (s *Store) SettleMessage(ctx context.Context, m usermgmt.Message) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.message(m.ID)
		if old == nil {
			return usermgmt.ErrNotFound
		}
		row := *old
		row.NotBefore, row.SentAt, row.DeadAt = utc(m.NotBefore), utc(m.SentAt), utc(m.DeadAt)
		row.LastError = m.LastError
		if !pending(&row) {
			row.Values = nil
		}
		w.setMessage(old, &row)
		return nil
	})
}

// ListMessages implements [usermgmt.Store].
func (s *Store) ListMessages(
	ctx context.Context, onlyPending bool, q usermgmt.ListQuery,
) ([]usermgmt.Message, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	var upTo func(*usermgmt.Message) bool
	if !q.After.IsZero() {
		upTo = func(m *usermgmt.Message) bool { return cmpID(m.ID, q.After.ID) < 0 }
	}
	var out []usermgmt.Message
	v.others.messages.Descend(upTo, func(m *usermgmt.Message) bool {
		if !onlyPending || pending(m) {
			out = append(out, cloneMessage(m))
		}
		return len(out) < q.Limit
	})
	return out, nil
}
