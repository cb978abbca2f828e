package transport_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph/guard"
	"holdfast/graph/transport"
	"holdfast/graph/transport/wstest"
)

const (
	registered = "query Hello($n: String) { hello(name: $n) }"
	changing   = "mutation Set { set }"
	other      = "{ __typename }"
)

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func named(only bool) transport.Documents {
	texts := map[string]string{"hello": registered, "set": changing, sha(registered): registered, sha(changing): changing}
	return transport.Documents{Only: only, Find: func(id string) (string, bool) { text, ok := texts[id]; return text, ok }}
}

// TestDocumentsOverHTTP sends each request to a server that runs only registered documents, and to one that runs any.
func TestDocumentsOverHTTP(t *testing.T) {
	t.Parallel()
	persisted := func(hash string) string {
		return fmt.Sprintf(`"extensions":{"persistedQuery":{"version":1,"sha256Hash":%q}}`, hash)
	}
	get := func(params ...string) string {
		values := url.Values{}
		for i := 0; i < len(params); i += 2 {
			values.Set(params[i], params[i+1])
		}
		return values.Encode()
	}
	const onlyRegistered = "only registered documents run here"
	const unknown = "no document is registered under this id"
	ok := exchange{status: 200, data: `{"hello":"x"}`, runs: 1}
	for _, c := range []struct {
		name         string
		send         exchange
		only, either exchange // what is wanted of each
	}{
		{"by id", exchange{body: `{"documentId":"hello","variables":{"n":"x"}}`}, ok, ok},
		{"by id and operationName", exchange{body: `{"documentId":"hello","operationName":"Hello","variables":{"n":"x"}}`}, ok, ok},
		{"by hash", exchange{body: `{` + persisted(sha(registered)) + `,"variables":{"n":"x"}}`}, ok, ok},
		{"by GET", exchange{method: "GET", params: get("documentId", "hello", "variables", `{"n":"x"}`)}, ok, ok},
		{"by GET and hash", exchange{method: "GET", params: get("extensions", `{"persistedQuery":{"sha256Hash":"`+sha(registered)+`"}}`, "variables", `{"n":"x"}`)}, ok, ok},
		{"with its text", exchange{body: `{"documentId":"hello","query":"` + registered + `","variables":{"n":"x"}}`}, ok, ok},
		{"by its text alone", exchange{body: `{"query":"` + registered + `","variables":{"n":"x"}}`}, ok, ok},
		{
			"a mutation by GET",
			exchange{method: "GET", params: get("documentId", "set")},
			exchange{status: 405, code: "BAD_REQUEST"},
			exchange{status: 405, code: "BAD_REQUEST"},
		},
		{
			"another document",
			exchange{body: query(other), accept: full},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered, data: "absent"},
			exchange{status: 200, data: `{"__typename":"Query"}`, runs: 1},
		},
		{
			"another document by GET",
			exchange{method: "GET", params: get("query", other)},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered, data: "absent"},
			exchange{status: 200, runs: 1},
		},
		{
			"introspection",
			exchange{body: query("{ __schema { queryType { name } } }")},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered, data: "absent"},
			exchange{status: 200, runs: 1},
		},
		{
			"what is no GraphQL",
			exchange{body: query("{")},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered, data: "absent"},
			exchange{status: 200, code: "BAD_REQUEST", data: "absent"},
		},
		{
			"a registered document with a space more",
			exchange{body: query(registered + " ")},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered},
			exchange{status: 200, runs: 1},
		},
		{
			"an unknown id",
			exchange{body: `{"documentId":"nope"}`},
			exchange{status: 400, code: "BAD_REQUEST", says: unknown, data: "absent"},
			exchange{status: 400, code: "BAD_REQUEST", says: unknown},
		},
		{
			"an unknown hash",
			exchange{body: `{` + persisted(sha(other)) + `}`},
			exchange{status: 400, code: "BAD_REQUEST", says: unknown},
			exchange{status: 400, code: "BAD_REQUEST", says: unknown},
		},
		{
			"an unknown hash with its text",
			exchange{body: `{"query":"` + other + `",` + persisted(sha(other)) + `}`},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered},
			exchange{status: 200, runs: 1},
		},
		{
			"a hash with another text",
			exchange{body: `{"query":"` + other + `",` + persisted(sha("{ hello }")) + `}`},
			exchange{status: 400, code: "BAD_REQUEST", says: onlyRegistered},
			exchange{status: 400, code: "BAD_REQUEST", says: "not the SHA-256"},
		},
		{
			"an id with another text",
			exchange{body: `{"query":"` + other + `","documentId":"hello"}`},
			exchange{status: 400, code: "BAD_REQUEST", says: "not the document that is named"},
			exchange{status: 400, code: "BAD_REQUEST", says: "not the document that is named"},
		},
		{
			"an id that is no string",
			exchange{body: `{"documentId":7}`},
			exchange{status: 400, code: "BAD_REQUEST", says: "documentId must be a string"},
			exchange{status: 400, code: "BAD_REQUEST"},
		},
		{
			"a hash that is no string",
			exchange{body: `{"extensions":{"persistedQuery":{"sha256Hash":7}}}`},
			exchange{status: 400, code: "BAD_REQUEST", says: "sha256Hash"},
			exchange{status: 400, code: "BAD_REQUEST", says: "sha256Hash"},
		},
		{
			"nothing",
			exchange{body: `{}`},
			exchange{status: 400, code: "BAD_REQUEST", says: "query is missing"},
			exchange{status: 400, code: "BAD_REQUEST", says: "query is missing"},
		},
	} {
		for _, only := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/only=%v", c.name, only), func(t *testing.T) {
				t.Parallel()
				x := c.either
				if only {
					x = c.only
				}
				x.method, x.params, x.body, x.accept = c.send.method, c.send.params, c.send.body, c.send.accept
				a := &api{schema: gqlparser.MustLoadSchema(&ast.Source{Input: sdl})}
				srv := handler.New(a)
				srv.AddTransport(transport.HTTP{Documents: named(only)})
				srv.SetValidationRulesFn(transport.Rules)
				srv.Use(extension.Introspection{})
				server := httptest.NewServer(srv)
				t.Cleanup(server.Close)
				x.check(t, server.URL)
				if got := a.runs.Load(); got != x.runs {
					t.Errorf("%d operations were executed, want %d", got, x.runs)
				}
			})
		}
	}
}

func TestDocumentsOverWebSocket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		payload      string
		only, either string
	}{
		{`{"documentId":"hello","variables":{"n":"x"}}`, `next {"data":{"hello":"x"}}`, `next {"data":{"hello":"x"}}`},
		{`{"documentId":"hello","query":null,"variables":{"n":"x"}}`, `next {"data":{"hello":"x"}}`, `next {"data":{"hello":"x"}}`},
		{`{"extensions":{"persistedQuery":{"sha256Hash":"` + sha(registered) + `"}}}`, `next {"data":{"hello":null}}`, `next {"data":{"hello":null}}`},
		{`{"query":"{ hello(name: \"y\") }"}`, "error only registered documents run here", `next {"data":{"hello":"y"}}`},
		{`{"query":"subscription { count(to: 1) }"}`, "error only registered documents run here", `next {"data":{"count":"1"}}`},
		{`{"query":"{ __schema { queryType { name } } }"}`, "error only registered documents run here", ""},
		{`{"documentId":"nope"}`, "error no document is registered under this id", "error no document is registered under this id"},
	} {
		for _, only := range []bool{true, false} {
			want := c.either
			if only {
				want = c.only
			}
			if want == "" {
				continue
			}
			server, _ := newLive(t, func(l *live) { l.transport.Documents = named(only) })
			client := wstest.Connect(t, server.URL, "")
			client.SendText(`{"id":"1","type":"subscribe","payload":` + c.payload + `}`)
			if got := said(t, client); got != want {
				t.Errorf("%s, only=%v: %s, want %s", c.payload, only, got, want)
			}
		}
	}
}

// TestInputLimits has variables and extensions at each limit and just beyond.
func TestInputLimits(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct{ at, beyond string }{
		"depth":  {`{"v":` + nested(guard.MaxVariableDepth-1) + `}`, `{"v":` + nested(guard.MaxVariableDepth+1) + `}`},
		"list":   {`{"v":` + listOf(guard.MaxList) + `}`, `{"v":` + listOf(guard.MaxList+1) + `}`},
		"values": {valuesOf(guard.MaxVariableValues), valuesOf(guard.MaxVariableValues + 1)},
	} {
		for _, member := range []string{"variables", "extensions"} {
			body := func(value string) string {
				return `{"query":"{ __typename }",` + fmt.Sprintf("%q:", member) + value + `}`
			}
			exchange{body: body(c.at), status: 200, data: `{"__typename":"Query"}`}.check(t, server.URL)
			exchange{body: body(c.beyond), status: 400, code: "COST_EXCEEDED", data: "absent"}.check(t, server.URL)
			params := func(value string) string { return url.Values{"query": {"{ __typename }"}, member: {value}}.Encode() }
			exchange{method: "GET", params: params(c.at), status: 200}.check(t, server.URL)
			exchange{method: "GET", params: params(c.beyond), status: 400, code: "COST_EXCEEDED"}.check(t, server.URL)
			t.Log(name, member)
		}
	}
	live, _ := newLive(t)
	client := wstest.Connect(t, live.URL, "")
	client.SendText(`{"id":"1","type":"subscribe","payload":{"query":"{ hello }","variables":{"v":` + listOf(guard.MaxList+1) + `}}}`)
	if got := said(t, client); got != "error a list may not have more items than 500" {
		t.Errorf("over WebSocket: %s", got)
	}
}

func listOf(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

// valuesOf is an object with n values, itself and its list among them.
func valuesOf(n int) string {
	lists := []string{}
	for left := n - 1; left > 0; left -= guard.MaxList {
		if left == 1 {
			lists = append(lists, fmt.Sprintf(`"v%d":1`, left))
			break
		}
		lists = append(lists, fmt.Sprintf(`"v%d":%s`, left, listOf(min(left, guard.MaxList)-1)))
	}
	return "{" + strings.Join(lists, ",") + "}"
}

// said is the type of the next message, with its payload or what the error in it says.
func said(t *testing.T, client *wstest.Client) string {
	t.Helper()
	m := client.Next()
	if m.Type != "error" {
		return m.Type + " " + string(m.Payload)
	}
	var errs []struct {
		Message    string
		Extensions struct{ Code string }
	}
	if err := json.Unmarshal(m.Payload, &errs); err != nil || len(errs) != 1 {
		t.Fatalf("%v in %s", err, m.Payload)
	}
	return m.Type + " " + errs[0].Message
}
