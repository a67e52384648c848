package usermgmt_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/phc"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/internal/token"
	"github.com/usermgmt/usermgmt/store/memory"
)

// random32s returns n secrets of 32 bytes, the same ones at every run.
func random32s(kind byte, n int) [][32]byte {
	out := make([][32]byte, n)
	r := rand.NewChaCha8([32]byte{kind})
	for i := range out {
		_, _ = r.Read(out[i][:]) // never fails
	}
	return out
}

// withSessions opens a session for every user.
func (c *city) withSessions(tb testing.TB) {
	tb.Helper()
	if c.tokens != nil {
		return
	}
	c.tokens = make([]string, c.n)
	hashes := make([][32]byte, c.n)
	for i, s := range random32s(1, c.n) {
		c.tokens[i] = token.NewSession(s)
		hashes[i], _ = token.SessionHash(c.tokens[i])
	}
	before := heap()
	c.batches(tb, c.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		now := time.Now().UTC()
		return tx.CreateSession(ctx, usermgmt.Session{
			ID: benchID[usermgmt.Session](7, i), Kind: usermgmt.SessionLogin, TokenHash: hashes[i], User: c.users[i],
			Org: c.org, Epoch: 1, Idle: 24 * time.Hour, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour),
			SeenAt: now.Add(time.Hour), // a minute later every first verification would write
		})
	})
	c.sessionBytes = grown(before, c.n)
}

// withKeys makes an API key for every user.
func (c *city) withKeys(tb testing.TB) {
	tb.Helper()
	if c.keys != nil {
		return
	}
	c.keys = make([]string, c.n)
	secrets := random32s(2, c.n)
	c.batches(tb, c.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		var id [9]byte
		binary.BigEndian.PutUint64(id[1:], uint64(i))
		var public string
		c.keys[i], public = token.NewAPIKey("umk", id, secrets[i])
		_, hash, err := token.ParseAPIKey(c.keys[i])
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		return tx.PutAPIKey(ctx, usermgmt.APIKey{
			ID: benchID[usermgmt.APIKey](8, i), User: c.users[i], Org: c.org, Hash: hash, PublicID: public,
			Epoch: 1, CreatedAt: now, CreatedBy: c.users[i], LastUsedAt: now,
		})
	})
}

// BenchmarkSession is [usermgmt.Auth.Session], with the actor and its rights,
// beside the floor of a hash, a map and a clock. 65,536 tokens take turns.
func BenchmarkSession(b *testing.B) {
	for _, n := range sizes() {
		c := cityOf(b, n)
		c.withSessions(b)
		some := c.some(c.tokens)
		origin := usermgmt.Origin{Address: "192.0.2.1"}
		verify := func(i int) bool {
			a, err := c.m.Auth().Session(b.Context(), some[i], origin)
			return err == nil && !a.IsZero()
		}
		floor := newFloorSessions(c.tokens)
		live := func(i int) bool { return floor.live(some[i]) }
		for i := range some {
			require.True(b, verify(i))
		}
		name := fmt.Sprintf("n=%d/", n)
		b.Run(name+"floor", func(b *testing.B) { loop(b, len(some), live) })
		b.Run(name+"session", func(b *testing.B) {
			loop(b, len(some), verify)
			b.ReportMetric(c.sessionBytes, "B/session")
		})
		b.Run(name+"hot64/floor", func(b *testing.B) { loop(b, hotSet, live) })
		b.Run(name+"hot64/session", func(b *testing.B) { loop(b, hotSet, verify) })
		b.Run(name+"parallel/floor", func(b *testing.B) { loopParallel(b, len(some), live) })
		b.Run(name+"parallel/session", func(b *testing.B) { loopParallel(b, len(some), verify) })
	}
}

// some returns at most 65,536 of all, spread evenly.
func (c *city) some(all []string) []string {
	if len(all) <= queries {
		return all
	}
	r := rand.New(rand.NewPCG(9, uint64(len(all))))
	out := make([]string, queries)
	for i := range out {
		out[i] = all[r.IntN(len(all))]
	}
	return out
}

// BenchmarkAPIKey is [usermgmt.Auth.APIKey] beside the floor of a hash and a map.
func BenchmarkAPIKey(b *testing.B) {
	for _, n := range sizes() {
		c := cityOf(b, n)
		c.withKeys(b)
		some := c.some(c.keys)
		floor := newFloorKeys(c.keys)
		verify := func(i int) bool {
			a, err := c.m.Auth().APIKey(b.Context(), some[i], usermgmt.Origin{})
			return err == nil && !a.IsZero()
		}
		for i := range some {
			require.True(b, verify(i))
		}
		name := fmt.Sprintf("n=%d/", n)
		b.Run(name+"floor", func(b *testing.B) { loop(b, len(some), func(i int) bool { return floor.known(some[i]) }) })
		b.Run(name+"key", func(b *testing.B) { loop(b, len(some), verify) })
		b.Run(name+"parallel/key", func(b *testing.B) { loopParallel(b, len(some), verify) })
	}
}

const loginPassword = "Correct-Horse-7-Battery"

// loginCity is a store of n users who can log in with loginPassword, hashed at
// the given cost.
func loginCity(tb testing.TB, n int, cost phc.Argon2id) *city {
	tb.Helper()
	c := &city{store: memory.New(), n: n, org: benchID[usermgmt.Organization](1, 0), forest: newForest(1, 1),
		users: make([]usermgmt.UserID, n), teams: []usermgmt.TeamID{benchID[usermgmt.Team](6, 0)}}
	c.addUnits(tb)
	ctx := tb.Context()
	require.NoError(tb, c.store.SaveTeam(ctx, usermgmt.Team{ID: c.teams[0], Org: c.org, NameKey: "t"}))
	hash, err := cost.Hash([]byte(loginPassword), [16]byte{1})
	require.NoError(tb, err)
	c.batches(tb, n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		c.users[i] = benchID[usermgmt.User](2, i)
		name := fmt.Sprintf("user%07d", i)
		err := tx.SaveUser(ctx, usermgmt.User{
			ID: c.users[i], Org: c.org, OwnerUnit: benchID[usermgmt.BusinessUnit](3, 0), Kind: usermgmt.KindPerson,
			Username: name, UsernameKey: name, NameKey: name, SearchKey: name, Enabled: true,
		})
		if err != nil {
			return err
		}
		acc, err := tx.AccountByID(ctx, c.users[i])
		if err != nil {
			return err
		}
		acc.Credential.Hash = hash
		if err := tx.SaveCredential(ctx, acc.Credential); err != nil {
			return err
		}
		return tx.SaveMembership(ctx, usermgmt.Membership{
			User: c.users[i], Org: c.org, Enabled: true, Profile: benchID[usermgmt.AccessProfile](4, 0), Rights: 1,
			Teams: []usermgmt.TeamAssignment{{Team: c.teams[0]}}, PrimaryTeam: c.teams[0], Licence: usermgmt.LicencePlatform,
		})
	})
	return c
}

// BenchmarkLogin is everything of a login but the price of a real hash: "hash"
// is what the hash costs here, which is in "login" too.
func BenchmarkLogin(b *testing.B) {
	cheap := phc.Argon2id{Memory: 8, Time: 1, Threads: 1}
	c := loginCity(b, 10_000, cheap)
	m, err := usermgmt.New(c.store, &usermgmt.Config{
		Hash: &usermgmt.HashConfig{MemoryKiB: cheap.Memory, Passes: cheap.Time, Permit: testonly.Permit{Weak: true}}})
	require.NoError(b, err)
	b.Run("hash", func(b *testing.B) {
		stored, err := cheap.Hash([]byte(loginPassword), [16]byte{1})
		require.NoError(b, err)
		loop(b, hotSet, func(int) bool {
			h, err := phc.Parse(stored)
			return err == nil && h.Verify([]byte(loginPassword))
		})
	})
	b.Run("login", func(b *testing.B) {
		loop(b, c.n, func(i int) bool {
			r, err := m.Auth().Login(b.Context(), usermgmt.LoginRequest{Name: fmt.Sprintf("user%07d", i), Password: loginPassword})
			return err == nil && !r.Actor.IsZero()
		})
	})
}

// TestSnapshotsStayInTheirBudget: resolved rights of many users take no more
// memory than configured, and unlimited ones not more than is counted for them.
func TestSnapshotsStayInTheirBudget(t *testing.T) {
	const users = 20_000
	cheap := phc.Argon2id{Memory: 8, Time: 1, Threads: 1}
	c := loginCity(t, users, cheap)
	for _, budget := range []int64{2 << 20, 4 << 20, 256 << 20} {
		m, err := usermgmt.New(c.store, &usermgmt.Config{SnapshotBytes: budget,
			Hash: &usermgmt.HashConfig{MemoryKiB: cheap.Memory, Passes: cheap.Time, Permit: testonly.Permit{Weak: true}}})
		require.NoError(t, err)
		before := heap()
		for range 2 {
			for _, u := range c.users {
				_, err := m.ActorFor(t.Context(), usermgmt.ActorRequest{User: u, Org: c.org})
				require.NoError(t, err)
			}
		}
		each := grown(before, users)
		t.Logf("budget %d KiB: %.0f KiB used, %.0f B a user", budget>>10, each*users/1024, each)
		assert.LessOrEqual(t, each*users, float64(budget))
		assert.Less(t, each, 640.0, "a snapshot is small")
		_, err = m.ActorFor(t.Context(), usermgmt.ActorRequest{User: c.users[0], Org: c.org})
		require.NoError(t, err) // m lives until here
	}
}

// memoryWatch samples the heap until it is stopped.
type memoryWatch struct {
	inUse, sys uint64 // the highest
	stop, done chan struct{}
}

func watchMemory() *memoryWatch {
	w := &memoryWatch{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			w.inUse, w.sys = max(w.inUse, m.HeapInuse), max(w.sys, m.HeapSys-m.HeapReleased)
			select {
			case <-w.stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return w
}

func (w *memoryWatch) end() {
	close(w.stop)
	<-w.done
}

// TestThousandLoginsAtOnce: with hashes of the default cost, memory stays
// within twice the workers' and sessions are verified meanwhile.
func TestThousandLoginsAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("computes hashes of full cost for seconds")
	}
	const workers, memoryKiB, users = 2, 19456, 1000
	cost := phc.Argon2id{Memory: memoryKiB, Time: 2, Threads: 1}
	c := loginCity(t, users, cost)
	m, err := usermgmt.New(c.store, &usermgmt.Config{Hash: &usermgmt.HashConfig{Workers: workers}})
	require.NoError(t, err)
	first, err := m.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "user0000000", Password: loginPassword})
	require.NoError(t, err)

	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	watch := watchMemory()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var in, shed, verified atomic.Int64
	var slowest atomic.Int64
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: fmt.Sprintf("user%07d", i), Password: loginPassword})
				switch {
				case err == nil:
					in.Add(1)
				case errors.Is(err, usermgmt.ErrOverloaded) || ctx.Err() != nil:
					shed.Add(1)
				default:
					t.Error(err)
				}
				time.Sleep(100 * time.Millisecond) // a client that tries again
			}
		})
	}
	for ctx.Err() == nil {
		begin := time.Now()
		_, err := m.Auth().Session(t.Context(), first.Token.Reveal(), usermgmt.Origin{})
		require.NoError(t, err)
		verified.Add(1)
		slowest.Store(max(slowest.Load(), int64(time.Since(begin))))
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	watch.end()

	grownInUse := int64(watch.inUse) - int64(before.HeapInuse)
	bound := int64(2*workers*memoryKiB<<10 + 32<<20)
	report := fmt.Sprintf("%d logins, %d shed, %d sessions verified, slowest %v; heap in use %d MiB above %d MiB, at most %d MiB from the system; bound %d MiB",
		in.Load(), shed.Load(), verified.Load(), time.Duration(slowest.Load()).Round(time.Microsecond),
		grownInUse>>20, before.HeapInuse>>20, watch.sys>>20, bound>>20)
	if testing.Verbose() {
		fmt.Fprintln(os.Stderr, "#", report)
	}
	assert.Positive(t, in.Load(), report)
	assert.Positive(t, shed.Load(), report)
	assert.Greater(t, verified.Load(), int64(10), report)
	assert.LessOrEqual(t, grownInUse, bound, report)
}
