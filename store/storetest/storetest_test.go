package storetest

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/intercept"
	"github.com/usermgmt/usermgmt/store/memory"
)

func newMemory(testing.TB) usermgmt.Store { return memory.New() }

func TestMemory(t *testing.T)           { Run(t, newMemory) }
func TestMemoryConcurrent(t *testing.T) { RunConcurrent(t, newMemory) }

// storeMethods returns the names of the methods of [usermgmt.Store].
func storeMethods() []string {
	var names []string
	store := reflect.TypeFor[usermgmt.Store]()
	for i := range store.NumMethod() {
		names = append(names, store.Method(i).Name)
	}
	return names
}

func TestEveryMethodHasACase(t *testing.T) {
	t.Parallel()
	pinned := map[string]bool{}
	names := map[string]bool{}
	for _, c := range slices.Concat(sequential(), concurrent()) {
		assert.False(t, names[c.name], "two cases are called %s", c.name)
		names[c.name] = true
		for _, m := range c.methods {
			assert.Contains(t, storeMethods(), m, "case %s", c.name)
		}
	}
	for _, c := range sequential() {
		for _, m := range c.methods {
			pinned[m] = true
		}
	}
	for _, m := range storeMethods() {
		assert.True(t, pinned[m], "no sequential case pins %s", m)
	}
}

func TestEveryCaseCallsWhatItPins(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(sequential(), concurrent()) {
		var called sync.Map // by the names of methods
		s := intercept.Store(memory.New(), func(ctx context.Context, method string, call func(context.Context) error) error {
			called.Store(method, true)
			return call(ctx)
		})
		require.Empty(t, play(t, c, s, 0), c.name)
		for _, m := range c.methods {
			_, ok := called.Load(m)
			assert.True(t, ok, "case %s pins %s but never calls it", c.name, m)
		}
	}
}

func TestWritesAndReadsAreComplete(t *testing.T) {
	t.Parallel()
	silent := []string{"ClaimBootstrap", "LockOrg", "Tx"} // have cases of their own
	assert.ElementsMatch(t, storeMethods(), slices.Concat(allWrites(), allReaders(), silent))
}

// recorder is a tb that keeps what is reported.
type recorder struct {
	t        *testing.T
	mu       sync.Mutex
	problems []string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Context() context.Context          { return r.t.Context() }
func (r *recorder) Logf(format string, args ...any)   { r.t.Logf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.problems)
}
