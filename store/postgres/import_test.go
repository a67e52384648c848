package postgres_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// An import that has put a digest and not committed it is waited for by whoever
// erases the user.
func TestNoDigestOutlivesAnErasedUser(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	pool := newPool(t, dsn, nil)
	s, err := postgres.New(pool, nil)
	require.NoError(t, err)
	throng(t, s, 2)
	ctx := t.Context()
	org, user := usermgmt.OrgID{1}, usermgmt.UserID{6, 0, 1}
	u, err := s.UserByID(ctx, user)
	require.NoError(t, err)
	m, err := s.MembershipOf(ctx, user, org)
	require.NoError(t, err)
	tx, err := newConn(t, dsn).Begin(ctx)
	require.NoError(t, err)
	d := usermgmt.ImportDigest{User: user, Digest: [16]byte{7}, Version: u.Version, Rights: m.Rights, Settings: m.Settings}
	require.NoError(t, s.WithTx(tx).PutImportDigests(ctx, org, []usermgmt.ImportDigest{d}))
	erased := make(chan error, 1)
	go func() {
		erased <- s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := tx.SaveUser(ctx, u); err != nil {
				return err
			}
			return tx.EraseTraces(ctx, usermgmt.Person{User: user})
		})
	}()
	require.Eventually(t, func() bool {
		var waits bool
		require.NoError(t, pool.QueryRow(ctx, "select exists (select from pg_locks where not granted)").Scan(&waits))
		return waits
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, <-erased)
	require.NoError(t, s.PutImportDigests(ctx, org, []usermgmt.ImportDigest{d}), "of what was there before")
	var left int
	require.NoError(t, pool.QueryRow(ctx, "select count(*) from usermgmt_import_digests").Scan(&left))
	assert.Zero(t, left)
}

// TestADigestHidesNoChange puts a digest of what was compared while somebody else
// changes it, in every order of what the two transactions do, of every isolation.
func TestADigestHidesNoChange(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	s, err := postgres.New(newPool(t, dsn, nil), nil)
	require.NoError(t, err)
	org := usermgmt.OrgID{1}
	throng(t, s, 5)
	ctx := t.Context()
	user, other := usermgmt.UserID{6, 0, 1}, usermgmt.UserID{6, 0, 2}
	compared := func(s usermgmt.Store, user usermgmt.UserID) usermgmt.ImportDigest {
		t.Helper()
		u, err := s.UserByID(ctx, user)
		require.NoError(t, err)
		m, err := s.MembershipOf(ctx, user, org)
		require.NoError(t, err)
		return usermgmt.ImportDigest{User: user, Digest: [16]byte{7}, Version: u.Version, Rights: m.Rights, Settings: m.Settings}
	}
	put := func(s usermgmt.Store, list ...usermgmt.ImportDigest) {
		t.Helper()
		require.NoError(t, s.PutImportDigests(ctx, org, list))
	}
	holding := func() (out []usermgmt.UserID) {
		t.Helper()
		for d, err := range s.ImportDigests(ctx, org) {
			require.NoError(t, err)
			out = append(out, d.User)
		}
		return out
	}
	begin := func(level pgx.TxIsoLevel) (*postgres.Store, func()) {
		t.Helper()
		tx, err := newConn(t, dsn).BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
		require.NoError(t, err)
		return s.WithTx(tx), func() {
			t.Helper()
			require.NoError(t, tx.Commit(ctx))
		}
	}
	put(s, compared(s, other))
	changes := map[string]func(s usermgmt.Store) error{
		"the user": func(s usermgmt.Store) error {
			u, err := s.UserByID(ctx, user)
			if err == nil {
				err = s.SaveUser(ctx, u)
			}
			return err
		},
		"the membership": func(s usermgmt.Store) error {
			m, err := s.MembershipOf(ctx, user, org)
			if err == nil {
				err = s.SaveMembership(ctx, m)
			}
			return err
		},
		"the rights": func(s usermgmt.Store) error { return s.BumpRights(ctx, user, org) },
		"a setting": func(s usermgmt.Store) error {
			return s.PutMemberSettings(ctx, user, org, map[string]usermgmt.SettingValue{"k": {Value: rand.Text()}}, nil)
		},
	}
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		for what, change := range changes {
			t.Run(string(level)+" "+what, func(t *testing.T) {
				check := func(order string) {
					t.Helper()
					assert.NotContains(t, holding(), user, order)
					put(s, compared(s, user))
					assert.ElementsMatch(t, []usermgmt.UserID{user, other}, holding(), "put once more, after: "+order)
				}
				importer, commit := begin(level)
				d := compared(importer, user)
				require.NoError(t, change(s))
				put(importer, d)
				commit()
				check("compared, changed, put")

				importer, commit = begin(level)
				put(importer, compared(importer, user))
				require.NoError(t, change(s))
				commit()
				check("put, changed, seen")

				writer, commit := begin(level)
				compared(writer, user) // sees what was there before
				put(s, compared(s, user))
				require.NoError(t, change(writer))
				commit()
				check("put by the time of the change")

				writer, commit = begin(level)
				require.NoError(t, change(writer))
				put(s, compared(s, user))
				commit()
				check("changed, put, seen")
			})
		}
	}
	for i, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead} {
		third := usermgmt.UserID{6, 0, byte(3 + i)}
		importer, commit := begin(level)
		m, err := s.MembershipOf(ctx, third, org)
		require.NoError(t, err)
		put(importer, compared(importer, third))
		require.NoError(t, s.DeleteMembership(ctx, third, org, m.CreatedAt))
		commit()
		assert.NotContains(t, holding(), third, "ended before the digest was seen")
		m.Version, m.Rights = 0, m.Rights+100
		require.NoError(t, s.SaveMembership(ctx, m))
		assert.NotContains(t, holding(), third, "of the membership before")
		put(s, compared(s, third))
		assert.Contains(t, holding(), third)
		require.NoError(t, s.BumpRights(ctx, third, org))
		assert.NotContains(t, holding(), third)
	}
	require.NoError(t, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		d := compared(s, other)
		if err := tx.BumpRights(ctx, other, org); err != nil {
			return err
		}
		return tx.PutImportDigests(ctx, org, []usermgmt.ImportDigest{d})
	}))
	assert.NotContains(t, holding(), other)
}
