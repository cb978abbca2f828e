package transport_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestSpecification checks the statements of the GraphQL-over-HTTP specification that the audits do not, by its words.
func TestSpecification(t *testing.T) {
	t.Parallel()
	for section, list := range map[string][]exchange{
		"media types": mediaTypeStatements(), "GET": getStatements(), "POST": postStatements(), "status codes": statusStatements(),
		"validation": validationStatements(),
	} {
		for _, x := range list {
			t.Run(section+"/"+x.name, func(t *testing.T) {
				t.Parallel()
				x.run(t)
			})
		}
	}
}

func mediaTypeStatements() []exchange {
	body := query("{ __typename }")
	const urql = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
	return []exchange{
		{name: "MUST use the highest priority media type that is supported", accept: "application/json;q=0.5, application/graphql-response+json;q=0.6", body: body, status: 200, media: full, runs: 1},
		{name: "MUST use the highest priority media type, the other way round", accept: "application/graphql-response+json;q=0.1, application/json", body: body, status: 200, media: plain, runs: 1},
		{name: "the Accept header that clients SHOULD send", accept: "application/graphql-response+json, application/json;q=0.9", body: body, status: 200, media: full, runs: 1},
		{name: "the Accept header that was RECOMMENDED before", accept: "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8", body: body, status: 200, media: full, runs: 1},
		{name: "no supported media type SHOULD be 406 and not processed", accept: "text/html, image/png", body: body, status: http.StatusNotAcceptable, media: plain, code: "BAD_REQUEST", data: "absent"},
		{name: "text/event-stream alone is 406", accept: "text/event-stream", body: body, status: http.StatusNotAcceptable, code: "BAD_REQUEST"},
		{name: "text/event-stream and multipart/mixed among others are ignored", accept: urql, body: body, status: 200, media: full, runs: 1},
		{name: "what a browser sends", accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", body: body, status: 200, media: plain, runs: 1},
		{name: "application/* is a range that covers both", accept: "application/*", body: body, status: 200, media: plain, runs: 1},
		{name: "utf-8 MUST be assumed when Accept names no encoding, and others we have not", accept: "application/json; charset=gbk", body: body, status: http.StatusNotAcceptable, code: "BAD_REQUEST"},
		{name: "RFC 9110: q=0 of one leaves the other", accept: "application/json;q=0, */*", body: body, status: 200, media: full, runs: 1},
		{name: "RFC 9110: q=0 of everything", accept: "*/*;q=0", body: body, status: http.StatusNotAcceptable, media: plain, code: "BAD_REQUEST", data: "absent"},
		{name: "RFC 9110: three decimals of q", accept: "application/json;q=0.501, application/graphql-response+json;q=0.502", body: body, status: 200, media: full, runs: 1},
		{name: "RFC 9110: a range is less specific than a type", accept: "application/*;q=1, application/json;q=0.1", body: body, status: 200, media: full, runs: 1},
		{name: "406 for a mutation too, which does not run", accept: "text/plain", body: query("mutation { set }"), status: http.StatusNotAcceptable, code: "BAD_REQUEST", data: "absent"},
		{name: "405 comes before 406", method: "PUT", accept: "text/plain", status: 405, code: "BAD_REQUEST", want: map[string]string{"Allow": "GET, POST"}},
		{name: "406 by GET", method: "GET", params: "query=%7B__typename%7D", accept: "text/html", status: http.StatusNotAcceptable, code: "BAD_REQUEST", data: "absent"},
		{name: "RFC 9110: the name of q is of either case", accept: "application/json;Q=0.5, application/graphql-response+json; Q=0.6", body: body, status: 200, media: full, runs: 1},
		{name: "RFC 9110: two headers are one list", accept: "text/html", header: map[string]string{"accept": full}, body: body, status: 200, media: full, runs: 1},
		{name: "RFC 9110: q=0 is not acceptable", accept: "application/json;q=0", body: body, status: http.StatusNotAcceptable, code: "BAD_REQUEST"},
	}
}

func getStatements() []exchange {
	get := func(x exchange, params ...string) exchange {
		values := url.Values{}
		for i := 0; i < len(params); i += 2 {
			values.Set(params[i], params[i+1])
		}
		if x.method == "" {
			x.method = "GET"
		}
		x.params = values.Encode()
		return x
	}
	const two = "query A { hello(name: \"a\") } query B { hello(name: \"b\") }"
	const set = "mutation M { set } query Q { __typename }"
	notAllowed := map[string]string{"Allow": "POST"}
	return []exchange{
		get(exchange{name: "operationName names the operation to execute", status: 200, data: `{"hello":"b"}`, runs: 1}, "query", two, "operationName", "B"),
		get(exchange{name: "operationName=null is an operation named null", status: 200, data: `{"__typename":"Query"}`, runs: 1}, "query", "query null { __typename }", "operationName", "null"),
		get(exchange{name: "the empty string is as if not specified", status: 200, runs: 1}, "query", "{ __typename }", "operationName", "", "variables", "", "extensions", ""),
		get(exchange{name: "variables MUST be a JSON string", status: 400, code: "BAD_REQUEST"}, "query", "{ __typename }", "variables", "name"),
		get(exchange{name: "variables must be a map", status: 400, code: "BAD_REQUEST"}, "query", "{ __typename }", "variables", "[7]"),
		get(exchange{name: "variables may be null", status: 200, runs: 1}, "query", "{ __typename }", "variables", "null"),
		get(exchange{name: "nothing follows the variables", status: 400, code: "BAD_REQUEST"}, "query", "{ __typename }", "variables", "{} {}"),
		get(exchange{name: "extensions MUST be a JSON string", status: 400, code: "BAD_REQUEST"}, "query", "{ __typename }", "extensions", "{"),
		get(exchange{name: "extensions may be a map", status: 200, runs: 1}, "query", "{ __typename }", "extensions", `{"a":1}`),
		get(exchange{name: "extensions may be null", status: 200, runs: 1}, "query", "{ __typename }", "extensions", "null"),
		get(exchange{name: "extensions must be a map", status: 400, code: "BAD_REQUEST"}, "query", "{ __typename }", "extensions", `"x"`),
		get(exchange{name: "other parameters are passed over", status: 200, runs: 1}, "query", "{ __typename }", "id", "7"),
		get(exchange{name: "the Content-Type of a body that is not there does not matter", header: map[string]string{"Content-Type": "text/plain"}, status: 200, runs: 1}, "query", "{ __typename }"),
		get(exchange{name: "document parsing failure SHOULD be 400", accept: full, status: 400, media: full, code: "BAD_REQUEST", data: "absent"}, "query", "{"),
		get(exchange{name: "document parsing failure SHOULD be 200 as application/json", accept: plain, status: 200, media: plain, code: "BAD_REQUEST", data: "absent"}, "query", "{"),
		get(exchange{name: "variable coercion failure SHOULD be 400", accept: full, status: 400, media: full, code: "BAD_REQUEST", data: "absent"}, "query", "query($n: String) { hello(name: $n) }", "variables", `{"n":7}`),
		get(exchange{name: "data with errors is 200", accept: full, status: 200, media: full, code: "any", data: `{"__typename":"Query","fails":null}`, runs: 1}, "query", "{ __typename fails }"),
		get(exchange{name: "a request without query is not well-formed", status: 400, code: "BAD_REQUEST"}, "variables", "{}"),
		get(exchange{name: "parameters are UTF-8", status: 400, code: "BAD_REQUEST"}, "query", "{ hello(name: \"\xff\") }"),
		{name: "parameters that are no form encoding", method: "GET", params: "query=%7B__typename%7D&x=%zz", status: 400, code: "BAD_REQUEST"},
		get(exchange{name: "a mutation MUST be 405 with Allow and not executed", accept: full, status: 405, media: full, code: "BAD_REQUEST", data: "absent", want: notAllowed}, "query", "mutation { set }"),
		get(exchange{name: "a mutation MUST be 405 for application/json too", accept: plain, status: 405, media: plain, code: "BAD_REQUEST", data: "absent", want: notAllowed}, "query", "mutation { set }"),
		get(exchange{name: "a mutation MUST be 405 whatever is wrong with its variables", status: 405, code: "BAD_REQUEST", want: notAllowed}, "query", "mutation ($n: Int!) { set(n: $n) }"),
		get(exchange{name: "the mutation that operationName indicates is 405", status: 405, code: "BAD_REQUEST", want: notAllowed}, "query", set, "operationName", "M"),
		get(exchange{name: "a query beside a mutation is executed", status: 200, data: `{"__typename":"Query"}`, runs: 1}, "query", set, "operationName", "Q"),
		get(exchange{name: "a subscription is beyond HTTP", accept: full, status: 400, code: "BAD_REQUEST", data: "absent"}, "query", "subscription { tick }"),
		get(exchange{name: "RFC 9110: HEAD is GET without the body", method: "HEAD", status: 200, media: plain, want: map[string]string{"Content-Length": "31"}, runs: 1}, "query", "{ __typename }"),
		get(exchange{name: "HEAD is refused as GET is", method: "HEAD", accept: full, status: 400, media: full}, "query", "{"),
		get(exchange{name: "HEAD runs no mutation either", method: "HEAD", status: 405, want: notAllowed}, "query", "mutation { set }"),
	}
}

func postStatements() []exchange {
	const two = `"query":"query A { hello(name: \"a\") } query B { hello(name: \"b\") }"`
	body := query("{ __typename }")
	hint := map[string]string{"Accept-Post": plain}
	unsupported := exchange{body: body, status: http.StatusUnsupportedMediaType, code: "BAD_REQUEST", want: hint}
	as := func(name, contentType string) exchange {
		x := unsupported
		x.name, x.contentType = name, contentType
		return x
	}
	compressed := as("a compressed body SHOULD be 415", plain)
	compressed.header, compressed.want = map[string]string{"Content-Encoding": "gzip"}, map[string]string{"Accept-Encoding": "identity"}
	return []exchange{
		{name: "MUST execute mutations", body: query("mutation { set }"), status: 200, data: `{"set":1}`, runs: 1},
		{name: "operationName is the operation to execute", body: `{` + two + `,"operationName":"B"}`, status: 200, data: `{"hello":"b"}`, runs: 1},
		{name: "MUST ignore properties it does not understand", body: `{"query":"{ __typename }","id":[{}],"Query":7}`, status: 200, runs: 1},
		{name: "names are matched exactly", body: `{"QUERY":"{ __typename }"}`, status: 400, code: "BAD_REQUEST"},
		{name: "of a repeated member the last counts, alone", body: `{"query":"query($a: String, $b: String) { a: hello(name: $a) b: hello(name: $b) }","variables":{"a":"x"},"variables":{"b":"y"}}`, status: 200, data: `{"a":null,"b":"y"}`, runs: 1},
		{name: "a Content-Type with other parameters", contentType: `application/json; charset="UTF-8"; v=1`, body: body, status: 200, runs: 1},
		{name: "parameters of the URL are not those of a POST", params: "query=mutation+%7B+set+%7D", body: body, status: 200, data: `{"__typename":"Query"}`, runs: 1},
		as("an unsupported Content-Type SHOULD be 415: form", form),
		as("an unsupported Content-Type SHOULD be 415: multipart", "multipart/form-data; boundary=x"),
		as("an unsupported Content-Type SHOULD be 415: text", "text/plain"),
		as("an unsupported Content-Type SHOULD be 415: graphql", "application/graphql"),
		as("an unsupported Content-Type SHOULD be 415: graphql-response+json", full),
		as("an unsupported Content-Type SHOULD be 415: no media type at all", "json;;"),
		as("an unsupported Content-Type SHOULD be 415: a parameter without a value", "application/json; charset"),
		as("an unsupported charset SHOULD be 415", "application/json; charset=utf-16"),
		as("an unsupported charset SHOULD be 415, even one that utf-8 holds", "application/json; charset=us-ascii"),
		as("an absent Content-Type SHOULD be 4xx", "none"),
		compressed,
		{name: "JSON that is cut off is 400", body: `{"query":`, status: 400, code: "BAD_REQUEST"},
		{name: "a comma too many is 400", body: `{"query":"{ __typename }",}`, status: 400, code: "BAD_REQUEST"},
		{name: "NONSENSE is 400", body: `NONSENSE`, status: 400, code: "BAD_REQUEST"},
		{name: "garbage after the JSON is 400", body: body + ` x`, status: 400, code: "BAD_REQUEST"},
		{name: "another JSON after the JSON is 400", body: body + body, status: 400, code: "BAD_REQUEST"},
		{name: "white space after the JSON is fine", body: body + "\r\n\t ", status: 200, runs: 1},
		{name: "the body must be an object: a batch", body: `[` + body + `]`, status: 400, code: "BAD_REQUEST", says: "batches are not served", data: "absent"},
		{name: "the body must be an object: a string", body: `"{ __typename }"`, status: 400, code: "BAD_REQUEST", says: "must be a JSON object"},
		{name: "the body must be an object: null", body: `null`, status: 400, code: "BAD_REQUEST"},
		{name: "the body must be UTF-8", body: "{\"query\":\"{ hello(name: \\\"\xff\\\") }\"}", status: 400, code: "BAD_REQUEST"},
		{name: "RFC 8259: a byte order mark is no JSON", body: "\uFEFF" + body, status: 400, code: "BAD_REQUEST", data: "absent"},
		{name: "query is required: null", body: `{"query":null}`, status: 400, code: "BAD_REQUEST"},
		{name: "query is required: empty", body: `{"query":""}`, status: 400, code: "BAD_REQUEST"},
		{name: "numbers arrive as they were written", body: `{"query":"query($n: ID) { hello(id: $n) }","variables":{"n":9007199254740993}}`, status: 200, data: `{"hello":9007199254740993}`, runs: 1},
		{name: "a well-formed query need not parse", accept: plain, body: query("  "), status: 200, code: "BAD_REQUEST", data: "absent"},
	}
}

func statusStatements() []exchange {
	const ambiguous = "query A { __typename } query B { __typename }"
	allow := map[string]string{"Allow": "GET, POST"}
	list := []exchange{
		{name: "no data entry in JSON: 400, for application/json too", accept: plain, body: `{`, status: 400, media: plain, code: "BAD_REQUEST", data: "absent"},
		{name: "data and no errors SHOULD be 200", accept: full, body: query("{ __typename }"), status: 200, media: full, data: `{"__typename":"Query"}`, runs: 1},
		{name: "data that is not null MUST be 2xx, with errors too", accept: full, body: query("{ __typename fails }"), status: 200, media: full, code: "any", data: `{"__typename":"Query","fails":null}`, runs: 1},
		{name: "data that is not null MUST be 200 as application/json", accept: plain, body: query("{ __typename fails }"), status: 200, media: plain, code: "any", data: `{"__typename":"Query","fails":null}`, runs: 1},
		{name: "data that is null SHOULD be 2xx and is there", accept: full, body: query("{ must }"), status: 200, media: full, code: "any", data: "null", runs: 1},
		{name: "data that is null is there as application/json", accept: plain, body: query("{ must }"), status: 200, media: plain, code: "any", data: "null", runs: 1},
	}
	for name, body := range map[string]string{
		"document parsing failure":            query("{"),
		"document validation failure":         query("{ nothing }"),
		"operation cannot be determined":      query(ambiguous),
		"operation that operationName misses": `{"query":"query A { __typename }","operationName":"B"}`,
		"variable coercion failure":           `{"query":"query($n: String) { hello(name: $n) }","variables":{"n":7}}`,
		"a literal that is none":              query(`{ take(big: "1") }`),
		"subscription":                        query("subscription { tick }"),
	} {
		list = append(list,
			exchange{name: name + " SHOULD be 400", accept: full, body: body, status: 400, media: full, code: "BAD_REQUEST", data: "absent"},
			exchange{name: name + " SHOULD be 200 as application/json", accept: plain, body: body, status: 200, media: plain, code: "BAD_REQUEST", data: "absent"})
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"} {
		list = append(list, exchange{name: "an unsupported HTTP method SHOULD be 405: " + method, method: method, status: 405, code: "BAD_REQUEST", data: "absent", want: allow})
	}
	return list
}

// validationStatements break each of the validation rules of the GraphQL specification, by its number: they SHOULD all be applied,
// and what does not pass SHOULD NOT be executed.
func validationStatements() []exchange {
	var list []exchange
	for rule, text := range map[string]string{
		"5.1.1 executable definitions":             "{ __typename } type T { a: Int }",
		"5.2.1.1 operation names are unique":       "query A { __typename } query A { __typename }",
		"5.2.2.1 lone anonymous operation":         "{ __typename } query A { __typename }",
		"5.2.3.1 subscriptions have a single root": "query A { __typename } subscription B { a: tick b: tick }",
		"5.3.1 fields exist":                       "{ __typename nothing }",
		"5.3.2 fields can be merged":               `{ a: hello(name: "a") a: hello(name: "b") }`,
		"5.3.3 leaf fields have no selection":      "{ hello { x } }",
		"5.3.3 composite fields have a selection":  "{ __schema }",
		"5.4.1 arguments exist":                    `{ hello(nothing: "a") }`,
		"5.4.2 arguments are unique":               `{ hello(name: "a", name: "a") }`,
		"5.4.3 arguments are required":             "{ __type { name } }",
		"5.5.1.1 fragment names are unique":        "{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }",
		"5.5.1.2 fragments have types":             "{ ... on Nothing { __typename } }",
		"5.5.1.3 fragments are on composite types": "{ ... on Color { __typename } }",
		"5.5.1.4 fragments are used":               "{ __typename } fragment F on Query { __typename }",
		"5.5.2.1 spreads have targets":             "{ ...F }",
		"5.5.2.2 fragments form no cycles":         "{ ...F } fragment F on Query { __typename ...F }",
		"5.5.2.3 spreads are possible":             "{ ... on Mutation { __typename } }",
		"5.6.1 values are of their types":          `{ take(int: "1") }`,
		"5.6.2 input fields exist":                 "{ take(nested: {nothing: 1}) }",
		"5.6.3 input fields are unique":            "{ take(nested: {count: 1, count: 1}) }",
		"5.7.1 directives exist":                   "{ __typename @nothing }",
		"5.7.2 directives stand where they may":    "query @skip(if: true) { __typename }",
		"5.7.3 directives are unique":              "{ __typename @skip(if: false) @skip(if: false) }",
		"5.8.1 variables are unique":               "query($a: Int, $a: Int) { take(int: $a) }",
		"5.8.2 variables are of input types":       "query($a: Query) { __typename hello(name: $a) }",
		"5.8.3 variables are defined":              "{ take(int: $a) }",
		"5.8.4 variables are used":                 "query($a: Int) { __typename }",
		"5.8.5 variables fit where they are used":  "query($a: String) { take(int: $a) }",
	} {
		list = append(list, exchange{
			name: "SHOULD be applied: " + rule, accept: full, body: query(text), status: 400, media: full, code: "BAD_REQUEST", data: "absent",
		})
	}
	return list
}

// TestBadRequestsAreNotEchoed sends a secret in whatever makes a request one that is refused: none of it comes back.
func TestBadRequestsAreNotEchoed(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	server, a := newServer(t)
	body := query("{ __typename }")
	for _, x := range []exchange{
		{name: "the Accept header", accept: "text/" + secret, body: body, status: http.StatusNotAcceptable},
		{name: "the Content-Type", contentType: "text/" + secret, body: body, status: http.StatusUnsupportedMediaType},
		{name: "the charset", contentType: "application/json; charset=" + secret, body: body, status: http.StatusUnsupportedMediaType},
		{name: "the Content-Encoding", header: map[string]string{"Content-Encoding": secret}, body: body, status: http.StatusUnsupportedMediaType},
		{name: "the method", method: secret, status: http.StatusMethodNotAllowed},
		{name: "a URL that is no form encoding", method: "GET", params: "query=" + secret + "%zz", status: 400},
		{name: "a URL that is not UTF-8", method: "GET", params: "query=" + secret + "%ff", status: 400},
		{name: "a URL without a query", method: "GET", params: secret + "=" + secret, status: 400},
		{name: "variables of a URL", method: "GET", params: "query=%7B__typename%7D&variables=" + secret, status: 400},
		{name: "extensions of a URL", method: "GET", params: "query=%7B__typename%7D&extensions=%5B%22" + secret + "%22%5D", status: 400},
		{name: "a mutation by GET", method: "GET", params: "query=mutation+" + secret + "+%7B+set+%7D", status: http.StatusMethodNotAllowed},
		{name: "a batch", body: `[{"query":"` + secret + `"}]`, status: 400},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.code, x.data = "BAD_REQUEST", "absent"
			x.check(t, server.URL)
			got := x.send(t, server.URL)
			var head strings.Builder
			_ = got.header.Write(&head)
			if strings.Contains(head.String()+string(got.body), secret) {
				t.Errorf("the answer repeats it: %s%s", head.String(), got.body)
			}
		})
	}
	if got := a.runs.Load(); got != 0 {
		t.Errorf("%d operations were executed", got)
	}
}
