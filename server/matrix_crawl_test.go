package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"holdfast/graph"
)

// markRights say who finds the texts of furnish, wherever in the graph they stand.
var markRights = func() map[string]rights {
	const (
		staff   rights = "-  -  -  -  +  +  -  +  -  +"
		readers rights = "-  -  +  -  +  +  -  +  -  +"
	)
	return map[string]rights{
		"where an order goes":    readers,
		"an order's note":        readers,
		"an order's number":      readers,
		"why money went back":    readers,
		"a tracking number":      readers,
		"why stock changed":      staff,
		"a note of staff":        staff,
		"a draft's title":        staff,
		"who works for the shop": staff,
		"who is invited":         "-  -  -  -  -  +  -  -  -  +",
		"why a refund fails":     staff,
		"why a job fails":        "-  -  -  -  -  -  -  -  -  +",
		"an address in the book": "-  -  +  -  -  -  -  -  -  -",
	}
}()

// crawl reads whatever can be reached from everything that an actor sees, as far as a document may reach, and looks for what
// the actor must not find on any way. A field that is null for some who see its object, and not for others, must be in
// fieldRights.
func crawl(t *testing.T, c *cast) {
	seen := sightings{}
	for _, actor := range actors {
		if actor == "refused token" {
			continue
		}
		found := c.crawled(t, actor, seen)
		for _, s := range c.sides(actor) {
			for what, mark := range s.marks {
				want := c.wants(t, markRights[what], s, actor, "")
				if got := strings.Contains(found, mark); got != (want == shown) {
					t.Errorf("%s finds %s, at %s: %v, want %v", actor, what, s.shop.Name, got, !got)
				}
			}
			for name, id := range s.nodes {
				if c.wants(t, nodeRights[name], s, actor, name) == null && name != "Staff" && strings.Contains(found, id) {
					t.Errorf("%s finds the %s %s, at %s", actor, name, id, s.shop.Name)
				}
			}
		}
	}
	for of, was := range seen {
		field, _, _ := strings.Cut(of, " ")
		if _, known := fieldRights[field]; was.null && was.full && !known {
			t.Errorf("%s is null for some and not for others: say for whom in fieldRights", of)
		}
	}
}

// crawled is all that an actor is told.
func (c *cast) crawled(t *testing.T, actor string, seen sightings) string {
	t.Helper()
	var out strings.Builder
	for _, s := range c.sides(actor) {
		for _, name := range slices.Sorted(maps.Keys(nodeRights)) {
			if c.wants(t, nodeRights[name], s, actor, name) != shown {
				continue
			}
			got := c.clients[actor].send(t, crawlFrom(name), vars{"id": s.nodes[name]})
			if len(got.Errors) > 0 {
				t.Fatalf("crawl from a %s as %s: %s", name, actor, got.Body)
			}
			out.Write(got.Body)
			seen.note(decode[map[string]any](t, got)["node"])
		}
		for _, name := range slices.Sorted(maps.Keys(pageRights)) { // to their ends: what was made last stands there
			if row := pageRights[name]; c.wants(t, row.rights, s, actor, row.of) == shown {
				whole := row.whole(name, s)
				got := c.clients[actor].send(t, whole.query, whole.vars)
				if len(got.Errors) > 0 {
					t.Fatalf("all of %s as %s: %s", name, actor, got.Body)
				}
				out.Write(got.Body)
			}
		}
	}
	return out.String()
}

// whole is the request for everything on a connection of a side.
func (r pageRow) whole(name string, s *side) request {
	of, field, _ := strings.Cut(name, ".")
	types := graph.Schema().Types
	connection := types[types[of].Fields.ForName(field).Type.Name()]
	list := field + `(first: 100) { nodes` + selection(types[connection.Fields.ForName("nodes").Type.Name()], 0) + ` }`
	if r.of == "" {
		return request{`{ ` + list + ` }`, nil}
	}
	id := s.nodes[r.of]
	if r.of == "Goods" {
		id = s.goods.variants[0]
	}
	return request{`query($id: ID!) { node(id: $id) { ... on ` + of + ` { ` + list + ` } } }`, vars{"id": id}}
}

func crawlFrom(name string) string {
	depth := 3
	if name == "MiniProgram" || name == "Shop" || name == "Staff" {
		depth = 2 // they have lists of lists of lists
	}
	return `query($id: ID!) { node(id: $id) { ... on ` + name + selection(graph.Schema().Types[name], depth) + ` } }`
}

// sightings tell of each field whether it was null and whether it was not, of one and the same object.
type sightings map[string]struct{ null, full bool }

// note looks at an object and at all that it holds.
func (s sightings) note(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			s.note(inner)
		}
	case map[string]any:
		id := v["id"]
		if id == nil {
			id = v["variantId"]
		}
		for name, inner := range v {
			s.note(inner)
			if id == nil {
				continue
			}
			key := fmt.Sprint(v["__typename"], ".", name, " ", id)
			of := s[key]
			of.null, of.full = of.null || inner == nil, of.full || inner != nil
			s[key] = of
		}
	}
}
