package transport_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// TestServerAudits is the list of server audits of the npm package graphql-http 1.23.1, by their ids: the yardstick that
// servers of this specification are compared by.
func TestServerAudits(t *testing.T) {
	t.Parallel()
	for _, x := range append(audits(), parameterAudits()...) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.run(t)
		})
	}
}

func audits() []exchange {
	const typename = `{"query":"{ __typename }"}`
	const unknownField = `{"query":"{ 8f31403dfe404bccbb0e835f2629c6a7 }"}`
	const nullID = `{"query":"query CoerceFailure($id: ID!){ __typename }","variables":{"id":null}}`
	asGet := "query=" + url.QueryEscape("{ __typename }")
	return []exchange{
		{name: "22EB SHOULD accept application/graphql-response+json and match the content-type", accept: full, body: typename, status: 200, media: full, runs: 1},
		{name: "4655 MUST accept application/json and match the content-type", accept: plain, body: typename, status: 200, media: plain, runs: 1},
		{name: "47DE SHOULD accept */* and use application/json for the content-type", accept: "*/*", body: typename, status: 200, media: plain, runs: 1},
		{name: "80D8 SHOULD assume application/json content-type when accept is missing", body: typename, status: 200, media: plain, runs: 1},
		{name: "82A3 MUST use utf-8 encoding when responding", body: `{"query":"{ hello(name: \"Run🏃Swim🏊\") }"}`, status: 200, media: plain, data: `{"hello":"Run🏃Swim🏊"}`, runs: 1},
		{name: "BF61 MUST accept utf-8 encoded request", contentType: "application/json; charset=utf-8", body: `{"query":"{ hello(name: \"Run🏃Swim🏊\") }"}`, status: 200, data: `{"hello":"Run🏃Swim🏊"}`, runs: 1},
		{name: "78D5 MUST assume utf-8 in request if encoding is unspecified", body: `{"query":"{ hello(name: \"你好\") }"}`, status: 200, data: `{"hello":"你好"}`, runs: 1},
		{name: "2C94 MUST accept POST requests", body: typename, status: 200, runs: 1},
		{name: "5A70 MAY accept application/x-www-form-urlencoded formatted GET requests", method: "GET", params: asGet, status: 200, data: `{"__typename":"Query"}`, runs: 1},
		{name: "9C48 MAY NOT allow executing mutations on GET requests", method: "GET", params: "query=mutation+%7B+__typename+%7D", accept: full, status: http.StatusMethodNotAllowed, code: "BAD_REQUEST", data: "absent"},
		{name: "9ABE SHOULD respond with 4xx status code if content-type is not supplied on POST requests", contentType: "none", body: typename, status: http.StatusUnsupportedMediaType, code: "BAD_REQUEST"},
		{name: "03D4 MUST accept application/json POST requests", body: typename, status: 200, runs: 1},
		{name: "A5BF MAY use 400 status code when request body is missing on POST", status: 400, code: "BAD_REQUEST"},
		{name: "423L MAY use 400 status code on missing {query} parameter", accept: full, body: `{"notquery":"{ __typename }"}`, status: 400, code: "BAD_REQUEST", data: "absent"},
		{name: "34A2 SHOULD allow string {query} parameter when accepting application/graphql-response+json", accept: full, body: typename, status: 200, runs: 1},
		{name: "13EE MUST allow string {query} parameter when accepting application/json", accept: plain, body: typename, status: 200, runs: 1},
		{name: "8161 SHOULD allow string {operationName} parameter when accepting application/graphql-response+json", accept: full, body: `{"operationName":"Query","query":"query Query { __typename }"}`, status: 200, runs: 1},
		{name: "B8B3 MUST allow string {operationName} parameter when accepting application/json", accept: plain, body: `{"operationName":"Query","query":"query Query { __typename }"}`, status: 200, runs: 1},
		{name: "B6DC MAY use 2xx, 4xx, or 5xx status codes on JSON parsing failure when accepting application/json", accept: plain, body: `{ "not a JSON`, status: 400, code: "BAD_REQUEST"},
		{name: "BCF8 SHOULD use 400 status code on JSON parsing failure when accepting application/json", accept: plain, body: `{ "not a JSON`, status: 400, code: "BAD_REQUEST"},
		{name: "B7N8 SHOULD use 400 status code on JSON parsing failure when accepting application/graphql-response+json", accept: full, body: `{ "not a JSON`, status: 400, code: "BAD_REQUEST"},
		{name: "8764 MAY use 4xx or 5xx status codes if parameters are invalid", accept: full, body: `{"qeury":"{ __typename }"}`, status: 400, code: "BAD_REQUEST"},
		{name: "3E3A MAY use 400 status code if parameters are invalid", accept: plain, body: `{"qeury":"{ __typename }"}`, status: 400, code: "BAD_REQUEST"},
		{name: "572B SHOULD use 200 status code on document parsing failure when accepting application/json", accept: plain, body: `{"query":"{"}`, status: 200, code: "BAD_REQUEST", data: "absent"},
		{name: "FDE2 SHOULD use 200 status code on document validation failure when accepting application/json", accept: plain, body: unknownField, status: 200, code: "BAD_REQUEST", data: "absent"},
		{name: "7B9B SHOULD use a status code of 200 on variable coercion failure when accepting application/json", accept: plain, body: nullID, status: 200, code: "BAD_REQUEST", data: "absent"},
		{name: "865D 556A D586 SHOULD use 400 and no data entry on document parsing failure when accepting application/graphql-response+json", accept: full, body: `{"query":"{"}`, status: 400, media: full, code: "BAD_REQUEST", data: "absent"},
		{name: "51FE 74FF 5E5B SHOULD use 400 and no data entry on document validation failure when accepting application/graphql-response+json", accept: full, body: unknownField, status: 400, media: full, code: "BAD_REQUEST", data: "absent"},
		{name: "86EE SHOULD use a status code of 400 on variable coercion failure when accepting application/graphql-response+json", accept: full, body: nullID, status: 400, media: full, code: "BAD_REQUEST", data: "absent"},
	}
}

// parameterAudits are the audits that are one for each parameter and wrong type.
func parameterAudits() []exchange {
	var list []exchange
	add := func(x exchange) { list = append(list, x) }
	for _, p := range []struct {
		id, name string
		wrong    []string
	}{
		{"LKJ", "query", []string{`{"an":"object"}`, "0", "false", `["array"]`}},
		{"6C0", "operationName", []string{`{"an":"object"}`, "0", "false", `["array"]`}},
		{"476", "variables", []string{`"string"`, "0", "false", `["array"]`}},
		{"58B", "extensions", []string{`"string"`, "0", "false", `["array"]`}},
	} {
		for i, wrong := range p.wrong {
			body := fmt.Sprintf(`{"query":"{ __typename }",%q:%s}`, p.name, wrong)
			add(exchange{name: fmt.Sprintf("%s%d MAY use 400 status code on %s {%s} parameter", p.id, i, wrong, p.name), body: body, status: 400, code: "BAD_REQUEST", data: "absent"})
		}
	}
	for _, accept := range []string{full, plain} {
		for i, name := range []string{"variables", "operationName", "extensions"} {
			body := fmt.Sprintf(`{"query":"{ __typename }",%q:null}`, name)
			add(exchange{name: fmt.Sprintf("94B%d 022%d allow null {%s} parameter when accepting %s", i, i, name, accept), accept: accept, body: body, status: 200, runs: 1})
		}
		const typed = `query Type($name: String!) { hello(name: $name) }`
		add(exchange{name: "2EA1 28B9 allow map {variables} parameter when accepting " + accept, accept: accept, body: `{"query":"` + typed + `","variables":{"name":"sometype"}}`, status: 200, data: `{"hello":"sometype"}`, runs: 1})
		add(exchange{name: "D6D5 6A70 MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting " + accept, method: "GET", params: url.Values{"query": {typed}, "variables": {`{"name":"sometype"}`}}.Encode(), accept: accept, status: 200, data: `{"hello":"sometype"}`, runs: 1})
		add(exchange{name: "428F 1B7A allow map {extensions} parameter when accepting " + accept, accept: accept, body: `{"query":"{ __typename }","extensions":{"some":"value"}}`, status: 200, runs: 1})
	}
	return list
}
