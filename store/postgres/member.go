package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	membershipColumns = `m.user_id, m.org_id, m.enabled, m.profile_id, m.roles::text, m.teams::text, m.units::text, m.primary_team,
	m.licence, m.seat, m.initial_app, m.settings::text, m.rights, m.created_at, m.updated_at, m.version,
	m.custom::text, m.search_key`

	// Roles, teams and units are documents; see assignments. What a membership
	// copies of its user is locked until the transaction ends, so that a change
	// of the user comes before it or finds it.
	sqlInsertMembership = `with x as (select),
` + sqlMemberCopies + ` = $2::uuid for share),
m as (
	` + sqlIntoMemberships + `),
r as (` + sqlMembershipRoles + `),
t as (` + sqlMembershipTeams + `),
s as (` + sqlMemberSearch + `),
c as (` + sqlNoteMember + `)
` + sqlMembershipUnits
	sqlInsertMemberships = `,
` + sqlMemberCopies + ` in (select $2::uuid from x) for share),
m as (
	` + sqlIntoMemberships + `),
r as (` + sqlMembershipRolesX + `),
t as (` + sqlMembershipTeamsX + `),
s as (` + sqlMemberSearch + `),
c as (` + sqlNoteMember + `)
` + sqlMembershipUnitsX

	sqlMemberCopies = `u as (
	select u.user_id, u.name_key, u.username_key, u.email_key, u.created_at, u.owner_unit, u.kind, u.newsletter, u.org_id,
		u.deactivated_at, u.active
	from usermgmt_users u where u.user_id`
	sqlIntoMemberships = `insert into usermgmt_memberships (org_id, user_id, roles, teams, units, enabled, profile_id, primary_team,
		licence, seat, initial_app, settings, created_at, updated_at, rights, version, name_key, username_key, email_key,
		user_created_at, owner_unit, kind, newsletter, home, deactivated, user_active, custom, search_key)
	select $1::uuid, $2::uuid, $3::jsonb, $4::jsonb, $5::jsonb, $6::boolean, $7::uuid, $8::uuid, $9::text, $10::boolean,
		$11::uuid, $12::jsonb, $13::timestamptz, $14::timestamptz, $15::bigint, 1, coalesce(u.name_key, ''),
		coalesce(u.username_key, ''), coalesce(u.email_key, ''), coalesce(u.created_at, $13::timestamptz),
		coalesce(u.owner_unit, $2::uuid), coalesce(u.kind, 1::smallint), coalesce(u.newsletter, false),
		coalesce(u.org_id = $1::uuid, false), u.deactivated_at is not null, coalesce(u.active, false),
		$16::jsonb, $17::text
	from x left join u on u.user_id = $2::uuid
	returning org_id, user_id, rights, settings`

	// $18 are the grams of the search key.
	sqlMemberSearch = `insert into usermgmt_member_search (org_id, user_id, grams)
	select $1::uuid, $2::uuid, $18::integer[] from x where $17::text is not null`

	sqlMembershipRoles = `insert into usermgmt_membership_roles (org_id, user_id, pos, role_id)
	select $1::uuid, $2::uuid, e.n - 1, (e.v ->> 0)::uuid from jsonb_array_elements($3::jsonb) with ordinality e (v, n)`
	sqlMembershipTeams = `insert into usermgmt_membership_teams (org_id, user_id, pos, team_id, from_at, until_at)
	select $1::uuid, $2::uuid, e.n - 1, (e.v ->> 0)::uuid, (e.v ->> 1)::timestamptz, (e.v ->> 2)::timestamptz
	from jsonb_array_elements($4::jsonb) with ordinality e (v, n)`
	sqlMembershipUnits = `insert into usermgmt_membership_units (org_id, user_id, pos, unit_id)
	select $1::uuid, $2::uuid, e.n - 1, (e.v ->> 0)::uuid from jsonb_array_elements($5::jsonb) with ordinality e (v, n)`

	// The same for many memberships.
	sqlMembershipRolesX = `insert into usermgmt_membership_roles (org_id, user_id, pos, role_id)
	select $1::uuid, $2::uuid, e.n - 1, (e.v ->> 0)::uuid from x cross join jsonb_array_elements($3::jsonb) with ordinality e (v, n)`
	sqlMembershipTeamsX = `insert into usermgmt_membership_teams (org_id, user_id, pos, team_id, from_at, until_at)
	select $1::uuid, $2::uuid, e.n - 1, (e.v ->> 0)::uuid, (e.v ->> 1)::timestamptz, (e.v ->> 2)::timestamptz
	from x cross join jsonb_array_elements($4::jsonb) with ordinality e (v, n)`
	sqlMembershipUnitsX = `insert into usermgmt_membership_units (org_id, user_id, pos, unit_id)
	select $1::uuid, $2::uuid, e.n - 1, (e.v ->> 0)::uuid from x cross join jsonb_array_elements($5::jsonb) with ordinality e (v, n)`

	// Deletes the roles, teams and units that are no longer as they were; the
	// next statement inserts those of which there are none.
	sqlUpdateMembership = `with o as (select roles, teams, units, search_key from usermgmt_memberships where org_id = $1::uuid and user_id = $2::uuid),
m as (update usermgmt_memberships
	set roles = $3::jsonb, teams = $4::jsonb, units = $5::jsonb, enabled = $6::boolean, profile_id = $7::uuid,
		primary_team = $8::uuid, licence = $9::text, seat = $10::boolean, initial_app = $11::uuid,
		created_at = $12::timestamptz, updated_at = $13::timestamptz, custom = $15::jsonb, search_key = $16::text,
		rights = rights + 1, version = version + 1
	where org_id = $1::uuid and user_id = $2::uuid and version = $14::bigint
	returning org_id, user_id, rights, settings),
c as (` + sqlNoteMemberChange + `),
r as (delete from usermgmt_membership_roles r using o
	where o.roles is distinct from $3::jsonb and r.org_id = $1::uuid and r.user_id = $2::uuid),
t as (delete from usermgmt_membership_teams t using o
	where o.teams is distinct from $4::jsonb and t.org_id = $1::uuid and t.user_id = $2::uuid),
u as (delete from usermgmt_membership_units u using o
	where o.units is distinct from $5::jsonb and u.org_id = $1::uuid and u.user_id = $2::uuid),
sd as (delete from usermgmt_member_search s using o
	where $16::text is null and o.search_key is not null and s.org_id = $1::uuid and s.user_id = $2::uuid),
si as (insert into usermgmt_member_search (org_id, user_id, grams)
	select $1::uuid, $2::uuid, $17::integer[] from o where $16::text is not null and o.search_key is distinct from $16::text
	on conflict (org_id, user_id) do update set grams = excluded.grams)
select (case when exists (select from o) then '` + guardStale + `' else '` + guardMissing + `' end)::integer
where not exists (select from m)`
	sqlRenewMembership = `with r as (` + sqlMembershipRoles + `
	where not exists (select from usermgmt_membership_roles where org_id = $1::uuid and user_id = $2::uuid)),
t as (` + sqlMembershipTeams + `
	where not exists (select from usermgmt_membership_teams where org_id = $1::uuid and user_id = $2::uuid))
` + sqlMembershipUnits + `
	where not exists (select from usermgmt_membership_units where org_id = $1::uuid and user_id = $2::uuid)`

	// The sessions that end: those of the user there, and proxy sessions that
	// were begun from them.
	sqlDeleteMembership = `with recursive s (session_id) as (
	select session_id from usermgmt_sessions where user_id = $1::uuid and org_id = $2::uuid and ended_at is null
	union select session_id from usermgmt_sessions where operator_id = $1::uuid and org_id = $2::uuid and ended_at is null
	union select c.session_id from s join usermgmt_sessions c on c.parent_id = s.session_id where c.ended_at is null),
m as (delete from usermgmt_memberships where user_id = $1::uuid and org_id = $2::uuid returning 1),
k as (delete from usermgmt_api_keys where user_id = $1::uuid and org_id = $2::uuid and exists (select from m)),
p as (delete from usermgmt_proxy_lists where operator_id = $1::uuid and org_id = $2::uuid and exists (select from m)),
a as (delete from usermgmt_access where user_id = $1::uuid and org_id = $2::uuid and exists (select from m)),
d as (delete from usermgmt_import_digests where user_id = $1::uuid and org_id = $2::uuid and exists (select from m)),
c as (` + sqlNoteMemberEnd + `),
e as (update usermgmt_sessions
	set ended_at = $3::timestamptz, end_reason = 'membership', over_at = least(expires_at, $3::timestamptz)
	where session_id in (select session_id from s) and ended_at is null and exists (select from m))
select (case when not exists (select from m) then '` + guardMissing + `' end)::integer where not exists (select from m)`

	sqlMembership         = `select ` + membershipColumns + ` from usermgmt_memberships m where m.user_id = $1::uuid and m.org_id = $2::uuid`
	sqlMembershipsOf      = `select ` + membershipColumns + ` from usermgmt_memberships m where m.user_id = $1::uuid order by m.org_id`
	sqlMembershipsOfUsers = `select ` + membershipColumns + ` from usermgmt_memberships m where m.user_id = any($1::uuid[])`
	sqlMemberships        = `select ` + membershipColumns + ` from usermgmt_memberships m
where m.org_id = $1::uuid and m.user_id = any($2::uuid[])`
	sqlBumpRights = `with m as (update usermgmt_memberships set rights = rights + 1 where user_id = $1::uuid and org_id = $2::uuid
	returning org_id, user_id, rights, settings)
` + sqlNoteMemberChange
)

var bulkMemberships = newBulk(18, sqlInsertMemberships)

// SaveMembership implements [usermgmt.Store].
func (s *Store) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	var roles, teams, units assignments
	for _, a := range m.Roles {
		roles.add(a.Role, a.From, a.Until)
	}
	for _, a := range m.Teams {
		teams.add(a.Team, a.From, a.Until)
	}
	for _, x := range m.Units {
		units.add(x, time.Time{}, time.Time{})
	}
	lists := []any{id(m.Org), id(m.User), roles.arg(), teams.arg(), units.arg()}
	args := append(slices.Clip(lists), m.Enabled, id(m.Profile), id(m.PrimaryTeam), string(m.Licence), m.Seat, id(m.InitialApp))
	created, updated := moment(m.CreatedAt), moment(m.UpdatedAt)
	search := []any{list(len(m.Custom), m.Custom), optional(m.SearchKey), gramsIn(m.Org, gramsOfKey(m.SearchKey))}
	if m.Version == 0 {
		args = append(args, settingsArg(m.Settings), created, updated, m.Rights)
		return s.write(ctx, step{sql: sqlInsertMembership, args: append(args, search...), bulk: bulkMemberships})
	}
	args = append(args, created, updated, m.Version)
	return s.write(ctx, step{sql: sqlUpdateMembership, args: append(args, search...)},
		step{sql: sqlRenewMembership, args: lists})
}

// membershipDests appends where the columns of a membership go.
func membershipDests(d []any, m *usermgmt.Membership) []any {
	return append(d, toID(&m.User), toID(&m.Org), &m.Enabled, toID(&m.Profile), (*rolesDest)(&m.Roles), (*teamsDest)(&m.Teams),
		(*unitsDest)(&m.Units), toID(&m.PrimaryTeam), &m.Licence, &m.Seat, toID(&m.InitialApp), (*settingsDest)(&m.Settings), &m.Rights,
		toTime(&m.CreatedAt), toTime(&m.UpdatedAt), &m.Version,
		toJSON(&m.Custom), (*optionalDest)(&m.SearchKey))
}

func scanMembership(r scanner, m *usermgmt.Membership) error {
	return r.Scan(membershipDests(make([]any, 0, 18), m)...)
}

// DeleteMembership implements [usermgmt.Store].
func (s *Store) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	return s.write(ctx, step{sql: sqlDeleteMembership, args: []any{id(user), id(org), moment(at)}, remove: true})
}

// MembershipOf implements [usermgmt.Store].
func (s *Store) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	return one(ctx, s, scanMembership, sqlMembership, id(user), id(org))
}

// MembershipsOf implements [usermgmt.Store].
func (s *Store) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) {
	return all(ctx, s, scanMembership, sqlMembershipsOf, id(user))
}

// Memberships implements [usermgmt.Store].
func (s *Store) Memberships(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	return all(ctx, s, scanMembership, sqlMemberships, id(org), ids(users))
}

// MembershipsOfUsers implements [usermgmt.Store].
func (s *Store) MembershipsOfUsers(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	return all(ctx, s, scanMembership, sqlMembershipsOfUsers, ids(users))
}

// BumpRights implements [usermgmt.Store].
func (s *Store) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	return s.write(ctx, step{
		sql: sqlBumpRights, args: []any{id(user), id(org)}, hot: "rights " + org.String() + user.String(),
	})
}
