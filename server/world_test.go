package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/check/checktest"
	"holdfast/internal/clock"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// TestMain lets the tests start this program: the test binary, told to be the server, is the server.
func TestMain(m *testing.M) {
	if os.Getenv(beServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// beServer is the variable that tells a test binary to be the server.
const beServer = "HOLDFAST_TEST_BE_SERVER"

// world is a running server of demo shops, with its background work, behind a real listener.
type world struct {
	*server
	source string
	url    string
	log    *logBuffer
	stop   func() // ends it as a signal would, and waits

	admin     *client // see merchant
	unchecked bool    // the test breaks the database
}

// option changes how a world's server is configured.
type option func(*serveCommand, *app)

func withHold(d time.Duration) option { return func(c *serveCommand, _ *app) { c.Hold = d } }

// eachWorld runs fn on a world on each database.
func eachWorld(t *testing.T, fn func(t *testing.T, w *world), options ...option) {
	t.Helper()
	testdb.EachSource(t, func(t *testing.T, source string) { fn(t, newWorld(t, source, options...)) })
}

// newWorld starts a server on a migrated database, as the program does it. At its end the database keeps the invariants,
// and what was logged is JSON, tells no secret and, unless the test has asked for faults, of no fault.
func newWorld(t *testing.T, source string, options ...option) *world {
	t.Helper()
	log := &logBuffer{}
	yes := true
	c := &serveCommand{Addr: "127.0.0.1:0", Demo: &yes, Hold: 15 * time.Minute, MaxOpen: 20, CompleteAfter: 240 * time.Hour}
	c.Database = source
	a := &app{now: clock.Of(time.Now), log: slog.New(slog.NewJSONHandler(log, nil))}
	for _, o := range options {
		o(c, a)
	}
	if err := c.validate(); err != nil {
		t.Fatalf("configure server: %v", err)
	}
	s, err := newServer(t.Context(), a, c)
	if err != nil {
		t.Fatalf("make server: %v", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", c.Addr)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, listener) }()
	w := &world{server: s, source: source, url: "http://" + listener.Addr().String(), log: log}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := s.db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	t.Cleanup(func() {
		w.stop()
		log.check(t)
	})
	t.Cleanup(func() { w.checkInvariants(t) })
	return w
}

func (w *world) checkInvariants(t *testing.T) {
	t.Helper()
	if t.Failed() || w.unchecked {
		return // the first failure is the one to read
	}
	checktest.Must(t, w.db)
}

// logBuffer keeps what a server logs.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	faults  bool // the test causes errors
	secrets []string
}

// Write implements io.Writer.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is all of the log.
func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// expectFaults says that errors in the log are what the test is about.
func (b *logBuffer) expectFaults() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = true
}

// keepOut names texts that must never be logged.
func (b *logBuffer) keepOut(secrets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.secrets = append(b.secrets, secrets...)
}

// entry is one line of a log.
type entry struct {
	Time      time.Time
	Level     slog.Level
	Msg       string
	RequestID string `json:"request_id"`
	Method    string
	Path      string
	Status    int
	Error     string
}

// entries are the lines so far; one that is no JSON object fails the test.
func (b *logBuffer) entries(t *testing.T) []entry {
	t.Helper()
	var out []entry
	for line := range strings.Lines(b.String()) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time.IsZero() || e.Msg == "" {
			t.Errorf("a line of the log is no JSON entry (%v): %s", err, line)
		}
		out = append(out, e)
	}
	return out
}

// of are the entries of one request.
func (b *logBuffer) of(t *testing.T, requestID string) []entry {
	t.Helper()
	var out []entry
	for _, e := range b.entries(t) {
		if e.RequestID == requestID {
			out = append(out, e)
		}
	}
	return out
}

func (b *logBuffer) check(t *testing.T) {
	t.Helper()
	for _, e := range b.entries(t) {
		if e.Level >= slog.LevelError && !b.faults {
			t.Errorf("a fault was logged: %+v", e)
		}
	}
	checkSecrets(t, "the log", b.String(), append([]string{demo.Password}, b.secrets...))
}

func checkSecrets(t *testing.T, where, text string, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%s holds the secret %q", where, secret)
		}
	}
}

// unique is a text that no other call returns.
func unique(prefix string) string {
	counter.Lock()
	defer counter.Unlock()
	counter.n++
	return fmt.Sprintf("%s-%d", prefix, counter.n)
}

var counter struct {
	sync.Mutex
	n int
}
