package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt"
)

// The roles of an access entry are what is read; the rows of
// usermgmt_access_roles say the same for references.

const (
	accessColumns = `e.access_id, e.org_id, e.application_id, e.user_id, e.team_id, e.roles::text,
	e.created_at, e.updated_at, e.version`

	sqlInsertAccess = `insert into usermgmt_access (access_id, org_id, application_id, user_id, team_id, roles,
	created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::jsonb, $7::timestamptz, $8::timestamptz, 1)`
	sqlClearAccessRoles  = `delete from usermgmt_access_roles where access_id = $1::uuid`
	sqlInsertAccessRoles = `insert into usermgmt_access_roles (access_id, pos, role_id)
select $1::uuid, r.pos, r.id from unnest($2::uuid[]) with ordinality as r (id, pos)`

	sqlAccess     = `select ` + accessColumns + ` from usermgmt_access e where e.access_id = $1::uuid`
	sqlAccessList = `select ` + accessColumns + ` from usermgmt_access e
where e.org_id = $1::uuid and e.application_id = $2::uuid and e.access_id > $3::uuid
order by e.access_id limit $4::bigint`
	sqlAccessOf      = `select ` + accessColumns + ` from usermgmt_access e where e.user_id = $1::uuid and e.org_id = $2::uuid`
	sqlAccessOfUsers = `select ` + accessColumns + ` from usermgmt_access e where e.user_id = any ($2::uuid[]) and e.org_id = $1::uuid`
)

var (
	sqlUpdateAccess = guardedUpdate(`update usermgmt_access
set application_id = $3::uuid, user_id = $4::uuid, team_id = $5::uuid, roles = $6::jsonb, created_at = $7::timestamptz,
	updated_at = $8::timestamptz, version = version + 1
where access_id = $1::uuid and org_id = $2::uuid and version = $9::bigint`,
		`select from usermgmt_access where access_id = $1::uuid and org_id = $2::uuid`)
	sqlDeleteAccess = guardedDelete(`delete from usermgmt_access where access_id = $1::uuid`)
)

// docTime is a time in a document: in microseconds, or null.
type docTime struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (t docTime) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, t.UnixMicro(), 10), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *docTime) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		t.Time = time.Time{}
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	t.Time = time.UnixMicro(n).UTC()
	return err
}

// accessRole is a role of an access entry in its document.
type accessRole struct {
	Role  usermgmt.RoleID `json:"role"`
	From  docTime         `json:"from,omitzero"`
	Until docTime         `json:"until,omitzero"`
}

func accessRoles(in []usermgmt.RoleAssignment) (docs []accessRole, refs []usermgmt.RoleID) {
	for _, a := range in {
		docs = append(docs, accessRole{a.Role, docTime{a.From}, docTime{a.Until}})
		refs = append(refs, a.Role)
	}
	return docs, refs
}

func roleAssignments(docs []accessRole) (out []usermgmt.RoleAssignment) {
	for _, d := range docs {
		out = append(out, usermgmt.RoleAssignment{Role: d.Role, From: d.From.Time, Until: d.Until.Time})
	}
	return out
}

// SaveAccess implements [usermgmt.Store].
func (s *Store) SaveAccess(ctx context.Context, e usermgmt.AccessEntry) error {
	docs, refs := accessRoles(e.Roles)
	steps := []step{{sql: sqlInsertAccess, args: []any{
		key(e.ID), key(e.Org), key(e.Application), id(e.User), id(e.Team), list(len(docs), docs),
		moment(e.CreatedAt), moment(e.UpdatedAt),
	}}}
	if e.Version != 0 {
		steps[0].sql, steps[0].args = sqlUpdateAccess, append(steps[0].args, e.Version)
		steps = append(steps, step{sql: sqlClearAccessRoles, args: []any{key(e.ID)}})
	}
	if len(refs) > 0 {
		steps = append(steps, step{sql: sqlInsertAccessRoles, args: []any{key(e.ID), ids(refs)}})
	}
	return s.write(ctx, steps...)
}

func scanAccess(r scanner, e *usermgmt.AccessEntry) error {
	var docs []accessRole
	if err := r.Scan(toID(&e.ID), toID(&e.Org), toID(&e.Application), toID(&e.User), toID(&e.Team), toJSON(&docs),
		toTime(&e.CreatedAt), toTime(&e.UpdatedAt), &e.Version); err != nil {
		return err
	}
	e.Roles = roleAssignments(docs)
	return nil
}

// DeleteAccess implements [usermgmt.Store].
func (s *Store) DeleteAccess(ctx context.Context, entry usermgmt.AccessID) error {
	return s.write(ctx, step{sql: sqlDeleteAccess, args: []any{key(entry)}, remove: true})
}

// AccessByID implements [usermgmt.Store].
func (s *Store) AccessByID(ctx context.Context, entry usermgmt.AccessID) (usermgmt.AccessEntry, error) {
	return one(ctx, s, scanAccess, sqlAccess, key(entry))
}

// ListAccess implements [usermgmt.Store].
func (s *Store) ListAccess(
	ctx context.Context, org usermgmt.OrgID, app usermgmt.ApplicationID, q usermgmt.ListQuery,
) ([]usermgmt.AccessEntry, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanAccess, sqlAccessList, key(org), key(app), keyArg(q.After.ID), q.Limit)
}

// AccessOf implements [usermgmt.Store].
func (s *Store) AccessOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) ([]usermgmt.AccessEntry, error) {
	return all(ctx, s, scanAccess, sqlAccessOf, key(user), key(org))
}

// AccessOfUsers implements [usermgmt.Store].
func (s *Store) AccessOfUsers(
	ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID,
) ([]usermgmt.AccessEntry, error) {
	return all(ctx, s, scanAccess, sqlAccessOfUsers, key(org), ids(users))
}
