package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// Ending sessions takes two statements: the second, for the proxy sessions below,
// must see those that were begun while the first waited for a row.

const (
	setEnded = `set ended_at = $1::timestamptz, end_reason = $2::text, over_at = least(expires_at, $1::timestamptz)`

	sqlEndSession = `update usermgmt_sessions
` + setEnded + `
where session_id = $3::uuid and ended_at is null
returning session_id, user_id`
	sqlEndSessions = `update usermgmt_sessions
` + setEnded + `
where ended_at is null and session_id <> $3::uuid and ($5::uuid is null or org_id = $5::uuid) and session_id in (
	select session_id from usermgmt_sessions where user_id = $4::uuid and ended_at is null
	union all select session_id from usermgmt_sessions where operator_id = $4::uuid and ended_at is null)
returning session_id, user_id`
	sqlEndBelow = `update usermgmt_sessions
` + setEnded + `
where ended_at is null and session_id in (
	with recursive b (session_id) as (
		select session_id from usermgmt_sessions
		where parent_id = any ($4::uuid[]) and ended_at is null and session_id <> $3::uuid
		union select c.session_id from b join usermgmt_sessions c on c.parent_id = b.session_id
		where c.ended_at is null and c.session_id <> $3::uuid)
	select session_id from b)`

	sqlPruneSessions = `with d as (
	delete from usermgmt_sessions where session_id = any (array(
		select session_id from usermgmt_sessions where over_at < $1::timestamptz
		order by over_at limit $2::bigint for update skip locked))
	returning 1)
select count(*) from d`
)

// end runs a statement that ends sessions and then ends those below, except
// keep. It returns how many sessions of the user it ended, and of anybody.
func (s *Store) end(
	ctx context.Context, user usermgmt.UserID, keep usermgmt.SessionID, now time.Time, reason, sql string, args ...any,
) (own, total int, err error) {
	err = s.within(ctx, func(ctx context.Context, tx *Store) error {
		own = 0
		var ended []usermgmt.SessionID
		err := tx.each(ctx, func(r scanner) error {
			var session usermgmt.SessionID
			var of usermgmt.UserID
			if err := r.Scan(toID(&session), toID(&of)); err != nil {
				return err
			}
			ended = append(ended, session)
			if of == user {
				own++
			}
			return nil
		}, sql, args...)
		if total = len(ended); err != nil || total == 0 {
			return err
		}
		return tx.write(ctx, step{sql: sqlEndBelow, args: []any{at(now), foreign(reason), key(keep), ids(ended)}})
	})
	if err != nil {
		return 0, 0, err
	}
	return own, total, nil
}

// EndSession implements [usermgmt.Store].
func (s *Store) EndSession(
	ctx context.Context, session usermgmt.SessionID, now time.Time, reason string,
) (ended bool, err error) {
	_, n, err := s.end(ctx, usermgmt.UserID{}, usermgmt.SessionID{}, now, reason,
		sqlEndSession, at(now), foreign(reason), key(session))
	return n > 0, err
}

// EndSessions implements [usermgmt.Store].
func (s *Store) EndSessions(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID, now time.Time, reason string,
) (int, error) {
	n, _, err := s.end(ctx, user, keep, now, reason,
		sqlEndSessions, at(now), foreign(reason), key(keep), key(user), id(org))
	return n, err
}

// PruneSessions implements [usermgmt.Store].
func (s *Store) PruneSessions(ctx context.Context, t time.Time, limit int) (n int, err error) {
	if limit < 1 {
		return 0, limitInvalid()
	}
	err = s.change(ctx, func(r scanner) error { return r.Scan(&n) }, sqlPruneSessions, until(t), limit)
	if err != nil {
		return 0, err
	}
	return n, nil
}
