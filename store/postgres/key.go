package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	keyColumns = `k.org_id, k.user_id, k.key_id, k.public_id, k.hash, k.epoch, k.permissions::text, k.created_at, k.created_by,
	k.expires_at, k.last_used_at, k.previous_hash, k.previous_until`

	sqlPutKey = `insert into usermgmt_api_keys (org_id, user_id, key_id, public_id, hash, epoch, permissions, created_at,
	created_by, expires_at, last_used_at, previous_hash, previous_until)
values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::bytea, $6::bigint, $7::jsonb, $8::timestamptz, $9::uuid,
	$10::timestamptz, $11::timestamptz, $12::bytea, $13::timestamptz)
on conflict (org_id, user_id) do update
set key_id = excluded.key_id, public_id = excluded.public_id, hash = excluded.hash, epoch = excluded.epoch,
	permissions = excluded.permissions, created_at = excluded.created_at, created_by = excluded.created_by,
	expires_at = excluded.expires_at, last_used_at = excluded.last_used_at,
	previous_hash = excluded.previous_hash, previous_until = excluded.previous_until`

	sqlKeyHash = `select ` + keyColumns + `, ` + standingColumns + `
from (select ` + keyColumns + ` from usermgmt_api_keys k where k.hash = $1::bytea
	union all
	(select ` + keyColumns + ` from usermgmt_api_keys k where k.previous_hash = $1::bytea limit 1) limit 1) k` + standingTables
	sqlKeyOf = `select ` + keyColumns + ` from usermgmt_api_keys k where k.org_id = $1::uuid and k.user_id = $2::uuid`

	sqlKeysByExpiry = `select ` + keyColumns + ` from usermgmt_api_keys k
where k.expires_at <= $1::timestamptz and (k.expires_at, k.key_id) > ($2::timestamptz, $3::uuid)
order by k.expires_at, k.key_id limit $4::bigint`

	sqlWithdrawKey = `with p as (
	update usermgmt_api_keys set previous_hash = null, previous_until = null
	where previous_hash = $1::bytea and hash <> $1::bytea returning 1),
d as (delete from usermgmt_api_keys where hash = $1::bytea returning 1)
select from p union all select from d`

	sqlTouchKey = `update usermgmt_api_keys set last_used_at = $2::timestamptz
where key_id = $1::uuid and coalesce(last_used_at, '0001-01-01 00:00:00+00') < $3::timestamptz`
)

var sqlDeleteKey = guardedDelete(`delete from usermgmt_api_keys where org_id = $1::uuid and user_id = $2::uuid`)

// PutAPIKey implements [usermgmt.Store].
func (s *Store) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	return s.write(ctx, step{sql: sqlPutKey, args: []any{
		key(k.Org), key(k.User), key(k.ID), k.PublicID, k.Hash[:], k.Epoch, list(len(k.Permissions), k.Permissions),
		moment(k.CreatedAt), id(k.CreatedBy), at(k.ExpiresAt), at(k.LastUsedAt),
		hashArg(k.PreviousHash), at(k.PreviousUntil),
	}})
}

// keyDests are the destinations of keyColumns.
func keyDests(k *usermgmt.APIKey) []any {
	return []any{
		toID(&k.Org), toID(&k.User), toID(&k.ID), &k.PublicID, toHash(&k.Hash), &k.Epoch, toJSON(&k.Permissions),
		toTime(&k.CreatedAt), toID(&k.CreatedBy), toTime(&k.ExpiresAt), toTime(&k.LastUsedAt),
		toHash(&k.PreviousHash), toTime(&k.PreviousUntil),
	}
}

func scanKey(r scanner, k *usermgmt.APIKey) error { return r.Scan(keyDests(k)...) }

func scanKeyView(r scanner, out *usermgmt.KeyView) error {
	var st standingRow
	err := r.Scan(append(keyDests(&out.Key), st.dests()...)...)
	out.Standing = st.value()
	out.Standing.User = out.Key.User
	return err
}

// APIKeyByHash implements [usermgmt.Store].
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) {
	return one(ctx, s, scanKeyView, sqlKeyHash, hash[:])
}

// APIKeyOf implements [usermgmt.Store].
func (s *Store) APIKeyOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.APIKey, error) {
	return one(ctx, s, scanKey, sqlKeyOf, key(org), key(user))
}

// DeleteAPIKey implements [usermgmt.Store].
func (s *Store) DeleteAPIKey(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	return s.write(ctx, step{sql: sqlDeleteKey, args: []any{key(org), key(user)}})
}

// TouchAPIKey implements [usermgmt.Store].
func (s *Store) TouchAPIKey(ctx context.Context, k usermgmt.APIKeyID, now, stale time.Time) error {
	return s.write(ctx, step{sql: sqlTouchKey, args: []any{key(k), moment(now), until(stale)}})
}

// WithdrawAPIKey implements [usermgmt.Store].
func (s *Store) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	return s.did(ctx, sqlWithdrawKey, hash[:])
}

// KeysByExpiry implements [usermgmt.Store].
func (s *Store) KeysByExpiry(ctx context.Context, q usermgmt.KeyQuery) ([]usermgmt.APIKey, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanKey, sqlKeysByExpiry, moment(q.Until), moment(q.After), key(q.AfterKey), q.Limit)
}

// hashArg is a SHA-256 as an argument; the zero one is NULL.
func hashArg(h [32]byte) any {
	if h == [32]byte{} {
		return nil
	}
	return h[:]
}
