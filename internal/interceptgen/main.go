// Command interceptgen writes the methods of package store/intercept, one file
// for each file of the root package that declares methods of usermgmt.Store. It
// reads the source and compiles nothing, so that it runs while the two differ.
//
// go generate runs it in the directory of that package.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := run("../..", "."); err != nil {
		fmt.Fprintln(os.Stderr, "interceptgen:", err)
		os.Exit(1)
	}
}

// suffix ends the names of the files that are written, and of no others.
const suffix = "_gen.go"

// run writes the files for the package in the directory root to the directory to
// and removes those of an earlier run.
func run(root, to string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(to, "*"+suffix))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// declared is an interface type of the root package.
type declared struct {
	file string
	kind *ast.InterfaceType
}

// generator collects the methods of each file.
type generator struct {
	fset    *token.FileSet
	imports map[string]map[string]string // by file and name
	types   map[string]declared
	bodies  map[string]*bytes.Buffer
	used    map[string]map[string]bool // imports, by file and name
	// qualified are the files that name types of the root package.
	qualified map[string]bool
}

// generate returns the text of the files by their names.
func generate(root string) (map[string][]byte, error) {
	g := &generator{fset: token.NewFileSet(), imports: map[string]map[string]string{}, types: map[string]declared{},
		bodies: map[string]*bytes.Buffer{}, used: map[string]map[string]bool{}, qualified: map[string]bool{}}
	names, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if err := g.parse(name); err != nil {
			return nil, err
		}
	}
	if err := g.methods("Store"); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for file, body := range g.bodies {
		text, err := format.Source(slices.Concat(g.head(file), body.Bytes()))
		if err != nil {
			return nil, err
		}
		out[strings.TrimSuffix(file, ".go")+suffix] = text
	}
	return out, nil
}

// parse notes the imports and interface types of a file.
func (g *generator) parse(name string) error {
	f, err := parser.ParseFile(g.fset, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	file := filepath.Base(name)
	g.imports[file], g.used[file] = map[string]string{}, map[string]bool{}
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		as := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			as = i.Name.Name
		}
		g.imports[file][as] = path
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if t, ok := n.(*ast.TypeSpec); ok {
			if kind, ok := t.Type.(*ast.InterfaceType); ok {
				g.types[t.Name.Name] = declared{file, kind}
			}
		}
		return true
	})
	return nil
}

// methods writes those of an interface and of the ones that it embeds.
func (g *generator) methods(name string) error {
	t, known := g.types[name]
	if !known {
		return fmt.Errorf("no interface %s", name)
	}
	for _, m := range t.kind.Methods.List {
		var err error
		switch kind := m.Type.(type) {
		case *ast.Ident:
			err = g.methods(kind.Name)
		case *ast.FuncType:
			if m.Names[0].Name != "Tx" { // which is written by hand
				err = g.method(t.file, m.Names[0].Name, kind)
			}
		default:
			err = fmt.Errorf("%s: neither a method nor an interface of this package", g.fset.Position(m.Pos()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// method writes one.
func (g *generator) method(file, name string, f *ast.FuncType) error {
	fail := func(what string) error {
		return fmt.Errorf("%s: %s %s", g.fset.Position(f.Pos()), name, what)
	}
	var params, args []string
	for _, field := range f.Params.List {
		text, err := g.text(file, field.Type)
		if err != nil {
			return fail(err.Error())
		}
		if field.Names == nil {
			return fail("has a parameter without a name")
		}
		for _, n := range field.Names {
			arg := n.Name
			params = append(params, arg+" "+text)
			if strings.HasPrefix(text, "...") {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	if len(params) == 0 || params[0] != "ctx context.Context" {
		return fail("does not begin with ctx context.Context")
	}
	var results []string
	if f.Results != nil {
		for _, field := range f.Results.List {
			text, err := g.text(file, field.Type)
			if err != nil {
				return fail(err.Error())
			}
			results = append(results, slices.Repeat([]string{text}, max(1, len(field.Names)))...)
		}
	}
	call, err := through(results)
	if err != nil {
		return fail(err.Error())
	}
	returns := strings.Join(results, ", ")
	if len(results) > 1 {
		returns = "(" + returns + ")"
	}
	body := g.bodies[file]
	if body == nil {
		body = &bytes.Buffer{}
		g.bodies[file] = body
	}
	fmt.Fprintf(body, "\nfunc (store intercepted) %s(%s) %s {\n\treturn %s%q, func(ctx context.Context) %s { return store.within.%s(%s) })\n}\n",
		name, strings.Join(params, ", "), returns, call, name, returns, name, strings.Join(args, ", "))
	return nil
}

// through returns the beginning of the expression that makes a call with results.
func through(results []string) (string, error) {
	last := len(results) - 1
	switch {
	case last == 0 && strings.HasPrefix(results[0], "iter.Seq2[") && strings.HasSuffix(results[0], ", error]"):
		return "stream(ctx, store, ", nil
	case last < 0 || results[last] != "error":
		return "", fmt.Errorf("has no error to return")
	case last == 0:
		return "store.around(ctx, ", nil
	case last == 1:
		return "one(ctx, store, ", nil
	case last == 2:
		return "two(ctx, store, ", nil
	}
	return "", fmt.Errorf("has more results than package intercept can hand on")
}

// text is a type of a file of the root package as other packages write it.
func (g *generator) text(file string, kind ast.Expr) (string, error) {
	var err error
	ast.Inspect(kind, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			g.used[file][n.X.(*ast.Ident).Name] = true
			return false
		case *ast.FuncType:
			err = cmp.Or(err, fmt.Errorf("takes a function, which would have to be written by hand as Tx is"))
			return false
		case *ast.Ident:
			switch {
			case n.Name == "Store":
				err = cmp.Or(err, fmt.Errorf("hands a store on, which would have to be written by hand as Tx is"))
			case n.IsExported():
				n.Name = "usermgmt." + n.Name
				g.qualified[file] = true
			case types.Universe.Lookup(n.Name) == nil:
				err = cmp.Or(err, fmt.Errorf("has the unexported type %s", n.Name))
			}
		}
		return true
	})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := printer.Fprint(&b, token.NewFileSet(), kind); err != nil {
		return "", err
	}
	return b.String(), nil
}

// head is what comes before the methods.
func (g *generator) head(file string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by interceptgen from %s. DO NOT EDIT.\n\npackage intercept\n\nimport (\n", file)
	for _, name := range slices.Sorted(maps.Keys(g.used[file])) {
		path := g.imports[file][name]
		if !strings.HasSuffix("/"+path, "/"+name) {
			fmt.Fprintf(&b, "%s ", name)
		}
		fmt.Fprintf(&b, "%q\n", path)
	}
	if g.qualified[file] {
		fmt.Fprintf(&b, "\n%q\n", "github.com/usermgmt/usermgmt")
	}
	b.WriteString(")\n")
	return b.Bytes()
}
