package settlement_test

import (
	"testing"
	"time"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/order"
	"holdfast/internal/settlement"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// lease is more than a process may be silent before another takes its work.
const lease = 2 * time.Minute

// TestKilledAtEachStep has the process die before each statement and on either side of each call to the provider, while it pays
// shares out, refunds, and gives late money back. Another process ends what it began: money moves once.
func TestKilledAtEachStep(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 1_000_000)
		for _, c := range []struct {
			name  string
			order func(t *testing.T) *order.Order
			do    func(t *testing.T, o *order.Order) func()
			want  func(t *testing.T, o *order.Order)
		}{
			{
				"shares", func(t *testing.T) *order.Order { return w.paid(t, line(tea, 1)) },
				func(t *testing.T, _ *order.Order) func() { return func() { _, _ = w.Jobs.RunDue(t.Context()) } },
				func(t *testing.T, o *order.Order) {
					w.want(t, o, []split{{"SUCCEEDED", 850, 0}, {"SUCCEEDED", 100, 0}, {"SUCCEEDED", 50, 0}},
						books{Receiver: map[string]int64{"merchant": 850, "r0": 100, "r1": 50}})
				},
			},
			{"refund of shares", func(t *testing.T) *order.Order {
				o := w.paid(t, line(tea, 1))
				w.run(t)
				return o
			}, func(t *testing.T, o *order.Order) func() {
				in := settlement.RefundInput{OrderID: o.ID.String(), IdempotencyKey: w.key(), Amount: cny(500), Reason: "r"}
				return func() { _, _, _ = w.Settlement.Refund(t.Context(), w.owner, in) }
			}, func(t *testing.T, o *order.Order) {
				if w.stands(t, o).Refunded.Amount == 0 { // it died before the refund was decided: whoever asked asks again
					_, _, err := w.refund(t, o, settlement.RefundInput{Amount: cny(500)})
					must(t, err)
				}
				w.want(t, o, []split{{"SUCCEEDED", 850, 425}, {"SUCCEEDED", 100, 50}, {"SUCCEEDED", 50, 25}},
					books{Buyer: 500, Receiver: map[string]int64{"merchant": 425, "r0": 50, "r1": 25}})
			}},
			{
				"late money", func(t *testing.T) *order.Order { return w.cancelledAndPaid(t, tea) },
				func(t *testing.T, _ *order.Order) func() { return func() { _, _ = w.Jobs.RunDue(t.Context()) } },
				func(t *testing.T, o *order.Order) {
					w.want(t, o, []split{{"CANCELLED", 850, 0}, {"CANCELLED", 100, 0}, {"CANCELLED", 50, 0}}, books{Buyer: 1000, Receiver: map[string]int64{}})
					if got := w.stands(t, o); got.Status != order.Refunded {
						t.Errorf("order %+v", got)
					}
				},
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				died := int64(0)
				for n := int64(1); ; n++ {
					o := c.order(t)
					if !w.dying(n, c.do(t, o)) {
						break
					}
					died = n
					w.clock.Advance(lease)
					w.run(t)
					c.want(t, o)
				}
				if t.Logf("died at %d steps", died); died < 10 {
					t.Errorf("it died at %d steps only", died)
				}
			})
		}
	})
}

// cancelledAndPaid is an order that was paid after it was cancelled; nothing has been done about it yet.
func (w *world) cancelledAndPaid(t *testing.T, v typeid.Variant) *order.Order {
	t.Helper()
	who := w.buyer(t)
	placed, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key(), Lines: []checkout.LineInput{line(v, 1)}})
	must(t, err)
	_, err = w.Checkouts.Cancel(t.Context(), who, placed.ID.String())
	must(t, err)
	_, err = w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
	must(t, err)
	orders, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{placed.ID})
	must(t, err)
	return orders[0]
}

// TestTwoProcesses has two processes carry out the jobs of many orders at once: each is carried out once.
func TestTwoProcesses(t *testing.T) {
	each(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 1000)
		var orders []*order.Order
		for range 20 {
			orders = append(orders, w.paid(t, line(tea, 1)))
		}
		second := w.again()
		done := make(chan error, 8)
		for i := range cap(done) {
			go func() {
				queue := w.Jobs
				if i%2 == 0 {
					queue = second.Jobs
				}
				_, err := queue.RunDue(t.Context())
				done <- err
			}()
		}
		for range cap(done) {
			must(t, <-done)
		}
		w.run(t)
		for _, o := range orders {
			w.want(t, o, []split{{"SUCCEEDED", 850, 0}, {"SUCCEEDED", 100, 0}, {"SUCCEEDED", 50, 0}},
				books{Receiver: map[string]int64{"merchant": 850, "r0": 100, "r1": 50}})
		}
		if n, err := w.db.Job.Query().Count(t.Context()); n != 0 || err != nil {
			t.Errorf("%d jobs are left, %v", n, err)
		}
	})
}

// TestCompletesByItself ships an order and waits: it completes, and not before its time.
func TestCompletesByItself(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		o := w.paid(t, line(w.goods(t, 1000, 10), 1))
		w.run(t)
		_, _, err := w.Desk.Ship(t.Context(), w.owner, order.ShipInput{OrderID: o.ID.String(), IdempotencyKey: w.key(), Method: order.PickUp})
		must(t, err)
		w.clock.Advance(order.DefaultCompleteAfter - time.Second)
		w.run(t)
		if got := w.stands(t, o); got.Status != order.Shipped {
			t.Errorf("order %+v", got)
		}
		w.clock.Advance(time.Second)
		w.run(t)
		if got := w.stands(t, o); got.Status != order.Completed {
			t.Errorf("order %+v", got)
		}
		if n, err := w.db.Job.Query().Count(t.Context()); n != 0 || err != nil {
			t.Errorf("%d jobs are left, %v", n, err)
		}
	})
}

// TestRefundShipsTheRest refunds the lines that were not shipped yet: the order is shipped with what has left.
func TestRefundShipsTheRest(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		o := w.paid(t, line(w.goods(t, 1000, 10), 3))
		lines := w.orderLines(t, o)
		_, _, err := w.Desk.Ship(t.Context(), w.owner, order.ShipInput{
			OrderID: o.ID.String(), IdempotencyKey: w.key(), Method: order.PickUp, Lines: []order.LineInput{{OrderLineID: lines[0].ID.String(), Quantity: 2}},
		})
		must(t, err)
		got, _, err := w.refund(t, o, settlement.RefundInput{Lines: []order.LineInput{{OrderLineID: lines[0].ID.String(), Quantity: 1}}})
		if must(t, err); got.Status != order.Shipped {
			t.Errorf("order %+v", got)
		}
		w.clock.Advance(order.DefaultCompleteAfter)
		w.run(t)
		if got := w.stands(t, o); got.Status != order.Completed {
			t.Errorf("order %+v", got)
		}
	})
}

// TestPricesLeaveOrdersAlone changes prices between an order and its refund.
func TestPricesLeaveOrdersAlone(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		tea := w.goods(t, 1000, 10)
		o := w.paid(t, line(tea, 2))
		_, err := w.Catalog.UpdateVariant(t.Context(), w.owner, catalog.VariantChange{VariantID: tea.String(), Price: cny(5)})
		must(t, err)
		lines := w.orderLines(t, o)
		_, made, err := w.refund(t, o, settlement.RefundInput{Lines: []order.LineInput{{OrderLineID: lines[0].ID.String(), Quantity: 1}}})
		if must(t, err); made.Amount != *cny(1000) {
			t.Errorf("refund %+v", made)
		}
	})
}
