package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

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
