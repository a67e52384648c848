package postgres

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	// tries is how often a transaction of ours is run before its serialization
	// failures are handed on.
	tries = 10
	// retryPause is the longest pause before the first retry; it grows with each.
	retryPause = 4 * time.Millisecond
	// undoTimeout is how long undoing may take after the caller's context ended.
	undoTimeout = 5 * time.Second
)

// txn is a transaction on one connection: one of ours, or a host's while a
// call runs in it. Steps are collected and sent when something is read, when
// an inner unit of work ends, and with the commit.
type txn struct {
	link   link
	host   bool
	begun  bool // the server has been told to begin
	broken bool // the connection is in an unknown state
	// pending are steps that were not sent yet, hot those that go last.
	pending, hot []step
	inner        *unit // the innermost unit of work
	transient    bool  // a serialization failure happened
}

// unit is one call of Tx: a transaction of ours, or a savepoint.
type unit struct {
	t     *txn
	outer *unit
	depth int // of savepoints; 0 for a transaction of ours
	// open: the server has the transaction or the savepoint.
	open  bool
	err   error // the first failure
	ended atomic.Bool
}

func (u *unit) savepoint() string { return "usermgmt_" + strconv.Itoa(u.depth) }

// usable returns why nothing can be done in the unit, nil if it can.
func (u *unit) usable(ctx context.Context) error {
	if u.ended.Load() || u.t.inner != u {
		return usermgmt.ErrOutsideTx
	}
	for o := u; o != nil; o = o.outer {
		if o.err != nil {
			return fmt.Errorf("postgres: after a failure in the transaction: %w", o.err)
		}
	}
	return ctx.Err()
}

// Tx implements [usermgmt.Store]. A transaction of ours is READ COMMITTED and
// runs again, up to ten times, if the server gives it up for a serialization
// failure or a deadlock. If the connection is lost while it commits, Tx fails
// with [usermgmt.ErrOutcomeUnknown]. If fn panics, everything is rolled back
// and the panic goes on.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	switch {
	case s.unit != nil:
		if err := s.unit.usable(ctx); err != nil {
			return err
		}
		return s.nest(ctx, s.unit.t, s.unit, fn)
	case s.host != nil:
		if err := s.enter(ctx); err != nil {
			return err
		}
		return s.nest(ctx, &txn{link: s.host, host: true, begun: true}, nil, fn)
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	return s.retry(ctx, func() (bool, error) { return s.own(ctx, fn) })
}

// retry runs do again while it reports that the failure passes.
func (s *Store) retry(ctx context.Context, do func() (again bool, err error)) error {
	for n := 1; ; n++ {
		again, err := do()
		if !again || n == tries || ctx.Err() != nil {
			return err
		}
		pause := time.NewTimer(time.Duration(rand.Int64N(int64(n) * int64(retryPause)))) //nolint:gosec // no secret
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// own runs fn in a transaction of ours.
func (s *Store) own(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) (again bool, err error) {
	l, err := s.source.acquire(ctx)
	if err != nil {
		return false, plain(ctx, err)
	}
	t := &txn{link: l}
	u := &unit{t: t}
	t.inner = u
	t.pending = append(t.pending, step{kind: begin, sql: beginSQL, unit: u})
	committed := false
	defer func() {
		u.ended.Store(true)
		if !committed {
			t.undo(ctx, u)
		}
		l.free(t.broken)
	}()
	if err := s.run(ctx, u, fn); err != nil {
		return t.transient, err
	}
	err = t.commit(ctx, u)
	committed = err == nil
	return t.transient && !committed, err
}

// nest runs fn in a savepoint.
func (s *Store) nest(ctx context.Context, t *txn, outer *unit, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	t.settleHot()
	u := &unit{t: t, outer: outer, depth: 1}
	if outer != nil {
		u.depth = outer.depth + 1
	}
	first := len(t.pending)
	t.pending = append(t.pending, step{kind: savepoint, sql: "savepoint " + u.savepoint(), unit: u})
	t.inner = u
	done := false
	defer func() {
		u.ended.Store(true)
		t.inner = outer
		if done {
			return
		}
		if u.open {
			t.undo(ctx, u)
		} else if len(t.pending) > first {
			t.pending, t.hot = t.pending[:first], nil
		}
	}()
	if err := s.run(ctx, u, fn); err != nil {
		return err
	}
	t.settleHot()
	if !u.open && len(t.pending) == first+1 {
		t.pending = t.pending[:first] // nothing was done
		done = true
		return nil
	}
	t.pending = append(t.pending, step{kind: release, sql: "release savepoint " + u.savepoint(), unit: u})
	if err := t.flush(ctx); err != nil {
		return err
	}
	done = true
	return nil
}

// run calls fn and returns what decides the outcome.
func (s *Store) run(ctx context.Context, u *unit, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if err := fn(context.WithValue(ctx, mark{s.core}, u), &Store{core: s.core, host: s.host, unit: u}); err != nil {
		return err
	}
	if u.err != nil {
		return u.err
	}
	return ctx.Err()
}

// settleHot puts the hot steps behind the others, in their fixed order.
func (t *txn) settleHot() {
	slices.SortStableFunc(t.hot, func(a, b step) int { return cmp.Compare(a.hot, b.hot) })
	t.pending = append(t.pending, t.hot...)
	t.hot = t.hot[:0]
}

// flush sends what is pending.
func (t *txn) flush(ctx context.Context) error {
	steps := t.take()
	if len(steps) == 0 {
		return nil
	}
	failed, err := t.link.send(ctx, steps, false)
	if err != nil {
		return t.fail(ctx, steps, failed, err)
	}
	t.sent(steps)
	return nil
}

func (t *txn) take() []step {
	t.settleHot()
	steps := join(t.pending)
	t.pending = nil
	return steps
}

// sent notes what the server has done.
func (t *txn) sent(steps []step) {
	for i := range steps {
		switch steps[i].kind {
		case begin, savepoint:
			steps[i].unit.open = true
			t.begun = true
		case statement, commit, rollback, release, rollbackTo:
		}
	}
}

// fail notes the failure of a step, and that of whatever it belongs to.
func (t *txn) fail(ctx context.Context, steps []step, failed int, cause error) error {
	t.sent(steps[:failed])
	st := &steps[failed]
	err := explain(ctx, st, cause)
	t.note(st.unit, cause, err)
	return err
}

func (t *txn) note(u *unit, cause, err error) {
	t.transient = t.transient || isTransient(err)
	if t.link.dead(cause) {
		t.broken = true
		// Nothing on this connection goes on.
		for ; u.outer != nil; u = u.outer {
			if u.err == nil {
				u.err = err
			}
		}
	}
	if u.err == nil {
		u.err = err
	}
}

// query sends what is pending and asks.
func (t *txn) query(ctx context.Context, u *unit, sql string, args []any) (rows, error) {
	steps := t.take()
	r, failed, err := t.link.ask(ctx, steps, sql, args)
	if err == nil {
		t.sent(steps)
		return r, nil
	}
	if failed < len(steps) {
		return nil, t.fail(ctx, steps, failed, err)
	}
	t.sent(steps)
	return nil, t.asked(ctx, u, err)
}

// asked notes a failure of a query.
func (t *txn) asked(ctx context.Context, u *unit, cause error) error {
	err := explain(ctx, nil, cause)
	t.note(u, cause, err)
	return err
}

// commit sends what is pending and commits.
func (t *txn) commit(ctx context.Context, u *unit) error {
	steps := t.take()
	if !t.begun && len(steps) == 1 {
		return nil // nothing was done
	}
	if !t.begun && t.link.pipelined() && !slices.ContainsFunc(steps[1:], func(s step) bool { return s.kind != statement }) {
		return t.finish(ctx, u, steps[1:]) // one batch is a transaction by itself
	}
	return t.finish(ctx, u, append(steps, step{kind: commit, sql: commitSQL, unit: u}))
}

// finish sends the last steps of a transaction of ours.
func (t *txn) finish(ctx context.Context, u *unit, steps []step) error {
	failed, err := t.link.send(ctx, steps, true)
	if err == nil {
		return nil
	}
	out := t.fail(ctx, steps, failed, err)
	last := failed == len(steps)-1 || t.link.pipelined()
	if t.broken && last && !unsent(err) {
		out = unknown(err)
	}
	return out
}

// undo rolls back a transaction of ours or a savepoint.
func (t *txn) undo(ctx context.Context, u *unit) {
	t.pending, t.hot = nil, nil
	if t.broken || !t.begun {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	steps := []step{{kind: rollback, sql: rollbackSQL, unit: u}}
	if u.depth > 0 {
		steps = []step{
			{kind: rollbackTo, sql: "rollback to savepoint " + u.savepoint(), unit: u},
			{kind: release, sql: "release savepoint " + u.savepoint(), unit: u},
		}
	}
	if _, err := t.link.send(ctx, steps, false); err != nil {
		t.broken = true
		for o := u.outer; o != nil; o = o.outer {
			if o.err == nil {
				o.err = plain(ctx, err)
			}
		}
	}
}
