package cart_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// world is a mini-program with a shop in CNY and one in HKD.
type world struct {
	db      *db.DB
	clock   *clock.Manual
	catalog *catalog.Catalog
	carts   *cart.Carts
	mini    typeid.MiniProgram
	shops   []typeid.Shop
	owner   identity.Principal
	keys    atomic.Int64
}

func on(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) { fn(t, newWorld(t, testdb.New(t, kind))) })
	}
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	on(t, []testdb.Kind{testdb.MySQL, testdb.SQLite}, fn)
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC))}
	w.catalog = catalog.New(d, w.clock.Now)
	w.carts = cart.New(d, w.clock.Now, w.catalog, inventory.New(d, w.clock.Now, func([]inventory.Stock) {}))
	ctx, now := t.Context(), w.clock.Now()
	w.mini = typeid.New[typeid.MiniProgram](now)
	must(t, d.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
	w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](now)}
	for _, currency := range []string{"CNY", "HKD"} {
		id := typeid.New[typeid.Shop](now)
		w.shops = append(w.shops, id)
		w.owner = w.owner.WithRole(id, identity.Owner)
		must(t, d.Shop.Create().SetID(id).SetName("Shop").SetSubject("Test Ltd").SetCurrency(currency).SetStatus("OPEN").
			SetReceiver("merchant").SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
		must(t, d.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(id).Exec(ctx))
	}
	return w
}

// variants puts n things on sale at 100 each, 10 of each.
func (w *world) variants(t *testing.T, shop, n int) []typeid.Variant {
	t.Helper()
	in := catalog.NewProduct{ShopID: w.shops[shop].String(), Title: "Tea", Status: catalog.Active}
	for range n {
		in.Variants = append(in.Variants, catalog.NewVariant{
			SKU: w.key(), OnHand: 10, Price: money.New(100, []money.Currency{money.CNY, money.HKD}[shop]),
		})
	}
	p, err := w.catalog.CreateProduct(t.Context(), w.owner, in)
	must(t, err)
	got, err := w.catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	out := make([]typeid.Variant, n)
	for i, v := range got {
		out[i] = v.ID
	}
	return out
}

// setProduct changes the status of a variant's product.
func (w *world) setProduct(t *testing.T, v typeid.Variant, status string) {
	t.Helper()
	got, err := w.catalog.Variants(t.Context(), []typeid.Variant{v})
	must(t, err)
	must(t, w.db.Product.UpdateOneID(got[0].ProductID).SetStatus(status).Exec(t.Context()))
}

// buyer is a new buyer with an empty cart.
func (w *world) buyer(t *testing.T) identity.Principal {
	t.Helper()
	id := typeid.New[typeid.Buyer](w.clock.Now())
	must(t, w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(w.key()).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(t.Context()))
	return identity.Principal{Buyer: id, MiniProgram: w.mini}
}

func (w *world) key() string { return "key-" + strconv.FormatInt(w.keys.Add(1), 10) }

// lines are of variant, quantity, variant, quantity and so on.
func lines(of ...any) []cart.LineInput {
	var out []cart.LineInput
	for i := 0; i < len(of); i += 2 {
		out = append(out, cart.LineInput{VariantID: of[i].(typeid.Variant).String(), Quantity: of[i+1].(int)})
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
