package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	loginColumns = `l.user_id, l.failures, l.locked_until, l.last_login_at, l.login_count`

	sqlReserveAttempt = `update usermgmt_logins l
set failures = case when l.locked_until is null then l.failures else 0 end + 1,
	locked_until = case when $2::bigint <> 0 and case when l.locked_until is null then l.failures else 0 end + 1 >= $2::bigint
		then $4::timestamptz end
where l.user_id = $1::uuid and (l.locked_until is null or l.locked_until <= $3::timestamptz)
returning ` + loginColumns
	sqlLogin = `select ` + loginColumns + ` from usermgmt_logins l where l.user_id = $1::uuid`

	// existsNothing makes a guarded update fail with ErrNotFound.
	existsNothing = `select 1 where false`
)

var (
	sqlUpdateCredential = guardedUpdate(`update usermgmt_credentials
set status = $2::smallint, hash = $3::text, changed_at = $4::timestamptz, must_change = $5::boolean, epoch = $6::bigint,
	temporary_until = $8::timestamptz, version = version + 1
where user_id = $1::uuid and version = $7::bigint and $7::bigint <> 0`,
		`select 1 where $7::bigint = 0 or exists (select from usermgmt_credentials where user_id = $1::uuid)`)
	sqlReleaseAttempt = guardedUpdate(`update usermgmt_logins
set failures = greatest(failures - 1, 0), locked_until = nullif(locked_until, $2::timestamptz)
where user_id = $1::uuid`, existsNothing)
	sqlRecordLogin = guardedUpdate(`update usermgmt_logins
set failures = 0, locked_until = null, last_login_at = $2::timestamptz, login_count = login_count + 1
where user_id = $1::uuid`, existsNothing)
	sqlClearAttempts = guardedUpdate(`update usermgmt_logins
set failures = 0, locked_until = $2::timestamptz
where user_id = $1::uuid`, existsNothing)
)

// SaveCredential implements [usermgmt.Store].
func (s *Store) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	return s.write(ctx, step{sql: sqlUpdateCredential, args: []any{
		key(c.User), int16(c.Status), c.Hash, at(c.ChangedAt), c.MustChange, c.Epoch, c.Version, at(c.TemporaryUntil),
	}})
}

func scanLogin(r scanner, l *usermgmt.LoginState) error {
	return r.Scan(toID(&l.User), &l.Failures, toTime(&l.LockedUntil), toTime(&l.LastLoginAt), &l.LoginCount)
}

// ReserveAttempt implements [usermgmt.Store]. One UPDATE decides: of callers
// that come at once each waits for the one before and goes on from what that
// one left. Only a caller who is refused needs a second statement, since the
// first saw the row as it was before it waited.
func (s *Store) ReserveAttempt(
	ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule,
) (state usermgmt.LoginState, reserved bool, err error) {
	err = s.within(ctx, func(ctx context.Context, tx *Store) error {
		read := func(r scanner) error { return scanLogin(r, &state) }
		for {
			state, reserved = usermgmt.LoginState{}, false
			err := tx.each(ctx, read, sqlReserveAttempt, key(user), rule.Limit, moment(rule.Now), at(rule.LockUntil))
			if reserved = !state.User.IsZero(); err != nil || reserved {
				return err
			}
			err = tx.each(ctx, read, sqlLogin, key(user))
			// A lock that ended between the two statements refuses nobody.
			if err != nil || state.User.IsZero() || rule.Now.Before(state.LockedUntil) {
				return err
			}
		}
	})
	if err != nil {
		return usermgmt.LoginState{}, false, err
	}
	return state, reserved, nil
}

// within runs fn in the running unit of work, or in one of its own. It is for
// writes whose answers are needed at once. fn may run more than once.
func (s *Store) within(ctx context.Context, fn func(ctx context.Context, tx *Store) error) error {
	if s.unit != nil {
		return fn(ctx, s)
	}
	return s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		return fn(ctx, tx.(*Store)) //nolint:forcetypeassert // Tx hands out a *Store
	})
}

// ReleaseAttempt implements [usermgmt.Store].
func (s *Store) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, lockUntil time.Time) error {
	return s.write(ctx, step{sql: sqlReleaseAttempt, args: []any{key(user), at(lockUntil)}})
}

// RecordLogin implements [usermgmt.Store].
func (s *Store) RecordLogin(ctx context.Context, user usermgmt.UserID, now time.Time) error {
	return s.write(ctx, step{sql: sqlRecordLogin, args: []any{key(user), at(now)}})
}

// ClearAttempts implements [usermgmt.Store].
func (s *Store) ClearAttempts(ctx context.Context, user usermgmt.UserID, until time.Time) error {
	return s.write(ctx, step{sql: sqlClearAttempts, args: []any{key(user), at(until)}})
}
