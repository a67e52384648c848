package postgres

import "testing"

// ShortWalks makes lists go every way that they can on a little data. Each
// stage is a number of rows, and of walks; of none for the other way. The test
// must not run in parallel with others.
func ShortWalks(t *testing.T, stages [][2]int) {
	t.Helper()
	was := listStages
	t.Cleanup(func() { listStages = was })
	listStages = nil
	for _, s := range stages {
		listStages = append(listStages, stage{rows: s[0], walks: s[1], few: s[1] == 0})
	}
	listStages = append(listStages, stage{rows: 7})
}

// GramsOfKey and GramsOfTerm are what searches look for.
var (
	GramsOfKey  = gramsOfKey
	GramsOfTerm = gramsOfTerm
	GramsIn     = gramsIn
)
