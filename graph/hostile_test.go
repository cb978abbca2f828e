package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/graph/guard"
	"holdfast/internal/app"
)

// What one hostile request may cost, of which the tests allow three times as much: other tests may run beside them.
const (
	hostileBytes  = 1 << 20
	hostileAnswer = 4 << 10
)

// hostile is a request that is refused.
type hostile struct {
	name, body, code string
}

func asked(query string) string {
	b, _ := json.Marshal(object{"query": query})
	return string(b)
}

func times(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if strings.Contains(format, "%") {
			fmt.Fprintf(&b, format, i)
		} else {
			b.WriteString(format)
		}
	}
	return b.String()
}

// fill is as many times of it as there is room for.
func fill(before, format, after string) string {
	n := (guard.MaxQuery - len(before) - len(after)) / (len(format) + 4)
	return before + times(n, format) + after
}

func hostiles() []hostile {
	const shops = "{ shops(first: 1) { nodes { "
	doubling := func(n int) string {
		q := "{ ...F0 }"
		for i := range n {
			q += fmt.Sprintf(" fragment F%d on Query { a%[1]d: node(id: 1) { id ...N%[1]d } ...F%d ...F%[2]d }", i, i+1)
		}
		return q + fmt.Sprintf(" fragment F%d on Query { __typename }", n)
	}
	list := []hostile{
		{"deep nesting", asked(strings.Repeat("{node", 3000) + strings.Repeat("}", 1000)), "COST_EXCEEDED"},
		{"deep nesting by inline fragments", asked(strings.Repeat("{...", 3500)), "COST_EXCEEDED"},
		{"as deep as fits under the brackets", asked(strings.Repeat("{ node(id: 1) ", 40) + strings.Repeat("}", 40)), "COST_EXCEEDED"},
		{"doubling fragments", asked(doubling(40)), "COST_EXCEEDED"},
		{"as many doubling fragments as may be", asked(doubling(guard.MaxFragments - 1)), ""},
		{"cyclic fragments", asked("{ ...A0 } " + times(50, "fragment A%d on Query { ...A0 } ")), "BAD_REQUEST"},
		{"a circle of fragments", asked("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"), "BAD_REQUEST"},
		{"alias flood", asked(fill("{", " a%d: __typename", "}")), "COST_EXCEEDED"},
		{"alias flood of objects", asked(fill("{", " a%d: shops(first: 100) { nodes { id } }", "}")), "COST_EXCEEDED"},
		{"directive flood", asked(fill("{ __typename", " @a", "}")), "COST_EXCEEDED"},
		{"unknown directives", asked("{ __typename " + times(guard.MaxDirectives, "@a%d ") + "}"), "BAD_REQUEST"},
		{"huge list literal", asked(fill("{ nodes(ids: [", "1 ", "]) { id } }")), "COST_EXCEEDED"},
		{"lists as long as may be", asked("{ " + times(2, "a%d: nodes(ids: ["+strings.Repeat("1.5 ", guard.MaxList)+"]) { id } ") + "}"), "BAD_REQUEST"},
		{"nested list literal", asked("{ nodes(ids: " + strings.Repeat("[", 5000) + ") }"), "COST_EXCEEDED"},
		{"nested object literal", asked("mutation { checkoutPlace(input: " + strings.Repeat("{a: ", 4000) + ") }"), "COST_EXCEEDED"},
		{"huge string", asked(`{ node(id: "` + strings.Repeat("x", 20_000) + `") { id } }`), "COST_EXCEEDED"},
		{"huge string of a wrong type", asked(`{ shops(first: "` + strings.Repeat("<", 15_000) + `") { nodes { id } } }`), "BAD_REQUEST"},
		{"unicode escapes", asked(`{ shops(first: "` + strings.Repeat(`\u0000`, 2_600) + `") { nodes { id } } }`), "BAD_REQUEST"},
		{"unicode escapes in the envelope", `{"query":"` + strings.Repeat(`\u003c`, 40_000) + `"}`, "COST_EXCEEDED"},
		{"half of a character", asked(`{ node(id: "` + strings.Repeat(`\ud83d\ude00`, 1_000) + `\ud83d") { id } }`), "BAD_REQUEST"},
		{"introspection of many roots", asked(fill("{", "a%d: __schema { types { name } }", "}")), "COST_EXCEEDED"},
		{"introspection that goes round", asked("{ __schema { types " + strings.Repeat("{ fields { type ", 8) + "{ name }" + strings.Repeat("} } ", 8) + "} }"), ""},
		{"introspection that multiplies", asked("{ __schema { types { " + times(60, "a%d: fields { type { fields { type { name } } } } ") + "} } }"), "COST_EXCEEDED"},
		{"many operations", asked(times(1500, "query Q%d{a}")), "COST_EXCEEDED"},
		{"operations of one name", asked(times(10, "query Q { a } ")), "BAD_REQUEST"},
		{"many fragments", asked("{ a } " + times(600, "fragment F%d on A { a } ")), "COST_EXCEEDED"},
		{"overlapping fields", asked(fill("{", " a", "}")), "COST_EXCEEDED"},
		{"overlapping fields that conflict", asked(fill("{", " a: b", "}")), "COST_EXCEEDED"},
		{"as many conflicts as may be", asked("{ " + times(54, "a: x%d ") + "}"), "BAD_REQUEST"},
		{"conflicts below each other", asked("{ " + strings.Repeat(shops+times(15, "a: x%d "), 1) + "} } " + strings.Repeat("shops(first: 2) { nodes { a: y "+times(10, "b: z%d ")+"} } ", 6) + "}"), "BAD_REQUEST"},
		{"conflicts across fragments", asked("{ " + times(30, "...F%d ") + "} " + times(30, "fragment F%d on Query { a: x%[1]d b: y%[1]d } ")), "BAD_REQUEST"},
		{"comments", asked("{ a " + strings.Repeat("#\n", 8_000) + "}"), "COST_EXCEEDED"},
		{"unknown fields", asked("{ " + strings.Repeat(times(290, "x%d "), 2) + "}"), "BAD_REQUEST"},
		{"long unknown fields", asked("{ " + times(100, "x%d"+strings.Repeat("x", 120)+" ") + "}"), "BAD_REQUEST"},
		{"a name as long as the document", asked("{ " + strings.Repeat("x", 16_000) + " }"), "COST_EXCEEDED"},
		{"unknown types", asked("query (" + times(50, "$v%d: "+strings.Repeat("X", 100)+" ") + ") { __typename }"), "BAD_REQUEST"},
		{"unknown arguments", asked("{ node(" + times(1_000, "a%d: 1 ") + ") { id } }"), "BAD_REQUEST"},
		{"one argument many times", asked("{ node(" + strings.Repeat("id: 1 ", 1_300) + ") { id } }"), "BAD_REQUEST"},
		{"one field of an input many times", asked("mutation { checkoutPlace(input: {" + strings.Repeat("idempotencyKey: 1 ", 800) + "}) { userErrors { code } } }"), "BAD_REQUEST"},
		{"unknown fields of an input", asked("mutation { checkoutPlace(input: {" + times(1_000, "a%d: 1 ") + "}) { userErrors { code } } }"), "BAD_REQUEST"},
		{"many variables", asked("query (" + times(1_000, "$a%d:A ") + ") { a }"), "COST_EXCEEDED"},
		{"one variable in many places", asked("query ($a: Int) { " + times(90, "a%d: shops(first: $a, after: $a) { nodes { id } } ") + "}"), "BAD_REQUEST"},
		{"operations that share fragments", asked(times(10, "query Q%d { ...F0 } ") + times(40, "fragment F%[1]d on Query { a%[1]d: __typename ...F40 } ") + "fragment F40 on Query { " + strings.Repeat("__typename ", 100) + "}"), ""},
		{"no closing quote", asked(`{ a(b: "` + strings.Repeat("x", 16_000)), "BAD_REQUEST"},
		{"a block string", asked(`{ a(b: """` + strings.Repeat("\n \\\"\"\"", 2_500)), "BAD_REQUEST"},
		{"only punctuation", asked(strings.Repeat("{}", 8_000)), ""},
		{"a batch", "[" + strings.Repeat(`{"query":"{a}"},`, 10_000) + "{}]", "BAD_REQUEST"},
		{"no JSON", strings.Repeat("[", 200_000), "BAD_REQUEST"},
		{"JSON that nests", `{"query":"{a}","x":` + strings.Repeat("[", 120_000) + strings.Repeat("]", 120_000) + "}", "BAD_REQUEST"},
		{"a name of the envelope", `{"` + strings.Repeat("x", 250_000) + `":1,"query":"{a}"}`, "BAD_REQUEST"},
	}
	const take = `{"query":"query ($i: CheckoutPlaceInput!) { __typename }","variables":{"i":`
	return append(list, []hostile{
		{"variables that nest 10,000 deep", take + strings.Repeat("[", 9_990) + strings.Repeat("]", 9_990) + "}}", "COST_EXCEEDED"},
		{"variables that are objects, 9,000 deep", take + strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000) + "}}", "COST_EXCEEDED"},
		{"a list of numbers", take + "[" + strings.Repeat("1,", 120_000) + "1]}}", "COST_EXCEEDED"},
		{"lists of lists", take + "[" + strings.Repeat("[1,2,3],", 30_000) + "1]}}", "COST_EXCEEDED"},
		{"objects", take + "[" + strings.Repeat("["+strings.Repeat(`{"a":1},`, 490)+"1],", 60) + "1]}}", "COST_EXCEEDED"},
		{"as many objects as may be", take + "[" + strings.Repeat("["+strings.Repeat(`{"a":1},`, 290)+"1],", 4) + "1]}}", "BAD_REQUEST"},
		{"a huge string of a wrong type", take + `"` + strings.Repeat("x", 250_000) + `"}}`, "BAD_REQUEST"},
		{"an unknown field with a huge name", take + `{"` + strings.Repeat("x", 250_000) + `":1}}}`, "BAD_REQUEST"},
		{"escapes in variables", take + `"` + strings.Repeat(`\u4f60`, 40_000) + `"}}`, "BAD_REQUEST"},
		{"extensions", `{"query":"{ __typename }","extensions":{"a":[` + strings.Repeat("[],", 80_000) + "1]}}", "COST_EXCEEDED"},
		{"more than a body", strings.Repeat(" ", 300_000), "BAD_REQUEST"},
		{"a huge hash", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 250_000) + `"}}}`, "BAD_REQUEST"},
	}...)
}

// newBare is a Handler without a business, for what never gets there.
func newBare() *Handler {
	return NewHandler(Deps{&app.App{Log: slog.New(slog.DiscardHandler)}}, Options{})
}

func (x hostile) send(h *Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(x.body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestHostileDocuments is not parallel: what others allocate would count.
func TestHostileDocuments(t *testing.T) { //nolint:paralleltest // see above
	h := newBare()
	hostile{body: asked("{ __typename }")}.send(h) // what is made once
	for _, x := range hostiles() {
		before := allocated()
		rec := x.send(h)
		used := allocated() - before
		body := rec.Body.Bytes()
		if used > 3*hostileBytes {
			t.Errorf("%s: %d bytes allocated, want %d", x.name, used, hostileBytes)
		}
		if len(body) > hostileAnswer {
			t.Errorf("%s: an answer of %d bytes, want %d", x.name, len(body), hostileAnswer)
		}
		var got answer
		if err := json.Unmarshal(body, &got); err != nil || len(got.Errors) == 0 || bytes.Contains(body, []byte(`"data"`)) {
			t.Errorf("%s: %v, %.200s", x.name, err, body)
			continue
		}
		if code := got.Errors[0].Extensions["code"]; x.code != "" && code != x.code || code == "INTERNAL" {
			t.Errorf("%s: %v, want %s: %.300s", x.name, code, x.code, body)
		}
	}
}

// BenchmarkHostile prints what each hostile request takes:
//
//	go test -run '^$' -bench Hostile -benchmem ./graph
func BenchmarkHostile(b *testing.B) {
	h := newBare()
	for _, x := range hostiles() {
		b.Run(strings.ReplaceAll(x.name, " ", "_"), func(b *testing.B) {
			before := cpu()
			size := 0
			for b.Loop() {
				size = x.send(h).Body.Len()
			}
			b.ReportMetric(float64(cpu()-before)/1e6/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(size), "answer-B")
		})
	}
}

// cpu is what this process has used.
func cpu() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
