package postgres_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// crowd is data that is in two stores.
type crowd struct {
	t        *testing.T
	r        *rand.Rand
	stores   []usermgmt.Store
	n        uint64
	orgs     []usermgmt.OrgID
	units    [][]usermgmt.UnitID
	teams    [][]usermgmt.TeamID
	profiles []usermgmt.ProfileID
	roles    []usermgmt.RoleID
	users    []usermgmt.User
	now      time.Time
}

func (c *crowd) save(do func(ctx context.Context, s usermgmt.Store) error) {
	c.t.Helper()
	for _, s := range c.stores {
		require.NoError(c.t, do(c.t.Context(), s))
	}
}

// nextID returns identifiers in no order.
func nextID[E any](c *crowd) (out usermgmt.ID[E]) {
	c.n++
	binary.BigEndian.PutUint64(out[:], c.r.Uint64())
	binary.BigEndian.PutUint64(out[8:], c.n)
	return out
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func newCrowd(t *testing.T, stores ...usermgmt.Store) *crowd {
	t.Helper()
	c := &crowd{t: t, r: rand.New(rand.NewPCG(7, 9)), stores: stores, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	for i := range 2 {
		o := usermgmt.Organization{ID: nextID[usermgmt.Organization](c), Name: fmt.Sprint(i), NameKey: fmt.Sprint(i)}
		c.save(func(ctx context.Context, s usermgmt.Store) error { return s.SaveOrg(ctx, o) })
		c.orgs = append(c.orgs, o.ID)
		c.trees(o.ID)
		c.profiles = append(c.profiles, nextID[usermgmt.AccessProfile](c))
		c.roles = append(c.roles, nextID[usermgmt.Role](c))
		c.save(func(ctx context.Context, s usermgmt.Store) error {
			if err := s.SaveProfile(ctx, usermgmt.AccessProfile{ID: c.profiles[i], NameKey: fmt.Sprint(i)}); err != nil {
				return err
			}
			return s.SaveRole(ctx, usermgmt.Role{ID: c.roles[i], NameKey: fmt.Sprint(i)})
		})
	}
	for i := range 160 {
		c.person(i)
	}
	return c
}

// trees makes units and teams of an organization.
func (c *crowd) trees(org usermgmt.OrgID) {
	c.t.Helper()
	units, teams := []usermgmt.UnitID{{}}, []usermgmt.TeamID{{}}
	for i := range 14 {
		u := usermgmt.BusinessUnit{ID: nextID[usermgmt.BusinessUnit](c), Org: org, Parent: pick(c.r, units), NameKey: fmt.Sprint(i)}
		tm := usermgmt.Team{ID: nextID[usermgmt.Team](c), Org: org, Parent: pick(c.r, teams), NameKey: fmt.Sprint(i)}
		if i == 0 {
			teams = teams[:0]
		}
		c.save(func(ctx context.Context, s usermgmt.Store) error {
			if err := s.SaveUnit(ctx, u); err != nil {
				return err
			}
			return s.SaveTeam(ctx, tm)
		})
		units, teams = append(units, u.ID), append(teams, tm.ID)
	}
	c.units, c.teams = append(c.units, units[1:]), append(c.teams, teams)
}

var crowdNames = []string{"anna", "ann", "anna-maria", "bob", "zoé", "o'neil", "50%", "a_b", "élan", "", "mariann"}

func (c *crowd) person(i int) {
	c.t.Helper()
	home := c.r.IntN(2)
	first, last := pick(c.r, crowdNames), pick(c.r, crowdNames)
	u := usermgmt.User{
		ID: nextID[usermgmt.User](c), Kind: usermgmt.KindPerson, Org: c.orgs[home], OwnerUnit: pick(c.r, c.units[home]),
		UsernameKey: fmt.Sprintf("u%03d", c.r.IntN(1000)*1000+i), NameKey: last + ", " + first,
		SearchKey: first + " " + last + "\n" + last + " " + first + fmt.Sprintf("\nu%03d", i),
		Enabled:   c.r.IntN(4) > 0, Newsletter: c.r.IntN(3) == 0, CreatedAt: c.now.Add(time.Duration(c.r.IntN(40)) * time.Second),
	}
	if c.r.IntN(3) > 0 {
		u.EmailKey = fmt.Sprintf("%s@%d.test", first, i)
	}
	if c.r.IntN(8) == 0 {
		u.Kind = usermgmt.KindShared
	}
	if c.r.IntN(10) == 0 {
		u.DeactivatedAt = c.now
	}
	locked := []time.Time{{}, {}, {}, c.now, c.now.Add(time.Microsecond), usermgmt.Forever}[c.r.IntN(6)]
	reset := c.r.IntN(8) == 0
	c.save(func(ctx context.Context, s usermgmt.Store) error {
		if err := s.SaveUser(ctx, u); err != nil {
			return err
		}
		if reset {
			cred := usermgmt.Credential{User: u.ID, Status: usermgmt.StatusPasswordReset, Epoch: 2, Version: 1}
			if err := s.SaveCredential(ctx, cred); err != nil {
				return err
			}
		}
		return s.ClearAttempts(ctx, u.ID, locked)
	})
	u.Version = 1
	c.users = append(c.users, u)
	for o := range c.orgs {
		if o != home && c.r.IntN(3) > 0 || c.r.IntN(10) == 0 {
			continue
		}
		m := usermgmt.Membership{User: u.ID, Org: c.orgs[o], Enabled: c.r.IntN(5) > 0, Profile: pick(c.r, c.profiles)}
		for range c.r.IntN(3) {
			a := usermgmt.TeamAssignment{Team: pick(c.r, c.teams[o])}
			if c.r.IntN(3) == 0 {
				a.From = c.now.Add(time.Duration(c.r.IntN(3)-1) * time.Hour)
				a.Until = a.From.Add(time.Hour)
			}
			m.Teams = append(m.Teams, a)
		}
		for range c.r.IntN(3) {
			m.Roles = append(m.Roles, usermgmt.RoleAssignment{Role: pick(c.r, c.roles)})
			m.Units = append(m.Units, pick(c.r, c.units[o]))
		}
		c.save(func(ctx context.Context, s usermgmt.Store) error { return s.SaveMembership(ctx, m) })
	}
}

// some returns up to three of the list, rarely more than none.
func some[T any](r *rand.Rand, from []T) (out []T) {
	for range max(0, r.IntN(6)-2) {
		out = append(out, pick(r, from))
	}
	return out
}

func (c *crowd) filter() *usermgmt.Filter {
	o := c.r.IntN(2)
	f := &usermgmt.Filter{Org: c.orgs[o], All: c.r.IntN(9) == 0, System: c.r.IntN(20) == 0}
	for range c.r.IntN(9) {
		f.Owners = append(f.Owners, pick(c.r, c.users).ID)
	}
	if c.r.IntN(2) == 0 {
		f.Owners = nil
	}
	f.Units, f.UnitTrees = some(c.r, c.units[o]), some(c.r, c.units[o])
	f.Teams, f.TeamTrees = some(c.r, c.teams[o]), some(c.r, c.teams[o])
	if c.r.IntN(2) == 0 {
		f.At = c.now.Add(time.Duration(c.r.IntN(3)) * 30 * time.Minute)
	}
	return f
}

// query makes a query with few conditions.
func (c *crowd) query() usermgmt.UserQuery {
	o := c.r.IntN(2)
	q := usermgmt.UserQuery{
		Org: c.orgs[o], Sort: usermgmt.UserSort(c.r.IntN(4)), Desc: c.r.IntN(2) == 0, View: usermgmt.View(c.r.IntN(5)), Now: c.now,
	}
	if c.r.IntN(4) == 0 {
		q.Org = usermgmt.OrgID{}
	}
	if c.r.IntN(2) == 0 {
		q.Visible = c.filter()
	}
	for range c.r.IntN(3) {
		switch c.r.IntN(11) {
		case 0:
			q.Home = true
		case 1:
			q.Profile = pick(c.r, c.profiles)
		case 2:
			q.Role = pick(c.r, c.roles)
		case 3:
			q.Team = pick(c.r, c.teams[o])
		case 4:
			q.TeamTree = pick(c.r, c.teams[o])
		case 5:
			q.Unit = pick(c.r, c.units[o])
		case 6:
			q.UnitTree = pick(c.r, c.units[c.r.IntN(2)])
		case 7:
			q.Kind = usermgmt.UserKind(c.r.IntN(2) + 1)
		case 8:
			yes := c.r.IntN(2) == 0
			q.Newsletter = &yes
		default:
			q.Search = pick(c.r, []string{
				"anna", "ann", "an", "a", "é", "0%", "50%", "_b", "a_b", "nna m", "\nann", "n\nu", "ann\n", "bob\nu", "oé\nu0", "u07", "7", "zzz",
				"a\x00b", "\xff", strings.Repeat("x", 5000), "anna-maria bob",
			})
		}
	}
	return q
}

// pages reads the list in pages.
func pages(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) (out []usermgmt.UserID, err error) {
	for {
		users, err := s.ListUsers(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			out = append(out, u.ID)
			q.After = usermgmt.Position{ID: u.ID}
			switch q.Sort {
			case usermgmt.SortName:
				q.After.Key = u.NameKey
			case usermgmt.SortUsername:
				q.After.Key = u.UsernameKey
			case usermgmt.SortEmail:
				q.After.Key = u.EmailKey
			case usermgmt.SortCreated:
				q.After.Key = u.CreatedAt.Format("2006-01-02T15:04:05.000000Z")
			}
		}
		if len(users) < q.Limit {
			return out, nil
		}
	}
}

// TestListsAreThoseOfMemory asks both stores the same. It is not parallel,
// because it changes bounds that are for all.
func TestListsAreThoseOfMemory(t *testing.T) { //nolint:paralleltest
	pg := poolStore(t, nil)
	c := newCrowd(t, memory.New(), pg)
	for _, stages := range [][][2]int{{{1000, 1}}, {{1, 1}, {1000, 0}}, {{7, 2}, {5, 0}, {3, 3}, {30, 0}}, {{0, 0}, {9, 2}, {20, 0}}} {
		t.Run(fmt.Sprint(stages), func(t *testing.T) {
			postgres.ShortWalks(t, stages)
			found := 0
			for range 150 {
				q := c.query()
				q.Limit = 1 + c.r.IntN(40)
				var want []usermgmt.UserID
				for i, s := range c.stores {
					ids, err := pages(t.Context(), s, q)
					require.NoError(t, err, "%+v", q)
					if i == 0 {
						want = ids
					}
					require.Equal(t, want, ids, "%+v %+v", q, q.Visible)
					if q.Org.IsZero() {
						continue
					}
					ids = nil
					for m, err := range s.StreamMembers(t.Context(), q) {
						require.NoError(t, err)
						require.Equal(t, q.Org, m.Membership.Org)
						require.Equal(t, m.User.ID, m.Membership.User)
						ids = append(ids, m.User.ID)
					}
					require.Equal(t, want, ids, "stream of %+v %+v", q, q.Visible)
				}
				found += len(want)
			}
			require.Greater(t, found, 700)
		})
	}
}

func TestPositionsBetweenRows(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, memory.New(), poolStore(t, nil))
	for _, key := range []string{"", "a", "ann, ann", "ann, ann\x00", "ann\x00x", "\x00", "zzz", "\U0010FFFF", "'; drop table x; --"} {
		for _, id := range [][16]byte{{}, {0x80}, {15: 1}} {
			for sort := range usermgmt.SortCreated {
				q := usermgmt.UserQuery{Sort: sort, After: usermgmt.Position{Key: key, ID: id}, Limit: 500, Desc: c.r.IntN(2) == 0}
				want, err := c.stores[0].ListUsers(t.Context(), q)
				require.NoError(t, err)
				is, err := c.stores[1].ListUsers(t.Context(), q)
				require.NoError(t, err)
				same := slices.EqualFunc(want, is, func(a, b usermgmt.User) bool { return a.ID == b.ID })
				require.True(t, same, "%+v: %d rows, want %d", q, len(is), len(want))
			}
		}
	}
	for _, s := range c.stores {
		_, err := s.ListUsers(t.Context(), usermgmt.UserQuery{
			Sort: usermgmt.SortCreated, After: usermgmt.Position{Key: "yesterday"}, Limit: 1,
		})
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
		_, err = s.ListUsers(t.Context(), usermgmt.UserQuery{Sort: 9, Limit: 1})
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
}

// FuzzGrams: what a search finds has the grams that it asks for.
func FuzzGrams(f *testing.F) {
	f.Add("anna maria\nmaria anna\nanna", "na mar")
	f.Add("é\nzoé", "\nzo")
	f.Add("ab\n\nc", "b\n\nc")
	f.Fuzz(func(t *testing.T, key, term string) {
		found := strings.Contains(key, term)
		if n := len([]rune(term)); n > 0 && n < 3 {
			found = strings.Contains("\n"+key, "\n"+term) && !strings.Contains(term, "\n")
		}
		if !found || term == "" || strings.ToValidUTF8(key+term, "") != key+term {
			return
		}
		grams := postgres.GramsOfKey(key)
		require.True(t, slices.IsSorted(grams))
		for _, g := range postgres.GramsOfTerm(term) {
			require.Contains(t, grams, g, "%q in %q", term, key)
		}
	})
}

// TestCopiesFollowTheUser: a user changes while becoming a member.
func TestCopiesFollowTheUser(t *testing.T) {
	t.Parallel()
	pool := newPool(t, migrated(t), nil)
	s, err := postgres.New(pool, nil)
	require.NoError(t, err)
	c := newCrowd(t, s)
	for i := range 40 {
		u := c.users[i]
		m := usermgmt.Membership{User: u.ID, Org: c.orgs[i%2], Profile: c.profiles[0]}
		_ = s.DeleteMembership(t.Context(), u.ID, m.Org, c.now) // if there is one
		u.NameKey, u.OwnerUnit, u.Org, u.Enabled = fmt.Sprint("new", i), c.units[1][0], c.orgs[1], !u.Enabled
		errs := make(chan error, 2)
		go func() { errs <- s.SaveUser(t.Context(), u) }()
		go func() { errs <- s.SaveMembership(t.Context(), m) }()
		require.NoError(t, <-errs)
		require.NoError(t, <-errs)
	}
	var members, wrong int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*), count(*) filter (where (m.name_key, m.username_key, m.email_key,
		m.user_created_at, m.owner_unit, m.kind, m.newsletter, m.home, m.deactivated, m.user_active) is distinct from (u.name_key, u.username_key,
		u.email_key, u.created_at, u.owner_unit, u.kind, u.newsletter, u.org_id = m.org_id, u.deactivated_at is not null, u.active))
		from usermgmt_memberships m join usermgmt_users u using (user_id)`).Scan(&members, &wrong))
	require.Greater(t, members, 40)
	require.Zero(t, wrong)
}

// TestChildTablesFollow: what references and look-ups are about is what a
// membership says.
func TestChildTablesFollow(t *testing.T) {
	t.Parallel()
	pool := newPool(t, migrated(t), nil)
	s, err := postgres.New(pool, nil)
	require.NoError(t, err)
	c := newCrowd(t, s)
	for i := range 60 {
		u := pick(c.r, c.users[:6])
		m, err := s.MembershipOf(t.Context(), u.ID, c.orgs[i%2])
		if err != nil {
			m = usermgmt.Membership{User: u.ID, Org: c.orgs[i%2], Profile: c.profiles[0]}
		}
		switch c.r.IntN(5) {
		case 0:
			m.Roles = nil
		case 1:
			m.Roles = append(m.Roles, usermgmt.RoleAssignment{Role: pick(c.r, c.roles), Until: c.now.Add(time.Duration(i) * time.Microsecond)})
		case 2:
			m.Teams = []usermgmt.TeamAssignment{{Team: pick(c.r, c.teams[i%2]), From: c.now}, {Team: pick(c.r, c.teams[i%2])}}
		case 3:
			m.Units = append(m.Units, pick(c.r, c.units[i%2]))
		}
		require.NoError(t, s.SaveMembership(t.Context(), m))
	}
	for what, sql := range map[string]string{
		"roles": `select count(*) from usermgmt_memberships m where (select jsonb_agg(x -> 0) from jsonb_array_elements(m.roles) x)
			is distinct from (select jsonb_agg(r.role_id order by r.pos)
			from usermgmt_membership_roles r where r.org_id = m.org_id and r.user_id = m.user_id)`,
		"teams": `select count(*) from usermgmt_memberships m where (select jsonb_agg(array[x ->> 0, (x ->> 1)::timestamptz::text,
			(x ->> 2)::timestamptz::text]) from jsonb_array_elements(m.teams) x) is distinct from (select
			jsonb_agg(array[t.team_id::text, t.from_at::text, t.until_at::text] order by t.pos)
			from usermgmt_membership_teams t where t.org_id = m.org_id and t.user_id = m.user_id)`,
		"units": `select count(*) from usermgmt_memberships m where (select jsonb_agg(x -> 0) from jsonb_array_elements(m.units) x)
			is distinct from (select jsonb_agg(u.unit_id order by u.pos)
			from usermgmt_membership_units u where u.org_id = m.org_id and u.user_id = m.user_id)`,
	} {
		var wrong int
		require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&wrong), what)
		require.Zero(t, wrong, what)
	}
}
