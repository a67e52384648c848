package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	sqlClaimBootstrap = `insert into usermgmt_bootstrap (one, claimed_at) values (true, $1::timestamptz)`

	orgColumns = `o.org_id, o.name, o.name_key, o.description, o.enabled, o.provider, o.switch_roles, o.epoch,
	o.primary_admin, o.root_team, o.policy::text, o.export_fields::text, o.created_at, o.updated_at,
	o.support_until, o.support_read_only, o.support_reason, o.version`

	sqlInsertOrg = `with o as (
	insert into usermgmt_orgs (org_id, name, name_key, description, enabled, provider, switch_roles, epoch,
		primary_admin, root_team, policy, export_fields, created_at, updated_at,
		support_until, support_read_only, support_reason, version)
	values ($1::uuid, $2::text, $3::text, $4::text, $5::boolean, $6::boolean, $7::boolean, $8::bigint,
		$9::uuid, $10::uuid, $11::jsonb, $12::jsonb, $13::timestamptz, $14::timestamptz,
		$15::timestamptz, $16::boolean, $17::text, 1)
	returning org_id)
insert into usermgmt_stamps (org_id, policy, trees) select org_id, 1, 1 from o`
	sqlOrg     = `select ` + orgColumns + ` from usermgmt_orgs o where o.org_id = $1::uuid`
	sqlOrgName = `select ` + orgColumns + ` from usermgmt_orgs o where o.name_key = $1::text`
	sqlOrgs    = `select ` + orgColumns + ` from usermgmt_orgs o
where o.name_key > $1::text and ($2::text = '' or strpos(o.name_key, $2::text) > 0)
order by o.name_key limit $3::bigint`

	sqlLockOrg    = `select 1 from usermgmt_stamps where org_id = $1::uuid for update`
	sqlBumpPolicy = `update usermgmt_stamps set policy = policy + 1, trees = trees + $2::bigint where org_id = $1::uuid`
)

var (
	sqlUpdateOrg = guardedUpdate(`update usermgmt_orgs
set name = $2::text, name_key = $3::text, description = $4::text, enabled = $5::boolean, provider = $6::boolean,
	switch_roles = $7::boolean, epoch = $8::bigint, primary_admin = $9::uuid, root_team = $10::uuid,
	policy = $11::jsonb, export_fields = $12::jsonb, created_at = $13::timestamptz, updated_at = $14::timestamptz,
	support_until = $15::timestamptz, support_read_only = $16::boolean, support_reason = $17::text, version = version + 1
where org_id = $1::uuid and version = $18::bigint`, `select from usermgmt_orgs where org_id = $1::uuid`)
	sqlBumpStamps = guardedUpdate(sqlBumpPolicy, `select from usermgmt_stamps where false`)
)

// ClaimBootstrap implements [usermgmt.Store].
func (s *Store) ClaimBootstrap(ctx context.Context, now time.Time) error {
	return s.write(ctx, step{sql: sqlClaimBootstrap, args: []any{moment(now)}})
}

// SaveOrg implements [usermgmt.Store].
func (s *Store) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	var policy any
	if o.Policy != nil {
		policy = document(o.Policy)
	}
	st := step{sql: sqlInsertOrg, args: []any{
		id(o.ID), o.Name, o.NameKey, o.Description, o.Enabled, o.Provider, o.SwitchRoles, o.Epoch,
		id(o.PrimaryAdmin), id(o.RootTeam), policy, list(len(o.ExportFields), o.ExportFields),
		moment(o.CreatedAt), moment(o.UpdatedAt),
		at(o.Support.Until), o.Support.ReadOnly, o.Support.Reason,
	}}
	if o.Version != 0 {
		st.sql, st.args = sqlUpdateOrg, append(st.args, o.Version)
	}
	return s.write(ctx, st)
}

// orgDests are the destinations of orgColumns.
func orgDests(o *usermgmt.Organization) []any {
	return []any{toID(&o.ID), &o.Name, &o.NameKey, &o.Description, &o.Enabled, &o.Provider, &o.SwitchRoles, &o.Epoch,
		toID(&o.PrimaryAdmin), toID(&o.RootTeam), toJSON(&o.Policy), toJSON(&o.ExportFields),
		toTime(&o.CreatedAt), toTime(&o.UpdatedAt),
		toTime(&o.Support.Until), &o.Support.ReadOnly, &o.Support.Reason, &o.Version}
}

func scanOrg(r scanner, o *usermgmt.Organization) error { return r.Scan(orgDests(o)...) }

// OrgByID implements [usermgmt.Store].
func (s *Store) OrgByID(ctx context.Context, org usermgmt.OrgID) (usermgmt.Organization, error) {
	return one(ctx, s, scanOrg, sqlOrg, id(org))
}

// OrgByName implements [usermgmt.Store].
func (s *Store) OrgByName(ctx context.Context, nameKey string) (usermgmt.Organization, error) {
	return one(ctx, s, scanOrg, sqlOrgName, nameKey)
}

// ListOrgs implements [usermgmt.Store].
func (s *Store) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if !storable(q.Search) || !storable(q.After.Key) {
		return nil, ctx.Err() // no text of the database is or follows it
	}
	return all(ctx, s, scanOrg, sqlOrgs, q.After.Key, q.Search, q.Limit)
}

// LockOrg implements [usermgmt.Store]. It locks the row of the organization's
// stamps.
func (s *Store) LockOrg(ctx context.Context, org usermgmt.OrgID) error {
	if s.unit == nil {
		return s.enter(ctx)
	}
	return s.write(ctx, step{sql: sqlLockOrg, args: []any{key(org)}})
}

// BumpStamps implements [usermgmt.Store].
func (s *Store) BumpStamps(ctx context.Context, org usermgmt.OrgID, trees bool) error {
	n := 0
	if trees {
		n = 1
	}
	return s.write(ctx, step{sql: sqlBumpStamps, args: []any{key(org), n}, hot: "stamps " + org.String()})
}
