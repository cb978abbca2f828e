package documents_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph/documents"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// write puts files into a folder of their own.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: "type Query { a: Int b: Query }"})
	const one, two = "query One { a }", "query Two { b { a } }\n"
	for name, path := range map[string]string{
		"a file": filepath.Join(write(t, map[string]string{
			"ids.json": `{"1": "query One { a }", "sha256:` + hashOf(two) + `": "query Two { b { a } }\n"}`,
		}), "ids.json"),
		"a folder": write(t, map[string]string{"1.graphql": one, "sub/" + hashOf(two) + ".graphql": two, "README.md": "no document"}),
	} {
		r, err := documents.Load(path, schema)
		if err != nil || r.Len() != 2 {
			t.Fatalf("%s: %v", name, err)
		}
		for id, want := range map[string]string{
			"1": one, hashOf(one): one, hashOf(two): two, "sha256:" + hashOf(two): two, "2": "", "": "", hashOf("{ a }"): "",
		} {
			if text, ok := r.Find(id); text != want || ok != (want != "") {
				t.Errorf("%s: %q is %q, want %q", name, id, text, want)
			}
		}
	}
}

func TestLoadSaysWhichIsWrong(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: "type Query { a: Int b: Query }"})
	for name, c := range map[string]struct {
		files map[string]string
		file  string
		says  []string
	}{
		"two of three":       {map[string]string{"Good.graphql": "{ a }", "Bad.graphql": "{ c }", "Worse.graphql": "{"}, "", []string{"document Bad:", `"c"`, "document Worse:"}},
		"another text":       {map[string]string{hashOf("{ a }") + ".graphql": "{ b { a } }"}, "", []string{hashOf("{ a }"), "another text"}},
		"two of one name":    {map[string]string{"x/A.graphql": "{ a }", "y/A.graphql": "{ a }"}, "", []string{"A.graphql"}},
		"too deep":           {map[string]string{"D.graphql": strings.Repeat("{ b ", 21) + "{ a }" + strings.Repeat("}", 21)}, "", []string{"document D:", "deep"}},
		"an empty folder":    {map[string]string{"README.md": ""}, "", []string{"none"}},
		"no such file":       {nil, "x.json", []string{"x.json"}},
		"no object":          {map[string]string{"x.json": `["{ a }"]`}, "x.json", []string{"x.json", "no JSON object"}},
		"an id that is none": {map[string]string{"x.json": `{"": "{ a }"}`}, "x.json", []string{"its id is empty"}},
	} {
		_, err := documents.Load(filepath.Join(write(t, c.files), c.file), schema)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, text := range c.says {
			if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "Good") {
				t.Errorf("%s: %v does not say %q", name, err, text)
			}
		}
	}
}
