package pgtest

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/usermgmt/usermgmt/internal/pgserver"
)

// query returns the single value that a statement yields.
func query[T any](t testing.TB, dsn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := pgserver.Admin(t.Context(), dsn, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), sql, args...).Scan(&v)
	}); err != nil {
		t.Fatal(err)
	}
	return v
}

func exec(ctx context.Context, dsn, sql string) error {
	return pgserver.Admin(ctx, dsn, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

func notes(ctx context.Context, dsn string) error {
	return exec(ctx, dsn, `create table note (text text); insert into note values ('template')`)
}

func TestDatabaseIsACopyOfItsTemplate(t *testing.T) {
	t.Parallel()
	if got := query[string](t, DB(t, "notes", notes), `select text from note`); got != "template" {
		t.Errorf("got %q", got)
	}
	if n := query[int](t, DB(t, "", nil), `select count(*) from pg_tables where schemaname = 'public'`); n != 0 {
		t.Errorf("the template without a name has %d tables", n)
	}
}

func TestDatabasesAreSeparateAndSafeToAskForAtOnce(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dsn := DB(t, "notes", notes)
			if err := exec(t.Context(), dsn, `insert into note values ('mine')`); err != nil {
				t.Fatal(err)
			}
			if n := query[int](t, dsn, `select count(*) from note`); n != 2 {
				t.Errorf("%d notes", n)
			}
		})
	}
}

func TestOrderIsThatOfALanguage(t *testing.T) {
	t.Parallel()
	dsn := DB(t, "", nil)
	if !query[bool](t, dsn, `select 'a' < 'B'`) {
		t.Error("the default order is that of bytes")
	}
	if query[bool](t, dsn, `select 'a' < 'B' collate "C"`) {
		t.Error(`COLLATE "C" is not the order of bytes`)
	}
}

func TestKilledServerKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s := Start(t, Config{Durable: true, Settings: map[string]string{"shared_buffers": "16MB"}})
	dsn := s.Create("crash")
	if got := query[string](t, dsn, `select current_setting('shared_buffers') || current_setting('fsync')`); got != "16MBon" {
		t.Errorf("settings %s", got)
	}
	if err := notes(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		open, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close(context.Background())
		if _, err := open.Exec(t.Context(), `begin; insert into note values ('open')`); err != nil {
			t.Fatal(err)
		}
		busy := make(chan error, 1)
		go func() {
			busy <- exec(context.Background(), dsn, `select count(*) from generate_series(1, 10000000000)`)
		}()
		for query[int](t, dsn, `select count(*) from pg_stat_activity where query like '%generate_series%' and state = 'active'`) < 2 { // this one is the other
		}
		if err := exec(t.Context(), dsn, `insert into note values ('committed')`); err != nil {
			t.Fatal(err)
		}
		s.KillHard()
		if err := <-busy; err == nil {
			t.Error("a query outlived the server")
		}
		if err := open.Ping(t.Context()); err == nil {
			t.Error("a connection outlived the server")
		}
		s.Restart()
		if n := query[int](t, dsn, `select count(*) from note`); n != 2+round {
			t.Errorf("%d notes after round %d", n, round)
		}
	}
	s.Stop()
	if err := exec(t.Context(), dsn, `select`); err == nil {
		t.Error("a stopped server answers")
	}
}

func TestPgBouncerPoolsTransactions(t *testing.T) {
	t.Parallel()
	dsn := PgBouncer(t, DB(t, "notes", notes), 1)
	first, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(context.Background())
	second, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close(context.Background())
	var pids [2]int
	for i, conn := range []*pgx.Conn{first, second} {
		if err := conn.QueryRow(t.Context(), `select pg_backend_pid() from note where text = $1`, "template").Scan(&pids[i]); err != nil {
			t.Fatal(err)
		}
	}
	if pids[0] != pids[1] {
		t.Errorf("two clients have two backends, %v", pids)
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	var dsn string
	t.Run("test", func(t *testing.T) {
		dsn = DB(t, "notes", notes)
		conn, err := pgx.Connect(t.Context(), dsn) // and stays
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		if _, err := conn.Exec(t.Context(), `begin`); err != nil {
			t.Fatal(err)
		}
	})
	if err := exec(t.Context(), dsn, `select`); err == nil {
		t.Error("the database is still there")
	}
}

// TestServerThatIsNotPrivate runs the tests above on a server that was there before,
// whose role is no superuser, and on which something was left.
func TestServerThatIsNotPrivate(t *testing.T) {
	t.Parallel()
	if os.Getenv("USERMGMT_TEST_POSTGRES") != "" {
		t.Skip("that is what this test does")
	}
	s := Start(t, Config{})
	admin := s.DSN("postgres")
	if err := exec(t.Context(), admin, `create role tester createdb login`); err != nil {
		t.Fatal(err)
	}
	dsn := pgserver.With(admin, "user", "tester")
	for _, left := range []string{family + "dead_1", family + "dead_template_1", family + "live_1", "usermgmttestimony"} {
		if err := exec(t.Context(), dsn, `create database `+left); err != nil {
			t.Fatal(err)
		}
	}
	live, err := pgx.Connect(t.Context(), pgserver.With(dsn, "application_name", family+"live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close(context.Background())
	for range 2 {
		cmd := osexec.Command(os.Args[0], "-test.run=Database|Order|PgBouncer")
		cmd.Env = append(os.Environ(), "USERMGMT_TEST_POSTGRES="+dsn)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got := query[[]string](t, admin, `select array_agg(datname::text order by datname) from pg_database
			where datname like 'usermgmttest%' and datname not like '%template%'`)
		if want := []string{"usermgmttest_live_1", "usermgmttestimony"}; !slices.Equal(got, want) {
			t.Errorf("databases %q", got)
		}
		if n := query[int](t, admin, `select count(*) from pg_database where datname like 'usermgmttest%template%'`); n > 2 {
			t.Errorf("%d templates are left", n)
		}
	}
}
