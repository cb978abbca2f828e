package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
)

func stockIn(t *testing.T, w *fileWorld, shop shopView) {
	clerk := w.hire(t, shop.ID, identity.Clerk)
	skus := w.variants(t, shop.ID, 5)
	foreign := w.variants(t, w.shops(t)[1].ID, 1)[0]
	file := "\ufeffReason,SKU,On_Hand,Delta,If_Version\r\n" +
		"盘点," + skus[0] + ",25,,2\r\n" + // 2
		"," + skus[1] + ",,-3,\r\n" + // 3
		"," + skus[2] + ",,-11,\r\n" + // 4: more than there are
		"," + skus[3] + ",7,,99\r\n" + // 5: a version that is none
		",no-such-sku,1,,\r\n" + // 6
		"," + foreign + ",1,,\r\n" + // 7
		"," + skus[1] + ",,5,\r\n" + // 8: again
		"," + skus[4] + ",x,,\r\n" + // 9
		"," + skus[4] + ",1,1,\r\n" + // 10
		strings.Repeat("x", 501) + "," + skus[4] + ",,1,\r\n" // 11
	want := [][]string{
		{"row", "sku", "result", "message", "on_hand", "available", "version"},
		{"2", skus[0], "OK", "", "25", "25"},
		{"3", skus[1], "OK", "", "7", "7"},
		{"4", skus[2], "CONFLICT"},
		{"5", skus[3], "VERSION_MISMATCH"},
		{"6", "no-such-sku", "NOT_FOUND"},
		{"7", foreign, "NOT_FOUND"},
		{"8", skus[1], "OK", "", "12", "12"},
		{"9", skus[4], "INVALID"},
		{"10", skus[4], "INVALID"},
		{"11", skus[4], "INVALID"},
		{"all", "", "DONE", "3 OK, 7 refused", "", "", ""},
	}
	got := w.send(t, clerk, shop.ID, "stock-in", file)
	checkReport(t, want, got)
	again := w.send(t, clerk, shop.ID, "stock-in", file)
	want[2][4], want[2][5] = "12", "12" // as it stands now
	checkReport(t, want, again)
	if d := cmp.Diff(map[string]int{skus[0]: 25, skus[1]: 12, skus[2]: 10, skus[3]: 10, skus[4]: 10}, w.onHand(t, shop.ID, skus)); d != "" {
		t.Errorf("stock (-want +got):\n%s", d)
	}
	// The key stands for this file.
	for _, row := range w.send(t, clerk, shop.ID, "stock-in", "sku,delta\n"+skus[0]+",1\n")[1:2] {
		if row[2] != "IDEMPOTENCY_KEY_REUSED" {
			t.Errorf("another file with the key: %v", row)
		}
	}
	// A rest that cannot be read is told, and the file is not DONE.
	cut := w.send(t, clerk, shop.ID, "stock-long", "sku,delta\n"+skus[4]+",1\n\""+strings.Repeat("x", 2<<20))
	if last := cut[len(cut)-1]; len(cut) != 3 || cut[1][2] != "OK" || last[0] != "all" || last[2] != "BAD_REQUEST" {
		t.Errorf("an endless row: %v", cut)
	}
	w.speak(func(language string, _ *fault.Error) string { return "in " + language })
	resp := w.ask(t.Context(), t, clerk, http.MethodPost, "/files/stock.csv?shop="+shop.ID, strings.NewReader("sku,delta\nnone,1\n"), "Idempotency-Key", "zh", "Accept-Language", "zh-CN")
	if rows := w.sheet(t, resp); rows[1][3] != "in zh-CN" {
		t.Errorf("in Chinese: %v", rows)
	}
}

// checkReport compares the cells that are wanted, and wants each refusal to have a message.
func checkReport(t *testing.T, want, got [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %v", len(got), len(want), got)
	}
	for i, row := range want {
		if d := cmp.Diff(row, got[i][:len(row)]); d != "" {
			t.Errorf("row %d (-want +got):\n%s", i, d)
		}
		if len(row) == 3 && got[i][3] == "" {
			t.Errorf("row %d has no message: %v", i, got[i])
		}
	}
}

// stockInCut has the client leave in the middle, and send the same file again: every row is done once.
func stockInCut(t *testing.T, w *fileWorld, shop shopView) {
	const chunks = 5
	skus := w.variants(t, shop.ID, chunks*inventory.MaxBulk-1)
	file := "sku,delta\n"
	for i, sku := range skus {
		if i == 2*inventory.MaxBulk {
			file += "no-such-sku,1\n"
		}
		file += sku + ",1\n"
	}
	ctx, hangUp := context.WithCancel(t.Context())
	w.speak(func(string, *fault.Error) string { // in the third chunk, once that is committed
		hangUp()
		time.Sleep(100 * time.Millisecond)
		return "cut"
	})
	resp := w.ask(ctx, t, w.merchant(t), http.MethodPost, "/files/stock.csv?shop="+shop.ID, strings.NewReader(file), "Idempotency-Key", "cut")
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the client did not leave")
	}
	w.awaitLog(t, "file left unfinished")
	w.speak(func(string, *fault.Error) string { return "refused" })
	done := 0
	for _, n := range w.onHand(t, shop.ID, skus) {
		done += n - 10
	}
	if done != 3*inventory.MaxBulk-1 {
		t.Errorf("%d of %d rows were done when the client left in the third chunk", done, len(skus))
	}
	for range 2 {
		got := w.send(t, w.merchant(t), shop.ID, "cut", file)
		if last := got[len(got)-1]; len(got) != chunks*inventory.MaxBulk+2 || last[3] != "999 OK, 1 refused" {
			t.Errorf("%d rows, the last %v", len(got), last)
		}
	}
	for sku, n := range w.onHand(t, shop.ID, skus) {
		if n != 11 {
			t.Errorf("%s has %d on hand, want 11", sku, n)
		}
	}
}

// slowUpload sends a file for longer than a request may take that stands still.
func slowUpload(t *testing.T, w *fileWorld, shop shopView) {
	skus := w.variants(t, shop.ID, 4)
	r, in := io.Pipe()
	go func() {
		_, _ = io.WriteString(in, "sku,delta\n")
		for _, sku := range skus {
			time.Sleep(shortly / 2)
			_, _ = io.WriteString(in, sku+",1\n")
		}
		_ = in.Close()
	}()
	resp := w.ask(t.Context(), t, w.merchant(t), http.MethodPost, "/files/stock.csv?shop="+shop.ID, r, "Idempotency-Key", "slow")
	if rows := w.sheet(t, resp); rows[len(rows)-1][3] != "4 OK, 0 refused" {
		t.Errorf("rows: %v", rows)
	}
	// One that ends too soon changes nothing.
	r, in = io.Pipe()
	go func() {
		_, _ = io.WriteString(in, "sku,delta\n"+skus[0]+",1\n")
		_ = in.CloseWithError(errors.New("cut"))
	}()
	broken, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.at+"/files/stock.csv?shop="+shop.ID, r)
	must(t, err)
	broken.Header.Set("Authorization", "Bearer "+w.merchant(t).token)
	broken.Header.Set("Idempotency-Key", "broken")
	if resp, err := http.DefaultClient.Do(broken); err == nil {
		_ = resp.Body.Close()
		t.Errorf("an upload that broke off was answered: %d", resp.StatusCode)
	}
	if got := w.onHand(t, shop.ID, skus[:1])[skus[0]]; got != 11 {
		t.Errorf("an upload that broke off left %d on hand, want 11", got)
	}
}
