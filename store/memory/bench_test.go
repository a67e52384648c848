package memory_test

import (
	"bytes"
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

var page []usermgmt.User

func BenchmarkListUsers(b *testing.B) {
	t := townOf(b, 1_000_000)
	// Every thousandth user in the order of the list.
	var marks []usermgmt.User
	i := 0
	for m, err := range t.s.StreamMembers(ctx, usermgmt.UserQuery{Org: t.org}) {
		require.NoError(b, err)
		if i++; i%1000 == 0 {
			marks = append(marks, m.User)
		}
	}
	list := func(b *testing.B, depth func() int) {
		b.ReportAllocs()
		for b.Loop() {
			d := depth()
			q := usermgmt.UserQuery{Org: t.org, Limit: 50}
			if d > 0 {
				q.After = usermgmt.Position{Key: marks[d-1].NameKey, ID: marks[d-1].ID}
			}
			got, err := t.s.ListUsers(ctx, q)
			if err != nil || len(got) != 50 {
				b.Fatal(err, len(got))
			}
		}
	}
	b.Run("first", func(b *testing.B) { list(b, func() int { return 0 }) })
	b.Run("deep", func(b *testing.B) { list(b, func() int { return 900 }) })
	b.Run("random", func(b *testing.B) { list(b, func() int { return rand.IntN(len(marks) - 1) }) })
	b.Run("floor/copy", func(b *testing.B) { // of 50 users that lie next to each other
		b.ReportAllocs()
		for b.Loop() {
			d := rand.IntN(len(marks) - 50)
			page = append([]usermgmt.User(nil), marks[d:d+50]...)
		}
	})
	b.Run("own-team", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			got, err := t.s.ListUsers(ctx, usermgmt.UserQuery{Org: t.org, Limit: 50, Visible: &usermgmt.Filter{
				Org: t.org, Teams: []usermgmt.TeamID{t.team(i % t.teams)},
			}})
			if err != nil || len(got) < 10 {
				b.Fatal(err, len(got))
			}
		}
	})
	b.Run("team-tree", func(b *testing.B) { // half of everybody
		b.ReportAllocs()
		for b.Loop() {
			got, err := t.s.ListUsers(ctx, usermgmt.UserQuery{Org: t.org, Limit: 50, TeamTree: t.team(1)})
			if err != nil || len(got) != 50 {
				b.Fatal(err, len(got))
			}
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	t := townOf(b, 1_000_000)
	var arena []byte
	for i := range t.n {
		arena = append(append(arena, benchUser(i).SearchKey...), '\n')
	}
	search := func(text string, want int) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, err := t.s.ListUsers(ctx, usermgmt.UserQuery{Org: t.org, Limit: 50, Search: text})
				if err != nil || len(got) != want {
					b.Fatal(err, len(got))
				}
			}
		}
	}
	b.Run("common", search("7@", 50))
	b.Run("common-but-late", search("garcia", 50))
	b.Run("one", search("smith524288", 1))
	b.Run("none", search("zzzzqq", 0))
	b.Run("floor/none", func(b *testing.B) {
		b.SetBytes(int64(len(arena)))
		for b.Loop() {
			if bytes.Contains(arena, []byte("zzzzqq")) {
				b.Fatal("found")
			}
		}
	})
}

func BenchmarkStreamMembers(b *testing.B) {
	t := townOf(b, 1_000_000)
	for name, sort := range map[string]usermgmt.UserSort{"name": usermgmt.SortName, "created": usermgmt.SortCreated} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				for m, err := range t.s.StreamMembers(ctx, usermgmt.UserQuery{Org: t.org, Sort: sort}) {
					if err != nil || m.User.ID.IsZero() {
						b.Fatal(err)
					}
					rows++
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func benchEntry(i int) usermgmt.AuditEntry {
	return usermgmt.AuditEntry{
		ID: benchID[usermgmt.AuditEntry](9, i), Operation: benchID[usermgmt.Operation](10, i), At: madeAt, Verb: "user.edit",
		Outcome: usermgmt.OutcomeDone, Door: usermgmt.DoorSession, TargetKind: "user", Target: "0190b6c4-0000-7000-8000-000000000000",
		Fields: []string{"email", "last_name"}, Count: 1, LastAt: madeAt,
		Detail: usermgmt.AuditDetail{
			OperatorName: "Jane Doe", SubjectName: "Jane Doe", TargetName: "John Doe",
			Origin: usermgmt.Origin{Address: "192.0.2.1", UserAgent: "Mozilla/5.0", RequestID: "4711"},
			Before: map[string]string{"last_name": "Smith"}, After: map[string]string{"last_name": "Doe"},
		},
	}
}

func BenchmarkAppendAudit(b *testing.B) {
	b.Run("one", func(b *testing.B) {
		s, e, i := memory.New(), benchEntry(0), 0
		b.ReportAllocs()
		for b.Loop() {
			i++
			binary.BigEndian.PutUint64(e.ID[:8], uint64(i))
			if err := s.AppendAudit(ctx, e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in-tx", func(b *testing.B) {
		s, e, i := memory.New(), benchEntry(0), 0
		b.ReportAllocs()
		require.NoError(b, s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			for b.Loop() {
				i++
				binary.BigEndian.PutUint64(e.ID[:8], uint64(i))
				if err := tx.AppendAudit(ctx, e); err != nil {
					return err
				}
			}
			return nil
		}))
	})
}

// BenchmarkWrites are single calls, each a transaction of its own.
func BenchmarkWrites(b *testing.B) {
	t := townOf(b, 1_000_000)
	t.withSessions(b)
	b.Run("TouchSession", func(b *testing.B) {
		b.ReportAllocs()
		i, at := 0, time.Now()
		for b.Loop() {
			i++
			at = at.Add(time.Millisecond)
			if err := t.s.TouchSession(ctx, benchID[usermgmt.Session](7, i%t.n), at, at); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("SaveUser", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			u, err := t.s.UserByID(ctx, t.user(i%t.n))
			if err == nil {
				err = t.s.SaveUser(ctx, u)
			}
			if err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("RecordLogin", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if err := t.s.RecordLogin(ctx, t.user(i%t.n), madeAt); err != nil {
				b.Fatal(err)
			}
		}
	})
}
