package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	deputyColumns = `d.org_id, d.user_id, d.deputy_id, d.from_at, d.until_at, d.read_only, d.reason, d.created_at, d.updated_at, d.version`

	sqlInsertDeputy = `insert into usermgmt_deputies (org_id, user_id, deputy_id, from_at, until_at, read_only, reason,
	created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::uuid, $4::timestamptz, $5::timestamptz, $6::boolean, $7::text, $8::timestamptz, $9::timestamptz, 1)`

	sqlDeputy = `select ` + deputyColumns + ` from usermgmt_deputies d
where d.org_id = $1::uuid and d.user_id = $2::uuid and d.deputy_id = $3::uuid`
	sqlDeputiesOfUser = `select ` + deputyColumns + ` from usermgmt_deputies d
where d.org_id = $1::uuid and d.user_id = $2::uuid and d.deputy_id > $3::uuid order by d.deputy_id limit $4::bigint`
	sqlDeputiesByDeputy = `select ` + deputyColumns + ` from usermgmt_deputies d
where d.org_id = $1::uuid and d.deputy_id = $2::uuid and d.user_id > $3::uuid order by d.user_id limit $4::bigint`
)

var (
	sqlUpdateDeputy = guardedUpdate(`update usermgmt_deputies
set from_at = $4::timestamptz, until_at = $5::timestamptz, read_only = $6::boolean, reason = $7::text,
	created_at = $8::timestamptz, updated_at = $9::timestamptz, version = version + 1
where org_id = $1::uuid and user_id = $2::uuid and deputy_id = $3::uuid and version = $10::bigint`,
		`select from usermgmt_deputies where org_id = $1::uuid and user_id = $2::uuid and deputy_id = $3::uuid`)
	sqlDeleteDeputy = guardedDelete(
		`delete from usermgmt_deputies where org_id = $1::uuid and user_id = $2::uuid and deputy_id = $3::uuid`)
)

// SaveDeputy implements [usermgmt.Store].
func (s *Store) SaveDeputy(ctx context.Context, d usermgmt.Deputy) error {
	st := step{sql: sqlInsertDeputy, args: []any{
		key(d.Org), key(d.User), key(d.Deputy), at(d.From), at(d.Until), d.ReadOnly, d.Reason, moment(d.CreatedAt), moment(d.UpdatedAt),
	}}
	if d.Version != 0 {
		st.sql, st.args = sqlUpdateDeputy, append(st.args, d.Version)
	}
	return s.write(ctx, st)
}

// DeleteDeputy implements [usermgmt.Store].
func (s *Store) DeleteDeputy(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, deputy usermgmt.UserID) error {
	return s.write(ctx, step{sql: sqlDeleteDeputy, args: []any{key(org), key(user), key(deputy)}, remove: true})
}

func scanDeputy(r scanner, d *usermgmt.Deputy) error {
	return r.Scan(toID(&d.Org), toID(&d.User), toID(&d.Deputy), toTime(&d.From), toTime(&d.Until), &d.ReadOnly, &d.Reason,
		toTime(&d.CreatedAt), toTime(&d.UpdatedAt), &d.Version)
}

// DeputyOf implements [usermgmt.Store].
func (s *Store) DeputyOf(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, deputy usermgmt.UserID,
) (usermgmt.Deputy, error) {
	return one(ctx, s, scanDeputy, sqlDeputy, key(org), key(user), key(deputy))
}

// ListDeputies implements [usermgmt.Store].
func (s *Store) ListDeputies(ctx context.Context, q usermgmt.DeputyQuery) ([]usermgmt.Deputy, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	switch {
	case q.User.IsZero() == q.Deputy.IsZero():
		return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "user", Rule: "required"}
	case q.User.IsZero():
		return all(ctx, s, scanDeputy, sqlDeputiesByDeputy, key(q.Org), key(q.Deputy), keyArg(q.After.ID), q.Limit)
	}
	return all(ctx, s, scanDeputy, sqlDeputiesOfUser, key(q.Org), key(q.User), keyArg(q.After.ID), q.Limit)
}
