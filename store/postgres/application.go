package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	applicationColumns = `a.application_id, a.org_id, a.name, a.name_key, a.description, a.objects::text,
	a.created_at, a.updated_at, a.version`

	sqlInsertApplication = `insert into usermgmt_applications (application_id, org_id, name, name_key, description, objects,
	created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::jsonb, $7::timestamptz, $8::timestamptz, 1)`
	sqlApplication = `select ` + applicationColumns + ` from usermgmt_applications a where a.application_id = $1::uuid`
)

var (
	sqlUpdateApplication = guardedUpdate(`update usermgmt_applications
set org_id = $2::uuid, name = $3::text, name_key = $4::text, description = $5::text, objects = $6::jsonb,
	created_at = $7::timestamptz, updated_at = $8::timestamptz, version = version + 1
where application_id = $1::uuid and version = $9::bigint`,
		`select from usermgmt_applications where application_id = $1::uuid`)
	sqlDeleteApplication = guardedDelete(`delete from usermgmt_applications where application_id = $1::uuid`)
)

// SaveApplication implements [usermgmt.Store].
func (s *Store) SaveApplication(ctx context.Context, a usermgmt.Application) error {
	st := step{sql: sqlInsertApplication, args: []any{
		key(a.ID), id(a.Org), a.Name, a.NameKey, a.Description, list(len(a.Objects), a.Objects),
		moment(a.CreatedAt), moment(a.UpdatedAt),
	}}
	if a.Version != 0 {
		st.sql, st.args = sqlUpdateApplication, append(st.args, a.Version)
	}
	return s.write(ctx, st)
}

func scanApplication(r scanner, a *usermgmt.Application) error {
	return r.Scan(toID(&a.ID), toID(&a.Org), &a.Name, &a.NameKey, &a.Description, toJSON(&a.Objects),
		toTime(&a.CreatedAt), toTime(&a.UpdatedAt), &a.Version)
}

// DeleteApplication implements [usermgmt.Store].
func (s *Store) DeleteApplication(ctx context.Context, app usermgmt.ApplicationID) error {
	return s.write(ctx, step{sql: sqlDeleteApplication, args: []any{key(app)}, remove: true, field: "application"})
}

// ApplicationByID implements [usermgmt.Store].
func (s *Store) ApplicationByID(ctx context.Context, app usermgmt.ApplicationID) (usermgmt.Application, error) {
	return one(ctx, s, scanApplication, sqlApplication, key(app))
}
