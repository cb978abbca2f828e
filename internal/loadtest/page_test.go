package main

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/graph"
	"holdfast/internal/app"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// The two are only worth comparing while they serve the same page.
func TestBothServeTheSamePage(t *testing.T) {
	t.Parallel()
	labs(t, func(t *testing.T, l *lab) {
		name, err := l.create(t.Context(), "page")
		if err != nil {
			t.Fatal(err)
		}
		d := testdb.Open(t, l.source(name), db.Options{})
		if err := d.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := demo.Fill(t.Context(), d, time.Now()); err != nil {
			t.Fatal(err)
		}
		quiet := slog.New(slog.DiscardHandler)
		a := app.New(d, time.Now, quiet, app.Settings{
			Hold: time.Hour, MaxOpen: 20, Provider: payment.NewSandbox(d, time.Now), Codes: identity.SandboxCodes{},
		})
		handler := graph.NewHandler(graph.Deps{App: a}, graph.Options{})
		web := httptest.NewServer(handler)
		defer web.Close()

		shops, err := d.Shop.Query().All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shop := shops[0].ID
		text, err := operation(pageQuery, map[string]any{"shop": shop})
		if err != nil {
			t.Fatal(err)
		}
		asked := request{"POST", "/graphql", text}
		p, err := openPages(l, pageOrder{Name: name, Shop: shop})
		if err != nil {
			t.Fatal(err)
		}
		defer p.pool.Close()
		byHand := httptest.NewServer(p)
		defer byHand.Close()
		addr := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
		if err := samePage(t.Context(), addr(web), asked, addr(byHand)); err != nil {
			t.Fatal(err)
		}
		for _, r := range []struct {
			addr string
			request
		}{{addr(web), asked}, {addr(byHand), request{"GET", pagePath, nil}}} {
			c := conn{addr: r.addr}
			defer c.close()
			if got := readPage(t.Context(), &c, r.request); !got.done {
				t.Errorf("read a page: %+v", got)
			}
			if got := readPage(t.Context(), &c, request{"POST", "/graphql", []byte(`{"query":"{ __typename }"}`)}); r.addr == addr(web) && !got.unsure {
				t.Errorf("that was no page: %+v", got)
			}
		}
		p.after = typeid.New[typeid.Product](time.Now())
		wants(t, samePage(t.Context(), addr(web), asked, addr(byHand)), "the pages differ")
	})
}
