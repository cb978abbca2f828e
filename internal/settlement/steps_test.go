package settlement_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/ent/paymentsplit"
	"holdfast/internal/app"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
)

func of(l *order.Line, n int) []order.LineInput {
	return []order.LineInput{{OrderLineID: l.ID.String(), Quantity: n}}
}

func (w *world) ship(t *testing.T, o *order.Order, lines []order.LineInput) (int, error) {
	t.Helper()
	_, made, err := w.Desk.Ship(t.Context(), w.owner, order.ShipInput{
		OrderID: o.ID.String(), IdempotencyKey: w.key(), Method: order.PickUp, Lines: lines,
	})
	if err != nil {
		return 0, err
	}
	parts, err := w.Orders.ShipmentLines(t.Context(), []typeid.Shipment{made.ID})
	must(t, err)
	n := 0
	for _, p := range parts[made.ID] {
		n += p.Quantity
	}
	return n, nil
}

// TestGoodsOrMoney keeps goods from leaving whose money is all going back, and those that are back on sale.
func TestGoodsOrMoney(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 50)
		silent := func(string) (payment.TransferState, error) { return payment.TransferProcessing, nil }
		w.provider.says.Store(&silent)
		o := w.paid(t, line(tea, 2))
		_, made, err := w.refund(t, o, settlement.RefundInput{})
		if must(t, err); made.Status != "PROCESSING" {
			t.Errorf("refund %+v", made)
		}
		_, err = w.ship(t, o, nil)
		refused(t, err, fault.Conflict)
		w.provider.says.Store(nil)
		w.clock.Advance(time.Hour)
		w.run(t)

		// Half of the money and one of the goods, without a line: one is left to ship, and no more even if it is asked for.
		o = w.paid(t, line(tea, 2))
		l := w.orderLines(t, o)[0]
		_, _, err = w.refund(t, o, settlement.RefundInput{Amount: cny(900), Restock: of(l, 1)})
		must(t, err)
		_, err = w.ship(t, o, of(l, 2))
		refused(t, err, fault.Invalid, "input", "lines", "0", "quantity")
		if n, err := w.ship(t, o, nil); n != 1 || err != nil {
			t.Errorf("shipped %d, %v", n, err)
		}
		// What has left and come back goes on sale beside that.
		_, _, err = w.refund(t, o, settlement.RefundInput{Restock: of(l, 1)})
		must(t, err)
		if n := w.onHand(t, tea); n != 50-2-2+2 {
			t.Errorf("%d on hand", n)
		}
		// One that was shipped comes back while two wait to be: they are still to be shipped.
		o = w.paid(t, line(tea, 3))
		l = w.orderLines(t, o)[0]
		if n, err := w.ship(t, o, of(l, 1)); n != 1 || err != nil {
			t.Errorf("shipped %d, %v", n, err)
		}
		_, _, err = w.refund(t, o, settlement.RefundInput{Amount: cny(1000), Restock: of(l, 1)})
		must(t, err)
		if n, err := w.ship(t, o, nil); n != 2 || err != nil {
			t.Errorf("shipped %d, %v", n, err)
		}
	})
}

// TestTwoHolders has a process go on with an order's money after its lease has ended, while another returns it: what one has
// paid out the other does not take for withheld.
func TestTwoHolders(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		o := w.paid(t, line(w.goods(t, 1000, 5), 1))
		inShare, goOn, inReturn, goOnReturn := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		var shared, returned atomic.Bool
		says := func(kind string) (payment.TransferState, error) { //nolint:unparam // it never fails
			if kind == "share" && shared.CompareAndSwap(false, true) {
				close(inShare)
				<-goOn
			}
			if kind == "return" && returned.CompareAndSwap(false, true) {
				close(inReturn)
				<-goOnReturn
			}
			return "", nil
		}
		w.provider.says.Store(&says)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = w.Jobs.RunDue(t.Context()) })
		<-inShare
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _, _ = w.Settlement.Refund(ctx, w.owner, settlement.RefundInput{OrderID: o.ID.String(), IdempotencyKey: w.key(), Reason: "r"})
		ahead := func() time.Time { return w.clock.Now().Add(61 * time.Second) }
		b := app.New(w.db, ahead, slog.New(slog.DiscardHandler), app.Settings{
			Hold: 15 * time.Minute, MaxOpen: 100, Provider: w.provider, Codes: identity.SandboxCodes{},
		})
		wg.Go(func() { _, _ = b.Jobs.RunDue(t.Context()) })
		<-inReturn
		close(goOn)
		for range 200 {
			n, err := w.db.PaymentSplit.Query().Where(paymentsplit.Status("SUCCEEDED")).Count(t.Context())
			if must(t, err); n == 3 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		close(goOnReturn)
		wg.Wait()
		for range 10 {
			w.clock.Advance(20 * time.Minute)
			w.run(t)
		}
		w.want(t, o, []split{{"RETURNED", 850, 850}, {"RETURNED", 100, 100}, {"RETURNED", 50, 50}}, books{Buyer: 1000, Receiver: map[string]int64{}})
	})
}

// TestOneRefusalKeepsNoOtherWaiting has the provider refuse one return, and then one refund, for ever.
func TestOneRefusalKeepsNoOtherWaiting(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 50)
		no := fault.New(fault.PaymentRefused, "the payment has not been paid")
		o := w.paid(t, line(tea, 2))
		shares := 0
		says := func(kind string) (payment.TransferState, error) {
			if kind == "share" {
				if shares++; shares == 1 { // the merchant's, at first
					return payment.TransferFailed, no
				}
			}
			if kind == "return" {
				return payment.TransferFailed, no
			}
			return "", nil
		}
		w.provider.says.Store(&says)
		w.run(t)
		_, _, err := w.refund(t, o, settlement.RefundInput{Amount: cny(100)})
		must(t, err)
		w.clock.Advance(time.Hour)
		w.run(t)
		w.want(t, o, []split{{"SUCCEEDED", 1700, 85}, {"SUCCEEDED", 200, 0}, {"SUCCEEDED", 100, 0}},
			books{Receiver: map[string]int64{"merchant": 1615, "r0": 200, "r1": 100}})

		w.provider.says.Store(nil)
		w.clock.Advance(time.Hour)
		w.run(t)
		calls := 0
		says = func(kind string) (payment.TransferState, error) {
			if kind == "refund" {
				if calls++; calls%2 == 1 { // the older of two
					return payment.TransferFailed, no
				}
			}
			return "", nil
		}
		w.provider.says.Store(&says)
		_, first, err := w.refund(t, o, settlement.RefundInput{Amount: cny(300)})
		must(t, err)
		calls = 0
		w.clock.Advance(time.Millisecond) // the first is the older
		_, second, err := w.refund(t, o, settlement.RefundInput{Amount: cny(200)})
		if must(t, err); first.Status != "FAILED" || second.Status != "SUCCEEDED" {
			t.Errorf("refunds %+v, %+v", first, second)
		}
		w.provider.says.Store(nil)
		w.clock.Advance(time.Hour)
		w.run(t)
		if got := w.stands(t, o); got.Refunded != *cny(600) {
			t.Errorf("order %+v", got)
		}
	})
}
