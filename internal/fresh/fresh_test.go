package fresh_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgtest"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// userVariable makes this program the process that uses what the other one changes.
const userVariable = "USERMGMT_FRESH_USER"

func TestMain(m *testing.M) {
	if text := os.Getenv(userVariable); text != "" {
		os.Exit(runUser(text))
	}
	os.Exit(m.Run())
}

// uses is how many uses are made in a test: CI makes a part of what a soak makes, in
// which more than 100,000 begin while something is away.
func uses() int {
	if os.Getenv("USERMGMT_SOAK") != "" {
		return 490_000
	}
	return 4_000
}

func config() *usermgmt.Config {
	return &usermgmt.Config{StepUp: []usermgmt.Permission{},
		Hash:    &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}},
		Objects: []usermgmt.Object{{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view"}}},
	}
}

func open(ctx context.Context, dsn string) (*pgxpool.Pool, *usermgmt.Manager, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	store, err := postgres.New(pool, nil)
	if err != nil {
		return pool, nil, err
	}
	m, err := usermgmt.New(store, config())
	return pool, m, err
}

// use is one use in the other process: when it began and ended, and whether it was
// allowed. Both processes read the clock of one machine.
type use struct {
	Kind       string
	Began, End int64
	Allowed    bool
	Err        string // of a use that went wrong otherwise
}

// window is a time in which something was away for certain: from the return of the
// call that took it to the beginning of the one that gives it back.
type window struct{ from, until int64 }

// TestNothingThatWasTakenAwayIsAllowedByAnotherProcess: one process takes away and
// gives back, the other uses, both without a pause. Whatever the use begins after the
// call has returned is refused.
func TestNothingThatWasTakenAwayIsAllowedByAnotherProcess(t *testing.T) {
	t.Parallel()
	const least = 5 // refused uses of each kind, or nothing is proved
	seen := map[string][2]int{}
	seldom := func() bool {
		for _, n := range seen {
			if n[0] < least {
				return true
			}
		}
		return false
	}
	for try := 0; try == 0 || try < 5 && seldom(); try++ { // a machine with other work gives short windows
		r := run(t, 0, uses())
		t.Logf("seed %d: %d uses in %s, %d refused in a window, %d allowed, %d changes", r.seed, r.uses, r.took, r.refused, r.allowed, r.changes)
		assert.Empty(t, r.stale)
		assert.Empty(t, r.broken)
		for kind, n := range r.byKind {
			was := seen[kind]
			seen[kind] = [2]int{was[0] + n[0], was[1] + n[1]}
		}
	}
	for kind, n := range seen {
		assert.GreaterOrEqual(t, n[0], least, "%s was refused too seldom to prove anything", kind)
		t.Logf("%4d refused, %4d allowed  %s", n[0], n[1], kind)
		assert.Positive(t, n[1], "%s was never allowed", kind)
	}
}

// TestACacheOfFiftyMillisecondsIsCaught is the control: the same with a process that
// remembers each answer for 50 ms.
func TestACacheOfFiftyMillisecondsIsCaught(t *testing.T) {
	t.Parallel()
	r := run(t, 50*time.Millisecond, 2_000)
	assert.NotEmpty(t, r.stale)
}

type result struct {
	seed                            uint64
	uses, refused, allowed, changes int
	byKind                          map[string][2]int // refused in a window, allowed
	stale, broken                   []use
	took                            time.Duration
}

func run(t *testing.T, cache time.Duration, count int) result {
	t.Helper()
	ctx, began := t.Context(), time.Now()
	dsn := pgtest.DB(t, "usermgmt", func(ctx context.Context, dsn string) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer conn.Close(ctx) //nolint:errcheck // nothing to do about it
		store, err := postgres.NewConn(conn, nil)
		if err != nil {
			return err
		}
		return store.Migrate(ctx)
	})
	pool, m, err := open(ctx, dsn)
	require.NoError(t, err)
	defer pool.Close()
	seed := rand.Uint64() //nolint:gosec // a test
	g, kinds := newGround(t, m)
	self, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(order{DSN: dsn, Ground: g, Cache: cache, Count: count})
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, self, "-test.run=^$")
	cmd.Env = append(os.Environ(), userVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	var stop atomic.Bool
	var wg sync.WaitGroup
	windows := map[string]*[]window{}
	var changes atomic.Int64
	failed := make(chan error, len(kinds))
	for i, k := range kinds {
		list := &[]window{}
		windows[k.name] = list
		random := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // a test
		wg.Go(func() {
			for !stop.Load() {
				if err := k.take(ctx); err != nil {
					failed <- fmt.Errorf("%s: take: %w", k.name, err)
					return
				}
				w := window{from: time.Now().UnixNano()}
				time.Sleep(time.Duration(random.IntN(int(40 * time.Millisecond))))
				w.until = time.Now().UnixNano()
				if err := k.give(ctx); err != nil {
					failed <- fmt.Errorf("%s: give: %w", k.name, err)
					return
				}
				*list = append(*list, w)
				changes.Add(2)
				time.Sleep(time.Duration(random.IntN(int(40 * time.Millisecond))))
			}
		})
	}
	var seen []use
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var u use
		require.NoError(t, json.Unmarshal(lines.Bytes(), &u))
		seen = append(seen, u)
	}
	stop.Store(true)
	wg.Wait()
	require.NoError(t, cmd.Wait())
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	r := result{seed: seed, uses: len(seen), byKind: map[string][2]int{}, changes: int(changes.Load()), took: time.Since(began)}
	for _, u := range seen {
		if u.Err != "" {
			r.broken = append(r.broken, u)
			continue
		}
		n := r.byKind[u.Kind]
		away := inside(*windows[u.Kind], u)
		switch {
		case away && u.Allowed:
			r.stale = append(r.stale, u)
		case away:
			r.refused++
			n[0]++
		case u.Allowed:
			r.allowed++
			n[1]++
		}
		r.byKind[u.Kind] = n
	}
	return r
}

// inside reports whether the use began and ended while it was away.
func inside(windows []window, u use) bool {
	for _, w := range windows {
		if u.Began > w.from && u.End < w.until {
			return true
		}
	}
	return false
}
