package main

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/intercept"
)

// Store notes the calls of another store. It is safe for concurrent use if
// that one is.
type Store struct {
	usermgmt.Store
	log   *slog.Logger
	mu    sync.Mutex
	count map[string]Count
}

// Wrap returns a store that hands every call on to s and writes it to log.
func Wrap(s usermgmt.Store, log *slog.Logger) *Store {
	w := &Store{log: log, count: map[string]Count{}}
	w.Store = intercept.Store(s, w.note)
	return w
}

// Count is how often a method was called, and failed.
type Count struct {
	Method        string
	Calls, Failed int
}

// Calls returns the methods that were called, the most frequent first.
func (w *Store) Calls() []Count {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Count
	for _, c := range w.count {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// note makes a call, counts it and returns its error as it is: a store that wraps
// errors must leave them visible to errors.Is and errors.As.
func (w *Store) note(ctx context.Context, method string, call func(context.Context) error) error {
	err := call(ctx)
	w.log.DebugContext(ctx, "store", "method", method, "err", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.count[method]
	c.Method = method
	c.Calls++
	if err != nil {
		c.Failed++
	}
	w.count[method] = c
	return err
}
