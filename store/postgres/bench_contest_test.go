package postgres_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A contest does the same thing in several ways. The first way is the floor:
// the driver with the least work. Its ways take turns in short rounds, so that
// what else the machine does befalls all of them alike.
type contest struct {
	row, what string
	ways      []side
	// most is the largest permitted ratio of the second way to the floor, 0 for none.
	most float64
	// worst is the longest permitted time of the second way, 0 for any.
	worst time.Duration
	// callers is how many work at once; 0 is one.
	callers int
	// rounds and each override how many rounds there are and how many calls a
	// round has; 0 is as many as take a while.
	rounds, each int
	// during begins what goes on while the second way is at work, and returns how
	// to end it; nil is nothing.
	during func() (stop func())
}

// side is one way of doing a thing for the i-th time.
type side struct {
	name string
	do   func(i int) error
}

const (
	contestRounds = 21
	contestRound  = 40 * time.Millisecond
)

// run does it n times from number i on, and returns how long one takes.
func (c *contest) run(tb testing.TB, w side, i *atomic.Int64, n int) time.Duration {
	tb.Helper()
	callers := max(c.callers, 1)
	var left atomic.Int64
	left.Store(int64(n))
	var failure atomic.Value
	work := func() {
		for left.Add(-1) >= 0 {
			if err := w.do(int(i.Add(1))); err != nil {
				failure.Store(fmt.Errorf("%s %s, %s: %w", c.row, c.what, w.name, err))
				return
			}
		}
	}
	if c.during != nil && w.name == c.ways[1].name {
		defer c.during()()
	}
	began := time.Now()
	if callers == 1 {
		work()
	} else {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(work)
		}
		wg.Wait()
	}
	took := time.Since(began)
	if err, ok := failure.Load().(error); ok {
		require.NoError(tb, err)
	}
	return took / time.Duration(n)
}

// result is how a contest went: the median time of each way, and the median of
// its ratios to the floor of the same round.
type result struct {
	times  []time.Duration
	ratios []float64
}

func (c *contest) measure(tb testing.TB) result {
	tb.Helper()
	var i atomic.Int64
	rounds := c.rounds
	if rounds == 0 {
		rounds = contestRounds
	}
	each := make([]int, len(c.ways))
	for k, w := range c.ways {
		if each[k] = c.each; each[k] > 0 {
			continue
		}
		warm := 8 * max(c.callers, 1) // statements are prepared, plans made
		c.run(tb, w, &i, warm)
		each[k] = max(int(contestRound/max(c.run(tb, w, &i, warm), time.Microsecond)), 2*max(c.callers, 1))
	}
	times := make([][]time.Duration, len(c.ways))
	for r := range rounds {
		for k := range c.ways {
			k := (k + r) % len(c.ways)
			times[k] = append(times[k], c.run(tb, c.ways[k], &i, each[k]))
		}
	}
	var out result
	for k := range c.ways {
		ratios := make([]float64, rounds)
		for r := range rounds {
			ratios[r] = float64(times[k][r]) / float64(times[0][r])
		}
		out.ratios = append(out.ratios, median(ratios))
		out.times = append(out.times, median(times[k]))
	}
	return out
}

func median[T int | float64 | time.Duration](v []T) T {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// bench runs the ways as sub-benchmarks.
func (c *contest) bench(b *testing.B) {
	for _, w := range c.ways {
		b.Run(c.row+"/"+c.what+"/"+w.name, func(b *testing.B) {
			var i atomic.Int64
			c.run(b, w, &i, 8*max(c.callers, 1))
			b.ResetTimer()
			c.run(b, w, &i, b.N)
		})
	}
}

// table collects lines of a report.
type table struct{ lines []string }

// add measures a contest and adds a line for each way but the floor. The target
// is that of the second way.
func (t *table) add(tb testing.TB, c contest) {
	tb.Helper()
	r := c.measure(tb)
	for k := 1; k < len(c.ways); k++ {
		target, verdict := "", ""
		if k == 1 {
			met := true
			if c.most > 0 {
				target, met = fmt.Sprintf("≤ %.2f×", c.most), r.ratios[k] <= c.most
			}
			if c.worst > 0 {
				target += fmt.Sprintf(" ≤ %v", c.worst)
				met = met && r.times[k] <= c.worst
			}
			if target != "" {
				verdict = verdictOf(met)
			}
		}
		t.line(c.row, c.what+", "+c.ways[k].name, show(r.times[0])+" "+c.ways[0].name, show(r.times[k]),
			fmt.Sprintf("%.2f", r.ratios[k]), target, verdict)
	}
}

func verdictOf(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

func (t *table) line(row, what, floor, ours, ratio, target, verdict string) {
	line := fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |", row, what, floor, ours, ratio, target, verdict)
	fmt.Fprintln(os.Stderr, line)
	t.lines = append(t.lines, line)
}

func show(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e3, 'f', 0, 64) + " µs"
	case d < 10*time.Second:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}
