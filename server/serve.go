package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/graph"
	"holdfast/graph/documents"
	"holdfast/graph/reference"
	"holdfast/graph/transport"
	business "holdfast/internal/app"
	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/notify"
	"holdfast/internal/payment"
	"holdfast/internal/reconcile"
)

// Everything that waits has an end.
const (
	startTimeout      = time.Minute
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	requestTimeout    = 25 * time.Second // above a transaction's own deadline, below the answer's
	soldOutFor        = 100 * time.Millisecond
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 30 * time.Second // above what a request may take
	maxHeaderBytes    = 64 << 10         // a query of 16 KiB, percent-encoded
)

// server is a running Holdfast.
type server struct {
	cfg      *serveCommand
	db       *db.DB
	business *business.App
	weChat   *weChat // nil when payments go nowhere, or to the sandbox
	graphql  http.Handler
	sockets  *transport.WebSocket
	log      *slog.Logger
	metrics  *metrics
	tracing  *tracing // nil without an endpoint
	limits   *limits
	// playground and reference are nil where they are off.
	playground, reference http.Handler
	draining              atomic.Bool
	away                  atomic.Bool                                        // the last probe found no database to serve from
	say                   func(acceptLanguage string, e *fault.Error) string // what is not GraphQL
	app                   *app
}

// Help says what one gets.
func (serveCommand) Help() string {
	return `Serves, at one address: /graphql (GraphQL over HTTP and WebSocket), / (a page to begin with: the playground, where that is on), /healthz, /readyz and /metrics (Prometheus).
The log is JSON lines on standard error. SIGTERM and SIGINT let requests in flight finish.`
}

// Run serves until ctx ends, then lets requests in flight finish.
func (c *serveCommand) Run(ctx context.Context, a *app) error {
	if err := c.validate(); err != nil {
		return err
	}
	s, err := newServer(ctx, a, c)
	if err != nil {
		return err
	}
	defer func() {
		if err := s.db.Close(); err != nil {
			a.log.ErrorContext(ctx, "close database", "error", err)
		}
	}()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w (is another server running? HOLDFAST_ADDR names another address)", err)
	}
	s.greet(listener.Addr())
	return s.serve(ctx, listener)
}

// newServer opens the database and puts the parts together.
func newServer(ctx context.Context, a *app, c *serveCommand) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tracing, err := newTracing(ctx, c.OTLPEndpoint, a.log)
	if err != nil {
		return nil, err
	}
	var traced db.Trace
	if tracing != nil {
		traced = tracing.database
	}
	d, err := a.open(ctx, c.source(), traced)
	if err != nil {
		return nil, err
	}
	var (
		codes    identity.CodeExchanger = identity.NoCodes{}
		provider payment.Provider       = payment.Unconfigured{}
		real     *weChat

		sharing catalog.Sharing // the sandbox lets anybody receive anything
		phones  identity.PhoneExchanger
		tells   notify.Settings
		bills   reconcile.Bills // the sandbox has none
	)
	if c.demo() {
		codes, provider = identity.SandboxCodes{}, payment.NewSandbox(d, a.now)
		if _, err := demo.Fill(ctx, d, a.now()); err != nil {
			return nil, errors.Join(fmt.Errorf("fill the database with demo shops: %w", err), d.Close())
		}
	}
	if c.WeChat != "" {
		if real, err = newWeChat(a, d, c.WeChat, c.ShareAfter); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		codes, provider, sharing = real.login, real.pay, real.pay
		phones, tells, bills = real, real.tells, real.pay
	}
	s := &server{cfg: c, db: d, weChat: real, log: a.log, app: a, say: graph.Messages(), metrics: newMetrics(a.now), tracing: tracing}
	s.business = business.New(d, a.now, a.log, business.Settings{
		Hold: c.Hold, MaxOpen: c.MaxOpen, SoldOut: soldOutFor, CompleteAfter: c.CompleteAfter, Provider: provider, Codes: codes,
		Sharing: sharing, Notify: tells, Phones: phones, Bills: bills,
	})
	s.sockets = &transport.WebSocket{Begin: s.begin, Origins: c.Origins, Now: a.now}
	edge := a.edge
	edge.WebSocket, edge.Observer, edge.HideSchema = s.sockets, s.metrics, !c.playground()
	if tracing != nil {
		edge.Observer = tracing.observer(s.metrics)
	}
	if edge.TrustedOnly = c.TrustedOnly; c.Documents != "" {
		if edge.Documents, err = documents.Load(c.Documents, graph.Schema()); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	if s.limits, err = newLimits(c, d, a.now); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if c.playground() {
		if s.playground, err = newPlayground(c); err != nil {
			return nil, errors.Join(fmt.Errorf("playground: %w", err), d.Close())
		}
		if s.reference, err = reference.New(graph.Schema()); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	s.metrics.watch(s)
	handler := graph.NewHandler(graph.Deps{App: s.business}, edge)
	handler.Guard(s.limits, s.sockets)
	s.graphql = handler
	return s, nil
}

// serve answers requests until ctx ends. Work of its own (revoked sessions, overdue holds) goes on until the last request
// has been answered.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	own, stopOwn := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { s.business.Run(own) })
	if s.tracing != nil {
		defer s.tracing.end(own)
	}
	defer work.Wait()
	defer stopOwn()
	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true) // load balancers look elsewhere
	s.log.InfoContext(own, "shutting down", "drain", s.cfg.Drain.String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-time.After(s.cfg.Drain): // they have seen it
	}
	ending, cancel := context.WithTimeout(own, shutdownTimeout)
	defer cancel()
	// Both at once: what is in flight over HTTP does not wait for what is in flight over sockets.
	var sockets sync.WaitGroup
	var left error
	sockets.Go(func() { left = s.sockets.Shutdown(ending) })
	err := web.Shutdown(ending)
	sockets.Wait()
	if err = errors.Join(err, left); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// greet says where to go and whom to log in as.
func (s *server) greet(addr net.Addr) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(s.app.out, format+"\n", args...) }
	say("Holdfast serves http://%s/graphql (GraphQL); open http://%s/ in a browser.", addr, addr)
	if s.cfg.demo() {
		say("Demo mode. Mini-program %s; buyers log in with the code demo-<name>, such as demo-lin.", demo.AppID)
		say("Staff: %s and %s, password %s.", demo.Merchant, demo.Operator, demo.Password)
	}
}
