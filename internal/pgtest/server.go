package pgtest

import (
	"context"
	"errors"
	"testing"

	"github.com/usermgmt/usermgmt/internal/pgserver"
)

// Config says how a server of a test's own is to run.
type Config = pgserver.Config

// A Server is a private server for one test. Its methods fail the test where they
// cannot do what they say, and so belong into the goroutine of the test.
type Server struct {
	t testing.TB
	s *pgserver.Server
}

// Start starts a server for this test, which ends with it. It is private even if
// USERMGMT_TEST_POSTGRES names another. If the test fails, the end of the server's log
// is in the test's.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := pgserver.Start(ctx, cfg)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log ends:\n%s", s.Log())
		}
		if err := s.Stop(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return &Server{t, s}
}

// DSN returns the address of a database. The database "postgres" is always there, and
// compares text by bytes.
func (s *Server) DSN(database string) string { return s.s.DSN(database) }

// Create makes an empty database with the collation that [DB] uses, and returns its
// address.
func (s *Server) Create(database string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	why, err := pgserver.CreateDatabase(ctx, s.DSN(pgserver.User), database)
	s.check(err)
	noteCollation(s.t, why)
	return s.DSN(database)
}

// KillHard kills the server and all its backends, without a chance to tidy up. See
// [pgserver.Server.KillHard] for what that does not show.
func (s *Server) KillHard() {
	s.t.Helper()
	s.check(s.s.KillHard())
}

// Restart starts a server that was killed on its data, and waits until it accepts
// connections.
func (s *Server) Restart() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.check(s.s.Restart(ctx))
}

// Stop ends the server and removes its data, before the test ends.
func (s *Server) Stop() {
	s.t.Helper()
	s.check(s.s.Stop())
}

// Log returns the end of the server's log.
func (s *Server) Log() string { return s.s.Log() }

func (s *Server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("pgtest: %v", err)
	}
}

// PgBouncer starts a PgBouncer for this test in front of the database of dsn, in
// transaction pooling mode with poolSize connections, and returns the address of the
// database through it. The address sets default_query_exec_mode=exec: prepared
// statements with names do not survive a pooler before version 1.21. Where there is no
// PgBouncer, the test is skipped with a line that starts with "SKIP-PGBOUNCER: ".
func PgBouncer(t testing.TB, dsn string, poolSize int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := pgserver.StartBouncer(ctx, dsn, poolSize)
	if errors.Is(err, pgserver.ErrNoBouncer) || errors.Is(err, pgserver.ErrNoServer) {
		t.Skipf("SKIP-PGBOUNCER: %v", err)
	}
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return b.DSN()
}
