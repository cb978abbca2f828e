package main

import (
	"testing"

	"holdfast/internal/check/checktest"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// TestFirstStartsAtOnce starts three servers on a database that has no table yet. Each migrates it, or waits until another has, and
// fills it with the same demo; then they serve as one.
func TestFirstStartsAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			const servers = 3
			source := testdb.Empty(t, kind)
			processes := make([]*process, servers)
			for i := range processes {
				processes[i] = program(t, t.TempDir(), "", []string{
					"HOLDFAST_ADDR=127.0.0.1:0", "HOLDFAST_DATABASE=" + source, "HOLDFAST_DEMO=true",
				})
			}
			for _, p := range processes {
				p.start(t)
			}
			for _, p := range processes {
				waitFor(t, "a server", func() bool {
					select {
					case <-p.exited:
						t.Fatalf("a server ended with %d:\n%s%s", p.code, p.out.String(), p.err.String())
					default:
					}
					m := greeting.FindStringSubmatch(p.out.String())
					if m == nil {
						return false
					}
					p.url = "http://" + m[1]
					return p.isReady(t)
				})
			}
			shops := len(processes[0].world().shops(t))
			for _, p := range processes {
				w := p.world()
				if n := len(w.shops(t)); n != shops || n == 0 {
					t.Errorf("%d shops at one server and %d at another", shops, n)
				}
				w.buyer(t, "early").cart(t)
			}
			for _, p := range processes {
				p.end(t)
			}
			checktest.Must(t, testdb.Open(t, source, db.Options{}))
		})
	}
}
