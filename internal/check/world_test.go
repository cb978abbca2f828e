package check_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/live"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// world is a platform of two shops that sell three things each, 1000 of each, at 1.00.
type world struct {
	db        *db.DB
	now       clock.Clock
	checkouts *checkout.Checkouts
	inventory *inventory.Inventory
	orders    *order.Orders
	owner     identity.Principal

	mini     typeid.MiniProgram
	shops    []typeid.Shop
	variants [][]typeid.Variant
	keys     int
}

func newWorld(t *testing.T, d *db.DB, now clock.Clock) *world {
	t.Helper()
	w := &world{db: d, now: now, mini: typeid.New[typeid.MiniProgram](now())}
	log := slog.New(slog.DiscardHandler)
	hub := live.New(live.NewDatabase(d), log)
	goods := catalog.New(d, now)
	w.inventory, w.orders = inventory.New(d, now, hub.Committed), order.New(d)
	provider := payment.NewSandbox(d, now)
	w.checkouts = checkout.New(checkout.Deps{
		DB: d, Now: now, Catalog: goods, Carts: cart.New(d, now, goods, w.inventory), Payments: payment.New(d), Orders: w.orders,
		Provider: provider, Jobs: job.New(d, now, log), Hub: hub, Log: log,
	}, checkout.Settings{Hold: 15 * time.Minute, MaxOpen: 1000})
	must(t, d.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now()).Exec(t.Context()))
	w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](now())}
	for i := range 2 {
		w.addShop(t, goods, i)
	}
	return w
}

// addShop makes a shop that gives a tenth to the platform.
func (w *world) addShop(t *testing.T, goods *catalog.Catalog, i int) {
	t.Helper()
	ctx, now := t.Context(), w.now()
	shop := typeid.New[typeid.Shop](now)
	must(t, w.db.Shop.Create().SetID(shop).SetName(fmt.Sprintf("Shop %d", i)).SetSubject("Test Ltd").SetCurrency("CNY").SetStatus("OPEN").
		SetReceiver(fmt.Sprintf("merchant-%d", i)).SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
	must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(shop).Exec(ctx))
	must(t, w.db.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(shop).SetReceiver("platform").
		SetRole("PLATFORM").SetBasisPoints(1000).SetPosition(0).Exec(ctx))
	w.owner = w.owner.WithRole(shop, identity.Owner)
	in := catalog.NewProduct{ShopID: shop.String(), Title: "茶 Tea", Status: catalog.Active}
	for n := range 3 {
		in.Variants = append(in.Variants, catalog.NewVariant{SKU: fmt.Sprintf("TEA-%d", n), Title: "100 g", OnHand: 1000, Price: money.New(100, money.CNY)})
	}
	p, err := goods.CreateProduct(ctx, w.owner, in)
	must(t, err)
	made, err := goods.VariantsOf(ctx, []typeid.Product{p.ID})
	must(t, err)
	var ids []typeid.Variant
	for _, v := range made {
		ids = append(ids, v.ID)
	}
	w.shops, w.variants = append(w.shops, shop), append(w.variants, ids)
}

// key is one that was not used.
func (w *world) key() string {
	w.keys++
	return fmt.Sprintf("key-%d", w.keys)
}

func (w *world) buyer(t *testing.T, name string) identity.Principal {
	t.Helper()
	id := typeid.New[typeid.Buyer](w.now())
	must(t, w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(name).SetCreatedAt(w.now()).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(t.Context()))
	return identity.Principal{Buyer: id, MiniProgram: w.mini}
}

// place buys two of each of these.
func (w *world) place(t *testing.T, who identity.Principal, of ...typeid.Variant) *checkout.Checkout {
	t.Helper()
	in := checkout.Input{IdempotencyKey: w.key()}
	for _, v := range of {
		in.Lines = append(in.Lines, checkout.LineInput{VariantID: v.String(), Quantity: 2})
	}
	out, err := w.checkouts.Place(t.Context(), who, in)
	must(t, err)
	return out
}

// pay places and pays.
func (w *world) pay(t *testing.T, who identity.Principal, of ...typeid.Variant) *checkout.Checkout {
	t.Helper()
	out := w.place(t, who, of...)
	_, err := w.checkouts.SandboxConfirm(t.Context(), who, out.Payment.ID.String())
	must(t, err)
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
