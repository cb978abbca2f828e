package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/graph"
)

// TestRelay has Relay's compiler take the schema as it is printed, with pages, refetching, subscriptions and mutations as its clients
// write them, and refuse what is not in it.
func TestRelay(t *testing.T) {
	t.Parallel()
	dir := npmInstall(t, "relay")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("schema.graphql", graph.SDL())
	write("relay.config.json", `{"src": ".", "schema": "schema.graphql", "language": "javascript", "excludes": ["**/node_modules/**"]}`)
	compile := func() (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", "node_modules/relay-compiler/cli.js")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := compile(); err != nil {
		t.Fatalf("the compiler refuses: %v\n%s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "__generated__", "*.graphql.js"))
	if err != nil || len(pages) != 7 {
		t.Errorf("it wrote %v (%v), want 7 documents", pages, err)
	}
	write("Wrong.js", "graphql`query WrongQuery { viewer { shoeSize } }`;")
	if out, err := compile(); err == nil || !strings.Contains(out, "shoeSize") {
		t.Errorf("a field that is not there: %v\n%s", err, out)
	}
}
