package main

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/usermgmt/usermgmt"
)

// Store notes the calls of another store. It is safe for concurrent use if
// that one is.
//
// The embedded interface keeps it compiling when the contract grows; the new
// method then goes past the notes, which a test in this directory notices.
type Store struct {
	usermgmt.Store
	notes *notes
}

// Wrap returns a store that hands every call on to s and writes it to log.
func Wrap(s usermgmt.Store, log *slog.Logger) *Store {
	return &Store{Store: s, notes: &notes{log: log, count: map[string]Count{}}}
}

// Tx implements [usermgmt.Store]. The store that fn is given is wrapped as
// well and shares the notes.
func (w *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	return w.note("Tx", w.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		return fn(ctx, &Store{Store: tx, notes: w.notes})
	}))
}

// Count is how often a method was called, and failed.
type Count struct {
	Method        string
	Calls, Failed int
}

// Calls returns the methods that were called, the most frequent first.
func (w *Store) Calls() []Count {
	w.notes.mu.Lock()
	defer w.notes.mu.Unlock()
	var out []Count
	for _, c := range w.notes.count {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// notes are shared by a store and those bound to its transactions.
type notes struct {
	log   *slog.Logger
	mu    sync.Mutex
	count map[string]Count
}

// note counts a call and returns its error as it is: a store that wraps errors
// must leave them visible to errors.Is and errors.As.
func (w *Store) note(method string, err error) error {
	w.notes.log.Debug("store", "method", method, "err", err)
	w.notes.mu.Lock()
	defer w.notes.mu.Unlock()
	c := w.notes.count[method]
	c.Method = method
	c.Calls++
	if err != nil {
		c.Failed++
	}
	w.notes.count[method] = c
	return err
}
