package postgres_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// scale measures calls of the services on a large database, each once.
type scale struct {
	*world
	seen    *recorder
	planner *planner
	done    map[string]bool // statements that were explained
	// plain, tidy and full are managers with nothing, with what expires passwords
	// and with all that background work can do.
	plain, expiring, full *usermgmt.Manager
	sys, admin, narrow    usermgmt.Actor
	lines                 []string
}

// scaleCall is a call of a service. It returns how many rows it was about.
type scaleCall struct {
	name string
	do   func(ctx context.Context) (int, error)
	// whole: it is about a whole tree, of which it may read the table.
	whole bool
	// grow is how many bytes the heap may grow by; 0 is pageGrowth.
	grow uint64
}

// What the heap may grow by, with what the garbage collector leaves for later: for
// a page, and for a stream of any length.
const (
	pageGrowth   = 32 << 20
	streamGrowth = 32 << 20
)

// TestScale calls the services on USERMGMT_SCALE users, each call once: it prints how
// long each took and by how much the heap grew, and fails for an error, for a
// statement that reads a large table from end to end, and for memory that grows
// with the number of rows. Times depend on the machine and fail nothing. With
// USERMGMT_BENCH_DSN the database there is used, filled if it is empty, changed and
// kept. USERMGMT_SCALE_ONLY limits it to calls that match. Call it by "make scale".
func TestScale(t *testing.T) {
	if os.Getenv("USERMGMT_SCALE") == "" {
		t.Skip("takes minutes; see make scale")
	}
	s := newScale(t, envInt(t, "USERMGMT_SCALE", 0))
	calls := slices.Concat(s.lists(), s.searches(t), s.deepPages(t), s.pages(), s.records(), s.audits(), s.streams(t), s.duties(t), s.bulk(t))
	for _, c := range calls {
		s.call(t, c)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\n%d users, %d statements explained; load average %s\n| call | rows | time | heap growth |\n|---|---:|---:|---:|\n%s\n\n",
		s.world.users, len(s.done), strings.TrimSpace(string(load)), strings.Join(s.lines, "\n"))
}

func newScale(t *testing.T, users int) *scale {
	t.Helper()
	t.Setenv("USERMGMT_BENCH_USERS", fmt.Sprint(users))
	s := &scale{world: newWorld(t), seen: &recorder{once: true}, done: map[string]bool{}}
	s.planner = newPlanner(t, s.dsn)
	pool := newPool(t, s.dsn, func(c *pgxpool.Config) { c.ConnConfig.Tracer, c.MaxConns = s.seen, 16 })
	store, err := postgres.New(pool, nil)
	require.NoError(t, err)
	manager := func(change func(*usermgmt.Config)) *usermgmt.Manager {
		policy := usermgmt.PolicyNIST()
		cfg := &usermgmt.Config{
			Policy: &policy, ActorMaxAge: time.Hour, Files: directory(t.TempDir()),
			Hash:   &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}},
			Fields: []usermgmt.CustomField{{Name: "shirt", Type: usermgmt.FieldText, Exportable: true}, {Name: "badge", Type: usermgmt.FieldText, Exportable: true}},
		}
		change(cfg)
		m, err := usermgmt.New(store, cfg)
		require.NoError(t, err)
		return m
	}
	s.plain = manager(func(*usermgmt.Config) {})
	s.expiring = manager(func(c *usermgmt.Config) {
		c.Policy.MaxAge, c.Policy.Reminders = 200*24*time.Hour, []int{20}
	})
	s.full = manager(func(c *usermgmt.Config) {
		c.Mailer, c.Events = noMail{}, func(context.Context, usermgmt.Event) error { return nil }
		c.AuditRetention = map[usermgmt.AuditClass]time.Duration{usermgmt.AuditAccess: 60 * 24 * time.Hour}
	})
	grant := func(p usermgmt.Permission, scope usermgmt.Scope) usermgmt.Grant {
		return usermgmt.Grant{Permission: p, Scope: scope}
	}
	s.sys, err = s.plain.SystemActor("scale", bigOrg(1), grant("*.*", usermgmt.ScopeSystem))
	require.NoError(t, err)
	ctx := context.Background()
	s.admin, err = s.plain.ActorFor(ctx, usermgmt.ActorRequest{User: s.world.admin, Org: bigOrg(1), ProvedAt: time.Now()})
	require.NoError(t, err)
	// Somebody who sees a tenth of the users, by the tree of a unit.
	head, _ := s.newUser(t, grant(usermgmt.PermUserView, usermgmt.ScopeDivision))
	mem, err := s.plain.Members().Get(ctx, s.sys, head.ID, bigOrg(1))
	require.NoError(t, err)
	_, err = s.plain.Members().Update(ctx, s.sys, head.ID, bigOrg(1), mem.Version, usermgmt.MembershipUpdate{Units: &[]usermgmt.UnitID{bigUnit(5)}})
	require.NoError(t, err)
	s.narrow, err = s.plain.ActorFor(ctx, usermgmt.ActorRequest{User: head.ID, Org: bigOrg(1)})
	require.NoError(t, err)
	for _, name := range []string{"floor", "desk"} {
		_, err := s.plain.Fields().Create(ctx, s.sys, bigOrg(1), usermgmt.CustomField{Name: name, Type: usermgmt.FieldText, Exportable: true})
		if err != nil { // a database that is kept has them
			require.ErrorIs(t, err, usermgmt.ErrConflict)
		}
	}
	return s
}

// call makes a call, explains its statements and adds a line.
func (s *scale) call(t *testing.T, c scaleCall) {
	t.Helper()
	if only := os.Getenv("USERMGMT_SCALE_ONLY"); !strings.Contains(c.name, only) {
		return
	}
	ctx := context.Background()
	s.seen.take()
	before, stop := watchHeap()
	at := time.Now()
	rows, err := c.do(ctx)
	took := time.Since(at)
	grown := max(stop(), before) - before
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	most := c.grow
	if most == 0 {
		most = pageGrowth
	}
	if grown > most {
		t.Errorf("%s: the heap grew by %d MiB", c.name, grown>>20)
	}
	line := fmt.Sprintf("| %s | %d | %s | %.1f MiB |", c.name, rows, show(took), float64(grown)/(1<<20))
	fmt.Fprintln(os.Stderr, line)
	s.lines = append(s.lines, line)
	what := c.name
	if c.whole {
		what = "Trees"
	}
	for _, st := range s.seen.take() {
		if !s.done[st.sql] && !strings.HasPrefix(st.sql, "-- ") {
			s.done[st.sql] = true
			s.planner.check(ctx, t, what, st, false)
		}
	}
}

// noMail is a mailer that accepts everything.
type noMail struct{}

func (noMail) Send(context.Context, usermgmt.Message) error { return nil }

// directory keeps files in a directory.
type directory string

func (d directory) Create(_ context.Context, name string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(string(d), name))
}

func (d directory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), name))
}

func (d directory) Delete(_ context.Context, name string) error {
	if err := os.Remove(filepath.Join(string(d), name)); !os.IsNotExist(err) {
		return err
	}
	return nil
}

// countOf is how many things a call returned.
func countOf[T any](do func() ([]T, error)) (int, error) {
	out, err := do()
	return len(out), err
}

// pageOf is how many things are on a page.
func pageOf[T any](do func() (*usermgmt.Page[T], error)) (int, error) {
	page, err := do()
	if err != nil {
		return 0, err
	}
	return len(page.Items), nil
}

// oneOf is one thing that was read.
func oneOf[T any](do func() (T, error)) (int, error) {
	_, err := do()
	return 1, err
}

// newPlanner asks for plans of statements on a database.
func newPlanner(t *testing.T, dsn string) *planner {
	t.Helper()
	p := &planner{conn: newConn(t, dsn), large: map[string]bool{}}
	rows, err := p.conn.Query(t.Context(), `select relname from pg_class where relkind = 'r' and relname like 'usermgmt\_%' and reltuples > 10000`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, name := range names {
		p.large[name] = true
	}
	return p
}
