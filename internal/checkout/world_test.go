package checkout_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// world is a small platform with a clock of its own: two shops that sell in CNY, one that sells in HKD.
type world struct {
	db        *db.DB
	clock     *clock.Manual
	sandbox   *payment.Sandbox
	provider  payment.Provider
	checkouts *checkout.Checkouts
	carts     *cart.Carts
	inventory *inventory.Inventory
	catalog   *catalog.Catalog
	payments  *payment.Payments
	orders    *order.Orders

	mini  typeid.MiniProgram
	shops []typeid.Shop
	keys  int
}

const maxOpen = 3

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))}
	w.sandbox = payment.NewSandbox(d, w.clock.Now)
	w.use(w.sandbox)
	ctx, now := t.Context(), w.clock.Now()
	w.mini = typeid.New[typeid.MiniProgram](now)
	must(t, d.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
	for i, currency := range []string{"CNY", "CNY", "HKD"} {
		id := typeid.New[typeid.Shop](now)
		w.shops = append(w.shops, id)
		must(t, d.Shop.Create().SetID(id).SetName(fmt.Sprintf("Shop %d", i)).SetSubject("Test Ltd").SetCurrency(currency).SetStatus("OPEN").
			SetReceiver(fmt.Sprintf("merchant-%d", i)).SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
		must(t, d.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(id).Exec(ctx))
	}
	must(t, d.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(w.shops[0]).SetReceiver("platform").
		SetRole("PLATFORM").SetBasisPoints(333).SetPosition(0).Exec(ctx))
	must(t, d.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(w.shops[0]).SetReceiver("promoter").
		SetRole("PROMOTER").SetBasisPoints(1).SetPosition(1).Exec(ctx))
	return w
}

// use has all services talk to this provider.
func (w *world) use(p payment.Provider) {
	w.provider = p
	w.catalog = catalog.New(w.db, w.clock.Now)
	w.inventory = inventory.New(w.db, w.clock.Now)
	w.carts = cart.New(w.db, w.clock.Now, w.catalog, w.inventory)
	w.payments, w.orders = payment.New(w.db), order.New(w.db)
	w.checkouts = checkout.New(checkout.Deps{
		DB: w.db, Now: w.clock.Now, Catalog: w.catalog, Carts: w.carts, Payments: w.payments, Orders: w.orders,
		Provider: p, Log: slog.New(slog.DiscardHandler),
	}, checkout.Settings{Hold: 15 * time.Minute, MaxOpen: maxOpen})
}

// variant puts so many of something on sale.
func (w *world) variant(t *testing.T, shop, price, onHand int) typeid.Variant {
	t.Helper()
	w.keys++
	p, err := w.catalog.CreateProduct(t.Context(), identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(w.shops[shop], identity.Owner),
		catalog.NewProduct{
			ShopID: w.shops[shop].String(), Title: "茶 Tea", Status: catalog.Active, RequiresShipping: shop == 1,
			Variants: []catalog.NewVariant{{
				SKU: "sku-" + strconv.Itoa(w.keys), Title: "100 g", OnHand: onHand,
				Price: money.New(int64(price), []money.Currency{money.CNY, money.CNY, money.HKD}[shop]),
			}},
		})
	must(t, err)
	variants, err := w.catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	return variants[0].ID
}

// buyer is a new buyer with an empty cart.
func (w *world) buyer(t *testing.T) identity.Principal {
	t.Helper()
	w.keys++
	id := typeid.New[typeid.Buyer](w.clock.Now())
	must(t, w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(strconv.Itoa(w.keys)).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(t.Context()))
	return identity.Principal{Buyer: id, MiniProgram: w.mini}
}

func lines(of ...any) []checkout.LineInput {
	var out []checkout.LineInput
	for i := 0; i < len(of); i += 2 {
		out = append(out, checkout.LineInput{VariantID: of[i].(typeid.Variant).String(), Quantity: of[i+1].(int)})
	}
	return out
}

func address() *order.Address {
	return &order.Address{Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: "科技路 1 号"}
}

func (w *world) stock(t *testing.T, v typeid.Variant) inventory.Stock {
	t.Helper()
	got, err := w.inventory.Stocks(t.Context(), []typeid.Variant{v})
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("stock of %s: %d rows", v, len(got))
	}
	return *got[0]
}

// check proves the invariants of stock and money on every row that there is.
func (w *world) check(t *testing.T) {
	t.Helper()
	for name, query := range map[string]string{
		"held is the sum of open holds": `SELECT COUNT(*) FROM stocks s WHERE s.held <> (SELECT COALESCE(SUM(h.quantity), 0) FROM holds h WHERE h.variant_id = s.variant_id AND h.status = 'HELD')`,
		"on hand is the sum of movements": `SELECT COUNT(*) FROM stocks s WHERE s.on_hand <> (SELECT COALESCE(SUM(m.on_hand_delta), 0) FROM stock_movements m WHERE m.variant_id = s.variant_id)
			OR s.held <> (SELECT COALESCE(SUM(m.held_delta), 0) FROM stock_movements m WHERE m.variant_id = s.variant_id)`,
		"0 <= held <= on hand":         `SELECT COUNT(*) FROM stocks WHERE held < 0 OR held > on_hand`,
		"splits add up to the order":   `SELECT COUNT(*) FROM orders o WHERE o.total <> (SELECT COALESCE(SUM(p.amount), 0) FROM payment_splits p WHERE p.order_id = o.id)`,
		"orders add up to the payment": `SELECT COUNT(*) FROM payments p WHERE p.amount <> (SELECT COALESCE(SUM(o.total), 0) FROM orders o WHERE o.checkout_id = p.checkout_id)`,
		"lines add up to the order":    `SELECT COUNT(*) FROM orders o WHERE o.subtotal <> (SELECT COALESCE(SUM(l.amount), 0) FROM order_lines l WHERE l.order_id = o.id)`,
		"what belongs to a checkout stands where it stands": `SELECT COUNT(*) FROM checkouts c JOIN orders o ON o.checkout_id = c.id JOIN payments p ON p.checkout_id = c.id JOIN holds h ON h.order_id = o.id
			WHERE NOT ((c.status = 'OPEN' AND o.status = 'PENDING_PAYMENT' AND p.status = 'PENDING' AND h.status = 'HELD')
			OR (c.status = 'PAID' AND o.status = 'PAID' AND p.status = 'PAID' AND h.status = 'SOLD')
			OR (c.status = 'CANCELLED' AND o.status = 'CANCELLED' AND p.status = 'CLOSED' AND h.status = 'RELEASED')
			OR (c.status = 'EXPIRED' AND o.status = 'EXPIRED' AND p.status = 'CLOSED' AND h.status = 'RELEASED'))`,
	} {
		if n := w.count(t, query); n != 0 {
			t.Errorf("invariant broken in %d rows: %s", n, name)
		}
	}
}

func (w *world) count(t *testing.T, query string) int {
	t.Helper()
	n, err := db.Collect(context.WithoutCancel(t.Context()), w.db, sql.Raw(query).(sql.Querier), func(row db.Row) (n int, err error) { return n, row.Scan(&n) })
	must(t, err)
	return n[0]
}

func (w *world) key() string {
	w.keys++
	return "key-" + strconv.Itoa(w.keys)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
