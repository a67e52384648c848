package naive

import (
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/memory"
)

// size is how much is asked.
type size struct{ worlds, sessions, each int }

// seedOf is that of a run: USERMGMT_NAIVE_SEED, else one of its own.
func seedOf(t *testing.T) uint64 {
	seed := rand.Uint64()
	if text := os.Getenv("USERMGMT_NAIVE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("USERMGMT_NAIVE_SEED=%d", seed)
	return seed
}

// soak reports whether much is asked: USERMGMT_SOAK.
func soak() bool { return os.Getenv("USERMGMT_SOAK") != "" }

// TestTheLibraryAnswersByTheBook asks the library and the evaluator the same
// questions. A disagreement is an error in the one, the other, or docs/rights.md.
// With USERMGMT_SOAK it asks a million and reports what decided them.
func TestTheLibraryAnswersByTheBook(t *testing.T) {
	n := size{worlds: 300, sessions: 3, each: 4}
	if soak() {
		n = size{worlds: 10_000, sessions: 10, each: 10}
	}
	seed, began := seedOf(t), time.Now()
	const shards = 4
	var tallies [shards]*tally
	t.Run("worlds", func(t *testing.T) {
		for shard := range tallies {
			tallies[shard] = newTally()
			t.Run(strconv.Itoa(shard), func(t *testing.T) {
				t.Parallel()
				for number := shard; number < n.worlds; number += shards {
					d := newDraw(seed, uint64(number))
					asked := d.compare(t, memory.New(), n, tallies[shard])
					if soak() && number/shards%10 == 0 {
						tallies[shard].measure(d.w, asked)
					}
				}
			})
		}
	})
	all := newTally()
	for _, one := range tallies {
		all.add(one)
	}
	if all.questions != n.worlds*n.sessions*n.each && !t.Failed() {
		t.Errorf("%d questions", all.questions)
	}
	t.Logf("%d questions over %d worlds in %v", all.questions, n.worlds, time.Since(began).Round(time.Second))
	if !soak() {
		return
	}
	text, under := all.report(1)
	fmt.Printf("seed %d, %d questions over %d worlds, those of %d worlds asked again otherwise\n%s",
		seed, all.questions, n.worlds, n.worlds/10, text)
	for _, line := range under {
		t.Errorf("under 1 %%: %s", line)
	}
}

// TestTheEvaluatorSharesNoCodeWithTheLibrary keeps it what it is for.
func TestTheEvaluatorSharesNoCodeWithTheLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		read++
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, ".") {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
	if read == 0 {
		t.Error("no files")
	}
}

// TestPostgresAnswersByTheBook asks the same of the library on Postgres, less often.
func TestPostgresAnswersByTheBook(t *testing.T) {
	n := size{worlds: 4, sessions: 8, each: 6}
	if soak() {
		n = size{worlds: 100, sessions: 10, each: 10}
	}
	seed := seedOf(t)
	for number := range n.worlds {
		d := newDraw(seed, uint64(number))
		if !t.Run(strconv.Itoa(number), func(t *testing.T) {
			d.compare(t, teststores.On(t, teststores.Pgx, teststores.DSN(t)), n, newTally())
		}) {
			return
		}
	}
}
