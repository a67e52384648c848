package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	tokenColumns = `t.token_id, t.key, t.purpose, t.user_id, t.org_id, t.session_id, t.invitation_id, t.address, t.username_key,
	t.email_key, t.epoch, t.logins, t.code, t.created_at, t.expires_at, t.used_at, t.created_by`

	// The secrets of the token that is replaced go with it. One that is added just
	// now stays behind and belongs to nobody.
	sqlPutToken = `with p as (
	insert into usermgmt_tokens as t (token_id, key, purpose, user_id, org_id, session_id, invitation_id, address, username_key,
		email_key, epoch, logins, code, created_at, expires_at, used_at, created_by, over_at)
	select $1::uuid, $2::text, $3::text, $4::uuid, $5::uuid, $6::uuid, $7::uuid, $8::text, $9::text,
		$10::text, $11::bigint, $12::bigint, $13::text, $14::timestamptz, $15::timestamptz, $16::timestamptz, $17::uuid,
		least($15::timestamptz, $16::timestamptz)
	where $2::text <> ''
	on conflict (key) do update
	set token_id = excluded.token_id, purpose = excluded.purpose, user_id = excluded.user_id, org_id = excluded.org_id,
		session_id = excluded.session_id, invitation_id = excluded.invitation_id, address = excluded.address,
		username_key = excluded.username_key, email_key = excluded.email_key, epoch = excluded.epoch, logins = excluded.logins,
		code = excluded.code, created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = excluded.used_at,
		created_by = excluded.created_by, over_at = excluded.over_at
	where $18::timestamptz is null or t.created_at <= $18::timestamptz or t.created_at > excluded.created_at
	returning 1),
d as (delete from usermgmt_token_secrets where key = $2::text and exists (select from p))
select count(*) from p`

	sqlArmToken = `with t as (
	update usermgmt_tokens set code = case when $3::text = '' then code else $3::text end
	where token_id = $1::uuid and used_at is null
	returning key, token_id),
s as (insert into usermgmt_token_secrets (hash, key, token_id)
	select $2::bytea, t.key, t.token_id from t where $2::bytea is not null)
select count(*) from t`

	sqlToken     = `select ` + tokenColumns + ` from usermgmt_tokens t where t.token_id = $1::uuid`
	sqlTokenKey  = `select ` + tokenColumns + ` from usermgmt_tokens t where t.key = $1::text`
	sqlTokenHash = `select ` + tokenColumns + ` from usermgmt_token_secrets s
join usermgmt_tokens t on t.key = s.key and t.token_id = s.token_id
where s.hash = $1::bytea`

	sqlUseToken = `with t as (
	update usermgmt_tokens set used_at = $2::timestamptz, over_at = least(expires_at, $2::timestamptz)
	where token_id = $1::uuid and used_at is null
	returning 1)
select count(*) from t`

	sqlDeleteTokens = `delete from usermgmt_tokens
where user_id = $1::uuid and (cardinality($2::text[]) = 0 or purpose = any ($2::text[]))`

	sqlPruneTokens = `with d as (
	delete from usermgmt_tokens where key = any (array(
		select key from usermgmt_tokens where over_at < $1::timestamptz
		order by over_at limit $2::bigint for update skip locked))
	returning 1)
select count(*) from d`
)

// counted runs a statement that changes rows and counts them.
func (s *Store) counted(ctx context.Context, sql string, args ...any) (n int, err error) {
	err = s.change(ctx, func(r scanner) error { return r.Scan(&n) }, sql, args...)
	if err != nil {
		return 0, err
	}
	return n, nil
}

// PutToken implements [usermgmt.Store].
func (s *Store) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (put bool, err error) {
	n, err := s.counted(ctx, sqlPutToken, key(t.ID), t.Key, string(t.Purpose), id(t.User), id(t.Org), id(t.Session),
		id(t.Invitation), t.Address, t.UsernameKey, t.EmailKey, t.Epoch, t.Logins, t.Code, moment(t.CreatedAt),
		moment(t.ExpiresAt), at(t.UsedAt), id(t.CreatedBy), at(since))
	return n > 0, err
}

// ArmToken implements [usermgmt.Store].
func (s *Store) ArmToken(ctx context.Context, secret usermgmt.TokenSecret) (armed bool, err error) {
	var hash []byte
	if secret.Hash != ([32]byte{}) {
		hash = secret.Hash[:]
	}
	n, err := s.counted(ctx, sqlArmToken, key(secret.Token), hash, secret.Code)
	return n > 0, err
}

func scanToken(r scanner, t *usermgmt.Token) error {
	return r.Scan(toID(&t.ID), &t.Key, &t.Purpose, toID(&t.User), toID(&t.Org), toID(&t.Session), toID(&t.Invitation), &t.Address,
		&t.UsernameKey, &t.EmailKey, &t.Epoch, &t.Logins, &t.Code, toTime(&t.CreatedAt), toTime(&t.ExpiresAt), toTime(&t.UsedAt),
		toID(&t.CreatedBy))
}

// TokenByID implements [usermgmt.Store].
func (s *Store) TokenByID(ctx context.Context, token usermgmt.TokenID) (usermgmt.Token, error) {
	return one(ctx, s, scanToken, sqlToken, key(token))
}

// TokenByKey implements [usermgmt.Store].
func (s *Store) TokenByKey(ctx context.Context, tokenKey string) (usermgmt.Token, error) {
	if !storable(tokenKey) {
		tokenKey = ""
	}
	return one(ctx, s, scanToken, sqlTokenKey, tokenKey)
}

// TokenByHash implements [usermgmt.Store].
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	return one(ctx, s, scanToken, sqlTokenHash, hash[:])
}

// UseToken implements [usermgmt.Store].
func (s *Store) UseToken(ctx context.Context, token usermgmt.TokenID, now time.Time) (used bool, err error) {
	n, err := s.counted(ctx, sqlUseToken, key(token), moment(now))
	return n > 0, err
}

// DeleteTokens implements [usermgmt.Store].
func (s *Store) DeleteTokens(ctx context.Context, user usermgmt.UserID, purposes ...usermgmt.TokenPurpose) error {
	list := make([]string, len(purposes))
	for i, p := range purposes {
		list[i] = string(p)
	}
	return s.write(ctx, step{sql: sqlDeleteTokens, args: []any{key(user), list}})
}

// PruneTokens implements [usermgmt.Store].
func (s *Store) PruneTokens(ctx context.Context, t time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, limitInvalid()
	}
	return s.counted(ctx, sqlPruneTokens, until(t), limit)
}
