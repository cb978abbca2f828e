package checkout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

func cny(amount int64) money.Money { return money.New(amount, money.CNY) }

func TestPlace(t *testing.T) {
	parts(t,
		part{"two shops", testPlace},
		part{"refusals", testPlaceRefuses},
		part{"out of stock", testPlaceShort},
		part{"for nothing", testPlaceForNothing},
		part{"the largest", testPlaceLargest},
	)
}

func testPlace(t *testing.T, w *world) {
	tea, cup, ball := w.variant(t, 0, 1999, 10), w.variant(t, 0, 50, 5), w.variant(t, 1, 500, 7)
	who := w.buyer(t)
	note := "no bag, please"
	in := w.buy(ball, 1, tea, 2, cup, 5, tea, 1)
	in.Shops = []checkout.ShopInput{{ShopID: w.shops[0].String(), Note: &note}}
	in.ExpectedTotal = &money.Money{Amount: 500 + 3*1999 + 5*50, Currency: money.CNY}
	got := w.place(t, who, in)

	now := w.clock.Now()
	if got.Status != checkout.Open || got.BuyerID != who.Buyer || !got.PlacedAt.Equal(now) || !got.HeldUntil.Equal(now.Add(15*time.Minute)) {
		t.Errorf("checkout %+v", got)
	}
	p := got.Payment
	if p.Status != payment.Pending || p.Amount != cny(6747) || p.BuyerID != who.Buyer || !p.ExpiresAt.Equal(got.HeldUntil) || p.PaidAt != nil || p.Parameters == nil {
		t.Errorf("payment %+v", p)
	}
	w.sees(t, tea, 10, 3)
	w.sees(t, cup, 5, 5)
	w.sees(t, ball, 7, 1)

	orders := w.ordersOf(t, got.ID)
	want := []*order.Order{
		{
			CheckoutID: got.ID, BuyerID: who.Buyer, ShopID: w.shops[1], Status: order.PendingPayment, Subtotal: cny(500), Discount: cny(0),
			ShippingFee: cny(0), Total: cny(500), Refunded: cny(0), ShipTo: address(), PlacedAt: now, HeldUntil: &got.HeldUntil, Version: 1,
		},
		{
			CheckoutID: got.ID, BuyerID: who.Buyer, ShopID: w.shops[0], Status: order.PendingPayment, Subtotal: cny(6247), Discount: cny(0),
			ShippingFee: cny(0), Total: cny(6247), Refunded: cny(0), Note: &note, PlacedAt: now, HeldUntil: &got.HeldUntil, Version: 1,
		},
	}
	if d := diff(want, orders, cmpopts.IgnoreFields(order.Order{}, "ID", "Number")); d != "" {
		t.Fatalf("orders (-want +got):\n%s", d)
	}
	w.checkLines(t, orders, tea, cup, ball)
	splits, err := w.Payments.SplitsOfPayments(t.Context(), []typeid.Payment{p.ID})
	must(t, err)
	type share struct {
		Order    typeid.Order
		Receiver string
		Role     string
		Amount   money.Money
		Status   string
	}
	var shares []share
	for _, s := range splits {
		shares = append(shares, share{s.OrderID, s.Receiver, s.Role, s.Amount, s.Status})
	}
	if d := diff([]share{
		{orders[0].ID, "merchant-1", "MERCHANT", cny(500), "PLANNED"},
		{orders[1].ID, "merchant-0", "MERCHANT", cny(6247 - 208), "PLANNED"},
		{orders[1].ID, "platform", "PLATFORM", cny(208), "PLANNED"}, // the promoter's 0.62 fen are none
	}, shares); d != "" {
		t.Errorf("splits (-want +got):\n%s", d)
	}
}

func (w *world) checkLines(t *testing.T, orders []*order.Order, tea, cup, ball typeid.Variant) {
	t.Helper()
	lines, err := w.Orders.Lines(t.Context(), []typeid.Order{orders[0].ID, orders[1].ID})
	must(t, err)
	want := []*order.Line{
		{OrderID: orders[0].ID, VariantID: ball, UnitPrice: cny(500), Quantity: 1, Amount: cny(500)},
		{OrderID: orders[1].ID, VariantID: tea, UnitPrice: cny(1999), Quantity: 3, Amount: cny(5997)},
		{OrderID: orders[1].ID, VariantID: cup, UnitPrice: cny(50), Quantity: 5, Amount: cny(250)},
	}
	for _, l := range want {
		l.Title = "茶 Tea · 100 g"
	}
	if d := diff(want, lines, cmpopts.IgnoreFields(order.Line{}, "ID", "SKU")); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}

// testPlaceRefuses wants each refusal to leave no row and no stock behind, and its key free.
func testPlaceRefuses(t *testing.T, w *world) {
	tea, ball, cake := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 7), w.variant(t, 2, 80, 9)
	draft, archived := w.variant(t, 0, 1, 5), w.variant(t, 0, 1, 5)
	w.setProduct(t, draft, "DRAFT")
	w.setProduct(t, archived, "ARCHIVED")
	closed, elsewhere := w.otherShop(t, "CLOSED", true), w.otherShop(t, "OPEN", false)
	who := w.buyer(t)
	version := int64(99)
	before := w.rows(t)
	for _, tc := range []struct {
		name string
		in   checkout.Input
		want []fault.Code
	}{
		{"an empty cart", checkout.Input{}, []fault.Code{fault.Invalid}},
		{"no lines", checkout.Input{Lines: []checkout.LineInput{}}, []fault.Code{fault.Invalid}},
		{"out of stock", checkout.Input{Lines: lines(tea, 11)}, []fault.Code{fault.OutOfStock}},
		{"a draft", checkout.Input{Lines: lines(tea, 1, draft, 1)}, []fault.Code{fault.NotForSale}},
		{"archived", checkout.Input{Lines: lines(archived, 1)}, []fault.Code{fault.NotForSale}},
		{"a closed shop", checkout.Input{Lines: lines(tea, 1, closed, 1)}, []fault.Code{fault.NotForSale}},
		{"a shop of another mini-program", checkout.Input{Lines: lines(tea, 1, elsewhere, 1)}, []fault.Code{fault.NotForSale}},
		{"absent", checkout.Input{Lines: lines(tea, 1, typeid.New[typeid.Variant](w.clock.Now()), 1)}, []fault.Code{fault.NotFound}},
		{"no address", checkout.Input{Lines: lines(tea, 1, ball, 1)}, []fault.Code{fault.AddressRequired}},
		{"two currencies", checkout.Input{Lines: lines(tea, 1, cake, 1)}, []fault.Code{fault.CurrencyMismatch}},
		{"another price", checkout.Input{Lines: lines(tea, 1), ExpectedTotal: &money.Money{Amount: 1998, Currency: money.CNY}}, []fault.Code{fault.PriceChanged}},
		{"another cart", checkout.Input{Lines: lines(tea, 1), CartVersion: &version}, []fault.Code{fault.VersionMismatch}},
		{"all that is wrong", checkout.Input{Lines: lines(draft, 1, tea, 0, closed, 3)}, []fault.Code{fault.NotForSale, fault.Invalid, fault.NotForSale}},
	} {
		tc.in.IdempotencyKey = "one-key-for-all"
		out, err := w.Checkouts.Place(t.Context(), who, tc.in)
		if refused(t, err, tc.want...); out != nil || t.Failed() {
			t.Fatalf("%s: %+v", tc.name, out)
		}
	}
	if after := w.rows(t); after != before {
		t.Errorf("%d rows are left of refused requests", after-before)
	}
	w.place(t, who, checkout.Input{IdempotencyKey: "one-key-for-all", Lines: lines(tea, 1)})
}

// rows is how many rows checkouts consist of.
func (w *world) rows(t *testing.T) int {
	t.Helper()
	n := 0
	for _, table := range []string{"checkouts", "orders", "order_lines", "holds", "payments", "payment_splits", "stock_movements"} {
		n += w.count(t, "SELECT COUNT(*) FROM "+table)
	}
	return n
}

// setProduct changes the status of a variant's product.
func (w *world) setProduct(t *testing.T, v typeid.Variant, status string) {
	t.Helper()
	got, err := w.Catalog.Variants(t.Context(), []typeid.Variant{v})
	must(t, err)
	must(t, w.db.Product.UpdateOneID(got[0].ProductID).SetStatus(status).Exec(t.Context()))
}

// otherShop is a variant of a shop of its own.
func (w *world) otherShop(t *testing.T, status string, linked bool) typeid.Variant {
	t.Helper()
	id := typeid.New[typeid.Shop](w.clock.Now())
	must(t, w.db.Shop.Create().SetID(id).SetName("Other").SetSubject("Test Ltd").SetCurrency("CNY").SetStatus(status).
		SetReceiver("other").SetMaxShareBasisPoints(3000).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	if linked {
		must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](w.clock.Now())).SetMiniProgramID(w.mini).SetShopID(id).Exec(t.Context()))
	}
	w.shops = append(w.shops, id)
	return w.variant(t, len(w.shops)-1, 100, 10)
}

// testPlaceShort wants every short variant named, and nothing held of the others.
func testPlaceShort(t *testing.T, w *world) {
	tea, cup, ball, gone := w.variant(t, 0, 1999, 10), w.variant(t, 0, 50, 5), w.variant(t, 1, 500, 7), w.variant(t, 0, 1, 0)
	w.place(t, w.buyer(t), w.buy(cup, 3))
	who := w.buyer(t)
	_, err := w.Checkouts.Place(t.Context(), who, w.buy(tea, 1, cup, 2, ball, 7, cup, 1, gone, 1))
	refused(t, err, fault.OutOfStock)
	var short *inventory.ShortError
	if !errors.As(err, &short) {
		t.Fatalf("got %v", err)
	}
	want := []inventory.Shortage{{Variant: cup, Requested: 3, Available: 2}, {Variant: gone, Requested: 1, Available: 0}}
	if d := diff(want, short.Shortages) + diff([]string{"input", "lines"}, short.Field); d != "" {
		t.Errorf("shortages and field (-want +got):\n%s", d)
	}
	w.sees(t, tea, 10, 0)
	w.sees(t, ball, 7, 0)
	w.sees(t, cup, 5, 3)
}

func testPlaceForNothing(t *testing.T, w *world) {
	f := w.fake()
	f.prepare = func(context.Context, payment.Trade) (payment.Parameters, error) {
		t.Error("the provider was asked to take nothing")
		return payment.Parameters{}, nil
	}
	sample, cup := w.variant(t, 0, 0, 10), w.variant(t, 1, 0, 10)
	who := w.buyer(t)
	before := w.stock(t, sample).Version
	got := w.place(t, who, w.buy(sample, 3, cup, 1))
	if p := got.Payment; got.Status != checkout.Paid || p.Status != payment.Paid || p.Amount != cny(0) || p.PaidAt == nil || p.Parameters != nil {
		t.Errorf("checkout %+v, payment %+v", got, got.Payment)
	}
	for _, o := range w.ordersOf(t, got.ID) {
		if o.Status != order.Paid || o.HeldUntil != nil || o.PaidAt == nil || !o.PaidAt.Equal(w.clock.Now()) {
			t.Errorf("order %+v", o)
		}
	}
	w.sees(t, sample, 7, 0)
	if after := w.stock(t, sample).Version; after != before+1 {
		t.Errorf("one commit took the stock from version %d to %d", before, after)
	}
	_, err := w.Checkouts.Cancel(t.Context(), who, got.ID.String())
	refused(t, err, fault.AlreadyPaid)
	_, err = w.Checkouts.Prepare(t.Context(), who, got.Payment.ID.String())
	refused(t, err, fault.AlreadyPaid)
	for range maxOpen + 1 { // what is paid at once counts as no open checkout
		w.place(t, who, w.buy(sample, 1))
	}
	w.clock.Advance(time.Hour)
	if n, err := w.Checkouts.SweepOnce(t.Context()); n != 0 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
}

// TestOrdersAreCopies changes everything that was bought, and wants the order as it was.
func TestOrdersAreCopies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		tea := w.variant(t, 0, 1999, 10)
		ctx := t.Context()
		v, err := w.Catalog.Variants(ctx, []typeid.Variant{tea})
		must(t, err)
		must(t, w.db.Product.UpdateOneID(v[0].ProductID).SetImageUrls(`["/pictures/tea.png","/pictures/2.png"]`).Exec(ctx))
		who := w.buyer(t)
		got := w.place(t, who, w.buy(tea, 2))
		read := func() ([]*order.Order, []*order.Line, []*payment.Split) {
			orders := w.ordersOf(t, got.ID)
			lines, err := w.Orders.Lines(ctx, []typeid.Order{orders[0].ID})
			must(t, err)
			splits, err := w.Payments.SplitsOfOrders(ctx, []typeid.Order{orders[0].ID})
			must(t, err)
			return orders, lines, splits
		}
		orders, lines, splits := read()
		if len(lines) != 1 || lines[0].ImageURL == nil || *lines[0].ImageURL != "/pictures/tea.png" {
			t.Fatalf("lines %+v", lines)
		}
		must(t, w.db.Product.UpdateOneID(v[0].ProductID).SetTitle("Coffee").SetImageUrls(`[]`).SetStatus("ARCHIVED").SetRequiresShipping(true).Exec(ctx))
		must(t, w.db.ProductVariant.UpdateOneID(tea).SetTitle("1 kg").SetSku("other").SetPrice(1).Exec(ctx))
		must(t, w.db.Shop.UpdateOneID(w.shops[0]).SetReceiver("thief").SetStatus("CLOSED").Exec(ctx))
		must(t, w.db.SplitRule.Update().SetBasisPoints(3000).Exec(ctx))
		orders2, lines2, splits2 := read()
		if d := diff(orders, orders2) + diff(lines, lines2) + diff(splits, splits2); d != "" {
			t.Errorf("the order changed with the catalogue:\n%s", d)
		}
		again, err := w.Checkouts.SandboxConfirm(ctx, who, got.Payment.ID.String())
		must(t, err)
		if again.Status != payment.Paid || again.Amount != cny(3998) {
			t.Errorf("what is not sold any more could not be paid: %+v", again)
		}
		w.sees(t, tea, 8, 0)
	})
}

// testPlaceLargest buys what is as long as it may be, in every text.
func testPlaceLargest(t *testing.T, w *world) {
	ctx, text := t.Context(), func(n int) string { return strings.Repeat("茶", n) }
	made, err := w.Catalog.CreateProduct(ctx, w.owner(1), catalog.NewProduct{
		ShopID: w.shops[1].String(), Title: text(200), ImageURLs: []string{"/" + strings.Repeat("a", 999)}, Status: catalog.Active, RequiresShipping: true,
		Variants: []catalog.NewVariant{{SKU: text(64), Title: text(197), Price: money.New(catalog.MaxPrice, money.CNY), OnHand: 9999}},
	})
	must(t, err)
	variants, err := w.Catalog.VariantsOf(ctx, []typeid.Product{made.ID})
	must(t, err)
	long := text(128)
	postal, note := text(32), text(500)
	in := checkout.Input{
		IdempotencyKey: strings.Repeat("k", 128), Lines: lines(variants[0].ID, 9999), ShipTo: address(),
		Shops: []checkout.ShopInput{{ShopID: w.shops[1].String(), Note: &note}},
	}
	in.ShipTo.Name, in.ShipTo.Phone, in.ShipTo.Province, in.ShipTo.City, in.ShipTo.District = long, strings.Repeat("1", 32), long, long, &long
	in.ShipTo.Street, in.ShipTo.PostalCode = text(200), &postal
	placed := w.place(t, w.buyer(t), in)
	got := w.ordersOf(t, placed.ID)
	if d := diff(in.ShipTo, got[0].ShipTo) + diff(&note, got[0].Note); d != "" || got[0].Total != money.New(9999*catalog.MaxPrice, money.CNY) {
		t.Errorf("total %v (-want +got):\n%s", got[0].Total, d)
	}
	lines, err := w.Orders.Lines(ctx, []typeid.Order{got[0].ID})
	if must(t, err); lines[0].Title != text(200)+" · "+text(197) || lines[0].SKU != text(64) {
		t.Errorf("line %+v", lines[0])
	}
}
