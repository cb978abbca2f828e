package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// floor is what Holdfast is compared with: the same rows in the same tables, by SQL written by hand, one transaction for
// each order, with nothing around it: no HTTP, no sessions, no catalogue, no limit of a buyer.
type floor struct {
	*lab

	database string
	pool     *sql.DB
	shop     typeid.Shop
	mini     typeid.MiniProgram
	hot      []typeid.Variant
	spread   []typeid.Variant
	cart     []typeid.Variant
}

// newFloor makes the tables and fills the shelves.
func newFloor(ctx context.Context, l *lab) (*floor, error) {
	name, err := l.create(ctx, "floor")
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, l.source(name), db.Options{MaxConns: 1})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.Migrate(ctx), d.Close()); err != nil {
		return nil, err
	}
	now := time.Now()
	f := &floor{lab: l, database: name, shop: typeid.New[typeid.Shop](now), mini: typeid.New[typeid.MiniProgram](now)}
	if f.pool, err = l.pool(name); err != nil {
		return nil, err
	}
	for _, shelf := range []struct {
		goods *[]typeid.Variant
		n     int
	}{{&f.hot, 1}, {&f.spread, spreadOver}, {&f.cart, cartSKUs}} {
		if *shelf.goods, err = f.receive(ctx, shelf.n, stock); err != nil {
			return nil, errors.Join(err, f.pool.Close())
		}
	}
	return f, nil
}

// receive puts n new SKUs into stock.
func (f *floor) receive(ctx context.Context, n, each int) ([]typeid.Variant, error) {
	tx, err := f.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing once committed
	now := time.Now().UTC()
	out := make([]typeid.Variant, n)
	for i := range out {
		out[i] = typeid.New[typeid.Variant](now)
		if _, err := tx.ExecContext(ctx, "INSERT INTO stocks (variant_id, shop_id, on_hand, held, low_stock_threshold, version, changed_at) VALUES (?, ?, ?, 0, 0, 1, ?)",
			out[i], f.shop, each, now); err != nil {
			return nil, fmt.Errorf("stock up: %w", err)
		}
		if _, err := tx.ExecContext(ctx, insertMovements+movement, typeid.New[typeid.Movement](now), f.shop, out[i], "RECEIVED", each, 0, nil, now); err != nil {
			return nil, fmt.Errorf("stock up: %w", err)
		}
	}
	return out, tx.Commit()
}

// lockOrder says when an order takes the lock of its stock.
type lockOrder bool

const (
	lockFirst lockOrder = true  // with a SELECT FOR UPDATE, as everybody writes it
	lockLast  lockOrder = false // with a conditional UPDATE after the INSERTs, so that it is held for the shortest time
)

// beginner begins transactions: a connection, or a pool of one where there may be no more.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// clients are as many connections, each with its own buyer. An SQLite file has one writer, for which they queue.
func (f *floor) clients(when lockOrder) func(context.Context, workload) ([]place, func(), error) {
	return func(ctx context.Context, w workload) ([]place, func(), error) {
		out := make([]place, w.clients)
		var conns []*sql.Conn
		end := func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}
		if !f.isSQLite() {
			f.pool.SetMaxOpenConns(w.clients)
			f.pool.SetMaxIdleConns(w.clients)
		}
		for i := range out {
			var writer beginner = f.pool
			if !f.isSQLite() {
				c, err := f.connect(ctx)
				if err != nil {
					end()
					return nil, nil, err
				}
				conns, writer = append(conns, c), c
			}
			out[i] = f.buys(writer, f.goods(w), w.lines(), when)
		}
		return out, end, nil
	}
}

// connect is a connection of one client.
func (f *floor) connect(ctx context.Context) (*sql.Conn, error) {
	c, err := f.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err = c.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
		return nil, errors.Join(fmt.Errorf("connect: %w", err), c.Close())
	}
	return c, nil
}

func (f *floor) goods(w workload) []typeid.Variant {
	switch w.name {
	case spread:
		return f.spread
	case basket:
		return f.cart
	default:
		return f.hot
	}
}

// buys buys so many of these at a time, for a buyer of its own.
func (f *floor) buys(writer beginner, goods []typeid.Variant, lines int, when lockOrder) place {
	buyer := typeid.New[typeid.Buyer](time.Now())
	return func(ctx context.Context) outcome {
		got := said(f.order(ctx, writer, newOrder(f, buyer, pick(goods, lines)), when))
		got.lines = lines
		return got
	}
}

// pick is n different ones, in any order.
func pick[T any](of []T, n int) []T {
	if n == 1 {
		return []T{of[mathrand.IntN(len(of))]} //nolint:gosec // no secret
	}
	out := make([]T, n)
	for i, at := range mathrand.Perm(len(of))[:n] { //nolint:gosec // no secret
		out[i] = of[at]
	}
	return out
}

var errShort = errors.New("out of stock")

// outOfStock is the code of a refusal.
const outOfStock = "OUT_OF_STOCK"

// said turns what the database said into an outcome. Nothing is tried again: what fails here is counted.
func said(err error) outcome {
	var my *mysql.MySQLError
	switch {
	case err == nil:
		return outcome{done: true}
	case errors.Is(err, errShort):
		return outcome{code: outOfStock}
	case errors.As(err, &my):
		return outcome{code: fmt.Sprint("MySQL ", my.Number), unsure: true}
	}
	return outcome{code: err.Error(), unsure: true}
}

// order places one order.
func (f *floor) order(ctx context.Context, writer beginner, o *order, when lockOrder) (err error) {
	tx, err := writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	var id, hash []byte
	err = tx.QueryRowContext(ctx, "SELECT id, request_hash FROM checkouts WHERE buyer_id = ? AND idempotency_key = ?", o.buyer, o.key).Scan(&id, &hash)
	if err == nil {
		return errors.New("the key is taken")
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if when == lockFirst {
		if err = o.lock(ctx, tx); err != nil {
			return err
		}
	}
	if err = o.insert(ctx, tx); err != nil {
		return err
	}
	if err = o.takeIfThere(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}
