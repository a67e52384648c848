package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	sqlInsertFactor = `insert into usermgmt_factors (user_id, secret, confirmed_at, next, next_at, last_step, version)
values ($1::uuid, $2::bytea, $3::timestamptz, $4::bytea, $5::timestamptz, $6::bigint, 1)`
	sqlFactor = `select f.user_id, f.secret, f.confirmed_at, f.next, f.next_at, f.last_step, f.version
from usermgmt_factors f where f.user_id = $1::uuid`
	sqlUseFactorStep = `update usermgmt_factors set last_step = $2::bigint
where user_id = $1::uuid and last_step < $2::bigint and secret <> '' returning 1`

	sqlClearRecoveryCodes = `delete from usermgmt_recovery_codes where user_id = $1::uuid`
	sqlInsertRecoveryCode = `insert into usermgmt_recovery_codes (user_id, hash) values ($1::uuid, $2::bytea)`
	sqlUseRecoveryCode    = `delete from usermgmt_recovery_codes where user_id = $1::uuid and hash = $2::bytea returning 1`
	sqlCountRecoveryCodes = `select count(*) from usermgmt_recovery_codes where user_id = $1::uuid`

	sqlInsertQuestion = `insert into usermgmt_questions (user_id, question, hash, chosen_at, version)
values ($1::uuid, $2::text, $3::text, $4::timestamptz, 1)`
	sqlQuestion = `select q.user_id, q.question, q.hash, q.chosen_at, q.version
from usermgmt_questions q where q.user_id = $1::uuid`
)

var (
	sqlUpdateFactor = guardedUpdate(`update usermgmt_factors
set secret = $2::bytea, confirmed_at = $3::timestamptz, next = $4::bytea, next_at = $5::timestamptz,
	last_step = greatest(last_step, $6::bigint), version = version + 1
where user_id = $1::uuid and version = $7::bigint`, `select from usermgmt_factors where user_id = $1::uuid`)
	sqlDeleteFactor   = guardedDelete(`delete from usermgmt_factors where user_id = $1::uuid`)
	sqlUpdateQuestion = guardedUpdate(`update usermgmt_questions
set question = $2::text, hash = $3::text, chosen_at = $4::timestamptz, version = version + 1
where user_id = $1::uuid and version = $5::bigint`, `select from usermgmt_questions where user_id = $1::uuid`)
	sqlDeleteQuestion = guardedDelete(`delete from usermgmt_questions where user_id = $1::uuid`)
)

// SaveFactor implements [usermgmt.Store].
func (s *Store) SaveFactor(ctx context.Context, f usermgmt.Factor) error {
	st := step{sql: sqlInsertFactor, args: []any{key(f.User), octets(f.Secret), at(f.ConfirmedAt), octets(f.Next), at(f.NextAt), f.LastStep}}
	if f.Version != 0 {
		st.sql, st.args = sqlUpdateFactor, append(st.args, f.Version)
	}
	return s.write(ctx, st)
}

// octets are bytes as an argument for a column that is never NULL.
func octets(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func scanFactor(r scanner, f *usermgmt.Factor) error {
	return r.Scan(toID(&f.User), &f.Secret, toTime(&f.ConfirmedAt), &f.Next, toTime(&f.NextAt), &f.LastStep, &f.Version)
}

// FactorOf implements [usermgmt.Store].
func (s *Store) FactorOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Factor, error) {
	return one(ctx, s, scanFactor, sqlFactor, key(user))
}

// DeleteFactor implements [usermgmt.Store].
func (s *Store) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	return s.write(ctx, step{sql: sqlClearRecoveryCodes, args: []any{key(user)}}, step{sql: sqlDeleteFactor, args: []any{key(user)}})
}

// did runs a statement that returns a row if it changed something, and tells
// whether it did.
func (s *Store) did(ctx context.Context, sql string, args ...any) (done bool, err error) {
	err = s.within(ctx, func(ctx context.Context, tx *Store) error {
		done = false
		return tx.each(ctx, func(scanner) error {
			done = true
			return nil
		}, sql, args...)
	})
	return done && err == nil, err
}

// UseFactorStep implements [usermgmt.Store].
func (s *Store) UseFactorStep(ctx context.Context, user usermgmt.UserID, timeStep int64) (bool, error) {
	return s.did(ctx, sqlUseFactorStep, key(user), timeStep)
}

// PutRecoveryCodes implements [usermgmt.Store].
func (s *Store) PutRecoveryCodes(ctx context.Context, user usermgmt.UserID, hashes [][32]byte) error {
	steps := []step{{sql: sqlClearRecoveryCodes, args: []any{key(user)}}}
	for i := range hashes {
		steps = append(steps, step{sql: sqlInsertRecoveryCode, args: []any{key(user), hashes[i][:]}})
	}
	return s.write(ctx, steps...)
}

// UseRecoveryCode implements [usermgmt.Store].
func (s *Store) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	return s.did(ctx, sqlUseRecoveryCode, key(user), hash[:])
}

// CountRecoveryCodes implements [usermgmt.Store].
func (s *Store) CountRecoveryCodes(ctx context.Context, user usermgmt.UserID) (int, error) {
	return one(ctx, s, func(r scanner, n *int) error { return r.Scan(n) }, sqlCountRecoveryCodes, key(user))
}

// SaveQuestion implements [usermgmt.Store].
func (s *Store) SaveQuestion(ctx context.Context, q usermgmt.Question) error {
	st := step{sql: sqlInsertQuestion, args: []any{key(q.User), q.Text, q.Hash, moment(q.ChosenAt)}}
	if q.Version != 0 {
		st.sql, st.args = sqlUpdateQuestion, append(st.args, q.Version)
	}
	return s.write(ctx, st)
}

func scanQuestion(r scanner, q *usermgmt.Question) error {
	return r.Scan(toID(&q.User), &q.Text, &q.Hash, toTime(&q.ChosenAt), &q.Version)
}

// QuestionOf implements [usermgmt.Store].
func (s *Store) QuestionOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Question, error) {
	return one(ctx, s, scanQuestion, sqlQuestion, key(user))
}

// DeleteQuestion implements [usermgmt.Store].
func (s *Store) DeleteQuestion(ctx context.Context, user usermgmt.UserID) error {
	return s.write(ctx, step{sql: sqlDeleteQuestion, args: []any{key(user)}})
}
