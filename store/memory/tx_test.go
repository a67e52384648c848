package memory

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func orgNamed(n int, key string) usermgmt.Organization {
	return usermgmt.Organization{ID: idAt[usermgmt.Organization](n), NameKey: key}
}

func names(t *testing.T, s usermgmt.Store) (out []string) {
	t.Helper()
	orgs, err := s.ListOrgs(ctx, usermgmt.ListQuery{Limit: 100})
	require.NoError(t, err)
	for _, o := range orgs {
		out = append(out, o.NameKey)
	}
	return out
}

func TestTxRunsAgainOnAFreshView(t *testing.T) {
	s := New()
	runs := 0
	require.NoError(t, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		runs++
		seen := names(t, tx)
		if runs == 1 {
			require.Empty(t, seen)
			require.NoError(t, s.SaveOrg(context.Background(), orgNamed(1, "other")))
			require.Empty(t, names(t, tx), "the view stays")
			// Even if the failure is ignored, the transaction runs again.
			_ = tx.SaveOrg(ctx, orgNamed(0, "lost"))
			_, err := tx.OrgByID(ctx, idAt[usermgmt.Organization](0))
			require.ErrorIs(t, err, usermgmt.ErrTransient)
			return nil
		}
		require.Equal(t, []string{"other"}, seen)
		return tx.SaveOrg(ctx, orgNamed(0, fmt.Sprint("after ", len(seen))))
	}))
	require.Equal(t, 2, runs)
	require.Equal(t, []string{"after 1", "other"}, names(t, s))
}

func TestTxThatReadNothingRunsOnce(t *testing.T) {
	s := New()
	runs := 0
	require.NoError(t, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		runs++
		require.NoError(t, s.SaveOrg(context.Background(), orgNamed(1, "other")))
		require.NoError(t, tx.LockOrg(ctx, usermgmt.OrgID{}))
		require.Equal(t, []string{"other"}, names(t, tx))
		return nil
	}))
	require.Equal(t, 1, runs)
}

func TestBoundStoreAfterItsTx(t *testing.T) {
	s := New()
	var inner, outer usermgmt.Store
	var inside context.Context
	require.NoError(t, s.Tx(ctx, func(c context.Context, tx usermgmt.Store) error {
		inside, outer = c, tx
		require.NoError(t, tx.Tx(c, func(_ context.Context, tx usermgmt.Store) error {
			inner = tx
			return nil
		}))
		require.ErrorIs(t, inner.SaveOrg(c, orgNamed(0, "a")), usermgmt.ErrOutsideTx)
		return tx.SaveOrg(c, orgNamed(1, "b"))
	}))
	_, err := outer.OrgByName(ctx, "b")
	require.ErrorIs(t, err, usermgmt.ErrOutsideTx)
	require.ErrorIs(t, outer.SaveOrg(ctx, orgNamed(0, "a")), usermgmt.ErrOutsideTx)
	require.ErrorIs(t, outer.Tx(ctx, nil), usermgmt.ErrOutsideTx)
	for _, err := range outer.StreamMembers(ctx, usermgmt.UserQuery{Org: idAt[usermgmt.Organization](1)}) {
		require.ErrorIs(t, err, usermgmt.ErrOutsideTx)
	}
	// The context is an ordinary one again, and always was to other stores.
	require.NoError(t, s.SaveOrg(inside, orgNamed(2, "c")))
	require.NoError(t, s.Tx(ctx, func(ctx context.Context, _ usermgmt.Store) error {
		return New().SaveOrg(ctx, orgNamed(0, "a"))
	}))
	require.Equal(t, []string{"b", "c"}, names(t, s))
}

func TestTurnIsGivenBack(t *testing.T) {
	s := New()
	write := func(ctx context.Context, tx usermgmt.Store) { require.NoError(t, tx.SaveOrg(ctx, orgNamed(0, "a"))) }
	require.PanicsWithValue(t, "oh", func() {
		_ = s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			return tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
				write(ctx, tx)
				panic("oh")
			})
		})
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			write(ctx, tx)
			runtime.Goexit()
			return nil
		})
	})
	wg.Wait()
	require.Empty(t, names(t, s))

	// Who waits for the turn can be called off.
	require.NoError(t, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		write(ctx, tx)
		short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.SaveOrg(short, orgNamed(1, "b")), context.DeadlineExceeded)
		return nil
	}))
	require.Equal(t, []string{"a"}, names(t, s))
}

func TestStreamKeepsItsViewWhileTheTxWrites(t *testing.T) {
	s := New()
	f := newTown(t, s, 200)
	for _, early := range []bool{false, true} {
		require.ErrorIs(t, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if early {
				require.NoError(t, tx.SaveOrg(ctx, orgNamed(9, fmt.Sprint("writing", early))))
			}
			n := 0
			for m, err := range tx.StreamMembers(ctx, usermgmt.UserQuery{Org: f}) {
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("u%03d", n), m.User.NameKey)
				n++
				last := idAt[usermgmt.User](200 - n)
				if u, err := tx.UserByID(ctx, last); err == nil && u.NameKey[0] == 'u' {
					u.NameKey = "a" + u.NameKey
					require.NoError(t, tx.SaveUser(ctx, u))
				}
			}
			require.Equal(t, 200, n)
			return errUndo
		}), errUndo)
	}
}

// newTown makes an organization with n members.
func newTown(t *testing.T, s usermgmt.Store, n int) usermgmt.OrgID {
	t.Helper()
	o := orgNamed(0, "town")
	unit := usermgmt.BusinessUnit{ID: idAt[usermgmt.BusinessUnit](0), Org: o.ID}
	profile := usermgmt.AccessProfile{ID: idAt[usermgmt.AccessProfile](0)}
	require.NoError(t, s.SaveOrg(ctx, o))
	require.NoError(t, s.SaveUnit(ctx, unit))
	require.NoError(t, s.SaveProfile(ctx, profile))
	for i := range n {
		key := fmt.Sprintf("u%03d", i)
		require.NoError(t, s.SaveUser(ctx, usermgmt.User{
			ID: idAt[usermgmt.User](i), Org: o.ID, OwnerUnit: unit.ID, UsernameKey: key, NameKey: key, SearchKey: key, Enabled: true,
		}))
		require.NoError(t, s.SaveMembership(ctx, usermgmt.Membership{
			User: idAt[usermgmt.User](i), Org: o.ID, Profile: profile.ID, Enabled: true,
		}))
	}
	return o.ID
}

// TestSearchByArena holds searches that leave the order of the list, in an
// arena with stale keys that is made anew meanwhile, to plain looking.
func TestSearchByArena(t *testing.T) {
	s := New()
	org := newTown(t, s, 250)
	require.NoError(t, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		for round := range 12 {
			for i := range 250 {
				u, err := tx.UserByID(ctx, idAt[usermgmt.User](i))
				require.NoError(t, err)
				u.SearchKey = fmt.Sprintf("x%d\ny%d", (i+round)%50, i)
				require.NoError(t, tx.SaveUser(ctx, u))
			}
		}
		return nil
	}))
	v := s.current.Load()
	q, err := v.userQuery(usermgmt.UserQuery{Org: org, Search: "9\n", Limit: 7})
	require.NoError(t, err)
	require.Nil(t, q, "no line begins with what ends one")
	require.Less(t, v.users.search.rows, 12*250)
	for _, text := range []string{"x1", "x", "y", "1", "y7", "x12", "x49\ny", "y24", "49\n", "9\ny", "nobody", "\ny2"} {
		for _, desc := range []bool{false, true} {
			q, err := v.userQuery(usermgmt.UserQuery{Org: org, Search: text, Desc: desc, Limit: 7})
			require.NoError(t, err)
			byArena, err := q.searchArena(ctx)
			require.NoError(t, err)
			byWalk, err := q.find(ctx)
			require.NoError(t, err)
			require.ElementsMatch(t, byWalk, byArena)
			require.Equal(t, len(byWalk), len(byArena))
			for i := range byWalk {
				require.Same(t, byWalk[i].u, byArena[i].u)
			}
		}
	}
}

// TestManyAtOnce is for the race detector: writers, readers, streams and
// searches of one store.
func TestManyAtOnce(t *testing.T) {
	s := New()
	org := newTown(t, s, 64)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			id := idAt[usermgmt.User](i)
			for range 20 {
				switch i % 4 {
				case 0:
					_ = s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
						u, err := tx.UserByID(ctx, id)
						if err != nil {
							return err
						}
						u.SearchKey += "x"
						if err := tx.SaveUser(ctx, u); err != nil || i%8 == 0 {
							return errUndo
						}
						return tx.AppendAudit(ctx, usermgmt.AuditEntry{ID: usermgmt.AuditID(id), FoldKey: "f", Count: 1})
					})
				case 1:
					_, _ = s.ListUsers(ctx, usermgmt.UserQuery{Org: org, Search: "x", Limit: 9})
					_, _ = s.ListAudit(ctx, usermgmt.AuditQuery{Limit: 9})
				case 2:
					n := 0
					for _, err := range s.StreamMembers(ctx, usermgmt.UserQuery{Org: org}) {
						if err == nil {
							n++
						}
					}
					if n != 64 {
						t.Errorf("%d members, want 64", n)
					}
				case 3:
					_ = s.RecordLogin(ctx, id, time.Unix(1, 0))
					_ = s.CreateSession(ctx, usermgmt.Session{ID: usermgmt.SessionID(id), TokenHash: [32]byte{byte(i)}, User: id, Org: org})
					if _, err := s.SessionByToken(ctx, [32]byte{byte(i)}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	check(t, s, s.current.Load())
}
