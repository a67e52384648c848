package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgtest"
	"github.com/usermgmt/usermgmt/store/postgres"
)

var update = flag.Bool("update", false, "write golden files anew")

// empty is the address of a database without the schema.
func empty(t testing.TB) string {
	t.Helper()
	return pgtest.DB(t, "empty", nil)
}

func newStore(t testing.TB, dsn string, cfg *postgres.Config) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	pool := newPool(t, dsn, nil)
	s, err := postgres.New(pool, cfg)
	require.NoError(t, err)
	return s, pool
}

// schemaOf describes the tables, columns, constraints and indexes of a schema.
func schemaOf(t testing.TB, pool *pgxpool.Pool, schema string) string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
select c.relname || E'\n\t' || string_agg(line, E'\n\t' order by kind, pos, line) || E'\n'
from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join lateral (
	select 1 as kind, a.attnum::int as pos, a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
		|| case when a.attcollation <> 0 and l.collname <> 'default' then ' collate ' || l.collname else '' end
		|| case when a.attnotnull then ' not null' else '' end
		|| coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as line
	from pg_attribute a left join pg_collation l on l.oid = a.attcollation
		left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
	where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	union all
	select 2, 0, 'constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n'
	union all
	select 3, 0, replace(pg_get_indexdef(i.indexrelid), n.nspname || '.', '') from pg_index i
	where i.indrelid = c.oid and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u'))
	union all
	select 4, 0, 'with (' || array_to_string(c.reloptions, ', ') || ')' where c.reloptions is not null) x
where n.nspname = $1 and c.relkind = 'r' and c.relname like 'usermgmt\_%'
group by c.relname, n.nspname order by c.relname collate "C"`, schema)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	// A constraint names the schema of the table that it refers to, unless the
	// search path leads there.
	text := strings.Join(tables, "\n")
	text = strings.ReplaceAll(text, `"`+schema+`".`, "")
	return strings.ReplaceAll(text, schema+".", "")
}

func TestSchemaIsWhatWasReviewed(t *testing.T) {
	t.Parallel()
	_, pool := newStore(t, migrated(t), nil)
	got := schemaOf(t, pool, "public")
	const golden = "testdata/schema.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "the schema changed: review it, then run the test with -update")
	assert.NotContains(t, got, " default ", "values come from the caller, never from the database")
	assert.NotContains(t, got, "nextval")
}

func TestMigrationsHoldNothingThatOtherEnginesLack(t *testing.T) {
	t.Parallel()
	files := postgres.Migrations()
	entries, err := fs.ReadDir(files, ".")
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		text, err := fs.ReadFile(files, e.Name())
		require.NoError(t, err)
		var code strings.Builder
		for line := range strings.Lines(strings.ToLower(string(text))) {
			if !strings.HasPrefix(strings.TrimSpace(line), "--") {
				code.WriteString(line)
			}
		}
		for _, word := range []string{
			"trigger", "extension", "sequence", "serial", "create type", "function", "procedure", "inherits", "unlogged",
			"deferrable", "exclude", "generated", "gist", "nulls not distinct", "drop ", "concurrently",
		} {
			// A new column has a default for the rows that are there, and then none.
			assert.NotContains(t, strings.ReplaceAll(code.String(), "drop default", ""), word, e.Name())
		}
		ddl := strings.Contains(code.String(), "create table")
		dml := strings.Contains(code.String(), "insert into")
		assert.False(t, ddl && dml, "%s makes tables and fills them", e.Name())
	}
}

func TestMigrateGoesForwardAndStops(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, pool := newStore(t, empty(t), nil)
	pending, err := s.Pending(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, pending)
	assert.Equal(t, 1, pending[0].Number)
	require.NoError(t, s.Migrate(ctx))
	pending, err = s.Pending(ctx)
	require.NoError(t, err)
	assert.Empty(t, pending)
	require.NoError(t, s.Migrate(ctx), "again")

	_, err = pool.Exec(ctx, `insert into usermgmt_migrations (number, name, applied_at) values (9999, 'later', now())`)
	require.NoError(t, err)
	for _, err := range []error{s.Migrate(ctx), func() error { _, err := s.Pending(ctx); return err }()} {
		var e *usermgmt.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "newer", e.Rule)
	}
}

func TestMigrateInAHostsTransaction(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, pool := newStore(t, empty(t), nil)
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, s.WithTx(tx).Migrate(ctx))
	require.NoError(t, tx.Rollback(ctx))
	assert.Empty(t, schemaOf(t, pool, "public"), "the host rolled back")

	tx, err = pool.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, s.WithTx(tx).Migrate(ctx))
	require.NoError(t, tx.Commit(ctx))
	pending, err := s.Pending(ctx)
	require.NoError(t, err)
	assert.Empty(t, pending)
}

func TestMigrateByManyAtOnce(t *testing.T) {
	t.Parallel()
	dsn := empty(t)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		s, _ := newStore(t, dsn, nil)
		all.Go(func() { errs[i] = s.Migrate(t.Context()) })
	}
	all.Wait()
	for _, err := range errs {
		assert.NoError(t, err)
	}
	assertSchema(t, dsn)
}

// assertSchema compares a database with one that was migrated in peace.
func assertSchema(t *testing.T, dsn string) {
	t.Helper()
	_, whole := newStore(t, migrated(t), nil)
	s, pool := newStore(t, dsn, nil)
	pending, err := s.Pending(t.Context())
	require.NoError(t, err)
	assert.Empty(t, pending)
	assert.Equal(t, schemaOf(t, whole, "public"), schemaOf(t, pool, "public"))
}

func TestMigrationsInAnotherSchema(t *testing.T) {
	t.Parallel()
	const schema = `An "odd" one`
	ctx := t.Context()
	s, pool := newStore(t, empty(t), &postgres.Config{Schema: schema})
	_, err := pool.Exec(ctx, "create schema "+pgx.Identifier{schema}.Sanitize())
	require.NoError(t, err)
	require.NoError(t, s.Migrate(ctx))
	pending, err := s.Pending(ctx)
	require.NoError(t, err)
	assert.Empty(t, pending)
	assert.Empty(t, schemaOf(t, pool, "public"))
	var n int
	require.NoError(t, pool.QueryRow(ctx,
		`select count(*) from information_schema.tables where table_schema = $1`, schema).Scan(&n))
	assert.Positive(t, n)

	_, err = postgres.New(pool, &postgres.Config{Schema: strings.Repeat("x", 64)})
	assert.ErrorIs(t, err, usermgmt.ErrInvalid)
}

func TestSQLForHostsWithTheirOwnTool(t *testing.T) {
	t.Parallel()
	text, err := postgres.SQL(nil)
	require.NoError(t, err)
	dsn := empty(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.PgConn().Exec(t.Context(), text).ReadAll()
	require.NoError(t, err)
	assertSchema(t, dsn)

	qualified, err := postgres.SQL(&postgres.Config{Schema: "people"})
	require.NoError(t, err)
	assert.Contains(t, qualified, `create table "people".usermgmt_users (`)
	assert.NotContains(t, strings.ReplaceAll(qualified, `"people".usermgmt_`, ""), "usermgmt_")
}

// TestMigrateAfterKills kills a process that migrates, again and again, and
// lets one finish in the end.
func TestMigrateAfterKills(t *testing.T) {
	t.Parallel()
	if dsn := os.Getenv("USERMGMT_MIGRATE_CHILD"); dsn != "" {
		s, _ := newStore(t, dsn, nil)
		require.NoError(t, s.Migrate(t.Context()))
		return
	}
	dsn := empty(t)
	kills := 8
	if os.Getenv("USERMGMT_SOAK") != "" {
		kills = 100
	}
	for i := range kills {
		child := exec.Command(os.Args[0], "-test.run", "^TestMigrateAfterKills$") //nolint:gosec // this very test
		child.Env = append(os.Environ(), "USERMGMT_MIGRATE_CHILD="+dsn)
		require.NoError(t, child.Start())
		time.Sleep(time.Duration(i+1) * 150 * time.Millisecond / time.Duration(kills))
		_ = child.Process.Kill()
		_ = child.Wait()
		if i%4 == 3 {
			// A fresh start: otherwise the later ones would find nothing to do.
			s, _ := newStore(t, dsn, nil)
			require.NoError(t, s.Migrate(t.Context()), "after %d kills", i+1)
			assertSchema(t, dsn)
			dsn = empty(t)
		}
	}
	s, _ := newStore(t, dsn, nil)
	require.NoError(t, s.Migrate(t.Context()))
	assertSchema(t, dsn)
}

func ExampleSQL() {
	text, err := postgres.SQL(&postgres.Config{Schema: "people"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.SplitN(text, "\n", 4)[2])
	// Output: create table if not exists "people".usermgmt_migrations (
}
