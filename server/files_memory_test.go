package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	entcheckout "holdfast/ent/checkout"
	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// TestFilesHoldTheirMemory exports 12,000 order lines and imports 25,000 rows, and with HOLDFAST_TEST_LONG=1 four times as many,
// while the live heap hardly grows, on a server that gives no answer as much time as they take. On one database: what is
// measured is the server.
func TestFilesHoldTheirMemory(t *testing.T) {
	const each = 4
	orders, imported := 3000, 25_000
	if os.Getenv("HOLDFAST_TEST_LONG") != "" {
		orders, imported = 4*orders, 4*imported
	}
	w := newFileWorld(t, newWorld(t, testdb.Source(t, testdb.MySQL)))
	shop := w.shops(t)[0].ID
	w.unchecked = true // what is made up below has no holds and no shares
	w.manyOrders(t, shop, orders, each)
	export := "/files/orders.csv?shop=" + shop
	begin := heap()
	if n := readSlowly(t, w.ask(t.Context(), t, w.merchant(t), http.MethodGet, export, nil).Body, orders*each, begin); n != orders*each+1 {
		t.Errorf("%d rows, want %d", n, orders*each+1)
	}
	reason := strings.Repeat("盘点", 80) // what is kept of the rows is to be seen
	begin = heap()
	r, in := io.Pipe()
	go func() {
		_, _ = io.WriteString(in, "sku,delta,reason\n")
		for i := range imported {
			_, _ = fmt.Fprintf(in, "no-such-sku-%d,1,%s\n", i, reason)
		}
		_ = in.Close()
	}()
	resp := w.ask(t.Context(), t, w.merchant(t), http.MethodPost, "/files/stock.csv?shop="+shop, r, "Idempotency-Key", "many")
	if n := readSlowly(t, resp.Body, imported, begin); n != imported+2 {
		t.Errorf("%d rows, want %d", n, imported+2)
	}
	ctx, leave := context.WithCancel(t.Context())
	_, err := io.ReadFull(w.ask(ctx, t, w.merchant(t), http.MethodGet, export, nil).Body, make([]byte, 1<<10))
	must(t, err)
	leave()
	w.awaitLog(t, "file left unfinished")
}

// readSlowly counts the lines of a body, of which there should be about rows, and looks at the heap ten times while it flows:
// it is to be little more than at the beginning, before anything was asked for.
func readSlowly(t *testing.T, body io.Reader, rows int, begin uint64) int {
	t.Helper()
	const ceiling = 8 << 20
	n, most := 0, uint64(0)
	started := time.Now()
	for s := bufio.NewScanner(body); s.Scan(); n++ {
		if n%(rows/10) == 0 {
			most = max(most, heap())
			time.Sleep(shortly / 8)
		}
	}
	t.Logf("the heap grew from %d to %d KiB", begin>>10, most>>10)
	if most > begin+ceiling {
		t.Errorf("the heap grew from %d to %d KiB", begin>>10, most>>10)
	}
	if took := time.Since(started); took < shortly {
		t.Errorf("the file flowed for %s: too short to show that it may last", took)
	}
	return n
}

// heap is what lives, in bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// manyOrders writes paid orders of some lines each, which cost nothing.
func (w *fileWorld) manyOrders(t *testing.T, shop string, n, each int) {
	t.Helper()
	const atOnce = 2500 // well within a transaction's time
	for begin := 0; begin < n; begin += atOnce {
		w.someOrders(t, shop, begin, min(begin+atOnce, n), each)
	}
}

// someOrders writes those of manyOrders from begin up to end.
func (w *fileWorld) someOrders(t *testing.T, shop string, begin, end, each int) {
	t.Helper()
	in, _ := typeid.Parse[typeid.Shop](shop)
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		now := w.app.now().Add(-24 * time.Hour)
		checkout, buyer := typeid.New[typeid.Checkout](now), typeid.New[typeid.Buyer](now)
		err := tx.Insert(ctx, entcheckout.Table, []string{
			entcheckout.FieldID, entcheckout.FieldBuyerID, entcheckout.FieldMiniProgramID, entcheckout.FieldIdempotencyKey,
			entcheckout.FieldRequestHash, entcheckout.FieldStatus, entcheckout.FieldPlacedAt, entcheckout.FieldHeldUntil,
		}, [][]any{{checkout, buyer, typeid.New[typeid.MiniProgram](now), checkout.String(), make([]byte, 32), "PAID", now, now}})
		title := strings.Repeat("云南古树普洱茶", 50)
		var orders, lines [][]any
		for i := begin; i < end; i++ {
			at := now.Add(time.Duration(i) * time.Millisecond)
			id := typeid.New[typeid.Order](at)
			orders = append(orders, []any{id, fmt.Sprintf("MANY-%d", i), checkout, buyer, in, "PAID", "CNY", 0, 0, 0, 0, 0, at, at, at, 1})
			for k := range each {
				lines = append(lines, []any{
					typeid.New[typeid.OrderLine](at), id, in, typeid.New[typeid.Variant](at), title, fmt.Sprintf("sku-%d", k), 0, 1, 0, "CNY", k,
				})
			}
		}
		return struct{}{}, errors.Join(err, tx.Insert(ctx, entorder.Table, []string{
			entorder.FieldID, entorder.FieldNumber, entorder.FieldCheckoutID, entorder.FieldBuyerID, entorder.FieldShopID, entorder.FieldStatus,
			entorder.FieldCurrency, entorder.FieldSubtotal, entorder.FieldDiscount, entorder.FieldShippingFee, entorder.FieldTotal,
			entorder.FieldRefunded, entorder.FieldPlacedAt, entorder.FieldHeldUntil, entorder.FieldPaidAt, entorder.FieldVersion,
		}, orders), tx.Insert(ctx, orderline.Table, []string{
			orderline.FieldID, orderline.FieldOrderID, orderline.FieldShopID, orderline.FieldVariantID, orderline.FieldTitle, orderline.FieldSku,
			orderline.FieldUnitPrice, orderline.FieldQuantity, orderline.FieldAmount, orderline.FieldCurrency, orderline.FieldPosition,
		}, lines))
	})
	must(t, err)
}
