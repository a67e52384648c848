package equality_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tally counts calls and outcomes.
type tally struct {
	mu       sync.Mutex
	steps    int
	calls    map[string]map[string]int
	outcomes map[string]int
}

func newTally() *tally { return &tally{calls: map[string]map[string]int{}, outcomes: map[string]int{}} }

func (tl *tally) count(call string, kind error) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	outcome := "ok"
	if kind != nil {
		outcome = kind.Error()
	}
	if tl.calls[call] == nil {
		tl.calls[call] = map[string]int{}
	}
	tl.steps++
	tl.calls[call][outcome]++
	tl.outcomes[outcome]++
}

func total(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

// least is the share of the steps, in percent, below which a call or an outcome
// is drawn too seldom. enough is how many steps it takes before that says
// anything: what is drawn in 0.7 % of them, as the rarest calls are, then lies five
// standard deviations above it.
const least, enough = 0.35, 15_000

// tried is how often a call is made before it says anything that none succeeded: of
// the rarest one in fifty does. Fewer are made in CI of all but the most frequent.
const tried = 500

// report logs how often each call and each outcome occurred, and fails if one
// was below least, or if a call that was tried often never succeeded.
func (tl *tally) report(t *testing.T) {
	t.Helper()
	var b strings.Builder
	percent := func(n int) float64 { return 100 * float64(n) / float64(tl.steps) }
	for _, name := range slices.SortedFunc(maps.Keys(tl.calls), func(a, b string) int { return strings.Compare(a, b) }) {
		c := tl.calls[name]
		fmt.Fprintf(&b, "%-22s %7d %5.2f %%  ", name, total(c), percent(total(c)))
		for _, o := range slices.SortedFunc(maps.Keys(c), func(x, y string) int { return cmp.Or(cmp.Compare(c[y], c[x]), strings.Compare(x, y)) }) {
			fmt.Fprintf(&b, " %s %d", o, c[o])
		}
		b.WriteByte('\n')
		if tl.steps >= enough && percent(total(c)) < least {
			t.Errorf("%s occurs in %.2f %% of the steps only", name, percent(total(c)))
		}
		if total(c) >= tried && c["ok"] == 0 {
			t.Errorf("%s is refused each time", name)
		}
	}
	for _, o := range slices.Sorted(maps.Keys(tl.outcomes)) {
		fmt.Fprintf(&b, "%-22s %7d %5.2f %%\n", o, tl.outcomes[o], percent(tl.outcomes[o]))
		if tl.steps >= enough && percent(tl.outcomes[o]) < least {
			t.Errorf("the outcome %q occurs in %.2f %% of the steps only", o, percent(tl.outcomes[o]))
		}
	}
	if tl.steps >= enough && len(tl.outcomes) != len(kinds)+1 {
		t.Errorf("%d outcomes occurred, want %d", len(tl.outcomes), len(kinds)+1)
	}
	t.Logf("%d steps\n%s", tl.steps, b.String())
}
