package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
)

// holdfast is what the server's rows are called.
const holdfast = "Holdfast"

// market is a running server with goods to buy and buyers who are logged in. Everything in it came through the API.
type market struct {
	server   *process
	database string
	hot      []string
	spread   []string
	other    []string // of another shop
	buyers   []*shopper
}

// shopper is one connection, and the buyers who take turns on it.
type shopper struct {
	conn   conn
	tokens []string
	turn   int
}

// openMarket starts the server on a database of its own and fills it.
func openMarket(ctx context.Context, l *lab, o options) (*market, error) {
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
		err = m.admit(ctx, o)
	}
	if err != nil {
		return nil, errors.Join(err, server.stop(true))
	}
	return m, nil
}

// perProduct is how many variants a product may have.
const perProduct = 200

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
	if m.other, err = createProduct(ctx, &c, token, other, "other", 1); err != nil {
		return err
	}
	if m.hot, err = createProduct(ctx, &c, token, shop, "hot", 1); err != nil {
		return err
	}
	for i := range spreadOver / perProduct {
		some, err := createProduct(ctx, &c, token, shop, fmt.Sprintf("spread-%d", i+1), perProduct)
		if err != nil {
			return err
		}
		m.spread = append(m.spread, some...)
	}
	return nil
}

// admit logs the buyers in, every connection its own.
func (m *market) admit(ctx context.Context, o options) error {
	m.buyers = make([]*shopper, o.buyers)
	errs := make([]error, o.buyers)
	var wg sync.WaitGroup
	for i := range m.buyers {
		s := &shopper{conn: conn{addr: m.server.addr}}
		m.buyers[i] = s
		wg.Go(func() {
			for n := range o.accounts {
				token, err := loginBuyer(ctx, &s.conn, fmt.Sprintf("load%d", i*o.accounts+n+1))
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
	goods := m.hot
	if w.variants > 1 {
		goods = m.spread
	}
	out := make([]place, w.clients)
	for i, s := range m.buyers[:w.clients] {
		out[i] = s.buys(goods)
	}
	return out, func() {}, nil // connections stay open between measurements, as buyers' do
}

// buys buys one of these at a time.
func (s *shopper) buys(goods []string) place {
	return func(ctx context.Context) outcome {
		s.turn = (s.turn + 1) % len(s.tokens)
		variant := goods[mathrand.IntN(len(goods))] //nolint:gosec // no secret
		return buy(ctx, &s.conn, s.tokens[s.turn], rand.Text(), variant)
	}
}
