package postgres_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// meter counts statements, and round trips as the messages that the client sends.
type meter struct {
	mu         sync.Mutex
	statements []string
	trips      atomic.Int64
}

func (m *meter) note(sql string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statements = append(m.statements, sql)
}

func (m *meter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	m.note(d.SQL)
	return ctx
}
func (m *meter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (m *meter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (m *meter) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	m.note(d.SQL)
}
func (m *meter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

type meteredConn struct {
	net.Conn
	m *meter
}

func (c meteredConn) Write(p []byte) (int, error) {
	c.m.trips.Add(1)
	return c.Conn.Write(p)
}

// metered is a store on dsn whose calls m counts, over one connection, so that
// every statement is prepared once.
func metered(t testing.TB, dsn string, m *meter) *postgres.Store {
	t.Helper()
	_, s := meteredPool(t, dsn, m)
	return s
}

func meteredPool(t testing.TB, dsn string, m *meter) (*pgxpool.Pool, *postgres.Store) {
	t.Helper()
	pool := newPool(t, dsn, func(c *pgxpool.Config) {
		c.MaxConns = 1
		c.ConnConfig.Tracer = m
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return meteredConn{conn, m}, nil
		}
	})
	s, err := postgres.New(pool, nil)
	require.NoError(t, err)
	return pool, s
}

// count runs call, once to prepare its statements and once to count.
func (m *meter) count(t testing.TB, call func(n int) error) (trips, statements int) {
	t.Helper()
	for n := range 2 {
		m.mu.Lock()
		m.statements = nil
		m.mu.Unlock()
		m.trips.Store(0)
		require.NoError(t, call(n))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.trips.Load()), len(m.statements)
}

// TestRoundTrips holds what the commonest calls cost: testdata/roundtrips.txt
// says how many round trips and statements each takes, over pgx, and why.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var m meter
	e := usermgmttest.NewOn(t, metered(t, migrated(t), &m), nil)
	ann := e.AddUser("ann", nil)
	root := e.Root()
	session := e.Login("root")
	token := session.Token.Reveal()
	key, err := e.APIKeys().Generate(ctx, root, usermgmt.KeyRequest{User: e.Administrator.ID})
	require.NoError(t, err)
	here := usermgmt.Origin{Address: "192.0.2.1"}

	var out strings.Builder
	row := func(name, why string, call func(n int) error) {
		trips, statements := m.count(t, call)
		fmt.Fprintf(&out, "%-28s %2d round trips %3d statements   %s\n", name, trips, statements, why)
	}
	row("Auth.Session", "the session and the standing of its user, in one statement", func(int) error {
		_, err := e.Auth().Session(ctx, token, here)
		return err
	})
	row("Auth.APIKey", "the key and the standing of its owner, in one statement", func(int) error {
		_, err := e.Auth().APIKey(ctx, key.Text.Reveal(), here)
		return err
	})
	row("Access.Can", "rights are in memory, and as fresh as the actor", func(int) error {
		if !root.Has(usermgmt.PermUserView) {
			return usermgmt.ErrPermission
		}
		return nil
	})
	row("Users.Get", "user, membership", func(int) error {
		_, err := e.Users().Get(ctx, root, ann.ID)
		return err
	})
	row("Users.List", "one page, with its conditions", func(int) error {
		_, err := e.Users().List(ctx, root, usermgmt.UserQuery{})
		return err
	})
	row("Users.List, search", "one bounded walk of the list", func(int) error {
		_, err := e.Users().List(ctx, root, usermgmt.UserQuery{Search: "acme"})
		return err
	})
	row("Audit.List", "one page", func(int) error {
		_, err := e.Audit().List(ctx, root, usermgmt.AuditQuery{})
		return err
	})
	row("Proxy.Prepare", "user; membership; standing; settings; list; organization", func(int) error {
		_, err := e.Proxy().Prepare(ctx, session.Actor, ann.ID)
		return err
	})
	regular := e.Profile(usermgmt.ProfileRegularUser)
	row("Users.Create", "standing of the actor; unit; organization; stamps; all writes with COMMIT", func(n int) error {
		_, err := e.Users().Create(ctx, root, usermgmt.NewUser{
			Username: fmt.Sprintf("new%d", n), Email: fmt.Sprintf("new%d@acme.test", n), FirstName: "N", LastName: "N", OwnerUnit: e.MainUnit.ID,
			NewMembership: usermgmt.NewMembership{Profile: regular, PrimaryTeam: e.RootTeam.ID,
				Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}},
		})
		return err
	})
	version := ann.Version
	row("Users.Update", "standing of the actor; account; membership; organization; all writes with COMMIT", func(n int) error {
		company := fmt.Sprintf("Company %d", n)
		u, err := e.Users().Update(ctx, root, ann.ID, version, usermgmt.UserUpdate{Company: &company})
		if err == nil {
			version = u.Version
		}
		return err
	})
	row("Auth.Login", "account; organization; attempt; its COMMIT; account; memberships; standing; session and entry with COMMIT", func(int) error {
		_, err := e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: usermgmttest.Password, Origin: here})
		return err
	})
	row("Auth.Login, wrong password", "account; organization; attempt; its COMMIT", func(int) error {
		_, err := e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: "wrong", Origin: here})
		if err == nil {
			return usermgmt.ErrInvalid
		}
		return nil
	})
	const golden = "testdata/roundtrips.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), out.String(), "what a call costs changed: explain it, then run the test with -update")
}
