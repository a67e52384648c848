package main

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/storetest"
)

// TestContract is all that a store of one's own needs to prove itself. The
// wrapped stores are kept to see that no method goes past the notes.
func TestContract(t *testing.T) {
	seen := map[string]bool{}
	newStore := func(t testing.TB) usermgmt.Store {
		s := Wrap(memory.New(), slog.New(slog.DiscardHandler))
		t.Cleanup(func() {
			for _, c := range s.Calls() {
				seen[c.Method] = true
			}
		})
		return s
	}
	storetest.Run(t, newStore)
	storetest.RunConcurrent(t, newStore)

	store := reflect.TypeFor[usermgmt.Store]()
	for i := range store.NumMethod() {
		name := store.Method(i).Name
		assert.True(t, seen[name], "%s is not noted", name)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, `Acme is stored with version 1.
A stale copy of it was refused.

calls  failed  method
    3       1  SaveOrg
    1       0  OrgByID
    1       0  SaveTeam
    1       0  Tx
`, out.String())
}
