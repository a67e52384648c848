package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	groupColumns = `g.group_id, g.name, g.name_key, g.description, g.created_at, g.updated_at, g.version`

	sqlInsertGroup = `insert into usermgmt_groups (group_id, name, name_key, description, created_at, updated_at, version)
values ($1::uuid, $2::text, $3::text, $4::text, $5::timestamptz, $6::timestamptz, 1)`
	sqlGroup  = `select ` + groupColumns + ` from usermgmt_groups g where g.group_id = $1::uuid`
	sqlGroups = `select ` + groupColumns + ` from usermgmt_groups g
where g.name_key > $1::text and ($2::text = '' or strpos(g.name_key, $2::text) > 0)
order by g.name_key limit $3::bigint`
)

var (
	sqlUpdateGroup = guardedUpdate(`update usermgmt_groups
set name = $2::text, name_key = $3::text, description = $4::text, created_at = $5::timestamptz, updated_at = $6::timestamptz,
	version = version + 1
where group_id = $1::uuid and version = $7::bigint`, `select from usermgmt_groups where group_id = $1::uuid`)
	sqlDeleteGroup = guardedDelete(`delete from usermgmt_groups where group_id = $1::uuid`)
)

// SaveGroup implements [usermgmt.Store].
func (s *Store) SaveGroup(ctx context.Context, g usermgmt.Group) error {
	st := step{sql: sqlInsertGroup, args: []any{
		key(g.ID), g.Name, g.NameKey, g.Description, moment(g.CreatedAt), moment(g.UpdatedAt),
	}}
	if g.Version != 0 {
		st.sql, st.args = sqlUpdateGroup, append(st.args, g.Version)
	}
	return s.write(ctx, st)
}

// DeleteGroup implements [usermgmt.Store].
func (s *Store) DeleteGroup(ctx context.Context, group usermgmt.GroupID) error {
	return s.write(ctx, step{sql: sqlDeleteGroup, args: []any{key(group)}, remove: true, field: "group"})
}

func scanGroup(r scanner, g *usermgmt.Group) error {
	return r.Scan(toID(&g.ID), &g.Name, &g.NameKey, &g.Description, toTime(&g.CreatedAt), toTime(&g.UpdatedAt), &g.Version)
}

// GroupByID implements [usermgmt.Store].
func (s *Store) GroupByID(ctx context.Context, group usermgmt.GroupID) (usermgmt.Group, error) {
	return one(ctx, s, scanGroup, sqlGroup, key(group))
}

// ListGroups implements [usermgmt.Store].
func (s *Store) ListGroups(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Group, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if !storable(q.Search) || !storable(q.After.Key) {
		return nil, ctx.Err() // no text of the database is or follows it
	}
	return all(ctx, s, scanGroup, sqlGroups, q.After.Key, q.Search, q.Limit)
}
