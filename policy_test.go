package usermgmt_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goFiles calls fn for every Go file of the repository.
func goFiles(t *testing.T, fn func(path string, src []byte)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fn(path, src)
		}
		return nil
	}))
}

func TestSourceFilesStaySmall(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, src []byte) {
		limit := 450
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "store/storetest") {
			limit = 900
		}
		assert.LessOrEqual(t, strings.Count(string(src), "\n"), limit, path)
	})
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	t.Parallel()
	comments := map[string]int{}
	goFiles(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		dir := filepath.Dir(path)
		if f.Doc != nil {
			comments[dir]++
		} else {
			comments[dir] += 0
		}
	})
	for dir, n := range comments {
		assert.Equal(t, 1, n, dir)
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "examples/") || strings.HasPrefix(path, "internal/") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				// The methods of a store are documented by the contract.
				if d.Name.IsExported() && exportedReceiver(d) && (d.Recv == nil || !strings.HasPrefix(path, "store/")) {
					assert.NotNil(t, d.Doc, "%s: %s", path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							assert.True(t, d.Doc != nil || s.Doc != nil, "%s: %s", path, s.Name.Name)
						}
					case *ast.ValueSpec:
						for _, n := range s.Names {
							if n.IsExported() {
								assert.True(t, d.Doc != nil || s.Doc != nil || s.Comment != nil, "%s: %s", path, n.Name)
							}
						}
					}
				}
			}
		}
	})
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch x := expr.(type) {
		case *ast.StarExpr:
			expr = x.X
		case *ast.IndexExpr:
			expr = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

func TestImportsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	quoted := regexp.MustCompile(`^"(.+)"$`)
	goFiles(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		require.NoError(t, err)
		dir := filepath.ToSlash(filepath.Dir(path))
		for _, spec := range f.Imports {
			p := quoted.FindStringSubmatch(spec.Path.Value)[1]
			if p == "testing" || strings.Contains(p, "testify") || strings.Contains(p, "rapid") {
				assert.Contains(t, []string{"usermgmttest", "store/storetest", "internal/pgtest", "internal/teststores"}, dir, "%s imports %s", path, p)
			}
			if dir == "." {
				assert.NotContains(t, p, "usermgmt/store", "%s: the root knows no store", path)
				assert.NotContains(t, p, "net/http", "%s: the root knows no HTTP", path)
				assert.NotEqual(t, "database/sql", p, "%s: the root knows no SQL", path)
			}
			assert.NotEqual(t, "math/rand", p, "%s: secrets come from crypto/rand", path)
		}
	})
}

func TestDependenciesOfTheRootPackage(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	require.NoError(t, err)
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			seen[line] = true
		}
	}
	var got []string
	for m := range seen {
		got = append(got, m)
	}
	assert.ElementsMatch(t, []string{
		"github.com/usermgmt/usermgmt", "github.com/google/uuid", "github.com/ccojocar/zxcvbn-go",
		"golang.org/x/crypto", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
	}, got, "a new dependency is a decision: write its reason into docs/design.md")
}

func TestEverySentinelIsInThePackageComment(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("errors.go")
	require.NoError(t, err)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^\t(Err[A-Za-z]+) += errors\.New`).FindAllSubmatch(src, -1) {
		assert.Contains(t, string(doc), "["+string(m[1])+"]")
	}
}

func TestClockIsReadInOnePlace(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, src []byte) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, "_test.go") || dir != "." && !strings.HasPrefix(dir, "store/memory") && !strings.HasPrefix(dir, "internal") {
			return
		}
		if strings.Contains(string(src), "time.Now()") {
			t.Errorf("%s reads the clock; ask Manager.now", path)
		}
	})
}

func TestLinksInDocumentsResolve(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, glob := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, f := range files {
			src, err := os.ReadFile(f)
			require.NoError(t, err)
			for _, m := range link.FindAllSubmatch(src, -1) {
				_, err := os.Stat(filepath.Join(filepath.Dir(f), string(m[1])))
				assert.NoError(t, err, "%s links to %s", f, m[1])
			}
		}
	}
}

// TestAPIIsWhatWasReviewed holds the exported names and signatures of the root
// package to testdata/api.txt, so that a reviewer sees every change of them.
// Run with -update to accept one.
func TestAPIIsWhatWasReviewed(t *testing.T) {
	t.Parallel()
	var lines []string
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		text := func(n ast.Node) string {
			var b bytes.Buffer
			require.NoError(t, printer.Fprint(&b, fset, n))
			return strings.Join(strings.Fields(b.String()), " ")
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) {
					d.Body, d.Doc = nil, nil
					lines = append(lines, text(d))
				}
			case *ast.GenDecl:
				lines = append(lines, exportedSpecs(d, text)...)
			}
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "api.txt")
	if *updateGolden {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	want := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, line := range want {
		if !slices.Contains(lines, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(want, line) {
			t.Errorf("new: %s", line)
		}
	}
}

// exportedSpecs lists the exported constants, variables and types, and the
// exported fields and methods of types.
func exportedSpecs(d *ast.GenDecl, text func(ast.Node) string) []string {
	var lines []string
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() {
					lines = append(lines, d.Tok.String()+" "+n.Name)
				}
			}
		case *ast.TypeSpec:
			if !s.Name.IsExported() {
				continue
			}
			var fields *ast.FieldList
			switch x := s.Type.(type) {
			case *ast.StructType:
				fields = x.Fields
				lines = append(lines, "type "+s.Name.Name+" struct")
			case *ast.InterfaceType:
				fields = x.Methods
				lines = append(lines, "type "+s.Name.Name+" interface")
			default:
				lines = append(lines, "type "+s.Name.Name+" "+text(s.Type))
			}
			if fields == nil {
				continue
			}
			for _, f := range fields.List {
				for _, n := range f.Names {
					if n.IsExported() {
						lines = append(lines, "type "+s.Name.Name+": "+n.Name+" "+text(f.Type))
					}
				}
				if len(f.Names) == 0 {
					lines = append(lines, "type "+s.Name.Name+": "+text(f.Type))
				}
			}
		}
	}
	return lines
}

func TestThreatsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	var all []byte
	goFiles(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") {
			all = append(all, src...)
		}
	})
	for doc, least := range map[string]int{"docs/threats.md": 100, "docs/threat-model.md": 15} {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		names := regexp.MustCompile(`\b(Test|Fuzz)\w+`).FindAllString(string(text), -1)
		assert.GreaterOrEqual(t, len(names), least, doc)
		for _, name := range names {
			assert.True(t, bytes.Contains(all, []byte("func "+name+"(")), "%s: no %s", doc, name)
		}
	}
}

func TestFeaturesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	var all []byte
	goFiles(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") {
			all = append(all, src...)
		}
	})
	doc, err := os.ReadFile("docs/features.md")
	require.NoError(t, err)
	for _, row := range strings.Split(string(doc), "\n") {
		cells := strings.Split(row, "|")
		if len(cells) != 6 || strings.TrimSpace(cells[1]) == "id" || strings.HasPrefix(cells[1], "---") {
			continue
		}
		id, state, proof := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[4])
		assert.Contains(t, []string{"works", "partly", "not yet"}, state, id)
		assert.False(t, state == "works" && proof == "", "%s works without a proof", id)
		for _, name := range regexp.MustCompile(`\b(Test|Example)\w*`).FindAllString(proof, -1) {
			assert.True(t, bytes.Contains(all, []byte("func "+name+"(")), "%s: no %s", id, name)
		}
	}
}
