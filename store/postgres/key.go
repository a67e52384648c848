package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	keyColumns = `k.org_id, k.user_id, k.key_id, k.public_id, k.hash, k.epoch, k.permissions::text, k.created_at, k.created_by,
	k.expires_at, k.last_used_at`

	sqlPutKey = `insert into usermgmt_api_keys (org_id, user_id, key_id, public_id, hash, epoch, permissions, created_at,
	created_by, expires_at, last_used_at)
values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::bytea, $6::bigint, $7::jsonb, $8::timestamptz, $9::uuid,
	$10::timestamptz, $11::timestamptz)
on conflict (org_id, user_id) do update
set key_id = excluded.key_id, public_id = excluded.public_id, hash = excluded.hash, epoch = excluded.epoch,
	permissions = excluded.permissions, created_at = excluded.created_at, created_by = excluded.created_by,
	expires_at = excluded.expires_at, last_used_at = excluded.last_used_at`

	sqlKeyHash = `select ` + keyColumns + `, ` + standingColumns + `
from usermgmt_api_keys k` + standingTables + `
where k.hash = $1::bytea`
	sqlKeyOf = `select ` + keyColumns + ` from usermgmt_api_keys k where k.org_id = $1::uuid and k.user_id = $2::uuid`

	sqlTouchKey = `update usermgmt_api_keys set last_used_at = $2::timestamptz
where key_id = $1::uuid and coalesce(last_used_at, '0001-01-01 00:00:00+00') < $3::timestamptz`
)

var sqlDeleteKey = guardedDelete(`delete from usermgmt_api_keys where org_id = $1::uuid and user_id = $2::uuid`)

// PutAPIKey implements [usermgmt.Store].
func (s *Store) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	return s.write(ctx, step{sql: sqlPutKey, args: []any{
		key(k.Org), key(k.User), key(k.ID), k.PublicID, k.Hash[:], k.Epoch, list(len(k.Permissions), k.Permissions),
		moment(k.CreatedAt), id(k.CreatedBy), at(k.ExpiresAt), at(k.LastUsedAt),
	}})
}

// keyDests are the destinations of keyColumns.
func keyDests(k *usermgmt.APIKey) []any {
	return []any{
		toID(&k.Org), toID(&k.User), toID(&k.ID), &k.PublicID, toHash(&k.Hash), &k.Epoch, toJSON(&k.Permissions),
		toTime(&k.CreatedAt), toID(&k.CreatedBy), toTime(&k.ExpiresAt), toTime(&k.LastUsedAt),
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
