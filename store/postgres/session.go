package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	sessionColumns = `k.session_id, k.kind, k.token_hash, k.user_id, k.org_id, k.application_id, k.role_id, k.operator_id,
	k.parent_id, k.reason, k.parked, k.epoch, k.operator_epoch, k.idle, k.created_at, k.seen_at, k.expires_at, k.ended_at,
	k.end_reason, k.address, k.user_agent, k.request_id, k.pending, k.proved_at, k.licence,
	k.basis, k.read_only, k.intersect_rights`

	sqlInsertSession = `insert into usermgmt_sessions (session_id, kind, token_hash, user_id, org_id, application_id, role_id,
	operator_id, parent_id, reason, parked, epoch, operator_epoch, idle, created_at, seen_at, expires_at, ended_at,
	end_reason, address, user_agent, request_id, over_at, pending, proved_at, licence,
	basis, read_only, intersect_rights)
values ($1::uuid, $2::smallint, $3::bytea, $4::uuid, $5::uuid, $6::uuid, $7::uuid, $8::uuid, $9::uuid, $10::text, $11::boolean,
	$12::bigint, $13::bigint, $14::bigint, $15::timestamptz, $16::timestamptz, $17::timestamptz, $18::timestamptz,
	$19::text, $20::text, $21::text, $22::text, least($17::timestamptz, $18::timestamptz),
	$23::smallint, $24::timestamptz, $25::text, $26::smallint, $27::boolean, $28::boolean)`

	sessionView = `select ` + sessionColumns + `, ` + standingColumns + `
from usermgmt_sessions k` + standingTables
	sqlSessionToken = sessionView + `
where k.token_hash = $1::bytea and k.ended_at is null`
	sqlSession = sessionView + `
where k.session_id = $1::uuid`

	sqlSessionsByID = `select ` + sessionColumns + ` from usermgmt_sessions k where k.session_id = any ($1::uuid[])`

	sqlTouchSession = `update usermgmt_sessions set seen_at = $2::timestamptz
where session_id = $1::uuid and ended_at is null and seen_at < $3::timestamptz`

	// Each of the two parts is in the order of an index.
	sqlSessions = `select ` + sessionColumns + ` from usermgmt_sessions k
where k.session_id in (
	(select session_id from usermgmt_sessions where user_id = $1::uuid and ended_at is null
		order by created_at desc, session_id desc limit $2::bigint)
	union
	(select session_id from usermgmt_sessions where operator_id = $1::uuid and ended_at is null
		order by created_at desc, session_id desc limit $2::bigint))
order by k.created_at desc, k.session_id desc limit $2::bigint`
)

// sqlUpdateSession fails with ErrStale if it finds no session.
var sqlUpdateSession = guardedUpdate(`update usermgmt_sessions
set token_hash = $3::bytea, parked = $4::boolean, application_id = $5::uuid, role_id = $6::uuid, seen_at = $7::timestamptz
where session_id = $1::uuid and ended_at is null and token_hash = $2::bytea`, `select 1`)

// CreateSession implements [usermgmt.Store].
func (s *Store) CreateSession(ctx context.Context, in usermgmt.Session) error {
	insert := step{sql: sqlInsertSession, args: []any{
		key(in.ID), int16(in.Kind), in.TokenHash[:], key(in.User), id(in.Org), id(in.App), id(in.Role),
		id(in.Operator), id(in.Parent), foreign(in.Reason), in.Parked, in.Epoch, in.OperatorEpoch, int64(in.Idle),
		moment(in.CreatedAt), moment(in.SeenAt), moment(in.ExpiresAt), at(in.EndedAt),
		in.EndReason, foreign(in.Origin.Address), foreign(in.Origin.UserAgent), foreign(in.Origin.RequestID),
		int16(in.Pending), at(in.ProvedAt),
		string(in.Licence), int16(in.Basis), in.ReadOnly, in.Intersect,
	}}
	if in.Licence == "" {
		return s.write(ctx, insert)
	}
	insert.hot = hotPool(in.Org, in.Licence) // after its seat
	return s.write(ctx, append(takeSeat(&in), insert)...)
}

// sessionRow is where a session is read into.
type sessionRow struct {
	usermgmt.Session
	kind, pending, basis int16
	idle                 int64
}

// dests are the destinations of sessionColumns.
func (r *sessionRow) dests() []any {
	x := &r.Session
	return []any{
		toID(&x.ID), &r.kind, toHash(&x.TokenHash), toID(&x.User), toID(&x.Org), toID(&x.App), toID(&x.Role), toID(&x.Operator),
		toID(&x.Parent), &x.Reason, &x.Parked, &x.Epoch, &x.OperatorEpoch, &r.idle, toTime(&x.CreatedAt), toTime(&x.SeenAt),
		toTime(&x.ExpiresAt), toTime(&x.EndedAt), &x.EndReason, &x.Origin.Address, &x.Origin.UserAgent, &x.Origin.RequestID,
		&r.pending, toTime(&x.ProvedAt), &x.Licence, &r.basis, &x.ReadOnly, &x.Intersect,
	}
}

func (r *sessionRow) value() usermgmt.Session {
	r.Kind, r.Pending, r.Idle = usermgmt.SessionKind(r.kind), usermgmt.Step(r.pending), time.Duration(r.idle)
	r.Basis = usermgmt.Basis(r.basis)
	return r.Session
}

func scanSession(r scanner, out *usermgmt.Session) error {
	var row sessionRow
	err := r.Scan(row.dests()...)
	*out = row.value()
	return err
}

func scanSessionView(r scanner, out *usermgmt.SessionView) error {
	var row sessionRow
	var st standingRow
	err := r.Scan(append(row.dests(), st.dests()...)...)
	out.Session, out.Standing = row.value(), st.value()
	out.Standing.User = out.Session.User
	return err
}

// SessionByToken implements [usermgmt.Store].
func (s *Store) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) {
	return one(ctx, s, scanSessionView, sqlSessionToken, hash[:])
}

// SessionByID implements [usermgmt.Store].
func (s *Store) SessionByID(ctx context.Context, session usermgmt.SessionID) (usermgmt.SessionView, error) {
	return one(ctx, s, scanSessionView, sqlSession, key(session))
}

// SessionsByID implements [usermgmt.Store].
func (s *Store) SessionsByID(ctx context.Context, sessions []usermgmt.SessionID) ([]usermgmt.Session, error) {
	return all(ctx, s, scanSession, sqlSessionsByID, ids(sessions))
}

// UpdateSession implements [usermgmt.Store].
func (s *Store) UpdateSession(ctx context.Context, in usermgmt.Session, old [32]byte) error {
	return s.write(ctx, step{sql: sqlUpdateSession, args: []any{
		key(in.ID), old[:], in.TokenHash[:], in.Parked, id(in.App), id(in.Role), moment(in.SeenAt),
	}})
}

// TouchSession implements [usermgmt.Store].
func (s *Store) TouchSession(ctx context.Context, session usermgmt.SessionID, now, stale time.Time) error {
	return s.write(ctx, step{sql: sqlTouchSession, args: []any{key(session), moment(now), until(stale)}})
}

// ListSessions implements [usermgmt.Store].
func (s *Store) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanSession, sqlSessions, key(user), limit)
}
