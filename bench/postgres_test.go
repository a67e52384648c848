//go:build peers

package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/openfga/openfga/assets"
	fgapostgres "github.com/openfga/openfga/pkg/storage/postgres"
	"github.com/openfga/openfga/pkg/storage/sqlcommon"
	"github.com/openfga/openfga/pkg/tuple"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// tower is a world in which an operator may log in as the members of team 1 and of
// all below, and somebody is a member of team 20, which is 19 below. The same may
// be done in team 21 by a second operator, who is asked in vain. OpenFGA and
// usermgmt are each on a database of one Postgres, and usermgmt in memory besides.
type tower struct {
	w               *world
	fga             *openFGA
	memory, durable *ours
}

// The users of a tower, all of the first organization.
const (
	towerOperator = 0
	towerStranger = 4
	towerMember   = 8
	towerTop      = 1
)

// towers are kept for further runs.
var towers = map[int]*tower{}

func towerOf(b *testing.B, n int) *tower {
	if t := towers[n]; t != nil {
		return t
	}
	b.Helper()
	ctx := context.Background()
	t := &tower{w: newWorld(n)}
	for u, team := range map[int]int{towerOperator: towerTop, towerStranger: treeDepth + 1, towerMember: treeDepth} {
		t.w.users[u].held, t.w.users[u].teams = []holding{{role: 0}}, []int{team}
	}
	s, err := pgserver.Start(ctx, pgserver.Config{Durable: true, Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off", "work_mem": "64MB", "random_page_cost": "1.1",
	}})
	if errors.Is(err, pgserver.ErrNoServer) {
		b.Skipf("SKIP-POSTGRES: %v", err)
	}
	require.NoError(b, err)
	database := func(name string) string {
		_, err := pgserver.CreateDatabase(ctx, s.DSN(pgserver.User), name)
		require.NoError(b, err)
		return s.DSN(name)
	}
	t.fga = openFGAOnPostgres(b, t.w, database("openfga"))
	pool, err := pgxpool.New(ctx, database("usermgmt"))
	require.NoError(b, err)
	store, err := postgres.New(pool, nil)
	require.NoError(b, err)
	require.NoError(b, store.Migrate(ctx))
	t.durable = newOursOn(b, t.w, store)
	t.memory = newOursOn(b, t.w, memory.New())
	for _, name := range []string{"openfga", "usermgmt"} {
		db, err := sql.Open("pgx", s.DSN(name))
		require.NoError(b, err)
		_, err = db.ExecContext(ctx, "vacuum analyze")
		require.NoError(b, err)
		require.NoError(b, db.Close())
	}
	towers[n] = t
	return t
}

// openFGAOnPostgres copies the tuples into the server's table: by its writes, a
// hundred at once, 100,000 users and teams take a quarter of an hour and more.
func openFGAOnPostgres(tb testing.TB, w *world, dsn string) *openFGA {
	db, err := sql.Open("pgx", dsn)
	require.NoError(tb, err)
	files, err := fs.Sub(assets.EmbedMigrations, assets.PostgresMigrationDir)
	require.NoError(tb, err)
	all, err := goose.NewProvider(goose.DialectPostgres, db, files)
	require.NoError(tb, err)
	_, err = all.Up(context.Background())
	require.NoError(tb, err)
	require.NoError(tb, all.Close())
	data, err := fgapostgres.New(dsn, sqlcommon.NewConfig(sqlcommon.WithMaxTypesPerAuthorizationModel(openFGATypes),
		sqlcommon.WithMaxOpenConns(16), sqlcommon.WithMinOpenConns(16), sqlcommon.WithMaxIdleConns(16), sqlcommon.WithMinIdleConns(16)))
	require.NoError(tb, err)
	f := newOpenFGAOn(tb, w, data)
	var rows [][]any
	now := time.Now()
	f.tuples(func(object, relation, user string) {
		kind, name, _ := strings.Cut(object, ":")
		rows = append(rows, []any{f.store, kind, name, relation, user, string(tuple.GetUserTypeFromUser(user)), fmt.Sprintf("01%024d", len(rows)), now})
	})
	pool, err := pgxpool.New(context.Background(), dsn)
	require.NoError(tb, err)
	defer pool.Close()
	_, err = pool.CopyFrom(context.Background(), pgx.Identifier{"tuple"},
		[]string{"store", "object_type", "object_id", "relation", "_user", "user_type", "ulid", "inserted_at"}, pgx.CopyFromRows(rows))
	require.NoError(tb, err)
	return f
}

// listed asks the database alone: the list of users by team and below, of which
// one user only may be seen.
func (t *tower) listed(operator int) bool {
	o := t.durable
	out, err := o.store.ListUsers(context.Background(), usermgmt.UserQuery{Org: o.orgs[0], View: usermgmt.ViewAll, Limit: 1,
		TeamTree: o.teams[t.w.users[operator].teams[0]], Visible: &usermgmt.Filter{Org: o.orgs[0], Owners: o.users[towerMember : towerMember+1]}})
	if err != nil {
		o.tb.Fatal(err)
	}
	return len(out) == 1
}

// read reads the membership of the member and decides with the operator's actor,
// as proxy logins do after their verification.
func (t *tower) read(a usermgmt.Actor) bool {
	o := t.durable
	mem, err := o.store.MembershipOf(context.Background(), o.users[towerMember], o.orgs[0])
	if err != nil {
		o.tb.Fatal(err)
	}
	r := usermgmt.Record{Org: mem.Org, Owner: mem.User, OwnerUnits: mem.Units}
	for _, team := range mem.Teams {
		r.OwnerTeams = append(r.OwnerTeams, team.Team)
	}
	return a.Can(proxyLogin, r)
}

// BenchmarkScopeOnPostgres asks whether an operator may log in as a member of a
// team 19 below the one by which the operator may: OpenFGA on Postgres, without its
// caches, and only whether the operator is in the team or above it; usermgmt in memory, by identifiers; and usermgmt on Postgres as
//
//   - list: the database alone answers, by a list with a filter;
//   - membership: the member is read, the rest is in memory;
//   - verified: the same after the operator was verified anew, which reads whether
//     the rights in memory still hold;
//   - nothing-kept: the same by a process that knows nothing, which reads the
//     organization's roles and all its teams.
//
// Both answers are asserted of each before it is timed. Making 100,000 users and
// teams takes some minutes; -short leaves that out.
func BenchmarkScopeOnPostgres(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			t := towerOf(b, n)
			q := func(operator int) question {
				return question{user: operator, perm: t.w.perm(proxyLogin), team: treeDepth, seen: -1}
			}
			read := func(operator int) func() bool {
				return func() bool { return t.read(t.durable.actor(operator)) }
			}
			for _, way := range []struct {
				name   string
				ask    func(operator int) func() bool
				before func() // that is not timed
			}{
				{name: "openfga", ask: func(operator int) func() bool { return t.fga.ask(q(operator)) }},
				{name: "openfga-team-alone", ask: func(operator int) func() bool {
					return func() bool { return t.fga.check("team:"+teamName(treeDepth), "within", "user:"+userName(operator)) }
				}},
				{name: "usermgmt-memory", ask: func(operator int) func() bool { return t.memory.ask(q(operator)) }},
				{name: "usermgmt-list", ask: func(operator int) func() bool { return func() bool { return t.listed(operator) } }},
				{name: "usermgmt-membership", ask: read},
				{name: "usermgmt-verified", ask: func(operator int) func() bool {
					return func() bool { return t.read(t.durable.verified(operator)) }
				}},
				{name: "usermgmt-nothing-kept", ask: func(operator int) func() bool {
					return func() bool { return t.read(t.durable.verified(operator)) }
				}, before: t.durable.open},
			} {
				b.Run(way.name, func(b *testing.B) {
					for operator, want := range map[int]bool{towerOperator: true, towerStranger: false} {
						require.Equal(b, want, t.w.allows(q(operator)))
						require.Equal(b, want, way.ask(operator)())
					}
					ask := way.ask(towerOperator)
					b.ReportAllocs()
					for b.Loop() {
						if way.before != nil {
							b.StopTimer()
							way.before()
							b.StartTimer()
						}
						ask()
					}
				})
			}
		})
	}
}
