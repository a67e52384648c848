package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
// a part of 1,000 teams. Its members are the first users, at most 10,000, each in
// one or two teams.
type teamForest struct {
	org         usermgmt.OrgID
	root        usermgmt.TeamID
	part        usermgmt.TeamID
	from, to    usermgmt.TeamID // places of the part
	teams       []usermgmt.TeamID
	parent      []int
	memberships map[int][]int // of users, in teams
	people      int
}

func forestTeam(i int) usermgmt.TeamID { return bigID(aTeam, forestBase+i) }

// newForest makes the organization, or finds it in a database that was kept.
func (w *world) newForest(tb testing.TB) *teamForest {
	tb.Helper()
	ctx := context.Background()
	f := &teamForest{org: bigOrg(forestBase), parent: make([]int, forestTeams), memberships: map[int][]int{}, people: min(w.users, 10_000)}
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
	f.root, f.part, f.from, f.to = f.teams[0], f.teams[first], f.teams[1], f.teams[forestDepth+7]
	for u := 1; u <= f.people; u++ {
		for range 1 + u%2 {
			f.memberships[u] = append(f.memberships[u], r.IntN(forestTeams))
		}
	}
	if _, err := w.store.OrgByID(ctx, f.org); err == nil {
		return f
	}
	now := time.Now()
	tx, err := w.pool.Begin(ctx)
	require.NoError(tb, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `insert into usermgmt_orgs (org_id, name, name_key, description, enabled, provider, switch_roles, epoch, created_at, updated_at, version)
		values ($1, 'Forest', 'forest', '', true, false, false, 1, now(), now(), 1)`, [16]byte(f.org))
	require.NoError(tb, err)
	_, err = tx.Exec(ctx, `insert into usermgmt_stamps (org_id, policy, trees) values ($1, 1, 1)`, [16]byte(f.org))
	require.NoError(tb, err)
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
	_, err = tx.Exec(ctx, `insert into usermgmt_memberships (org_id, user_id, enabled, profile_id, licence, seat, rights, created_at, updated_at, version,
	name_key, username_key, email_key, user_created_at, owner_unit, kind, newsletter, home, deactivated, user_active)
	select $1, user_id, true, um_id(6, 1), 'platform', true, 1, now(), now(), 1, name_key, username_key, email_key, created_at, owner_unit,
	kind, newsletter, false, false, active from usermgmt_users where user_id between um_id(4, 1) and um_id(4, $2)`, [16]byte(f.org), f.people)
	require.NoError(tb, err)
	var in [][]any
	for u, teams := range f.memberships {
		for pos, t := range teams {
			in = append(in, []any{[16]byte(f.org), [16]byte(bigUser(u)), pos, [16]byte(f.teams[t])})
		}
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"usermgmt_membership_teams"}, []string{"org_id", "user_id", "pos", "team_id"}, pgx.CopyFromRows(in))
	require.NoError(tb, err)
	require.NoError(tb, tx.Commit(ctx))
	_, err = w.pool.Exec(ctx, "analyze usermgmt_teams, usermgmt_membership_teams")
	require.NoError(tb, err)
	return f
}

// scopeContests ask whether a user is in a team or below it. The store has no
// such call, since the rights of a process know the trees; what is asked is the
// condition that lists of users have for a tree of teams.
func (w *world) scopeContests(tb testing.TB) []contest {
	ctx := context.Background()
	f := w.newForest(tb)
	memberships := w.bare(tb, w.raw, "select team_id from usermgmt_membership_teams where org_id = $1::uuid and user_id = $2::uuid")
	join := w.bare(tb, w.raw, `select exists (select from usermgmt_membership_teams t
	join usermgmt_teams d on d.org_id = t.org_id and d.team_id = t.team_id
	join usermgmt_teams r on r.org_id = t.org_id and r.team_id = $3::uuid
	where t.org_id = $2::uuid and t.user_id = $1::uuid and d.path >= r.path and d.path < r.path || '\xffffffffffffffffffffffffffffffff'::bytea)`)
	text, _ := postgres.SQLInTeamTree(f.org, bigUser(1), f.root)
	user := func(i int) usermgmt.UserID { return bigUser(1 + i*7919%f.people) }
	team := func(i int) usermgmt.TeamID { return f.teams[i*104729%forestTeams] }
	// Half of the questions are about a team above one of the user's.
	about := func(i int) (u usermgmt.UserID, t usermgmt.TeamID, known bool) {
		u, t = user(i), team(i)
		if i%2 == 0 {
			at := f.memberships[1+i*7919%f.people][0]
			for range i % 10 {
				if f.parent[at] >= 0 {
					at = f.parent[at]
				}
			}
			return u, f.teams[at], true
		}
		return u, t, false
	}
	return []contest{{row: "5b", what: "user in a team or below, 100,000 teams", most: 2.0, worst: 150 * time.Microsecond, ways: []side{
		{"memberships only", func(i int) error { return rowsAre(memberships(bytesOf(f.org), bytesOf(user(i)))) }},
		{"condition of filter.go", func(i int) error {
			u, t, known := about(i)
			_, args := postgres.SQLInTeamTree(f.org, u, t)
			var is bool
			err := w.pool.QueryRow(ctx, text, args...).Scan(&is)
			if err == nil && known && !is {
				return errNothing
			}
			return err
		}},
		{"the same by a plain join, raw", func(i int) error {
			u, t, _ := about(i)
			return rowsAre(join(bytesOf(u), bytesOf(f.org), bytesOf(t)))
		}},
		{"ListUsers by TeamTree and owner", func(i int) error {
			u, t, known := about(i)
			out, err := w.store.ListUsers(ctx, usermgmt.UserQuery{Org: f.org, View: usermgmt.ViewAll, TeamTree: t, Limit: 1,
				Visible: &usermgmt.Filter{Org: f.org, Owners: []usermgmt.UserID{u}}})
			if err == nil && known && len(out) != 1 {
				return errNothing
			}
			return err
		}},
	}}}
}

// moveContests move a part of 1,000 teams to and fro by Teams.Update, and look
// when an actor of the same process knows.
func (w *world) moveContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	f := w.newForest(tb)
	sys := w.system(tb, f.org)
	who := usermgmt.ActorRequest{User: bigUser(21), Org: f.org}
	verify := func() time.Duration {
		at := time.Now()
		_, err := w.m.ActorFor(ctx, who)
		require.NoError(tb, err)
		return time.Since(at)
	}
	var moved, idle, after, read []time.Duration
	for range 7 {
		verify()
		idle = append(idle, verify())
		t, err := w.store.TeamByID(ctx, f.part)
		require.NoError(tb, err)
		to := f.to
		if t.Parent == to {
			to = f.from
		}
		at := time.Now()
		_, err = w.m.Teams().Update(ctx, sys, f.part, t.Version, usermgmt.TeamUpdate{Parent: &to})
		require.NoError(tb, err)
		moved = append(moved, time.Since(at))
		after = append(after, verify())
		at = time.Now()
		trees, err := w.store.Trees(ctx, f.org)
		require.NoError(tb, err)
		require.Len(tb, trees.Teams, forestTeams)
		read = append(read, time.Since(at))
	}
	m, a := median(moved), median(after)-median(idle)
	tab.line("5c", "move 1,000 of 100,000 teams by Teams.Update", "", show(m), "", "≤ 65 ms", verdictOf(m <= 65*time.Millisecond))
	tab.line("5c", "until the next actor of a process knows", show(median(read))+" Store.Trees alone", show(a),
		fmt.Sprintf("%.2f", float64(a)/float64(median(read))), "≤ 20 ms", verdictOf(a <= 20*time.Millisecond))
}
