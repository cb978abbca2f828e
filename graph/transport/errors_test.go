package transport_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/transport"
	"holdfast/internal/fault"
)

func coded(code any) *gqlerror.Error {
	return &gqlerror.Error{Message: "no", Extensions: map[string]any{"code": code}}
}

// limited is the refusal of a client that may come back after ms.
func limited(code string, ms any) *gqlerror.Error {
	return &gqlerror.Error{Message: "no", Extensions: map[string]any{"code": code, "retryAfterMs": ms}}
}

// TestStatusOfRefusals refuses operations in the two ways an extension can: before the operation, and around it.
func TestStatusOfRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		err    *gqlerror.Error
		status int
		code   string
		want   map[string]string
	}{
		{"not permitted SHOULD be 401", coded("UNAUTHENTICATED"), 401, "UNAUTHENTICATED", map[string]string{"WWW-Authenticate": "Bearer"}},
		{"not permitted SHOULD be 403", coded("FORBIDDEN"), 403, "FORBIDDEN", nil},
		{"a typed code is a code", coded(fault.Forbidden), 403, "FORBIDDEN", nil},
		{"rate limited is 429", limited("RATE_LIMITED", 1001), 429, "RATE_LIMITED", map[string]string{"Retry-After": "2"}},
		{"a short wait is a second", limited("RATE_LIMITED", int64(1)), 429, "RATE_LIMITED", map[string]string{"Retry-After": "1"}},
		{"no wait is a second too", limited("RATE_LIMITED", 0), 429, "RATE_LIMITED", map[string]string{"Retry-After": "1"}},
		{"a wait that is not told", coded("RATE_LIMITED"), 429, "RATE_LIMITED", map[string]string{"Retry-After": ""}},
		{"load shedding SHOULD be 503", limited("OVERLOADED", 3000), 503, "OVERLOADED", map[string]string{"Retry-After": "3"}},
		{"too costly is 400", coded("COST_EXCEEDED"), 400, "COST_EXCEEDED", nil},
		{"the server is the reason SHOULD be 5xx", coded("INTERNAL"), 500, "INTERNAL", nil},
		{"a code that is none of the API's", coded("COMPLEXITY_LIMIT_EXCEEDED"), 400, "BAD_REQUEST", nil},
		{"no code", gqlerror.Errorf("no"), 400, "BAD_REQUEST", nil},
		{"no code and a cause", gqlerror.Wrap(errors.New("disk full")), 500, "", nil},
	} {
		before := func(srv *handler.Server) { srv.Use(mutator{tc.err}) }
		shared := &graphql.Response{Errors: gqlerror.List{tc.err}}
		around := func(srv *handler.Server) {
			srv.AroundOperations(func(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
				return graphql.OneShot(shared)
			})
		}
		for way, refuse := range map[string]func(*handler.Server){"before": before, "around": around} {
			t.Run(tc.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				server, a := newServer(t, refuse)
				x := exchange{body: query("{ __typename }"), data: "absent", code: tc.code}
				if x.code == "" {
					x.code = "any"
				}
				x.accept, x.media, x.status, x.want = full, full, tc.status, tc.want
				x.check(t, server.URL)
				x.accept, x.media, x.status, x.want = plain, plain, 200, map[string]string{"Retry-After": "", "WWW-Authenticate": ""}
				x.check(t, server.URL)
				if a.runs.Load() != 0 {
					t.Error("it was executed")
				}
			})
		}
	}
}

// mutator refuses every operation.
type mutator struct{ err *gqlerror.Error }

func (mutator) ExtensionName() string                   { return "Refuse" }
func (mutator) Validate(graphql.ExecutableSchema) error { return nil }
func (m mutator) MutateOperationContext(context.Context, *graphql.OperationContext) *gqlerror.Error {
	return m.err
}

func TestRequestsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, resp := range map[string]*graphql.Response{
		"none":                       nil,
		"an empty one":               {},
		"one that cannot be encoded": {Data: []byte("{}"), Extensions: map[string]any{"x": math.NaN()}},
		"errors that cannot be":      {Data: []byte("{}"), Errors: gqlerror.List{limited("INTERNAL", math.Inf(1))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, _ := newServer(t, func(srv *handler.Server) {
				srv.AroundResponses(func(context.Context, graphql.ResponseHandler) *graphql.Response { return resp })
			})
			exchange{body: query("{ __typename }"), accept: full, status: 500, media: full, code: "INTERNAL", data: "absent"}.check(t, server.URL)
		})
	}
}

func TestExtensionsOfAnAnswer(t *testing.T) {
	t.Parallel()
	b, err := transport.AppendResponse([]byte("> "), &graphql.Response{
		Errors: gqlerror.List{{Message: "no"}}, Data: []byte(`{"a":1}`), Extensions: map[string]any{"cost": 7},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`> {"errors":[{"message":"no"}],"data":{"a":1},"extensions":{"cost":7}}`, string(b)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSuggestionsAreNotShown(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	for _, text := range []string{
		`{ helo }`, `{ hello(nam: "x") }`, `{ hello { x } }`, `{ take(nested: {colour: RED}) }`, `{ take(nested: {color: REDD}) }`,
		`query($x: Colr) { take }`, `{ take(nested: {color: "RED"}) }`,
	} {
		exchange{body: query(text), status: 200, code: "BAD_REQUEST", data: "absent"}.check(t, server.URL)
		if got := (exchange{body: query(text)}).send(t, server.URL); strings.Contains(string(got.body), "Did you mean") {
			t.Errorf("%s is answered with a suggestion: %s", text, got.body)
		}
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	bad := map[string]any{"code": "BAD_REQUEST"}
	given := gqlerror.List{
		limited("GRAPHQL_PARSE_FAILED", 7),
		{Message: `Unknown "a". Did you mean "b"?`},
		{Message: "x" + strings.Repeat("é", 300)},
		{Message: "kept", Err: cause},
		limited("RATE_LIMITED", 5),
	}
	want := gqlerror.List{
		limited("BAD_REQUEST", 7),
		{Message: `Unknown "a".`, Extensions: bad},
		{Message: "x" + strings.Repeat("é", 199) + "…", Extensions: bad},
		{Message: "kept", Err: cause},
		limited("RATE_LIMITED", 5),
	}
	got := transport.RequestErrors(given)
	// As a plain slice: cmp would compare a gqlerror.List as one error.
	if diff := cmp.Diff([]*gqlerror.Error(want), []*gqlerror.Error(got), cmpopts.IgnoreFields(gqlerror.Error{}, "Err")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if given[0].Extensions["code"] != "GRAPHQL_PARSE_FAILED" || given[1].Extensions != nil {
		t.Error("what it was given has changed")
	}
	if n := len(transport.RequestErrors(slices.Repeat(given, 20))); n != 20 {
		t.Errorf("%d errors are shown, want 20", n)
	}
}

// TestPresenterSeesCodesOfTheAPI: so that it need not know gqlgen's.
func TestPresenterSeesCodesOfTheAPI(t *testing.T) {
	t.Parallel()
	var seen any
	server, _ := newServer(t, func(srv *handler.Server) {
		srv.SetErrorPresenter(func(ctx context.Context, err error) *gqlerror.Error {
			shown := graphql.DefaultErrorPresenter(ctx, err)
			seen = shown.Extensions["code"]
			return shown
		})
	})
	exchange{body: query("{"), status: 200, code: "BAD_REQUEST"}.check(t, server.URL)
	if seen != "BAD_REQUEST" {
		t.Errorf("the presenter saw %v", seen)
	}
}
