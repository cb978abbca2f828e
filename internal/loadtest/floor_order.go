package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
	"time"

	"holdfast/internal/typeid"
)

// order is the ids and times of one order, made before its transaction. It buys one of each of some SKUs.
type order struct {
	*floor

	now, until time.Time
	buyer      typeid.Buyer
	variants   []typeid.Variant
	key        string
	hash       [sha256.Size]byte
	number     string
	checkout   typeid.Checkout
	order      typeid.Order
	payment    typeid.Payment
}

const holdFor = 15 * time.Minute

func newOrder(f *floor, buyer typeid.Buyer, variants []typeid.Variant) *order {
	now := time.Now().UTC().Truncate(time.Microsecond)
	o := &order{
		floor: f, now: now, until: now.Add(holdFor), buyer: buyer, variants: variants, key: rand.Text(), number: rand.Text()[:16],
		checkout: typeid.New[typeid.Checkout](now), order: typeid.New[typeid.Order](now), payment: typeid.New[typeid.Payment](now),
	}
	o.hash = sha256.Sum256([]byte(o.key))
	return o
}

// The tables' own columns, all of them that an order has a value for. What is a row for each line ends with VALUES.
const (
	insertCheckout = "INSERT INTO checkouts (id, buyer_id, mini_program_id, idempotency_key, request_hash, status, placed_at, held_until) VALUES (?, ?, ?, ?, ?, 'OPEN', ?, ?)"
	insertOrder    = "INSERT INTO orders (id, number, checkout_id, buyer_id, shop_id, status, currency, subtotal, discount, shipping_fee, total, refunded, note, placed_at, held_until, paid_at, version, " +
		"ship_name, ship_phone, ship_country, ship_province, ship_city, ship_district, ship_street, ship_postal_code) " +
		"VALUES (?, ?, ?, ?, ?, 'PENDING_PAYMENT', 'CNY', ?, 0, 0, ?, 0, NULL, ?, ?, NULL, 1, ?, ?, 'CN', ?, ?, ?, ?, NULL)"
	insertLines   = "INSERT INTO order_lines (id, order_id, shop_id, variant_id, title, sku, image_url, unit_price, quantity, amount, currency, position) VALUES "
	line          = "(?, ?, ?, ?, 'Load test spread-1 · spread-1-100', 'spread-1-100', ?, ?, 1, ?, 'CNY', ?)"
	insertHolds   = "INSERT INTO holds (id, shop_id, buyer_id, variant_id, checkout_id, order_id, order_line_id, quantity, status, expires_at) VALUES "
	hold          = "(?, ?, ?, ?, ?, ?, ?, 1, 'HELD', ?)"
	insertPayment = "INSERT INTO payments (id, checkout_id, buyer_id, status, amount, currency, expires_at, paid_at) VALUES (?, ?, ?, 'PENDING', ?, 'CNY', ?, NULL)"
	insertSplits  = "INSERT INTO payment_splits (id, payment_id, order_id, shop_id, receiver, role, amount, returned, currency, status, position) " +
		"VALUES (?, ?, ?, ?, 'merchant-gewu', 'MERCHANT', ?, 0, 'CNY', 'PLANNED', 0), (?, ?, ?, ?, 'platform', 'PLATFORM', ?, 0, 'CNY', 'PLANNED', 1)"
	insertMovements = "INSERT INTO stock_movements (id, shop_id, variant_id, kind, on_hand_delta, held_delta, order_id, staff_id, reason, created_at) VALUES "
	movement        = "(?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)"
)

// insert writes everything but the stock, a statement a table.
func (o *order) insert(ctx context.Context, tx *sql.Tx) error {
	var lines, holds, movements []any
	for i, v := range o.variants {
		id := typeid.New[typeid.OrderLine](o.now)
		lines = append(lines, id, o.order, o.shop, v, imageURL, price, price, i)
		holds = append(holds, typeid.New[typeid.Hold](o.now), o.shop, o.buyer, v, o.checkout, o.order, id, o.until)
		movements = append(movements, typeid.New[typeid.Movement](o.now), o.shop, v, "HELD", 0, 1, o.order, o.now)
	}
	n := len(o.variants)
	total := price * n
	share := total * 250 / 10_000 // the platform's
	for _, s := range []struct {
		text string
		args []any
	}{
		{insertCheckout, []any{o.checkout, o.buyer, o.mini, o.key, o.hash[:], o.now, o.until}},
		{insertOrder, []any{
			o.order, o.number, o.checkout, o.buyer, o.shop, total, total, o.now, o.until,
			shipTo.Name, shipTo.Phone, shipTo.Province, shipTo.City, shipTo.District, shipTo.Street,
		}},
		{insertLines + times(line, n), lines},
		{insertHolds + times(hold, n), holds},
		{insertPayment, []any{o.payment, o.checkout, o.buyer, total, o.until}},
		{insertSplits, []any{
			typeid.New[typeid.Split](o.now), o.payment, o.order, o.shop, total - share,
			typeid.New[typeid.Split](o.now), o.payment, o.order, o.shop, share,
		}},
		{insertMovements + times(movement, n), movements},
	} {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// times is a list of n of these.
func times(what string, n int) string { return what + strings.Repeat(", "+what, n-1) }

// in names the variants in a WHERE.
func (o *order) in() (text string, args []any) {
	for _, v := range o.variants {
		args = append(args, v)
	}
	if len(args) == 1 {
		return "variant_id = ?", args
	}
	return "variant_id IN (" + times("?", len(args)) + ")", args
}

// lock locks the stock, and looks whether there is enough.
func (o *order) lock(ctx context.Context, tx *sql.Tx) error {
	where, args := o.in()
	query := "SELECT on_hand, held, version FROM stocks WHERE " + where //nolint:gosec // question marks
	if !o.isSQLite() {                                                  // whose transaction has the one lock that there is
		query += " ORDER BY variant_id FOR UPDATE"
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var onHand, held, version int64
		if err := rows.Scan(&onHand, &held, &version); err != nil {
			return err
		}
		if onHand-held < 1 {
			return errShort
		}
	}
	return rows.Err()
}

// takeIfThere holds one of each, if there are any to hold.
func (o *order) takeIfThere(ctx context.Context, tx *sql.Tx) error {
	where, args := o.in()
	query := "UPDATE stocks SET held = held + 1, version = version + 1, changed_at = ? WHERE on_hand - held >= 1 AND " + where //nolint:gosec // question marks
	res, err := tx.ExecContext(ctx, query, append([]any{o.now}, args...)...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != int64(len(o.variants)) {
		return errors.Join(errShort, err)
	}
	return nil
}
