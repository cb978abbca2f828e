package guard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func operation(t *testing.T, query string) *graphql.OperationContext {
	t.Helper()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: `type Query { q: Query n: Int }`})
	doc, err := gqlparser.LoadQueryWithRules(schema, query, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &graphql.OperationContext{Doc: doc, Operation: doc.Operations[0]}
}

// nest is a selection of this depth.
func nest(n int, leaf string) string {
	return strings.Repeat("{ q ", n-1) + "{ " + leaf + " }" + strings.Repeat(" }", n-1)
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query string
		ok    bool
	}{
		"as deep as may be":    {nest(MaxDepth, "n"), true},
		"too deep":             {nest(MaxDepth+1, "n"), false},
		"wide":                 {"{" + strings.Repeat("n ", 1000) + "}", true},
		"inline fragments":     {nest(MaxDepth, "... on Query { ... { n } }"), true},
		"too deep in one":      {nest(MaxDepth, "... on Query { q { n } }"), false},
		"a fragment":           {nest(MaxDepth, "...F") + " fragment F on Query { n }", true},
		"too deep in a spread": {nest(MaxDepth-1, "n ...F") + " fragment F on Query { q { q { n } } }", false},
	} {
		err := Depth{}.MutateOperationContext(t.Context(), operation(t, c.query))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && err.Extensions["code"] != "COST_EXCEEDED" {
			t.Errorf("%s: %v", name, err.Extensions)
		}
	}
}

// Each fragment spreads the next one twice: 2^40 paths, and 40 fragments to look at.
func TestDepthOfDoublingFragments(t *testing.T) {
	t.Parallel()
	query := strings.Builder{}
	query.WriteString("{ ...F0 }")
	for i := range 40 {
		fmt.Fprintf(&query, " fragment F%d on Query { a: q { ...F%d } b: q { ...F%d } }", i, i+1, i+1)
	}
	query.WriteString(" fragment F40 on Query { n }")
	if err := (Depth{}).MutateOperationContext(t.Context(), operation(t, query.String())); err == nil {
		t.Error("41 levels are not too deep")
	}
}
