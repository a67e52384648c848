package postgres

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgtest"
)

// texts evaluates the package's constants and variables that are put together
// from constants, from the source: whatever is named sql… and used by a function
// is a statement, and no list of them can be forgotten.
type texts struct {
	t     *testing.T
	exprs map[string]ast.Expr
	used  map[string]bool // by a function
}

// textsOfPackage reads the package's source.
func textsOfPackage(t *testing.T) *texts {
	t.Helper()
	x := &texts{t, map[string]ast.Expr{}, map[string]bool{}}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				ast.Inspect(f, func(n ast.Node) bool {
					if name, ok := n.(*ast.Ident); ok {
						x.used[name.Name] = true
					}
					return true
				})
			}
			if d, ok := d.(*ast.GenDecl); ok {
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
						for i := range v.Names {
							x.exprs[v.Names[i].Name] = v.Values[i]
						}
					}
				}
			}
		}
	}
	return x
}

func (x *texts) all(list []ast.Expr) (out []string) {
	for _, e := range list {
		out = append(out, x.value(e))
	}
	return out
}

func (x *texts) value(e ast.Expr) string {
	x.t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			require.NoError(x.t, err)
			return s
		}
		return e.Value
	case *ast.Ident:
		if of, found := x.exprs[e.Name]; found {
			return x.value(of)
		}
	case *ast.ParenExpr:
		return x.value(e.X)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return x.value(e.X) + x.value(e.Y)
		}
	case *ast.CallExpr:
		return x.call(e)
	}
	x.t.Fatalf("an expression that this test cannot evaluate: %T %v", e, e)
	return ""
}

func (x *texts) call(e *ast.CallExpr) string {
	x.t.Helper()
	args := x.all(e.Args)
	switch f := e.Fun.(type) {
	case *ast.Ident:
		switch f.Name {
		case "guardedUpdate":
			return guardedUpdate(args[0], args[1])
		case "guardedDelete":
			return guardedDelete(args[0])
		case "newBulk":
			n, err := strconv.Atoi(args[0])
			require.NoError(x.t, err)
			return newBulk(n, args[1]).sql
		}
	case *ast.SelectorExpr:
		if of, ok := f.X.(*ast.CallExpr); ok && f.Sel.Name == "Replace" { // strings.NewReplacer(…).Replace(…)
			return strings.NewReplacer(x.all(of.Args)...).Replace(args[0])
		}
		if name, ok := f.X.(*ast.Ident); ok && name.Name == "strings" && f.Sel.Name == "ReplaceAll" {
			return strings.ReplaceAll(args[0], args[1], args[2])
		}
	}
	x.t.Fatalf("a call that this test cannot evaluate: %v", e.Fun)
	return ""
}

// isBulk reports whether e is a call of newBulk.
func isBulk(e ast.Expr) bool {
	c, is := e.(*ast.CallExpr)
	if !is {
		return false
	}
	f, is := c.Fun.(*ast.Ident)
	return is && f.Name == "newBulk"
}

// statements returns the package's constant statements by name, and those that
// bulks make. What is no more than a part of others is none.
func (x *texts) statements() map[string]string {
	x.t.Helper()
	out := map[string]string{}
	for name, e := range x.exprs {
		if x.used[name] && (strings.HasPrefix(name, "sql") || isBulk(e)) {
			out[name] = x.value(e)
		}
	}
	return out
}

// auditStatements returns the statements of lists of audit entries, for every
// set of conditions.
func auditStatements() map[string]string {
	out := map[string]string{}
	org := usermgmt.OrgID{1}
	filters := []*usermgmt.Filter{
		{Org: org, All: true}, {Org: org, Owners: []usermgmt.UserID{{2}}},
		{Org: org, Units: []usermgmt.UnitID{{3}}, UnitTrees: []usermgmt.UnitID{{4}}},
		{Org: org, Teams: []usermgmt.TeamID{{5}}, TeamTrees: []usermgmt.TeamID{{6}}, At: time.Unix(1, 0), Units: []usermgmt.UnitID{{3}}},
	}
	for bits := range 1 << 10 {
		has := func(n int) bool { return bits>>n&1 != 0 }
		q := usermgmt.AuditQuery{Limit: 1}
		for n, set := range []func(){
			func() { q.Org = org }, func() { q.Operator[0] = 1 }, func() { q.Subject[0] = 1 }, func() { q.Target = "t" },
			func() { q.Verb = "v" }, func() { q.Operation[0] = 1 }, func() { q.Outcome = 1 }, func() { q.From = time.Unix(1, 0) },
			func() { q.Until = time.Unix(1, 0) }, func() { q.After[0] = 1 },
		} {
			if has(n) {
				set()
			}
		}
		name := fmt.Sprintf("audit %b", bits)
		out[name] = newAuditQuery(q).plain()
		q.Visible = filters[bits%len(filters)]
		out[name+" walk"] = newAuditQuery(q).walk()
		if bits%8 == 0 || bits < 128 {
			out[name+" from users"] = newAuditQuery(q).fromUsers()
		}
	}
	return out
}

var (
	parameter = regexp.MustCompile(`\$[0-9]+(::)?`)
	star      = regexp.MustCompile(`(?i)select\s+(distinct\s+)?([a-z]+\.)?\*`)
)

// TestStatementsPrepare gives every statement to a server with the schema, which
// names whatever does not exist or fit.
func TestStatementsPrepare(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, pgtest.DB(t, "usermgmt for statements", func(ctx context.Context, dsn string) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		s, err := NewConn(conn, nil)
		if err != nil {
			return err
		}
		return s.Migrate(ctx)
	}))
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	all := textsOfPackage(t).statements()
	require.Greater(t, len(all), 100, "statements that were found")
	maps.Copy(all, auditStatements())
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text := all[name]
		_, err := conn.Prepare(ctx, "", text)
		assert.NoError(t, err, "%s: %s", name, text)
		for _, p := range parameter.FindAllStringSubmatch(text, -1) {
			assert.NotEmpty(t, p[1], "%s: %s has no cast in %s", name, p[0], text)
		}
		assert.NotRegexp(t, star, text, name)
	}
}
