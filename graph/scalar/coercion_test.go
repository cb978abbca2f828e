package scalar_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"holdfast/graph/scalar"
)

const sdl = `
scalar DateTime
scalar Int64
scalar Other
enum Color { RED GREEN }
input Choice @oneOf { a: Int b: Int }
input Nested { count: Int big: Int64 at: DateTime color: Color name: String id: ID yes: Boolean list: [Int64!] nested: [Nested!] choice: Choice }
type Query {
  take(int: Int, ints: [Int!], grid: [[Int64]], big: Int64, at: DateTime, text: String, id: ID, yes: Boolean, color: Color,
    other: Other, choice: Choice, nested: Nested): Boolean
}
`

func newExecutor() *executor.Executor {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: sdl})
	exec := executor.New(&graphql.ExecutableSchemaMock{SchemaFunc: func() *ast.Schema { return schema }})
	exec.SetDefaultRulesFn(func() *rules.Rules {
		all := rules.NewDefaultRules()
		rule := scalar.Literals()
		all.AddRule(rule.Name, rule.RuleFunc)
		return all
	})
	exec.Use(&scalar.Variables{})
	return exec
}

// request is what becomes of an operation before it would be executed: nothing at all, or the first error.
func request(t *testing.T, exec *executor.Executor, query, variables string) string {
	t.Helper()
	errs := create(t, exec, query, variables)
	if len(errs) == 0 {
		return ""
	}
	return errs[0].Error()
}

func create(t *testing.T, exec *executor.Executor, query, variables string) gqlerror.List {
	t.Helper()
	params := &graphql.RawParams{Query: query}
	dec := json.NewDecoder(strings.NewReader(variables))
	dec.UseNumber()
	if err := dec.Decode(&params.Variables); err != nil {
		t.Fatal(err)
	}
	_, errs := exec.CreateOperationContext(graphql.StartOperationTrace(t.Context()), params)
	return errs
}

// TestLiteralAndVariable gives each value as a literal, as a variable, as a default of a variable, and inside an input
// object, and wants the same every time.
func TestLiteralAndVariable(t *testing.T) {
	t.Parallel()
	exec := newExecutor()
	for _, tc := range []struct {
		arg, typ, value string
		ok              bool
	}{
		{"int", "Int", "7", true},
		{"int", "Int", "2147483647", true},
		{"int", "Int", "2147483648", false},
		{"int", "Int", "-2147483649", false},
		{"int", "Int", "3000000000", false},
		{"int", "Int", "99999999999999999999", false},
		{"int", "Int", "1.5", false},
		{"int", "Int", "1.0", false},
		{"int", "Int", `"7"`, false},
		{"int", "Int", "true", false},
		{"int", "Int", "[7]", false},
		{"int", "Int", "null", true},
		{"ints", "[Int!]", "[7, 3000000000]", false},
		{"ints", "[Int!]", `[7, "7"]`, false},
		{"ints", "[Int!]", "[7, 8]", true},
		{"ints", "[Int!]", "7", true},
		{"ints", "[Int!]", "3000000000", false},
		{"grid", "[[Int64]]", "[[1], [null, 9007199254740991]]", true},
		{"grid", "[[Int64]]", "[[1], [9007199254740992]]", false},
		{"big", "Int64", "9007199254740991", true},
		{"big", "Int64", "-9007199254740992", false},
		{"big", "Int64", "99999999999999999999", false},
		{"big", "Int64", "1.0", true},
		{"big", "Int64", "1e3", true},
		{"big", "Int64", "1.5", false},
		{"big", "Int64", `"7"`, false},
		{"big", "Int64", "false", false},
		{"big", "Int64", "[7]", false},
		{"big", "Int64", "{}", false},
		{"at", "DateTime", `"2026-01-02T15:04:05+08:00"`, true},
		{"at", "DateTime", `"yesterday"`, false},
		{"at", "DateTime", "1767366245", false},
		{"text", "String", `"7"`, true},
		{"text", "String", "7", false},
		{"text", "String", "true", false},
		{"id", "ID", `"7"`, true},
		{"id", "ID", "7", true},
		{"id", "ID", "7.5", false},
		{"id", "ID", "true", false},
		{"yes", "Boolean", "true", true},
		{"yes", "Boolean", `"true"`, false},
		{"yes", "Boolean", "1", false},
		{"other", "Other", `"anything"`, true},
		{"other", "Other", "[1.5]", true},
		{"choice", "Choice", "{}", false},
	} {
		for way, got := range map[string]string{
			"literal":  request(t, exec, "{ take("+tc.arg+": "+tc.value+") }", "{}"),
			"variable": request(t, exec, "query($v: "+tc.typ+") { take("+tc.arg+": $v) }", `{"v": `+tc.value+`}`),
			"default":  request(t, exec, "query($v: "+tc.typ+" = "+tc.value+") { take("+tc.arg+": $v) }", "{}"),
			"fragment": request(t, exec, "{ ...F } fragment F on Query { take("+tc.arg+": "+tc.value+") }", "{}"),
		} {
			if (got == "") != tc.ok {
				t.Errorf("%s of %s as %s: %q, want it accepted: %v", tc.value, tc.typ, way, got, tc.ok)
			}
		}
	}
}

func TestInsideInputObjects(t *testing.T) {
	t.Parallel()
	exec := newExecutor()
	for _, tc := range []struct{ literal, variable, path string }{
		{
			`{count: 7, big: 8, at: "2026-01-02T15:04:05Z", color: RED, name: "n", id: 9, yes: true, list: [1], choice: {a: 1}}`,
			`{"count": 7, "big": 8, "at": "2026-01-02T15:04:05Z", "color": "RED", "name": "n", "id": 9, "yes": true, "list": [1], "choice": {"a": 1}}`, "",
		},
		{`{nested: [{count: 1}, {nested: {big: 1.5}}]}`, `{"nested": [{"count": 1}, {"nested": {"big": 1.5}}]}`, "variable.v.nested[1].nested[0].big"},
		{`{count: 3000000000}`, `{"count": 3000000000}`, "variable.v.count"},
		{`{list: [1, "2"]}`, `{"list": [1, "2"]}`, "variable.v.list[1]"},
		{`{name: 7}`, `{"name": 7}`, "variable.v.name"},
		{`{id: 7.5}`, `{"id": 7.5}`, "variable.v.id"},
		{`{color: red}`, `{"color": "red"}`, "variable.v.color"},
		{`{choice: {a: 1, b: 2}}`, `{"choice": {"a": 1, "b": 2}}`, "variable.v.choice"},
		{`{choice: {a: null}}`, `{"choice": {"a": null}}`, "variable.v.choice"},
		{`{choice: {}}`, `{"choice": {}}`, "variable.v.choice"},
	} {
		literal := request(t, exec, "{ take(nested: "+tc.literal+") }", "{}")
		variable := request(t, exec, "query($v: Nested) { take(nested: $v) }", `{"v": `+tc.variable+`}`)
		if (literal == "") != (tc.path == "") {
			t.Errorf("literal %s: %q", tc.literal, literal)
		}
		if (variable == "") != (tc.path == "") || !strings.Contains(variable, tc.path) {
			t.Errorf("variable %s: %q, want an error at %q", tc.variable, variable, tc.path)
		}
	}
}

func TestRefusedVariableHasACode(t *testing.T) {
	t.Parallel()
	errs := create(t, newExecutor(), "query($v: Int64) { take(big: $v) }", `{"v": "7"}`)
	if len(errs) != 1 || errs[0].Extensions["code"] != "BAD_REQUEST" {
		t.Errorf("errors %v", errs)
	}
}

func TestVariablesThatAreNotSent(t *testing.T) {
	t.Parallel()
	exec := newExecutor()
	if got := request(t, exec, "query($v: Int64) { take(big: $v) }", "{}"); got != "" {
		t.Error(got)
	}
	if got := request(t, exec, "query($v: Int64) { take(big: $v) }", `{"v": null, "unknown": []}`); got != "" {
		t.Error(got)
	}
}
