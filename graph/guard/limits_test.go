package guard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

const wide = `
type Query { q(list: [Int], in: In): Query n: Int }
input In { a: Int b: In list: [Int] }
directive @d repeatable on FIELD | QUERY`

// parts is n of them, each made by its number.
func parts(n int, format string) string {
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

// nest is a selection of this depth.
func nest(n int, leaf string) string {
	return strings.Repeat("{ q ", n-1) + "{ " + leaf + " }" + strings.Repeat(" }", n-1)
}

// TestLimits has a document at each limit, which is fine, and one just beyond it.
func TestLimits(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: wide})
	for _, c := range []struct {
		name  string
		limit int
		make  func(n int) string
		says  string
	}{
		{"bytes", MaxQuery, func(n int) string { return "{ n" + strings.Repeat(" ", n-4) + "}" }, "bytes"},
		{"comments", MaxComments, func(n int) string { return strings.Repeat("#\n", n) + "{ n }" }, "comments"},
		{"a name", MaxName, func(n int) string { return "query " + strings.Repeat("x", n) + " { n }" }, "a name"},
		{"depth", MaxDepth, func(n int) string { return nest(n, "n") }, "deep"},
		{"depth by inline fragments", MaxDepth, func(n int) string { return nest(n, "... on Query { ... { n } }") }, "deep"},
		{"depth by fragments", MaxDepth, func(n int) string { return nest(n-1, "n ...F") + " fragment F on Query { q { n } }" }, "deep"},
		{"fields", MaxFields, func(n int) string {
			return "{ " + parts(n/60, "a%d: "+strings.Repeat("q { "+strings.Repeat("n ", 5), 10)+strings.Repeat("} ", 10)) + strings.Repeat("n ", n%60) + "}"
		}, "fields"},
		{"aliases", MaxAliases, func(n int) string { return "{ " + parts(n, "a%d: n ") + "}" }, "aliases"},
		{"directives", MaxDirectives, func(n int) string { return "{ n " + strings.Repeat("@d ", n) + "}" }, "directives"},
		{"spreads", MaxSpreads, func(n int) string { return "{ " + strings.Repeat("...F ", n) + "} fragment F on Query { n }" }, "spreads"},
		{"operations", MaxOperations, func(n int) string { return parts(n, "query Q%d { n } ") }, "operations"},
		{"fragments", MaxFragments, func(n int) string { return "{ n } " + parts(n, "fragment F%d on Query { n } ") }, "fragments"},
		{"variables", MaxVariables, func(n int) string {
			return "query (" + parts(n, "$v%d: [Int] ") + ") { " + parts(n, "a%d: q(list: $v%[1]d) { n } ") + "}"
		}, "variables"},
		{"introspection", MaxIntrospections, func(n int) string { return "{ " + parts(n, "a%d: __schema { description } ") + "}" }, "introspection"},
		{"values", MaxValues, func(n int) string {
			left := n - 4*(1+400) // four lists of 400 with the names of their arguments, and another
			return "{ " + parts(3, "a%d: q(list: ["+strings.Repeat("1 ", 400)+"]) { n } ") + "b: q(list: [" + strings.Repeat("1 ", left+400) + "]) { n } }"
		}, "values"},
		{"a list", MaxList, func(n int) string { return "{ q(list: [" + strings.Repeat("1 ", n) + "]) { n } }" }, "a list"},
		{"pairs", MaxPairs, func(n int) string {
			in := 2
			for in*(in+1)/2 <= n {
				in++
			}
			return "{ " + strings.Repeat("n ", in) + "}"
		}, "pairs"},
	} {
		at, beyond := c.make(c.limit), c.make(c.limit+1)
		if c.name == "pairs" {
			beyond = c.make(c.limit + 200)
		}
		if _, errs := Parse(schema, at, rules.NewDefaultRules()); len(errs) > 0 && errs[0].Extensions["code"] == "COST_EXCEEDED" {
			t.Errorf("%s: %d are too many: %v", c.name, c.limit, errs)
		}
		_, errs := Parse(schema, beyond, rules.NewDefaultRules())
		if len(errs) != 1 || errs[0].Extensions["code"] != "COST_EXCEEDED" || !strings.Contains(errs[0].Message, c.says) {
			t.Errorf("%s: beyond %d: %.300v", c.name, c.limit, errs)
		}
	}
}

// TestLimitsThatOthersHide are those that no document of this schema reaches before another, taken by themselves.
func TestLimitsThatOthersHide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at, beyond, says string
	}{
		"tokens": {
			"{" + strings.Repeat("!", MaxTokens-2) + "}", "{" + strings.Repeat("!", MaxTokens-1) + "}", "tokens",
		},
		"brackets": {
			strings.Repeat("[", MaxNesting), strings.Repeat("[", MaxNesting+1), "nest",
		},
	} {
		if err := Scan(c.at); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := Scan(c.beyond); err == nil || !strings.Contains(err.Message, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Fragments that are spread from many places make few fields many.
func TestVisits(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: wide})
	spread := func(n int) string {
		return "{ " + parts(n, "a%d: q { ...F } ") + "} fragment F on Query { " + parts(50, "q { n } ") + "}"
	}
	_, errs := Parse(schema, spread(90), rules.NewDefaultRules())
	if len(errs) != 1 || !strings.Contains(errs[0].Message, "fields to look at") && !strings.Contains(errs[0].Message, "pairs") {
		t.Errorf("%v", errs)
	}
}

// Each fragment spreads the next one twice: 2^15 paths, of 15 fragments.
func TestDoublingFragments(t *testing.T) {
	t.Parallel()
	query := "{ ...F0 }"
	for i := range 15 {
		query += fmt.Sprintf(" fragment F%d on Query { a: q { ...F%d } b: q { ...F%d } }", i, i+1, i+1)
	}
	query += " fragment F15 on Query { n }"
	doc, errs := Parse(gqlparser.MustLoadSchema(&ast.Source{Input: wide}), query, rules.NewDefaultRules())
	if doc != nil || len(errs) != 1 || errs[0].Extensions["code"] != "COST_EXCEEDED" {
		t.Errorf("%v", errs)
	}
}

func TestCircularFragments(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: wide})
	for _, query := range []string{
		"{ ...A } fragment A on Query { ...A }", "{ ...A } fragment A on Query { q { ...B } } fragment B on Query { ... { q { ...A } } }",
		"{ n } fragment A on Query { q { q { ...A } } }",
	} {
		if _, errs := Parse(schema, query, rules.NewDefaultRules()); len(errs) != 1 || errs[0].Extensions["code"] != "BAD_REQUEST" {
			t.Errorf("%s: %v", query, errs)
		}
	}
}

func TestErrorsAreCapped(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: wide})
	_, errs := Parse(schema, "{ "+parts(50, "a%d: x ")+"}", rules.NewDefaultRules())
	if len(errs) != MaxErrors {
		t.Errorf("%d errors, want %d", len(errs), MaxErrors)
	}
}

func TestHalfOfACharacter(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`"\ud83d\ude00"`: true, `"\u{1F600}"`: true, `"\ufffd"`: true, `"\\ud83d"`: true, `"\\\\ud83d\ufffd"`: true,
		`"\ud83d"`: false, `"\ud83dx"`: false, `"\ude00\ud83d"`: false, `"\\\ud83d"`: false, `"\ud83d\u0041"`: false,
	} {
		if err := Scan("{ a(b: " + text + ") }"); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
