package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	roleColumns = `r.role_id, r.org_id, r.application_id, r.name, r.name_key, r.description, r.grants::text,
	r.created_at, r.updated_at, r.version`

	sqlInsertRole = `insert into usermgmt_roles (role_id, org_id, application_id, name, name_key, description, grants,
	created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::jsonb, $8::timestamptz, $9::timestamptz, 1)`
	sqlRole = `select ` + roleColumns + ` from usermgmt_roles r where r.role_id = $1::uuid`
)

var (
	sqlUpdateRole = guardedUpdate(`update usermgmt_roles
set org_id = $2::uuid, application_id = $3::uuid, name = $4::text, name_key = $5::text, description = $6::text,
	grants = $7::jsonb, created_at = $8::timestamptz, updated_at = $9::timestamptz, version = version + 1
where role_id = $1::uuid and version = $10::bigint`, `select from usermgmt_roles where role_id = $1::uuid`)
	sqlDeleteRole = guardedDelete(`delete from usermgmt_roles where role_id = $1::uuid`)
)

// SaveRole implements [usermgmt.Store].
func (s *Store) SaveRole(ctx context.Context, r usermgmt.Role) error {
	st := step{sql: sqlInsertRole, args: []any{
		key(r.ID), id(r.Org), id(r.App), r.Name, r.NameKey, r.Description, list(len(r.Grants), r.Grants),
		moment(r.CreatedAt), moment(r.UpdatedAt),
	}}
	if r.Version != 0 {
		st.sql, st.args = sqlUpdateRole, append(st.args, r.Version)
	}
	return s.write(ctx, st)
}

func scanRole(row scanner, r *usermgmt.Role) error {
	return row.Scan(toID(&r.ID), toID(&r.Org), toID(&r.App), &r.Name, &r.NameKey, &r.Description, toJSON(&r.Grants),
		toTime(&r.CreatedAt), toTime(&r.UpdatedAt), &r.Version)
}

// DeleteRole implements [usermgmt.Store].
func (s *Store) DeleteRole(ctx context.Context, role usermgmt.RoleID) error {
	return s.write(ctx, step{sql: sqlDeleteRole, args: []any{key(role)}, remove: true, field: "role"})
}

// RoleByID implements [usermgmt.Store].
func (s *Store) RoleByID(ctx context.Context, role usermgmt.RoleID) (usermgmt.Role, error) {
	return one(ctx, s, scanRole, sqlRole, key(role))
}
