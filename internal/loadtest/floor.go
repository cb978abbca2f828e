package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
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
	database string
	pool     *sql.DB
	shop     typeid.Shop
	mini     typeid.MiniProgram
	hot      []typeid.Variant
	spread   []typeid.Variant
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
	f := &floor{database: name, shop: typeid.New[typeid.Shop](now), mini: typeid.New[typeid.MiniProgram](now)}
	if f.pool, err = l.pool(name); err != nil {
		return nil, err
	}
	if f.hot, err = f.receive(ctx, 1); err == nil {
		f.spread, err = f.receive(ctx, spreadOver)
	}
	if err != nil {
		return nil, errors.Join(err, f.pool.Close())
	}
	return f, nil
}

// receive puts n new SKUs into stock.
func (f *floor) receive(ctx context.Context, n int) ([]typeid.Variant, error) {
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
			out[i], f.shop, stock, now); err != nil {
			return nil, fmt.Errorf("stock up: %w", err)
		}
		if _, err := tx.ExecContext(ctx, insertMovement, typeid.New[typeid.Movement](now), f.shop, out[i], "RECEIVED", stock, 0, nil, nil, nil, now); err != nil {
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

// clients are as many connections, each with its own buyer.
func (f *floor) clients(when lockOrder) func(context.Context, workload) ([]place, func(), error) {
	return func(ctx context.Context, w workload) ([]place, func(), error) {
		goods := f.hot
		if w.variants > 1 {
			goods = f.spread
		}
		f.pool.SetMaxOpenConns(w.clients)
		f.pool.SetMaxIdleConns(w.clients)
		out := make([]place, w.clients)
		conns := make([]*sql.Conn, 0, w.clients)
		end := func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}
		for i := range out {
			c, err := f.pool.Conn(ctx)
			if err == nil {
				conns = append(conns, c)
				_, err = c.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
			}
			if err != nil {
				end()
				return nil, nil, fmt.Errorf("connect: %w", err)
			}
			buyer := typeid.New[typeid.Buyer](time.Now())
			out[i] = func(ctx context.Context) outcome {
				variant := goods[mathrand.IntN(len(goods))] //nolint:gosec // no secret
				return said(f.order(ctx, c, newOrder(f, buyer, variant), when))
			}
		}
		return out, end, nil
	}
}

var errShort = errors.New("out of stock")

// said turns what the database said into an outcome. Nothing is tried again: what fails here is counted.
func said(err error) outcome {
	var my *mysql.MySQLError
	switch {
	case err == nil:
		return outcome{placed: true}
	case errors.Is(err, errShort):
		return outcome{code: "OUT_OF_STOCK"}
	case errors.As(err, &my):
		return outcome{code: fmt.Sprint("MySQL ", my.Number), unsure: true}
	}
	return outcome{code: err.Error(), unsure: true}
}

// order places one order.
func (f *floor) order(ctx context.Context, c *sql.Conn, o *order, when lockOrder) (err error) {
	tx, err := c.BeginTx(ctx, nil)
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
	if when == lockLast {
		if err = o.insert(ctx, tx); err != nil {
			return err
		}
		if err = o.takeIfThere(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	}
	var onHand, held, version int64
	if err = tx.QueryRowContext(ctx, "SELECT on_hand, held, version FROM stocks WHERE variant_id = ? FOR UPDATE", o.variant).
		Scan(&onHand, &held, &version); err != nil {
		return err
	}
	if onHand-held < 1 {
		return errShort
	}
	if err = o.insert(ctx, tx); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, "UPDATE stocks SET held = ?, version = ?, changed_at = ? WHERE variant_id = ?",
		held+1, version+1, o.now, o.variant); err != nil {
		return err
	}
	return tx.Commit()
}

// order is the ids and times of one order, made before its transaction.
type order struct {
	*floor
	now, until time.Time
	buyer      typeid.Buyer
	variant    typeid.Variant
	key        string
	hash       [sha256.Size]byte
	number     string
	checkout   typeid.Checkout
	order      typeid.Order
	line       typeid.OrderLine
	payment    typeid.Payment
}

const holdFor = 15 * time.Minute

func newOrder(f *floor, buyer typeid.Buyer, variant typeid.Variant) *order {
	now := time.Now().UTC().Truncate(time.Microsecond)
	o := &order{
		floor: f, now: now, until: now.Add(holdFor), buyer: buyer, variant: variant, key: rand.Text(), number: rand.Text()[:16],
		checkout: typeid.New[typeid.Checkout](now), order: typeid.New[typeid.Order](now),
		line: typeid.New[typeid.OrderLine](now), payment: typeid.New[typeid.Payment](now),
	}
	o.hash = sha256.Sum256([]byte(o.key))
	return o
}

// The tables' own columns, all of them that an order has a value for.
const (
	insertCheckout = "INSERT INTO checkouts (id, buyer_id, mini_program_id, idempotency_key, request_hash, status, placed_at, held_until) VALUES (?, ?, ?, ?, ?, 'OPEN', ?, ?)"
	insertOrder    = "INSERT INTO orders (id, number, checkout_id, buyer_id, shop_id, status, currency, subtotal, discount, shipping_fee, total, refunded, note, placed_at, held_until, paid_at, version, " +
		"ship_name, ship_phone, ship_country, ship_province, ship_city, ship_district, ship_street, ship_postal_code) " +
		"VALUES (?, ?, ?, ?, ?, 'PENDING_PAYMENT', 'CNY', ?, 0, 0, ?, 0, NULL, ?, ?, NULL, 1, ?, ?, 'CN', ?, ?, ?, ?, NULL)"
	insertLine = "INSERT INTO order_lines (id, order_id, shop_id, variant_id, title, sku, image_url, unit_price, quantity, amount, currency, position) " +
		"VALUES (?, ?, ?, ?, 'Load test spread-1 · spread-1-100', 'spread-1-100', ?, ?, 1, ?, 'CNY', 0)"
	insertHold    = "INSERT INTO holds (id, shop_id, buyer_id, variant_id, checkout_id, order_id, order_line_id, quantity, status, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, 1, 'HELD', ?)"
	insertPayment = "INSERT INTO payments (id, checkout_id, buyer_id, status, amount, currency, expires_at, paid_at) VALUES (?, ?, ?, 'PENDING', ?, 'CNY', ?, NULL)"
	insertSplits  = "INSERT INTO payment_splits (id, payment_id, order_id, shop_id, receiver, role, amount, returned, currency, status, position) " +
		"VALUES (?, ?, ?, ?, 'merchant-gewu', 'MERCHANT', ?, 0, 'CNY', 'PLANNED', 0), (?, ?, ?, ?, 'platform', 'PLATFORM', ?, 0, 'CNY', 'PLANNED', 1)"
	insertMovement = "INSERT INTO stock_movements (id, shop_id, variant_id, kind, on_hand_delta, held_delta, order_id, staff_id, reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

// platformShare is what the platform gets of an order.
const platformShare = price * 250 / 10_000

// insert writes everything but the stock, a statement a table.
func (o *order) insert(ctx context.Context, tx *sql.Tx) error {
	for _, s := range []struct {
		text string
		args []any
	}{
		{insertCheckout, []any{o.checkout, o.buyer, o.mini, o.key, o.hash[:], o.now, o.until}},
		{insertOrder, []any{
			o.order, o.number, o.checkout, o.buyer, o.shop, price, price, o.now, o.until,
			shipTo.Name, shipTo.Phone, shipTo.Province, shipTo.City, shipTo.District, shipTo.Street,
		}},
		{insertLine, []any{o.line, o.order, o.shop, o.variant, imageURL, price, price}},
		{insertHold, []any{typeid.New[typeid.Hold](o.now), o.shop, o.buyer, o.variant, o.checkout, o.order, o.line, o.until}},
		{insertPayment, []any{o.payment, o.checkout, o.buyer, price, o.until}},
		{insertSplits, []any{
			typeid.New[typeid.Split](o.now), o.payment, o.order, o.shop, price - platformShare,
			typeid.New[typeid.Split](o.now), o.payment, o.order, o.shop, platformShare,
		}},
		{insertMovement, []any{typeid.New[typeid.Movement](o.now), o.shop, o.variant, "HELD", 0, 1, o.order, nil, nil, o.now}},
	} {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// takeIfThere holds one, if there is one to hold.
func (o *order) takeIfThere(ctx context.Context, tx *sql.Tx) error {
	res, err := tx.ExecContext(ctx, "UPDATE stocks SET held = held + 1, version = version + 1, changed_at = ? WHERE variant_id = ? AND on_hand - held >= 1", o.now, o.variant)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errShort, err)
	}
	return nil
}
