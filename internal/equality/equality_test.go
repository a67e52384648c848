package equality_test

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// stepsPerRun is how many steps a run has on average.
const stepsPerRun = 400

// steps is how many steps a test makes altogether: about 10,000, a million with
// USERMGMT_SOAK, or what USERMGMT_EQUALITY_STEPS says.
func steps() int {
	if n, err := strconv.Atoi(os.Getenv("USERMGMT_EQUALITY_STEPS")); err == nil && n > 0 {
		return n
	}
	if os.Getenv("USERMGMT_SOAK") != "" {
		return 1_000_000
	}
	return 10_000
}

// TestMain sets rapid's sizes, which flags of the command line still override.
func TestMain(m *testing.M) {
	for name, n := range map[string]int{"rapid.steps": stepsPerRun, "rapid.checks": runs(0)} {
		if err := flag.Set(name, strconv.Itoa(n)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// runs is how many runs make so many steps, 1 at least.
func runs(steps int) int { return max(1, steps/stepsPerRun) }

type namedStore struct {
	name  string
	store usermgmt.Store
}

// inMemory are two stores in memory, which must behave alike, each empty.
func inMemory() []namedStore {
	return []namedStore{{"memory", memory.New()}, {"memory again", memory.New()}}
}

// database is one database for all runs of a test, emptied for each.
type database struct {
	pool  *pgxpool.Pool
	store usermgmt.Store
	clear string
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{pool: teststores.Pool(t, teststores.DSN(t))}
	var err error
	d.store, err = postgres.New(d.pool, nil)
	require.NoError(t, err)
	require.NoError(t, d.pool.QueryRow(t.Context(), `select 'truncate ' || string_agg(c.relname, ', ') || ' cascade' from pg_class c
		where c.relkind = 'r' and c.relname like 'usermgmt\_%' and c.relname <> 'usermgmt_migrations'`).Scan(&d.clear))
	return d
}

// empty returns a store in memory and the one of the database, both empty.
func (d *database) empty(t *testing.T) []namedStore {
	t.Helper()
	_, err := d.pool.Exec(t.Context(), d.clear)
	require.NoError(t, err)
	_, err = d.pool.Exec(t.Context(), `insert into usermgmt_stamps (org_id, policy, trees) values ($1, 1, 1)`,
		"00000000-0000-0000-0000-000000000000")
	require.NoError(t, err)
	return []namedStore{{"memory", memory.New()}, {"postgres", d.store}}
}

// TestStoresAgreeWithTheModel drives random sequences of calls by random actors
// against stores in memory and the model. A failing sequence is shrunk and kept in
// testdata/rapid, from where it is run first from then on.
func TestStoresAgreeWithTheModel(t *testing.T) {
	agree(t, steps(), inMemory)
}

// TestPostgresAgreesWithMemoryAndTheModel does the same with Postgres, a tenth as
// long.
func TestPostgresAgreesWithMemoryAndTheModel(t *testing.T) {
	d := newDatabase(t)
	agree(t, steps()/10, func() []namedStore { return d.empty(t) })
}

func agree(t *testing.T, steps int, stores func() []namedStore) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	was := checks.Value.String()
	if was == strconv.Itoa(runs(0)) { // not set on the command line
		require.NoError(t, checks.Value.Set(strconv.Itoa(runs(steps))))
		defer func() { _ = checks.Value.Set(was) }()
	}
	tl := newTally()
	rapid.Check(t, func(rt *rapid.T) {
		text := play(t, rt, stores(), tl, func(mc *machine) {
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
