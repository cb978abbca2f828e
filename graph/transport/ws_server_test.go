package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/transport"
	"holdfast/internal/fault"
)

const liveSDL = `
type Query { hello(name: String): String fails: String must: String! panics: String waits: String who: String }
type Mutation { set(n: Int): Int waits: Int panics: Int }
type Subscription {
  "1 to so many, then the end."
  count(to: Int!): String
  "What the test says."
  feed(name: String): String
  "Never anything."
  silent: String
  "Always something new, of so many bytes."
  flood(size: Int!, name: String): String
  forbidden: String
  breaks: String
  refusedInside: String
  fails: String
  panicsOpen: String
  panicsTake: String
  panicsEvent: String
  panicsClose: String
  uncomparable: String
}
`

// live is a hand-made executable schema with subscriptions, and the Streams for it.
type live struct {
	schema    *ast.Schema
	transport *transport.WebSocket

	executed  atomic.Int64  // events
	set       atomic.Int64  // mutations that came to their end
	waiting   chan struct{} // each query or mutation that waits sends one
	proceed   chan struct{} // closed to let them go on
	cancelled atomic.Int64  // queries that were cancelled while waiting
	opened    chan *feed
	open      atomic.Int64 // streams
	taken     atomic.Int64
}

func (l *live) Schema() *ast.Schema { return l.schema }

func (l *live) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

// eventKey holds what an Event puts into the context.
type eventKey struct{}

func (l *live) Exec(ctx context.Context) graphql.ResponseHandler {
	oc := graphql.GetOperationContext(ctx)
	fields := graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Query", "Mutation", "Subscription"})
	if fields[0].Name == "refusedInside" {
		graphql.AddError(ctx, fault.New(fault.Forbidden, "not any more"))
	}
	return func(ctx context.Context) *graphql.Response {
		var members []string
		for _, field := range fields {
			value := l.resolve(ctx, field, oc.Variables)
			if value == "null" && field.Definition.Type.NonNull {
				return &graphql.Response{Data: json.RawMessage("null")}
			}
			members = append(members, `"`+field.Alias+`":`+value)
		}
		return &graphql.Response{Data: json.RawMessage("{" + strings.Join(members, ",") + "}")}
	}
}

func (l *live) resolve(ctx context.Context, field graphql.CollectedField, variables map[string]any) string {
	args := field.ArgumentMap(variables)
	quoted := func(value any) string { b, _ := json.Marshal(value); return string(b) }
	switch field.ObjectDefinition.Name + "." + field.Name {
	case "Query.__typename", "Mutation.__typename":
		return quoted(field.ObjectDefinition.Name)
	case "Query.hello":
		return quoted(args["name"])
	case "Query.who":
		return quoted(ctx.Value(whoKey{}))
	case "Query.fails", "Query.must", "Subscription.fails":
		graphql.AddError(ctx, errors.New("out of order"))
		l.executed.Add(1)
		return "null"
	case "Query.waits":
		l.waiting <- struct{}{}
		select {
		case <-l.proceed:
		case <-ctx.Done():
			l.cancelled.Add(1)
		}
		return `"at last"`
	case "Mutation.waits":
		l.waiting <- struct{}{}
		<-l.proceed
		if ctx.Err() == nil {
			l.set.Add(1)
		}
		return "1"
	case "Mutation.set":
		return quoted(args["n"])
	case "Query.panics", "Mutation.panics", "Subscription.panicsEvent":
		panic("of the resolver")
	default:
		if args["name"] == "waits" {
			<-l.proceed
		}
		l.executed.Add(1)
		return quoted(ctx.Value(eventKey{}))
	}
}

// whoKey holds what Begin was given.
type whoKey struct{}

func begin(ctx context.Context, authorization string) (transport.Session, error) {
	switch authorization {
	case "Bearer bad":
		return transport.Session{}, fault.New(fault.Unauthenticated, "secret")
	case "Bearer slow":
		<-ctx.Done()
		return transport.Session{}, ctx.Err()
	case "Bearer panic":
		panic("of Begin")
	default:
		return transport.Session{Context: context.WithValue(ctx, whoKey{}, authorization)}, nil
	}
}

// newLive is a real HTTP server with both transports. The options may change the WebSocket before the server starts.
func newLive(t *testing.T, options ...func(*live)) (*httptest.Server, *live) {
	t.Helper()
	l := &live{
		schema:  gqlparser.MustLoadSchema(&ast.Source{Input: liveSDL}),
		waiting: make(chan struct{}, 100), proceed: make(chan struct{}), opened: make(chan *feed, 100),
	}
	l.transport = &transport.WebSocket{Begin: begin, Streams: l}
	for _, option := range options {
		option(l)
	}
	srv := handler.New(l)
	srv.AddTransport(l.transport)
	srv.AddTransport(transport.HTTP{})
	srv.SetQueryCache(lru.New[*ast.QueryDocument](100))
	srv.SetValidationRulesFn(transport.Rules)
	srv.SetErrorPresenter(presentLive)
	srv.SetRecoverFunc(func(context.Context, any) error { return errors.New("panic") })
	server := httptest.NewServer(srv)
	t.Cleanup(server.Close)
	return server, l
}

// presentLive presents as the API does: refusals and errors of GraphQL have codes, all else is INTERNAL.
func presentLive(ctx context.Context, err error) *gqlerror.Error {
	shown := graphql.DefaultErrorPresenter(ctx, err)
	if refusals := fault.List(err); len(refusals) > 0 {
		shown.Extensions = map[string]any{"code": string(refusals[0].Refused().Code)}
	} else if shown.Extensions["code"] == nil {
		shown = &gqlerror.Error{Path: shown.Path, Message: "internal error", Extensions: map[string]any{"code": "INTERNAL"}}
	}
	return shown
}

// Open starts a stream by the name of its field.
func (l *live) Open(_ context.Context, oc *graphql.OperationContext, notify func()) (transport.Stream, error) {
	field := graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Subscription"})[0]
	args := field.ArgumentMap(oc.Variables)
	f := &feed{live: l, notify: notify, name: field.Name}
	number := func(name string) int64 { n, _ := args[name].(int64); return n }
	switch field.Name {
	case "forbidden":
		return nil, fault.New(fault.Forbidden, "not for you")
	case "panicsOpen":
		panic("of Open")
	case "count":
		for i := range number("to") {
			f.values = append(f.values, string(rune('1'+i)))
		}
		f.done = true
	case "flood":
		f.flood = strings.Repeat("x", int(number("size")))
	case "breaks":
		f.values, f.err = []any{"1"}, errors.New("disk full")
	case "refusedInside", "panicsEvent":
		f.values = []any{"1"}
	case "fails":
		f.values, f.share = []any{"1"}, func(value any) any { return value }
	case "uncomparable":
		f.values = []any{[]string{"1"}}
		f.share = func(value any) any { return value }
	}
	switch args["name"] {
	case "shared", "waits":
		f.share = func(value any) any { return value }
	case "slow":
		f.slow = true
	}
	l.open.Add(1)
	select {
	case l.opened <- f:
	default: // nobody looks
	}
	notify()
	return f, nil
}

// feed is a stream of values. It notices calls at the same time, and calls after Close.
type feed struct {
	live   *live
	notify func()
	name   string
	share  func(value any) any
	flood  string
	slow   bool // Take waits for proceed

	busy atomic.Bool

	mu     sync.Mutex
	values []any
	done   bool
	err    error
	closed bool
	misuse string
}

// enter returns what leaves.
func (f *feed) enter() func() {
	if f.busy.Swap(true) {
		f.mu.Lock()
		f.misuse = "methods are called at the same time"
		f.mu.Unlock()
	}
	return func() { f.busy.Store(false) }
}

// put adds values, and says so.
func (f *feed) put(values ...any) {
	f.mu.Lock()
	f.values = append(f.values, values...)
	f.mu.Unlock()
	f.notify()
}

// finish ends the feed.
func (f *feed) finish(err error) {
	f.mu.Lock()
	f.done, f.err = true, err
	f.mu.Unlock()
	f.notify()
}

func (f *feed) IsPrompt() bool { return !f.slow }

func (f *feed) Take(context.Context) (ev transport.Event, ok, done bool, err error) {
	defer f.enter()()
	f.live.taken.Add(1)
	if f.name == "panicsTake" {
		panic("of Take")
	}
	if f.slow {
		<-f.live.proceed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		f.misuse = "Take after Close"
	}
	var value any
	switch {
	case f.flood != "":
		value = f.flood
	case len(f.values) > 0:
		value, f.values = f.values[0], f.values[1:]
	default:
		return transport.Event{}, false, f.done, f.err
	}
	ev.Context = func(ctx context.Context) context.Context { return context.WithValue(ctx, eventKey{}, value) }
	if f.share != nil {
		ev.Share = f.share(value)
	}
	return ev, true, f.done && f.err == nil && len(f.values) == 0, nil
}

func (f *feed) Close() {
	defer f.enter()()
	f.live.open.Add(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		f.misuse = "Close after Close"
	}
	f.closed = true
	if f.name == "panicsClose" {
		panic("of Close")
	}
}
