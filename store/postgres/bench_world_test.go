package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgtest"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// Benchmarks run on a server that waits for the disk, with the large database of
// explain_data_test.go: USERMGMT_BENCH_USERS users, 100,000 by default. With
// USERMGMT_BENCH_DSN the database there is used, filled if it is empty, and kept;
// its role must be a superuser.

// world is the large database and the library on it.
type world struct {
	dsn   string
	users int
	pool  *pgxpool.Pool
	store *postgres.Store
	m     *usermgmt.Manager
	admin usermgmt.UserID // may do everything in the first organization
	raw   *pgconn.PgConn
	names atomic.Int64
	own   *ownUsers
}

func envInt(tb testing.TB, name string, otherwise int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(tb, err, name)
	return n
}

// filled makes a large database. A benchmark is no test, which the generator wants.
func filled(tb testing.TB, dsn string, users int) {
	tb.Helper()
	done := false
	fill := func(t *testing.T) {
		fillBig(context.Background(), t, dsn, users)
		done = true
	}
	if t, ok := tb.(*testing.T); ok {
		fill(t)
	} else {
		testing.RunTests(func(string, string) (bool, error) { return true, nil },
			[]testing.InternalTest{{Name: "fill", F: fill}})
	}
	require.True(tb, done, "the database was not filled")
}

// theWorld outlives benchmarks, which run more than once.
var theWorld *world

// newWorld opens the large database.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	ctx := context.Background()
	if theWorld != nil {
		return theWorld
	}
	w := &world{dsn: os.Getenv("USERMGMT_BENCH_DSN")}
	if w.dsn == "" {
		s := pgtest.Start(outliving{tb}, pgtest.Config{Durable: true, Settings: map[string]string{
			"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off", "work_mem": "64MB", "random_page_cost": "1.1",
		}})
		w.dsn = s.Create("bench")
	}
	require.NoError(tb, migrate(ctx, w.dsn, ""))
	conn, err := pgx.Connect(ctx, w.dsn)
	require.NoError(tb, err)
	w.raw = conn.PgConn()
	is := false
	require.NoError(tb, conn.QueryRow(ctx, "select exists (select from usermgmt_orgs)").Scan(&is))
	if !is {
		filled(tb, w.dsn, envInt(tb, "USERMGMT_BENCH_USERS", 100_000))
	}
	require.NoError(tb, conn.QueryRow(ctx, "select count(*) from usermgmt_users where user_id < $1 and user_id > $2",
		bigID(aRole, 0), bigID(aUser, 0)).Scan(&w.users))
	w.pool, w.store, w.m = w.process(tb)
	w.addAdmin(tb)
	theWorld = w
	return w
}

// outliving is a test whose end does not clean up; the server ends with the process.
type outliving struct{ testing.TB }

func (outliving) Cleanup(func()) {}

// process is a pool, a store and a manager as one more process has them.
func (w *world) process(tb testing.TB) (*pgxpool.Pool, *postgres.Store, *usermgmt.Manager) {
	tb.Helper()
	cfg, err := pgxpool.ParseConfig(w.dsn)
	require.NoError(tb, err)
	cfg.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	require.NoError(tb, err)
	s, err := postgres.New(pool, nil)
	require.NoError(tb, err)
	return pool, s, w.manager(tb, s, cheapHash)
}

// cheapHash is for what does not measure passwords.
var cheapHash = &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}}

func (w *world) manager(tb testing.TB, s usermgmt.Store, hash *usermgmt.HashConfig) *usermgmt.Manager {
	tb.Helper()
	policy := usermgmt.PolicyNIST()
	policy.LockoutAttempts = 0 // wrong passwords go on and on
	m, err := usermgmt.New(s, &usermgmt.Config{Policy: &policy, Hash: hash, ActorMaxAge: time.Hour})
	require.NoError(tb, err)
	return m
}

// system is an actor that may do everything in an organization.
func (w *world) system(tb testing.TB, org usermgmt.OrgID) usermgmt.Actor {
	tb.Helper()
	a, err := w.m.SystemActor("benchmark", org, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeSystem})
	require.NoError(tb, err)
	return a
}

func (w *world) unique(prefix string) string {
	return strings.ToLower(fmt.Sprintf("%s%s%d", prefix, rand.Text()[:8], w.names.Add(1)))
}

const benchPassword = "Correct-Horse-7-Battery"

// newUser makes a person in the first organization with roles of their own.
func (w *world) newUser(tb testing.TB, grants ...usermgmt.Grant) (*usermgmt.User, *usermgmt.Role) {
	tb.Helper()
	ctx, sys := context.Background(), w.system(tb, bigOrg(1))
	role, err := w.m.Roles().Create(ctx, sys, usermgmt.NewRole{Org: bigOrg(1), Name: w.unique("role"), Grants: grants})
	require.NoError(tb, err)
	name := w.unique("bench")
	u, err := w.m.Users().Create(ctx, sys, usermgmt.NewUser{
		Username: name, Email: name + "@bench.test", FirstName: "B", LastName: "B", OwnerUnit: bigUnit(1), Password: benchPassword,
		NewMembership: usermgmt.NewMembership{Profile: bigProfile(1), PrimaryTeam: bigTeam(1),
			Roles: []usermgmt.RoleAssignment{{Role: role.ID}}},
	})
	require.NoError(tb, err)
	return u, role
}

func (w *world) addAdmin(tb testing.TB) {
	tb.Helper()
	u, _ := w.newUser(tb, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
	w.admin = u.ID
}

func (w *world) actor(tb testing.TB) usermgmt.Actor {
	tb.Helper()
	a, err := w.m.ActorFor(context.Background(), usermgmt.ActorRequest{User: w.admin, Org: bigOrg(1), ProvedAt: time.Now()})
	require.NoError(tb, err)
	return a
}

// some is the identifier of the i-th of users who come in no order.
func (w *world) some(i int) usermgmt.UserID { return bigUser(1 + i*7919%w.users) }

var errNothing = errors.New("nothing was found")

// bare prepares a statement on a connection without pgx and returns a call of it
// that reads the values of all rows and decodes none. Parameters are binary.
func (w *world) bare(tb testing.TB, conn *pgconn.PgConn, sql string) func(params ...[]byte) (rows int, err error) {
	tb.Helper()
	name := w.unique("s")
	_, err := conn.Prepare(context.Background(), name, sql, nil)
	require.NoError(tb, err, sql)
	binary := []int16{1}
	return func(params ...[]byte) (rows int, err error) {
		r := conn.ExecPrepared(context.Background(), name, params, binary, binary)
		for r.NextRow() {
			r.Values()
			rows++
		}
		_, err = r.Close()
		return rows, err
	}
}

// bytesOf is an identifier as a parameter in binary form.
func bytesOf[T ~[16]byte](id T) []byte {
	b := [16]byte(id)
	return b[:]
}
