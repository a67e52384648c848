package usermgmt_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

const permissionsPage = "docs/permissions.md"

// The page is generated from the catalogue, the comments of the constants and
// those of the methods that ask for them: run the test with -update.
func TestPermissionsPageIsTheCatalogue(t *testing.T) {
	t.Parallel()
	page := permissionsDocument(t)
	if *updateGolden {
		require.NoError(t, os.WriteFile(permissionsPage, []byte(page), 0o644))
	}
	have, err := os.ReadFile(permissionsPage)
	require.NoError(t, err)
	assert.Equal(t, page, string(have), "run the test with -update")
}

// permissionSources reads, from the package's files, what the constants of
// permissions say about themselves, and which methods ask for them.
func permissionSources(t *testing.T) (about map[usermgmt.Permission]string, asked map[usermgmt.Permission][]string) {
	t.Helper()
	names := map[string]usermgmt.Permission{}
	about, asked = map[usermgmt.Permission]string{}, map[usermgmt.Permission][]string{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var parsed []*ast.File
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		parsed = append(parsed, f)
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "Perm") || len(spec.Values) != 1 {
				return true
			}
			lit, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			value, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			names[spec.Names[0].Name] = usermgmt.Permission(value)
			if text := strings.TrimSpace(spec.Comment.Text()); text != "" {
				about[usermgmt.Permission(value)] = strings.ReplaceAll(text, "|", "\\|")
			}
			return true
		})
	}
	link := regexp.MustCompile(`\[(Perm\w+)\]`)
	for _, f := range parsed {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || !fn.Name.IsExported() {
				continue
			}
			service := ""
			ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && service == "" {
					service = id.Name
				}
				return true
			})
			for _, m := range link.FindAllStringSubmatch(fn.Doc.Text(), -1) {
				method := "`" + service + "." + fn.Name.Name + "`"
				if p := names[m[1]]; p != "" && !slices.Contains(asked[p], method) {
					asked[p] = append(asked[p], method)
				}
			}
		}
	}
	return about, asked
}

func permissionsDocument(t *testing.T) string {
	t.Helper()
	m, err := usermgmt.New(memory.New(), nil)
	require.NoError(t, err)
	about, asked := permissionSources(t)
	var b strings.Builder
	b.WriteString(`# Permissions

Generated from the catalogue by ` + "`go test . -run TestPermissionsPage -update`" + `. How they decide is in
[rights.md](rights.md). A host's own objects come to these by ` + "`Config.Objects`" + `; ` + "`Access.Catalogue`" + ` returns all.

A permission without a method is a capability of one of the two platforms: this package grants, checks
and explains it, and what it opens is the host's.
`)
	for _, o := range m.Access().Catalogue() {
		fmt.Fprintf(&b, "\n## %s\n\nObject `%s`, owned by %s.\n\n| permission | scopes | what for | asked by |\n|---|---|---|---|\n",
			o.Label, o.Name, ownerships[o.Ownership])
		for _, action := range o.Actions {
			p := usermgmt.Permission(o.Name + "." + action)
			scopes := grantable(o.Ownership.Scopes())
			if slices.Contains(o.SystemOnly, action) {
				scopes = "system"
			}
			methods := asked[p]
			slices.Sort(methods)
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p, scopes, about[p], strings.Join(methods, ", "))
		}
	}
	return b.String()
}

var ownerships = map[usermgmt.Ownership]string{
	usermgmt.OwnedByUser: "a user", usermgmt.OwnedByUnit: "a business unit", usermgmt.OwnedByTeam: "a team",
	usermgmt.OwnedByOrganization: "the organization", usermgmt.Unowned: "nobody",
}

// grantable lists the scopes that roles can grant.
func grantable(s usermgmt.Scope) string {
	var out []string
	for bit := usermgmt.ScopeOwn; bit <= usermgmt.ScopeSystem; bit <<= 1 {
		if s.Has(bit) {
			out = append(out, bit.String())
		}
	}
	return strings.Join(out, ", ")
}
