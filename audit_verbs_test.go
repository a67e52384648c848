package usermgmt_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// A verb that is not listed could be recorded by a host as if it were this
// package's.
func TestEveryVerbIsListed(t *testing.T) {
	t.Parallel()
	listed := usermgmt.AuditVerbs()
	assert.True(t, slices.IsSorted(listed), "%q", listed)
	assert.Len(t, slices.Compact(slices.Clone(listed)), len(listed), "each once")
	var declared []string
	goFiles(t, func(path string, src []byte) {
		if strings.Contains(path, "/") || strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "verb") || len(spec.Values) != 1 {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				verb, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				declared = append(declared, verb)
			}
			return true
		})
	})
	slices.Sort(declared)
	assert.Equal(t, declared, listed)
}
