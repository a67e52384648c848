package memory_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

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
	b.Run("common", search("7@e", 50))
	b.Run("two-letters", search("zz", 0))
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
