package bench

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

const (
	hotSet  = 64
	coldSet = 4096
)

// scene is a world of a size and the engines that know it. One size is kept.
type scene struct {
	n       int
	w       *world
	engines map[string]engine
	bytes   map[string]float64       // memory for each user
	built   map[string]time.Duration // what it took to tell the engine
}

var kept *scene

func sceneOf(n int) *scene {
	if kept == nil || kept.n != n {
		if kept != nil {
			for _, e := range kept.engines {
				e.close()
			}
		}
		kept = &scene{n: n, w: newWorld(n), engines: map[string]engine{}, bytes: map[string]float64{}, built: map[string]time.Duration{}}
	}
	return kept
}

func (s *scene) engine(b *testing.B, m maker) engine {
	if e := s.engines[m.name]; e != nil {
		return e
	}
	before := heap()
	begin := time.Now()
	e := m.make(b, s.w)
	s.built[m.name] = time.Since(begin)
	s.bytes[m.name] = float64(int64(heap())-int64(before)) / float64(s.n)
	s.engines[m.name] = e
	return e
}

// sizes are numbers of users, and of teams.
func sizes() []int {
	if testing.Short() {
		return []int{1_000}
	}
	return []int{1_000, 100_000}
}

// each runs do for every size and every engine that bears it.
func each(b *testing.B, sizes []int, skip func(maker) bool, do func(b *testing.B, s *scene, m maker)) {
	for _, n := range sizes {
		for _, m := range makers {
			if (m.most == 0 || n <= m.most) && !skip(m) {
				b.Run(fmt.Sprintf("%s/users=%d", m.name, n), func(b *testing.B) { do(b, sceneOf(n), m) })
			}
		}
	}
}

func never(maker) bool { return false }

// BenchmarkCheck asks prepared questions, 64 of them or many, after it has seen
// that they are answered right.
func BenchmarkCheck(b *testing.B) {
	for _, set := range []struct {
		name string
		n    int
	}{{"hot", hotSet}, {"random", coldSet}} {
		b.Run(set.name, func(b *testing.B) {
			each(b, sizes(), never, func(b *testing.B, s *scene, m maker) {
				e := s.engine(b, m)
				asks := make([]func() bool, set.n)
				for i, q := range s.w.questions(set.n) {
					asks[i] = e.ask(q)
					if i < hotSet && asks[i]() != s.w.allows(q) {
						b.Fatalf("%+v is answered wrong", q)
					}
				}
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					asks[i]()
					if i++; i == len(asks) {
						i = 0
					}
				}
			})
		})
	}
}

// BenchmarkCheckAfterRevoke takes a role away, with what that costs as
// ns/revoke, and asks what only the role allowed, as ns/first-check. For an
// engine that answers from before, the share of such answers is stale/op.
func BenchmarkCheckAfterRevoke(b *testing.B) {
	each(b, sizes(), func(m maker) bool { return m.fixed }, func(b *testing.B, s *scene, m maker) {
		e := s.engine(b, m)
		qs, roles := s.w.revocations(8)
		var revoke, check time.Duration
		stale := 0
		n := 0
		for b.Loop() {
			q, role := qs[n%len(qs)], roles[n%len(qs)]
			n++
			if !e.fresh(q) {
				b.Fatal("denied while the role is held")
			}
			s.w.take(q.user, role)
			begin := time.Now()
			e.take(q.user, role)
			taken := time.Now()
			allowed := e.fresh(q)
			check += time.Since(taken)
			revoke += taken.Sub(begin)
			if allowed {
				stale++
			}
			s.w.give(q.user, role)
			e.give(q.user, role)
		}
		if stale > 0 && !m.stale {
			b.Fatal("allowed after the role was taken away")
		}
		b.ReportMetric(float64(revoke.Nanoseconds())/float64(n), "ns/revoke")
		b.ReportMetric(float64(check.Nanoseconds())/float64(n), "ns/first-check")
		b.ReportMetric(float64(stale)/float64(n), "stale/op")
	})
}

// BenchmarkFilter finds on which of at most 1,000 records a user has a
// permission. Besides, usermgmt gives the condition for the host's database.
func BenchmarkFilter(b *testing.B) {
	slow := func(m maker) bool { return m.fixed || m.stale }
	each(b, []int{1_000}, slow, func(b *testing.B, s *scene, m maker) {
		e := s.engine(b, m)
		qs := s.w.questions(16)
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			q := qs[i%len(qs)]
			e.list(q.user, q.perm, s.w.teamsOf(s.w.users[q.user].org, 1000))
			i++
		}
	})
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("condition/users=%d", n), func(b *testing.B) {
			s := sceneOf(n)
			o := s.engine(b, makers[0]).(*ours)
			qs := s.w.questions(16)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				o.filter(qs[i%len(qs)].user, qs[i%len(qs)].perm)
				i++
			}
		})
	}
}

// proxyQuestions ask whether operators may act as users who are in one team.
func (w *world) proxyQuestions(n int) []question {
	perm := w.perm(proxyLogin)
	var out []question
	for _, q := range w.questions(200 * n) {
		roles := w.inForce(q.user)
		if len(out) < n && slices.ContainsFunc(roles, func(r int) bool { return w.roles[r].grants[perm] != 0 }) {
			out = append(out, question{user: q.user, perm: perm, team: q.team, seen: -1})
		}
	}
	return out
}

// BenchmarkProxyScope asks whether an operator may log in as somebody who is in a
// team.
func BenchmarkProxyScope(b *testing.B) {
	each(b, sizes(), never, func(b *testing.B, s *scene, m maker) {
		e := s.engine(b, m)
		qs := s.w.proxyQuestions(256)
		asks := make([]func() bool, len(qs))
		for i, q := range qs {
			asks[i] = e.ask(q)
			if i < hotSet && asks[i]() != s.w.allows(q) {
				b.Fatalf("%+v is answered wrong", q)
			}
		}
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			asks[i]()
			if i++; i == len(asks) {
				i = 0
			}
		}
	})
}

// BenchmarkTreeMove moves a team with everything below and asks a question whose
// answer the move changes.
func BenchmarkTreeMove(b *testing.B) {
	sizes := []int{1_000}
	if !testing.Short() {
		sizes = append(sizes, 10_000)
	}
	each(b, sizes, func(m maker) bool { return m.fixed || m.stale }, func(b *testing.B, s *scene, m maker) {
		e := s.engine(b, m)
		v, q, below := s.w.telling(b)
		home := v.from
		for b.Loop() {
			e.move(v.team, v.from, v.to)
			s.w.move(v.team, v.to)
			if e.fresh(q) != s.w.allows(q) {
				b.Fatal("the move is not seen")
			}
			v.from, v.to = v.to, v.from
		}
		if v.from != home {
			e.move(v.team, v.from, home)
			s.w.move(v.team, home)
		}
		b.ReportMetric(float64(below), "teams-moved")
	})
}

// telling is the move to the root that has most teams below, of those by which
// somebody loses what a question is about.
func (w *world) telling(tb testing.TB) (best move, about question, most int) {
	tb.Helper()
	size := make([]int, len(w.teams))
	for t := range w.teams {
		for above := t; above >= 0; above = w.teams[above].parent {
			size[above]++
		}
	}
	for _, q := range w.questions(2000) {
		if w.teams[q.team].org != 0 || !w.allows(q) {
			continue
		}
		for t := q.team; w.teams[t].parent > 0; t = w.teams[t].parent {
			v := move{t, w.teams[t].parent, 0}
			w.move(t, v.to)
			lost := !w.allows(q)
			w.move(t, v.from)
			if lost && size[t] > most {
				best, about, most = v, q, size[t]
			}
		}
	}
	if most == 0 {
		tb.Fatal("no question tells that a team was moved")
	}
	return best, about, most
}

// BenchmarkSnapshot is what an engine needs before it can answer: all of it at
// the beginning of a process, as ns/build and B/user, and for usermgmt also the
// rights of a principal who was not seen before.
func BenchmarkSnapshot(b *testing.B) {
	each(b, sizes(), func(m maker) bool { return m.fixed || m.stale }, func(b *testing.B, s *scene, m maker) {
		s.engine(b, m)
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(s.built[m.name].Nanoseconds()), "ns/build")
		b.ReportMetric(s.bytes[m.name], "B/user")
	})
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("principal/users=%d", n), func(b *testing.B) {
			s := sceneOf(n)
			o := s.engine(b, makers[0]).(*ours)
			o.open() // knows nobody
			o.verified(0)
			before, u := heap(), 0
			actors := make([]usermgmt.Actor, 0, n)
			b.ReportAllocs()
			for b.Loop() {
				if u++; u == n {
					b.StopTimer()
					o.open()
					o.verified(0)
					actors, u = actors[:0], 1
					b.StartTimer()
				}
				actors = append(actors, o.verified(u))
			}
			b.ReportMetric(float64(int64(heap())-int64(before))/float64(len(actors)), "B/principal")
			runtime.KeepAlive(actors)
		})
		b.Run(fmt.Sprintf("process/users=%d", n), func(b *testing.B) {
			o := sceneOf(n).engine(b, makers[0]).(*ours)
			for b.Loop() {
				b.StopTimer()
				o.open()
				b.StartTimer()
				o.verified(0)
			}
		})
	}
}

// BenchmarkProxyPrepare is the whole decision on a proxy login, with reading the
// target, the standing and the operator's list.
func BenchmarkProxyPrepare(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			s := sceneOf(n)
			o := s.engine(b, makers[0]).(*ours)
			operator, targets := o.proxyTargets(b)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, err := o.m.Proxy().Prepare(b.Context(), operator, targets[i]); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(targets) {
					i = 0
				}
			}
		})
	}
}

// proxyTargets logs an operator in and returns users as whom the operator may
// act; that the first others are refused is seen on the way.
func (o *ours) proxyTargets(b *testing.B) (usermgmt.Actor, []usermgmt.UserID) {
	perm := o.w.perm(proxyLogin)
	for u := range o.w.users {
		if o.w.users[u].org != 0 {
			continue
		}
		var yes, no []usermgmt.UserID
		for t := 0; t < min(len(o.w.users), 5000); t++ {
			if target := &o.w.users[t]; t == u || target.org != 0 || len(target.teams) != 1 {
				continue
			} else if o.w.allows(question{user: u, perm: perm, team: target.teams[0], seen: -1}) {
				yes = append(yes, o.users[t])
			} else {
				no = append(no, o.users[t])
			}
		}
		if len(yes) < 3 || len(no) == 0 {
			continue
		}
		const password = "a long enough password of nobody"
		ctx := b.Context()
		require.NoError(b, o.m.Passwords().Set(ctx, o.admins[0], o.users[u], password, password, false))
		in, err := o.m.Auth().Login(ctx, usermgmt.LoginRequest{Name: userName(u), Password: password, Org: o.orgs[0]})
		require.NoError(b, err)
		for _, target := range yes {
			_, err := o.m.Proxy().Prepare(ctx, in.Actor, target)
			require.NoError(b, err)
		}
		for _, target := range no[:min(len(no), 50)] {
			_, err := o.m.Proxy().Prepare(ctx, in.Actor, target)
			require.Error(b, err)
		}
		return in.Actor, yes
	}
	b.Fatal("nobody may act as anybody")
	return usermgmt.Actor{}, nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
