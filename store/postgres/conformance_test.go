package postgres_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgtest"
	"github.com/usermgmt/usermgmt/store/postgres"
	"github.com/usermgmt/usermgmt/store/storetest"
)

// oddSchema needs quotes, inside too.
const oddSchema = `My "Schema"`

// migrated is the address of a fresh database with the schema.
func migrated(t testing.TB) string {
	t.Helper()
	return pgtest.DB(t, "usermgmt", func(ctx context.Context, dsn string) error { return migrate(ctx, dsn, "") })
}

// migrate migrates a database, in a schema that is created if it is named.
func migrate(ctx context.Context, dsn, schema string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if schema != "" {
		if _, err := conn.Exec(ctx, "create schema "+pgx.Identifier{schema}.Sanitize()); err != nil {
			return err
		}
	}
	s, err := postgres.NewConn(conn, &postgres.Config{Schema: schema})
	if err != nil {
		return err
	}
	return s.Migrate(ctx)
}

// newPool opens a pool, which is closed with the test.
func newPool(t testing.TB, dsn string, change func(c *pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	if change != nil {
		change(cfg)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func poolStore(t testing.TB, change func(c *pgxpool.Config)) usermgmt.Store {
	t.Helper()
	s, err := postgres.New(newPool(t, migrated(t), change), nil)
	require.NoError(t, err)
	return s
}

// newConn opens a connection, which is closed with the test.
func newConn(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func newDB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// inMode makes a pool run its statements in a mode.
func inMode(mode pgx.QueryExecMode) func(c *pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode }
}

// way is a way to a store. Those that can serve several callers at once pass
// both halves of the suite.
type way struct {
	name       string
	concurrent bool
	open       func(t testing.TB) usermgmt.Store
}

// unlessShort skips all ways but those that differ most if tests are to be short,
// and in any case those between two others unless USERMGMT_SOAK is set.
func (w way) unlessShort(t *testing.T) {
	t.Helper()
	if os.Getenv("USERMGMT_SOAK") == "" && (w.name == "PoolOfOne" || w.name == "ExecMode") {
		t.Skip("in a soak only: Conn has one connection too, and the mode lies between those of Pool and SimpleProtocol")
	}
	if testing.Short() && w.name != "Pool" && w.name != "SQL" && w.name != "HostTx" {
		t.Skip("one of the other ways to a store")
	}
}

var stores = []way{
	{"Pool", true, func(t testing.TB) usermgmt.Store { return poolStore(t, nil) }},
	{"PoolOfOne", false, func(t testing.TB) usermgmt.Store {
		return poolStore(t, func(c *pgxpool.Config) { c.MaxConns = 1 })
	}},
	{"SimpleProtocol", true, func(t testing.TB) usermgmt.Store {
		return poolStore(t, inMode(pgx.QueryExecModeSimpleProtocol))
	}},
	{"ExecMode", false, func(t testing.TB) usermgmt.Store { return poolStore(t, inMode(pgx.QueryExecModeExec)) }},
	{"Conn", false, func(t testing.TB) usermgmt.Store {
		s, err := postgres.NewConn(newConn(t, migrated(t)), nil)
		require.NoError(t, err)
		return s
	}},
	{"SQL", true, func(t testing.TB) usermgmt.Store {
		s, err := postgres.NewSQL(newDB(t, migrated(t)), nil)
		require.NoError(t, err)
		return s
	}},
	{"HostTx", false, hostTx},
	{"HostSQLTx", false, hostSQLTx},
	{"PgBouncer", true, func(t testing.TB) usermgmt.Store {
		s, err := postgres.New(newPool(t, pgtest.PgBouncer(t, migrated(t), 4), nil), nil)
		require.NoError(t, err)
		return s
	}},
	{"Schema", false, func(t testing.TB) usermgmt.Store {
		dsn := pgtest.DB(t, "usermgmt in a schema", func(ctx context.Context, dsn string) error {
			return migrate(ctx, dsn, oddSchema)
		})
		s, err := postgres.New(newPool(t, dsn, nil), &postgres.Config{Schema: oddSchema})
		require.NoError(t, err)
		return s
	}},
}

// hostTx is a store inside a transaction of the host's.
func hostTx(t testing.TB) usermgmt.Store {
	t.Helper()
	dsn := migrated(t)
	s, err := postgres.New(newPool(t, dsn, nil), nil)
	require.NoError(t, err)
	tx, err := newConn(t, dsn).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := tx.Rollback(context.Background()); err != nil {
			t.Errorf("the host's transaction did not survive: %v", err)
		}
	})
	return s.WithTx(tx)
}

// hostSQLTx is the same with database/sql.
func hostSQLTx(t testing.TB) usermgmt.Store {
	t.Helper()
	db := newDB(t, migrated(t))
	s, err := postgres.NewSQL(db, nil)
	require.NoError(t, err)
	tx, err := db.BeginTx(context.Background(), nil) // outlives the test's context until it is rolled back
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := tx.Rollback(); err != nil {
			t.Errorf("the host's transaction did not survive: %v", err)
		}
	})
	return s.WithSQLTx(tx)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, way := range stores {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			way.unlessShort(t)
			storetest.Run(t, way.open)
		})
	}
}

func TestConformanceConcurrent(t *testing.T) {
	t.Parallel()
	for _, way := range stores {
		if way.concurrent {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				way.unlessShort(t)
				storetest.RunConcurrent(t, way.open)
			})
		}
	}
}
