package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pageRow says who reads a connection, of what.
type pageRow struct {
	rights rights
	of     string // the key of side.nodes, "Goods" for what is on sale, or "" for a root field
	alone  bool   // its cursors are of another kind than all others, and who may ask for it is told by rightsOfRoots
}

var pageRights = func() map[string]pageRow {
	const (
		anybody  rights = "+  U  +  +  +  +  +  +  +  +"
		staff    rights = "-  U  -  -  +  +  -  +  -  +"
		managers rights = "-  U  -  -  -  +  -  -  -  +"
	)
	return map[string]pageRow{
		"Query.shops":              {anybody, "", false},
		"Query.jobs":               {"U  U  F  F  F  F  F  F  F  +", "", true},
		"MiniProgram.shops":        {anybody, "MiniProgram", false},
		"Shop.products":            {anybody, "Shop", false},
		"Shop.variants":            {staff, "Shop", false},
		"Shop.orders":              {staff, "Shop", false},
		"Shop.staff":               {managers, "Shop", false},
		"Shop.invitations":         {managers, "Shop", false},
		"Shop.auditLog":            {managers, "Shop", false},
		"Shop.ledger":              {staff, "Shop", false},
		"ProductVariant.movements": {staff, "Goods", false},
		"Buyer.orders":             {"-  U  +  -  -  -  -  -  -  -", "Buyer", false},
		"Staff.shops":              {"-  U  -  -  +  -  -  -  -  -", "Staff", false},
	}
}()

// pageView is a page without what is on it.
type pageView struct {
	Edges    []struct{ Cursor string }
	PageInfo struct {
		HasNextPage bool
		EndCursor   *string
	}
}

// ask is the request for the pages of a connection of a side, the first one and those after each of these cursors.
func (r pageRow) ask(name string, s *side, first int, after ...string) request {
	of, field, _ := strings.Cut(name, ".")
	id := s.nodes[r.of]
	if r.of == "Goods" {
		id = s.goods.variants[0]
	}
	const fields = ` { edges { cursor } pageInfo { hasNextPage endCursor } }`
	var declared string
	v := vars{}
	text := fmt.Sprintf("p: %s(first: %d)%s", field, first, fields)
	for i, cursor := range after {
		at := fmt.Sprint("c", i)
		v[at] = cursor
		declared += " $" + at + ": String"
		text += fmt.Sprintf(" p%d: %s(first: %d, after: $%s)%s", i, field, first, at, fields)
	}
	if r.of == "" {
		return request{strings.Replace(`query(`+declared+`)`, "()", "", 1) + ` { ` + text + ` }`, v}
	}
	v["id"] = id
	return request{`query($id: ID!` + declared + `) { it: node(id: $id) { ... on ` + of + ` { ` + text + ` } } }`, v}
}

// pages are what was answered, in the order of ask; nil where they are not shown.
func (r pageRow) pages(t *testing.T, got answer) []*pageView {
	t.Helper()
	if len(got.Errors) > 0 {
		t.Fatalf("pages: %s", got.Body)
	}
	pages := map[string]*pageView{}
	if r.of == "" {
		pages = decode[map[string]*pageView](t, got)
	} else if it := decode[struct{ It map[string]*pageView }](t, got).It; it != nil {
		pages = it
	}
	out := []*pageView{pages["p"]}
	for i := range len(pages) - 1 {
		out = append(out, pages[fmt.Sprint("p", i)])
	}
	return out
}

// ofOperators tells the connections that nobody but operators gets to, whom nothing is kept from: their root fields are refused to others.
func ofOperators(connection string) bool {
	return connection == "Query.reconciliations" || connection == "Reconciliation.differences"
}

// rightsOfPages reads every connection as everybody, with cursors of every connection, of both sides: one of another list
// says no more than one of nothing, and no page has anything that is not in the reader's own list.
func rightsOfPages(t *testing.T, c *cast) {
	checkNames(t, slices.DeleteFunc(connections(), ofOperators), pageRights)
	cursors := map[string]bool{}
	lists := map[string][]string{}
	for name, row := range pageRights {
		if row.alone {
			continue
		}
		for _, s := range []*side{&c.here, &c.there} {
			reader := c.clients["operator"]
			switch {
			case row.of == "Buyer":
				reader = s.buyer
			case row.of == "Staff" && s == &c.here:
				reader = c.clients["clerk"]
			case row.of == "Staff":
				reader = s.boss
			}
			all := row.ask(name, s, 100)
			page := row.pages(t, reader.send(t, all.query, all.vars))[0]
			if page == nil || len(page.Edges) == 0 || page.PageInfo.HasNextPage {
				t.Fatalf("all of %s at %s: %+v", name, s.shop.Name, page)
			}
			for _, e := range page.Edges {
				lists[name+s.shop.ID] = append(lists[name+s.shop.ID], e.Cursor)
			}
			cursors[page.Edges[len(page.Edges)/2].Cursor] = true
		}
	}
	refused := map[string][]pageCase{}
	for _, name := range slices.Sorted(maps.Keys(pageRights)) {
		row := pageRights[name]
		if row.alone {
			continue
		}
		for _, s := range []*side{&c.here, &c.there} {
			list := lists[name+s.shop.ID]
			p := pageCase{row, name, s, list, slices.DeleteFunc(slices.Sorted(maps.Keys(cursors)), func(at string) bool { return slices.Contains(list, at) })}
			for _, actor := range actors {
				switch {
				case !slices.Contains(c.sides(actor), s):
				case c.wants(t, row.rights, s, actor, row.of) != shown:
					refused[actor] = append(refused[actor], p)
				default:
					checkPages(t, c, p, actor)
					p.foreign = p.foreign[:2] // the first who reads it has tried all
				}
			}
		}
	}
	for actor, cases := range refused {
		if c.whole { // nothing is read for who may not
			for some := range slices.Chunk(cases, 8) { // as many as a document may ask for
				checkNoPages(t, c, some, actor)
			}
		}
	}
}

// pageCase is a connection of a side, the cursors of all of it, and some of other lists.
type pageCase struct {
	pageRow
	name          string
	side          *side
	list, foreign []string
}

// checkPages reads a connection as an actor who may.
func checkPages(t *testing.T, c *cast, p pageCase, actor string) {
	t.Helper()
	who := c.clients[actor]
	near := make([]string, len(p.foreign))
	for i, cursor := range p.foreign {
		near[i] = beside(t, cursor)
	}
	one, other := p.ask(p.name, p.side, 2, p.foreign...), p.ask(p.name, p.side, 2, near...)
	same := who.send(t, one.query, one.vars)
	if diff := cmp.Diff(fingerprint(who.send(t, other.query, other.vars), ""), fingerprint(same, "")); diff != "" {
		t.Errorf("%s as %s tells cursors of other lists (-absent +foreign):\n%s", p.name, actor, diff)
	}
	for _, page := range p.pages(t, same) {
		for _, e := range page.Edges {
			if !slices.Contains(p.list, e.Cursor) {
				t.Errorf("%s of %s as %s has %s, which is not in the list", p.name, p.side.shop.Name, actor, e.Cursor)
			}
		}
	}
}

// checkNoPages asks for connections as an actor who may read none of them.
func checkNoPages(t *testing.T, c *cast, cases []pageCase, actor string) {
	t.Helper()
	who := c.clients[actor]
	ask := manyPages(cases, func(p pageCase) (string, string) { return p.foreign[0], p.list[0] })
	absent := manyPages(cases, func(p pageCase) (string, string) { return beside(t, p.foreign[0]), "nonsense" })
	foreign := who.send(t, ask.query, ask.vars)
	if actor == "refused token" {
		if codes := slices.Compact(foreign.codes()); !slices.Equal(codes, []string{unauthorized}) {
			t.Errorf("with a token that is no good: %s", foreign.Body)
		}
		return
	}
	if len(foreign.Errors) > 0 {
		t.Fatalf("pages as %s: %s", actor, foreign.Body)
	}
	for at, of := range decode[map[string]map[string]any](t, foreign) {
		for _, page := range of {
			if page != nil {
				t.Errorf("%s as %s: %v, want null", at, actor, page)
			}
		}
	}
	if diff := cmp.Diff(fingerprint(who.send(t, absent.query, absent.vars), ""), fingerprint(foreign, "")); diff != "" {
		t.Errorf("%s tells cursors (-absent +foreign):\n%s", actor, diff)
	}
}

// manyPages asks for the first page of connections and for those after two cursors, each under the name of its connection.
func manyPages(cases []pageCase, after func(pageCase) (string, string)) request {
	v := vars{}
	var declared, text string
	for i, p := range cases {
		one := p.ask(p.name, p.side, 2, "", "")
		of, field, _ := strings.Cut(p.name, ".")
		v[fmt.Sprint("a", i)], v[fmt.Sprint("b", i)] = after(p)
		declared += fmt.Sprintf(" $a%d: String $b%d: String", i, i)
		const page = "{ edges { cursor } pageInfo { hasNextPage endCursor } }"
		pages := fmt.Sprintf("p%d: %s(first: 2) %s a%d: %s(first: 2, after: $a%d) %s b%d: %s(first: 2, after: $b%d) %s",
			i, field, page, i, field, i, page, i, field, i, page)
		if p.of != "" {
			v[fmt.Sprint("n", i)] = one.vars["id"]
			declared += fmt.Sprintf(" $n%d: ID!", i)
			pages = fmt.Sprintf("%s_%d: node(id: $n%d) { ... on %s { %s } }", strings.ReplaceAll(p.name, ".", "_"), i, i, of, pages)
		}
		text += " " + pages
	}
	return request{"query(" + strings.TrimSpace(declared) + ") {" + text + " }", v}
}

// beside is a cursor that is of nothing, beside another.
func beside(t *testing.T, cursor string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	must(t, err)
	raw[len(raw)-1] ^= 1
	return base64.RawURLEncoding.EncodeToString(raw)
}
