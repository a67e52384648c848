package usermgmt

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever asks whether somebody acts for somebody else asks for all doors and kinds
// of sessions at once: the single ones are named where they are told apart.
func TestNobodyAsksForOneWayOfActingOnly(t *testing.T) {
	t.Parallel()
	may := map[string][]string{
		"DoorProxy":      {"account.go", "audit.go", "gate.go"},
		"DoorSupport":    {"account.go", "audit.go", "gate.go"},
		"SessionProxy":   {"account.go", "proxy.go", "proxy_verify.go"},
		"SessionSupport": {"account.go", "proxy.go", "proxy_verify.go", "session.go", "support.go"},
	}
	seen := map[string]bool{}
	for name, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && may[id.Name] != nil {
				seen[id.Name] = true
				assert.True(t, slices.Contains(may[id.Name], name), "%s names %s: ask acting()", name, id.Name)
			}
			return true
		})
	}
	assert.Len(t, seen, len(may))
	for d := DoorNone; d.String() != "unknown"; d++ {
		assert.Equal(t, strings.Contains("proxy support", d.String()), d.acting(), d.String())
	}
	assert.True(t, SessionProxy.acting() && SessionSupport.acting() && !SessionLogin.acting())
}

// T-IMP-08: an empty operator, or one whom the session does not come from, is
// nobody, and never the user alone.
func TestASessionWithoutItsOperatorIsRefused(t *testing.T) {
	t.Parallel()
	m := &Manager{}
	ann, bob := UserID{1}, UserID{2}
	for name, c := range map[string]struct {
		ses Session
		own SessionView
	}{
		"no operator":        {Session{User: ann}, SessionView{Session: Session{Kind: SessionLogin, Parked: true}}},
		"another operator":   {Session{User: ann, Operator: bob}, SessionView{Session: Session{Kind: SessionLogin, User: ann, Parked: true}}},
		"a chain of parents": {Session{User: ann, Operator: bob}, SessionView{Session: Session{Kind: SessionProxy, User: bob, Parked: true}}},
	} {
		_, err := m.stillOperator(t.Context(), nil, &c.ses, &c.own, gateNow)
		require.ErrorIs(t, err, ErrUnauthenticated, name)
		assert.ErrorContains(t, err, "no_operator", name)
	}
}
