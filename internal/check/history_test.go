package check_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"holdfast/ent"
	"holdfast/ent/hold"
	"holdfast/ent/ledgerentry"
	"holdfast/ent/order"
	"holdfast/ent/orderline"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/payment"
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
	notification        *ent.Notification // not told yet
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
	h.notify(t)
	return h
}

// notify is something that is yet to be told.
func (h *history) notify(t *testing.T) {
	t.Helper()
	now, o := h.clock.Now(), h.both.orders[0]
	h.notification = h.db.Notification.Create().SetID(typeid.New[typeid.Notification](now)).SetKind("ORDER_PAID").SetAboutID(o.ID.UUID).
		SetBuyerID(o.BuyerID).SetShopID(o.ShopID).SetOrderID(o.ID).SetStatus("PENDING").SetCreatedAt(now).SaveX(t.Context())
	h.db.Job.Create().SetID(typeid.From[typeid.Job](h.notification.ID.UUID)).SetKind("NOTIFICATION").SetRunAt(now).SetAttempts(0).SetWakes(1).
		SetCreatedAt(now).ExecX(t.Context())
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
	s.payment = w.db.Payment.Query().Where(entpayment.CheckoutID(of.ID)).OnlyX(ctx)
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
	h.refund = h.refunded(t, h.partly, 100)
	h.line = h.db.RefundLine.Create().SetID(typeid.New[typeid.RefundLine](now)).SetRefundID(h.refund.ID).
		SetOrderLineID(h.partly.lines[0].ID).SetQuantity(1).SetRestocked(1).SaveX(ctx)
	back := h.partly.lines[0].VariantID
	stock := h.db.Stock.GetX(ctx, back)
	h.db.StockMovement.Create().SetID(typeid.New[typeid.Movement](now)).SetShopID(stock.ShopID).SetVariantID(back).SetKind("RETURNED").
		SetOnHandDelta(1).SetHeldDelta(0).SetOrderID(h.partly.orders[0].ID).SetVersion(stock.Version + 1).SetCreatedAt(now).SaveX(ctx)
	stock.Update().AddOnHand(1).AddVersion(1).ExecX(ctx)

	o := h.partly.orders[0]
	fee := payment.Fee{
		Movement: h.partly.payment.ID.UUID, Order: o.ID, Shop: o.ShopID, Receiver: h.partly.splits[0].Receiver,
		Amount: money.New(4, "CNY"), Now: now,
	}
	given := fee
	given.Movement, given.Returned, given.Amount = h.refund.ID.UUID, true, money.New(1, "CNY")
	h.record(t, payment.FeesTaken{fee, given})
	h.fullRefund = h.refunded(t, h.wholly, 400)

	h.late.orders[0].Update().SetPaidAt(now).ExecX(ctx)
	h.record(t, payment.MoneyReceived{{Checkout: h.late.checkout, Answer: payment.Answer{TransactionID: "late", PaidAt: now}}})
	h.lateRefund = h.refundAsked(t, h.late, 400, "PROCESSING")
	h.late.payment.Update().SetStatus("REFUNDING").ExecX(ctx)
	h.request = h.remember(t, "orderRefund", h.refund.ID.String())
}

// record records that money moved.
func (h *history) record(t *testing.T, m payment.Movement) {
	t.Helper()
	done, err := db.WithTx(t.Context(), h.db, func(ctx context.Context, tx *db.Tx) (bool, error) { return payment.RecordTx(ctx, tx, m) })
	if must(t, err); !done {
		t.Fatalf("%T was recorded before", m)
	}
}

func (h *history) refundAsked(t *testing.T, of *sale, amount int64, status string) *ent.Refund {
	t.Helper()
	o := of.orders[0]
	return h.db.Refund.Create().SetID(typeid.New[typeid.Refund](h.clock.Now())).SetOrderID(o.ID).SetPaymentID(of.payment.ID).SetShopID(o.ShopID).
		SetAmount(amount).SetCurrency("CNY").SetReason("test").SetStatus(status).SetCreatedAt(h.clock.Now()).SaveX(t.Context())
}

// refunded refunds so much of a sale's first order: the merchant has its share and returns it, the platform's is withheld.
func (h *history) refunded(t *testing.T, of *sale, amount int64) *ent.Refund {
	t.Helper()
	r := h.refundAsked(t, of, amount, "PROCESSING")
	for i, s := range of.splits {
		ret := h.returnAsked(t, r, s, s.Amount*amount/of.orders[0].Total, "PROCESSING") // 100 and 400 of 400 divide evenly
		if amount != of.orders[0].Total {
			h.returns = append(h.returns, ret)
		}
		if i == 0 {
			h.share(t, s)
			h.record(t, payment.ShareReturned{Return: ret.ID, Now: h.clock.Now()})
		} else {
			h.record(t, payment.ShareWithheld{Return: ret.ID})
		}
	}
	h.record(t, payment.MoneyRefunded{Refund: r.ID, Now: h.clock.Now()})
	return r
}

func (h *history) returnAsked(t *testing.T, of *ent.Refund, s *ent.PaymentSplit, amount int64, status string) *ent.SplitReturn {
	t.Helper()
	return h.db.SplitReturn.Create().SetID(typeid.New[typeid.SplitReturn](h.clock.Now())).SetRefundID(of.ID).SetSplitID(s.ID).SetShopID(s.ShopID).
		SetAmount(amount).SetCurrency("CNY").SetStatus(status).SetCreatedAt(h.clock.Now()).SaveX(t.Context())
}

// share pays a share out.
func (h *history) share(t *testing.T, s *ent.PaymentSplit) {
	t.Helper()
	s.Update().SetStatus("PROCESSING").ExecX(t.Context())
	h.record(t, payment.ShareMade{Split: s.ID, Now: h.clock.Now()})
}

// entry is an entry of the books about this.
func (h *history) entry(movement typeid.UUID, account payment.Account) typeid.LedgerEntry {
	return h.db.LedgerEntry.Query().Where(ledgerentry.MovementID(movement), ledgerentry.Account(string(account))).FirstX(context.Background()).ID
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
	r := h.refundAsked(t, h.shipped, 100, "FAILED")
	h.db.RefundLine.Create().SetID(typeid.New[typeid.RefundLine](now)).SetRefundID(r.ID).SetOrderLineID(h.shipped.lines[1].ID).
		SetQuantity(1).SetRestocked(0).SaveX(ctx)
	h.share(t, h.shipped.splits[0]) // one has given its part back, the other is yet to
	h.record(t, payment.ShareReturned{Return: h.returnAsked(t, r, h.shipped.splits[0], 90, "FAILED").ID, Now: now})
	h.returnAsked(t, r, h.shipped.splits[1], 10, "FAILED")
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
