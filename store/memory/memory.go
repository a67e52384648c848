// Package memory keeps the data of usermgmt in the memory of the process. It
// is a complete [usermgmt.Store]: concurrent, transactional, and gone when the
// process ends. It is for tests, for small tools, and for hosts that rebuild
// their users from elsewhere.
//
// # How it works
//
// All data is one immutable version, to which an atomic pointer leads. Readers
// load the pointer and never wait. Writers run one after the other: each makes
// a new version that shares with the last one all that it does not change, and
// publishes it when it commits. Rolling back is forgetting the new version. A
// transaction takes its turn to write with its first write.
//
// # Rules of use
//
// Inside a transaction, use the store and the context that its function is
// given. A call of the unbound store there fails with
// [usermgmt.ErrOutsideTx] if it is given that context; a write with another
// context waits for the transaction, which is waiting for it, until that
// context ends.
package memory

import (
	"context"
	"hash/maphash"
	"sync/atomic"

	"github.com/usermgmt/usermgmt"
)

// Store is a [usermgmt.Store] in memory. Make one with [New]. It is safe for
// concurrent use, except within one transaction.
type Store struct {
	*engine
	tx *txn // nil if the store is not bound
}

var _ usermgmt.Store = (*Store)(nil)

// engine is what a store shares with those bound to its transactions.
type engine struct {
	current atomic.Pointer[version]
	seed    maphash.Seed
	// turn holds a token while nobody writes.
	turn chan struct{}
	// w belongs to whoever has taken the token.
	w writer
}

// New returns an empty store.
func New() *Store {
	e := &engine{seed: maphash.MakeSeed(), turn: make(chan struct{}, 1)}
	e.w.engine, e.w.own = e, firstToken
	e.current.Store(newVersion(e.seed))
	e.turn <- struct{}{}
	return &Store{engine: e}
}

func (e *engine) text(s string) uint64 { return maphash.String(e.seed, s) }

// mark is the key of a context that was given to a transaction of the engine;
// the value is the outermost *txn.
type mark struct{ e *engine }

// enter checks a call of the unbound store.
func (e *engine) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t, ok := ctx.Value(mark{e}).(*txn); ok && !t.ended.Load() {
		return usermgmt.ErrOutsideTx
	}
	return nil
}

// read returns the version that a reading call sees. It must not be changed.
func (s *Store) read(ctx context.Context) (*version, error) {
	if s.tx != nil {
		if err := s.tx.usable(ctx); err != nil {
			return nil, err
		}
		return s.tx.version(s.engine), nil
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return s.current.Load(), nil
}

// write runs op in the transaction of a bound store and in one of its own
// otherwise. If op fails, nothing of it stays.
func (s *Store) write(ctx context.Context, op func(w *writer) error) (err error) {
	if s.tx != nil {
		err := s.tx.usable(ctx)
		if err == nil {
			err = s.tx.startWriting(ctx, s.engine)
		}
		if err == nil {
			err = op(&s.w)
		}
		if err != nil {
			s.tx.fail(err)
		}
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	done := false
	defer func() { s.end(done) }()
	if err := op(&s.w); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	done = true
	return nil
}

// begin waits for the turn to write and prepares a new version.
func (e *engine) begin(ctx context.Context) error {
	select {
	case <-e.turn:
	default:
		select {
		case <-e.turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	v := *e.current.Load()
	v.seq++
	e.w.v = &v
	e.w.freeze()
	return nil
}

// end publishes or forgets the writer's version and lets the next one write.
func (e *engine) end(commit bool) {
	if commit {
		e.current.Store(e.w.v)
		clear(e.w.replaced)
		e.w.replaced = e.w.replaced[:0]
		if cap(e.w.replaced) > 1<<16 {
			e.w.replaced = nil
		}
	} else {
		e.w.revive(0)
	}
	e.w.v = nil
	e.turn <- struct{}{}
}
