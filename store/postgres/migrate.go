package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one step of the schema.
type Migration struct {
	Number int
	// Name is the file's name in [Migrations], such as "0001_tables.sql".
	Name string
}

// migrationLock is the key of the advisory lock under which migrations run: the
// first eight bytes of the SHA-256 of "usermgmt migrations".
const migrationLock int64 = 0x7a9352b8676921a0

const (
	sqlLockMigrations = `select pg_advisory_xact_lock($1::bigint)`
	sqlMigrationTable = `create table if not exists usermgmt_migrations (
	number     integer     not null constraint um_migrations_pk primary key,
	name       text        not null,
	applied_at timestamptz not null
)`
	sqlMigrationTableThere = `select to_regclass($1::text) is not null`
	sqlMigrationsDone      = `select number from usermgmt_migrations order by number`
	sqlNoteMigration       = `insert into usermgmt_migrations (number, name, applied_at)
values ($1::integer, $2::text, now())`
)

// Migrations returns the migrations as files, for hosts that use a tool of their
// own: forward-only, in the order of their names, each to be run in a
// transaction. The names of tables in them are bare; [SQL] qualifies them.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the directory is embedded
	}
	return sub
}

// allMigrations returns the migrations in order, with their texts.
func allMigrations() (list []Migration, texts []string, err error) {
	files, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		digits, _, _ := strings.Cut(f.Name(), "_")
		number, err := strconv.Atoi(digits)
		if err != nil || number != len(list)+1 {
			return nil, nil, fmt.Errorf("postgres: migration %q is out of order", f.Name())
		}
		text, err := migrationFiles.ReadFile("migrations/" + f.Name())
		if err != nil {
			return nil, nil, err
		}
		list, texts = append(list, Migration{number, f.Name()}), append(texts, string(text))
	}
	return list, texts, nil
}

// SQL returns all migrations as one text for psql or a tool of the host's, with
// the names of tables qualified by cfg.Schema. It includes the notes by which
// [Store.Migrate] later knows what was done.
func SQL(cfg *Config) (string, error) {
	s, err := newStore(nil, cfg)
	if err != nil {
		return "", err
	}
	list, texts, err := allMigrations()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "begin;\n\n%s;\n", s.sql(sqlMigrationTable))
	for i, m := range list {
		fmt.Fprintf(&b, "\n-- %s\n\n%s\ninsert into %s (number, name, applied_at) values (%d, '%s', now());\n",
			m.Name, s.sql(texts[i]), s.sql("usermgmt_migrations"), m.Number, m.Name)
	}
	b.WriteString("\ncommit;\n")
	return b.String(), nil
}

// Pending returns the migrations that the database lacks. It changes nothing.
func (s *Store) Pending(ctx context.Context) ([]Migration, error) {
	there, err := one(ctx, s, func(r scanner, out *bool) error { return r.Scan(out) },
		sqlMigrationTableThere, s.sql("usermgmt_migrations"))
	if err != nil {
		return nil, err
	}
	var done []int
	if there {
		done, err = all(ctx, s, func(r scanner, out *int) error { return r.Scan(out) }, sqlMigrationsDone)
		if err != nil {
			return nil, err
		}
	}
	list, _, err := allMigrations()
	if err != nil {
		return nil, err
	}
	if n := len(done); n > len(list) {
		return nil, &usermgmt.Error{Kind: usermgmt.ErrConflict, Field: "schema", Rule: "newer",
			Detail: "the database has migrations that this version does not know"}
	}
	return list[len(done):], nil
}

// Migrate brings the schema up to date. Migrations only go forward. Each runs in
// a transaction of its own together with the note that it is done, so a process
// that is killed leaves whole ones behind, and running Migrate again goes on from
// there. Any number of processes may call it at once: an advisory lock of the
// transaction lets one work and the others find nothing left to do.
//
// On a store that is bound to a transaction of the host's, everything happens in
// that transaction.
//
// It fails with [usermgmt.ErrConflict], Field "schema", Rule "newer", if the
// database was migrated by a newer version of this package.
func (s *Store) Migrate(ctx context.Context) error {
	list, texts, err := allMigrations()
	if err != nil {
		return err
	}
	for {
		done := false
		err := s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			b := tx.(*Store) //nolint:forcetypeassert // Tx hands out a *Store
			if err := b.each(ctx, func(scanner) error { return nil }, sqlLockMigrations, migrationLock); err != nil {
				return err
			}
			if err := b.write(ctx, step{sql: sqlMigrationTable}); err != nil {
				return err
			}
			pending, err := b.Pending(ctx)
			if err != nil {
				return err
			}
			if done = len(pending) == 0; done {
				return nil
			}
			m := pending[0]
			// One by one: a driver that prepares statements ahead of a batch could
			// not prepare one that needs a table of the same batch.
			for _, text := range statementsOf(texts[m.Number-1]) {
				if err := b.each(ctx, func(scanner) error { return nil }, text); err != nil {
					return err
				}
			}
			return b.write(ctx, step{sql: sqlNoteMigration, args: []any{m.Number, m.Name}})
		})
		if err != nil {
			return fmt.Errorf("postgres: migrate: %w", err)
		}
		if done || len(list) == 0 {
			return nil
		}
	}
}

// statementsOf splits the text of a migration. A statement ends with a line that
// ends with a semicolon; migrations have no such lines inside of statements.
func statementsOf(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(trimmed, ";") {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		out = append(out, rest)
	}
	return out
}
