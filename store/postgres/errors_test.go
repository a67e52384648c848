package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// TestErrorsKeepSecrets: what a failure says names neither the server, nor who
// logs in there, nor a statement, nor a value. Logs get to see it.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	const value = "Geheimrat"
	dsn := migrated(t)
	cfg, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	secrets := []string{
		value, strings.ToLower(value), "geheim", "no.such.host.invalid", "127.0.0.1", cfg.ConnConfig.Host, cfg.ConnConfig.User,
		cfg.ConnConfig.Database, "/tmp", "select", "insert", "update ", "usermgmt_", "relation", "Key (",
	}
	org := usermgmt.Organization{ID: usermgmt.OrgID{1}, Name: value, NameKey: value, Description: value}
	onPool := func(dsn string) usermgmt.Store {
		s, err := postgres.New(newPool(t, dsn, nil), nil)
		require.NoError(t, err)
		return s
	}
	onSQL := func(dsn string) usermgmt.Store {
		s, err := postgres.NewSQL(newDB(t, dsn), nil)
		require.NoError(t, err)
		return s
	}
	save := func(ctx context.Context, s usermgmt.Store) error { return s.SaveOrg(ctx, org) }
	read := func(ctx context.Context, s usermgmt.Store) error {
		_, err := s.OrgByName(ctx, value)
		return err
	}
	unreachable := (&url.URL{
		Scheme: "postgres", User: url.UserPassword("geheimer", "geheim"), Host: "127.0.0.1:1", Path: "/geheim",
		RawQuery: "connect_timeout=5",
	}).String()
	for _, c := range []struct {
		what, dsn string
		do        func(ctx context.Context, s usermgmt.Store) error
		want      string
	}{
		{"a server that is not there, write", unreachable, save, "the connection failed"},
		{"a server that is not there, read", unreachable, read, "the connection failed"},
		{"a database that is not there", pgserver.WithDatabase(dsn, "geheim"), save, "3D000"},
		{"tables that are not there, write", empty(t), save, "42P01"},
		{"tables that are not there, read", empty(t), read, "42P01"},
		{"a value that is taken", dsn, func(ctx context.Context, s usermgmt.Store) error {
			if err := save(ctx, s); err != nil {
				return err
			}
			other := org
			other.ID = usermgmt.OrgID{2}
			return s.SaveOrg(ctx, other)
		}, "constraint um_orgs_"},
		{"a reference to nothing", dsn, func(ctx context.Context, s usermgmt.Store) error {
			return s.SaveRole(ctx, usermgmt.Role{ID: usermgmt.RoleID{3}, Org: usermgmt.OrgID{4}, Name: value})
		}, "um_roles_org"},
		{"a text that no column can hold", dsn, func(ctx context.Context, s usermgmt.Store) error {
			return s.SaveRole(ctx, usermgmt.Role{ID: usermgmt.RoleID{5}, Name: value + "\x00"})
		}, "SQLSTATE 22"},
		{"a time-out of the server's", pgserver.With(dsn, "statement_timeout", "50ms"), func(ctx context.Context, s usermgmt.Store) error {
			tx, err := newConn(t, dsn).Begin(ctx)
			require.NoError(t, err)
			defer func() { assert.NoError(t, tx.Rollback(ctx)) }()
			_, err = tx.Exec(ctx, "select 1 from usermgmt_stamps for update")
			require.NoError(t, err)
			return s.BumpStamps(ctx, usermgmt.OrgID{}, false)
		}, "57014"},
	} {
		for kind, open := range map[string]func(dsn string) usermgmt.Store{"pgx": onPool, "database/sql": onSQL} {
			s := open(c.dsn)
			err := c.do(t.Context(), s)
			require.Error(t, err, "%s, %s", c.what, kind)
			assert.ErrorContains(t, err, c.want, "%s, %s", c.what, kind)
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%q", err)} {
				text = strings.ReplaceAll(text, "postgres: ", "") // which is the user's name, too
				for _, secret := range secrets {
					assert.NotContains(t, text, secret, "%s, %s", c.what, kind)
				}
			}
		}
	}
}
