package usermgmt

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var gateNow = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// gateStatuses are the reasons to be kept out, in the order in which the gate
// looks at them, with what makes a good standing bad.
var gateStatuses = []struct {
	rule  string
	spoil func(*Standing)
}{
	{"reserved", func(s *Standing) { s.Reserved = true }},
	{"deactivated", func(s *Standing) { s.Deactivated = true }},
	{"disabled", func(s *Standing) { s.Enabled = false }},
	{"service", func(s *Standing) { s.Kind = KindService }},
	{"locked", func(s *Standing) { s.LockedUntil = gateNow.Add(time.Microsecond) }},
	{"password_reset", func(s *Standing) { s.CredentialStatus = StatusPasswordReset }},
	{"expired", func(s *Standing) { s.CredentialStatus = StatusExpired }},
	{"organization_disabled", func(s *Standing) { s.OrgEnabled = false }},
	{"no_membership", func(s *Standing) { s.Member, s.MemberEnabled = false, false }},
	{"membership_disabled", func(s *Standing) { s.MemberEnabled = false }},
}

// gateLetsIn says, for each way, which of the reasons do not count for it. A
// way that is not here has not been thought about.
var gateLetsIn = map[string][]string{
	"password": {"expired"},                             // to change it: StepPassword follows
	"session":  {"locked"},                              // guesses of a stranger throw nobody out
	"steps":    {"locked", "password_reset", "expired"}, // the password is being changed
	"api key":  {"service"},
	"host":     {"service"},
	"proxy":    {"password_reset", "expired"},           // the target's password plays no part
	"support":  {"locked", "password_reset", "expired"}, // help for whoever is locked out
	"operator": {"locked"},
}

func goodStanding() Standing {
	return Standing{User: UserID{1}, Username: "ann", Kind: KindPerson, Enabled: true, CredentialStatus: StatusActive,
		Org: OrgID{1}, OrgEnabled: true, Member: true, MemberEnabled: true}
}

func gateRule(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	require.ErrorIs(t, err, ErrUnauthenticated)
	e, ok := err.(*Error) //nolint:errorlint // the gate's own
	require.True(t, ok)
	return e.Rule
}

func TestEveryWayInAppliesItsStatusChecks(t *testing.T) {
	t.Parallel()
	for _, w := range waysIn {
		lets, known := gateLetsIn[w.name]
		if !assert.True(t, known, "the way %q is not covered: say in gateLetsIn what it lets in", w.name) {
			continue
		}
		good := goodStanding()
		assert.Empty(t, gateRule(t, w.gate(&good, gateNow)), w.name)
		for _, s := range gateStatuses {
			st := goodStanding()
			s.spoil(&st)
			want := s.rule
			if slices.Contains(lets, s.rule) {
				want = ""
			}
			assert.Equal(t, want, gateRule(t, w.gate(&st, gateNow)), "%s: %s", w.name, s.rule)
		}
		var zero Standing
		assert.NotEmpty(t, gateRule(t, w.gate(&zero, gateNow)), "%s lets nobody in who is nothing", w.name)
	}
	assert.Len(t, waysIn, len(gateLetsIn), "a way is gone")
}

// Of two reasons the one that the documentation names first is told.
func TestTheGateLooksInTheDocumentedOrder(t *testing.T) {
	t.Parallel()
	for _, w := range waysIn {
		for i, first := range gateStatuses {
			for _, second := range gateStatuses[i+1:] {
				if slices.Contains(gateLetsIn[w.name], first.rule) || slices.Contains(gateLetsIn[w.name], second.rule) && first.rule == "password_reset" ||
					first.rule == "locked" && !w.locked ||
					first.rule == "password_reset" && second.rule == "expired" {
					continue // does not count, or excludes the other
				}
				st := goodStanding()
				second.spoil(&st)
				first.spoil(&st)
				assert.Equal(t, first.rule, gateRule(t, w.gate(&st, gateNow)), "%s: %s before %s", w.name, first.rule, second.rule)
			}
		}
	}
}

func TestALockEndsAtItsInstant(t *testing.T) {
	t.Parallel()
	st := goodStanding()
	st.LockedUntil = gateNow
	assert.NoError(t, wayPassword.gate(&st, gateNow))
	st.LockedUntil = gateNow.Add(time.Microsecond)
	assert.Error(t, wayPassword.gate(&st, gateNow))
	st.LockedUntil = Forever
	assert.Error(t, wayPassword.gate(&st, gateNow))
}

// Every door either has ways through the gate or carries nobody whom it could
// check. A new door must be put here, with its ways.
func TestEveryDoorIsCovered(t *testing.T) {
	t.Parallel()
	covered := map[Door]bool{ // whether it has a way
		DoorNone: false, DoorSession: true, DoorAPIKey: true, DoorProxy: true, DoorHost: true,
		DoorSystem: false, DoorBootstrap: false, DoorLink: false, DoorSupport: true,
	}
	for d := DoorNone; d.String() != "unknown"; d++ {
		hasWay, known := covered[d]
		if !assert.True(t, known, "the door %q is not covered", d) {
			continue
		}
		assert.Equal(t, hasWay, slices.ContainsFunc(waysIn, func(w way) bool { return w.door == d }), d.String())
		delete(covered, d)
	}
	assert.Empty(t, covered)

	// An actor by a door that leads nowhere is renewed by nobody.
	m := &Manager{}
	for _, d := range []Door{DoorNone, DoorBootstrap, DoorLink, Door(200)} {
		err := m.renew(t.Context(), nil, &actorValue{door: d}, gateNow)
		require.ErrorIs(t, err, ErrUnauthenticated, d.String())
	}
}

// sources are the files of the package, by their names, without its tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	out := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		out[name] = file
	}
	return out
}

// The registry holds every way that the package declares, and actors are made
// in known places only: whoever adds one must think of the gate.
func TestNoWayInIsForgotten(t *testing.T) {
	t.Parallel()
	ways := 0
	makers := map[string]bool{}
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			fn := "package"
			if f, ok := decl.(*ast.FuncDecl); ok {
				fn = f.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if lit, ok := n.(*ast.CompositeLit); ok {
					if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "way" {
						ways++
					} else if ok && (id.Name == "actorValue" || id.Name == "Actor") && len(lit.Elts) > 0 {
						makers[fn] = true
					}
				}
				return true
			})
		}
	}
	assert.Equal(t, len(waysIn), ways, "a way is declared but not in waysIn")
	known := map[string]string{
		"ActorFor":            "wayHost in renew",
		"Refresh":             "renew",
		"SystemActor":         "no user",
		"Login":               "carries only an origin",
		"completeLogin":       "wayPassword",
		"failJob":             "has no rights: it writes down that a job of the user has failed",
		"onProbe":             "renew",
		"ask":                 "the actor of the change, renewed in it",
		"Session":             "admitSession",
		"APIKey":              "admitKey",
		"startSession":        "admitSession",
		"resume":              "admitSession",
		"SwitchBack":          "names for the audit entry",
		"linked":              "no door: the link alone",
		"provedChange":        "as Change",
		"sender":              "wayHost in renew",
		"dutyInvitations":     "no user",
		"Forgot":              "carries only an origin",
		"Resolve":             "no user",
		"stillOperator":       "wayOperator",
		"permitted":           "wayOperator in mayActAs; asks about others and acts for nobody",
		"recordRefusedActing": "names for the audit entry",
		"pruneAudit":          "no user",
		"ReportLeak":          "carries only an origin",
		"proven":              "the actor that was given, without the lock of its own attempt",
		"dutyWork":            "no user",
		"Change":              "the actor that was given, without the lock of its own attempt",
		"reviewed":            "is asked about, not acted as",
	}
	for fn := range makers {
		assert.Contains(t, known, fn, "%s makes an actor: which way does it pass?", fn)
	}
	assert.Len(t, makers, len(known), "a maker of actors is gone: %v", makers)
}
