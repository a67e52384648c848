package usermgmt_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// BenchmarkSnapshotMemory resolves the rights of all members of an organization in a
// process that knows the organization and the first of them, and reports what is kept
// of each: the growth of the heap as B/principal and, as counted-B/principal, what is
// charged to [usermgmt.Config.SnapshotBytes]. A snapshot is more than a subject of
// internal/authz: it has the stamps that it was made from, the teams, units and roles
// by their identifiers, and its place in the cache.
func BenchmarkSnapshotMemory(b *testing.B) {
	for _, n := range sizes() {
		c := cityOf(b, n)
		objects, _ := cityObjects()
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			var before uint64
			var m *usermgmt.Manager
			for b.Loop() {
				b.StopTimer()
				var err error
				m, err = usermgmt.New(c.store, &usermgmt.Config{Objects: objects, SnapshotBytes: 4 << 30})
				require.NoError(b, err)
				_, err = m.ActorFor(b.Context(), usermgmt.ActorRequest{User: c.users[0], Org: c.org})
				require.NoError(b, err)
				before = heap()
				b.StartTimer()
				for _, u := range c.users {
					if _, err := m.ActorFor(b.Context(), usermgmt.ActorRequest{User: u, Org: c.org}); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(grown(before, n), "B/principal")
			kept, counted := usermgmt.SnapshotsHeld(m)
			require.Equal(b, n, kept)
			b.ReportMetric(float64(counted)/float64(n), "counted-B/principal")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/principal")
			runtime.KeepAlive(m)
		})
	}
}
