package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt"
)

// world is one case's store with what makes and checks its contents. All
// identifiers and times are made here and the same in every run.
type world struct {
	tb
	s    usermgmt.Store
	ctx  context.Context
	last uint64
	// patience is how long the case waits for what must not wait.
	patience time.Duration
}

func newWorld(t tb, s usermgmt.Store) *world {
	return &world{tb: &gate{tb: t}, s: s, ctx: t.Context(), patience: 30 * time.Second}
}

// enough is how many problems a case reports at most.
const enough = 40

// gate keeps races from reporting without end, and goroutines that outlive
// their case, because the store hangs, from reporting to a test that is over.
type gate struct {
	tb
	mu       sync.Mutex
	shut     bool
	problems int
}

func (g *gate) Errorf(format string, args ...any) {
	g.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return
	}
	g.tb.Errorf(format, args...)
	if g.problems++; g.problems == enough {
		g.tb.Errorf("… and perhaps more")
		g.shut = true
	}
}

func (g *gate) Fatalf(format string, args ...any) {
	g.Helper()
	g.mu.Lock()
	g.shut = true
	g.mu.Unlock()
	g.tb.Fatalf(format, args...)
}

// start is a moment whose microseconds show if they are lost.
var start = time.Date(2024, time.February, 29, 23, 59, 59, 123456000, time.UTC)

// at is n minutes after start.
func at(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

// idOf returns the identifier with the number n: of the form of a UUID of
// version 7, greater for a greater n.
func idOf[E any](n uint64) usermgmt.ID[E] {
	var id usermgmt.ID[E]
	// 0x51 steps spread over the bytes, so that half of them are above 0x7f.
	binary.BigEndian.PutUint64(id[:8], (0x018f_0000_0000+n*0x51)<<16)
	binary.BigEndian.PutUint64(id[8:], n)
	id[6], id[8] = 0x70, 0x80
	return id
}

// newID returns the next identifier.
func newID[E any](w *world) usermgmt.ID[E] {
	w.last++
	return idOf[E](w.last)
}

// hashOf returns a hash that is different for each n.
func hashOf(n int) (h [32]byte) {
	binary.BigEndian.PutUint64(h[24:], uint64(n))
	h[0] = 0xff
	return h
}

// do fails the case if a call that must succeed did not.
func (w *world) do(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("failed unexpectedly: %v", err)
	}
}

// write runs fn in a transaction that must commit.
func (w *world) write(fn func(ctx context.Context, tx usermgmt.Store) error) {
	w.Helper()
	w.do(w.s.Tx(w.ctx, fn))
}

// refusal is how a call must fail: Field and Rule where the contract names them.
type refusal struct {
	kind        error
	field, rule string
}

var (
	isMissing   = refusal{kind: usermgmt.ErrNotFound}
	isStale     = refusal{kind: usermgmt.ErrStale}
	isDuplicate = refusal{kind: usermgmt.ErrConflict}
	isReference = refusal{kind: usermgmt.ErrConflict, rule: "reference"}
	isInUse     = refusal{kind: usermgmt.ErrConflict, rule: "in_use"}
	isFull      = refusal{kind: usermgmt.ErrLimit, field: "licence"}
)

func isTaken(field string) refusal {
	return refusal{kind: usermgmt.ErrConflict, field: field, rule: "taken"}
}

var sentinels = []error{
	usermgmt.ErrNotFound, usermgmt.ErrInvalid, usermgmt.ErrConflict, usermgmt.ErrStale,
	usermgmt.ErrLimit, usermgmt.ErrPermission, usermgmt.ErrUnauthenticated, usermgmt.ErrCredentials,
	usermgmt.ErrOverloaded, usermgmt.ErrNotConfigured, usermgmt.ErrTransient,
	usermgmt.ErrOutcomeUnknown, usermgmt.ErrOutsideTx,
}

// problem tells how err differs from the refusal, or "" if it does not.
func (r refusal) problem(err error) string {
	if err == nil {
		return fmt.Sprintf("succeeded, want %q", r.kind)
	}
	for _, kind := range sentinels {
		if errors.Is(err, kind) != (kind == r.kind) { //nolint:errorlint // identity of sentinels
			return fmt.Sprintf("failed with %q, want %q alone", err, r.kind)
		}
	}
	if r.field == "" && r.rule == "" {
		return ""
	}
	var e *usermgmt.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("failed with %q, which is no *usermgmt.Error", err)
	}
	if r.field != "" && e.Field != r.field {
		return fmt.Sprintf("failed with Field %q, want %q: %v", e.Field, r.field, err)
	}
	if r.rule != "" && e.Rule != r.rule {
		return fmt.Sprintf("failed with Rule %q, want %q: %v", e.Rule, r.rule, err)
	}
	return ""
}

// refuse runs the write fn in a transaction and checks that it fails as it
// must, be it at once or when the transaction ends.
func (w *world) refuse(what string, want refusal, fn func(ctx context.Context, tx usermgmt.Store) error) {
	w.Helper()
	if p := want.problem(w.s.Tx(w.ctx, fn)); p != "" {
		w.Errorf("%s %s", what, p)
	}
}

// result is what a read returned.
type result[T any] struct {
	value T
	err   error
}

// got wraps the results of a read: got(s.OrgByID(ctx, id)).is(w, want).
func got[T any](value T, err error) result[T] { return result[T]{value, err} }

// must returns the value of a read that must succeed.
func (r result[T]) must(w *world) T {
	w.Helper()
	w.do(r.err)
	return r.value
}

// is checks that the read returned want.
func (r result[T]) is(w *world, want T) {
	w.Helper()
	if r.err != nil {
		w.Errorf("read failed: %v", r.err)
		return
	}
	if d := difference(want, r.value); d != "" {
		w.Errorf("read differs (- want, + got):\n%s", d)
	}
}

// missing checks that the read found nothing.
func (r result[T]) missing(w *world) {
	w.Helper()
	if p := isMissing.problem(r.err); p != "" {
		w.Errorf("read of what is not there %s", p)
	}
}

// equal checks a value that is not the result of one call.
func equal[T any](w *world, what string, want, got T) {
	w.Helper()
	if d := difference(want, got); d != "" {
		w.Errorf("%s differs (- want, + got):\n%s", what, d)
	}
}
