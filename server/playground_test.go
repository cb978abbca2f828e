package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/testdb"
	"holdfast/internal/web/playground"
)

// browserPatience covers two tours through all tabs on a busy machine.
const browserPatience = 5 * time.Minute

// TestPlayground opens the playground of a new server in Chromium, in a wide window and in a phone's: it runs every tab in order, and races
// for the last unit. The screenshots are kept in the folder that HOLDFAST_TEST_SCREENSHOTS names.
func TestPlayground(t *testing.T) {
	t.Parallel() // it waits
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the playground is tested with Chromium: %v", err)
		}
		t.Skipf("the playground is tested with Chromium, which is not here: %v", err)
	}
	dir := npmInstall(t, "browser")
	for _, name := range []string{"tabs.mjs", "race.mjs"} {
		t.Run(name, func(t *testing.T) { browse(t, dir, name, chromium) })
	}
}

// browse runs one of the playground's scripts on a new server.
func browse(t *testing.T, dir, name, chromium string) {
	script, err := os.ReadFile(filepath.Join("../internal/web/playground/test", name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), script, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	args := []string{name, w.url}
	if folder := os.Getenv("HOLDFAST_TEST_SCREENSHOTS"); folder != "" {
		if folder, err = filepath.Abs(folder); err != nil {
			t.Fatal(err)
		}
		args = append(args, folder)
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserPatience)
	defer cancel()
	tour := exec.CommandContext(ctx, "node", args...)
	tour.Dir, tour.Env = dir, append(os.Environ(), "CHROMIUM="+chromium)
	tour.WaitDelay = 10 * time.Second // Chromium's own processes may hold its output
	if out, err := tour.CombinedOutput(); err != nil {
		t.Fatalf("the tour ended with %v:\n%s", err, out)
	}
}

// TestPlaygroundOff looks at servers that are told when there is a playground, and introspection.
func TestPlaygroundOff(t *testing.T) {
	source := testdb.Source(t, testdb.SQLite)
	for _, c := range []struct {
		set         string
		demo, there bool
	}{
		{"auto", true, true},
		{"on", true, true},
		{"off", true, false},
		{"auto", false, false},
		{"on", false, true},
		{"off", false, false},
	} {
		w := newWorld(t, source, func(s *serveCommand, _ *app) { *s.Demo, s.Playground = c.demo, c.set })
		name := c.set
		if c.demo {
			name += ", demo"
		}
		index := w.get(t, "/")
		if has := strings.Contains(index.Body, "<script"); index.Status != http.StatusOK || has != c.there {
			t.Errorf("%s: / answers %d %.300s", name, index.Status, index.Body)
		}
		told := w.get(t, playground.Path+"config.json")
		if (told.Status == http.StatusOK) != c.there {
			t.Errorf("%s: config.json answers %d", name, told.Status)
		}
		if logins := strings.Contains(told.Body, "demo-lin"); logins != (c.there && c.demo) {
			t.Errorf("%s: config.json says %s", name, told.Body)
		}
		for _, query := range []string{`{ __schema { queryType { name } } }`, `{ a: __type(name: "Shop") { name } }`, `query ($n: String!) { __type(name: $n) { name } }`} {
			got := w.anonymous().send(t, query, vars{"n": "Shop"})
			if c.there {
				if len(got.Errors) != 0 {
					t.Errorf("%s: %s: %s", name, query, got.Body)
				}
			} else if len(got.Errors) != 1 || got.Errors[0].Extensions.Code != "BAD_REQUEST" || !strings.Contains(string(got.Body), "HOLDFAST_PLAYGROUND") {
				t.Errorf("%s: %s: %s", name, query, got.Body)
			}
		}
		if got := w.anonymous().send(t, `{ __typename shops(first: 1) { nodes { __typename } } }`, nil); len(got.Errors) != 0 {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
}

// TestPlaygroundPages looks at what browsers are told beside the pages.
func TestPlaygroundPages(t *testing.T) {
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	for _, path := range []string{"/", playground.Path, playground.Path + "config.json"} {
		got := w.get(t, path)
		policy := strings.Split(got.Header.Get("Content-Security-Policy"), "; ")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !slices.Contains(policy, want) {
				t.Errorf("%s: %q, without %s", path, policy, want)
			}
		}
		if got.Status != http.StatusOK || got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Referrer-Policy") != "no-referrer" || got.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", path, got.Status, got.Header)
		}
	}
	if got := w.do(t, http.MethodPost, playground.Path, nil, nil); got.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.Status)
	}
}
