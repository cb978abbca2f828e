package check_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"holdfast/ent"
	"holdfast/ent/hold"
	"holdfast/ent/order"
	"holdfast/ent/orderline"
	"holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// history is some of everything that can become of a checkout, each of one order of two lines but for both.
type history struct {
	*world
	clock *clock.Manual

	open, expired       *sale
	late                *sale // cancelled, and paid all the same: on its way back
	partly, wholly      *sale // refunded
	shipped             *sale
	both                *sale // of both shops, paid
	refund, fullRefund  *ent.Refund
	lateRefund          *ent.Refund
	returns             []*ent.SplitReturn // of refund
	line                *ent.RefundLine    // of refund
	parcel              *ent.Shipment
	parcelLine          *ent.ShipmentLine
	request, shipAnswer *ent.StaffRequest
}

// sale is the rows of one checkout.
type sale struct {
	checkout typeid.Checkout
	payment  *ent.Payment
	orders   []*ent.Order
	lines    []*ent.OrderLine // of the first order
	holds    []*ent.Hold
	splits   []*ent.PaymentSplit // of the first order
}

// newHistory makes it through the domain, as far as the domain goes, and by hand from there on.
func newHistory(t *testing.T, d *db.DB) *history {
	t.Helper()
	if _, err := demo.Fill(t.Context(), d, time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	manual := clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))
	h := &history{world: newWorld(t, d, manual.Now), clock: manual}
	lin, v := h.buyer(t, "lin"), h.variants
	h.expired = h.sale(t, h.place(t, lin, v[0][0], v[0][1]))
	h.clock.Advance(time.Hour)
	h.sweep(t, h.expired.checkout)
	h.open = h.sale(t, h.place(t, lin, v[0][0], v[0][1]))
	cancelled := h.place(t, lin, v[0][0], v[0][1])
	_, err := h.checkouts.Cancel(t.Context(), lin, cancelled.ID.String())
	must(t, err)
	h.late = h.sale(t, cancelled)
	h.partly, h.wholly = h.sale(t, h.pay(t, lin, v[0][0], v[0][1])), h.sale(t, h.pay(t, lin, v[0][0], v[0][1]))
	h.shipped, h.both = h.sale(t, h.pay(t, lin, v[0][0], v[0][1])), h.sale(t, h.pay(t, lin, v[0][2], v[1][0]))
	_, err = h.inventory.Adjust(t.Context(), h.owner, inventory.AdjustInput{
		VariantID: v[1][1].String(), Delta: new(-7), Reason: "counted", IdempotencyKey: "adjusted",
	})
	must(t, err)
	h.settle(t)
	h.ship(t)
	return h
}

// sweep lets the sweeper run until it has let this checkout go.
func (h *history) sweep(t *testing.T, id typeid.Checkout) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.checkouts.Sweep(ctx) })
	for h.db.Checkout.GetX(t.Context(), id).Status == string(checkout.Open) {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	running.Wait()
}

// sale reads the rows of a checkout.
func (w *world) sale(t *testing.T, of *checkout.Checkout) *sale {
	t.Helper()
	ctx := t.Context()
	s := &sale{checkout: of.ID}
	s.payment = w.db.Payment.Query().Where(payment.CheckoutID(of.ID)).OnlyX(ctx)
	s.orders = w.db.Order.Query().Where(order.CheckoutID(of.ID)).Order(order.ByID()).AllX(ctx)
	first := s.orders[0].ID
	s.lines = w.db.OrderLine.Query().Where(orderline.OrderID(first)).Order(orderline.ByPosition()).AllX(ctx)
	for _, l := range s.lines {
		s.holds = append(s.holds, w.db.Hold.Query().Where(hold.OrderLineID(l.ID)).OnlyX(ctx))
	}
	s.splits = w.db.PaymentSplit.Query().Where(paymentsplit.OrderID(first)).Order(paymentsplit.ByPosition()).AllX(ctx)
	return s
}

// settle refunds: a quarter of one order, with something put back on sale; all of another; late money, not yet there.
func (h *history) settle(t *testing.T) {
	t.Helper()
	ctx, now := t.Context(), h.clock.Now()
	h.refund = h.refunded(t, h.partly, 100, "SUCCEEDED")
	h.line = h.db.RefundLine.Create().SetID(typeid.New[typeid.RefundLine](now)).SetRefundID(h.refund.ID).
		SetOrderLineID(h.partly.lines[0].ID).SetQuantity(1).SetRestocked(1).SaveX(ctx)
	back := h.partly.lines[0].VariantID
	stock := h.db.Stock.GetX(ctx, back)
	h.db.StockMovement.Create().SetID(typeid.New[typeid.Movement](now)).SetShopID(stock.ShopID).SetVariantID(back).SetKind("RETURNED").
		SetOnHandDelta(1).SetHeldDelta(0).SetOrderID(h.partly.orders[0].ID).SetVersion(stock.Version + 1).SetCreatedAt(now).SaveX(ctx)
	stock.Update().AddOnHand(1).AddVersion(1).ExecX(ctx)
	h.partly.payment.Update().SetStatus("PARTIALLY_REFUNDED").ExecX(ctx)

	h.fullRefund = h.refunded(t, h.wholly, 400, "SUCCEEDED")
	h.wholly.orders[0].Update().SetStatus("REFUNDED").ExecX(ctx)
	h.wholly.payment.Update().SetStatus("REFUNDED").ExecX(ctx)

	h.lateRefund = h.refunded(t, h.late, 400, "PROCESSING")
	h.late.orders[0].Update().SetPaidAt(now).ExecX(ctx)
	h.late.payment.Update().SetStatus("REFUNDING").SetPaidAt(now).SetTransactionID("late").ExecX(ctx)
	h.request = h.remember(t, "orderRefund", h.refund.ID.String())
}

// refunded refunds so much of a sale's first order. Of cancelled shares nothing is returned.
func (h *history) refunded(t *testing.T, of *sale, amount int64, status string) *ent.Refund {
	t.Helper()
	ctx, now, o := t.Context(), h.clock.Now(), of.orders[0]
	r := h.db.Refund.Create().SetID(typeid.New[typeid.Refund](now)).SetOrderID(o.ID).SetPaymentID(of.payment.ID).SetShopID(o.ShopID).
		SetAmount(amount).SetCurrency("CNY").SetReason("test").SetStatus(status).SetCreatedAt(now).SaveX(ctx)
	if status != "SUCCEEDED" {
		return r
	}
	o.Update().AddRefunded(amount).ExecX(ctx)
	for _, s := range of.splits {
		part := s.Amount * amount / o.Total // 100 and 400 of 400 divide evenly
		ret := h.db.SplitReturn.Create().SetID(typeid.New[typeid.SplitReturn](now)).SetRefundID(r.ID).SetSplitID(s.ID).SetShopID(o.ShopID).
			SetAmount(part).SetCurrency("CNY").SetStatus("SUCCEEDED").SetCreatedAt(now).SaveX(ctx)
		if amount != o.Total {
			h.returns = append(h.returns, ret)
		}
		update := s.Update().SetReturned(part).SetStatus("SUCCEEDED")
		if part == s.Amount {
			update.SetStatus("RETURNED")
		}
		update.ExecX(ctx)
	}
	return r
}

// ship ships an order: of its second line one, the money of the other was given back by a refund that is tried again.
func (h *history) ship(t *testing.T) {
	t.Helper()
	ctx, now, o := t.Context(), h.clock.Now(), h.shipped.orders[0]
	h.parcel = h.db.Shipment.Create().SetID(typeid.New[typeid.Shipment](now)).SetOrderID(o.ID).SetShopID(o.ShopID).SetStaffID(h.owner.Staff).
		SetMethod("PICKUP").SetShippedAt(now).SaveX(ctx)
	for i, l := range h.shipped.lines {
		h.parcelLine = h.db.ShipmentLine.Create().SetID(typeid.New[typeid.ShipmentLine](now)).SetShipmentID(h.parcel.ID).
			SetOrderLineID(l.ID).SetQuantity(l.Quantity - i).SaveX(ctx)
	}
	r := h.refunded(t, h.shipped, 100, "FAILED")
	h.db.RefundLine.Create().SetID(typeid.New[typeid.RefundLine](now)).SetRefundID(r.ID).SetOrderLineID(h.shipped.lines[1].ID).
		SetQuantity(1).SetRestocked(0).SaveX(ctx)
	for i, part := range []int64{90, 10} { // one has given its part back, the other is yet to
		ret := h.db.SplitReturn.Create().SetID(typeid.New[typeid.SplitReturn](now)).SetRefundID(r.ID).SetSplitID(h.shipped.splits[i].ID).
			SetShopID(o.ShopID).SetAmount(part).SetCurrency("CNY").SetStatus([]string{"SUCCEEDED", "FAILED"}[i]).SetCreatedAt(now).SaveX(ctx)
		if ret.Status == "SUCCEEDED" {
			h.shipped.splits[i].Update().SetReturned(part).SetStatus("SUCCEEDED").ExecX(ctx)
		}
	}
	o.Update().SetStatus("SHIPPED").SetShippedAt(now).ExecX(ctx)
	h.shipAnswer = h.remember(t, "orderShip", h.parcel.ID.String())
	h.remember(t, "stocksAdjust", "[]")
}

// remember is a request of staff that was answered so.
func (h *history) remember(t *testing.T, operation, made string) *ent.StaffRequest {
	t.Helper()
	return h.db.StaffRequest.Create().SetID(typeid.New[typeid.StaffRequest](h.clock.Now())).SetStaffID(h.owner.Staff).SetOperation(operation).
		SetIdempotencyKey(h.key()).SetRequestHash(make([]byte, 32)).SetResult(made).SetCreatedAt(h.clock.Now()).SaveX(t.Context())
}
