package usermgmt_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// sealedLog is an installation whose log is sealed, refusals that fold among it.
func sealedLog(t *testing.T, store usermgmt.Store, cfg *usermgmt.Config) *usermgmttest.Env {
	t.Helper()
	e := usermgmttest.NewOn(t, store, cfg)
	ann := e.AddUser("ann", nil)
	for range 3 {
		require.Error(t, e.Users().Disable(t.Context(), e.As(ann.ID), e.Administrator.ID))
	}
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
	e.AddOrg("other")
	e.Clock.Advance(3 * time.Minute)
	run(t, e)
	return e
}

func run(t *testing.T, e *usermgmttest.Env) {
	t.Helper()
	_, err := e.RunOnce(t.Context())
	require.NoError(t, err)
}

func TestASealedLogVerifies(t *testing.T) {
	t.Parallel()
	e := sealedLog(t, teststores.New(t), nil)
	v, err := e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Empty(t, v.Problems)
	all, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Org: e.Organization.ID, Limit: 100})
	require.NoError(t, err)
	assert.EqualValues(t, len(all), v.Sealed, "every entry has a seal")
	assert.Equal(t, v.Sealed, v.Head.Number)

	// A refusal that comes later is an entry of its own, since the sealed one is closed.
	again, err := e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{}, v.Head)
	require.NoError(t, err)
	assert.Empty(t, again.Problems)
	forged := v.Head
	forged.Hash[0]++
	again, err = e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{}, forged, usermgmt.Anchor{Number: v.Head.Number + 1})
	require.NoError(t, err)
	require.Len(t, again.Problems, 2)
	assert.Equal(t, "anchor", again.Problems[0].Rule)
}

func TestSealsAreSeenByWhoMaySeeTheWholeLog(t *testing.T) {
	t.Parallel()
	e := sealedLog(t, teststores.New(t), nil)
	bob := e.AddUser("bob", nil)
	_, err := e.Audit().Verify(t.Context(), e.As(bob.ID), usermgmt.OrgID{})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	for _, err := range e.Audit().Sealed(t.Context(), e.As(bob.ID), usermgmt.OrgID{}, 0) {
		require.ErrorIs(t, err, usermgmt.ErrPermission)
	}
	_, err = e.Audit().Verify(t.Context(), e.As(bob.ID), usermgmt.OrgID{9})
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

// Whoever follows the numbers sees every entry once, however many processes
// write and seal at once.
func TestAStreamOfSealsMissesNothing(t *testing.T) {
	t.Parallel()
	store := teststores.New(t)
	e := usermgmttest.NewOn(t, store, nil)
	other := e.NewManager(nil)
	var wg sync.WaitGroup
	const writers, each = 8, 10
	for i := range writers {
		wg.Go(func() {
			for range each {
				assert.NoError(t, e.Audit().Record(t.Context(), e.Root(), usermgmt.HostEvent{Verb: "lead.convert"}))
			}
		})
		m := []*usermgmt.Manager{e.Manager, other}[i%2]
		wg.Go(func() {
			for range each {
				_, err := m.RunOnce(t.Context())
				assert.NoError(t, err)
			}
		})
	}
	seen := map[usermgmt.AuditID]int{}
	follow := func(after int64) int64 {
		for x, err := range e.Audit().Sealed(t.Context(), e.Root(), usermgmt.OrgID{}, after) {
			if !assert.NoError(t, err) {
				return after
			}
			assert.Equal(t, after+1, x.Seal.Number)
			after = x.Seal.Number
			if x.Entry.Verb == "lead.convert" {
				seen[x.Entry.ID]++
			}
		}
		return after
	}
	var after int64
	for range each {
		after = follow(after)
	}
	wg.Wait()
	run(t, e)
	follow(after)
	assert.Len(t, seen, writers*each)
	for id, n := range seen {
		assert.Equal(t, 1, n, id)
	}
	v, err := e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Empty(t, v.Problems)
}

// tampered is a store whose sealed entries somebody has changed behind its back.
type tampered struct {
	usermgmt.Store
	change func([]usermgmt.SealedEntry) []usermgmt.SealedEntry
}

func (s *tampered) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	all, err := s.Store.ListSealed(ctx, org, 0, 1000)
	if err != nil {
		return nil, err
	}
	if after > 0 { // the page after the last
		return nil, nil
	}
	return s.change(all), nil
}

// scribbleIn changes one value somewhere in v, and reports whether it could.
func scribbleIn(r *rand.Rand, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*time.Time); ok {
			*at = at.Add(time.Duration(1+r.IntN(1e6)) * time.Microsecond)
			return true
		}
		return scribbleIn(r, v.Field(r.IntN(v.NumField())))
	case reflect.Array, reflect.Slice:
		if v.Len() == 0 {
			return false
		}
		return scribbleIn(r, v.Index(r.IntN(v.Len())))
	case reflect.Map:
		if v.Len() == 0 {
			return false
		}
		v.SetMapIndex(v.MapKeys()[r.IntN(v.Len())], reflect.ValueOf("forged"))
		return true
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Uint8:
		v.SetUint(uint64(uint8(v.Uint()) ^ uint8(1+r.IntN(255))))
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	default:
		return false
	}
	return true
}

func TestEveryChangeOfASealedEntryIsFound(t *testing.T) {
	t.Parallel()
	store := &tampered{Store: teststores.New(t), change: func(x []usermgmt.SealedEntry) []usermgmt.SealedEntry { return x }}
	e := sealedLog(t, store, nil)
	r := rand.New(rand.NewPCG(1, 2))
	verify := func() *usermgmt.Verification {
		v, err := e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{})
		require.NoError(t, err)
		return v
	}
	require.Zero(t, verify().ProblemCount)
	tries := 1000
	if teststores.Chosen() != teststores.Memory {
		tries = 100
	}
	for range tries {
		var what string
		store.change = func(x []usermgmt.SealedEntry) []usermgmt.SealedEntry {
			i := r.IntN(len(x) - 1)
			switch r.IntN(8) {
			case 0:
				what = "an entry deleted"
				x[i].Entry = usermgmt.AuditEntry{}
			case 1:
				what = "an entry deleted with its seal"
				x = slices.Delete(x, i, i+1)
			case 2:
				what = "two entries exchanged"
				x[i].Entry, x[i+1].Entry = x[i+1].Entry, x[i].Entry
			case 3:
				what = "two seals exchanged"
				x[i].Seal, x[i+1].Seal = x[i+1].Seal, x[i].Seal
			default:
				what = "a value changed"
				before := x[i]
				for {
					entry := x[i].Entry
					field := reflect.ValueOf(&x[i]).Elem()
					if scribbleIn(r, field) && entry.FoldKey == x[i].Entry.FoldKey && entry.Detail.Salt == x[i].Entry.Detail.Salt {
						break
					}
					x[i] = before // what no seal covers: a fold's key; an emptied salt stands for an erased person
				}
			}
			return x
		}
		assert.NotZero(t, verify().ProblemCount, what)
	}
}

func TestRetentionDeletesEntriesAndKeepsTheChain(t *testing.T) {
	t.Parallel()
	e := sealedLog(t, teststores.New(t), &usermgmt.Config{AuditRetention: map[usermgmt.AuditClass]time.Duration{
		usermgmt.AuditAccess: 30 * 24 * time.Hour}})
	before, err := e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Zero(t, before.Pruned)
	e.Clock.Advance(31 * 24 * time.Hour)
	run(t, e)
	refused, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Outcome: usermgmt.OutcomeRefused})
	require.NoError(t, err)
	assert.Empty(t, refused, "what was refused is of the class access")
	lastEntry(t, e, "user.disable") // what was done is kept
	assert.Equal(t, "access", lastEntry(t, e, "audit.prune").Detail.After["class"])
	after, err := e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{}, before.Head)
	require.NoError(t, err)
	assert.Empty(t, after.Problems)
	assert.Positive(t, after.Pruned)
	run(t, e)
	after, err = e.Audit().Verify(t.Context(), e.Root(), usermgmt.OrgID{}, before.Head)
	require.NoError(t, err)
	assert.Empty(t, after.Problems)
}

func TestRetentionIsADayAtLeast(t *testing.T) {
	t.Parallel()
	_, err := usermgmt.New(teststores.New(t), &usermgmt.Config{AuditRetention: map[usermgmt.AuditClass]time.Duration{usermgmt.AuditAccess: time.Hour}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	_, err = usermgmt.New(teststores.New(t), &usermgmt.Config{AuditRetention: map[usermgmt.AuditClass]time.Duration{99: 48 * time.Hour}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
}
