package postgres_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// office is an organization on Postgres with a host's tables beside: notes that users
// own, with criteria, shelves of units and boards of teams, one for each.
type office struct {
	*usermgmttest.Env
	store *postgres.Store
	pool  *pgxpool.Pool
	users map[string]usermgmt.UserID
	units map[string]usermgmt.UnitID
	teams map[string]usermgmt.TeamID
}

func newOffice(t *testing.T) *office {
	t.Helper()
	store, pool := newStore(t, migrated(t), nil)
	actions := []string{"view"}
	o := &office{store: store, pool: pool, users: map[string]usermgmt.UserID{}, units: map[string]usermgmt.UnitID{}, teams: map[string]usermgmt.TeamID{},
		Env: usermgmttest.NewOn(t, store, &usermgmt.Config{Objects: []usermgmt.Object{
			{Name: "note", Ownership: usermgmt.OwnedByUser, Actions: actions, Fields: []string{"price"}, Visibility: usermgmt.VisibleByTeam},
			{Name: "shelf", Ownership: usermgmt.OwnedByUnit, Actions: actions},
			{Name: "board", Ownership: usermgmt.OwnedByTeam, Actions: actions},
		}})}
	for _, n := range [][2]string{{"a", ""}, {"a1", "a"}, {"a2", "a"}, {"b", ""}} {
		o.units[n[0]] = o.AddUnit(n[0], o.units[n[1]]).ID
	}
	o.teams[""] = o.RootTeam.ID
	for _, n := range [][2]string{{"x", ""}, {"x1", "x"}, {"x2", "x"}, {"y", ""}} {
		o.teams[n[0]] = o.AddTeam(n[0], o.teams[n[1]]).ID
	}
	for i, p := range [][2]string{{"a", "x"}, {"a1", "x1"}, {"a2", "x2"}, {"b", "y"}, {"a", "y"}} {
		name := fmt.Sprintf("user%d", i)
		o.users[name] = o.AddUser(name, func(n *usermgmt.NewUser) {
			n.Units, n.PrimaryTeam = []usermgmt.UnitID{o.units[p[0]]}, o.teams[p[1]]
			if i == 4 { // a team that is over
				n.Teams = append(n.Teams, usermgmt.TeamAssignment{Team: o.teams["y"]},
					usermgmt.TeamAssignment{Team: o.teams["x"], Until: o.Clock.Now().Add(time.Minute)})
			}
		}).ID
	}
	o.Clock.Advance(time.Minute)
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec("create table notes (org uuid, owner uuid, seen uuid[]); create table shelves (org uuid, unit uuid); create table boards (org uuid, team uuid)")
	other := o.AddOrg("other")
	for _, org := range []usermgmt.OrgID{o.Organization.ID, other.Organization.ID} {
		for _, u := range o.users {
			exec("insert into notes values ($1, $2, null), ($1, $2, $3), ($1, $2, '{}')", org, u, []usermgmt.TeamID{o.teams["x1"]})
		}
		for _, u := range o.units {
			exec("insert into shelves values ($1, $2)", org, u)
		}
		for _, x := range o.teams {
			exec("insert into boards values ($1, $2)", org, x)
		}
	}
	return o
}

// give gives every user a role of their own with the grants.
func (o *office) give(t *testing.T, grants ...usermgmt.Grant) {
	t.Helper()
	role, err := o.Roles().Create(t.Context(), o.Root(), usermgmt.NewRole{Org: o.Organization.ID, Name: fmt.Sprint(grants), Grants: grants})
	require.NoError(t, err)
	for _, u := range o.users {
		mem, err := o.Store.MembershipOf(t.Context(), u, o.Organization.ID)
		require.NoError(t, err)
		_, err = o.Members().Update(t.Context(), o.Root(), u, o.Organization.ID, mem.Version,
			usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: role.ID}}})
		require.NoError(t, err)
	}
}

// rows selects what the condition lets through, as text.
func (o *office) rows(t *testing.T, f usermgmt.Filter, table string, c postgres.Columns, columns string) (out []string) {
	t.Helper()
	condition, args, err := o.store.Where(f, c, 2)
	require.NoError(t, err)
	rows, err := o.pool.Query(t.Context(), "select "+columns+" from "+table+" n where $1::boolean and "+condition, append([]any{true}, args...)...)
	require.NoError(t, err)
	out, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(out)
	return append([]string(nil), out...)
}

var (
	ofNotes   = postgres.Columns{Org: "n.org", Owner: "n.owner", Criteria: `n."seen"`}
	ofShelves = postgres.Columns{Org: "n.org", Unit: "unit"}
	ofBoards  = postgres.Columns{Org: "org", Team: "n.team"}
)

func TestAHostsTableShowsWhatTheChecksAllow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err := o.Sharing().Create(t.Context(), o.Root(), usermgmt.NewSharing{Name: "s", Owning: o.teams["y"], Sharing: []usermgmt.TeamID{o.teams["x1"]},
		Model: usermgmt.SharingTwoWay, Permissions: []usermgmt.Permission{"note.view"}})
	require.NoError(t, err)
	var all []usermgmt.UserID
	for _, u := range o.users {
		all = append(all, u)
	}
	places, err := o.Access().Placements(t.Context(), o.Organization.ID, all...)
	require.NoError(t, err)
	scopes := []usermgmt.Scope{0, usermgmt.ScopeOwn, usermgmt.ScopeTeam, usermgmt.ScopeSubteams, usermgmt.ScopeHierarchy, usermgmt.ScopeUnit,
		usermgmt.ScopeDivision, usermgmt.ScopeDivision | usermgmt.ScopeHierarchy, usermgmt.ScopeOrganization, usermgmt.ScopeSystem}
	compared := 0
	for _, scope := range scopes {
		grants := []usermgmt.Grant{{Permission: "note.view", Scope: scope}, {Permission: "note.view:price", Scope: usermgmt.ScopeDivision},
			{Permission: "note.control_visibility", Scope: usermgmt.ScopeOwn}}
		for _, p := range []usermgmt.Permission{"shelf.view", "board.view"} {
			s := scope
			if p == "shelf.view" {
				s &= usermgmt.OwnedByUnit.Scopes()
			} else {
				s &= usermgmt.OwnedByTeam.Scopes() &^ usermgmt.ScopeShared
			}
			if s != 0 {
				grants = append(grants, usermgmt.Grant{Permission: p, Scope: s})
			}
		}
		o.give(t, grants...)
		for name, id := range o.users {
			a := o.As(id)
			for _, p := range []usermgmt.Permission{"note.view", "note.view:price"} {
				var want []string
				for _, org := range o.orgs(t) {
					for _, u := range all {
						r := places[u]
						r.Org = org
						for _, c := range []*usermgmt.Criteria{nil, {Teams: []usermgmt.TeamID{o.teams["x1"]}}, {}} {
							if r.Criteria = c; a.Can(p, r) {
								want = append(want, org.String()+u.String()+seen(c))
							}
						}
					}
				}
				slices.Sort(want)
				assert.Equal(t, want, o.rows(t, o.Access().Filter(a, p), "notes", ofNotes, "org::text || owner::text || coalesce(seen::text, '')"),
					"%s with %s: %s", name, scope, p)
				compared += len(want)
			}
			var shelves, boards []string
			for _, org := range o.orgs(t) {
				for _, u := range o.units {
					if a.Can("shelf.view", usermgmt.Record{Org: org, OwnerUnits: []usermgmt.UnitID{u}}) {
						shelves = append(shelves, org.String()+u.String())
					}
				}
				for _, x := range o.teams {
					if a.Can("board.view", usermgmt.Record{Org: org, OwnerTeams: []usermgmt.TeamID{x}}) {
						boards = append(boards, org.String()+x.String())
					}
				}
			}
			slices.Sort(shelves)
			slices.Sort(boards)
			assert.Equal(t, shelves, o.rows(t, o.Access().Filter(a, "shelf.view"), "shelves", ofShelves, "org::text || unit::text"), "%s with %s", name, scope)
			assert.Equal(t, boards, o.rows(t, o.Access().Filter(a, "board.view"), "boards", ofBoards, "org::text || team::text"), "%s with %s", name, scope)
		}
	}
	assert.Greater(t, compared, 400)
}

func seen(c *usermgmt.Criteria) string {
	switch {
	case c == nil:
		return ""
	case len(c.Teams) == 0:
		return "{}"
	}
	return "{" + c.Teams[0].String() + "}"
}

func (o *office) orgs(t *testing.T) []usermgmt.OrgID {
	t.Helper()
	list, err := o.Store.ListOrgs(t.Context(), usermgmt.ListQuery{Limit: 10})
	require.NoError(t, err)
	out := make([]usermgmt.OrgID, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}

func TestColumnsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	teams := usermgmt.Filter{Org: o.Organization.ID, Teams: []usermgmt.TeamID{o.teams["x"]}}
	units := usermgmt.Filter{Org: o.Organization.ID, Units: []usermgmt.UnitID{o.units["a"]}}
	criteria := usermgmt.Filter{Org: o.Organization.ID, All: true, Criteria: &usermgmt.Criteria{}, Control: &usermgmt.Filter{}}
	for name, try := range map[string]struct {
		f usermgmt.Filter
		c postgres.Columns
		n int
	}{
		"no owner":             {teams, postgres.Columns{Org: "org"}, 1},
		"two owners":           {teams, postgres.Columns{Org: "org", Owner: "a", Team: "b"}, 1},
		"no organization":      {teams, postgres.Columns{Owner: "a"}, 1},
		"something else":       {teams, postgres.Columns{Org: "org", Owner: "a; drop table users"}, 1},
		"a bad criteria":       {criteria, postgres.Columns{Org: "org", Owner: "a", Criteria: "c)"}, 1},
		"parameters from zero": {teams, ofNotes, 0},
		"teams of units":       {teams, ofShelves, 1},
		"units of teams":       {units, ofBoards, 1},
		"criteria unnamed":     {criteria, ofShelves, 1},
	} {
		condition, args, err := o.store.Where(try.f, try.c, try.n)
		assert.ErrorIs(t, err, usermgmt.ErrInvalid, name)
		assert.Empty(t, condition)
		assert.Empty(t, args)
	}
	condition, args, err := o.store.Where(usermgmt.Filter{}, ofNotes, 1)
	require.NoError(t, err)
	assert.Equal(t, "FALSE", condition)
	assert.Empty(t, args)
}

// A host's table of 200,000 rows or, with the plans, of five for each user, is never
// read from end to end for somebody's part of it.
func TestAHostsTableIsReadByItsIndexes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	users, each := 4000, 50
	dsn := ""
	if text := os.Getenv("USERMGMT_PLANS"); text != "" {
		users, each = envInt(t, "USERMGMT_PLANS", 0), 5
		dsn = bigDSN(ctx, t, users)
	} else {
		dsn = migrated(t)
		fillBig(ctx, t, dsn, users)
	}
	store, pool := newStore(t, dsn, nil)
	_, err := pool.Exec(ctx, fmt.Sprintf(`create table leads as select um_id(90, u * %d + k) as lead_id, um_id(1, 1) as org, um_id(4, u) as owner,
		um_id(2, 1 + u %% 1000) as unit, um_id(3, 1 + u %% 1000) as team, now() - make_interval(secs => (u * %[1]d + k) %% 1000000) as made
		from generate_series(1, %d) u, generate_series(1, %[1]d) k`, each, users))
	require.NoError(t, err)
	for _, c := range []string{"owner", "unit", "team"} {
		_, err := pool.Exec(ctx, "create index on leads (org, "+c+", made)")
		require.NoError(t, err)
	}
	_, err = pool.Exec(ctx, "create index on leads (org, made); analyze leads")
	require.NoError(t, err)
	org := usermgmt.OrgID(bigID(anOrg, 1))
	unit, team := usermgmt.UnitID(bigID(aUnit, 700)), usermgmt.TeamID(bigID(aTeam, 700))
	ofOwner := postgres.Columns{Org: "l.org", Owner: "l.owner"}
	for name, try := range map[string]struct {
		f usermgmt.Filter
		c postgres.Columns
	}{
		"own":            {usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{usermgmt.UserID(bigID(aUser, 77))}}, ofOwner},
		"a team":         {usermgmt.Filter{Org: org, Teams: []usermgmt.TeamID{team}, At: time.Now()}, ofOwner},
		"a branch":       {usermgmt.Filter{Org: org, Teams: []usermgmt.TeamID{team}, TeamTrees: []usermgmt.TeamID{usermgmt.TeamID(bigID(aTeam, 80))}, At: time.Now()}, ofOwner},
		"a unit":         {usermgmt.Filter{Org: org, Units: []usermgmt.UnitID{unit}}, ofOwner},
		"a division":     {usermgmt.Filter{Org: org, UnitTrees: []usermgmt.UnitID{usermgmt.UnitID(bigID(aUnit, 60))}}, ofOwner},
		"of a unit":      {usermgmt.Filter{Org: org, UnitTrees: []usermgmt.UnitID{unit}}, postgres.Columns{Org: "l.org", Unit: "l.unit"}},
		"of a team":      {usermgmt.Filter{Org: org, TeamTrees: []usermgmt.TeamID{usermgmt.TeamID(bigID(aTeam, 80))}}, postgres.Columns{Org: "l.org", Team: "l.team"}},
		"everything":     {usermgmt.Filter{Org: org, All: true}, ofOwner},
		"own and a team": {usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{usermgmt.UserID(bigID(aUser, 77))}, Teams: []usermgmt.TeamID{team}}, ofOwner},
	} {
		condition, args, err := store.Where(try.f, try.c, 1)
		require.NoError(t, err)
		sql := "select l.lead_id from leads l where " + condition + " order by l.made limit 50"
		began := time.Now()
		rows, err := pool.Query(ctx, sql, args...)
		require.NoError(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowTo[usermgmt.UserID])
		require.NoError(t, err)
		took := time.Since(began)
		rows, err = pool.Query(ctx, "explain (analyze, buffers) "+sql, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		plan := strings.Join(lines, "\n")
		t.Logf("%9.3f ms %3d  %s", took.Seconds()*1000, len(found), name)
		assert.NotRegexp(t, regexp.MustCompile(`Seq Scan on leads`), plan, name)
		assert.Regexp(t, regexp.MustCompile(`Index.* on leads`), plan, name)
	}
}
