package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	messageColumns = `o.message_id, o.operation_id, o.org_id, o.user_id, o.address, o.kind, o.vals::text, o.not_before,
	o.attempts, o.created_at, o.sent_at, o.dead_at, o.last_error, o.event, o.token_id`

	sqlInsertMessage = `insert into usermgmt_outbox (message_id, operation_id, org_id, user_id, address, kind, vals, not_before,
	attempts, created_at, sent_at, dead_at, last_error, event, token_id)
values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::text, $7::jsonb, $8::timestamptz, $9::bigint,
	$10::timestamptz, $11::timestamptz, $12::timestamptz, $13::text, $14::boolean, $15::uuid)`

	// Mails and events each have an index.
	sqlClaimMails  = sqlClaimOf + `not event` + sqlClaimThem
	sqlClaimEvents = sqlClaimOf + `event` + sqlClaimThem
	sqlClaimOf     = `with c as (
	select message_id from usermgmt_outbox
	where sent_at is null and dead_at is null and `
	sqlClaimThem = ` and not_before <= $1::timestamptz
	order by message_id limit $3::bigint for update skip locked), o as (
	update usermgmt_outbox m set not_before = $2::timestamptz, attempts = m.attempts + 1
	from c where m.message_id = c.message_id
	returning m.message_id, m.operation_id, m.org_id, m.user_id, m.address, m.kind, m.vals, m.not_before,
		m.attempts, m.created_at, m.sent_at, m.dead_at, m.last_error, m.event, m.token_id)
select ` + messageColumns + ` from o order by o.message_id`

	sqlMessages = `select ` + messageColumns + ` from usermgmt_outbox o
where o.message_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by o.message_id desc limit $2::bigint`
	sqlPendingMessages = `select ` + messageColumns + ` from usermgmt_outbox o
where o.sent_at is null and o.dead_at is null and o.message_id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by o.message_id desc limit $2::bigint`
)

var sqlSettleMessage = guardedUpdate(`update usermgmt_outbox
set not_before = $2::timestamptz, sent_at = $3::timestamptz, dead_at = $4::timestamptz, last_error = $5::text,
	vals = case when $3::timestamptz is null and $4::timestamptz is null then vals end
where message_id = $1::uuid`, existsNothing)

// AddMessages implements [usermgmt.Store].
func (s *Store) AddMessages(ctx context.Context, messages ...usermgmt.Message) error {
	steps := make([]step, len(messages))
	for i := range messages {
		m := &messages[i]
		steps[i] = step{sql: sqlInsertMessage, args: []any{
			key(m.ID), id(m.Operation), id(m.Org), id(m.User), m.To, m.Kind, list(len(m.Values), m.Values), moment(m.NotBefore),
			m.Attempts, moment(m.CreatedAt), at(m.SentAt), at(m.DeadAt), foreign(m.LastError), m.Event, id(m.Token),
		}}
	}
	return s.write(ctx, steps...)
}

func scanMessage(r scanner, m *usermgmt.Message) error {
	return r.Scan(toID(&m.ID), toID(&m.Operation), toID(&m.Org), toID(&m.User), &m.To, &m.Kind, toJSON(&m.Values),
		toTime(&m.NotBefore), &m.Attempts, toTime(&m.CreatedAt), toTime(&m.SentAt), toTime(&m.DeadAt), &m.LastError, &m.Event,
		toID(&m.Token))
}

// ClaimMessages implements [usermgmt.Store]. It passes over messages that
// another caller is just claiming or settling.
func (s *Store) ClaimMessages(ctx context.Context, event bool, now, until time.Time, limit int) (out []usermgmt.Message, err error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	err = s.within(ctx, func(ctx context.Context, tx *Store) (err error) {
		text := sqlClaimMails
		if event {
			text = sqlClaimEvents
		}
		out, err = all(ctx, tx, scanMessage, text, moment(now), moment(until), limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SettleMessage implements [usermgmt.Store].
func (s *Store) SettleMessage(ctx context.Context, m usermgmt.Message) error {
	return s.write(ctx, step{sql: sqlSettleMessage, args: []any{
		key(m.ID), moment(m.NotBefore), at(m.SentAt), at(m.DeadAt), foreign(m.LastError),
	}})
}

// ListMessages implements [usermgmt.Store].
func (s *Store) ListMessages(ctx context.Context, pending bool, q usermgmt.ListQuery) ([]usermgmt.Message, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	text := sqlMessages
	if pending {
		text = sqlPendingMessages
	}
	return all(ctx, s, scanMessage, text, idArg(q.After.ID), q.Limit)
}
