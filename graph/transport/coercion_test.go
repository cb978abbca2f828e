package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/guard"
	"holdfast/graph/scalar"
	"holdfast/graph/transport"
)

// verdict is what becomes of a value.
type verdict struct {
	OK    bool            `json:"ok"`
	Value json.RawMessage `json:"value"`
}

type coercion struct {
	Field, Type           string
	Literal, JSON         *string
	AsLiteral, AsVariable *verdict
}

// differences are where we do not want what graphql-js does, by field, value and way.
func differences() map[string]string {
	return map[string]string{
		`string "\ude00\ud83d" variable`: "half of a character is no text", `string "\ud83d" variable`: "likewise",
		`string "\ude00" variable`: "likewise", `string "\ud83dx" variable`: "likewise",
		"string \"\"\"a\n  b\"\"\" literal": "gqlparser counts the indentation of the first line too",
	}
}

// TestCoercionAsInGraphQLJS runs the table that testdata/coercion/make.mjs has made, through HTTP.
func TestCoercionAsInGraphQLJS(t *testing.T) {
	t.Parallel()
	var table struct{ Cases []coercion }
	content, err := os.ReadFile("testdata/coercion/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &table); err != nil || len(table.Cases) < 150 {
		t.Fatalf("%d cases, %v", len(table.Cases), err)
	}
	server := newCoercing(t)
	differ := differences()
	for _, c := range table.Cases {
		literal := fmt.Sprintf("{ %s }", c.Field)
		if c.Literal != nil {
			literal = fmt.Sprintf("{ %s(v: %s) }", c.Field, *c.Literal)
		}
		variable, value := fmt.Sprintf("query ($v: %s) { %s(v: $v) }", c.Type, c.Field), "absent"
		body := fmt.Sprintf(`{"query":%q}`, variable)
		if c.JSON != nil {
			value = *c.JSON
			body = fmt.Sprintf(`{"query":%q,"variables":{"v":%s}}`, variable, *c.JSON)
		}
		if c.AsLiteral != nil {
			if c.Literal != nil {
				value = *c.Literal
			}
			c.check(t, server, query(literal), c.Field+" "+value+" literal", c.AsLiteral, differ)
		}
		if c.AsVariable != nil {
			c.check(t, server, body, c.Field+" "+value+" variable", c.AsVariable, differ)
		}
	}
}

func (c coercion) check(t *testing.T, server *httptest.Server, body, name string, want *verdict, differ map[string]string) {
	t.Helper()
	got := exchange{body: body}.send(t, server.URL)
	var sent struct {
		Data   map[string]json.RawMessage
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal(got.body, &sent); err != nil {
		t.Fatalf("%s: %v: %s", name, err, got.body)
	}
	ok := len(sent.Errors) == 0
	diff := ""
	switch c.Field {
	case "string", "boolean", "color", "int", "int64", "id": // what generated code makes of lists and objects is not here
		var text string // the value, as JSON
		_ = json.Unmarshal(sent.Data[c.Field], &text)
		diff = cmp.Diff(decoded(want.Value), decoded([]byte(text)))
	}
	if why := differ[name]; why != "" {
		if ok == want.OK && diff == "" {
			t.Errorf("%s: is as in graphql-js now, though %s", name, why)
		}
		return
	}
	switch {
	case ok != want.OK:
		t.Errorf("%s: accepted is %v, want %v: %s", name, ok, want.OK, got.body)
	case !ok && (sent.Errors[0].Extensions.Code != "BAD_REQUEST" || sent.Data != nil):
		t.Errorf("%s: %s", name, got.body)
	case ok && diff != "":
		t.Errorf("%s: (-want +got)\n%s", name, diff)
	}
}

func decoded(text []byte) any {
	var value any
	if len(text) > 0 {
		_ = json.Unmarshal(text, &value)
	}
	return value
}

// coercing answers each field with its argument as JSON, read as generated code reads it.
type coercing struct {
	api
}

func newCoercing(t *testing.T) *httptest.Server {
	t.Helper()
	content, err := os.ReadFile("testdata/coercion/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	a := &coercing{api{schema: gqlparser.MustLoadSchema(&ast.Source{Input: string(content)})}}
	srv := handler.New(&graphql.ExecutableSchemaMock{SchemaFunc: a.Schema, ExecFunc: a.exec})
	srv.AddTransport(transport.HTTP{})
	srv.SetValidationRulesFn(transport.Rules)
	srv.Use(&scalar.Variables{})
	srv.Use(scanning{})
	server := httptest.NewServer(srv)
	t.Cleanup(server.Close)
	return server
}

func (a *coercing) exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	field, _ := op.Operation.SelectionSet[0].(*ast.Field)
	value := field.ArgumentMap(op.Variables)["v"]
	var err error
	if value != nil {
		switch field.Name {
		case "int", "mustInt":
			value, err = scalar.UnmarshalInt(value)
		case "int64":
			value, err = scalar.UnmarshalInt64(value)
		case "string":
			value, err = scalar.UnmarshalString(value)
		case "id":
			value, err = scalar.UnmarshalID(value)
		case "boolean":
			value, err = scalar.UnmarshalBoolean(value)
		}
	}
	if err != nil {
		graphql.AddError(ctx, err)
	}
	text, _ := json.Marshal(value)
	quoted, _ := json.Marshal(string(bytes.TrimSpace(text)))
	return graphql.OneShot(&graphql.Response{Data: []byte(`{"` + field.Name + `":` + string(quoted) + `}`)})
}

// scanning looks at documents as the API's Handler has it done.
type scanning struct{}

func (scanning) ExtensionName() string                   { return "Scan" }
func (scanning) Validate(graphql.ExecutableSchema) error { return nil }
func (scanning) MutateOperationParameters(_ context.Context, params *graphql.RawParams) *gqlerror.Error {
	return guard.Scan(params.Query)
}
