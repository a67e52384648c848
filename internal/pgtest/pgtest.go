// Package pgtest gives tests a Postgres: a private server for each test process,
// started with the first call and gone with the process, and on it a database for
// each test. Package pgserver does the work; this one speaks to testing.TB.
//
// Where the environment variable USERMGMT_TEST_POSTGRES holds the address of a
// database, in either of its forms, [DB] makes its databases on that server instead.
// The role needs the attribute CREATEDB, and the connection must not go through a
// pooler. Databases are dropped with the test there too; what is left, templates and
// the databases of tests that were killed, is dropped by the next process that comes.
//
// Where there is neither, the tests are skipped with a line that starts with
// "SKIP-POSTGRES: ", which a CI looks for. Nothing else is skipped for: a server that
// is there but does not start fails the test.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/usermgmt/usermgmt/internal/pgserver"
)

// patience bounds each step here, so that a server that hangs fails a test by name
// long before the time limit of all tests.
const patience = time.Minute

// shared is the server of this process.
var shared struct {
	once     sync.Once
	err      error
	dsn      string                       // of a database for administration
	address  func(database string) string // of another
	prefix   string                       // of the names of all databases of this process
	presence *pgx.Conn                    // to a server that is not private; says that this process lives

	mu        sync.Mutex
	templates map[string]*template
	last      atomic.Int64
}

type template struct {
	once sync.Once
	name string
	why  string // why it has no linguistic collation, if so
	err  error
}

// DB returns the address of a database for this test alone, which is dropped when
// the test ends, connections or not. It is a copy of a template that is made once in
// the process for each name: an empty database with the collation that
// [pgserver.CreateDatabase] describes, on which prepare was run. Prepare, which may be
// nil, must have closed its connections when it returns, and must do the same for all
// callers with that name. The address can be a URL or not; [pgserver.With] adds
// parameters to either.
//
// DB may be called by any number of tests at once, and more than once by a test.
func DB(t testing.TB, name string, prepare func(ctx context.Context, dsn string) error) string {
	t.Helper()
	admin := server(t)
	tpl := templateNamed(name)
	tpl.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		tpl.why, tpl.err = "", errors.New("prepare did not return") // by panic or FailNow
		tpl.why, tpl.err = pgserver.CreateTemplate(ctx, admin, tpl.name, prepare)
	})
	if tpl.err != nil {
		t.Fatalf("pgtest: template %q: %v", name, tpl.err)
	}
	noteCollation(t, tpl.why)
	database := fmt.Sprintf("%s_%d", shared.prefix, shared.last.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := pgserver.Clone(ctx, admin, database, tpl.name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := pgserver.DropDatabase(ctx, admin, database); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return shared.address(database)
}

func templateNamed(name string) *template {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	tpl := shared.templates[name]
	if tpl == nil {
		tpl = &template{name: fmt.Sprintf("%s_template_%d", shared.prefix, len(shared.templates)+1)}
		shared.templates[name] = tpl
	}
	return tpl
}

// server returns the address of a database for administration on the server of this
// process, and skips the test if there can be none.
func server(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		shared.err = errors.New("start did not return")
		shared.templates = map[string]*template{}
		shared.prefix = family + strings.ToLower(rand.Text()[:10])
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if shared.dsn = os.Getenv("USERMGMT_TEST_POSTGRES"); shared.dsn != "" {
			shared.address = func(database string) string { return pgserver.WithDatabase(shared.dsn, database) }
			shared.presence, shared.err = announce(ctx, shared.dsn, shared.prefix)
			return
		}
		// Plans are to be the same with every run, whenever statistics were taken.
		s, err := pgserver.Start(ctx, pgserver.Config{Settings: map[string]string{"autovacuum": "off"}})
		if shared.err = err; err == nil {
			shared.dsn, shared.address = s.DSN(pgserver.User), s.DSN
		}
	})
	if shared.err != nil {
		unavailable(t, shared.err)
	}
	return shared.dsn
}

// unavailable ends a test that has no server.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, pgserver.ErrNoServer) {
		t.Skipf("SKIP-POSTGRES: %v", err)
	}
	t.Fatalf("pgtest: %v", err)
}

// noteCollation says why a database has no linguistic collation, if it has none.
func noteCollation(t testing.TB, why string) {
	t.Helper()
	if why != "" {
		t.Logf("pgtest: a missing COLLATE \"C\" goes unnoticed here, without a linguistic collation: %s", why)
	}
}
