package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/graph/documents"
	"holdfast/graph/guard"
	"holdfast/graph/transport"
	"holdfast/graph/transport/wstest"
	"holdfast/internal/app"
	"holdfast/internal/identity"
)

// told is extensions.cost of the answer to query.
func told(t *testing.T, h *Handler, query string) (cost *guard.Told, code string) {
	t.Helper()
	rec := hostile{body: asked(query)}.send(h)
	var got struct {
		Errors     []struct{ Extensions struct{ Code string } }
		Extensions struct{ Cost *guard.Told }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	if len(got.Errors) > 0 {
		code = got.Errors[0].Extensions.Code
	}
	return got.Extensions.Cost, code
}

func TestCostIsTold(t *testing.T) {
	t.Parallel()
	h := newBare()
	for query, want := range map[string]struct {
		cost *guard.Told
		code string
	}{
		"{ __typename a: __typename }":                     {&guard.Told{Requested: 2, Limit: guard.MaxCost}, ""},
		"{ ...F ...F } fragment F on Query { __typename }": {&guard.Told{Requested: 2, Limit: guard.MaxCost}, ""},
		"{ shops(first: 100) { nodes { products(first: 100) { nodes { shop { products(first: 100) { nodes { id } } } } } } } }": {
			&guard.Told{Requested: guard.MaxCost + 1, Limit: guard.MaxCost}, "COST_EXCEEDED",
		},
		"{ nothing }": {nil, "BAD_REQUEST"},
	} {
		cost, code := told(t, h, query)
		if diff := cmp.Diff(want.cost, cost); diff != "" || code != want.code {
			t.Errorf("%s: code %q, (-want +got)\n%s", query, code, diff)
		}
	}
}

// The query that playgrounds send costs less than an operation may.
func TestIntrospectionOfPlaygroundsIsAdmitted(t *testing.T) {
	t.Parallel()
	ofType := "name kind"
	for range 9 {
		ofType = "kind name ofType { " + ofType + " }"
	}
	query := `query IntrospectionQuery { __schema { description queryType { name } mutationType { name } subscriptionType { name }
  types { ...FullType } directives { name description isRepeatable locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { ` + ofType + ` }`
	cost, code := told(t, newBare(), query)
	if code != "" || cost == nil {
		t.Errorf("code %q, cost %v", code, cost)
	}
	t.Log(cost)
}

// TestTrustedOnly is over HTTP and WebSocket, of the Handler as it is wired.
func TestTrustedOnly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "documents.json")
	const named = "query Type { __typename }"
	if err := os.WriteFile(file, fmt.Appendf(nil, `{"type": %q}`, named), 0o600); err != nil {
		t.Fatal(err)
	}
	registry, err := documents.Load(file, Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, only := range []bool{true, false} {
		sockets := &transport.WebSocket{Begin: func(ctx context.Context, _ string) (transport.Session, error) {
			return transport.Session{Context: WithPrincipal(ctx, identity.Principal{}, nil)}, nil
		}}
		h := NewHandler(Deps{&app.App{Log: slog.New(slog.DiscardHandler)}}, Options{Documents: registry, TrustedOnly: only, WebSocket: sockets})
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		for payload, refused := range map[string]bool{
			`{"documentId":"type"}`:                      false,
			asked(named):                                 false,
			asked("{ __typename }"):                      only,
			asked("{ __schema { queryType { name } } }"): only,
			asked("query IntrospectionQuery { __type(name: \"Query\") { name } }"): only,
		} {
			rec := hostile{body: payload}.send(h)
			const text = "only registered documents run here"
			if got := strings.Contains(rec.Body.String(), text); got != refused || got != (rec.Code == http.StatusBadRequest) {
				t.Errorf("only=%v, %s over HTTP: %d %s", only, payload, rec.Code, rec.Body)
			}
			client := wstest.Connect(t, server.URL, "")
			client.SendText(`{"id":"1","type":"subscribe","payload":` + payload + `}`)
			if m := client.Next(); strings.Contains(string(m.Payload), text) != refused || (m.Type == "error") != refused {
				t.Errorf("only=%v, %s over WebSocket: %s", only, payload, m)
			}
		}
	}
}
