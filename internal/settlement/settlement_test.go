package settlement_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
)

func cny(amount int64) *money.Money {
	m := money.New(amount, money.CNY)
	return &m
}

func (w *world) refund(t *testing.T, o *order.Order, in settlement.RefundInput) (*order.Order, *order.Refund, error) {
	t.Helper()
	in.OrderID = o.ID.String()
	if in.IdempotencyKey == "" {
		in.IdempotencyKey = w.key()
	}
	if in.Reason == "" {
		in.Reason = "退货 returned"
	}
	return w.Settlement.Refund(t.Context(), w.owner, in)
}

// want compares an order's shares, and the provider's own records of its money.
func (w *world) want(t *testing.T, o *order.Order, splits []split, provider books) {
	t.Helper()
	if d := cmp.Diff(splits, w.splits(t, o)); d != "" {
		t.Errorf("splits (-want +got):\n%s", d)
	}
	if d := cmp.Diff(provider, w.books(t, o)); d != "" {
		t.Errorf("the provider's records (-want +got):\n%s", d)
	}
}

func TestRefund(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea, ball := w.goods(t, 1999, 10), w.goods(t, 1, 10)
		o := w.paid(t, line(tea, 3), line(ball, 3)) // 6000 = 5100 + 600 + 300
		planned := []split{{"PLANNED", 5100, 0}, {"PLANNED", 600, 0}, {"PLANNED", 300, 0}}
		w.want(t, o, planned, books{Receiver: map[string]int64{}})
		w.run(t)
		shared := []split{{"SUCCEEDED", 5100, 0}, {"SUCCEEDED", 600, 0}, {"SUCCEEDED", 300, 0}}
		w.want(t, o, shared, books{Receiver: map[string]int64{"merchant": 5100, "r0": 600, "r1": 300}})

		// By line: two of the tea, one of which goes back on sale.
		lines := w.orderLines(t, o)
		of := func(n int, quantity int) []order.LineInput {
			return []order.LineInput{{OrderLineID: lines[n].ID.String(), Quantity: quantity}}
		}
		got, made, err := w.refund(t, o, settlement.RefundInput{Lines: of(0, 2), Restock: of(0, 1)})
		must(t, err)
		if made.Amount != *cny(3998) || made.Status != "SUCCEEDED" || got.Refunded != *cny(3998) || got.Status != order.Paid || got.Version < o.Version+2 {
			t.Errorf("refund %+v of order %+v", made, got)
		}
		if n := w.onHand(t, tea); n != 8 {
			t.Errorf("%d on hand", n)
		}
		// 3998/6000 of each: 3398.3, 399.8, 199.9; the next fen of the third is due last
		w.want(t, o, []split{{"SUCCEEDED", 5100, 3399}, {"SUCCEEDED", 600, 400}, {"SUCCEEDED", 300, 199}},
			books{Buyer: 3998, Receiver: map[string]int64{"merchant": 1701, "r0": 200, "r1": 101}})
		w.paymentIs(t, o, payment.PartiallyRefunded)

		// An amount, then all that is left.
		_, _, err = w.refund(t, o, settlement.RefundInput{Amount: cny(2003)})
		refused(t, err, fault.AmountExceeded, "input", "amount")
		_, _, err = w.refund(t, o, settlement.RefundInput{Amount: cny(1)})
		must(t, err)
		_, _, err = w.refund(t, o, settlement.RefundInput{Lines: of(0, 2)})
		refused(t, err, fault.AmountExceeded, "input", "lines", "0", "quantity")
		got, made, err = w.refund(t, o, settlement.RefundInput{Restock: of(0, 2)})
		if must(t, err); made.Amount != *cny(2001) || got.Status != order.Refunded || got.Refunded != got.Total {
			t.Errorf("refund %+v of order %+v", made, got)
		}
		w.want(t, o, []split{{"RETURNED", 5100, 5100}, {"RETURNED", 600, 600}, {"RETURNED", 300, 300}},
			books{Buyer: 6000, Receiver: map[string]int64{}})
		w.paymentIs(t, o, payment.Refunded)
		if n := w.onHand(t, tea); n != 10 {
			t.Errorf("%d on hand", n)
		}
		_, _, err = w.refund(t, o, settlement.RefundInput{})
		refused(t, err, fault.AmountExceeded, "input", "amount")
	})
}

func (w *world) paymentIs(t *testing.T, o *order.Order, want payment.Status) {
	t.Helper()
	paid, err := w.Payments.ByCheckouts(t.Context(), []typeid.Checkout{o.CheckoutID})
	if must(t, err); paid[0].Status != want {
		t.Errorf("payment is %s, want %s", paid[0].Status, want)
	}
}

// TestRefundBeforeShares refunds what was not paid out yet: it is withheld, and the receivers get the rest.
func TestRefundBeforeShares(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		w.provider.shareAfter = time.Minute
		tea := w.goods(t, 1000, 10)
		o, whole := w.paid(t, line(tea, 1)), w.paid(t, line(tea, 1))
		_, made, err := w.refund(t, o, settlement.RefundInput{Amount: cny(101)})
		if must(t, err); made.Status != "SUCCEEDED" {
			t.Errorf("refund %+v", made)
		}
		_, _, err = w.refund(t, whole, settlement.RefundInput{})
		must(t, err)
		// 10.1 %: 85.85, 10.1, 5.05
		w.want(t, o, []split{{"PLANNED", 850, 86}, {"PLANNED", 100, 10}, {"PLANNED", 50, 5}}, books{Buyer: 101, Receiver: map[string]int64{}})
		w.want(t, whole, []split{{"RETURNED", 850, 850}, {"RETURNED", 100, 100}, {"RETURNED", 50, 50}}, books{Buyer: 1000, Receiver: map[string]int64{}})
		w.clock.Advance(59 * time.Second)
		w.run(t)
		if got := w.splits(t, o)[0].Status; got != "PLANNED" {
			t.Errorf("the share was paid out too early: %s", got)
		}
		w.clock.Advance(time.Second)
		w.run(t)
		w.want(t, o, []split{{"SUCCEEDED", 850, 86}, {"SUCCEEDED", 100, 10}, {"SUCCEEDED", 50, 5}},
			books{Buyer: 101, Receiver: map[string]int64{"merchant": 764, "r0": 90, "r1": 45}})
		if n, err := w.db.Job.Query().Count(t.Context()); n != 0 || err != nil {
			t.Errorf("%d jobs are left, %v", n, err)
		}
	})
}

func TestRefundRefusals(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 100)
		o, other := w.paid(t, line(tea, 2)), w.paid(t, line(tea, 1))
		lines, foreign := w.orderLines(t, o), w.orderLines(t, other)
		input := func(id string, n int) []order.LineInput { return []order.LineInput{{OrderLineID: id, Quantity: n}} }
		hkd := money.New(1, money.HKD)
		id := lines[0].ID.String()
		for name, c := range map[string]struct {
			in    settlement.RefundInput
			code  fault.Code
			field []string
		}{
			"nothing":            {settlement.RefundInput{Amount: cny(0)}, fault.Invalid, []string{"input", "amount", "amount"}},
			"less than nothing":  {settlement.RefundInput{Amount: cny(-1)}, fault.Invalid, []string{"input", "amount", "amount"}},
			"too much":           {settlement.RefundInput{Amount: cny(2001)}, fault.AmountExceeded, []string{"input", "amount"}},
			"another currency":   {settlement.RefundInput{Amount: &hkd}, fault.CurrencyMismatch, []string{"input", "amount", "currency"}},
			"no lines":           {settlement.RefundInput{Lines: []order.LineInput{}}, fault.Invalid, []string{"input", "lines"}},
			"a foreign line":     {settlement.RefundInput{Lines: input(foreign[0].ID.String(), 1)}, fault.NotFound, []string{"input", "lines", "0", "orderLineId"}},
			"no line":            {settlement.RefundInput{Restock: input("x", 1)}, fault.NotFound, []string{"input", "restock", "0", "orderLineId"}},
			"a line twice":       {settlement.RefundInput{Lines: append(input(id, 1), input(id, 1)...)}, fault.Invalid, []string{"input", "lines", "1", "orderLineId"}},
			"none of a line":     {settlement.RefundInput{Lines: input(id, 0)}, fault.Invalid, []string{"input", "lines", "0", "quantity"}},
			"more than bought":   {settlement.RefundInput{Restock: input(id, 3)}, fault.Invalid, []string{"input", "restock", "0", "quantity"}},
			"a blank reason":     {settlement.RefundInput{Reason: " "}, fault.Invalid, []string{"input", "reason"}},
			"a long reason":      {settlement.RefundInput{Reason: strings.Repeat("退", 501)}, fault.Invalid, []string{"input", "reason"}},
			"a key with a blank": {settlement.RefundInput{IdempotencyKey: "a b"}, fault.Invalid, []string{"input", "idempotencyKey"}},
		} {
			t.Run(name, func(t *testing.T) {
				_, _, err := w.refund(t, o, c.in)
				refused(t, err, c.code, c.field...)
			})
		}
		in := settlement.RefundInput{OrderID: o.ID.String(), IdempotencyKey: "k", Reason: "r"}
		clerk := identity.Principal{Staff: w.owner.Staff}.WithRole(w.shop, identity.Clerk)
		stranger := identity.Principal{Staff: w.owner.Staff}.WithRole(typeid.New[typeid.Shop](w.clock.Now()), identity.Owner)
		_, _, err := w.Settlement.Refund(t.Context(), clerk, in)
		refused(t, err, fault.Forbidden)
		_, _, err = w.Settlement.Refund(t.Context(), stranger, in)
		refused(t, err, fault.NotFound, "input", "orderId")
		in.OrderID = "x"
		_, _, err = w.Settlement.Refund(t.Context(), w.owner, in)
		refused(t, err, fault.NotFound, "input", "orderId")
		if got := w.stands(t, o); got.Version != o.Version {
			t.Errorf("something happened: %+v", got)
		}
	})
}

func TestRefundOnce(t *testing.T) {
	each(t, three(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 10)
		o := w.paid(t, line(tea, 1))
		_, first, err := w.refund(t, o, settlement.RefundInput{IdempotencyKey: "k", Amount: cny(300)})
		must(t, err)
		_, again, err := w.refund(t, o, settlement.RefundInput{IdempotencyKey: "k", Amount: cny(300)})
		if must(t, err); again.ID != first.ID {
			t.Error("the same key gave another refund")
		}
		_, _, err = w.refund(t, o, settlement.RefundInput{IdempotencyKey: "k", Amount: cny(301)})
		refused(t, err, fault.IdempotencyKeyReused, "input", "idempotencyKey")

		// Many at once, of keys of their own: no more than is left comes of them.
		var wg sync.WaitGroup
		start := make(chan struct{})
		results := make(chan error, 20)
		for range 20 {
			wg.Go(func() {
				<-start
				_, _, err := w.refund(t, o, settlement.RefundInput{Amount: cny(100)})
				results <- err
			})
		}
		close(start)
		wg.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.AmountExceeded) {
				t.Error(err)
			}
		}
		w.run(t)
		if got := w.stands(t, o); won != 7 || got.Refunded != got.Total || got.Status != order.Refunded {
			t.Errorf("%d refunds of 100 after one of 300: %+v", won, got)
		}
		w.want(t, o, []split{{"RETURNED", 850, 850}, {"RETURNED", 100, 100}, {"RETURNED", 50, 50}}, books{Buyer: 1000, Receiver: map[string]int64{}})
	})
}

// TestProviderFails has the provider refuse, say nothing, and take its time: money moves once it is better.
func TestProviderFails(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 100)
		silent := errors.New("no answer")
		for name, c := range map[string]struct {
			state  payment.TransferState
			err    error
			split  string
			refund string
		}{
			"silent":     {"", silent, "PROCESSING", "PROCESSING"},
			"slow":       {payment.TransferProcessing, nil, "PROCESSING", "PROCESSING"},
			"fails":      {payment.TransferFailed, nil, "FAILED", "FAILED"},
			"says no to": {payment.TransferFailed, fault.New(fault.PaymentRefused, "the payment has not been paid"), "FAILED", "FAILED"},
		} {
			for _, kind := range []string{"share", "return", "refund"} {
				t.Run(fmt.Sprintf("%s %s", name, kind), func(t *testing.T) {
					o := w.paid(t, line(tea, 1))
					if kind != "share" {
						w.run(t)
					}
					says := func(k string) (payment.TransferState, error) {
						if k == kind {
							return c.state, c.err
						}
						return "", nil
					}
					w.provider.says.Store(&says)
					defer w.provider.says.Store(nil)
					var made *order.Refund
					if kind == "share" {
						w.run(t)
						if got := w.splits(t, o)[0].Status; got != c.split {
							t.Errorf("the share is %s", got)
						}
					} else {
						var err error
						_, made, err = w.refund(t, o, settlement.RefundInput{})
						want := c.refund
						if kind == "return" {
							want = "PROCESSING"
						}
						if must(t, err); made.Status != want {
							t.Errorf("the refund is %s", made.Status)
						}
						w.paymentIs(t, o, payment.Refunding)
					}
					w.provider.says.Store(nil)
					w.clock.Advance(time.Hour)
					w.run(t)
					if kind == "share" {
						w.want(t, o, []split{{"SUCCEEDED", 850, 0}, {"SUCCEEDED", 100, 0}, {"SUCCEEDED", 50, 0}},
							books{Receiver: map[string]int64{"merchant": 850, "r0": 100, "r1": 50}})
						return
					}
					w.want(t, o, []split{{"RETURNED", 850, 850}, {"RETURNED", 100, 100}, {"RETURNED", 50, 50}}, books{Buyer: 1000, Receiver: map[string]int64{}})
					if got := w.stands(t, o); got.Status != order.Refunded {
						t.Errorf("order %+v", got)
					}
				})
			}
		}
	})
}

// TestFreeOrder settles an order that costs nothing: no money moves, and its shares are done.
func TestFreeOrder(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		gift := w.goods(t, 0, 10)
		who := w.buyer(t)
		placed, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key(), Lines: []checkout.LineInput{line(gift, 1)}})
		must(t, err)
		orders, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{placed.ID})
		if must(t, err); orders[0].Status != order.Paid {
			t.Fatalf("order %+v", orders[0])
		}
		w.run(t)
		w.want(t, orders[0], []split{{"SUCCEEDED", 0, 0}}, books{Receiver: map[string]int64{}})
		_, _, err = w.refund(t, orders[0], settlement.RefundInput{})
		refused(t, err, fault.AmountExceeded, "input", "amount")
		if n, err := w.db.Job.Query().Count(t.Context()); n != 0 || err != nil {
			t.Errorf("%d jobs are left, %v", n, err)
		}
	})
}

// TestShareWhen pays shares out when the shop wants it: at once, when the goods have left, when they have arrived, and in time in any case.
func TestShareWhen(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 100)
		set := func(when catalog.ShareWhen) {
			must(t, w.db.Shop.Update().SetShareWhen(string(when)).Exec(t.Context()))
		}
		shared := func(o *order.Order) bool {
			w.run(t)
			row, err := w.db.Order.Get(t.Context(), o.ID)
			must(t, err)
			if free := row.FreedAt != nil; free != (w.splits(t, o)[1].Status == "SUCCEEDED") {
				t.Errorf("free: %t, shares: %+v", free, w.splits(t, o))
			}
			return w.splits(t, o)[1].Status == "SUCCEEDED"
		}
		arrive := func(o *order.Order) {
			buyer := identity.Principal{Buyer: o.BuyerID}
			_, err := w.Desk.Complete(t.Context(), buyer, o.ID.String())
			must(t, err)
		}
		ship := func(o *order.Order) {
			_, err := w.ship(t, o, nil)
			must(t, err)
		}
		for _, tc := range []struct {
			when                      catalog.ShareWhen
			paid, shipped, afterwards bool
		}{
			{catalog.AfterPayment, true, true, true},
			{catalog.AfterShipping, false, true, true},
			{catalog.AfterCompletion, false, false, true},
		} {
			set(tc.when)
			o, never := w.paid(t, line(tea, 1)), w.paid(t, line(tea, 1))
			if got := shared(o); got != tc.paid {
				t.Errorf("%s: shared when paid: %t", tc.when, got)
			}
			ship(o)
			if got := shared(o); got != tc.shipped {
				t.Errorf("%s: shared when shipped: %t", tc.when, got)
			}
			arrive(o)
			if got := shared(o); got != tc.afterwards {
				t.Errorf("%s: shared when it arrived: %t", tc.when, got)
			}
			w.clock.Advance(25*24*time.Hour - time.Second)
			if got := shared(never); got != tc.paid {
				t.Errorf("%s: shared though nothing happened: %t", tc.when, got)
			}
			w.clock.Advance(time.Second)
			if !shared(never) {
				t.Errorf("%s: not shared in time", tc.when)
			}
		}
	})
}

// TestSharesSooner has a shop pay out earlier: what waits is looked at at once, and, of those that are too many, within a day.
func TestSharesSooner(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 100)
		operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
		must(t, w.db.Shop.Update().SetShareWhen(string(catalog.AfterCompletion)).Exec(t.Context()))
		first, shipped := w.paid(t, line(tea, 1)), w.paid(t, line(tea, 1))
		_, err := w.ship(t, shipped, nil)
		must(t, err)
		shared := func(o *order.Order) bool {
			w.run(t)
			return w.splits(t, o)[1].Status == "SUCCEEDED"
		}
		set := func(when catalog.ShareWhen) {
			_, err := w.Catalog.UpdateShop(t.Context(), operator, catalog.ShopChange{ShopID: first.ShopID.String(), ShareWhen: &when})
			must(t, err)
		}
		if shared(first) || shared(shipped) {
			t.Error("shared before it arrived")
		}
		if set(catalog.AfterShipping); shared(first) || !shared(shipped) {
			t.Errorf("shared after shipping: %t, %t", shared(first), shared(shipped))
		}
		must(t, w.db.Shop.Update().SetShareWhen(string(catalog.AfterPayment)).Exec(t.Context())) // nobody is told
		if shared(first) {
			t.Error("looked at without being asked")
		}
		w.clock.Advance(24 * time.Hour)
		if !shared(first) {
			t.Error("not looked at within a day")
		}
	})
}
