package storetest

import (
	"context"
	"testing"

	"github.com/usermgmt/usermgmt"
)

// Run holds the stores that newStore makes to the sequential half of the
// contract: everything that can be seen from one transaction at a time. Each
// case gets a fresh, empty store and is a sub-test of t.
//
// A store that is bound to a transaction of the host's can pass it too.
func Run(t *testing.T, newStore func(t testing.TB) usermgmt.Store) {
	t.Helper()
	run(t, sequential(), newStore)
}

// RunConcurrent holds the stores that newStore makes to the other half:
// what several callers and several transactions see of each other. It needs
// stores that are bound to no transaction. The environment variable
// USERMGMT_SOAK, if it is not empty, makes the races longer.
func RunConcurrent(t *testing.T, newStore func(t testing.TB) usermgmt.Store) {
	t.Helper()
	run(t, concurrent(), newStore)
}

func run(t *testing.T, cases []testCase, newStore func(t testing.TB) usermgmt.Store) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(newWorld(t, newStore(t))) })
	}
}

// tb is the part of [testing.TB] that a case uses, so that the suite can be
// tested itself, on stores that are broken on purpose.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// testCase is one sub-test.
type testCase struct {
	name string
	// methods are the methods of [usermgmt.Store] that the case pins.
	methods []string
	run     func(w *world)
}

// sequential returns the cases of [Run].
func sequential() []testCase {
	var all []testCase
	for _, part := range [][]testCase{
		orgCases(), unitCases(), teamCases(), userCases(), userListCases(), memberCases(),
		roleCases(), applicationCases(), credentialCases(), sessionCases(), keyCases(),
		proxyCases(), licenceCases(), auditCases(), sealCases(), outboxCases(), fileCases(), recordCases(), eraseCases(), valueCases(), txCases(),
		tokenCases(), invitationCases(), factorCases(), settingCases(), jobCases(), importCases(),
	} {
		all = append(all, part...)
	}
	return all
}

// concurrent returns the cases of [RunConcurrent].
func concurrent() []testCase {
	return append(append(isolationCases(), raceCases()...), factorRaces()...)
}
