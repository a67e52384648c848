package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// knife cuts a connection at one of the messages that the client sends.
type knife struct {
	mu    sync.Mutex
	armed bool
	at    int  // the message, counted from 0
	after bool // let the message through, and lose the answer
	count int
	cut   bool
}

func (k *knife) arm(at int, after bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed, k.at, k.after, k.count, k.cut = true, at, after, 0, false
}

func (k *knife) disarm() (cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed = false
	return k.cut
}

// due reports whether the message that is now sent is the one.
func (k *knife) due() (now, after bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.armed || k.cut {
		return false, false
	}
	now = k.count == k.at
	k.count++
	k.cut = now
	return now, k.after
}

type cutConn struct {
	net.Conn
	k    *knife
	lost atomic.Bool // answers
}

var errCut = errors.New("cut")

func (c *cutConn) Write(p []byte) (int, error) {
	now, after := c.k.due()
	switch {
	case !now:
		return c.Conn.Write(p)
	case after: // the server still does what it was sent
		c.lost.Store(true)
		return c.Conn.Write(p)
	}
	_ = c.Conn.Close()
	return 0, errCut
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.lost.Load() {
		_ = c.Conn.Close()
		return 0, errCut
	}
	return n, err
}

// through makes connections pass the knife.
func (k *knife) through(c *pgx.ConnConfig) {
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &cutConn{Conn: conn, k: k}, nil
	}
}

// cutStores open a store on dsn whose one connection, a new one, k cuts.
func cutStores(t *testing.T, dsn string, k *knife) map[string]func() (s *postgres.Store, end func()) {
	t.Helper()
	pooled := func(mode pgx.QueryExecMode) func() (*postgres.Store, func()) {
		return func() (*postgres.Store, func()) {
			cfg, err := pgxpool.ParseConfig(dsn)
			require.NoError(t, err)
			cfg.MaxConns, cfg.ConnConfig.DefaultQueryExecMode = 1, mode
			k.through(cfg.ConnConfig)
			pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
			require.NoError(t, err)
			s, err := postgres.New(pool, nil)
			require.NoError(t, err)
			return s, pool.Close
		}
	}
	return map[string]func() (*postgres.Store, func()){
		"cached statements": pooled(pgx.QueryExecModeCacheStatement),
		"simple protocol":   pooled(pgx.QueryExecModeSimpleProtocol),
		"database/sql": func() (*postgres.Store, func()) {
			cfg, err := pgx.ParseConfig(dsn)
			require.NoError(t, err)
			k.through(cfg)
			db := stdlib.OpenDB(*cfg)
			db.SetMaxOpenConns(1)
			s, err := postgres.NewSQL(db, nil)
			require.NoError(t, err)
			return s, func() { _ = db.Close() }
		},
	}
}

// TestConnectionCutAtEveryMessage cuts the connection at every message of a
// call, before and after it reaches the server. The change is there or not, with
// its audit entry or without, as the error says; and if the error says that it is
// not known, Resolve knows.
func TestConnectionCutAtEveryMessage(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	whole, pool := newStore(t, dsn, nil)
	e := usermgmttest.NewOn(t, whole, nil)
	var k knife
	for name, open := range cutStores(t, dsn, &k) { // one after the other: they share the knife
		t.Run(name, func(t *testing.T) { cutCalls(t, e, pool, open, &k) })
	}
}

func cutCalls(t *testing.T, e *usermgmttest.Env, pool *pgxpool.Pool, open func() (*postgres.Store, func()), k *knife) {
	ctx := t.Context()
	regular := e.Profile(usermgmt.ProfileRegularUser)
	prefix := strings.ReplaceAll(t.Name()[strings.LastIndex(t.Name(), "/")+1:], "_", "-")
	create := func(name string) error {
		store, end := open()
		defer end()
		m, err := usermgmt.New(store, &usermgmt.Config{Now: e.Clock.Now})
		require.NoError(t, err)
		_, err = m.Users().Create(ctx, e.Root(), usermgmt.NewUser{
			Username: name, Email: name + "@acme.test", FirstName: "Cut", LastName: "Off", OwnerUnit: e.MainUnit.ID,
			NewMembership: usermgmt.NewMembership{Profile: regular, PrimaryTeam: e.RootTeam.ID,
				Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}},
		})
		return err
	}
	outcomes := map[string]int{}
	must := []string{"done", "failed", "unknown, in truth true"}
	seen := func(what string) bool { return outcomes[what] > 0 }
	// Which messages go together is a matter of timing, so a busy machine may need
	// more than one round to cut at COMMIT alone.
	for round := 0; round < 5 && !(seen(must[0]) && seen(must[1]) && seen(must[2])); round++ {
		for _, after := range []bool{false, true} {
			for at, cut := 0, true; cut; at++ {
				name := fmt.Sprintf("%s-%d-%d%t", prefix, round, at, after)
				k.arm(at, after)
				err := create(name)
				cut = k.disarm()
				var users, entries int
				require.NoError(t, pool.QueryRow(ctx, `select
					(select count(*) from usermgmt_users where username_key = $1),
					(select count(*) from usermgmt_audit a join usermgmt_users u on a.target = u.user_id::text
						where u.username_key = $1 and a.verb = 'user.create' and a.outcome = 1)`, name).Scan(&users, &entries))
				switch {
				case err == nil:
					outcomes["done"]++
					assert.Equal(t, 1, users, name)
				case errors.Is(err, usermgmt.ErrOutcomeUnknown):
					var known *usermgmt.Error
					require.ErrorAs(t, err, &known)
					require.False(t, known.Operation.IsZero())
					done, rerr := e.Resolve(ctx, known.Operation)
					require.NoError(t, rerr)
					require.NoError(t, pool.QueryRow(ctx,
						`select count(*) from usermgmt_users where username_key = $1`, name).Scan(&users))
					outcomes[fmt.Sprintf("unknown, in truth %t", done)]++
					assert.Equal(t, done, users == 1, "%s: Resolve says %t", name, done)
					entries = users
				default:
					outcomes["failed"]++
					assert.Equal(t, 0, users, "%s: %v", name, err)
					assert.NotContains(t, err.Error(), "sock", "the error names no address")
				}
				assert.Equal(t, users, entries, "%s: an entry for each change", name)
				if !cut {
					require.NoError(t, err)
				}
			}
		}
	}
	t.Logf("outcomes: %v", outcomes)
	for _, what := range must {
		assert.True(t, seen(what), what)
	}
}
