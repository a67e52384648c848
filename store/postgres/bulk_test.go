package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// throng makes an organization with n members in one unit of work, with values
// that are easily garbled on their way.
func throng(t *testing.T, s usermgmt.Store, n int) {
	t.Helper()
	org, unit, profile, role := usermgmt.OrgID{1}, usermgmt.UnitID{2}, usermgmt.ProfileID{3}, usermgmt.RoleID{4}
	team, day := usermgmt.TeamID{5}, time.Date(2026, 11, 22, 1, 2, 3, 456000, time.UTC)
	odd := []string{``, `\`, `"`, `'`, `{}`, `{NULL}`, `NULL`, `a,b`, "\n\t", `\x41`, `Zoë 😀`, `%s$1`, ` x `}
	require.NoError(t, s.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		for _, err := range []error{
			tx.SaveOrg(ctx, usermgmt.Organization{ID: org, Name: "a", NameKey: "a", Enabled: true}),
			tx.SaveUnit(ctx, usermgmt.BusinessUnit{ID: unit, Org: org, Name: "u", NameKey: "u"}),
			tx.SaveTeam(ctx, usermgmt.Team{ID: team, Org: org, Name: "t", NameKey: "t"}),
			tx.SaveProfile(ctx, usermgmt.AccessProfile{ID: profile, Name: "p", NameKey: "p"}),
			tx.SaveRole(ctx, usermgmt.Role{ID: role, Name: "r", NameKey: "r"}),
			tx.SetPool(ctx, org, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: n}),
		} {
			if err != nil {
				return err
			}
		}
		for i := range n {
			text := odd[i%len(odd)]
			u := usermgmt.User{
				ID: usermgmt.UserID{6, byte(i >> 8), byte(i)}, Kind: usermgmt.KindPerson, Org: org, OwnerUnit: unit,
				Username: text, UsernameKey: fmt.Sprintf("user%04d%s", i, text), NameKey: text, SearchKey: text + "\nuser",
				FirstName: text, LastName: text, Enabled: i%3 > 0, CreatedAt: day.Add(time.Duration(i) * time.Microsecond), UpdatedAt: day,
			}
			m := usermgmt.Membership{
				User: u.ID, Org: org, Enabled: i%2 == 0, Profile: profile, Licence: usermgmt.LicencePlatform, Seat: true, Rights: int64(i),
				CreatedAt: day, UpdatedAt: day,
			}
			if i%4 > 0 {
				u.Email, u.EmailKey = text, fmt.Sprintf("user%04d%s@x", i, text)
				u.Emails, u.EmployeeNumber = []string{text, "b"}, []string{"1", text}
				u.Birthday = usermgmt.Date{Year: 1990, Month: 2, Day: 3}
				m.Roles = []usermgmt.RoleAssignment{{Role: role, Until: day}, {Role: role}}
				m.Teams, m.PrimaryTeam = []usermgmt.TeamAssignment{{Team: team, From: day}}, team
				m.Units, m.Settings = []usermgmt.UnitID{unit}, map[string]usermgmt.SettingValue{"k": {Value: text}}
			}
			if i%5 == 0 {
				u.DeactivatedAt, u.Source, u.ExternalID = day, "s", fmt.Sprint(i)
			}
			if err := tx.SaveUser(ctx, u); err != nil {
				return err
			}
			if err := tx.ClaimSeats(ctx, org, usermgmt.LicencePlatform, 1); err != nil {
				return err
			}
			if err := tx.SaveMembership(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}))
}

func members(t *testing.T, s usermgmt.Store) (out []usermgmt.Member) {
	t.Helper()
	for m, err := range s.StreamMembers(t.Context(), usermgmt.UserQuery{Org: usermgmt.OrgID{1}, View: usermgmt.ViewAll, Sort: usermgmt.SortUsername}) {
		require.NoError(t, err)
		out = append(out, m)
	}
	return out
}

func TestManyRecordsInOneUnitOfWork(t *testing.T) {
	t.Parallel()
	const n = 1234 // more than one statement takes
	want := memory.New()
	throng(t, want, n)
	mode := func(m pgx.QueryExecMode) func(t *testing.T) *postgres.Store {
		return func(t *testing.T) *postgres.Store {
			s, err := postgres.New(newPool(t, migrated(t), func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = m }), nil)
			require.NoError(t, err)
			return s
		}
	}
	for name, open := range map[string]func(t *testing.T) *postgres.Store{
		"cached statements": mode(pgx.QueryExecModeCacheStatement),
		"exec":              mode(pgx.QueryExecModeExec),
		"simple protocol":   mode(pgx.QueryExecModeSimpleProtocol),
		"database/sql": func(t *testing.T) *postgres.Store {
			db, err := sql.Open("pgx", migrated(t))
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			s, err := postgres.NewSQL(db, nil)
			require.NoError(t, err)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			throng(t, s, n)
			a, b := members(t, want), members(t, s)
			require.Len(t, b, n)
			for i := range a {
				// An empty slice or map may come back as nil.
				require.Equal(t, fmt.Sprintf("%+v", a[i]), fmt.Sprintf("%+v", b[i]))
			}
			pools, err := s.ListPools(t.Context(), usermgmt.OrgID{1})
			require.NoError(t, err)
			assert.Equal(t, n, pools[0].Used)
			for _, key := range []string{a[7].User.UsernameKey, a[7].User.EmailKey} {
				acc, err := s.AccountByLogin(t.Context(), key)
				require.NoError(t, err)
				assert.Equal(t, a[7].User.ID, acc.User.ID)
				assert.Equal(t, usermgmt.StatusActive, acc.Credential.Status)
			}
			found, err := s.ListUsers(t.Context(), usermgmt.UserQuery{Org: usermgmt.OrgID{1}, View: usermgmt.ViewAll, Search: "Zoë", Limit: 1000})
			require.NoError(t, err)
			assert.Len(t, found, (n-10+12)/13)
		})
	}
}

func TestManyRecordsAreRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t, migrated(t), nil)
	throng(t, s, 20)
	err := s.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		for i := range 40 {
			name := fmt.Sprintf("new%d", i)
			if i == 30 {
				name = "user0001\\" // taken
			}
			u := usermgmt.User{ID: usermgmt.UserID{7, byte(i)}, Kind: usermgmt.KindPerson, Org: usermgmt.OrgID{1}, OwnerUnit: usermgmt.UnitID{2},
				Username: name, UsernameKey: name}
			if err := tx.SaveUser(ctx, u); err != nil {
				return err
			}
		}
		return nil
	})
	var e *usermgmt.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, "taken", e.Rule)
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from usermgmt_users`).Scan(&left))
	assert.Equal(t, 20, left)

	err = s.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		for range 40 {
			if err := tx.ClaimSeats(ctx, usermgmt.OrgID{1}, "other", 1); err != nil {
				return err
			}
		}
		return tx.ClaimSeats(ctx, usermgmt.OrgID{1}, usermgmt.LicencePlatform, 1)
	})
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	pools, err := s.ListPools(t.Context(), usermgmt.OrgID{1})
	require.NoError(t, err)
	assert.Len(t, pools, 1, "the claims of the other pool were undone")
}
