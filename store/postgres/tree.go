package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// Units and teams are trees that are stored alike: each row knows its parent
// and its path, the identifiers from the top down to itself. What lies below a
// row is a range of paths. Whoever changes a tree first locks the row of the
// organization's stamps, so that no path is made from one that is about to move.

// pathEnd, behind a path, is beyond every path below it: no identifier consists
// of ones only.
const pathEnd = `'\xffffffffffffffffffffffffffffffff'::bytea`

const (
	unitColumns = `u.unit_id, u.org_id, u.parent_id, u.name, u.name_key, u.description, u.phone, u.fax, u.email, u.website,
	u.created_at, u.updated_at, u.version`

	sqlInsertUnit = `insert into usermgmt_units (org_id, unit_id, parent_id, path, name, name_key, description, created_at,
	updated_at, phone, fax, email, website, version)
values ($1::uuid, $2::uuid, $3::uuid,
	coalesce((select p.path from usermgmt_units p where p.org_id = $1::uuid and p.unit_id = $3::uuid), ''::bytea) || $4::bytea,
	$5::text, $6::text, $7::text, $8::timestamptz, $9::timestamptz, $10::text, $11::text, $12::text, $13::text, 1)`
	sqlUnit  = `select ` + unitColumns + ` from usermgmt_units u where u.unit_id = $1::uuid`
	sqlUnits = `select ` + unitColumns + ` from usermgmt_units u
where u.org_id = $1::uuid and (u.name_key, u.unit_id) > ($2::text, $3::uuid) and ($4::text = '' or strpos(u.name_key, $4::text) > 0)
order by u.name_key, u.unit_id limit $5::bigint`

	teamColumns = `t.team_id, t.org_id, t.parent_id, t.name, t.name_key, t.description, t.created_at, t.updated_at, t.version`

	sqlInsertTeam = `insert into usermgmt_teams (org_id, team_id, parent_id, path, name, name_key, description, created_at,
	updated_at, version)
values ($1::uuid, $2::uuid, $3::uuid,
	coalesce((select p.path from usermgmt_teams p where p.org_id = $1::uuid and p.team_id = $3::uuid), ''::bytea) || $4::bytea,
	$5::text, $6::text, $7::text, $8::timestamptz, $9::timestamptz, 1)`
	sqlTeam  = `select ` + teamColumns + ` from usermgmt_teams t where t.team_id = $1::uuid`
	sqlTeams = `select ` + teamColumns + ` from usermgmt_teams t
where t.org_id = $1::uuid and (t.name_key, t.team_id) > ($2::text, $3::uuid) and ($4::text = '' or strpos(t.name_key, $4::text) > 0)
order by t.name_key, t.team_id limit $5::bigint`

	// Moves a row and all below it to where its parent now is.
	sqlMoveUnit = `with m as (
	select u.path as old, coalesce(p.path, ''::bytea) || $3::bytea as new
	from usermgmt_units u left join usermgmt_units p on p.org_id = u.org_id and p.unit_id = u.parent_id
	where u.org_id = $1::uuid and u.unit_id = $2::uuid)
update usermgmt_units d set path = m.new || substr(d.path, length(m.old) + 1)
from m where m.old <> m.new and d.org_id = $1::uuid and d.path >= m.old and d.path < m.old || ` + pathEnd

	// The nodes come in one value, each with its parent: a row for each takes ten
	// times as long.
	sqlTrees = `select s.trees,
	(select string_agg(uuid_send(u.unit_id) || uuid_send(coalesce(u.parent_id, '` + zeroUUID + `')), '') from usermgmt_units u where u.org_id = $1::uuid),
	(select string_agg(uuid_send(t.team_id) || uuid_send(coalesce(t.parent_id, '` + zeroUUID + `')), '') from usermgmt_teams t where t.org_id = $1::uuid)
from usermgmt_stamps s where s.org_id = $1::uuid and exists (select from usermgmt_orgs o where o.org_id = $1::uuid)`
)

var (
	sqlUpdateUnit = guardedUpdate(`update usermgmt_units
set parent_id = $3::uuid, name = $4::text, name_key = $5::text, description = $6::text, created_at = $7::timestamptz,
	updated_at = $8::timestamptz, phone = $9::text, fax = $10::text, email = $11::text, website = $12::text, version = version + 1
where org_id = $1::uuid and unit_id = $2::uuid and version = $13::bigint`,
		`select from usermgmt_units where org_id = $1::uuid and unit_id = $2::uuid`)
	sqlDeleteUnit = guardedDelete(`delete from usermgmt_units where unit_id = $1::uuid`)

	sqlUpdateTeam = guardedUpdate(`update usermgmt_teams
set parent_id = $3::uuid, name = $4::text, name_key = $5::text, description = $6::text, created_at = $7::timestamptz,
	updated_at = $8::timestamptz, version = version + 1
where org_id = $1::uuid and team_id = $2::uuid and version = $9::bigint`,
		`select from usermgmt_teams where org_id = $1::uuid and team_id = $2::uuid`)
	sqlMoveTeam   = strings.NewReplacer("usermgmt_units", "usermgmt_teams", "unit_id", "team_id").Replace(sqlMoveUnit)
	sqlDeleteTeam = guardedDelete(`delete from usermgmt_teams where team_id = $1::uuid`)
)

// saveNode inserts or replaces a row of a tree. args are its columns after
// the path.
func (s *Store) saveNode(
	ctx context.Context, insert, update, move string, org usermgmt.OrgID, node, parent [16]byte, version int64, args ...any,
) error {
	lock := step{sql: sqlLockOrg, args: []any{key(org)}}
	if version == 0 {
		return s.write(ctx, lock, step{
			sql: insert, args: append([]any{id(org), idArg(node), idArg(parent), node[:]}, args...),
		})
	}
	change := append([]any{id(org), idArg(node), idArg(parent)}, args...)
	return s.write(ctx, lock,
		step{sql: update, args: append(change, version)},
		step{sql: move, args: []any{id(org), idArg(node), node[:]}})
}

// SaveUnit implements [usermgmt.Store].
func (s *Store) SaveUnit(ctx context.Context, u usermgmt.BusinessUnit) error {
	return s.saveNode(ctx, sqlInsertUnit, sqlUpdateUnit, sqlMoveUnit, u.Org, u.ID, u.Parent, u.Version,
		u.Name, u.NameKey, u.Description, moment(u.CreatedAt), moment(u.UpdatedAt), u.Phone, u.Fax, u.Email, u.Website)
}

func scanUnit(r scanner, u *usermgmt.BusinessUnit) error {
	return r.Scan(toID(&u.ID), toID(&u.Org), toID(&u.Parent), &u.Name, &u.NameKey, &u.Description, &u.Phone, &u.Fax, &u.Email,
		&u.Website, toTime(&u.CreatedAt), toTime(&u.UpdatedAt), &u.Version)
}

// DeleteUnit implements [usermgmt.Store].
func (s *Store) DeleteUnit(ctx context.Context, unit usermgmt.UnitID) error {
	return s.write(ctx, step{sql: sqlDeleteUnit, args: []any{id(unit)}, remove: true, field: "unit"})
}

// UnitByID implements [usermgmt.Store].
func (s *Store) UnitByID(ctx context.Context, unit usermgmt.UnitID) (usermgmt.BusinessUnit, error) {
	return one(ctx, s, scanUnit, sqlUnit, id(unit))
}

// ListUnits implements [usermgmt.Store].
func (s *Store) ListUnits(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.BusinessUnit, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if !storable(q.Search) || !storable(q.After.Key) {
		return nil, ctx.Err() // no text of the database is or follows it
	}
	return all(ctx, s, scanUnit, sqlUnits, id(org), q.After.Key, keyArg(q.After.ID), q.Search, q.Limit)
}

// SaveTeam implements [usermgmt.Store].
func (s *Store) SaveTeam(ctx context.Context, t usermgmt.Team) error {
	return s.saveNode(ctx, sqlInsertTeam, sqlUpdateTeam, sqlMoveTeam, t.Org, t.ID, t.Parent, t.Version,
		t.Name, t.NameKey, t.Description, moment(t.CreatedAt), moment(t.UpdatedAt))
}

func scanTeam(r scanner, t *usermgmt.Team) error {
	return r.Scan(toID(&t.ID), toID(&t.Org), toID(&t.Parent), &t.Name, &t.NameKey, &t.Description,
		toTime(&t.CreatedAt), toTime(&t.UpdatedAt), &t.Version)
}

// DeleteTeam implements [usermgmt.Store].
func (s *Store) DeleteTeam(ctx context.Context, team usermgmt.TeamID) error {
	return s.write(ctx, step{sql: sqlDeleteTeam, args: []any{id(team)}, remove: true, field: "team"})
}

// TeamByID implements [usermgmt.Store].
func (s *Store) TeamByID(ctx context.Context, team usermgmt.TeamID) (usermgmt.Team, error) {
	return one(ctx, s, scanTeam, sqlTeam, id(team))
}

// ListTeams implements [usermgmt.Store].
func (s *Store) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if !storable(q.Search) || !storable(q.After.Key) {
		return nil, ctx.Err() // no text of the database is or follows it
	}
	return all(ctx, s, scanTeam, sqlTeams, id(org), q.After.Key, keyArg(q.After.ID), q.Search, q.Limit)
}

// Trees implements [usermgmt.Store].
func (s *Store) Trees(ctx context.Context, org usermgmt.OrgID) (usermgmt.TreeSet, error) {
	return one(ctx, s, func(r scanner, out *usermgmt.TreeSet) error {
		var units, teams []byte
		if err := r.Scan(&out.Stamp, &units, &teams); err != nil {
			return err
		}
		for n := range slices.Chunk(units, 32) {
			out.Units = append(out.Units, usermgmt.UnitNode{ID: usermgmt.UnitID(n[:16]), Parent: usermgmt.UnitID(n[16:])})
		}
		for n := range slices.Chunk(teams, 32) {
			out.Teams = append(out.Teams, usermgmt.TeamNode{ID: usermgmt.TeamID(n[:16]), Parent: usermgmt.TeamID(n[16:])})
		}
		return nil
	}, sqlTrees, id(org))
}
