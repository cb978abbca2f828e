package main

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/demo"
)

// TestShipping is how goods leave, parcel by parcel, and arrive; and what staff write down on the way.
func TestShipping(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("parcel by parcel", func(t *testing.T) { shipByParcel(t, w) })
		t.Run("notes", func(t *testing.T) { staffNotes(t, w) })
		t.Run("what was refunded is not shipped", func(t *testing.T) { shipWhatIsLeft(t, w) })
		t.Run("completes by itself", func(t *testing.T) { completesByItself(t, w) })
	})
}

func shipByParcel(t *testing.T, w *world) {
	clerk, buyer := w.staff(t, demo.Clerk, demo.Password), w.buyer(t, "receiver")
	v := w.goods(t, w.shops(t)[0], 100, 10, 10)
	placed := buyer.buy(t, vars{"lines": lines(v[0], 3, v[1], 2)})
	clerk.ship(t, vars{"orderId": placed.Orders[0].ID, "method": "PICKUP"}).refused(t, "CONFLICT") // unpaid
	buyer.confirm(t, placed.Payment.ID).refused(t)
	o := *buyer.order(t, placed.Orders[0].ID)
	s := buyer.socket(t)
	id := s.watch(watchOrder, vars{"id": o.ID})
	last := told[orderView](s, id)

	clerk.ship(t, vars{"orderId": o.ID}).refused(t, "INVALID") // EXPRESS has a number
	clerk.ship(t, vars{"orderId": o.ID, "method": "PICKUP", "lines": []vars{lineOf(o, 0, 4)}}).refused(t, "INVALID")
	clerk.ship(t, vars{"orderId": o.ID, "method": "PICKUP", "lines": []vars{}}).refused(t, "INVALID")
	buyer.complete(t, o.ID).refused(t, "CONFLICT")
	parcel := vars{"orderId": o.ID, "carrier": "SF", "trackingNumber": "SF100", "lines": []vars{lineOf(o, 0, 2)}, "idempotencyKey": unique("key")}
	first := clerk.ship(t, parcel)
	first.refused(t)
	if p := first.Shipment; p.Method != "EXPRESS" || *p.Carrier != "SF" || *p.TrackingNumber != "SF100" || len(p.Lines) != 1 || p.Lines[0].Quantity != 2 || first.Order.Status != "PAID" {
		t.Errorf("the first parcel: %+v of an order that is %s", p, first.Order.Status)
	}
	if again := clerk.ship(t, parcel); len(again.UserErrors) > 0 || again.Shipment.ID != first.Shipment.ID {
		t.Errorf("sent again: %+v", again)
	}
	parcel["trackingNumber"] = "SF101"
	clerk.ship(t, parcel).refused(t, "IDEMPOTENCY_KEY_REUSED")
	rest := clerk.ship(t, vars{"orderId": o.ID, "method": "SAME_CITY"})
	rest.refused(t)
	if len(rest.Shipment.Lines) != 2 || rest.Order.Status != "SHIPPED" {
		t.Errorf("the rest: %+v of an order that is %s", rest.Shipment, rest.Order.Status)
	}
	clerk.ship(t, vars{"orderId": o.ID, "method": "PICKUP"}).refused(t, "CONFLICT")
	for range 2 { // again changes nothing
		if got := buyer.complete(t, o.ID); len(got.UserErrors) > 0 || got.Order.Status != "COMPLETED" {
			t.Errorf("completed: %+v", got)
		}
	}
	for last.Status != "COMPLETED" {
		next := told[orderView](s, id)
		if next.Version <= last.Version {
			t.Errorf("told of version %d after %d", next.Version, last.Version)
		}
		last = next
	}
	read := ask[struct {
		Order struct {
			Shipments              []shipmentView
			ShippedAt, CompletedAt *time.Time
		}
	}](t, buyer, `query($id: ID!) { order(id: $id) { shipments `+shipmentFields+` shippedAt completedAt } }`, vars{"id": o.ID}).Order
	if len(read.Shipments) != 2 || read.Shipments[0].ID != first.Shipment.ID || read.ShippedAt == nil || read.CompletedAt == nil {
		t.Errorf("the buyer reads %+v", read)
	}
	if got := w.merchant(t).refund(t, vars{"orderId": o.ID}); got.Order == nil || got.Order.Status != "REFUNDED" {
		t.Errorf("refunded once completed: %+v", got)
	}
}

func staffNotes(t *testing.T, w *world) {
	type noted struct {
		Order struct {
			StaffNotes []struct{ Text, StaffEmail string }
			Version    int64
		}
	}
	const read = `query($id: ID!) { order(id: $id) { version staffNotes { text staffEmail } } }`
	clerk, buyer := w.staff(t, demo.Clerk, demo.Password), w.buyer(t, "talked-about")
	o := buyer.pays(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 100, 1)[0], 1)})[0]
	add := func(who *client, text string) payload {
		return ask[struct{ OrderNoteAdd payload }](t, who, `mutation($id: ID!, $text: String!) { orderNoteAdd(orderId: $id, text: $text) { `+userErrors+` } }`,
			vars{"id": o.ID, "text": text}).OrderNoteAdd
	}
	before := ask[noted](t, clerk, read, vars{"id": o.ID}).Order.Version
	const text = "客人要求周末送\n<b>call first</b>"
	add(clerk, text).refused(t)
	add(w.merchant(t), "second").refused(t)
	add(clerk, "").refused(t, "INVALID")
	add(clerk, strings.Repeat("长", 501)).refused(t, "INVALID")
	seen := ask[noted](t, w.merchant(t), read, vars{"id": o.ID}).Order
	if len(seen.StaffNotes) != 2 || seen.StaffNotes[0].Text != text || seen.StaffNotes[0].StaffEmail != demo.Clerk || seen.Version != before {
		t.Errorf("the merchant reads %+v", seen)
	}
	if got := buyer.send(t, read, vars{"id": o.ID}); strings.Contains(string(got.Body), "call first") || !strings.Contains(string(got.Body), `"staffNotes":null`) {
		t.Errorf("the buyer reads %s", got.Body)
	}
}

func shipWhatIsLeft(t *testing.T, w *world) {
	merchant, buyer := w.merchant(t), w.buyer(t, "partly-content")
	v := w.goods(t, w.shops(t)[0], 100, 10, 10)
	o := buyer.pays(t, vars{"lines": lines(v[0], 2, v[1], 1)})[0]
	merchant.refund(t, vars{"orderId": o.ID, "lines": []vars{lineOf(o, 0, 1)}, "restock": []vars{lineOf(o, 0, 1)}}).refused(t)
	got := merchant.ship(t, vars{"orderId": o.ID, "method": "PICKUP"})
	got.refused(t)
	if n := len(got.Shipment.Lines); n != 2 || got.Shipment.Lines[0].Quantity+got.Shipment.Lines[1].Quantity != 2 || got.Order.Status != "SHIPPED" {
		t.Errorf("shipped %+v of an order that is %s", got.Shipment, got.Order.Status)
	}
	// What is refunded before it could be shipped completes the shipping.
	next := buyer.pays(t, vars{"lines": lines(v[0], 2, v[1], 1)})[0]
	merchant.ship(t, vars{"orderId": next.ID, "method": "PICKUP", "lines": []vars{lineOf(next, 0, 2)}}).refused(t)
	if got := merchant.refund(t, vars{"orderId": next.ID, "lines": []vars{lineOf(next, 1, 1)}}); got.Order == nil || got.Order.Status != "SHIPPED" {
		t.Errorf("the last line was refunded: %+v", got)
	}
}

// completesByItself looks at what was shipped with a server whose clock is ten days ahead.
func completesByItself(t *testing.T, w *world) {
	merchant, buyer := w.merchant(t), w.buyer(t, "silent-receiver")
	o := buyer.pays(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 100, 1)[0], 1)})[0]
	merchant.ship(t, vars{"orderId": o.ID, "method": "VIRTUAL"}).refused(t)
	merchant.shared(t, o.ID)
	s := buyer.socket(t)
	id := s.watch(watchOrder, vars{"id": o.ID})
	last := told[orderView](s, id)
	newWorld(t, w.source, func(c *serveCommand, a *app) {
		ahead := c.CompleteAfter + time.Minute
		a.now = clock.Of(func() time.Time { return time.Now().Add(ahead) })
	})
	waitFor(t, "the order to complete", func() bool { return buyer.order(t, o.ID).Status == "COMPLETED" })
	if got := told[orderView](s, id); got.Status != "COMPLETED" || got.Version <= last.Version {
		t.Errorf("told of %+v", got)
	}
}
