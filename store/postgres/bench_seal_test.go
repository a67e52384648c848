package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/intercept"
)

// tidied does all background work that waits, so that sealing is what is left.
func (w *world) tidied(tb testing.TB) {
	tb.Helper()
	ctx := context.Background()
	// What the generator left are exports of users who may not, and files of no size.
	_, err := w.pool.Exec(ctx, "delete from usermgmt_jobs")
	require.NoError(tb, err)
	for left := 1; left > 0; {
		done, err := w.m.RunOnce(ctx)
		require.NoError(tb, err)
		left = 0
		for _, d := range done {
			left += d.Count
		}
	}
}

// unsealed is how many entries have no seal.
func (w *world) unsealed(tb testing.TB) (n int) {
	tb.Helper()
	require.NoError(tb, w.pool.QueryRow(context.Background(), "select count(*) from usermgmt_audit_unsealed").Scan(&n))
	return n
}

// addEntries adds audit entries that are not sealed.
func (w *world) addEntries(tb testing.TB, n int) {
	tb.Helper()
	ctx := context.Background()
	for n > 0 {
		entries := make([]usermgmt.AuditEntry, min(n, 1000))
		for i := range entries {
			entries[i] = w.entry(bigUser(3))
			entries[i].Class = usermgmt.AuditChange
		}
		require.NoError(tb, w.store.AppendAudit(ctx, entries...))
		n -= len(entries)
	}
}

// sealed seals what waits, and returns how much that was.
func (w *world) sealed(ctx context.Context) (int, error) {
	done, err := w.m.RunOnce(ctx)
	n := 0
	for _, d := range done {
		if d.Duty == "audit seals" {
			n = d.Count
		}
	}
	return n, err
}

// sealing begins the background work, which comes back every second, the shortest
// pause there is; the pause by default is five seconds. What waits already is sealed
// before.
func (w *world) sealing(tb testing.TB) (stop func()) {
	tb.Helper()
	m, err := usermgmt.New(w.store, &usermgmt.Config{RunEvery: time.Second})
	require.NoError(tb, err)
	for left := 1; left > 0; {
		left, err = w.sealed(context.Background())
		require.NoError(tb, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// unaudited is a manager that records nothing.
func (w *world) unaudited(tb testing.TB) *usermgmt.Manager {
	tb.Helper()
	s := intercept.Store(w.store, func(ctx context.Context, method string, call func(context.Context) error) error {
		if method == "AppendAudit" {
			return nil
		}
		return call(ctx)
	})
	m, err := usermgmt.New(s, &usermgmt.Config{ActorMaxAge: time.Hour})
	require.NoError(tb, err)
	return m
}

// sealingContests are the writes of updateContests with and without their audit
// entry, and with the background work that seals the entries.
func (w *world) sealingContests(tb testing.TB) (out []contest) {
	w.tidied(tb)
	plain, audited := w.saves(tb)
	unaudited, update := w.updates(tb, w.unaudited(tb)), w.updates(tb, w.m)
	for _, c := range []contest{
		{row: "10a", callers: 1, each: 4000},
		{row: "10b", callers: 16, each: 5000},
		{row: "10b", callers: 64, each: 5000},
	} {
		c.most, c.rounds = 1.20, 7
		c.during = func() (stop func()) { return w.sealing(tb) }
		callers := fmt.Sprint(c.callers, " callers, ")
		c.what, c.ways = callers+"same write", []side{
			{"SaveUser alone", plain}, {"SaveUser and AppendAudit, sealing", audited}, {"SaveUser and AppendAudit", audited},
		}
		out = append(out, c)
		c.what, c.ways = callers+"same service", []side{
			{"Users.Update without an entry", unaudited}, {"Users.Update, sealing", update}, {"Users.Update", update},
		}
		out = append(out, c)
	}
	return out
}

// sealContests seal what waits, with nobody else at work, and beside writers.
func (w *world) sealContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	w.tidied(tb)
	const entries = 50_000
	var best time.Duration
	for range 3 {
		w.addEntries(tb, entries)
		at := time.Now()
		n, err := w.sealed(ctx)
		took := time.Since(at)
		require.NoError(tb, err)
		require.Equal(tb, entries, n)
		if best == 0 || took < best {
			best = took
		}
	}
	rate := entries / best.Seconds()
	tab.line("10b", fmt.Sprintf("sealing of %d entries, nobody else", entries), "", fmt.Sprintf("%.1f k entries/s", rate/1e3), "", "≥ 9 k/s", verdictOf(rate >= 9000))
	for _, c := range w.sealingContests(tb) {
		tab.add(tb, c)
		at, waiting := time.Now(), w.unsealed(tb)
		for left := 1; left > 0; {
			n, err := w.sealed(ctx)
			require.NoError(tb, err)
			left = n
		}
		tab.line(c.row, c.what+", entries without a seal at the end", "", fmt.Sprint(waiting), "", "", "sealed "+show(time.Since(at))+" later")
	}
}

// BenchmarkSeal seals audit entries.
func BenchmarkSeal(b *testing.B) {
	w := newWorld(b)
	w.tidied(b)
	b.ResetTimer()
	for n := b.N; n > 0; n -= 50_000 {
		b.StopTimer()
		w.addEntries(b, min(n, 50_000))
		b.StartTimer()
		_, err := w.sealed(context.Background())
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkSealing writes with and without the sealer at work.
func BenchmarkSealing(b *testing.B) { benchAll(b, newWorld(b).sealingContests) }
