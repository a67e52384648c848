package equality_test

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// stepsPerRun is how many steps a run has on average.
const stepsPerRun = 400

// steps is how many steps a test makes altogether: about 20,000, a million with
// USERMGMT_SOAK, or what USERMGMT_EQUALITY_STEPS says.
func steps() int {
	if n, err := strconv.Atoi(os.Getenv("USERMGMT_EQUALITY_STEPS")); err == nil && n > 0 {
		return n
	}
	if os.Getenv("USERMGMT_SOAK") != "" {
		return 1_000_000
	}
	return 20_000
}

// TestMain sets rapid's sizes, which flags of the command line still override.
func TestMain(m *testing.M) {
	for name, n := range map[string]int{"rapid.steps": stepsPerRun, "rapid.checks": max(1, steps()/stepsPerRun)} {
		if err := flag.Set(name, strconv.Itoa(n)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

type namedStore struct {
	name  string
	store usermgmt.Store
}

// stores are those that must behave alike, each empty. Another store is held to
// the model and to the others by adding it here.
func stores(tb testing.TB) []namedStore {
	tb.Helper()
	return []namedStore{{"memory", memory.New()}, {"memory again", memory.New()}}
}

// TestStoresAgreeWithTheModel drives random sequences of calls by random actors
// against every store and the model. A failing sequence is shrunk and kept in
// testdata/rapid, from where it is run first from then on.
func TestStoresAgreeWithTheModel(t *testing.T) {
	tl := newTally()
	rapid.Check(t, func(rt *rapid.T) {
		text := play(t, rt, stores(t), tl, func(mc *machine) {
			rt.Repeat(map[string]func(*rapid.T){"step": func(*rapid.T) { mc.once() }})
		})
		if text != "" { // here for all failures, so that rapid takes them for the same while it shrinks
			rt.Fatal(text)
		}
	})
	tl.report(t)
}

// found ends a run with what was found.
type found string

// play makes a world, runs steps in it, compares everything at the end, and
// returns what was found.
func play(tb testing.TB, rt *rapid.T, list []namedStore, tl *tally, run func(*machine)) (text string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case found:
			text = string(r)
		default:
			panic(r)
		}
	}()
	mc := newMachine(tb, rt, list, tl)
	run(mc)
	mc.checkState()
	mc.checkLog(0, true)
	mc.secretsHidden()
	return ""
}
