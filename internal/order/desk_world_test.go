package order_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// completeAfter is how long the tests' desk waits.
const completeAfter = 240 * time.Hour

// desk is a world in which orders are changed, and what was told of it.
type desk struct {
	*world
	*order.Desk
	clock *clock.Manual
	owner identity.Principal // of shop 0, as clerk
	clerk identity.Principal
	buyer identity.Principal // buyer 0

	mu    sync.Mutex
	moved []typeid.Order
	due   map[typeid.Order][]time.Time
}

func eachDesk(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, w *desk)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			d := testdb.New(t, kind)
			w := &desk{world: newWorld(d), clock: clock.NewManual(start.Add(time.Hour)), due: make(map[typeid.Order][]time.Time)}
			w.Desk = order.NewDesk(d, w.clock.Now, w.tell, w.after, order.DeskSettings{CompleteAfter: completeAfter})
			w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](start)}.WithRole(w.shops[0], identity.Owner)
			w.clerk = identity.Principal{Staff: typeid.New[typeid.Staff](start)}.WithRole(w.shops[0], identity.Clerk)
			w.buyer = identity.Principal{Buyer: w.buyers[0]}
			fn(t, w)
		})
	}
}

func both() []testdb.Kind { return []testdb.Kind{testdb.MySQL, testdb.SQLite} }

func (w *desk) tell(orders []typeid.Order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = append(w.moved, orders...)
}

func (w *desk) after(_ context.Context, _ *db.Tx, o typeid.Order, dueAt time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due[o] = append(w.due[o], dueAt)
	return nil
}

// told takes what was told of the orders since it was asked last.
func (w *desk) told() []typeid.Order {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.moved
	w.moved = nil
	return out
}

// paid is an order of buyer 0 at shop 0 with lines of these quantities, and the lines.
func (w *desk) paid(t *testing.T, quantities ...int) (typeid.Order, []*order.Line) {
	t.Helper()
	id := w.add(t, 0, 0, order.Paid, "", "sku")
	err := w.tx(t, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM order_lines WHERE order_id = ?", id); err != nil {
			return err
		}
		for i, n := range quantities {
			if err := tx.OrderLine.Create().SetID(typeid.New[typeid.OrderLine](start)).SetOrderID(id).SetShopID(w.shops[0]).
				SetVariantID(typeid.New[typeid.Variant](start)).SetTitle("Tea").SetSku(fmt.Sprintf("sku-%d", i)).SetUnitPrice(0).
				SetQuantity(n).SetAmount(0).SetCurrency("CNY").SetPosition(i).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	lines, err := w.orders.Lines(t.Context(), []typeid.Order{id})
	must(t, err)
	return id, lines
}

// refund writes a refund of so many of a line.
func (w *desk) refund(t *testing.T, id typeid.Order, status string, line typeid.OrderLine, quantity int) {
	t.Helper()
	must(t, w.tx(t, func(ctx context.Context, tx *db.Tx) error {
		made := typeid.New[typeid.Refund](start)
		if err := tx.Refund.Create().SetID(made).SetOrderID(id).SetPaymentID(typeid.New[typeid.Payment](start)).SetShopID(w.shops[0]).
			SetAmount(1).SetCurrency("CNY").SetReason("broken").SetStatus(status).SetCreatedAt(start).Exec(ctx); err != nil {
			return err
		}
		return tx.RefundLine.Create().SetID(typeid.New[typeid.RefundLine](start)).SetRefundID(made).SetOrderLineID(line).
			SetQuantity(quantity).SetRestocked(0).Exec(ctx)
	}))
}

func (w *desk) tx(t *testing.T, fn func(ctx context.Context, tx *db.Tx) error) error {
	t.Helper()
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) { return struct{}{}, fn(ctx, tx) })
	return err
}

// read is the order as it stands.
func (w *desk) read(t *testing.T, id typeid.Order) *order.Order {
	t.Helper()
	got, err := w.orders.ByIDs(t.Context(), []typeid.Order{id})
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("%d orders", len(got))
	}
	return got[0]
}

// audited are the actions that the audit log has of an order, oldest first.
func (w *desk) audited(t *testing.T, id typeid.Order) string {
	t.Helper()
	rows, err := w.db.AuditEntry.Query().All(t.Context())
	must(t, err)
	var out []string
	for _, r := range rows {
		if r.Subject == id.String() && r.ShopID == w.shops[0] {
			out = append(out, r.Action)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func parcel(id typeid.Order, key string, lines ...order.LineInput) order.ShipInput {
	return order.ShipInput{OrderID: id.String(), IdempotencyKey: key, Method: order.Virtual, Lines: lines}
}

func some(l *order.Line, n int) order.LineInput {
	return order.LineInput{OrderLineID: l.ID.String(), Quantity: n}
}
