package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/usermgmt/usermgmt"
)

// txn is a running transaction, or one that joined it.
//
// A transaction reads the version that was current when it began until it
// writes: only then it takes the turn to write, so that those that only read
// never wait. If somebody else has committed meanwhile, what it read may be
// wrong, and it is run once more, with the turn from the beginning.
type txn struct {
	outer  *txn
	root   *txn  // the outermost, itself if it joined none
	failed error // the first failure of a write
	ended  atomic.Bool

	// The rest is the root's.
	view    *version // what is read until writing
	read    bool     // something was read
	writing bool     // the turn is taken
	base    version  // the writer's version when it was taken
	rerun   bool
}

var errRerun = fmt.Errorf("memory: the transaction runs once more: %w", usermgmt.ErrTransient)

// usable returns why nothing can be done in the transaction, nil if it can.
func (t *txn) usable(ctx context.Context) error {
	if t.ended.Load() {
		return usermgmt.ErrOutsideTx
	}
	for o := t; o != nil; o = o.outer {
		if o.failed != nil {
			return fmt.Errorf("memory: after a failure in the transaction: %w", o.failed)
		}
	}
	return ctx.Err()
}

func (t *txn) fail(err error) {
	if t.failed == nil && !t.ended.Load() {
		t.failed = err
	}
}

// version returns what the transaction reads.
func (t *txn) version(e *engine) *version {
	if t.root.writing {
		return e.w.v
	}
	t.root.read = true
	return t.root.view
}

// startWriting takes the turn if the transaction does not have it.
func (t *txn) startWriting(ctx context.Context, e *engine) error {
	r := t.root
	if r.writing {
		return nil
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	if r.read && e.current.Load() != r.view {
		e.end(false)
		r.rerun = true
		r.failed = errRerun
		return errRerun
	}
	r.writing, r.base = true, *e.w.v
	return nil
}

// Tx implements [usermgmt.Store]. fn runs once more if it has read what
// somebody else changed before its own first write. If it panics, the
// transaction is rolled back and the panic goes on.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if s.tx != nil {
		return s.join(ctx, fn)
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	again, err := s.try(ctx, false, fn)
	if again {
		_, err = s.try(ctx, true, fn)
	}
	return err
}

// try runs fn in a transaction that takes the turn at once or when it writes.
func (s *Store) try(
	ctx context.Context, atOnce bool, fn func(ctx context.Context, tx usermgmt.Store) error,
) (again bool, err error) {
	t := &txn{view: s.current.Load()}
	t.root = t
	if atOnce {
		if err := t.startWriting(ctx, s.engine); err != nil {
			return false, err
		}
	}
	done := false
	defer func() {
		t.ended.Store(true)
		if t.writing {
			s.end(done)
		}
	}()
	err = t.run(ctx, fn, s.engine)
	done = err == nil
	return t.rerun, err
}

// join runs fn in the transaction of s, to be undone alone.
func (s *Store) join(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if err := s.tx.usable(ctx); err != nil {
		return err
	}
	w, root := &s.w, s.tx.root
	var before version
	var replaced int
	wrote := root.writing
	if wrote {
		before, replaced = *w.v, len(w.replaced)
		w.freeze()
	}
	t := &txn{outer: s.tx, root: root}
	done := false
	defer func() {
		t.ended.Store(true)
		if done || !root.writing {
			return
		}
		if !wrote {
			before = root.base
		}
		w.revive(replaced)
		*w.v = before
		w.freeze()
	}()
	err := t.run(ctx, fn, s.engine)
	done = err == nil
	return err
}

// run calls fn and returns what decides the outcome.
func (t *txn) run(
	ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error, e *engine,
) error {
	if err := fn(context.WithValue(ctx, mark{e}, t.root), &Store{e, t}); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if t.root.rerun {
		return errRerun
	}
	return ctx.Err()
}
