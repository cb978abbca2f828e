package graph

import (
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestSchemaKeepsTheRulesOfTheHouse walks the schema: what a rule of SDL can be checked for is checked here.
func TestSchemaKeepsTheRulesOfTheHouse(t *testing.T) {
	t.Parallel()
	schema, rules := Schema(), newAccess()
	for _, def := range schema.Types {
		if def.BuiltIn || strings.HasPrefix(def.Name, "__") {
			continue
		}
		described(t, def.Name, def.Description)
		for _, v := range def.EnumValues {
			described(t, def.Name+"."+v.Name, v.Description)
		}
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			at := def.Name + "." + f.Name
			described(t, at, f.Description)
			for _, arg := range f.Arguments {
				described(t, at+"("+arg.Name+")", arg.Description)
			}
			switch {
			case def.Kind == ast.InputObject:
				inputField(t, at, f)
			case def == schema.Mutation:
				mutation(t, schema, at, f)
			default:
				outputField(t, schema, rules, def, f)
			}
		}
		switch {
		case strings.HasSuffix(def.Name, "Connection"):
			connection(t, schema, def)
		case strings.HasSuffix(def.Name, "Payload"):
			payload(t, def)
		}
	}
}

func described(t *testing.T, at, description string) {
	t.Helper()
	if strings.TrimSpace(description) == "" {
		t.Errorf("%s has no description", at)
	}
}

// inputField: input lists may be null, their elements never are.
func inputField(t *testing.T, at string, f *ast.FieldDefinition) {
	t.Helper()
	if f.Type.Elem != nil && !f.Type.Elem.NonNull {
		t.Errorf("%s: null elements mean nothing in %s", at, f.Type)
	}
}

func mutation(t *testing.T, schema *ast.Schema, at string, f *ast.FieldDefinition) {
	t.Helper()
	if want := strings.ToUpper(f.Name[:1]) + f.Name[1:] + "Payload!"; f.Type.String() != want {
		t.Errorf("%s returns %s, not %s", at, f.Type, want)
	}
	if len(f.Arguments) > 2 {
		t.Errorf("%s has %d arguments: take one input", at, len(f.Arguments))
	}
	for _, arg := range f.Arguments {
		if arg.Type.Elem != nil && !arg.Type.Elem.NonNull {
			t.Errorf("%s(%s): null elements mean nothing in %s", at, arg.Name, arg.Type)
		}
	}
	if schema.Types[f.Type.Name()] == nil {
		t.Errorf("%s has no payload", at)
	}
}

var predicate = regexp.MustCompile(`^(is|has|requires)[A-Z]`)

func outputField(t *testing.T, schema *ast.Schema, rules access, def *ast.Definition, f *ast.FieldDefinition) {
	t.Helper()
	at := def.Name + "." + f.Name
	_, restricted := rules.fields[at]
	if f.Type.Elem != nil && at != "Query.nodes" { // of which each may be absent
		path := f.Name == "field" && schema.Implements[def.Name] != nil || at == "UserError.field" // null: no argument is at fault
		if !f.Type.Elem.NonNull || !f.Type.NonNull && !restricted && !path {
			t.Errorf("%s is %s: lists are [T!]!, but for what is null for some", at, f.Type)
		}
	}
	if f.Type.Name() == "Boolean" && (!f.Type.NonNull || !predicate.MatchString(f.Name)) {
		t.Errorf("%s is %s: a predicate is never null, and reads as one", at, f.Type)
	}
	if strings.HasSuffix(f.Type.Name(), "Connection") {
		first, after := f.Arguments.ForName("first"), f.Arguments.ForName("after")
		if first == nil || first.Type.String() != "Int!" || after == nil || after.Type.String() != "String" {
			t.Errorf("%s takes no first: Int! and after: String", at)
		}
		if !f.Type.NonNull && !restricted {
			t.Errorf("%s is null for nobody: %s", at, f.Type)
		}
		return
	}
	if def == schema.Query && f.Type.Elem == nil && f.Type.NonNull {
		t.Errorf("%s: what is looked up may be absent", at)
	}
}

func connection(t *testing.T, schema *ast.Schema, def *ast.Definition) {
	t.Helper()
	edge := strings.TrimSuffix(def.Name, "Connection") + "Edge"
	node := def.Fields.ForName("nodes")
	if node == nil {
		t.Fatalf("%s has no nodes", def.Name)
	}
	want := map[string]string{"edges": "[" + edge + "!]!", "nodes": "[" + node.Type.Name() + "!]!", "pageInfo": "PageInfo!"}
	wantEdge := map[string]string{"cursor": "String!", "node": node.Type.Name() + "!"}
	for typ, fields := range map[string]map[string]string{def.Name: want, edge: wantEdge} {
		for name, is := range fields {
			f := schema.Types[typ].Fields.ForName(name)
			if f == nil || f.Type.String() != is {
				t.Errorf("%s.%s is not %s", typ, name, is)
			}
		}
	}
}

func payload(t *testing.T, def *ast.Definition) {
	t.Helper()
	if f := def.Fields.ForName("userErrors"); f == nil || f.Type.String() != "[UserError!]!" {
		t.Errorf("%s has no userErrors: [UserError!]!", def.Name)
	}
	for _, f := range def.Fields {
		if f.Name != "userErrors" && f.Type.NonNull && f.Type.Elem == nil { // lists are empty then
			t.Errorf("%s.%s is there even when refused: %s", def.Name, f.Name, f.Type)
		}
	}
}

func TestSDLIsTheSchema(t *testing.T) {
	t.Parallel()
	sdl := SDL()
	for _, part := range []string{"input SessionCreateInput @oneOf {", "type Order implements Node {", "scalar Int64", "\"\"\"\nWho asks: a buyer of a mini-program, or staff."} {
		if !strings.Contains(sdl, part) {
			t.Errorf("the SDL lacks %q", part)
		}
	}
}
