package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	sqlInsertFormer = `insert into usermgmt_former_passwords (user_id, pos, retired_at, hash)
select $1::uuid, coalesce(max(p.pos), 0) + 1, $2::timestamptz, $3::text from usermgmt_former_passwords p where p.user_id = $1::uuid`
	sqlTrimFormer = `delete from usermgmt_former_passwords p using (
	select pos from usermgmt_former_passwords where user_id = $1::uuid
	order by retired_at desc, pos desc offset $2::bigint) o
where p.user_id = $1::uuid and p.pos = o.pos`
	sqlFormer = `select p.user_id, p.retired_at, p.hash from usermgmt_former_passwords p
where p.user_id = $1::uuid order by p.retired_at desc, p.pos desc limit $2::bigint`

	sqlPasswordsByAge = `select ` + accountColumns + ` from (
	select user_id, status, hash, changed_at, must_change, temporary_until, epoch, version from usermgmt_credentials
	where home = $1::uuid and status = 1 and hash <> '' and changed_at <= $2::timestamptz
	and (changed_at, user_id) > ($3::timestamptz, $4::uuid)
	order by changed_at, user_id limit $5::bigint) c
join usermgmt_users u on u.user_id = c.user_id join usermgmt_logins l on l.user_id = c.user_id
order by c.changed_at, c.user_id`

	sqlMark     = `select k.value from usermgmt_marks k where k.name = $1::text`
	sqlMoveMark = `insert into usermgmt_marks as k (name, value) select $1::text, $3::text
where $2::text = '' or exists (select from usermgmt_marks where name = $1::text)
on conflict (name) do update set value = excluded.value where k.value = $2::text
returning 1`
)

// AddFormerPassword implements [usermgmt.Store].
func (s *Store) AddFormerPassword(ctx context.Context, p usermgmt.FormerPassword, keep int) error {
	return s.write(ctx, step{sql: sqlInsertFormer, args: []any{key(p.User), moment(p.RetiredAt), p.Hash}},
		step{sql: sqlTrimFormer, args: []any{key(p.User), keep}})
}

func scanFormer(r scanner, p *usermgmt.FormerPassword) error {
	return r.Scan(toID(&p.User), toTime(&p.RetiredAt), &p.Hash)
}

// FormerPasswords implements [usermgmt.Store].
func (s *Store) FormerPasswords(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.FormerPassword, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanFormer, sqlFormer, key(user), limit)
}

// PasswordsByAge implements [usermgmt.Store].
func (s *Store) PasswordsByAge(ctx context.Context, q usermgmt.PasswordQuery) ([]usermgmt.Account, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanAccount, sqlPasswordsByAge, key(q.Org), moment(q.Until), moment(q.After), key(q.AfterUser), q.Limit)
}

// Mark implements [usermgmt.Store].
func (s *Store) Mark(ctx context.Context, name string) (value string, err error) {
	err = s.each(ctx, func(r scanner) error { return r.Scan(&value) }, sqlMark, name)
	return value, err
}

// MoveMark implements [usermgmt.Store].
func (s *Store) MoveMark(ctx context.Context, name, from, to string) (bool, error) {
	return s.did(ctx, sqlMoveMark, name, from, to)
}
