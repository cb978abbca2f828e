package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/checkout"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/order"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
)

// TestDeeds has staff's deeds share transactions with checkouts.
func TestDeeds(t *testing.T) {
	parts(t,
		part{"adjusted together", testAdjustedTogether},
		part{"all refused", testAllRefusedTogether},
		part{"a poisoned one", testPoisonedDeed},
		part{"restocked together", testRestockedTogether},
		part{"refunds of one order", testRefundsTogether},
		part{"callers who leave", testAdjustersLeave},
		part{"many adjustments", testManyAdjustments},
	)
}

// stockUpdate is sent once by each transaction that moves stock.
const stockUpdate = "UPDATE `stocks`"

// adjusts changes a stock by so many, and says what came of it: how the stock stands, or the refusal.
func (w *world) adjusts(t *testing.T, who identity.Principal, in inventory.AdjustInput, into *string) func() {
	t.Helper()
	in.Reason = "count"
	return func() {
		got, err := w.Inventory.Adjust(t.Context(), who, in)
		if *into = fmt.Sprint(err); err == nil {
			*into = fmt.Sprintf("%d on hand, %d held, version %d", got.OnHand, got.Held, got.Version)
		}
	}
}

func (w *world) by(v typeid.Variant, n int) inventory.AdjustInput {
	return inventory.AdjustInput{VariantID: v.String(), Delta: &n, IdempotencyKey: w.key()}
}

// testAdjustedTogether decides checkouts and adjustments of one SKU in the order of their arrival, each by what those before have left.
func testAdjustedTogether(t *testing.T, w *world) {
	tea, buyers, staff := w.variant(t, 0, 1999, 5), w.buyers(t, 4), w.owner(0)
	at := w.stock(t, tea).Version
	stale, again := w.by(tea, 1), w.by(tea, 1)
	stale.IfVersion = &at
	reused := again
	reused.Delta = new(2)
	first := w.by(tea, 10)
	first.IfVersion = &at
	var told [8]string
	var bought [4]said
	n := w.counted(t, stockUpdate,
		w.adjusts(t, staff, first, &told[0]),
		w.adjusts(t, staff, stale, &told[1]),
		w.asks(t, buyers[0], w.buy(tea, 12), &bought[0]), // more than there were before
		w.adjusts(t, staff, w.by(tea, -4), &told[2]),
		w.adjusts(t, staff, again, &told[3]),
		w.asks(t, buyers[1], w.buy(tea, 5), &bought[1]),
		w.adjusts(t, staff, again, &told[4]),
		w.adjusts(t, staff, reused, &told[5]),
		w.adjusts(t, staff, w.by(tea, -4), &told[6]),
		w.asks(t, buyers[2], w.buy(tea, 1), &bought[2]),
		w.asks(t, buyers[3], w.buy(tea, 1), &bought[3]),
		w.adjusts(t, staff, w.by(tea, 1), &told[7]),
	)
	if n != 1 {
		t.Errorf("stock was written %d times, want once", n)
	}
	want := [...]string{
		fmt.Sprintf("15 on hand, 0 held, version %d", at+1),
		"the stock has changed since; read it again",
		"12 are held for orders; no fewer can be on hand",
		fmt.Sprintf("16 on hand, 12 held, version %d", at+2),
		fmt.Sprintf("16 on hand, 12 held, version %d", at+2),
		"this idempotencyKey was used with another input",
		fmt.Sprintf("12 on hand, 12 held, version %d", at+3),
		fmt.Sprintf("13 on hand, 12 held, version %d", at+4),
	}
	if d := cmp.Diff(want[:], told[:]); d != "" {
		t.Errorf("adjustments (-want +got):\n%s", d)
	}
	must(t, bought[0].err)
	for i, left := range []int{4, 0, 0} {
		var short *inventory.ShortError
		if err := bought[i+1].err; !errors.As(err, &short) || short.Shortages[0].Available != left {
			t.Errorf("buyer %d: %v, want %d to be left", i+1, err, left)
		}
	}
	w.sees(t, tea, 13, 12)
	if got := w.stock(t, tea).Version; got != at+4 {
		t.Errorf("version %d, want %d", got, at+4)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM staff_requests"); n != 4 {
		t.Errorf("%d keys are taken, want 4", n)
	}
}

// testAllRefusedTogether refuses every line of a request beside others: it leaves nothing, its key least of all.
func testAllRefusedTogether(t *testing.T, w *world) {
	tea, ball, staff := w.variant(t, 0, 1999, 5), w.variant(t, 0, 500, 5), w.owner(0)
	in := inventory.BulkInput{IdempotencyKey: w.key(), Reason: "count", Lines: []inventory.BulkLine{
		{VariantID: tea.String(), Delta: new(-1)}, {VariantID: ball.String(), Delta: new(-6)},
	}}
	keys := w.count(t, "SELECT COUNT(*) FROM staff_requests")
	var bought said
	var told [2]string
	var verdicts []inventory.BulkVerdict
	var err error
	w.together(t,
		w.asks(t, w.buyer(t), w.buy(tea, 5), &bought),
		func() { verdicts, err = w.Inventory.AdjustMany(t.Context(), staff, in) },
		w.adjusts(t, staff, w.by(tea, 1), &told[0]),
		w.adjusts(t, staff, w.by(ball, 1), &told[1]),
	)
	must(t, errors.Join(err, bought.err))
	for i, held := range []int{5, 0} {
		if want := fmt.Sprintf("%d are held for orders; no fewer can be on hand", held); fmt.Sprint(verdicts[i].Err) != want || verdicts[i].Stock != nil {
			t.Errorf("line %d: %+v, want %s", i, verdicts[i], want)
		}
	}
	if n := w.count(t, "SELECT COUNT(*) FROM staff_requests") - keys; n != 2 {
		t.Errorf("%d keys are taken, want 2: %q", n, told)
	}
	w.sees(t, tea, 6, 5)
	w.sees(t, ball, 6, 0)
	in.Lines[1].Delta = new(3) // the key is free
	verdicts, err = w.Inventory.AdjustMany(t.Context(), staff, in)
	must(t, errors.Join(err, verdicts[0].Err, verdicts[1].Err))
	w.sees(t, tea, 5, 5)
	w.sees(t, ball, 9, 0)
}

var errSpoilt = errors.New("spoilt")

// testPoisonedDeed has two deeds break their transaction, one after it has written: they alone fail.
func testPoisonedDeed(t *testing.T, w *world) {
	tea, staff := w.variant(t, 0, 1999, 20), w.owner(0)
	spoilt := func(do func(ctx context.Context, tx *db.Tx, shelf *inventory.Shelf) error) (*inventory.Deed, *error) {
		var came error
		committed := func() { t.Error("a poisoned deed is committed") }
		return &inventory.Deed{
			Request: idempotency.Request{Staff: staff.Staff, Operation: "spoil", Key: w.key(), Now: w.clock.Now()},
			Shop:    w.shops[0], Variants: []typeid.Variant{tea}, Committed: committed,
			Do: func(ctx context.Context, tx *db.Tx, shelf *inventory.Shelf) (inventory.Made, error) {
				must(t, shelf.Move(inventory.Movement{Variant: tea, Kind: inventory.Adjusted, OnHand: 7}))
				return inventory.Made{}, do(ctx, tx, shelf)
			},
		}, &came
	}
	twice, twiceErr := spoilt(func(ctx context.Context, tx *db.Tx, _ *inventory.Shelf) error {
		row := [][]any{{"one", "PAID", 1, "CNY", w.clock.Now()}}
		columns := []string{"id", "status", "amount", "currency", "created_at"}
		return errors.Join(tx.Insert(ctx, "sandbox_trades", columns, row), tx.Insert(ctx, "sandbox_trades", columns, row))
	})
	panics, panicsErr := spoilt(func(context.Context, *db.Tx, *inventory.Shelf) error { panic(errSpoilt) })
	var told [3]string
	var bought [2]said
	w.together(t,
		w.adjusts(t, staff, w.by(tea, 1), &told[0]),
		w.asks(t, w.buyer(t), w.buy(tea, 2), &bought[0]),
		func() { _, *twiceErr = w.Inventory.Do(t.Context(), twice) },
		w.adjusts(t, staff, w.by(tea, 1), &told[1]),
		func() { _, *panicsErr = w.Inventory.Do(t.Context(), panics) },
		w.asks(t, w.buyer(t), w.buy(tea, 20), &bought[1]),
		w.adjusts(t, staff, w.by(tea, 1), &told[2]),
	)
	must(t, errors.Join(bought[0].err, bought[1].err))
	if *twiceErr == nil || *panicsErr == nil {
		t.Errorf("the poisoned ones came to %v and %v", *twiceErr, *panicsErr)
	}
	w.sees(t, tea, 23, 22)
	if n := w.count(t, "SELECT COUNT(*) FROM staff_requests WHERE operation = 'spoil'") + w.count(t, "SELECT COUNT(*) FROM sandbox_trades WHERE id = 'one'"); n != 0 {
		t.Errorf("%d rows are left of the poisoned ones: %q", n, told)
	}
}

// restock is a refund of one order that puts so many of its first line back on sale.
func (w *world) restock(t *testing.T, of *order.Order, quantity int) settlement.RefundInput {
	t.Helper()
	lines, err := w.Orders.Lines(t.Context(), []typeid.Order{of.ID})
	must(t, err)
	back := []order.LineInput{{OrderLineID: lines[0].ID.String(), Quantity: quantity}}
	return settlement.RefundInput{OrderID: of.ID.String(), IdempotencyKey: w.key(), Reason: "returned", Lines: back, Restock: back}
}

// paidOrder is an order that is paid.
func (w *world) paidOrder(t *testing.T, of ...any) *order.Order {
	t.Helper()
	who := w.buyer(t)
	placed := w.place(t, who, w.buy(of...))
	_, err := w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
	must(t, err)
	return w.ordersOf(t, placed.ID)[0]
}

// testRestockedTogether sells again what the same transaction takes back: to the buyer who asks after it, not to the one before.
func testRestockedTogether(t *testing.T, w *world) {
	tea, staff := w.variant(t, 0, 1999, 2), w.owner(0)
	o := w.paidOrder(t, tea, 2)
	in := w.restock(t, o, 1)
	var told [3]said
	var err error
	n := w.counted(t, stockUpdate,
		w.asks(t, w.buyer(t), w.buy(tea, 1), &told[0]),
		func() { _, _, err = w.Settlement.Refund(t.Context(), staff, in) },
		w.asks(t, w.buyer(t), w.buy(tea, 1), &told[1]),
		w.asks(t, w.buyer(t), w.buy(tea, 1), &told[2]),
	)
	must(t, errors.Join(err, told[1].err))
	refused(t, told[0].err, fault.OutOfStock)
	refused(t, told[2].err, fault.OutOfStock)
	if n != 1 {
		t.Errorf("stock was written %d times, want once", n)
	}
	w.sees(t, tea, 1, 1)
	if after := w.orderOf(t, o.ID); after.Refunded.Amount != 1999 {
		t.Errorf("%s were given back", after.Refunded)
	}
}

func (w *world) orderOf(t *testing.T, id typeid.Order) *order.Order {
	t.Helper()
	found, err := w.Orders.ByIDs(t.Context(), []typeid.Order{id})
	must(t, err)
	return found[0]
}

// testRefundsTogether decides refunds of one order in one transaction: each counts those before it, and one whose turn it is not is
// refused as it is alone.
func testRefundsTogether(t *testing.T, w *world) {
	tea, staff := w.variant(t, 0, 1999, 5), w.owner(0)
	o := w.paidOrder(t, tea, 3)
	unpaid := w.ordersOf(t, w.place(t, w.buyer(t), w.buy(tea, 1)).ID)[0]
	first, early := w.restock(t, o, 2), w.restock(t, unpaid, 1)
	inputs := []settlement.RefundInput{first, w.restock(t, o, 2), early, w.restock(t, o, 1), first}
	errs := make([]error, len(inputs))
	made := make([]*order.Refund, len(inputs))
	var do []func()
	for i, in := range inputs {
		do = append(do, func() { _, made[i], errs[i] = w.Settlement.Refund(t.Context(), staff, in) })
	}
	w.counted(t, stockUpdate, do...)
	must(t, errors.Join(errs[0], errs[3], errs[4]))
	refused(t, errs[1], fault.AmountExceeded)
	refused(t, errs[2], fault.Conflict)
	if made[0].ID != made[4].ID {
		t.Error("one key made two refunds")
	}
	w.sees(t, tea, 5, 1)
	if after := w.orderOf(t, o.ID); after.Refunded != after.Total || after.Status != order.Refunded {
		t.Errorf("the order came to %+v", after)
	}
}

// testAdjustersLeave has those who adjust leave while they wait: each adjustment is made once, as their repeats tell.
func testAdjustersLeave(t *testing.T, w *world) {
	tea, staff := w.variant(t, 0, 1999, 4), w.owner(0)
	in := []inventory.AdjustInput{w.by(tea, 1), w.by(tea, -6), w.by(tea, 2)}
	var do []func()
	ctx, leave := context.WithCancel(t.Context())
	for i := range in {
		in[i].Reason = "count"
		do = append(do, func() {
			if _, err := w.Inventory.Adjust(ctx, staff, in[i]); !errors.Is(err, context.Canceled) {
				t.Errorf("left with %v", err)
			}
		})
	}
	var last string
	do = append(do, func() {
		leave()
		w.adjusts(t, staff, w.by(tea, 1), &last)()
	})
	w.together(t, do...)
	w.sees(t, tea, 8, 0)
	for i, in := range in {
		if i == 1 { // it was refused, and now it can be
			in.Delta = new(-8)
		}
		if _, err := w.Inventory.Adjust(t.Context(), staff, in); err != nil {
			t.Errorf("adjustment %d: %v", i, err)
		}
	}
	w.sees(t, tea, 0, 0)
}

// testManyAdjustments counts what adjustments cost that arrive together, and tells watchers of them once.
func testManyAdjustments(t *testing.T, w *world) {
	const many = 60
	tea, staff := w.variant(t, 0, 1999, 100), w.owner(0)
	told := make([]string, many)
	var do []func()
	for i := range many {
		do = append(do, w.adjusts(t, staff, w.by(tea, 1), &told[i]))
	}
	if n := w.counted(t, stockUpdate, do...); n != 1 {
		t.Errorf("%d adjustments wrote stock %d times, want once", many, n)
	}
	w.sees(t, tea, 100+many, 0)
	slices.Sort(told)
	if got := len(slices.Compact(told)); got != many {
		t.Errorf("%d adjustments were told %d states", many, got)
	}
	var sent int
	all := w.statements(func() {
		atOnce(many, func(int) {
			var said string
			w.adjusts(t, staff, w.by(tea, 1), &said)()
		})
	})
	for _, query := range all {
		if strings.HasPrefix(query, stockUpdate) {
			sent++
		}
	}
	if t.Logf("%d adjustments at once: %d statements, %d transactions", many, len(all), sent); sent > many/2 {
		t.Errorf("%d adjustments at once took %d transactions", many, sent)
	}
	w.sees(t, tea, 100+2*many, 0)
}

// TestRaceDeeds lets checkouts, adjustments and restocking refunds of two SKUs loose on each other, in two processes, each key in both:
// the books are exact, and everything that was granted happened once.
func TestRaceDeeds(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		const each = 8
		tea, ball, staff := w.variant(t, 0, 1999, 1000), w.variant(t, 0, 500, 1000), w.owner(0)
		other := w.process(w.sandbox, 0)
		for range w.rounds(4) {
			refunds, adjusts, buyers := make([]settlement.RefundInput, each), make([]inventory.BulkInput, each), w.buyers(t, each)
			places := make([]checkout.Input, each)
			for i := range each {
				of := []any{tea, 1, ball, 1}
				line := []inventory.BulkLine{{VariantID: tea.String(), Delta: new(2)}, {VariantID: ball.String(), Delta: new(-1)}}
				if i%2 == 0 {
					of = []any{ball, 1, tea, 1}
					slices.Reverse(line)
				}
				refunds[i] = w.restock(t, w.paidOrder(t, of...), 1)
				adjusts[i] = inventory.BulkInput{IdempotencyKey: w.key(), Reason: "count", Lines: line}
				places[i] = w.buy(of...)
			}
			before := [2]inventory.Stock{w.stock(t, tea), w.stock(t, ball)}
			atOnce(6*each, func(i int) {
				at, n := w.App, i/6
				if i%2 == 0 {
					at = other
				}
				var err error
				switch i % 6 / 2 {
				case 0:
					_, _, err = at.Settlement.Refund(t.Context(), staff, refunds[n])
				case 1:
					var got []inventory.BulkVerdict
					got, err = at.Inventory.AdjustMany(t.Context(), staff, adjusts[n])
					for _, v := range got {
						err = errors.Join(err, v.Err)
					}
				default:
					_, err = at.Checkouts.Place(t.Context(), buyers[n], places[n])
				}
				if err != nil {
					t.Error(err)
				}
			})
			w.sees(t, tea, before[0].OnHand+2*each+each/2, before[0].Held+each)
			w.sees(t, ball, before[1].OnHand-each+each/2, before[1].Held+each)
		}
	})
}

// TestRaceRefundsOfSharedCheckouts refunds the orders of the same checkouts in two processes, of one shop here and of the other there,
// in opposite order: nobody waits in a circle, so that no transaction has to be tried again.
func TestRaceRefundsOfSharedCheckouts(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		const each = 12
		tea, ball, staff := w.variant(t, 0, 1999, 1000), w.variant(t, 1, 500, 1000), w.owner(0, 1)
		other := w.process(w.sandbox, 0)
		for range w.rounds(4) {
			var in [2][each]settlement.RefundInput
			for i := range each {
				who := w.buyer(t)
				placed := w.place(t, who, w.buy(tea, 1, ball, 1))
				_, err := w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
				must(t, err)
				for _, o := range w.ordersOf(t, placed.ID) {
					if o.ShopID == w.shops[0] {
						in[0][i] = w.restock(t, o, 1)
					} else {
						in[1][each-1-i] = w.restock(t, o, 1)
					}
				}
			}
			sent := w.statements(func() {
				atOnce(2*each, func(i int) {
					at := w.App
					if i%2 == 1 {
						at = other
					}
					if _, _, err := at.Settlement.Refund(t.Context(), staff, in[i%2][i/2]); err != nil {
						t.Error(err)
					}
				})
			})
			inserts := 0
			for _, query := range sent {
				if strings.HasPrefix(query, "INSERT INTO `refunds`") {
					inserts++
				}
			}
			if inserts != 2*each {
				t.Errorf("%d refunds were inserted %d times", 2*each, inserts)
			}
		}
	})
}
