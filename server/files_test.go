package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/demo"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// shortly is how long a request and an answer may take on the tests' own server, unless they flow.
const shortly = 400 * time.Millisecond

// fileWorld serves the files of a world.
type fileWorld struct {
	*world
	files *files
	at    string

	say  atomic.Pointer[func(language string, e *fault.Error) string] // instead of English
	fail atomic.Int64                                                 // the n-th look at who staff are; 0 is none
}

func newFileWorld(t *testing.T, w *world) *fileWorld {
	t.Helper()
	f := newFiles(w.server)
	out := &fileWorld{world: w, files: f}
	translated, staff := f.say, f.staff
	f.say = func(language string, e *fault.Error) string {
		if say := out.say.Load(); say != nil {
			return (*say)(language, e)
		}
		return translated(language, e)
	}
	f.staff = func(ctx context.Context, ids []typeid.Staff) (map[typeid.Staff]identity.StaffMember, error) {
		if out.fail.Add(-1) == 0 {
			return nil, errors.New("the database is gone")
		}
		return staff(ctx, ids)
	}
	mux := http.NewServeMux()
	f.mount(mux)
	web := httptest.NewUnstartedServer(w.observed(mux))
	web.Config.ReadTimeout, web.Config.WriteTimeout = shortly, shortly
	web.Start()
	t.Cleanup(web.Close)
	out.at = web.URL
	return out
}

// speak has refusals told like this.
func (w *fileWorld) speak(say func(language string, e *fault.Error) string) { w.say.Store(&say) }

// reply is an answer whose body flows.
type reply struct {
	StatusCode int
	Header     http.Header
	Body       io.Reader
}

// ask sends a request and does not read the answer's body yet.
func (w *fileWorld) ask(ctx context.Context, t *testing.T, c *client, method, path string, body io.Reader, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.at+path, body)
	must(t, err)
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return reply{resp.StatusCode, resp.Header, resp.Body}
}

// sheet reads a whole file.
func (w *fileWorld) sheet(t *testing.T, resp reply) [][]string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
		t.Fatalf("answered %d %s: %s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	text, ok := strings.CutPrefix(string(body), "\ufeff")
	if !ok {
		t.Errorf("the file has no byte order mark: %.40q", body)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	must(t, err)
	return rows
}

func (w *fileWorld) get(t *testing.T, c *client, path string) [][]string {
	t.Helper()
	return w.sheet(t, w.ask(t.Context(), t, c, http.MethodGet, path, nil))
}

func (w *fileWorld) send(t *testing.T, c *client, shop, key, file string) [][]string {
	t.Helper()
	return w.sheet(t, w.ask(t.Context(), t, c, http.MethodPost, "/files/stock.csv?shop="+shop, strings.NewReader(file), "Idempotency-Key", key))
}

// hire makes a member of staff of the shop, with this role in it.
func (w *fileWorld) hire(t *testing.T, shop string, role identity.Role) *client {
	t.Helper()
	email := unique("files") + "@shop.test"
	id, err := w.business.Identity.CreateStaff(t.Context(), email, hired, false)
	must(t, err)
	in, _ := typeid.Parse[typeid.Shop](shop)
	must(t, w.business.Identity.GrantRole(t.Context(), id, in, role))
	return w.staff(t, email, hired)
}

// variants makes n variants with 10 on hand each, and returns their skus.
func (w *fileWorld) variants(t *testing.T, shop string, n int) []string {
	t.Helper()
	in, _ := typeid.Parse[typeid.Shop](shop)
	owner := identity.Principal{Staff: typeid.New[typeid.Staff](w.app.now())}.WithRole(in, identity.Owner)
	var skus []string
	for len(skus) < n {
		p := catalog.NewProduct{ShopID: shop, Title: "Tea", Status: catalog.Active}
		for len(p.Variants) < 200 && len(skus) < n {
			skus = append(skus, unique("file"))
			p.Variants = append(p.Variants, catalog.NewVariant{SKU: skus[len(skus)-1], OnHand: 10, Price: money.New(1, money.CNY)})
		}
		_, err := w.files.catalog.CreateProduct(t.Context(), owner, p)
		must(t, err)
	}
	return skus
}

// onHand is how many there are of each sku.
func (w *fileWorld) onHand(t *testing.T, shop string, skus []string) map[string]int {
	t.Helper()
	in, _ := typeid.Parse[typeid.Shop](shop)
	found, err := w.files.variants(t.Context(), in, skus)
	must(t, err)
	out := make(map[string]int)
	for sku, id := range found {
		stocks, err := w.files.stock.Stocks(t.Context(), []typeid.Variant{id})
		must(t, err)
		out[sku] = stocks[0].OnHand
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	eachWorld(t, func(t *testing.T, plain *world) {
		w := newFileWorld(t, plain)
		shop := w.shops(t)[0]
		t.Run("refusals", func(t *testing.T) { fileRefusals(t, w, shop) })
		t.Run("orders", func(t *testing.T) { ordersFile(t, w, shop) })
		t.Run("stock in", func(t *testing.T) { stockIn(t, w, shop) })
		t.Run("stock in, cut and repeated", func(t *testing.T) { stockInCut(t, w, shop) })
		t.Run("slow uploads", func(t *testing.T) { slowUpload(t, w, shop) })
		t.Run("movements", func(t *testing.T) { movementsFile(t, w, shop) }) // last: it breaks one off
	})
}

func fileRefusals(t *testing.T, w *fileWorld, shop shopView) {
	owner, clerk, buyer := w.merchant(t), w.hire(t, shop.ID, identity.Clerk), w.buyer(t, "files")
	elsewhere, operator := w.hire(t, w.shops(t)[1].ID, identity.Owner), w.staff(t, demo.Operator, demo.Password)
	orders, movements, stock := "/files/orders.csv?shop="+shop.ID, "/files/movements.csv?shop="+shop.ID, "/files/stock.csv?shop="+shop.ID
	absent := typeid.New[typeid.Shop](w.app.now()).String()
	key := []string{"Idempotency-Key", "refused"}
	wrong := &client{world: w.world, token: "wrong"}
	for name, tc := range map[string]struct {
		who          *client
		method, path string
		body         string
		header       []string
		status       int
		code         fault.Code
	}{
		"nobody":                  {w.anonymous(), "GET", orders, "", nil, 401, fault.Unauthenticated},
		"a wrong token":           {wrong, "GET", orders, "", nil, 401, fault.Unauthenticated},
		"a buyer":                 {buyer, "GET", orders, "", nil, 403, fault.Forbidden},
		"a buyer's movements":     {buyer, "GET", movements, "", nil, 403, fault.Forbidden},
		"a buyer sends stock":     {buyer, "POST", stock, "sku,delta\n", key, 403, fault.Forbidden},
		"another shop's staff":    {elsewhere, "GET", orders, "", nil, 404, fault.NotFound},
		"their movements":         {elsewhere, "GET", movements, "", nil, 404, fault.NotFound},
		"they send stock":         {elsewhere, "POST", stock, "sku,delta\n", key, 404, fault.NotFound},
		"an operator sends stock": {operator, "POST", stock, "sku,delta\n", key, 403, fault.Forbidden},
		"no shop":                 {owner, "GET", "/files/orders.csv", "", nil, 404, fault.NotFound},
		"no such shop":            {operator, "GET", "/files/orders.csv?shop=" + absent, "", nil, 404, fault.NotFound},
		"a wrong moment":          {owner, "GET", orders + "&from=yesterday", "", nil, 400, fault.BadRequest},
		"another wrong moment":    {owner, "GET", movements + "&before=2026-03-04", "", nil, 400, fault.BadRequest},
		"a wrong status":          {owner, "GET", orders + "&status=PAID,LOST", "", nil, 400, fault.BadRequest},
		"no key":                  {owner, "POST", stock, "sku,delta\n", nil, 400, fault.BadRequest},
		"a key of two words":      {owner, "POST", stock, "sku,delta\n", []string{"Idempotency-Key", "a b"}, 400, fault.BadRequest},
		"no columns":              {clerk, "POST", stock, "a,b\n1,2\n", key, 400, fault.BadRequest},
		"an empty file":           {clerk, "POST", stock, "", key, 400, fault.BadRequest},
		"a form":                  {clerk, "POST", stock, "x", append([]string{"Content-Type", "multipart/form-data; boundary=x"}, key...), 400, fault.BadRequest},
		"too large":               {clerk, "POST", stock, "sku,delta\n" + strings.Repeat("\n", maxImport), key, 413, fault.TooMany},
	} {
		resp := w.ask(t.Context(), t, tc.who, tc.method, tc.path, strings.NewReader(tc.body), tc.header...)
		var got struct{ Code, Message string }
		d := json.NewDecoder(resp.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil || resp.StatusCode != tc.status || got.Code != string(tc.code) || got.Message == "" {
			t.Errorf("%s: %d %+v (%v), want %d %s", name, resp.StatusCode, got, err, tc.status, tc.code)
		}
	}
	for name, who := range map[string]*client{"the owner": owner, "a clerk": clerk, "an operator": operator} {
		if rows := w.get(t, who, movements); len(rows) < 2 {
			t.Errorf("%s sees %v", name, rows)
		}
	}
}

func ordersFile(t *testing.T, w *fileWorld, shop shopView) {
	buyer := w.buyer(t, "files-orders")
	from := w.app.now()
	v := w.goods(t, shop, 1234, 10, 10)
	to := vars{"name": "=林小雨", "phone": "+86 138", "province": "广东省", "city": "深圳市", "district": "南山区", "street": "科技路 1 号, \"A\"", "postalCode": "518000"}
	placed := buyer.buy(t, vars{"lines": lines(v[0], 2, v[1], 1), "shipTo": to, "shops": []vars{{"shopId": shop.ID, "note": "@易碎"}}})
	buyer.confirm(t, placed.Payment.ID).refused(t)
	open := buyer.buy(t, vars{"lines": lines(v[0], 1)})
	paid, waits := buyer.order(t, placed.Orders[0].ID), open.Orders[0]

	path := "/files/orders.csv?shop=" + shop.ID + "&from=" + from.Format(time.RFC3339Nano)
	got := w.get(t, w.merchant(t), path)
	if len(got) != 4 {
		t.Fatalf("%d rows: %v", len(got), got)
	}
	want := []string{
		paid.Number, "PAID", "", paid.PaidAt.Format(time.RFC3339Nano), "'@易碎", "'=林小雨", "'+86 138",
		"广东省 深圳市 南山区 科技路 1 号, \"A\" 518000", paid.Lines[0].SKU, paid.Lines[0].Title, "2", "12.34", "24.68", "37.02", "0.00", "CNY",
	}
	want[2] = got[2][2] // the moment itself is not asked for anywhere here
	if d := cmp.Diff(want, got[2]); d != "" {
		t.Errorf("the first line of the paid order (-want +got):\n%s", d)
	}
	if got[1][0] != waits.Number || got[1][1] != "PENDING_PAYMENT" || got[1][3] != "" || got[3][0] != paid.Number || got[0][0] != "order" {
		t.Errorf("rows: %v", got)
	}
	for name, tc := range map[string]struct {
		path string
		rows int
	}{
		"status":     {path + "&status=PAID", 3},
		"statuses":   {path + "&status=PAID,PENDING_PAYMENT", 4},
		"of none":    {path + "&status=REFUNDED", 1},
		"before":     {path + "&before=" + from.Format(time.RFC3339Nano), 1},
		"everything": {"/files/orders.csv?shop=" + shop.ID + "&before=2999-01-01T00:00:00%2B08:00", 4},
	} {
		if rows := w.get(t, w.merchant(t), tc.path); len(rows) < tc.rows || name != "everything" && len(rows) != tc.rows {
			t.Errorf("%s: %d rows, want %d", name, len(rows), tc.rows)
		}
	}
	if resp := w.ask(t.Context(), t, w.merchant(t), http.MethodGet, path, nil); resp.Header.Get("Content-Disposition") != `attachment; filename="orders.csv"` || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", resp.Header)
	}
}

func movementsFile(t *testing.T, w *fileWorld, shop shopView) {
	buyer, from := w.buyer(t, "files-movements"), w.app.now()
	v := w.goods(t, shop, 100, 10)[0]
	sold := buyer.buy(t, vars{"lines": lines(v, 2)})
	buyer.confirm(t, sold.Payment.ID).refused(t)
	sku := buyer.order(t, sold.Orders[0].ID).Lines[0].SKU
	w.send(t, w.merchant(t), shop.ID, "moved", "sku,delta,reason\n"+sku+",5,=盘点\n")
	path := "/files/movements.csv?shop=" + shop.ID
	got := w.get(t, w.merchant(t), path+"&from="+from.Format(time.RFC3339Nano))
	number := sold.Orders[0].Number
	want := [][]string{
		{"sku", "kind", "on_hand_delta", "held_delta", "version", "order", "staff", "reason"},
		{sku, "RECEIVED", "10", "0", "2", "", demo.Merchant, ""},
		{sku, "HELD", "0", "2", "3", number, "", ""},
		{sku, "SOLD", "-2", "-2", "4", number, "", ""},
		{sku, "ADJUSTED", "5", "0", "5", "", demo.Merchant, "'=盘点"},
	}
	for i := range got {
		if at := got[i][8]; i > 0 && at < from.Format("2006-01-02T15:04:05") {
			t.Errorf("a movement of %s", at)
		}
		got[i] = got[i][:8]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// An error in the middle ends the file so that it is seen to be none.
	w.log.expectFaults()
	w.fail.Store(3)
	resp := w.ask(t.Context(), t, w.merchant(t), http.MethodGet, path, nil)
	body, err := io.ReadAll(resp.Body)
	if err == nil || !bytes.Contains(body, []byte("RECEIVED")) || resp.StatusCode != http.StatusOK {
		t.Errorf("a file of %d bytes that broke off: %v", len(body), err)
	}
	// One at the beginning is told.
	w.fail.Store(1)
	resp = w.ask(t.Context(), t, w.merchant(t), http.MethodGet, path, nil)
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusInternalServerError || bytes.Contains(body, []byte("gone")) {
		t.Errorf("a file that could not be begun: %d %s (%v)", resp.StatusCode, body, err)
	}
}

// awaitLog waits until the server has logged this.
func (w *fileWorld) awaitLog(t *testing.T, text string) {
	t.Helper()
	for range 200 {
		if strings.Contains(w.log.String(), text) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("the server does not say: %s", text)
}
