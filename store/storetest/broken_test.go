package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// play runs one case and returns what it reported.
func play(t *testing.T, c testCase, s usermgmt.Store, patience time.Duration) []string {
	t.Helper()
	r := &recorder{t: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w := newWorld(r, s)
		if patience > 0 {
			w.patience = patience
		}
		c.run(w)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		r.Errorf("case %s hangs", c.name)
	}
	return r.all()
}

// fault is a way in which a store can be wrong.
type fault struct {
	name string
	// caught is the case that must notice.
	caught string
	build  func(b base) usermgmt.Store
	// hangs: the case notices by losing its patience.
	hangs bool
}

// base is a store that faults build on; stores bound to its transactions have
// the fault as well.
type base struct {
	usermgmt.Store
	build func(b base) usermgmt.Store
	bound bool
	root  usermgmt.Store
}

func (b base) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	return b.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		return fn(ctx, b.build(base{tx, b.build, true, b.root}))
	})
}

func (f fault) store() usermgmt.Store {
	s := memory.New()
	return f.build(base{s, f.build, false, s})
}

func caseNamed(t *testing.T, name string) testCase {
	t.Helper()
	all := slices.Concat(sequential(), concurrent())
	i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
	require.GreaterOrEqual(t, i, 0, "no case is called %s", name)
	return all[i]
}

// TestBrokenStores: the suite notices each fault, with the case that says so,
// and that case finds nothing in a store without it.
func TestBrokenStores(t *testing.T) {
	t.Parallel()
	sound := map[string]bool{}
	for _, f := range slices.Concat(faults(), recordFaults(), raceFaults(), tokenFaults(), jobFaults(), actingFaults(), importFaults()) {
		t.Run(f.name, func(t *testing.T) {
			c := caseNamed(t, f.caught)
			if !sound[f.caught] {
				require.Empty(t, play(t, c, memory.New(), 0), "%s on a correct store", f.caught)
				sound[f.caught] = true
			}
			var patience time.Duration
			if f.hangs {
				patience = 200 * time.Millisecond
			}
			// Whether callers meet in a race is a matter of luck on a busy machine.
			var problems []string
			for try := 0; try < 5 && len(problems) == 0; try++ {
				problems = play(t, c, f.store(), patience)
			}
			assert.NotEmpty(t, problems, "%s does not notice", f.caught)
			for _, p := range problems {
				t.Logf("%.300s", p)
			}
		})
	}
}
