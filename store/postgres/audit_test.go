package postgres_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// audit adds entries, mostly by and about people.
func (c *crowd) audit(n int) {
	c.t.Helper()
	var entries []usermgmt.AuditEntry
	person := func() (out usermgmt.UserID) {
		if c.r.IntN(12) > 0 {
			out = pick(c.r, c.users).ID
		}
		return out
	}
	for i := range n {
		e := usermgmt.AuditEntry{
			At: c.now.Add(time.Duration(c.r.IntN(n)) * time.Second), Outcome: usermgmt.Outcome(c.r.IntN(3) + 1),
			Verb: fmt.Sprint("verb ", c.r.IntN(4)), TargetKind: "user", Operator: person(), Count: 1,
		}
		binary.BigEndian.PutUint64(e.ID[:], uint64(c.r.IntN(n)))
		binary.BigEndian.PutUint64(e.ID[8:], uint64(i+1))
		binary.BigEndian.PutUint64(e.Operation[8:], uint64(c.r.IntN(n/4)+1))
		e.LastAt, e.Subject = e.At, e.Operator
		if c.r.IntN(3) == 0 {
			e.Subject = person()
		}
		if c.r.IntN(8) > 0 {
			e.Org, e.Target = pick(c.r, c.orgs), fmt.Sprint(c.r.IntN(20))
		}
		entries = append(entries, e)
	}
	c.save(func(ctx context.Context, s usermgmt.Store) error { return s.AppendAudit(ctx, entries...) })
}

func (c *crowd) auditQuery(n int) usermgmt.AuditQuery {
	q := usermgmt.AuditQuery{Limit: c.r.IntN(90) + 1}
	if c.r.IntN(4) > 0 {
		q.Org = pick(c.r, c.orgs)
	}
	if c.r.IntN(4) > 0 {
		q.Visible = c.filter()
	}
	for range c.r.IntN(3) {
		switch c.r.IntN(8) {
		case 0:
			q.Operator = pick(c.r, c.users).ID
		case 1, 2:
			q.Subject = pick(c.r, c.users).ID
		case 3:
			q.Target = fmt.Sprint(c.r.IntN(20))
		case 4:
			q.Verb = fmt.Sprint("verb ", c.r.IntN(4))
		case 5:
			binary.BigEndian.PutUint64(q.Operation[8:], uint64(c.r.IntN(n/4)+1))
		case 6:
			q.Outcome = usermgmt.Outcome(c.r.IntN(3) + 1)
		default:
			q.From = c.now.Add(time.Duration(c.r.IntN(n))*time.Second + time.Duration(c.r.IntN(2)))
			q.Until = q.From.Add(time.Duration(c.r.IntN(n)) * time.Second)
		}
	}
	return q
}

// auditPages reads the list in pages.
func auditPages(ctx context.Context, s usermgmt.Store, q usermgmt.AuditQuery) (out []usermgmt.AuditID, err error) {
	for {
		page, err := s.ListAudit(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			out = append(out, page[i].ID)
		}
		if len(page) < q.Limit {
			return out, nil
		}
		q.After = page[len(page)-1].ID
	}
}

// TestAuditListsAreThoseOfTheMemoryStore also begins with the visible users,
// which takes more entries otherwise.
func TestAuditListsAreThoseOfTheMemoryStore(t *testing.T) {
	const entries = 800
	s, pool := newStore(t, migrated(t), nil)
	c := newCrowd(t, memory.New(), s)
	c.audit(entries)
	_, err := pool.Exec(t.Context(), "analyze")
	require.NoError(t, err)
	for _, turn := range [][2]int{{2000, 20_000}, {40, 100}, {1, 1}, {40, 0}} {
		undoWalk, undoSpan := postgres.SetAuditWalk(turn[0]), postgres.SetAuditSpan(turn[1])
		for range 50 {
			q := c.auditQuery(entries)
			want, err := auditPages(t.Context(), c.stores[0], q)
			require.NoError(t, err)
			got, err := auditPages(t.Context(), s, q)
			require.NoError(t, err, "%+v", q)
			assert.Equal(t, want, got, "%+v, visible %+v", q, q.Visible)
		}
		undoWalk()
		undoSpan()
	}
}
