package main

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"holdfast/graph"
	"holdfast/internal/fault"
	"holdfast/internal/limit"
)

// metrics are what /metrics tells. It is a graph.Observer.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	operations  *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	subscribers *prometheus.GaugeVec
	now         func() time.Time
}

var _ graph.Observer = (*metrics)(nil)

// notExecuted is the operation of what was refused before it was known which it is.
const notExecuted = "none"

// latencies are the buckets of durations, in seconds: 1 ms to 10 s.
func latencies() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// newMetrics registers everything that is known without the parts of the server.
func newMetrics(now func() time.Time) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), now: now,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_http_requests_total", Help: "HTTP requests answered, by route and status.",
		}, []string{"route", "status"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_operations_total",
			Help: "GraphQL root fields answered over HTTP and WebSocket, by field and code: OK, or the first error or user error. " +
				"What was refused before it was executed has the operation none.",
		}, []string{"operation", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "holdfast_operation_duration_seconds",
			Help:    "How long GraphQL root fields took, with everything below them; of subscriptions, how long opening them took.",
			Buckets: latencies(),
		}, []string{"operation"}),
		subscribers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_subscribers", Help: "Subscriptions that are open, by field.",
		}, []string{"subscription"}),
	}
	m.registry.MustRegister(m.requests, m.operations, m.durations, m.subscribers,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	return m
}

// watch adds what is read from the parts of the server whenever somebody asks.
func (m *metrics) watch(s *server) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "holdfast_websocket_connections", Help: "WebSockets that are open.",
		}, func() float64 { return float64(s.sockets.Sockets()) }),
		operationsGauge("inside", "are being run", s.limits, (*limit.Gate).Inside),
		operationsGauge("waiting", "wait for room", s.limits, (*limit.Gate).Waiting),
		newPoolCollector(s.db),
		newBacklogCollector(s.db, m.now, s.log),
	)
}

// operationsGauge tells how full the gates are.
func operationsGauge(name, what string, l *limits, of func(*limit.Gate) int) prometheus.Collector {
	collector := collectorFunc{prometheus.NewDesc("holdfast_operations_"+name, "Operations that "+what+", by kind: query, mutation, file.", []string{"kind"}, nil), nil}
	collector.collect = func(tell func(value int, label string)) {
		tell(of(l.reads), "query")
		tell(of(l.changes), "mutation")
		tell(of(l.files), "file")
	}
	return collector
}

// collectorFunc is a gauge with a label, read when somebody asks.
type collectorFunc struct {
	desc    *prometheus.Desc
	collect func(tell func(value int, label string))
}

// Describe implements prometheus.Collector.
func (c collectorFunc) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect implements prometheus.Collector.
func (c collectorFunc) Collect(to chan<- prometheus.Metric) {
	c.collect(func(value int, label string) {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(value), label)
	})
}

// buildInfo is always 1: its labels say which build this is.
func buildInfo() prometheus.Collector {
	b := readBuild()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "holdfast_build_info", Help: "Always 1; the labels say which build is running.",
		ConstLabels: prometheus.Labels{"version": b.version, "revision": b.revision, "go": b.goVersion},
	}, func() float64 { return 1 })
}

// handler answers a scrape. What one collector cannot tell does not keep the rest back.
func (m *metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}

// answered counts a request. The route is one of the server's own: paths that others think of are "other".
func (m *metrics) answered(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

// Begin implements graph.Observer.
func (m *metrics) Begin(ctx context.Context, field string) (context.Context, func(fault.Code)) {
	start := m.now()
	return ctx, func(code fault.Code) {
		m.operations.WithLabelValues(field, string(code)).Inc()
		m.durations.WithLabelValues(field).Observe(max(0, m.now().Sub(start)).Seconds()) // clocks are set back
	}
}

// Failed implements graph.Observer.
func (m *metrics) Failed(_ context.Context, field string, code fault.Code) {
	if field == "" {
		field = notExecuted
	}
	m.operations.WithLabelValues(field, string(code)).Inc()
}

// Subscribed implements graph.Observer.
func (m *metrics) Subscribed(field string) func() {
	gauge := m.subscribers.WithLabelValues(field)
	gauge.Inc()
	return gauge.Dec
}
