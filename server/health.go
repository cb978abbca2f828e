package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"holdfast/internal/db"
)

// readyTimeout is how long the database may take to answer a probe, the wait for a connection to it included.
const readyTimeout = 2 * time.Second

// ready answers 200 only when requests would be served.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		plain(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	err := s.db.Ping(ctx)
	if r.Context().Err() == nil { // or who asked has left, which says nothing of the database
		s.noteAway(ctx, err)
	}
	switch {
	case errors.Is(err, db.ErrReadOnly):
		plain(w, http.StatusServiceUnavailable, "the database takes no writes")
	case err != nil:
		plain(w, http.StatusServiceUnavailable, "the database does not answer")
	default:
		plain(w, http.StatusOK, "ready")
	}
}

// noteAway says that the database is away, or back: once, not with every probe.
func (s *server) noteAway(ctx context.Context, err error) {
	switch was := s.away.Swap(err != nil); {
	case err != nil && !was:
		s.log.WarnContext(ctx, "not ready", "error", err)
	case err == nil && was:
		s.log.InfoContext(ctx, "ready again")
	}
}

// healthTimeout is above what /readyz itself waits for the database.
const healthTimeout = readyTimeout + time.Second

// healthCommand asks a server that runs on this machine whether it is ready. It is for images that have no shell.
type healthCommand struct {
	Addr string `env:"HOLDFAST_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the server listens. Default: ${default}."`
}

// Help says what the exit codes mean.
func (healthCommand) Help() string {
	return "Exits with 0 if the server's /readyz answers that requests would be served, and with 1 if it does not or nobody is there."
}

// Run asks.
func (c *healthCommand) Run(ctx context.Context, a *app) error {
	host, err := hostOf(c.Addr)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(c.Addr) // it has one
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	// Not the default transport: that one would ask a proxy from the environment.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s %s", resp.Status, strings.TrimSpace(string(text)))
	}
	_, err = fmt.Fprint(a.out, string(text))
	return err
}
