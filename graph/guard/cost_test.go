package guard

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

const shop = `
type Query { shops(first: Int!): ShopConnection nodes(ids: [ID!]!): [Shop] }
type Mutation { buy: Int }
type ShopConnection { nodes: [Shop!]! }
type Shop { name: String products(first: Int!): ShopConnection variants: [Shop!]! }`

func TestCost(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: shop})
	nested := func(n int, first string) string {
		return strings.Repeat("products(first: "+first+") { nodes { ", n) + "name" + strings.Repeat(" } }", n)
	}
	for name, c := range map[string]struct {
		query     string
		variables map[string]any
		ok        bool
	}{
		"a page of pages":              {"{ shops(first: 100) { nodes { " + nested(1, "100") + " } } }", nil, true},
		"pages of pages of pages":      {"{ shops(first: 100) { nodes { " + nested(2, "100") + " } } }", nil, false},
		"by variable":                  {"query ($n: Int!) { shops(first: $n) { nodes { " + nested(2, "$n") + " } } }", map[string]any{"n": int64(100)}, false},
		"by a small variable":          {"query ($n: Int!) { shops(first: $n) { nodes { " + nested(2, "$n") + " } } }", map[string]any{"n": int64(10)}, true},
		"through fragments":            {"{ shops(first: 100) { nodes { ...A } } } fragment A on Shop { products(first: 100) { nodes { ...B } } } fragment B on Shop { products(first: 100) { nodes { name } } }", nil, false},
		"lists without a page":         {"{ shops(first: 10) { nodes { " + strings.Repeat("variants { ", 8) + "name" + strings.Repeat(" }", 8) + " } } }", nil, false},
		"a few lists":                  {"{ shops(first: 10) { nodes { variants { variants { name } } } } }", nil, true},
		"as many ids as may be":        {"query ($ids: [ID!]!) { nodes(ids: $ids) { " + nested(1, "100") + " } }", map[string]any{"ids": make([]any, 100)}, true},
		"more below each of many ids":  {"query ($ids: [ID!]!) { nodes(ids: $ids) { " + nested(2, "100") + " } }", map[string]any{"ids": make([]any, 100)}, false},
		"twenty mutations":             {"mutation { " + aliases(19) + "}", nil, true},
		"more mutations":               {"mutation { " + aliases(21) + "}", nil, false},
		"firsts that are out of range": {"{ shops(first: 2000000000) { nodes { " + nested(2, "2000000000") + " } } }", nil, false},
		"a first that is out of range": {"{ shops(first: 2000000000) { nodes { name } } }", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, err := gqlparser.LoadQueryWithRules(schema, c.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			op := &graphql.OperationContext{Doc: doc, Operation: doc.Operations[0], Variables: c.variables}
			if got := new(Cost).MutateOperationContext(t.Context(), op); (got == nil) != c.ok {
				t.Errorf("refused = %v, want refused = %v", got, !c.ok)
			}
		})
	}
}

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("a", i+1) + ": buy ")
	}
	return b.String()
}
