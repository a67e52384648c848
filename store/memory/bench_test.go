package memory_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// The benchmarks come with floors: the least work with which a process of this
// machine could do the same, without tenants, transactions or versions.

var (
	ctx        = context.Background()
	madeAt     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	firstNames = []string{
		"james", "mary", "robert", "patricia", "john", "jennifer", "michael", "linda",
		"david", "elizabeth", "william", "barbara", "richard", "susan", "joseph", "jessica",
	}
	lastNames = []string{
		"smith", "johnson", "williams", "brown", "jones", "garcia", "miller", "davis",
		"rodriguez", "martinez", "hernandez", "lopez", "gonzalez", "wilson", "anderson", "thomas",
	}
)

// benchID returns identifiers that ascend and end randomly, as UUIDs of version 7 do.
func benchID[E any](kind, n int) (id usermgmt.ID[E]) {
	binary.BigEndian.PutUint64(id[:8], uint64(1_700_000_000_000+n)<<16|0x7000|uint64(kind))
	r := rand.NewPCG(uint64(kind), uint64(n))
	binary.BigEndian.PutUint64(id[8:], r.Uint64()&^(3<<62)|2<<62)
	return id
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// town is one organization with n members, a team for ten of them and, when
// asked for, a session and a key for each.
type town struct {
	s        *memory.Store
	n, teams int
	org      usermgmt.OrgID
	profile  usermgmt.ProfileID
	tokens   []string
	keys     []string
}

var towns sync.Map // by n; benchmarks share them

func townOf(tb testing.TB, n int) *town {
	if t, ok := towns.Load(n); ok {
		return t.(*town)
	}
	towns.Range(func(k, _ any) bool { towns.Delete(k); return true })
	t := &town{s: memory.New(), n: n, teams: max(1, n/10), org: benchID[usermgmt.Organization](1, 0)}
	t.build(tb)
	towns.Store(n, t)
	return t
}

// batches calls fn for 0 to n-1 in transactions of 10,000 and reports what that took.
func (t *town) batches(tb testing.TB, what string, n int, fn func(ctx context.Context, tx usermgmt.Store, i int) error) {
	before, begin := heap(), time.Now()
	for from := 0; from < n; from += 10_000 {
		require.NoError(tb, t.s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			for i := from; i < min(n, from+10_000); i++ {
				if err := fn(ctx, tx, i); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	took := time.Since(begin)
	fmt.Fprintf(os.Stderr, "# %d %s: %v, %.0f ns and %.0f B each\n", n, what, took.Round(time.Millisecond),
		float64(took.Nanoseconds())/float64(n), float64(int64(heap())-int64(before))/float64(n))
}

func benchUser(i int) usermgmt.User {
	f, l := firstNames[i%16], lastNames[i/16%16]
	name := fmt.Sprintf("%s.%s%d", f, l, i)
	return usermgmt.User{
		ID: benchID[usermgmt.User](2, i), Kind: usermgmt.KindPerson,
		Username: name, UsernameKey: name, Email: name + "@example.com", EmailKey: name + "@example.com",
		FirstName: f, LastName: l, NameKey: l + "\x00" + f + "\x00" + name,
		SearchKey: f + "\n" + l + "\n" + name + "\n" + name + "@example.com",
		Phone:     fmt.Sprintf("+1555%07d", i), Enabled: true,
		CreatedAt: madeAt.Add(time.Duration(i) * time.Second), UpdatedAt: madeAt,
	}
}

func (t *town) build(tb testing.TB) {
	unit := benchID[usermgmt.BusinessUnit](3, 0)
	t.profile = benchID[usermgmt.AccessProfile](4, 0)
	must := func(err error) { require.NoError(tb, err) }
	must(t.s.SaveOrg(ctx, usermgmt.Organization{ID: t.org, NameKey: "o", Enabled: true}))
	must(t.s.SaveProfile(ctx, usermgmt.AccessProfile{ID: t.profile, Org: t.org, NameKey: "p"}))
	units := 100
	for i := range units {
		u := usermgmt.BusinessUnit{ID: benchID[usermgmt.BusinessUnit](3, i), Org: t.org, NameKey: fmt.Sprintf("u%03d", i)}
		if i > 0 {
			u.Parent = unit
		}
		must(t.s.SaveUnit(ctx, u))
	}
	for i := range 100 {
		must(t.s.SaveRole(ctx, usermgmt.Role{ID: benchID[usermgmt.Role](5, i), Org: t.org, NameKey: fmt.Sprint("r", i)}))
	}
	t.batches(tb, "teams", t.teams, func(ctx context.Context, tx usermgmt.Store, i int) error {
		team := usermgmt.Team{ID: t.team(i), Org: t.org, Name: fmt.Sprint("Team ", i), NameKey: fmt.Sprintf("team %06d", i)}
		if i > 0 {
			team.Parent = t.team((i - 1) / 4)
		}
		return tx.SaveTeam(ctx, team)
	})
	t.batches(tb, "users", t.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		u := benchUser(i)
		u.Org, u.OwnerUnit = t.org, benchID[usermgmt.BusinessUnit](3, i%units)
		return tx.SaveUser(ctx, u)
	})
	t.batches(tb, "memberships of two teams", t.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		return tx.SaveMembership(ctx, usermgmt.Membership{
			User: t.user(i), Org: t.org, Enabled: true, Profile: t.profile, Rights: 1,
			Roles:       []usermgmt.RoleAssignment{{Role: benchID[usermgmt.Role](5, i%100)}},
			Teams:       []usermgmt.TeamAssignment{{Team: t.team(i % t.teams)}, {Team: t.team(i * 7 % t.teams)}},
			PrimaryTeam: t.team(i % t.teams), Units: []usermgmt.UnitID{unit},
			Licence: usermgmt.LicencePlatform, Seat: true, CreatedAt: madeAt, UpdatedAt: madeAt,
		})
	})
}

func (t *town) team(i int) usermgmt.TeamID { return benchID[usermgmt.Team](6, i) }
func (t *town) user(i int) usermgmt.UserID { return benchID[usermgmt.User](2, i) }

func secrets(kind string, n int) []string {
	out := make([]string, n)
	r := rand.NewChaCha8([32]byte{byte(len(kind))})
	var raw [32]byte
	for i := range out {
		r.Read(raw[:])
		out[i] = base64.RawURLEncoding.EncodeToString(raw[:])
	}
	return out
}

func hashed(token string) [32]byte {
	var buf [64]byte
	return sha256.Sum256(buf[:copy(buf[:], token)])
}

func (t *town) withSessions(tb testing.TB) {
	if t.tokens != nil {
		return
	}
	t.tokens = secrets("session", t.n)
	t.batches(tb, "sessions", t.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		now := time.Now()
		return tx.CreateSession(ctx, usermgmt.Session{
			ID: benchID[usermgmt.Session](7, i), Kind: usermgmt.SessionLogin, TokenHash: hashed(t.tokens[i]),
			User: t.user(i), Org: t.org, Epoch: 1, Idle: time.Hour, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
		})
	})
}

func (t *town) withKeys(tb testing.TB) {
	if t.keys != nil {
		return
	}
	t.keys = secrets("key", t.n)
	t.batches(tb, "keys", t.n, func(ctx context.Context, tx usermgmt.Store, i int) error {
		return tx.PutAPIKey(ctx, usermgmt.APIKey{
			ID: benchID[usermgmt.APIKey](8, i), User: t.user(i), Org: t.org, Hash: hashed(t.keys[i]),
			PublicID: "um_0190b6c4", Epoch: 1, CreatedAt: madeAt, CreatedBy: t.user(i),
		})
	})
}

// floorSessions is a map in 256 parts behind locks.
type floorSessions [256]struct {
	sync.RWMutex
	m map[[32]byte]*floorSession
	_ [24]byte
}

type floorSession struct {
	user, org string
	until     int64
}

func newFloor(tokens []string) *floorSessions {
	f := &floorSessions{}
	for i := range f {
		f[i].m = make(map[[32]byte]*floorSession, len(tokens)/256+1)
	}
	until := time.Now().Add(time.Hour).UnixNano()
	for _, t := range tokens {
		h := hashed(t)
		f[h[0]].m[h] = &floorSession{"user", "org", until}
	}
	return f
}

func (f *floorSessions) live(token string) bool {
	h := hashed(token)
	part := &f[h[0]]
	part.RLock()
	s := part.m[h]
	part.RUnlock()
	return s != nil && s.until > time.Now().UnixNano()
}

func sequentially(b *testing.B, n int, do func(i int) bool) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if !do(i) {
			b.Fatal("not found")
		}
		if i++; i == n {
			i = 0
		}
	}
}

func parallel(b *testing.B, n int, do func(i int) bool) {
	b.ReportAllocs()
	var from atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		i := int(from.Add(7919)) % n
		for pb.Next() {
			if !do(i) {
				panic("not found")
			}
			if i++; i == n {
				i = 0
			}
		}
	})
}

// beside runs ours and the floor in turns, so that what else the machine does
// hits both, and reports both and their ratio.
func beside(b *testing.B, n int, ours, floor func(i int) bool) {
	const turn = 5000
	var took [2]time.Duration
	i, calls := 0, 0
	for b.Loop() {
		for k, do := range []func(int) bool{ours, floor} {
			begin := time.Now()
			for j := range turn {
				if !do((i + j) % n) {
					b.Fatal("not found")
				}
			}
			took[k] += time.Since(begin)
		}
		i, calls = (i+turn)%n, calls+turn
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(calls), "ns/ours")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(calls), "ns/floor")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
}

func BenchmarkSessionByToken(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		t := townOf(b, n)
		t.withSessions(b)
		verify := func(i int) bool {
			v, err := t.s.SessionByToken(ctx, hashed(t.tokens[i]))
			return err == nil && time.Now().Before(v.Session.ExpiresAt) && v.Standing.Member
		}
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) { sequentially(b, n, verify) })
		b.Run(fmt.Sprintf("n=%d/parallel", n), func(b *testing.B) { parallel(b, n, verify) })
		floor := newFloor(t.tokens)
		b.Run(fmt.Sprintf("n=%d/beside", n), func(b *testing.B) {
			beside(b, n, verify, func(i int) bool { return floor.live(t.tokens[i]) })
		})
		b.Run(fmt.Sprintf("n=%d/floor/parallel", n), func(b *testing.B) {
			parallel(b, n, func(i int) bool { return floor.live(t.tokens[i]) })
		})
	}
}

func BenchmarkAPIKeyByHash(b *testing.B) {
	n := 1_000_000
	t := townOf(b, n)
	t.withKeys(b)
	b.Run("key", func(b *testing.B) {
		sequentially(b, n, func(i int) bool {
			v, err := t.s.APIKeyByHash(ctx, hashed(t.keys[i]))
			return err == nil && v.Standing.Member
		})
	})
	m := make(map[[32]byte]uint32, n)
	for i, k := range t.keys {
		m[hashed(k)] = uint32(i)
	}
	for _, some := range []int{n, 1 << 16} {
		b.Run(fmt.Sprintf("beside/keys=%d", some), func(b *testing.B) {
			beside(b, some, func(i int) bool {
				v, err := t.s.APIKeyByHash(ctx, hashed(t.keys[i]))
				return err == nil && v.Standing.Member
			}, func(i int) bool {
				_, found := m[hashed(t.keys[i])]
				return found
			})
		})
	}
}
