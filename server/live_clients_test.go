package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/testdb"
)

const (
	installPatience = 3 * time.Minute
	// clientPatience covers the start of Node on a busy machine.
	clientPatience = 30 * time.Second
)

// TestOfficialClients runs the clients that others use against this server, with Node.
func TestOfficialClients(t *testing.T) {
	t.Parallel() // it waits
	dir := npmInstall(t, "clients")
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	for kind, tell := range map[string]func(*testing.T, *world, string){"graphql-ws": graphQLWS, "apollo": asksAndWatches, "urql": asksAndWatches} {
		t.Run(kind, func(t *testing.T) { tell(t, w, dir) })
	}
}

// npmInstall puts a folder of testdata, and the npm packages that it names, into a folder of the test's.
func npmInstall(t *testing.T, folder string) (dir string) {
	t.Helper()
	needNode(t)
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", folder))); err != nil {
		t.Fatal(err)
	}
	npmCI(t, dir)
	return dir
}

// needNode skips a test where there is no Node; CI has to have it.
func needNode(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("clients in JavaScript need Node: %v", err)
			}
			t.Skipf("clients in JavaScript need Node, which is not here: %v", err)
		}
	}
}

// npmCI installs what the package-lock.json of a folder names.
func npmCI(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installPatience)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// clientLine is what a client says: that it is connected, or not, or the answer to its query, or a state.
type clientLine struct {
	Connected, Query bool
	Closed           *int
	Error            string

	VariantID string
	Available int
	Version   int64
	OnHand    *int
}

// watcher is a client in a process of its own.
type watcher struct {
	t     *testing.T
	lines chan clientLine // closed at its end
	err   output
}

// startClient has a client watch the variant of w over a socket at host.
func startClient(t *testing.T, w *world, dir, host, variant, token string) *watcher {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "watch.mjs", filepath.Base(t.Name()), w.url+"/graphql", "ws://"+host+"/graphql", variant, token)
	c := &watcher{t: t, lines: make(chan clientLine, 1000)}
	cmd.Dir, cmd.Stderr = dir, &c.err
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start node: %v", err)
	}
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			l := clientLine{}
			if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
				l.Error = "no JSON: " + scanner.Text()
			}
			c.lines <- l
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range c.lines { // until it has ended
		}
		_ = cmd.Wait() // it was killed
	})
	return c
}

// until reads lines to one that is wanted.
func (c *watcher) until(what string, wanted func(clientLine) bool) clientLine {
	c.t.Helper()
	end := time.After(clientPatience)
	for {
		select {
		case l, ok := <-c.lines:
			if !ok || l.Error != "" {
				c.t.Fatalf("waiting for %s: %+v\n%s", what, l, c.err.String())
			}
			if wanted(l) {
				return l
			}
		case <-end:
			c.t.Fatalf("%s never came\n%s", what, c.err.String())
		}
	}
}

// state waits for a state of this version; before it, versions rise.
func (c *watcher) state(want stockView, last int64) {
	c.t.Helper()
	got := c.until("the newest state", func(l clientLine) bool {
		if l.VariantID == "" {
			return false
		}
		if l.Version < last {
			c.t.Errorf("version %d after %d", l.Version, last)
		}
		last = l.Version
		return l.Version >= want.Version
	})
	if got.VariantID != want.VariantID || got.Version != want.Version || got.Available != want.Available || (got.OnHand == nil) != (want.OnHand == nil) {
		c.t.Errorf("told %+v, want %+v", got, want)
	}
}

func graphQLWS(t *testing.T, w *world, dir string) {
	merchant, buyer := w.merchant(t), w.buyer(t, "node-ws")
	v := w.goods(t, w.shops(t)[0], 100, 100)[0]
	wire := newWire(t, strings.TrimPrefix(w.url, "http://"))
	c := startClient(t, w, dir, wire.addr, v, merchant.token)
	first := merchant.stock(t, v)
	c.state(first, 0)
	last := first.Version
	for range 2 {
		buyer.buy(t, vars{"lines": lines(v, 1)})
		now := merchant.stock(t, v)
		c.state(now, last)
		wire.set(wireCut)
		c.until("the end of the connection", func(l clientLine) bool { return l.Closed != nil })
		buyer.buy(t, vars{"lines": lines(v, 2)})
		wire.set(wireWhole)
		c.until("a new connection", func(l clientLine) bool { return l.Connected })
		missed := merchant.stock(t, v)
		c.state(missed, now.Version)
		last = missed.Version
	}
	buyer.buy(t, vars{"lines": lines(v, 1)})
	c.state(merchant.stock(t, v), last)
}

// asksAndWatches sends an ordinary query over HTTP and a subscription over a socket.
func asksAndWatches(t *testing.T, w *world, dir string) {
	buyer := w.buyer(t, "node-"+filepath.Base(t.Name()))
	v := w.goods(t, w.shops(t)[0], 100, 100)[0]
	c := startClient(t, w, dir, strings.TrimPrefix(w.url, "http://"), v, "")
	c.until("the answer to a query", func(l clientLine) bool { return l.Query })
	now := buyer.stock(t, v)
	c.state(now, 0)
	for range 3 {
		last := now.Version
		buyer.buy(t, vars{"lines": lines(v, 1)})
		now = buyer.stock(t, v)
		c.state(now, last)
	}
}
