package transport_test

import (
	"net/http"
	"net/url"
	"testing"
)

// TestSpecification checks the statements of the GraphQL-over-HTTP specification that the audits do not, by its words.
func TestSpecification(t *testing.T) {
	t.Parallel()
	for section, list := range map[string][]exchange{
		"media types": mediaTypeStatements(), "GET": getStatements(), "POST": postStatements(), "status codes": statusStatements(),
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
