// Package teststores gives tests the stores that they run on. The environment
// variable USERMGMT_TEST_STORE chooses: "memory", which is the default, "pgx" or
// "sql". The last two are the Postgres store over a pool of pgx and over
// database/sql, each test on a database of its own; see package pgtest for where
// the server comes from.
package teststores

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of database/sql

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgtest"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// Kind names a store.
type Kind string

// The kinds.
const (
	Memory Kind = "memory"
	Pgx    Kind = "pgx"
	SQL    Kind = "sql"
)

// Chosen is the kind that the environment asks for.
func Chosen() Kind {
	if k := os.Getenv("USERMGMT_TEST_STORE"); k != "" {
		return Kind(k)
	}
	return Memory
}

// New returns an empty store of the chosen kind.
func New(t testing.TB) usermgmt.Store {
	t.Helper()
	s, _ := Pair(t)
	return s
}

// Pair returns two stores of the chosen kind on the same empty data, as two
// processes have them. In memory that is one store twice.
func Pair(t testing.TB) (a, b usermgmt.Store) {
	t.Helper()
	switch k := Chosen(); k {
	case Memory:
		s := memory.New()
		return s, s
	case Pgx, SQL:
		dsn := DSN(t)
		return On(t, k, dsn), On(t, k, dsn)
	default:
		t.Fatalf("USERMGMT_TEST_STORE=%q is not one of memory, pgx, sql", k)
		return nil, nil
	}
}

// DSN is the address of a fresh database with the schema of this package.
func DSN(t testing.TB) string {
	t.Helper()
	return pgtest.DB(t, "usermgmt", func(ctx context.Context, dsn string) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		s, err := postgres.NewConn(conn, nil)
		if err != nil {
			return err
		}
		return s.Migrate(ctx)
	})
}

// On returns the Postgres store of a kind on the database at dsn. Its
// connections end with the test.
func On(t testing.TB, k Kind, dsn string) *postgres.Store {
	t.Helper()
	var s *postgres.Store
	var err error
	if k == SQL {
		var db *sql.DB
		if db, err = sql.Open("pgx", dsn); err == nil {
			t.Cleanup(func() { _ = db.Close() })
			db.SetMaxOpenConns(maxConns)
			db.SetMaxIdleConns(maxConns)
			s, err = postgres.NewSQL(db, nil)
		}
	} else {
		s, err = postgres.New(Pool(t, dsn), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// maxConns is how many connections a store has at most.
const maxConns = 16

// Pool returns a pool on the database at dsn, which is closed with the test.
func Pool(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err == nil {
		cfg.MaxConns = maxConns
		var pool *pgxpool.Pool
		if pool, err = pgxpool.NewWithConfig(context.Background(), cfg); err == nil {
			t.Cleanup(pool.Close)
			return pool
		}
	}
	t.Fatal(err)
	return nil
}
