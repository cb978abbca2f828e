package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// samplePatience covers a few buyers, one after the other, on a busy machine.
const samplePatience = 3 * time.Minute

// TestSample type-checks the sample mini-program, builds it as `npm run build` does, and runs its tests against this server.
func TestSample(t *testing.T) {
	t.Parallel() // it waits
	sample := filepath.Join(npmWeb(t), "sample")
	dir := t.TempDir()
	p, _ := serve(t, dir, "HOLDFAST_DEMO=true", "HOLDFAST_DATABASE=sqlite:"+filepath.Join(dir, "sample.db"))
	ctx, cancel := context.WithTimeout(t.Context(), samplePatience)
	defer cancel()
	for _, script := range []string{"typecheck", "test"} {
		npm := exec.CommandContext(ctx, "npm", "run", script)
		npm.Dir = sample
		npm.Env = append(os.Environ(), "HOLDFAST_URL="+p.url)
		out, err := npm.CombinedOutput()
		if err != nil {
			t.Fatalf("npm run %s: %v\n%s", script, err, out)
		}
		t.Logf("%s", out)
	}
	p.end(t)
}
