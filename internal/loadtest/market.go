package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
)

// holdfast is what the server's rows are called.
const holdfast = "Holdfast"

// market is a running server with goods to buy and buyers who are logged in. Everything in it came through the API.
type market struct {
	server   *process
	database string
	shop     string
	hot      []string
	spread   []string
	cart     []string
	other    []string // of another shop
	buyers   []*shopper

	page      request
	pageAfter string   // the product that stands before the page
	shown     []string // the variants on the page
}

// shopper is one connection, and the buyers who take turns on it.
type shopper struct {
	conn   conn
	tokens []string
	turn   int
	unpaid []unpaid
}

// openMarket starts the server on a database of its own and fills it, with so many connections of buyers.
func openMarket(ctx context.Context, l *lab, buyers int, o options) (*market, error) {
	name, err := l.create(ctx, "holdfast")
	if err != nil {
		return nil, err
	}
	server, err := startServer(ctx, l, name)
	if err != nil {
		return nil, err
	}
	m := &market{server: server, database: name}
	if err = m.stockUp(ctx); err == nil {
		err = m.admit(ctx, buyers, o.accounts)
	}
	if err != nil {
		return nil, errors.Join(err, server.stop(true))
	}
	return m, nil
}

const (
	// perProduct is how many variants a product may have.
	perProduct = 200
	// pageOf is how many products a page shows, of so many variants each.
	pageOf, variantsShown = 20, 3
)

// stockUp creates the goods, as the merchant.
func (m *market) stockUp(ctx context.Context) error {
	c := conn{addr: m.server.addr}
	defer c.close()
	token, err := loginMerchant(ctx, &c)
	if err != nil {
		return err
	}
	shop, other, err := findShops(ctx, &c, token)
	if err != nil {
		return err
	}
	m.shop = shop
	var cursor string
	if m.pageAfter, cursor, err = lastProduct(ctx, &c, token, shop); err != nil {
		return err
	}
	text, err := operation(pageQuery, map[string]any{"shop": shop, "after": cursor})
	if err != nil {
		return err
	}
	m.page = request{http.MethodPost, "/graphql", text}
	create := func(into *[]string, shop, name string, n int) {
		if err == nil {
			var some []string
			some, err = createProduct(ctx, &c, token, shop, name, n, stock)
			*into = append(*into, some...)
		}
	}
	for i := range pageOf { // first, so that the page is of them
		create(&m.shown, shop, fmt.Sprintf("page-%d", i+1), variantsShown)
	}
	create(&m.other, other, "other", 1)
	create(&m.hot, shop, "hot", 1)
	create(&m.cart, shop, "cart", cartSKUs)
	for i := range spreadOver / perProduct {
		create(&m.spread, shop, fmt.Sprintf("spread-%d", i+1), perProduct)
	}
	return err
}

// admit logs the buyers in, every connection its own.
func (m *market) admit(ctx context.Context, n, accounts int) error {
	m.buyers = make([]*shopper, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range m.buyers {
		s := &shopper{conn: conn{addr: m.server.addr}}
		m.buyers[i] = s
		wg.Go(func() {
			for n := range accounts {
				token, err := loginBuyer(ctx, &s.conn, fmt.Sprintf("load%d", i*accounts+n+1))
				if err != nil {
					errs[i] = err
					return
				}
				s.tokens = append(s.tokens, token)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// clients are the buyers of a workload.
func (m *market) clients(_ context.Context, w workload) ([]place, func(), error) {
	out := make([]place, w.clients)
	for i, s := range m.buyers[:w.clients] {
		switch w.name {
		case spread:
			out[i] = s.buys(m.spread, 1)
		case basket:
			out[i] = s.buys(m.cart, basketOf)
		case browse:
			out[i] = func(ctx context.Context) outcome { return readPage(ctx, &s.conn, m.page) }
		case mixed:
			out[i] = s.lives(m.shown, m.page)
		default:
			out[i] = s.buys(m.hot, 1)
		}
	}
	return out, func() {}, nil // connections stay open between measurements, as buyers' do
}

// next is the token of the buyer whose turn it is.
func (s *shopper) next() string {
	s.turn = (s.turn + 1) % len(s.tokens)
	return s.tokens[s.turn]
}

// buys buys some of these at a time, one of each.
func (s *shopper) buys(goods []string, lines int) place {
	return func(ctx context.Context) outcome {
		got, _ := buy(ctx, &s.conn, s.next(), rand.Text(), pick(goods, lines))
		return got
	}
}

// Of a hundred things that buyers do, so many are these; the rest cancels.
const (
	browses   = 80
	checksOut = 15
	pays      = 4
)

// lives browses, buys, pays and cancels.
func (s *shopper) lives(goods []string, page request) place {
	return func(ctx context.Context) outcome {
		n := mathrand.IntN(100) //nolint:gosec // no secret
		switch {
		case n < browses:
			return readPage(ctx, &s.conn, page)
		case n < browses+checksOut || len(s.unpaid) == 0:
			got, u := buy(ctx, &s.conn, s.next(), rand.Text(), pick(goods, 1))
			if got.done {
				s.unpaid = append(s.unpaid, u)
			}
			return got
		}
		u := s.unpaid[0]
		s.unpaid = s.unpaid[1:] // whatever comes of it: one that was in doubt is not tried again, so that it counts once
		if n < browses+checksOut+pays {
			return pay(ctx, &s.conn, u)
		}
		return cancel(ctx, &s.conn, u)
	}
}
