package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CreateDatabase makes an empty database, on any server whose role may do so. It
// compares text as people do in the United States, by ICU, so that a query that
// relies on the order of bytes without saying COLLATE "C" shows itself. Where the
// server cannot do that, the database is as the server's default is, and why says
// what the server answered.
func CreateDatabase(ctx context.Context, dsn, name string) (why string, err error) {
	err = Admin(ctx, dsn, func(conn *pgx.Conn) error {
		create := "create database " + quoteName(name) + " template template0 encoding 'UTF8'"
		for _, locale := range []string{"C.UTF-8", "C"} { // not every system has the first
			_, err := conn.Exec(ctx, create+" locale_provider icu icu_locale 'en-US' locale '"+locale+"'")
			if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code == duplicateDatabase {
				return err
			}
			why = err.Error()
		}
		_, err := conn.Exec(ctx, create)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("pgserver: create database %s: %w", name, err)
	}
	return why, nil
}

const duplicateDatabase = "42P04"

// Admin runs fn with a connection to the database of dsn, and closes it. It sends
// statements as they are, so that it works through a pooler too.
func Admin(ctx context.Context, dsn string, fn func(*pgx.Conn) error) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close(ctx))
}

// WithDatabase returns the address of another database on the server of dsn.
func WithDatabase(dsn, name string) string { return With(dsn, "dbname", name) }

// With returns dsn, in either of its forms, with one of its parameters set, such as
// "application_name". It adds to the end, where the last value counts, since taking an
// address apart is easily done otherwise than pgx does it.
func With(dsn, parameter, value string) string {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)
		return strings.TrimSpace(dsn + " " + parameter + "='" + quoted + "'")
	}
	separator := "&"
	if !strings.Contains(dsn, "?") {
		separator = "?"
	}
	return dsn + separator + escape(parameter) + "=" + escape(value)
}

// escape encodes a part of an address for pgx, to which a plus is no space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// quoteName quotes the name of a database for a statement.
func quoteName(name string) string { return pgx.Identifier{name}.Sanitize() }

// CreateTemplate makes a database as [CreateDatabase] does, runs prepare on it, unless
// that is nil, and closes it to everybody, so that [Clone] can copy it at any time.
// Prepare must have closed its connections when it returns.
func CreateTemplate(ctx context.Context, dsn, name string, prepare func(ctx context.Context, dsn string) error) (why string, err error) {
	if why, err = CreateDatabase(ctx, dsn, name); err != nil {
		return "", err
	}
	if prepare != nil {
		if err := prepare(ctx, WithDatabase(dsn, name)); err != nil {
			return "", errors.Join(err, DropDatabase(ctx, dsn, name))
		}
	}
	return why, Admin(ctx, dsn, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "alter database "+quoteName(name)+" allow_connections false")
		return err
	})
}

// Clone makes a database as a copy of another, to which nobody must be connected; it
// waits some seconds for those who are about to leave.
func Clone(ctx context.Context, dsn, name, template string) error {
	err := Admin(ctx, dsn, func(conn *pgx.Conn) error {
		create := "create database " + quoteName(name) + " template " + quoteName(template)
		if hasStrategies(conn) { // the other one, by way of the log, takes longer
			create += " strategy file_copy"
		}
		_, err := conn.Exec(ctx, create)
		return err
	})
	if err != nil {
		return fmt.Errorf("pgserver: copy %s: %w", template, err)
	}
	return nil
}

// DropDatabase removes a database, if it is there, and ends all connections to it.
func DropDatabase(ctx context.Context, dsn, name string) error {
	err := Admin(ctx, dsn, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "drop database if exists "+quoteName(name)+" with (force)")
		return err
	})
	if err != nil {
		return fmt.Errorf("pgserver: drop %s: %w", name, err)
	}
	return nil
}

// hasStrategies tells whether the server knows more than one way to copy a database,
// as it does from version 15 on.
func hasStrategies(conn *pgx.Conn) bool {
	var major int
	_, err := fmt.Sscan(strings.Split(conn.PgConn().ParameterStatus("server_version"), ".")[0], &major)
	return err == nil && major >= 15
}
