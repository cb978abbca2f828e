package graph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// texts are the messages that the Go files under dir give to package fault: the literals with a space in every call that
// names a code of it, so that helpers which pass a text on are found too.
func texts(t *testing.T, dir string) map[string]token.Position {
	t.Helper()
	out := make(map[string]token.Position)
	files := token.NewFileSet()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.ContainsFunc(call.Args, isCode) {
				return true
			}
			for _, arg := range call.Args {
				if text, ok := literal(arg); ok && strings.Contains(text, " ") {
					out[text] = files.Position(call.Pos())
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func isCode(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "fault"
}

// literal is a string constant, also one that is put together from several.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, ok2 := literal(e.Y)
		return left + right, ok && ok2
	}
	return "", false
}

func TestEveryMessageHasItsChinese(t *testing.T) {
	t.Parallel()
	verbs := regexp.MustCompile(`%[a-z]`)
	used := make(map[string]bool)
	for _, dir := range []string{"../internal", "."} {
		for text, at := range texts(t, dir) {
			if strings.HasPrefix(at.Filename, "scalar/") || strings.HasPrefix(at.Filename, "transport/") {
				continue // what is wrong with a request is for programmers
			}
			used[text] = true
			zh, ok := chinese[text]
			switch {
			case !ok:
				t.Errorf("%s: no Chinese for %q", at, text)
			case strings.Join(verbs.FindAllString(zh, -1), "") != strings.Join(verbs.FindAllString(text, -1), ""):
				t.Errorf("%q and %q take different arguments", text, zh)
			}
		}
	}
	for text := range chinese {
		if !used[text] {
			t.Errorf("nobody says %q any more", text)
		}
	}
	if len(used) < 50 {
		t.Errorf("found only %d texts: the search is broken", len(used))
	}
}
