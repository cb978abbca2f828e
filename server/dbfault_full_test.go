package main

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/check/checktest"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// TestDiskFull fills the disk of an SQLite file: a checkout that does not fit is refused whole, reads go on, and when there is room
// again the same key gets its goods.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.SQLite)
	roomy := newWorld(t, source)
	v := roomy.goods(t, roomy.shops(t)[0], 100, 100_000)[0]
	roomy.unchecked = true // its successor is looked at
	c, merchant := roomy.buyer(t, "hoarder"), roomy.merchant(t)
	roomy.stop()
	admin, err := sql.Open("sqlite", strings.TrimPrefix(source, "sqlite:")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	t.Cleanup(func() { must(t, admin.Close()) })
	_, err = admin.ExecContext(t.Context(), "CREATE TABLE ballast AS SELECT randomblob(2000000) AS it")
	must(t, err)

	w := newWorld(t, source, func(_ *serveCommand, a *app) { a.database.MaxPages = 1 }) // what there is, and nothing more
	w.log.expectFaults()
	c.world, merchant.world, w.admin = w, w, merchant
	var body []byte
	var got answer
	placed := 0
	for ; placed < 15; placed++ { // pages that were begun have room
		body = placeBody(t, vars{"lines": lines(v, 1)})
		if got = c.post(t, body); len(got.Errors) > 0 {
			break
		}
		decode[struct{ CheckoutPlace checkoutPayload }](t, got).CheckoutPlace.refused(t)
	}
	if codes := got.codes(); len(codes) != 1 || codes[0] != "INTERNAL" || got.Status != http.StatusOK {
		t.Fatalf("on a full disk, after %d: %d %s", placed, got.Status, got.Body)
	}
	if said := w.log.of(t, got.Errors[0].Extensions.RequestID); len(said) == 0 || !strings.Contains(said[0].Error, "full") {
		t.Errorf("the log does not say why: %+v", said)
	}
	checktest.Must(t, testdb.Open(t, source, db.Options{}))
	before := w.merchant(t).stock(t, v)
	if n := len(c.orders(t, nil).Nodes); n == 0 && placed > 0 {
		t.Error("orders cannot be read")
	}
	if again := c.post(t, body); len(again.Errors) == 0 {
		t.Errorf("there is no room, and yet: %s", again.Body)
	}

	_, err = admin.ExecContext(t.Context(), "DROP TABLE ballast") // its pages are free for others
	must(t, err)
	var first *checkoutView
	for range 2 { // the second is a repeat
		made := decode[struct{ CheckoutPlace checkoutPayload }](t, c.post(t, body)).CheckoutPlace
		if made.refused(t); first != nil && made.Checkout.ID != first.ID {
			t.Errorf("one key, two checkouts: %s and %s", first.ID, made.Checkout.ID)
		}
		first = made.Checkout
	}
	after := w.merchant(t).stock(t, v)
	if *after.Held != *before.Held+1 || *after.OnHand != *before.OnHand {
		t.Errorf("stock %d/%d before, %d/%d after", *before.OnHand, *before.Held, *after.OnHand, *after.Held)
	}
}
