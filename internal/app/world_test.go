package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/ent/checkout"
	"holdfast/internal/app"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/check"
	domain "holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// world is a platform with a clock of its own: a shop whose orders are divided, one that ships what it sells, and one that sells
// in another currency.
type world struct {
	*app.App

	db      *db.DB
	source  string
	clock   *clock.Manual
	sandbox *payment.Sandbox
	mini    typeid.MiniProgram
	shops   []typeid.Shop
	owner   identity.Principal // of all shops
	open    int                // unpaid checkouts that a buyer may have
	keys    atomic.Int64

	histories int // that it has seen
}

const (
	hold     = 15 * time.Minute
	maxOpen  = 3
	shipping = 1 // the shop that ships
	foreign  = 2 // the shop with another currency
)

// rules are the shares of the first shop's orders that are not the merchant's, in basis points.
func rules() map[string]int64 { return map[string]int64{"platform": 333, "promoter": 1} }

func receiver(shop int) string { return "merchant-" + strconv.Itoa(shop) }

func currency(shop int) money.Currency {
	if shop == foreign {
		return money.HKD
	}
	return money.CNY
}

// newWorld opens a world in a new database.
func newWorld(t *testing.T, kind testdb.Kind, open int) *world {
	t.Helper()
	w := &world{source: testdb.Source(t, kind), clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC)), open: open}
	w.db = testdb.Open(t, w.source, db.Options{})
	w.sandbox = payment.NewSandbox(w.db, w.clock.Now)
	w.App = w.process(w.db, w.sandbox)
	ctx, now := t.Context(), w.clock.Now()
	w.mini = typeid.New[typeid.MiniProgram](now)
	must(t, w.db.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
	w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](now)}
	for i := range foreign + 1 {
		id := typeid.New[typeid.Shop](now)
		w.shops = append(w.shops, id)
		must(t, w.db.Shop.Create().SetID(id).SetName(fmt.Sprintf("Shop %d", i)).SetSubject("Test Ltd").SetCurrency(string(currency(i))).
			SetStatus("OPEN").SetReceiver(receiver(i)).SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
		must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(id).Exec(ctx))
		w.owner = w.owner.WithRole(id, identity.Owner)
	}
	for who, points := range rules() {
		must(t, w.db.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(w.shops[0]).SetReceiver(who).
			SetRole("PLATFORM").SetBasisPoints(int(points)).SetPosition(int(points)).Exec(ctx))
	}
	return w
}

// process is one more process on the same database, or on what leads to it.
func (w *world) process(d *db.DB, sandbox *payment.Sandbox) *app.App {
	return app.New(d, w.clock.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: hold, MaxOpen: w.open, Provider: sandbox, Codes: identity.SandboxCodes{},
	})
}

func (w *world) key() string { return "key-" + strconv.FormatInt(w.keys.Add(1), 10) }

// variant puts so many of something on sale.
func (w *world) variant(ctx context.Context, shop int, price int64, onHand int) (typeid.Variant, error) {
	p, err := w.Catalog.CreateProduct(ctx, w.owner, catalog.NewProduct{
		ShopID: w.shops[shop].String(), Title: "茶 Tea", Status: catalog.Active, RequiresShipping: shop == shipping,
		Variants: []catalog.NewVariant{{SKU: w.key(), OnHand: onHand, Price: money.New(price, currency(shop))}},
	})
	if err != nil {
		return typeid.Variant{}, err
	}
	made, err := w.Catalog.VariantsOf(ctx, []typeid.Product{p.ID})
	if err != nil {
		return typeid.Variant{}, err
	}
	return made[0].ID, nil
}

// buyer is a new buyer with an empty cart.
func (w *world) buyer(ctx context.Context) (identity.Principal, error) {
	id := typeid.New[typeid.Buyer](w.clock.Now())
	if err := w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(w.key()).SetCreatedAt(w.clock.Now()).Exec(ctx); err != nil {
		return identity.Principal{}, err
	}
	return identity.Principal{Buyer: id, MiniProgram: w.mini}, w.db.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(ctx)
}

func address() *order.Address {
	return &order.Address{Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: "科技路 1 号"}
}

// sweep has the sweeper let go all that is overdue.
func (w *world) sweep(ctx context.Context) error {
	left, err := w.overdue(ctx)
	if left == 0 || err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Checkouts.Sweep(ctx)
	}()
	defer func() { stop(); <-ended }()
	for {
		if left, err = w.overdue(ctx); left == 0 || err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// overdue is how many checkouts hold goods longer than they may.
func (w *world) overdue(ctx context.Context) (int, error) {
	return w.db.Checkout.Query().Where(checkout.Status(string(domain.Open)), checkout.HeldUntilLTE(w.clock.Now())).Count(ctx)
}

// broken says which invariants are broken in the database, and by which rows.
func (w *world) broken(ctx context.Context) ([]string, error) {
	report, err := check.Run(ctx, w.db)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range report.Results {
		for _, row := range r.Rows {
			out = append(out, fmt.Sprintf("invariant %s, %s: %s", r.Number, r.Words, row))
		}
	}
	return out, nil
}

// codes are the refusals in an error; ok is false when it is something else.
func codes(err error) (out []fault.Code, ok bool) {
	for _, r := range fault.List(err) {
		out = append(out, r.Refused().Code)
	}
	return out, err == nil || out != nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
