package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	sqlUsersLogin = `select ` + userColumns + ` from usermgmt_users u
where u.user_id in (select n.user_id from usermgmt_login_names n where n.key = any($1::text[]))`
	sqlUsersExternal = `select ` + userColumns + ` from usermgmt_users u
where u.external_id = any($2::text[]) and u.source = $1::text and (u.external_id <> '' or u.source <> '')`
)

// UsersByLogin implements [usermgmt.Store].
func (s *Store) UsersByLogin(ctx context.Context, keys []string) ([]usermgmt.User, error) {
	return all(ctx, s, scanUser, sqlUsersLogin, storableOnly(keys))
}

// UsersByExternalID implements [usermgmt.Store].
func (s *Store) UsersByExternalID(ctx context.Context, source string, externalIDs []string) ([]usermgmt.User, error) {
	if !storable(source) {
		return nil, ctx.Err()
	}
	return all(ctx, s, scanUser, sqlUsersExternal, source, storableOnly(externalIDs))
}

// storableOnly leaves out what no text of the database can be.
func storableOnly(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		if storable(t) {
			out = append(out, t)
		}
	}
	return out
}
