package order_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

func TestShip(t *testing.T) {
	t.Parallel()
	eachDesk(t, both(), func(t *testing.T, w *desk) {
		ctx := t.Context()
		t.Run("in two parcels", func(t *testing.T) {
			id, lines := w.paid(t, 3, 1)
			w.told()
			in := order.ShipInput{
				OrderID: id.String(), IdempotencyKey: "first", Method: order.Express, Carrier: new(" SF "), TrackingNumber: new("SF 1002"),
				Lines: []order.LineInput{some(lines[1], 1), some(lines[0], 2)},
			}
			after, made, err := w.Ship(ctx, w.clerk, in)
			must(t, err)
			if after.Status != order.Paid || after.Version != 2 || after.ShippedAt != nil || *made.Carrier != "SF" || *made.TrackingNumber != "SF 1002" || !made.ShippedAt.Equal(w.clock.Now()) {
				t.Errorf("order %+v, shipment %+v", after, made)
			}
			w.clock.Advance(time.Minute)
			after, rest, err := w.Ship(ctx, w.owner, parcel(id, "second"))
			must(t, err)
			if after.Status != order.Shipped || after.Version != 3 || after.ShippedAt == nil || !after.ShippedAt.Equal(w.clock.Now()) || rest.ID == made.ID {
				t.Errorf("order %+v, shipment %+v", after, rest)
			}
			got, err := w.orders.ShipmentLines(ctx, []typeid.Shipment{made.ID, rest.ID})
			must(t, err)
			want := map[typeid.Shipment][]order.ShipmentLine{
				made.ID: {{OrderLineID: lines[1].ID, Quantity: 1}, {OrderLineID: lines[0].ID, Quantity: 2}},
				rest.ID: {{OrderLineID: lines[0].ID, Quantity: 1}},
			}
			if d := cmp.Diff(want, got, cmp.Comparer(func(a, b typeid.OrderLine) bool { return a == b })); d != "" {
				t.Errorf("lines (-want +got):\n%s", d)
			}
			if due := w.due[id]; len(due) != 1 || !due[0].Equal(w.clock.Now()) {
				t.Errorf("what waits for the shipment goes on at %v", due)
			}
			if told := w.told(); len(told) != 2 || w.audited(t, id) != "orderShip orderShip" {
				t.Errorf("told of %v, audited %s", told, w.audited(t, id))
			}
			again, same, err := w.Ship(ctx, w.clerk, in)
			must(t, err)
			if same.ID != made.ID || again.Status != order.Shipped || again.Version != 3 {
				t.Errorf("a repeat gives %v of %+v", same.ID, again)
			}
			in.TrackingNumber = new("SF 1003")
			if _, _, err := w.Ship(ctx, w.clerk, in); !fault.Is(err, fault.IdempotencyKeyReused) {
				t.Errorf("another input with the key: %v", err)
			}
			if _, _, err := w.Ship(ctx, w.owner, parcel(id, "third")); !fault.Is(err, fault.Conflict) {
				t.Errorf("a third parcel: %v", err)
			}
		})
		t.Run("refunded by line", func(t *testing.T) {
			id, lines := w.paid(t, 4, 1)
			w.refund(t, id, "PROCESSING", lines[0].ID, 2)
			w.refund(t, id, "FAILED", lines[0].ID, 1) // is tried again
			w.refund(t, id, "SUCCEEDED", lines[1].ID, 1)
			after, made, err := w.Ship(ctx, w.owner, parcel(id, "refunded"))
			must(t, err)
			got, err := w.orders.ShipmentLines(ctx, []typeid.Shipment{made.ID})
			must(t, err)
			if l := got[made.ID]; after.Status != order.Shipped || len(l) != 1 || l[0] != (order.ShipmentLine{OrderLineID: lines[0].ID, Quantity: 1}) {
				t.Errorf("%s with %v", after.Status, l)
			}
		})
		t.Run("refunded later", func(t *testing.T) {
			id, lines := w.paid(t, 2)
			_, _, err := w.Ship(ctx, w.owner, parcel(id, "half", some(lines[0], 1)))
			must(t, err)
			wholly := func() (out bool) {
				must(t, w.tx(t, func(ctx context.Context, tx *db.Tx) (err error) {
					out, err = order.ShippedWhollyTx(ctx, tx, id)
					return err
				}))
				return out
			}
			if wholly() {
				t.Error("half of it is the whole")
			}
			w.refund(t, id, "PROCESSING", lines[0].ID, 1)
			if !wholly() {
				t.Error("what is refunded has to be shipped")
			}
			must(t, w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.BecomeShippedTx(ctx, tx, id, w.clock.Now()) }))
			if got := w.read(t, id); got.Status != order.Shipped || got.ShippedAt == nil || len(w.due[id]) != 1 {
				t.Errorf("%+v, due %v", got, w.due[id])
			}
			if err := w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.BecomeShippedTx(ctx, tx, id, w.clock.Now()) }); err == nil {
				t.Error("it became SHIPPED twice")
			}
		})
		t.Run("refusals", func(t *testing.T) { shipRefusals(t, w) })
	})
}

func shipRefusals(t *testing.T, w *desk) {
	id, lines := w.paid(t, 2)
	foreign := w.add(t, 0, 1, order.Paid, "", "sku")
	unpaid := w.add(t, 0, 0, order.PendingPayment, "", "sku")
	express := func(carrier, number *string) order.ShipInput {
		return order.ShipInput{OrderID: id.String(), IdempotencyKey: "k", Method: order.Express, Carrier: carrier, TrackingNumber: number}
	}
	many := make([]order.LineInput, 51)
	for name, tc := range map[string]struct {
		who   identity.Principal
		in    order.ShipInput
		code  fault.Code
		field []string
	}{
		"no carrier":            {w.owner, express(nil, new("1")), fault.Invalid, []string{"input", "carrier"}},
		"a blank carrier":       {w.owner, express(new("  "), new("1")), fault.Invalid, []string{"input", "carrier"}},
		"no number":             {w.owner, express(new("SF"), nil), fault.Invalid, []string{"input", "trackingNumber"}},
		"a carrier with spaces": {w.owner, express(new("S F"), new("1")), fault.Invalid, []string{"input", "carrier"}},
		"a carrier in Chinese":  {w.owner, express(new("隔壁老王"), new("1")), fault.Invalid, []string{"input", "carrier"}},
		"a long carrier":        {w.owner, express(new(strings.Repeat("S", 33)), new("1")), fault.Invalid, []string{"input", "carrier"}},
		"a long number":         {w.owner, express(new("SF"), new(strings.Repeat("1", 129))), fault.Invalid, []string{"input", "trackingNumber"}},
		"a number of two lines": {w.owner, express(new("SF"), new("1\n2")), fault.Invalid, []string{"input", "trackingNumber"}},
		"no such method":        {w.owner, order.ShipInput{OrderID: id.String(), IdempotencyKey: "k", Method: "DRONE"}, fault.Invalid, []string{"input", "method"}},
		"no lines":              {w.owner, order.ShipInput{OrderID: id.String(), IdempotencyKey: "k", Method: order.PickUp, Lines: []order.LineInput{}}, fault.Invalid, []string{"input", "lines"}},
		"51 lines":              {w.owner, parcel(id, "k", many...), fault.TooMany, []string{"input", "lines"}},
		"no key":                {w.owner, parcel(id, ""), fault.Invalid, []string{"input", "idempotencyKey"}},
		"too many":              {w.owner, parcel(id, "k", some(lines[0], 3)), fault.Invalid, []string{"input", "lines", "0", "quantity"}},
		"unpaid":                {w.owner, parcel(unpaid, "k"), fault.Conflict, nil},
		"another shop's":        {w.owner, parcel(foreign, "k"), fault.NotFound, []string{"input", "orderId"}},
		"no order":              {w.owner, parcel(typeid.New[typeid.Order](start), "k"), fault.NotFound, []string{"input", "orderId"}},
		"no id":                 {w.owner, order.ShipInput{OrderID: "x", IdempotencyKey: "k", Method: order.SameCity}, fault.NotFound, []string{"input", "orderId"}},
		"its buyer":             {w.buyer, parcel(id, "k"), fault.Forbidden, nil},
		"another buyer":         {identity.Principal{Buyer: w.buyers[1]}, parcel(id, "k"), fault.NotFound, []string{"input", "orderId"}},
		"an operator":           {identity.Principal{Staff: w.owner.Staff, Operator: true}, parcel(id, "k"), fault.Forbidden, nil},
		"nobody":                {identity.Principal{}, parcel(id, "k"), fault.NotFound, []string{"input", "orderId"}},
	} {
		_, _, err := w.Ship(t.Context(), tc.who, tc.in)
		checkRefusal(t, name, err, tc.code, tc.field)
	}
	if got := w.read(t, id); got.Version != 1 || w.audited(t, id) != "" {
		t.Errorf("what was refused left version %d and audit entries %q", got.Version, w.audited(t, id))
	}
	_, _, err := w.Ship(t.Context(), w.owner, parcel(id, "k")) // what is refused leaves the key free
	must(t, err)
}

// TestShipAtOnce has 20 clerks ship the same lines, which leave once; and the same clerk send one request 20 times.
func TestShipAtOnce(t *testing.T) {
	t.Parallel()
	eachDesk(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, func(t *testing.T, w *desk) {
		const clerks = 20
		shipped, lines := w.paid(t, 5, 2)
		repeated, _ := w.paid(t, 4)
		var (
			mu      sync.Mutex
			won     int
			parcels = make(map[typeid.Shipment]bool)
			wg      sync.WaitGroup
			begin   = make(chan struct{})
		)
		for range clerks {
			who := identity.Principal{Staff: typeid.New[typeid.Staff](start)}.WithRole(w.shops[0], identity.Clerk)
			wg.Go(func() {
				<-begin
				_, _, err := w.Ship(t.Context(), who, parcel(shipped, "key", some(lines[0], 5), some(lines[1], 2)))
				_, same, err2 := w.Ship(t.Context(), w.clerk, parcel(repeated, "again"))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !fault.Is(err, fault.Conflict) {
					t.Errorf("refused with %v", err)
				}
				if err2 != nil {
					t.Errorf("a repeat: %v", err2)
					return
				}
				parcels[same.ID] = true
			})
		}
		close(begin)
		wg.Wait()
		if won != 1 || len(parcels) != 1 {
			t.Errorf("%d of %d shipped it, and one request made %d shipments", won, clerks, len(parcels))
		}
		for _, id := range []typeid.Order{shipped, repeated} {
			list, err := w.orders.Shipments(t.Context(), []typeid.Order{id})
			must(t, err)
			if got := w.read(t, id); len(list) != 1 || got.Status != order.Shipped || got.Version != 2 || len(w.due[id]) < 1 || w.audited(t, id) != "orderShip" {
				t.Errorf("%d shipments, %+v, audited %q", len(list), got, w.audited(t, id))
			}
		}
	})
}
