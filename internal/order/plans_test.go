package order_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"

	entcheckout "holdfast/ent/checkout"
	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	"holdfast/internal/db"
	"holdfast/internal/order"
	"holdfast/internal/page"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// past is how many orders of one shop lie in the database.
const past = 4000

// fill writes a shop's past: one order a minute, nearly all COMPLETED, of 100 buyers and 200 skus; every fourth order has
// the sku "hot". The other shops have none.
func (w *world) fill(t *testing.T) {
	t.Helper()
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		checkout := typeid.New[typeid.Checkout](start)
		if err := tx.Insert(ctx, entcheckout.Table, []string{
			entcheckout.FieldID, entcheckout.FieldBuyerID, entcheckout.FieldMiniProgramID, entcheckout.FieldIdempotencyKey,
			entcheckout.FieldRequestHash, entcheckout.FieldStatus, entcheckout.FieldPlacedAt, entcheckout.FieldHeldUntil,
		}, [][]any{{checkout, w.buyers[0], typeid.New[typeid.MiniProgram](start), "k", make([]byte, 32), "PAID", start, start}}); err != nil {
			return struct{}{}, err
		}
		var orders, lines [][]any
		for i := range past {
			at := start.Add(time.Duration(i) * time.Minute)
			id, buyer, sku := typeid.New[typeid.Order](at), w.buyers[0], fmt.Sprintf("sku-%d", i%200)
			if i%100 != 0 {
				buyer = typeid.New[typeid.Buyer](start)
			}
			if i%4 == 0 {
				sku = "hot"
			}
			status := order.Completed
			switch {
			case i%400 == 0:
				status = order.Paid
			case i%300 == 0:
				status = order.Shipped
			}
			orders = append(orders, []any{
				id, fmt.Sprintf("NUMBER-%d", i), checkout, buyer, w.shops[0], string(status), "CNY", 0, 0, 0, 0, 0,
				fmt.Sprintf("138%08d", i%500), at, at, 1,
			})
			lines = append(lines, []any{
				typeid.New[typeid.OrderLine](at), id, w.shops[0], typeid.New[typeid.Variant](at), "Tea", sku, 0, 1, 0, "CNY", 0,
			})
		}
		if err := tx.Insert(ctx, entorder.Table, []string{
			entorder.FieldID, entorder.FieldNumber, entorder.FieldCheckoutID, entorder.FieldBuyerID, entorder.FieldShopID, entorder.FieldStatus,
			entorder.FieldCurrency, entorder.FieldSubtotal, entorder.FieldDiscount, entorder.FieldShippingFee, entorder.FieldTotal,
			entorder.FieldRefunded, entorder.FieldShipPhone, entorder.FieldPlacedAt, entorder.FieldHeldUntil, entorder.FieldVersion,
		}, orders); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Insert(ctx, orderline.Table, []string{
			orderline.FieldID, orderline.FieldOrderID, orderline.FieldShopID, orderline.FieldVariantID, orderline.FieldTitle, orderline.FieldSku,
			orderline.FieldUnitPrice, orderline.FieldQuantity, orderline.FieldAmount, orderline.FieldCurrency, orderline.FieldPosition,
		}, lines)
	})
	must(t, err)
}

// lists are the lists that must not read the past, and how many orders each finds on a page of 10.
func lists() map[string]struct {
	filter order.Filter
	found  int
} {
	at := func(i int) *time.Time {
		moment := start.Add(time.Duration(i) * time.Minute)
		return &moment
	}
	return map[string]struct {
		filter order.Filter
		found  int
	}{
		"all":                 {order.Filter{}, 10},
		"a status":            {order.Filter{Statuses: []order.Status{order.Paid}}, 10},
		"a status of none":    {order.Filter{Statuses: []order.Status{order.Refunded}}, 0},
		"statuses":            {order.Filter{Statuses: []order.Status{order.Paid, order.Shipped, order.Expired}}, 10},
		"statuses, all":       {order.Filter{Statuses: []order.Status{order.PendingPayment, order.Paid, order.Shipped, order.Completed, order.Cancelled, order.Expired, order.Refunded}}, 10},
		"an old hour":         {order.Filter{PlacedFrom: at(60), PlacedBefore: at(65)}, 5},
		"before":              {order.Filter{PlacedBefore: at(7)}, 7},
		"an old hour, status": {order.Filter{PlacedFrom: at(60), PlacedBefore: at(65), Statuses: []order.Status{order.Completed, order.Paid}}, 5},
		"a number":            {order.Filter{Text: "NUMBER-17"}, 1},
		"a phone":             {order.Filter{Text: "13800000017"}, 8},
		"a sku":               {order.Filter{Text: "sku-17"}, 10},
		"a sku of many":       {order.Filter{Text: "hot"}, 10},
		"a sku, status":       {order.Filter{Text: "sku-17", Statuses: []order.Status{order.Paid}}, 0},
		"nothing":             {order.Filter{Text: "nothing"}, 0},
	}
}

// TestPlansOfMySQL counts the rows that MySQL's engine hands out for a page: far fewer than there are.
func TestPlansOfMySQL(t *testing.T) {
	t.Parallel()
	d := testdb.Open(t, testdb.Source(t, testdb.MySQL), db.Options{MaxConns: 1}) // what is counted is counted by session
	w := newWorld(d)
	w.fill(t)
	exec := func(statement string) {
		t.Helper()
		_, err := d.ExecContext(t.Context(), statement)
		must(t, err)
	}
	exec("ANALYZE TABLE orders, order_lines")
	for name, tc := range lists() {
		exec("FLUSH STATUS")
		got, err := w.orders.OfShops(t.Context(), w.shops, tc.filter, page.Query{First: 10})
		must(t, err)
		read, err := db.Collect(t.Context(), d, sql.Raw("SHOW SESSION STATUS LIKE 'Handler_read%'"), func(row db.Row) (n int, err error) {
			var name string
			return n, row.Scan(&name, &n)
		})
		must(t, err)
		sum := 0
		for _, n := range read {
			sum += n
		}
		if found := len(got[w.shops[0]].Items); found != tc.found {
			t.Errorf("%s: found %d orders, want %d", name, found, tc.found)
		}
		if sum > past/10 {
			t.Errorf("%s: %d rows read to find %d of %d", name, sum, tc.found, past)
		}
	}
}

// TestPlansOfSQLite looks at what SQLite says it does: no table is read from end to end, or again for each row of another.
func TestPlansOfSQLite(t *testing.T) {
	t.Parallel()
	w := newWorld(testdb.New(t, testdb.SQLite))
	w.fill(t)
	for name, tc := range lists() {
		for of, page := range map[string]*sql.Selector{
			"shop":  w.orders.PageOfShop(w.shops[0], tc.filter, typeid.UUID{}, 11),
			"buyer": w.orders.PageOfBuyer(w.buyers[0], tc.filter, typeid.UUID{}, 11),
		} {
			query, args := page.Query()
			plan, err := db.Collect(t.Context(), w.db, sql.Expr("EXPLAIN QUERY PLAN "+query, args...), func(row db.Row) (detail string, err error) {
				var a, b, c int
				return detail, row.Scan(&a, &b, &c, &detail)
			})
			must(t, err)
			text := strings.Join(plan, "\n")
			for _, line := range plan {
				if strings.HasPrefix(line, "SCAN o") || strings.HasPrefix(line, "SCAN l") {
					t.Errorf("%s of a %s reads a whole table:\n%s", name, of, text)
				}
			}
			if strings.Contains(text, "o USING INDEX order_shop_id (shop_id=?)\nSEARCH l USING INDEX orderline_shop_id_sku") {
				t.Errorf("%s of a %s reads all lines of the sku for each order:\n%s", name, of, text)
			}
			if strings.Contains(text, "sqlite_autoindex_orders_1 (id=?)\nLIST SUBQUERY") {
				t.Errorf("%s of a %s gathers all orders of a sku first:\n%s", name, of, text)
			}
			if of == "shop" && name == "an old hour, status" && strings.Count(text, "order_shop_id_status_id (shop_id=? AND status=? AND id>? AND id<?)") != 2 {
				t.Errorf("%s of a %s reads all orders of that hour, whatever their status:\n%s", name, of, text)
			}
			if !strings.Contains(text, "USING") {
				t.Errorf("%s of a %s uses no index:\n%s", name, of, text)
			}
		}
	}
}
