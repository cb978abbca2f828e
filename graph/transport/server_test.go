package transport_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/scalar"
	"holdfast/graph/transport"
)

const (
	full  = "application/graphql-response+json"
	plain = "application/json"
	form  = "application/x-www-form-urlencoded"
)

const sdl = `
scalar DateTime
scalar Int64
enum Color { RED GREEN }
input Choice @oneOf { a: Int b: Int }
input Nested { count: Int big: Int64 at: DateTime color: Color name: String id: ID yes: Boolean list: [Int64!] }
type Query {
  hello(name: String, id: ID): String
  fails: String
  must: String!
  panics: String
  take(int: Int, ints: [Int!], big: Int64, at: DateTime, text: String, choice: Choice, nested: Nested): Boolean
}
type Mutation { set(n: Int): Int }
type Subscription { tick: Int }
`

// api is a hand-made executable schema that counts how often it runs something.
type api struct {
	schema *ast.Schema
	runs   atomic.Int64
}

func (a *api) Schema() *ast.Schema { return a.schema }

func (a *api) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (a *api) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	return func(ctx context.Context) *graphql.Response {
		a.runs.Add(1)
		var fields []string
		for _, selection := range op.Operation.SelectionSet {
			field, ok := selection.(*ast.Field)
			if !ok {
				continue
			}
			value := a.resolve(ctx, field, op.Variables)
			if value == "null" && field.Definition.Type.NonNull {
				return &graphql.Response{Data: json.RawMessage("null")}
			}
			fields = append(fields, `"`+field.Alias+`":`+value)
		}
		return &graphql.Response{Data: json.RawMessage("{" + strings.Join(fields, ",") + "}")}
	}
}

func (a *api) resolve(ctx context.Context, field *ast.Field, variables map[string]any) string {
	args := field.ArgumentMap(variables)
	switch field.Name {
	case "__typename":
		return `"` + field.ObjectDefinition.Name + `"`
	case "hello":
		text, _ := json.Marshal(cmp.Or(args["id"], args["name"]))
		return string(text)
	case "fails", "must":
		graphql.AddError(ctx, errors.New("out of order"))
		return "null"
	case "panics":
		none := make([]string, 0)
		return none[len(args)]
	case "set":
		return "1"
	default:
		return "null"
	}
}

// newServer is a real HTTP server in front of the transport, wired as the product wires it.
func newServer(t *testing.T, with ...func(*handler.Server)) (*httptest.Server, *api) {
	t.Helper()
	a := &api{schema: gqlparser.MustLoadSchema(&ast.Source{Input: sdl})}
	srv := handler.New(a)
	srv.AddTransport(transport.HTTP{})
	srv.SetQueryCache(lru.New[*ast.QueryDocument](100))
	srv.SetValidationRulesFn(transport.Rules)
	srv.Use(&scalar.Variables{})
	srv.SetRecoverFunc(func(context.Context, any) error {
		return &gqlerror.Error{Message: "internal error", Extensions: map[string]any{"code": "INTERNAL"}}
	})
	for _, f := range with {
		f(srv)
	}
	server := httptest.NewServer(srv)
	t.Cleanup(server.Close)
	return server, a
}

// exchange is one request and what is wanted of the answer. A POST has a Content-Type of application/json unless told
// otherwise ("none" is none at all).
type exchange struct {
	name        string
	method      string // POST when empty
	params      string // of the URL
	accept      string
	contentType string
	header      map[string]string
	body        string

	status int
	media  string            // of the answer; not looked at when empty
	code   string            // of the first error; empty when there must be none, "any" for some error
	says   string            // part of the first error's message
	data   string            // JSON; "absent" when there must be none, not looked at when empty
	want   map[string]string // more headers
	runs   int64             // how many operations were executed
}

func (x exchange) run(t *testing.T) {
	t.Helper()
	server, a := newServer(t)
	x.check(t, server.URL)
	if got := a.runs.Load(); got != x.runs {
		t.Errorf("%d operations were executed, want %d", got, x.runs)
	}
}

func (x exchange) check(t *testing.T, address string) {
	t.Helper()
	got := x.send(t, address)
	if got.status != x.status {
		t.Errorf("status %d, want %d; body %.300s", got.status, x.status, got.body)
	}
	if media := got.header.Get("Content-Type"); x.media != "" && media != x.media+"; charset=utf-8" {
		t.Errorf("Content-Type %q, want %q in utf-8", media, x.media)
	}
	for name, value := range x.want {
		if header := got.header.Get(name); header != value {
			t.Errorf("header %s is %q, want %q", name, header, value)
		}
	}
	if x.method != http.MethodHead {
		x.checkBody(t, got.body)
	}
}

// answer is what came back.
type answer struct {
	status int
	length int64
	header http.Header
	body   []byte
}

func (x exchange) send(t *testing.T, address string) answer {
	t.Helper()
	method := cmp.Or(x.method, http.MethodPost)
	req, err := http.NewRequestWithContext(t.Context(), method, address+"?"+x.params, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	if kind := cmp.Or(x.contentType, plain); method == http.MethodPost && kind != "none" {
		req.Header.Set("Content-Type", kind)
	}
	if x.accept != "" {
		req.Header.Set("Accept", x.accept)
	}
	for name, value := range x.header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.ContentLength, resp.Header, body}
}

func (x exchange) checkBody(t *testing.T, body []byte) {
	t.Helper()
	var got struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
		Data *json.RawMessage
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("body is no JSON: %v: %.300s", err, body)
	}
	switch {
	case x.code == "" && bytes.Contains(body, []byte(`"errors"`)):
		t.Errorf("unwanted errors: %s", body)
	case x.code == "":
	case len(got.Errors) == 0 || got.Errors[0].Message == "":
		t.Errorf("no error, or one that says nothing: %s", body)
	case !strings.Contains(got.Errors[0].Message, x.says):
		t.Errorf("the error does not say %q: %s", x.says, body)
	case x.code != "any" && got.Errors[0].Extensions.Code != x.code:
		t.Errorf("code %q, want %q: %s", got.Errors[0].Extensions.Code, x.code, body)
	}
	present := bytes.Contains(body, []byte(`"data":`))
	switch {
	case x.data == "absent" && present:
		t.Errorf("there must be no data: %s", body)
	case x.data == "" || x.data == "absent":
	case !bytes.Contains(body, []byte(`"data":`+x.data)):
		t.Errorf("want data %s in %s", x.data, body)
	}
}

// query is the body of a POST.
func query(text string) string {
	b, _ := json.Marshal(map[string]string{"query": text})
	return string(b)
}
