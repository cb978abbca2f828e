package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast/internal/typeid"
)

// What the past looks like, whatever its length: who could buy what, and over how long a time.
const (
	pastBuyers      = 100_000
	pastHotOrders   = 1000 // of the one buyer who buys most
	pastShops       = 20   // of which the first has half of all orders
	pastVariants    = 3000
	pastPerProduct  = 10
	pastRareOrders  = 5  // of the one sku that is hardly sold
	pastOpen        = 20 // orders that wait for their money
	pastOnHand      = 900_000
	pastBasisPoints = 250 // that the platform gets of an order
)

const pastYear = 365 * 24 * time.Hour

// pastGood is a variant, and its stock as it moves.
type pastGood struct {
	id                    typeid.Variant
	sku, title            string
	price                 int
	onHand, held, version int
	changed               time.Time
}

// pastWorld is a database with a past.
type pastWorld struct {
	mini   typeid.MiniProgram
	staff  typeid.Staff
	shops  []typeid.Shop
	goods  [][]*pastGood // by shop
	buyers []typeid.Buyer
	middle typeid.Order // of the hot shop, halfway through the past
	// A number and a phone of the hot shop that were used in the middle of the past, and the moment.
	number, phone string
	when          time.Time
}

// pastFiller writes it.
type pastFiller struct {
	*pastWorld
	bulk       *bulk
	rng        *rand.Rand
	now        time.Time
	n, i       int // orders in all, and so far
	every      int // so many orders there is one of the hot buyer
	rareEvery  int
	add        map[string]func(...any)
	numberSeed uint64
}

// fillPast writes n orders of the last year, and all that belongs to them, into a migrated database.
func fillPast(ctx context.Context, name string, pool *sql.DB, n int, now time.Time) (*pastWorld, error) {
	b, err := newBulk(ctx, name, pool)
	if err != nil {
		return nil, err
	}
	f := &pastFiller{
		pastWorld: &pastWorld{}, bulk: b, now: now.UTC().Truncate(time.Second), n: n, every: max(1, n/pastHotOrders), rareEvery: max(1, n/pastRareOrders),
		rng: rand.New(rand.NewPCG(1, uint64(n))), add: make(map[string]func(...any)), //nolint:gosec // no secret: the same past each time
	}
	for _, t := range pastTables() {
		f.add[t[0]] = b.into(t[0], t[1])
	}
	f.platform()
	for f.i < n && b.ctx.Err() == nil {
		f.checkout()
	}
	f.stocks()
	if err := b.end(); err != nil {
		return nil, fmt.Errorf("fill with %d orders: %w", n, err)
	}
	return f.pastWorld, b.finish(ctx)
}

func pastTables() [][2]string {
	return [][2]string{
		{"mini_programs", "id, app_id, name, subject, created_at"},
		{"shops", "id, name, subject, currency, status, receiver, max_share_basis_points, created_at"},
		{"mini_program_shops", "id, mini_program_id, shop_id"},
		{"split_rules", "id, shop_id, receiver, role, basis_points, position"},
		{"products", "id, shop_id, title, description, image_urls, status, requires_shipping, created_at"},
		{"product_variants", "id, shop_id, product_id, sku, title, price, currency, position, status, created_at"},
		{"stocks", "variant_id, shop_id, on_hand, held, low_stock_threshold, version, changed_at"},
		{"buyers", "id, mini_program_id, open_id, created_at"},
		{"carts", "id, version"},
		{"checkouts", "id, buyer_id, mini_program_id, idempotency_key, request_hash, status, placed_at, held_until"},
		{"orders", "id, number, checkout_id, buyer_id, shop_id, status, currency, subtotal, discount, shipping_fee, total, refunded, " +
			"ship_name, ship_phone, ship_country, ship_province, ship_city, ship_street, placed_at, held_until, paid_at, shipped_at, completed_at, version"},
		{"order_lines", "id, order_id, shop_id, variant_id, title, sku, image_url, unit_price, quantity, amount, currency, position"},
		{"holds", "id, shop_id, buyer_id, variant_id, checkout_id, order_id, order_line_id, quantity, status, expires_at"},
		{"payments", "id, checkout_id, buyer_id, status, amount, currency, transaction_id, expires_at, paid_at"},
		{"payment_splits", "id, payment_id, order_id, shop_id, receiver, role, amount, returned, currency, status, position"},
		{"stock_movements", "id, shop_id, variant_id, kind, on_hand_delta, held_delta, order_id, version, created_at"},
		{"refunds", "id, order_id, payment_id, shop_id, amount, currency, reason, status, created_at, succeeded_at"},
		{"refund_lines", "id, refund_id, order_line_id, quantity, restocked"},
		{"split_returns", "id, refund_id, split_id, shop_id, amount, currency, status, created_at"},
		{"ledger_entries", "id, kind, movement_id, order_id, shop_id, account, receiver, amount, currency, created_at"},
		{"shipments", "id, order_id, shop_id, staff_id, method, carrier, tracking_number, shipped_at"},
		{"shipment_lines", "id, shipment_id, order_line_id, quantity"},
		{"jobs", "id, kind, run_at, attempts, wakes, created_at"},
	}
}

// platform writes what was there before the first order.
func (f *pastFiller) platform() {
	born := f.now.Add(-pastYear - time.Hour)
	f.mini, f.staff = typeid.New[typeid.MiniProgram](born), typeid.New[typeid.Staff](born)
	f.add["mini_programs"](f.mini, "wxpast", "Past", "Past Ltd", born)
	for s := range pastShops {
		shop := typeid.New[typeid.Shop](born)
		f.shops = append(f.shops, shop)
		f.add["shops"](shop, fmt.Sprint("Shop ", s), "Past Ltd", "CNY", "OPEN", fmt.Sprint("merchant-", s), 3000, born)
		f.add["mini_program_shops"](typeid.New[typeid.Link](born), f.mini, shop)
		f.add["split_rules"](typeid.New[typeid.SplitRule](born), shop, "platform", "PLATFORM", pastBasisPoints, 0)
		f.shelf(s, born)
	}
	for i := range pastBuyers {
		id := typeid.New[typeid.Buyer](born)
		f.buyers = append(f.buyers, id)
		f.add["buyers"](id, f.mini, fmt.Sprint("open-", i), born)
		f.add["carts"](id, 1)
	}
}

func (f *pastFiller) shelf(s int, born time.Time) {
	var goods []*pastGood
	var product typeid.Product
	for v := range pastVariants / pastShops {
		if v%pastPerProduct == 0 {
			product = typeid.New[typeid.Product](born)
			f.add["products"](product, f.shops[s], fmt.Sprint("Tea ", v/pastPerProduct), "", "[]", "ACTIVE", 1, born)
		}
		g := &pastGood{
			id: typeid.New[typeid.Variant](born), sku: fmt.Sprintf("TEA-%02d-%03d", s, v), title: fmt.Sprintf("Tea %d · %d g", v/pastPerProduct, v),
			price: 1000 + 10*v, onHand: pastOnHand, version: 1, changed: born,
		}
		goods = append(goods, g)
		f.add["product_variants"](g.id, f.shops[s], product, g.sku, fmt.Sprint(v, " g"), g.price, "CNY", v%pastPerProduct, "ACTIVE", born)
		f.add["stock_movements"](typeid.New[typeid.Movement](born), f.shops[s], g.id, "RECEIVED", g.onHand, 0, nil, g.version, born)
	}
	f.goods = append(f.goods, goods)
}

// stocks writes what came of all movements. One variant in ten is low.
func (f *pastFiller) stocks() {
	for s, goods := range f.goods {
		for v, g := range goods {
			threshold := 10
			if v%10 == 3 {
				threshold = pastOnHand
			}
			f.add["stocks"](g.id, f.shops[s], g.onHand, g.held, threshold, g.version, g.changed)
		}
	}
}

// orderNumber is 16 letters that do not grow with time, as those of the server.
func (f *pastFiller) orderNumber() string {
	f.numberSeed += 0x9e3779b97f4a7c15 // splitmix64, which never repeats
	z := f.numberSeed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return fmt.Sprintf("%016X", z^z>>31)
}

func (f *pastFiller) hash() (h [32]byte) {
	for i := range 4 {
		binary.LittleEndian.PutUint64(h[8*i:], f.rng.Uint64())
	}
	return h
}
