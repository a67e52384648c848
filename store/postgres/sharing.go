package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// The teams and roles of a sharing policy are what is read; the rows of
// usermgmt_sharing_teams and usermgmt_sharing_roles say the same for references.

const (
	sharingColumns = `p.sharing_id, p.org_id, p.name, p.name_key, p.owning, p.owning_subteams, p.sharing::text,
	p.sharing_subteams, p.model, p.permissions::text, p.roles::text, p.created_at, p.updated_at, p.version`

	sqlInsertSharing = `insert into usermgmt_sharing (org_id, sharing_id, name, name_key, owning, owning_subteams, sharing,
	sharing_subteams, model, permissions, roles, created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::text, $4::text, $5::uuid, $6::boolean, $7::jsonb, $8::boolean, $9::smallint, $10::jsonb,
	$11::jsonb, $12::timestamptz, $13::timestamptz, 1)`
	sqlClearSharingTeams  = `delete from usermgmt_sharing_teams where sharing_id = $1::uuid`
	sqlClearSharingRoles  = `delete from usermgmt_sharing_roles where sharing_id = $1::uuid`
	sqlInsertSharingTeams = `insert into usermgmt_sharing_teams (sharing_id, pos, team_id)
select $1::uuid, t.pos, t.id from unnest($2::uuid[]) with ordinality as t (id, pos)`
	sqlInsertSharingRoles = `insert into usermgmt_sharing_roles (sharing_id, pos, role_id)
select $1::uuid, r.pos, r.id from unnest($2::uuid[]) with ordinality as r (id, pos)`

	sqlSharing = `select ` + sharingColumns + ` from usermgmt_sharing p where p.sharing_id = $1::uuid`
)

var (
	sqlUpdateSharing = guardedUpdate(`update usermgmt_sharing
set name = $3::text, name_key = $4::text, owning = $5::uuid, owning_subteams = $6::boolean, sharing = $7::jsonb,
	sharing_subteams = $8::boolean, model = $9::smallint, permissions = $10::jsonb, roles = $11::jsonb,
	created_at = $12::timestamptz, updated_at = $13::timestamptz, version = version + 1
where org_id = $1::uuid and sharing_id = $2::uuid and version = $14::bigint`,
		`select from usermgmt_sharing where org_id = $1::uuid and sharing_id = $2::uuid`)
	sqlDeleteSharing = guardedDelete(`delete from usermgmt_sharing where sharing_id = $1::uuid`)
)

// SaveSharing implements [usermgmt.Store].
func (s *Store) SaveSharing(ctx context.Context, p usermgmt.SharingPolicy) error {
	steps := []step{{sql: sqlInsertSharing, args: []any{
		key(p.Org), key(p.ID), p.Name, p.NameKey, key(p.Owning), p.OwningSubteams, list(len(p.Sharing), p.Sharing),
		p.SharingSubteams, int16(p.Model), list(len(p.Permissions), p.Permissions), list(len(p.Roles), p.Roles),
		moment(p.CreatedAt), moment(p.UpdatedAt),
	}}}
	if p.Version != 0 {
		steps[0].sql, steps[0].args = sqlUpdateSharing, append(steps[0].args, p.Version)
		steps = append(steps,
			step{sql: sqlClearSharingTeams, args: []any{key(p.ID)}},
			step{sql: sqlClearSharingRoles, args: []any{key(p.ID)}})
	}
	if len(p.Sharing) > 0 {
		steps = append(steps, step{sql: sqlInsertSharingTeams, args: []any{key(p.ID), ids(p.Sharing)}})
	}
	if len(p.Roles) > 0 {
		steps = append(steps, step{sql: sqlInsertSharingRoles, args: []any{key(p.ID), ids(p.Roles)}})
	}
	return s.write(ctx, steps...)
}

func scanSharing(r scanner, p *usermgmt.SharingPolicy) error {
	return r.Scan(toID(&p.ID), toID(&p.Org), &p.Name, &p.NameKey, toID(&p.Owning), &p.OwningSubteams, toJSON(&p.Sharing),
		&p.SharingSubteams, &p.Model, toJSON(&p.Permissions), toJSON(&p.Roles),
		toTime(&p.CreatedAt), toTime(&p.UpdatedAt), &p.Version)
}

// DeleteSharing implements [usermgmt.Store].
func (s *Store) DeleteSharing(ctx context.Context, policy usermgmt.SharingID) error {
	return s.write(ctx, step{sql: sqlDeleteSharing, args: []any{key(policy)}, remove: true})
}

// SharingByID implements [usermgmt.Store].
func (s *Store) SharingByID(ctx context.Context, policy usermgmt.SharingID) (usermgmt.SharingPolicy, error) {
	return one(ctx, s, scanSharing, sqlSharing, key(policy))
}
