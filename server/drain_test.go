package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDrain tells a server to stop that has been given time for load balancers to notice: it says so, serves on, then ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	const drain = 1500 * time.Millisecond
	p, _ := serve(t, t.TempDir(), "HOLDFAST_DRAIN="+drain.String())
	buyer := p.world().buyer(t, "last")
	start := time.Now()
	p.terminate(t)
	probe := func() (int, string) {
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(text)
	}
	waitFor(t, "the probe to see it", func() bool {
		status, said := probe()
		return status == http.StatusServiceUnavailable && strings.Contains(said, "shutting down")
	})
	if took := time.Since(start); took > drain/2 {
		t.Errorf("the probe saw it after %v", took)
	}
	if got := buyer.send(t, `{ viewer { __typename } }`, nil); len(got.Errors) > 0 {
		t.Errorf("a request while it drains: %s", got.Body)
	}
	p.wait(t)
	if took := time.Since(start); took < drain || took > drain+10*time.Second || p.code != 0 {
		t.Errorf("ended with %d after %v, want 0 after %v", p.code, took, drain)
	}
	p.checkLog(t)
}
