package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
)

const (
	forestTeams = 100_000
	forestDepth = 20
	forestPart  = 1000 // teams in the part that moves
	forestBase  = 1 << 24
)

// teamForest is an organization with 100,000 teams, 20 deep, among which there is
// a part of 1,000 teams. Its members are all users, each in one or two teams; one
// of them, the operator, is in the team that the part moves to, with a role that
// reaches what is below.
type teamForest struct {
	org         usermgmt.OrgID
	part        usermgmt.TeamID
	from, to    usermgmt.TeamID // places of the part
	teams       []usermgmt.TeamID
	parent      []int
	memberships [][]int // of users from 1 on, in teams
}

const (
	forestTo       = forestDepth + 7 // the number of the team that the part moves to
	forestOperator = 21              // the number of a user
	forestKeeper   = 22              // of one who moves teams
)

// within reports whether the team is the other one or lies below it.
func (f *teamForest) within(team, other int) bool {
	for ; team >= 0; team = f.parent[team] {
		if team == other {
			return true
		}
	}
	return false
}

// member reports whether the user is in the team or below it.
func (f *teamForest) member(user, team int) bool {
	return slices.ContainsFunc(f.memberships[user], func(t int) bool { return f.within(t, team) })
}

func forestTeam(i int) usermgmt.TeamID { return bigID(aTeam, forestBase+i) }

// newForest makes the organization, or finds it in a database that was kept.
func (w *world) newForest(tb testing.TB) *teamForest {
	tb.Helper()
	ctx := context.Background()
	f := &teamForest{org: bigOrg(forestBase), parent: make([]int, forestTeams), memberships: make([][]int, w.users+1)}
	r := rand.New(rand.NewPCG(1, 2))
	paths := make([][]byte, forestTeams)
	first := forestTeams - forestPart
	depth := make([]int, forestTeams)
	for i := range forestTeams {
		f.teams = append(f.teams, forestTeam(i))
		p := i - 1
		switch {
		case i == 0:
			p = -1
		case i == first:
			p = 1
		case i > first:
			p = first + r.IntN(i-first)
		case i > forestDepth:
			for p = r.IntN(i); depth[p] >= forestDepth; p = r.IntN(i) {
			}
		}
		f.parent[i] = p
		if p >= 0 {
			depth[i] = depth[p] + 1
			paths[i] = append(paths[i], paths[p]...)
		}
		paths[i] = append(paths[i], bytesOf(f.teams[i])...)
	}
	f.part, f.from, f.to = f.teams[first], f.teams[1], f.teams[forestTo]
	for u := 1; u <= w.users; u++ {
		for range 1 + u%2 {
			if t := r.IntN(forestTeams); !slices.Contains(f.memberships[u], t) {
				f.memberships[u] = append(f.memberships[u], t)
			}
		}
	}
	f.memberships[forestOperator] = []int{forestTo}
	if part, err := w.store.TeamByID(ctx, f.part); err == nil {
		f.parent[first] = slices.Index(f.teams, part.Parent)
		return f
	}
	now := time.Now()
	require.NoError(tb, w.store.SaveOrg(ctx, usermgmt.Organization{ID: f.org, Name: "Forest", NameKey: "forest", Enabled: true, CreatedAt: now, UpdatedAt: now}))
	tx, err := w.pool.Begin(ctx)
	require.NoError(tb, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"usermgmt_teams"},
		[]string{"org_id", "team_id", "parent_id", "path", "name", "name_key", "description", "created_at", "updated_at", "version"},
		pgx.CopyFromSlice(forestTeams, func(i int) ([]any, error) {
			var parent any
			if i > 0 {
				parent = [16]byte(f.teams[f.parent[i]])
			}
			name := fmt.Sprint("team ", i)
			return []any{[16]byte(f.org), [16]byte(f.teams[i]), parent, paths[i], name, name, "", now, now, int64(1)}, nil
		}))
	require.NoError(tb, err)
	_, err = tx.Exec(ctx, "create temp table um_in (user_id uuid, pos integer, team_id uuid) on commit drop")
	require.NoError(tb, err)
	u, pos := 1, -1
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"um_in"}, []string{"user_id", "pos", "team_id"}, pgx.CopyFromFunc(func() ([]any, error) {
		if pos++; pos == len(f.memberships[u]) {
			u, pos = u+1, 0
		}
		if u > w.users {
			return nil, nil
		}
		return []any{[16]byte(bigUser(u)), pos, [16]byte(f.teams[f.memberships[u][pos]])}, nil
	}))
	require.NoError(tb, err)
	_, err = tx.Exec(ctx, `insert into usermgmt_memberships (org_id, user_id, enabled, profile_id, teams, primary_team, licence, seat, rights,
	created_at, updated_at, version, name_key, username_key, email_key, user_created_at, owner_unit, kind, newsletter, home, deactivated, user_active)
	select $1, u.user_id, true, um_id(6, 1), i.teams, (i.teams -> 0 ->> 0)::uuid, 'platform', true, 1, now(), now(), 1, u.name_key, u.username_key,
		u.email_key, u.created_at, u.owner_unit, u.kind, u.newsletter, false, false, u.active
	from (select user_id, jsonb_agg(jsonb_build_array(team_id) order by pos) as teams from um_in group by user_id) i
	join usermgmt_users u using (user_id)`, [16]byte(f.org))
	require.NoError(tb, err)
	_, err = tx.Exec(ctx, `insert into usermgmt_membership_teams (org_id, user_id, pos, team_id)
	select $1, user_id, pos, team_id from um_in join usermgmt_users using (user_id)`, [16]byte(f.org))
	require.NoError(tb, err)
	require.NoError(tb, tx.Commit(ctx))
	for i, r := range []struct {
		name   string
		n      int
		grants []usermgmt.Grant
	}{
		{name: "operator", n: forestOperator, grants: []usermgmt.Grant{{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeHierarchy}}},
		{name: "keeper", n: forestKeeper, grants: []usermgmt.Grant{{Permission: "team.*", Scope: usermgmt.ScopeOrganization}}},
	} {
		role := usermgmt.Role{ID: bigID(aRole, forestBase+i), Org: f.org, Name: r.name, NameKey: r.name, Grants: r.grants}
		require.NoError(tb, w.store.SaveRole(ctx, role))
		mem, err := w.store.MembershipOf(ctx, bigUser(r.n), f.org)
		require.NoError(tb, err)
		mem.Roles = []usermgmt.RoleAssignment{{Role: role.ID}}
		require.NoError(tb, w.store.SaveMembership(ctx, mem))
	}
	_, err = w.pool.Exec(ctx, "analyze usermgmt_teams, usermgmt_memberships, usermgmt_membership_teams")
	require.NoError(tb, err)
	return f
}

// scopeQuestion asks whether a user is in a team or below it.
type scopeQuestion struct {
	user, team int
	want       bool
}

// questions are questions of which half are about a team above one of the user's
// and, where the team is given, of which half are about somebody below it.
func (f *teamForest) questions(team int) []scopeQuestion {
	out := make([]scopeQuestion, 2048)
	for i := range out {
		q := scopeQuestion{user: 1 + i*7919%(len(f.memberships)-1), team: team}
		switch {
		case team >= 0:
			for i%2 == 0 && !f.member(q.user, team) {
				q.user = 1 + q.user%(len(f.memberships)-1)
			}
		case i%2 == 0:
			q.team = f.memberships[q.user][0]
			for range i / 2 % 10 {
				if f.parent[q.team] >= 0 {
					q.team = f.parent[q.team]
				}
			}
		default:
			q.team = i * 104729 % forestTeams
		}
		q.want = f.member(q.user, q.team)
		out[i] = q
	}
	return out
}

// asked makes a way of a way to answer, which fails for an answer that is wrong.
func asked(name string, qs []scopeQuestion, answer func(u usermgmt.UserID, t int) (bool, error)) side {
	return side{name, func(i int) error {
		q := &qs[i%len(qs)]
		is, err := answer(bigUser(q.user), q.team)
		if err == nil && is != q.want {
			err = fmt.Errorf("user %d in team %d or below: %t", q.user, q.team, is)
		}
		return err
	}}
}

// scopeWays are the ways in which the library answers. The store has no call for
// it: the rights of a process know the trees, so that it reads the memberships of
// the user and looks where their teams are. Where the database is to answer alone,
// it is asked for a list, of the members of a team and those below it, of whom one
// may be seen, or for a row of a host's with the condition of the actor's filter.
//
// The rights of whoever asks are as fresh as their actor. With a verification they
// are those of this moment, which reads their stamps; a process that has not seen
// the organization reads all of its trees.
func (f *teamForest) scopeWays(tb testing.TB, pool *pgxpool.Pool, s *postgres.Store, open func() *usermgmt.Manager) []side {
	ctx := context.Background()
	m := open()
	actor := func(m *usermgmt.Manager) (usermgmt.Actor, error) {
		return m.ActorFor(ctx, usermgmt.ActorRequest{User: bigUser(forestOperator), Org: f.org})
	}
	can := func(a usermgmt.Actor, u usermgmt.UserID) (bool, error) {
		mem, err := s.MembershipOf(ctx, u, f.org)
		if err != nil {
			return false, err
		}
		r := usermgmt.Record{Org: f.org}
		for _, t := range mem.Teams {
			r.OwnerTeams = append(r.OwnerTeams, t.Team)
		}
		return a.Can(usermgmt.PermUserView, r), nil
	}
	a, err := actor(m)
	require.NoError(tb, err)
	verified := func(open func() *usermgmt.Manager) func(u usermgmt.UserID, _ int) (bool, error) {
		return func(u usermgmt.UserID, _ int) (bool, error) {
			a, err := actor(open())
			if err != nil {
				return false, err
			}
			return can(a, u)
		}
	}
	below, all := f.questions(forestTo), f.questions(-1)
	where, args, err := s.Where(m.Access().Filter(a, usermgmt.PermUserView), postgres.Columns{Org: "h.org_id", Owner: "h.user_id"}, 3)
	require.NoError(tb, err)
	return []side{
		asked("MembershipOf, Actor.Can", below, func(u usermgmt.UserID, _ int) (bool, error) { return can(a, u) }),
		asked("ListUsers by team, those below it and owner", all, func(u usermgmt.UserID, t int) (bool, error) {
			out, err := s.ListUsers(ctx, usermgmt.UserQuery{Org: f.org, View: usermgmt.ViewAll, TeamTree: f.teams[t], Limit: 1,
				Visible: &usermgmt.Filter{Org: f.org, Owners: []usermgmt.UserID{u}}})
			return len(out) == 1, err
		}),
		asked("one row by Store.Where of the actor's filter", below, func(u usermgmt.UserID, _ int) (is bool, err error) {
			err = pool.QueryRow(ctx, "select exists (select from usermgmt_memberships h where h.org_id = $1 and h.user_id = $2 and "+where+")",
				append([]any{[16]byte(f.org), [16]byte(u)}, args...)...).Scan(&is)
			return is, err
		}),
		asked("ActorFor, MembershipOf, Actor.Can", below, verified(func() *usermgmt.Manager { return m })),
		asked("same by a process that knows nothing", below, verified(open)),
	}
}

// scopeContests ask whether a user is in a team or below it, beside the query of
// the memberships of the user alone. All of it is asked on one connection: how soon
// an idle one wakes up is more than what the statements differ by.
func (w *world) scopeContests(tb testing.TB) []contest {
	ctx := context.Background()
	f := w.newForest(tb)
	pool := newPool(outliving{tb}, w.dsn, func(c *pgxpool.Config) { c.MaxConns = 1 })
	s, err := postgres.New(pool, nil)
	require.NoError(tb, err)
	bare := func(sql string) func(params ...[]byte) (int, error) {
		c, err := pool.Acquire(ctx)
		require.NoError(tb, err)
		defer c.Release()
		query := w.bare(tb, c.Conn().PgConn(), sql)
		return func(params ...[]byte) (int, error) {
			c, err := pool.Acquire(ctx)
			if err != nil {
				return 0, err
			}
			defer c.Release()
			return query(params...)
		}
	}
	memberships := bare("select team_id from usermgmt_membership_teams where org_id = $1::uuid and user_id = $2::uuid")
	join := bare(`select from usermgmt_membership_teams t
	join usermgmt_teams d on d.org_id = t.org_id and d.team_id = t.team_id
	join usermgmt_teams r on r.org_id = t.org_id and r.team_id = $3::uuid
	where t.org_id = $2::uuid and t.user_id = $1::uuid and d.path >= r.path and d.path < r.path || '\xffffffffffffffffffffffffffffffff'::bytea limit 1`)
	qs := f.questions(-1)
	text, _ := postgres.SQLInTeamTree(f.org, bigUser(1), f.teams[0])
	ways := f.scopeWays(tb, pool, s, func() *usermgmt.Manager { return w.manager(tb, s, cheapHash) })
	floor := side{"memberships only", func(i int) error {
		return rowsAre(memberships(bytesOf(f.org), bytesOf(bigUser(qs[i%len(qs)].user))))
	}}
	const what = "user in a team or below, 100,000 teams"
	return []contest{
		{row: "5b", what: what, most: 2.0, worst: 150 * time.Microsecond, ways: []side{floor, ways[0]}},
		{row: "5b", what: what, ways: append(append([]side{floor}, ways[1:4]...),
			asked("condition of the list, raw", qs, func(u usermgmt.UserID, t int) (bool, error) {
				_, args := postgres.SQLInTeamTree(f.org, u, f.teams[t])
				var is bool
				err := pool.QueryRow(ctx, text, args...).Scan(&is)
				return is, err
			}),
			asked("the same by a plain join, raw", qs, func(u usermgmt.UserID, t int) (bool, error) {
				n, err := join(bytesOf(u), bytesOf(f.org), bytesOf(f.teams[t]))
				return n > 0, err
			}))},
		{row: "5b", what: what, rounds: 5, each: 2, ways: []side{floor, ways[4]}},
	}
}

// scopeTrips counts the round trips of the ways of the library.
func (w *world) scopeTrips(tb testing.TB, tab *table) {
	const times = 64
	f := w.newForest(tb)
	var m meter
	pool, s := meteredPool(tb, w.dsn, &m)
	ways := f.scopeWays(tb, pool, s, func() *usermgmt.Manager { return w.manager(tb, s, cheapHash) })
	for _, way := range ways {
		for i := range 8 {
			require.NoError(tb, way.do(i), way.name)
		}
		m.trips.Store(0)
		for i := range times {
			require.NoError(tb, way.do(i), way.name)
		}
		tab.line("5b", "round trips, "+way.name, "", fmt.Sprintf("%.2f", float64(m.trips.Load())/times), "", "1", "")
	}
}

// moveContests move a part of 1,000 teams to and fro by Teams.Update, and look
// when the next verification and check see it: in the process that moved them, and
// in another one. Both must see it at once. What either costs where nothing was
// moved is taken off.
func (w *world) moveContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	f := w.newForest(tb)
	_, _, other := w.process(tb)
	records := [2]usermgmt.Record{}
	for i, t := range []usermgmt.TeamID{f.teams[forestTeams-1], f.to} { // moved, and not
		records[i] = usermgmt.Record{Org: f.org, OwnerTeams: []usermgmt.TeamID{t}}
	}
	sees := func(m *usermgmt.Manager, reached bool) time.Duration {
		at := time.Now()
		a, err := m.ActorFor(ctx, usermgmt.ActorRequest{User: bigUser(forestOperator), Org: f.org})
		require.NoError(tb, err)
		can := a.Can(usermgmt.PermUserView, records[0])
		took := time.Since(at)
		require.Equal(tb, reached, can)
		require.True(tb, a.Can(usermgmt.PermUserView, records[1]))
		return took
	}
	var moved, read []time.Duration
	var idle, after [2][]time.Duration
	for range 9 {
		t, err := w.store.TeamByID(ctx, f.part)
		require.NoError(tb, err)
		to, reached := f.to, true
		if t.Parent == to {
			to, reached = f.from, false
		}
		for i, m := range []*usermgmt.Manager{w.m, other} {
			sees(m, !reached)
			idle[i] = append(idle[i], sees(m, !reached))
		}
		keeper, err := w.m.ActorFor(ctx, usermgmt.ActorRequest{User: bigUser(forestKeeper), Org: f.org})
		require.NoError(tb, err)
		at := time.Now()
		_, err = w.m.Teams().Update(ctx, keeper, f.part, t.Version, usermgmt.TeamUpdate{Parent: &to})
		require.NoError(tb, err)
		moved = append(moved, time.Since(at))
		for i, m := range []*usermgmt.Manager{w.m, other} {
			after[i] = append(after[i], sees(m, reached))
		}
		at = time.Now()
		trees, err := w.store.Trees(ctx, f.org)
		require.NoError(tb, err)
		require.Len(tb, trees.Teams, forestTeams)
		read = append(read, time.Since(at))
	}
	took := median(moved)
	tab.line("5c", "move 1,000 of 100,000 teams by Teams.Update, until it returns", "", show(took), "", "≤ 65 ms", verdictOf(took <= 65*time.Millisecond))
	for i, where := range []string{"in the same process", "in another process"} {
		took := median(after[i]) - median(idle[i])
		tab.line("5c", "same, from then on until the next check sees it "+where, show(median(read))+" Store.Trees alone", show(took),
			fmt.Sprintf("%.2f", float64(took)/float64(median(read))), "≤ 20 ms", verdictOf(took <= 20*time.Millisecond))
	}
}
