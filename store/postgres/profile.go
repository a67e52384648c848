package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	profileColumns = `p.profile_id, p.org_id, p.name, p.name_key, p.description, p.administrator, p.shipped, p.grants::text,
	p.ip_ranges::text, p.created_at, p.updated_at, p.version`

	sqlInsertProfile = `insert into usermgmt_profiles (profile_id, org_id, name, name_key, description, administrator,
	shipped, grants, ip_ranges, created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::boolean, $7::boolean, $8::jsonb, $9::jsonb,
	$10::timestamptz, $11::timestamptz, 1)`
	sqlProfile     = `select ` + profileColumns + ` from usermgmt_profiles p where p.profile_id = $1::uuid`
	sqlProfileName = `select ` + profileColumns + ` from usermgmt_profiles p
where coalesce(p.org_id, '` + zeroUUID + `') = $1::uuid and p.name_key = $2::text`
)

var (
	sqlUpdateProfile = guardedUpdate(`update usermgmt_profiles
set org_id = $2::uuid, name = $3::text, name_key = $4::text, description = $5::text, administrator = $6::boolean,
	shipped = $7::boolean, grants = $8::jsonb, ip_ranges = $9::jsonb, created_at = $10::timestamptz,
	updated_at = $11::timestamptz, version = version + 1
where profile_id = $1::uuid and version = $12::bigint`, `select from usermgmt_profiles where profile_id = $1::uuid`)
	sqlDeleteProfile = guardedDelete(`delete from usermgmt_profiles where profile_id = $1::uuid`)
)

// SaveProfile implements [usermgmt.Store].
func (s *Store) SaveProfile(ctx context.Context, p usermgmt.AccessProfile) error {
	st := step{sql: sqlInsertProfile, args: []any{
		key(p.ID), id(p.Org), p.Name, p.NameKey, p.Description, p.Administrator, p.Shipped,
		list(len(p.Grants), p.Grants), list(len(p.IPRanges), p.IPRanges), moment(p.CreatedAt), moment(p.UpdatedAt),
	}}
	if p.Version != 0 {
		st.sql, st.args = sqlUpdateProfile, append(st.args, p.Version)
	}
	return s.write(ctx, st)
}

func scanProfile(r scanner, p *usermgmt.AccessProfile) error {
	return r.Scan(toID(&p.ID), toID(&p.Org), &p.Name, &p.NameKey, &p.Description, &p.Administrator, &p.Shipped,
		toJSON(&p.Grants), toJSON(&p.IPRanges), toTime(&p.CreatedAt), toTime(&p.UpdatedAt), &p.Version)
}

// DeleteProfile implements [usermgmt.Store].
func (s *Store) DeleteProfile(ctx context.Context, profile usermgmt.ProfileID) error {
	return s.write(ctx, step{sql: sqlDeleteProfile, args: []any{key(profile)}, remove: true, field: "profile"})
}

// ProfileByID implements [usermgmt.Store].
func (s *Store) ProfileByID(ctx context.Context, profile usermgmt.ProfileID) (usermgmt.AccessProfile, error) {
	return one(ctx, s, scanProfile, sqlProfile, key(profile))
}

// ProfileByName implements [usermgmt.Store].
func (s *Store) ProfileByName(ctx context.Context, org usermgmt.OrgID, nameKey string) (usermgmt.AccessProfile, error) {
	return one(ctx, s, scanProfile, sqlProfileName, key(org), nameKey)
}
