package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"holdfast/graph"
	"holdfast/internal/db"
	"holdfast/internal/fault"
)

// flushTimeout bounds how long the last traces may take to leave when the server stops.
const flushTimeout = 5 * time.Second

// tracing sends traces: a span for each GraphQL request, one for each root field, one for each transaction and statement
// below it. Spans hold names, codes and statuses: no variables, no tokens, no text of documents or statements. It exists
// only where an endpoint is configured.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
	log      *slog.Logger
}

// newTracing sends to an OTLP endpoint, over HTTP; nil when there is none. The OTEL_ variables that OpenTelemetry specifies for
// its exporter, sampler and resource are honoured beside it.
func newTracing(ctx context.Context, endpoint string, log *slog.Logger) (*tracing, error) {
	to, err := tracesURL(endpoint)
	if err != nil || to == "" {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to))
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "holdfast"), attribute.String("service.version", readBuild().version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	// The library knows these only as globals. Without them it would write into our log what is no JSON.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.WarnContext(ctx, "traces are not sent", "error", err) }))
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &tracing{provider: provider, tracer: provider.Tracer("holdfast"), log: log}, nil
}

// end sends what is left, also when ctx has ended.
func (t *tracing) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "the last traces are lost", "error", err)
	}
}

// http gives each request of a route a span, under the client's if it sends a traceparent.
func (t *tracing) http(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		switch method {
		case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions:
		default:
			method = "_OTHER"
		}
		ctx, span := t.tracer.Start(t.context.Extract(r.Context(), propagation.HeaderCarrier(r.Header)), method+" "+route,
			trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method),
				attribute.String("http.route", route), attribute.String("request_id", w.Header().Get("X-Request-Id"))))
		if r.Header.Get("Upgrade") != "" {
			ctx = r.Context() // a socket outlives its request: what is done on it is nobody's child
		}
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			span.SetAttributes(attribute.Int("http.response.status_code", seen.status))
			if seen.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}()
		next.ServeHTTP(seen, r.WithContext(ctx))
	})
}

// database is a db.Trace. What the server does by itself, such as looking for overdue holds, is in no trace: it would be
// most of what is sent.
func (t *tracing) database(ctx context.Context, what string) (context.Context, func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, what, trace.WithSpanKind(trace.SpanKindClient))
	return ctx, func(err error) {
		switch {
		case errors.Is(err, db.ErrRolledBack):
			span.SetAttributes(attribute.Bool("rolled_back", true))
		case err != nil:
			span.SetStatus(codes.Error, "") // its text may hold values
		}
		span.End()
	}
}

// observer adds a span for each root field to what next observes.
func (t *tracing) observer(next graph.Observer) graph.Observer { return tracedObserver{next, t.tracer} }

type tracedObserver struct {
	graph.Observer
	tracer trace.Tracer
}

// Begin implements graph.Observer.
func (o tracedObserver) Begin(ctx context.Context, field string) (context.Context, func(fault.Code)) {
	ctx, span := o.tracer.Start(ctx, field)
	ctx, end := o.Observer.Begin(ctx, field)
	return ctx, func(code fault.Code) {
		end(code)
		span.SetAttributes(attribute.String("code", string(code)))
		if code == fault.Internal {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
