package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// The users and teams of a proxy list are rows of their own, since a team that
// is deleted leaves the lists that name it.

const (
	sqlInsertProxyList = `insert into usermgmt_proxy_lists (org_id, operator_id, restricted, updated_at, version)
values ($1::uuid, $2::uuid, $3::boolean, $4::timestamptz, 1)`
	sqlClearProxyUsers  = `delete from usermgmt_proxy_users where org_id = $1::uuid and operator_id = $2::uuid`
	sqlClearProxyTeams  = `delete from usermgmt_proxy_teams where org_id = $1::uuid and operator_id = $2::uuid`
	sqlInsertProxyUsers = `insert into usermgmt_proxy_users (org_id, operator_id, pos, user_id, from_at, until_at)
select $1::uuid, $2::uuid, e.pos, (e.v ->> 0)::uuid, (e.v ->> 1)::timestamptz, (e.v ->> 2)::timestamptz
from jsonb_array_elements($3::jsonb) with ordinality as e (v, pos)`
	sqlInsertProxyTeams = `insert into usermgmt_proxy_teams (org_id, operator_id, pos, team_id, from_at, until_at)
select $1::uuid, $2::uuid, e.pos, (e.v ->> 0)::uuid, (e.v ->> 1)::timestamptz, (e.v ->> 2)::timestamptz
from jsonb_array_elements($3::jsonb) with ordinality as e (v, pos)`

	proxyListColumns = `l.org_id, l.operator_id, l.restricted, l.updated_at, l.version,
	(select json_agg(json_build_object('User', u.user_id, 'From', u.from_at, 'Until', u.until_at) order by u.pos)::text
		from usermgmt_proxy_users u where u.org_id = l.org_id and u.operator_id = l.operator_id),
	(select json_agg(json_build_object('Team', t.team_id, 'From', t.from_at, 'Until', t.until_at) order by t.pos)::text
		from usermgmt_proxy_teams t where t.org_id = l.org_id and t.operator_id = l.operator_id)`
	sqlProxyList = `select ` + proxyListColumns + `
from usermgmt_proxy_lists l where l.org_id = $1::uuid and l.operator_id = $2::uuid`
	sqlProxyLists = `select ` + proxyListColumns + `
from usermgmt_proxy_lists l where l.org_id = $1::uuid and l.operator_id = any ($2::uuid[])`
)

var sqlUpdateProxyList = guardedUpdate(`update usermgmt_proxy_lists
set restricted = $3::boolean, updated_at = $4::timestamptz, version = version + 1
where org_id = $1::uuid and operator_id = $2::uuid and version = $5::bigint`,
	`select from usermgmt_proxy_lists where org_id = $1::uuid and operator_id = $2::uuid`)

// SaveProxyList implements [usermgmt.Store].
func (s *Store) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	of := []any{key(l.Org), key(l.Operator)}
	steps := []step{{sql: sqlInsertProxyList, args: []any{of[0], of[1], l.Restricted, moment(l.UpdatedAt)}}}
	if l.Version != 0 {
		steps[0].sql, steps[0].args = sqlUpdateProxyList, append(steps[0].args, l.Version)
		steps = append(steps, step{sql: sqlClearProxyUsers, args: of}, step{sql: sqlClearProxyTeams, args: of})
	}
	var users, teams assignments
	for _, u := range l.Users {
		users.add(u.User, u.From, u.Until)
	}
	for _, t := range l.Teams {
		teams.add(t.Team, t.From, t.Until)
	}
	if len(l.Users) > 0 {
		steps = append(steps, step{sql: sqlInsertProxyUsers, args: []any{of[0], of[1], users.arg()}})
	}
	if len(l.Teams) > 0 {
		steps = append(steps, step{sql: sqlInsertProxyTeams, args: []any{of[0], of[1], teams.arg()}})
	}
	return s.write(ctx, steps...)
}

func scanProxyList(r scanner, l *usermgmt.ProxyList) error {
	err := r.Scan(toID(&l.Org), toID(&l.Operator), &l.Restricted, toTime(&l.UpdatedAt), &l.Version,
		toJSON(&l.Users), toJSON(&l.Teams))
	for i := range l.Users {
		l.Users[i].From, l.Users[i].Until = l.Users[i].From.UTC(), l.Users[i].Until.UTC()
	}
	for i := range l.Teams {
		l.Teams[i].From, l.Teams[i].Until = l.Teams[i].From.UTC(), l.Teams[i].Until.UTC()
	}
	return err
}

// ProxyListOf implements [usermgmt.Store].
func (s *Store) ProxyListOf(ctx context.Context, operator usermgmt.UserID, org usermgmt.OrgID) (usermgmt.ProxyList, error) {
	return one(ctx, s, scanProxyList, sqlProxyList, key(org), key(operator))
}

// ProxyLists implements [usermgmt.Store].
func (s *Store) ProxyLists(ctx context.Context, org usermgmt.OrgID, operators []usermgmt.UserID) ([]usermgmt.ProxyList, error) {
	return all(ctx, s, scanProxyList, sqlProxyLists, key(org), ids(operators))
}
