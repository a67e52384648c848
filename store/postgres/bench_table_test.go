package postgres_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPerformanceTable prints how the store and the library compare with the
// driver alone, row by row of the targets. It runs with USERMGMT_BENCH=1;
// USERMGMT_BENCH_ROWS limits it to the groups that match, such as "2b|6b" or "^8".
// USERMGMT_BENCH_IMPORT is how many users are imported, 20,000 by default, and
// USERMGMT_BENCH_BULK_ROUNDS how often the export runs. Nothing fails for a target
// that is missed: it depends on the machine.
func TestPerformanceTable(t *testing.T) {
	if os.Getenv("USERMGMT_BENCH") == "" {
		t.Skip("takes minutes; set USERMGMT_BENCH=1")
	}
	only := regexp.MustCompile(os.Getenv("USERMGMT_BENCH_ROWS"))
	w := newWorld(t)
	tab := &table{}
	for _, g := range []struct {
		row  string
		make func(tb testing.TB) []contest
	}{
		{"2b", w.sessionContests}, {"11", w.lookupContests}, {"6b", w.listContests}, {"7", w.searchContests},
		{"10", w.updateContests}, {"5b", w.scopeContests},
	} {
		if only.MatchString(g.row) {
			for _, c := range g.make(t) {
				tab.add(t, c)
			}
		}
	}
	for _, g := range []struct {
		row string
		run func(tb testing.TB, tab *table)
	}{
		{"1f", w.revocationContests}, {"4d", w.loginContests}, {"5b", w.scopeTrips}, {"5c", w.moveContests},
		{"8a", w.exportContests}, {"9", w.importContests}, {"9d", w.syncContests}, {"10s", w.sealContests},
	} {
		if only.MatchString(g.row) {
			g.run(t, tab)
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\n%d users; load average %s\n| row | what | floor | ours | ratio | target | |\n|---|---|---|---|---|---|---|\n%s\n\n",
		w.users, strings.TrimSpace(string(load)), strings.Join(tab.lines, "\n"))
}
