package graph

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/identity"
)

// Read page by page, a list has every element once, in order, however large the pages are.
func TestPagesCoverTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 1, 1)
	for range 7 {
		w.place(t, w.buyer, goods...)
	}
	shop := goods[0].ShopID.String()
	for name, c := range map[string]struct {
		who   identity.Principal
		field string // with %s for the arguments
		path  []any
	}{
		"shops":            {identity.Principal{}, `shops(%s) { %s }`, []any{"shops"}},
		"shops of a page":  {identity.Principal{}, `miniProgram(appId: "wxdemo") { shops(%s) { %s } }`, []any{"miniProgram", "shops"}},
		"products":         {identity.Principal{}, `shop(id: "` + shop + `") { products(%s) { %s } }`, []any{"shop", "products"}},
		"variants":         {w.clerk, `shop(id: "` + shop + `") { variants(%s) { %s } }`, []any{"shop", "variants"}},
		"orders of a shop": {w.clerk, `shop(id: "` + shop + `") { orders(%s) { %s } }`, []any{"shop", "orders"}},
		"own orders":       {w.buyer, `viewer { ... on Buyer { orders(%s) { %s } } }`, []any{"viewer", "orders"}},
		"own shops":        {w.merchant, `viewer { ... on Staff { shops(%s) { %s } } }`, []any{"viewer", "shops"}},
	} {
		const selection = `edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`
		page := func(first int, after any) answer {
			return w.must(t, c.who, `query($first: Int!, $after: String) { `+fmt.Sprintf(c.field, "first: $first, after: $after", selection)+` }`,
				object{"first": first, "after": after})
		}
		read := func(first int) []any {
			var all []any
			var after any
			for range 200 {
				a := page(first, after)
				at := func(path ...any) any { return a.at(append(append([]any{}, c.path...), path...)...) }
				n := 0
				for ; at("nodes", n) != nil; n++ {
					all = append(all, at("nodes", n, "id"))
					if at("edges", n, "node", "id") != at("nodes", n, "id") {
						t.Fatalf("%s: edges and nodes differ: %v", name, a.Data)
					}
				}
				if n > 0 && (at("pageInfo", "startCursor") != at("edges", 0, "cursor") || at("pageInfo", "endCursor") != at("edges", n-1, "cursor")) {
					t.Fatalf("%s: cursors %v", name, a.Data)
				}
				if at("pageInfo", "hasPreviousPage") != false || n > first {
					t.Fatalf("%s: %v", name, a.Data)
				}
				if after = at("pageInfo", "endCursor"); at("pageInfo", "hasNextPage") == false {
					return all
				}
			}
			t.Fatalf("%s does not end", name)
			return nil
		}
		want := read(100)
		if len(want) < 3 {
			t.Fatalf("%s has %d", name, len(want))
		}
		for _, first := range []int{1, 2, len(want), len(want) - 1} {
			if diff := cmp.Diff(want, read(first)); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", name, first, diff)
			}
		}
		// Behind the end there is an empty page, without cursors.
		last := page(100, nil).at(append(append([]any{}, c.path...), "pageInfo", "endCursor")...)
		empty, _ := page(5, last).at(c.path...).(object)
		wantEmpty := object{"edges": []any{}, "nodes": []any{}, "pageInfo": object{"hasNextPage": false, "hasPreviousPage": false, "startCursor": nil, "endCursor": nil}}
		if diff := cmp.Diff(wantEmpty, empty); diff != "" {
			t.Errorf("%s behind its end (-want +got):\n%s", name, diff)
		}
	}
}

func TestBadPagesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fields := []string{
		`shops(%s) { nodes { id } }`,
		`miniProgram(appId: "wxdemo") { shops(%s) { nodes { id } } }`,
		`shops(first: 2) { nodes { products(%s) { nodes { id } } } }`,
		`shops(first: 2) { nodes { variants(%s) { nodes { id } } } }`,
		`shops(first: 2) { nodes { orders(%s) { nodes { id } } } }`,
		`viewer { ... on Staff { shops(%s) { nodes { id } } } }`,
	}
	for _, field := range fields {
		for _, args := range []string{
			`first: 0`, `first: -1`, `first: 101`, `first: 1, after: ""`, `first: 1, after: "x"`, `first: 1, after: "AAAAAAAAAAAAAAAAAAAAAA"`,
			`first: 1, after: "AZy2GuuDdXq_SyxVwAAAAAA="`, `first: 1, after: "AZy2GuuDdXq_SyxVwAAAAB"`,
		} {
			a := w.asks(t, w.merchant, "{ "+fmt.Sprintf(field, args)+" }", nil)
			if len(a.Errors) == 0 || a.Errors[0].Extensions["code"] != "BAD_REQUEST" {
				t.Errorf("%s with %s: %s", field, args, a.codes())
			}
		}
	}
}
