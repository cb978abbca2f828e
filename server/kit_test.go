package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// kitPatience covers npm ci, and 50 buyers on a busy machine.
const kitPatience = 6 * time.Minute

// TestKit runs the tests of the kit for mini-programs against this server: once as it comes, and once with no documents but the kit's.
func TestKit(t *testing.T) {
	t.Parallel() // it waits
	web := npmWeb(t)
	documents, err := filepath.Abs(filepath.Join("..", "internal", "web", "kit", "documents.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"any":     nil,
		"trusted": {"HOLDFAST_DOCUMENTS=" + documents, "HOLDFAST_TRUSTED_ONLY=true"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p, _ := serve(t, dir, append([]string{"HOLDFAST_DEMO=true", "HOLDFAST_DATABASE=sqlite:" + filepath.Join(dir, "kit.db")}, env...)...)
			args, trusted := []string{"vitest", "run"}, "false"
			if env != nil {
				args, trusted = append(args, "test/e2e.test.ts"), "true"
			}
			ctx, cancel := context.WithTimeout(t.Context(), kitPatience)
			defer cancel()
			vitest := exec.CommandContext(ctx, "npx", append([]string{"--no-install"}, args...)...)
			vitest.Dir = filepath.Join(web, "kit")
			vitest.Env = append(os.Environ(), "HOLDFAST_URL="+p.url, "HOLDFAST_TRUSTED="+trusted)
			out, err := vitest.CombinedOutput()
			if err != nil {
				t.Fatalf("vitest: %v\n%s", err, out)
			}
			t.Logf("%s", out)
			p.end(t)
		})
	}
}

// npmWeb is internal/web with its npm packages: as it is if they are there, else a copy in a folder of the test's.
func npmWeb(t *testing.T) string {
	t.Helper()
	needNode(t)
	web := filepath.Join("..", "internal", "web")
	if _, err := os.Stat(filepath.Join(web, "node_modules", "vitest")); err == nil {
		return web
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(web)); err != nil {
		t.Fatal(err)
	}
	npmCI(t, dir)
	return dir
}
