package sim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bill asks for a bill and downloads it.
func (c client) bill(path string) string {
	c.t.Helper()
	got := c.ok("GET", path, nil)
	address, _ := got["download_url"].(string)
	out := c.send("GET", strings.TrimPrefix(address, "https://api.mch.weixin.qq.com"), nil)
	if out.Code != 200 || out.Header().Get("Wechatpay-Signature") != "" {
		c.t.Fatalf("download: %d %s", out.Code, out.Body)
	}
	text := out.Body.Bytes()
	if strings.Contains(path, "GZIP") {
		r, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			c.t.Fatal(err)
		}
		if text, err = io.ReadAll(r); err != nil {
			c.t.Fatal(err)
		}
	}
	sum := sha1.Sum(text)
	if got["hash_type"] != "SHA1" || got["hash_value"] != hex.EncodeToString(sum[:]) {
		c.t.Errorf("hash %v", got)
	}
	return string(text)
}

// numbers hides what differs from run to run.
func numbers(text string) string {
	return regexp.MustCompile("`(4200|5030|3000|3008|1900000001)[0-9]{15,}").ReplaceAllString(text, "`$1…")
}

func TestBills(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	w.as(DemoMerchant).ok("POST", jsapi, order("number-2", 100)) // never paid, so in no bill
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1000))
	w.clock.Advance(2 * time.Second)
	c.ok("POST", sharing+"return-orders", giveBackOf("share-1", "return-1", supplier, 500))
	c.ok("POST", refunds, refundOf("number-1", "refund-1", 5000, 10_000))
	w.clock.Advance(2 * time.Second)

	for _, day := range []string{"2026-03-04", "2026-03-05", "2025-11-01"} {
		c.refused(400, "INVALID_REQUEST", "GET", "/v3/bill/tradebill?bill_date="+day, nil)
	}
	c.refused(400, "PARAM_ERROR", "GET", "/v3/bill/tradebill?bill_date=20260304", nil)
	c.refused(400, "PARAM_ERROR", "GET", "/v3/bill/fundflowbill?bill_date=2026-03-03&account_type=MINE", nil)
	w.clock.Advance(15 * time.Hour) // 1 o'clock the next morning
	c.refused(400, "STATEMENT_CREATING", "GET", "/v3/bill/tradebill?bill_date=2026-03-04", nil)
	w.clock.Advance(8 * time.Hour)
	c.refused(400, "NO_STATEMENT_EXIST", "GET", "/v3/bill/tradebill?bill_date=2026-03-03", nil)
	c.refused(400, "NO_STATEMENT_EXIST", "GET", "/v3/bill/fundflowbill?bill_date=2026-03-04&account_type=FEES", nil)
	c.refused(403, "NO_AUTH", "GET", "/v3/bill/tradebill?bill_date=2026-03-04&sub_mchid=1900000101", nil)

	want := tradeHead + "\n" +
		"`2026-03-04 10:00:00,`wxdemo,`1900000001,`0,`,`4200…,`number-1,`" + buyer + ",`JSAPI,`SUCCESS,`OTHERS,`CNY,`100.00,`0.00,`0,`0,`0.00,`0.00,`,`,`两件商品,`,`0.60000,`0.60%,`100.00,`0.00,`\n" +
		"`2026-03-04 10:01:02,`wxdemo,`1900000001,`0,`,`4200…,`number-1,`" + buyer + ",`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5030…,`refund-1,`50.00,`0.00,`ORIGINAL,`SUCCESS,`两件商品,`,`-0.30000,`0.60%,`0.00,`50.00,`\n" +
		tradeTotals + "\n`2,`100.00,`50.00,`0.00,`0.30000,`100.00,`50.00\n"
	for _, tar := range []string{"", "&bill_type=ALL&tar_type=GZIP"} {
		if d := cmp.Diff(want, numbers(c.bill("/v3/bill/tradebill?bill_date=2026-03-04"+tar))); d != "" {
			t.Error(d)
		}
	}
	want = flowHead + "\n" +
		"`2026-03-04 10:00:00,`4200…,`1900000001…,`交易,`交易,`收入,`100.00,`100.00,`system,`,`number-1\n" +
		"`2026-03-04 10:00:00,`4200…,`1900000001…,`交易,`扣除交易手续费,`支出,`0.60,`99.40,`system,`,`number-1\n" +
		"`2026-03-04 10:01:02,`3000…,`1900000001…,`分账,`分账,`支出,`10.00,`89.40,`system,`分账,`share-1\n" +
		"`2026-03-04 10:01:02,`3008…,`1900000001…,`分账,`分账回退,`收入,`5.00,`94.40,`system,`退款,`return-1\n" +
		"`2026-03-04 10:01:02,`5030…,`1900000001…,`退款,`退款,`支出,`50.00,`44.40,`system,`不要了,`refund-1\n" +
		"`2026-03-04 10:01:02,`5030…,`1900000001…,`退款,`退还交易手续费,`收入,`0.30,`44.70,`system,`,`refund-1\n" +
		flowTotals + "\n`6,`3,`105.30,`3,`60.60\n"
	if d := cmp.Diff(want, numbers(c.bill("/v3/bill/fundflowbill?bill_date=2026-03-04&account_type=BASIC"))); d != "" {
		t.Error(d)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	w.paid("number-1", 100)
	w.clock.Advance(24 * time.Hour)
	address, _ := c.ok("GET", "/v3/bill/tradebill?bill_date=2026-03-04", nil)["download_url"].(string)
	path := strings.TrimPrefix(address, "https://api.mch.weixin.qq.com")
	w.as(DemoPartner).refused(403, "NO_AUTH", "GET", path, nil)
	unsigned := c
	unsigned.change = func(r *http.Request) { r.Header.Del("Authorization") }
	unsigned.refused(401, "SIGN_ERROR", "GET", path, nil)
	w.clock.Advance(5 * time.Minute)
	c.refused(400, "INVALID_REQUEST", "GET", path, nil)
}

func TestPartnersBill(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoPartner)
	if err := w.Pay(w.params(DemoPartner, c.ok("POST", combinePath+"jsapi", combined(DemoPartner, subOrders(3, true)))), ""); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(24 * time.Hour)
	if got := strings.Count(c.bill("/v3/bill/tradebill?bill_date=2026-03-04"), "SUCCESS"); got != 3 {
		t.Errorf("%d rows, want 3", got)
	}
	if got := c.bill("/v3/bill/tradebill?bill_date=2026-03-04&sub_mchid=1900000102"); strings.Count(got, "SUCCESS") != 1 || !strings.Contains(got, "`1900000102,") {
		t.Errorf("got %s", got)
	}
}
