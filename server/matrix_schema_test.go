package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph"
)

// roots are the fields of a root type of the schema.
func roots(of string) []string {
	var names []string
	if def := graph.Schema().Types[of]; def != nil {
		for _, f := range def.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				names = append(names, of+"."+f.Name)
			}
		}
	}
	return names
}

// connections are the fields of the schema that are read page by page, as "Type.field".
func connections() []string {
	var names []string
	for _, def := range graph.Schema().Types {
		for _, f := range def.Fields {
			if def.Kind == ast.Object && strings.HasSuffix(f.Type.Name(), "Connection") {
				names = append(names, def.Name+"."+f.Name)
			}
		}
	}
	return slices.Sorted(slices.Values(names))
}

// checkNames fails unless each of the names, of what the schema has, is in a table, and nothing else is. What follows a
// space in the table's names tells several rows of one name apart.
func checkNames[T any](t *testing.T, names []string, table map[string]T) {
	t.Helper()
	expected := map[string]bool{}
	for name := range table {
		if strings.Contains(name, ".") && !strings.Contains(name, "/") {
			name, _, _ = strings.Cut(name, " ")
		}
		expected[name] = true
		if !slices.Contains(names, name) {
			t.Errorf("%s is expected, and not there", name)
		}
	}
	for _, name := range names {
		if !expected[name] {
			t.Errorf("%s is new: say in the table of rights who may have it", name)
		}
	}
}

// operation asks for a root field such as "Query.order" with these arguments, and for all that it shows by itself. Inputs get
// the idempotency key that they lack, and what is a func() string in them is called.
func operation(t *testing.T, root string, args vars) request {
	t.Helper()
	kind, name, _ := strings.Cut(root, ".")
	schema := graph.Schema()
	def := schema.Types[kind].Fields.ForName(name)
	if def == nil {
		t.Fatalf("the schema has no %s", root)
	}
	full := vars{}
	var declared, passed []string
	for arg, v := range args {
		as := def.Arguments.ForName(arg)
		if as == nil {
			t.Fatalf("%s has no argument %s", root, arg)
		}
		v = called(v)
		if input := schema.Types[as.Type.Name()]; input.Fields.ForName("idempotencyKey") != nil {
			v = keyed(v.(vars), nil)
		}
		full[arg] = v
		declared, passed = append(declared, "$"+arg+": "+as.Type.String()), append(passed, arg+": $"+arg)
	}
	header, call := "", ""
	if len(declared) > 0 {
		header, call = "("+strings.Join(declared, ", ")+")", "("+strings.Join(passed, ", ")+")"
	}
	selected := selection(schema.Types[def.Type.Name()], 1)
	return request{strings.ToLower(kind) + header + ` { it: ` + name + call + selected + ` }`, full}
}

// called is v with what its functions return.
func called(v any) any {
	switch v := v.(type) {
	case func() string:
		return v()
	case vars:
		out := maps.Clone(v)
		for name, inner := range out {
			out[name] = called(inner)
		}
		return out
	case []vars:
		out := slices.Clone(v)
		for i, inner := range out {
			out[i] = called(inner).(vars)
		}
		return out
	}
	return v
}

// selection selects every field of a type that needs no argument but the size of a page, so many objects deep, none inside
// one of its own type.
func selection(def *ast.Definition, depth int, inside ...string) string {
	schema := graph.Schema()
	switch def.Kind {
	case ast.Scalar, ast.Enum:
		return ""
	case ast.Interface, ast.Union:
		of := ` { __typename`
		for _, f := range def.Fields {
			of += " " + f.Name
		}
		for _, member := range schema.GetPossibleTypes(def) {
			if def.Name == "Node" {
				break // of which there are too many
			}
			of += ` ... on ` + member.Name + selection(member, depth, inside...)
		}
		return of + ` }`
	case ast.Object, ast.InputObject:
	}
	inside = append(slices.Clone(inside), def.Name)
	of := []string{"__typename"}
	for _, f := range def.Fields {
		inner := schema.Types[f.Type.Name()]
		call := arguments(f)
		switch {
		case strings.HasPrefix(f.Name, "__"), call == "?", slices.Contains(inside, inner.Name):
		case strings.HasSuffix(def.Name, "Connection"):
			if f.Name == "nodes" {
				of = append(of, f.Name+selection(inner, depth, inside...))
			}
		case inner.IsLeafType(), inner.Kind == ast.Interface, len(inner.Fields) > 0 && depth > 0, inner.Kind == ast.Union && depth > 0:
			next := depth - 1
			if inner.Name == "Money" || strings.HasSuffix(inner.Name, "Connection") {
				next = max(next, 0)
			}
			if next >= 0 || inner.IsLeafType() || inner.Kind == ast.Interface {
				of = append(of, f.Name+call+selection(inner, next, inside...))
			}
		}
	}
	return ` { ` + strings.Join(of, " ") + ` }`
}

// arguments asks for short pages, and is "?" for a field that needs anything else.
func arguments(f *ast.FieldDefinition) string {
	out := ""
	for _, a := range f.Arguments {
		switch {
		case a.Name == "first":
			out = "(first: 4)"
		case a.Type.NonNull && a.DefaultValue == nil:
			return "?"
		}
	}
	return out
}
