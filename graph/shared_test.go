package graph

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/graph/guard"
	"holdfast/graph/transport"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// TestSharing shows what is shared: queries of the catalogue alone, among those alone who see the same.
func TestSharing(t *testing.T) {
	t.Parallel()
	const page = `query ($n: Int!) { miniProgram(appId: "wxdemo") { shops(first: $n) { nodes { ...S } } } }
		fragment S on Shop { name products(first: 20) { edges { node { ...P } } pageInfo { endCursor } } }
		fragment P on Product { __typename title variants { price { amount } stock { available version onHand } } }`
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	buyer := identity.Principal{Buyer: typeid.New[typeid.Buyer](now)}
	staff := identity.Principal{Staff: typeid.New[typeid.Staff](now)}
	key := sharing(Schema())
	keyOf := func(a asker, accept, query string, n int) (string, bool) {
		t.Helper()
		doc, errs := guard.Parse(Schema(), query, transport.Rules())
		if errs != nil {
			t.Fatal(errs)
		}
		ctx := withLanguage(context.WithValue(t.Context(), askerKey{}, a), newMatcher(), accept)
		return key(ctx, &graphql.OperationContext{RawQuery: query, Doc: doc, Operation: doc.Operations[0], Variables: map[string]any{"n": n}})
	}
	want, ok := keyOf(asker{}, "", page, 1)
	if !ok {
		t.Fatal("a page of the catalogue is not shared")
	}
	for name, same := range map[string]func() (string, bool){
		"a buyer":           func() (string, bool) { return keyOf(asker{who: buyer}, "", page, 1) },
		"an English one":    func() (string, bool) { return keyOf(asker{}, "en-GB", page, 1) },
		"another page size": func() (string, bool) { return keyOf(asker{}, "", page, 2) },
		"a Chinese one":     func() (string, bool) { return keyOf(asker{}, "zh-CN", page, 1) },
		"another text":      func() (string, bool) { return keyOf(asker{}, "", page+" ", 1) },
		"staff":             func() (string, bool) { return keyOf(asker{who: staff}, "", page, 1) },
		"a refused token":   func() (string, bool) { return keyOf(asker{refused: errors.New("ended")}, "", page, 1) },
		"a viewer":          func() (string, bool) { return keyOf(asker{}, "", `{ viewer { __typename } }`, 1) },
		"a viewer beside": func() (string, bool) {
			return keyOf(asker{}, "", `{ shops(first: 1) { nodes { id } } ...F } fragment F on Query { viewer { __typename } }`, 1)
		},
		"a node": func() (string, bool) { return keyOf(asker{}, "", `{ node(id: "shop_1") { id } }`, 1) },
		"what is of staff": func() (string, bool) {
			return keyOf(asker{}, "", `{ shop(id: "shop_1") { orders(first: 1) { nodes { id } } } }`, 1)
		},
		"a mutation": func() (string, bool) {
			return keyOf(asker{who: buyer}, "", `mutation { cartLinesSet(lines: []) { userErrors { code } } }`, 1)
		},
		"the schema":            func() (string, bool) { return keyOf(asker{}, "", `{ __schema { types { name } } }`, 1) },
		"nothing but typenames": func() (string, bool) { return keyOf(asker{}, "", `{ __typename }`, 1) },
	} {
		got, shared := same()
		switch name {
		case "a buyer", "an English one":
			if !shared || got != want {
				t.Errorf("%s: %t, a key of its own", name, shared)
			}
		case "another page size", "a Chinese one", "another text", "nothing but typenames":
			if !shared || got == want {
				t.Errorf("%s: %t, or the same key", name, shared)
			}
		default:
			if shared {
				t.Errorf("%s is shared", name)
			}
		}
	}
}
