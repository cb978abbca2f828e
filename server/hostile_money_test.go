package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/demo"
)

// TestHostileMoney sends numbers that are none, too large, too many or somebody else's, over HTTP. Each is refused by name, and nothing moves;
// the world's invariants are looked at after it.
func TestHostileMoney(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("numbers", func(t *testing.T) { hostileNumbers(t, w) })
		t.Run("totals", func(t *testing.T) { hostileTotals(t, w) })
		t.Run("refunds", func(t *testing.T) { hostileRefunds(t, w) })
		t.Run("refunds at once", func(t *testing.T) { refundsAtOnce(t, w) })
		t.Run("rules that change", func(t *testing.T) { rulesThatChange(t, w) })
	})
}

// number is one as a document has it, and whether the type of the field can hold it at all: if not, the request is refused as a whole.
type number struct {
	text    string
	fits    bool // into an Int
	fitsInt bool // into an Int64
}

var hostile = []number{
	{"0", true, true},
	{"-1", true, true},
	{"-2147483648", true, true},
	{"2147483647", true, true},
	{"2147483648", false, true},
	{"-2147483649", false, true},
	{"9007199254740991", false, true}, // 2^53 - 1, the most that an amount may be
	{"-9007199254740991", false, true},
	{"9007199254740993", false, false},
	{"9223372036854775807", false, false},
	{"9223372036854775808", false, false},
	{"-9223372036854775808", false, false},
	{"18446744073709551617", false, false},
	{"1" + strings.Repeat("0", 400), false, false},
	{"1.5", false, false},
	{"1e-1", false, false},
	{"1e400", false, false},
	{`"1"`, false, false},
	{`"１"`, false, false},
	{"null", false, false},
	{"true", false, false},
	{"[1, 1]", false, false},
	{"{}", false, false},
}

// hostileNumbers puts each number in the place of each quantity and amount, as a variable and as a literal.
func hostileNumbers(t *testing.T, w *world) {
	shop := w.shops(t)[0]
	v := w.goods(t, shop, 100, 5)[0]
	merchant, buyer, operator := w.merchant(t), w.buyer(t, "numerate"), w.staff(t, demo.Operator, demo.Password)
	o := buyer.pays(t, vars{"lines": lines(v, 2)})[0]
	line := `[{orderLineId: "` + o.Lines[0].ID + `", quantity: N}]`
	order := `orderId: "` + o.ID + `", idempotencyKey: "KEY"`
	before := merchant.stock(t, v)
	for name, f := range map[string]struct {
		who   *client
		text  string // a root field, with N for the number
		wide  bool   // N is an Int64
		valid []string
	}{
		"a checkout":       {buyer, `checkoutPlace(input: {idempotencyKey: "KEY", lines: [{variantId: "` + v + `", quantity: N}]})`, false, nil},
		"a cart":           {buyer, `cartLinesSet(lines: [{variantId: "` + v + `", quantity: N}])`, false, []string{"0"}},
		"a total":          {buyer, `checkoutPlace(input: {idempotencyKey: "KEY", lines: [{variantId: "` + v + `", quantity: 1}], expectedTotal: {amount: N, currency: CNY}})`, true, nil},
		"a refund":         {merchant, `orderRefund(input: {` + order + `, reason: "x", amount: {amount: N, currency: CNY}})`, true, nil},
		"lines refunded":   {merchant, `orderRefund(input: {` + order + `, reason: "x", lines: ` + line + `})`, false, nil},
		"lines restocked":  {merchant, `orderRefund(input: {` + order + `, reason: "x", amount: {amount: 1, currency: CNY}, restock: ` + line + `})`, false, nil},
		"lines shipped":    {merchant, `orderShip(input: {` + order + `, method: PICKUP, lines: ` + line + `})`, false, nil},
		"a count":          {merchant, `stockAdjust(input: {variantId: "` + v + `", idempotencyKey: "KEY", reason: "x", onHand: N, ifVersion: 999999})`, false, nil},
		"a change":         {merchant, `stockAdjust(input: {variantId: "` + v + `", idempotencyKey: "KEY", reason: "x", delta: N, ifVersion: 999999})`, false, nil},
		"a version":        {merchant, `stockAdjust(input: {variantId: "` + v + `", idempotencyKey: "KEY", reason: "x", delta: 1, ifVersion: N})`, true, []string{"null"}},
		"a price":          {merchant, `productVariantUpdate(input: {variantId: "x", price: {amount: N, currency: CNY}})`, true, nil},
		"a price and more": {merchant, `productCreate(input: {shopId: "` + shop.ID + `", title: "", variants: [{sku: "KEY", price: {amount: N, currency: CNY}, onHand: 1}]})`, true, nil},
		"goods on hand":    {merchant, `productCreate(input: {shopId: "` + shop.ID + `", title: "", variants: [{sku: "KEY", price: {amount: 1, currency: CNY}, onHand: N}]})`, false, nil},
		"a share":          {operator, `splitRulesSet(shopId: "` + shop.ID + `", rules: [{receiver: "r", role: PLATFORM, basisPoints: N}])`, false, nil},
	} {
		for _, n := range hostile {
			if slices.Contains(f.valid, n.text) {
				continue
			}
			text := `mutation { it: ` + strings.NewReplacer("KEY", unique("key"), "N}", n.text+"}", "N,", n.text+",").Replace(f.text) + ` { userErrors { code } } }`
			got := f.who.send(t, text, nil)
			fits := n.fits || f.wide && n.fitsInt
			// Absent and null are one where null is allowed; then the rest of the input is refused.
			if n.text == "null" && len(got.Errors) == 0 {
				fits = true
			}
			checkRefused(t, name+" of "+n.text, got, fits)
		}
	}
	if after := merchant.stock(t, v); after.Version != before.Version {
		t.Errorf("the stock has moved: %+v, before %+v", after, before)
	}
	if got := merchant.order(t, o.ID); got.Refunded.Amount != 0 || got.Status != "PAID" {
		t.Errorf("the order is %+v", got)
	}
	// As variables they are the same.
	for _, n := range hostile {
		body := `{"query":"mutation($n: Int!) { it: checkoutPlace(input: {idempotencyKey: \"` + unique("key") + `\", lines: [{variantId: \"` + v +
			`\", quantity: $n}]}) { userErrors { code } } }","variables":{"n":` + n.text + `}}`
		got, err := buyer.try([]byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		checkRefused(t, "a variable of "+n.text, got, n.fits)
	}
}

// checkRefused expects that a request is refused by the business, or as a whole when what it says does not even fit.
func checkRefused(t *testing.T, what string, got answer, fits bool) {
	t.Helper()
	var data struct{ It *payload }
	_ = json.Unmarshal(got.Data, &data)
	switch {
	case fits && (len(got.Errors) > 0 || data.It == nil || len(data.It.UserErrors) == 0):
		t.Errorf("%.80s is not refused by the business: %s", what, got.Body)
	case !fits && (len(got.Errors) == 0 || slices.ContainsFunc(got.codes(), func(c string) bool { return c != "BAD_REQUEST" }) || data.It != nil):
		t.Errorf("%.80s is not refused as a whole: %s", what, got.Body)
	}
}

// hostileTotals are products and sums that no number holds, and totals that the client makes up.
func hostileTotals(t *testing.T, w *world) {
	// The most that a price may be: so much that no checkout is more than 2^53 - 1.
	const most = (int64(1)<<53 - 1) / 9999 / 50
	shops := w.shops(t)
	buyer := w.buyer(t, "forger")
	dear := w.goods(t, shops[0], most, slices.Repeat([]int{9999}, 200)...)
	for _, price := range []int64{most + 1, 1<<53 - 1, -1} {
		w.merchant(t).editVariant(t, vars{"variantId": dear[0], "price": moneyView{price, "CNY"}}).refused(t, "INVALID")
	}
	cheap := w.goods(t, shops[0], 250, 9999)[0]
	abroad := w.goods(t, shops[3], 250, 9)[0]
	for name, c := range map[string]struct {
		input vars
		code  string
	}{
		"one variant, again":          {vars{"lines": lines(cheap, 9999, cheap, 1)}, "QUANTITY_LIMIT"},
		"one variant, 50 times":       {vars{"lines": slices.Repeat(lines(cheap, 9999), 50)}, "QUANTITY_LIMIT"},
		"51 lines":                    {vars{"lines": slices.Repeat(lines(cheap, 1), 51)}, "TOO_MANY"},
		"a forged total":              {vars{"lines": lines(cheap, 2), "expectedTotal": moneyView{1, "CNY"}}, "PRICE_CHANGED"},
		"a total of one":              {vars{"lines": lines(cheap, 2), "expectedTotal": moneyView{250, "CNY"}}, "PRICE_CHANGED"},
		"a forged currency":           {vars{"lines": lines(cheap, 2), "expectedTotal": moneyView{500, "HKD"}}, "PRICE_CHANGED"},
		"a total of another currency": {vars{"lines": lines(abroad, 2), "expectedTotal": moneyView{500, "CNY"}}, "PRICE_CHANGED"},
		"two currencies":              {vars{"lines": lines(cheap, 1, abroad, 1)}, "CURRENCY_MISMATCH"},
	} {
		got := buyer.place(t, c.input)
		if got.Checkout != nil || len(got.UserErrors) == 0 || got.UserErrors[0].Code != c.code {
			t.Errorf("%s: %+v, want %s", name, got, c.code)
		}
	}
	for _, v := range []string{dear[0], cheap} {
		if s := w.merchant(t).stock(t, v); *s.Held != 0 {
			t.Errorf("%d held after checkouts that were refused", *s.Held)
		}
	}
	var whole []vars
	for _, v := range dear {
		whole = append(whole, lines(v, 9999)...)
	}
	if got := buyer.buy(t, vars{"lines": whole[:50]}).Payment.Amount.Amount; got != most*9999*50 {
		t.Errorf("the largest checkout costs %d, want %d", got, most*9999*50)
	}
	// A cart has room for more than that: it says what it cannot sell, and no sum that is none.
	got := buyer.setCart(t, whole, nil)
	got.refused(t)
	if got.Cart.Subtotal != nil {
		t.Errorf("a cart of too much adds up to %+v", got.Cart.Subtotal)
	}
	// Duplicates add up, before they are compared and in the bill.
	placed := buyer.buy(t, vars{"lines": lines(cheap, 2, cheap, 3), "expectedTotal": moneyView{1250, "CNY"}})
	if l := placed.Orders[0].Lines; len(l) != 1 || l[0].Quantity != 5 || placed.Payment.Amount.Amount != 1250 {
		t.Errorf("placed: %+v", placed)
	}
	// A total that was right is stale once the price has moved.
	w.merchant(t).editVariant(t, vars{"variantId": cheap, "price": moneyView{251, "CNY"}}).refused(t)
	buyer.place(t, vars{"lines": lines(cheap, 2), "expectedTotal": moneyView{500, "CNY"}}).refused(t, "PRICE_CHANGED")
}

func hostileRefunds(t *testing.T, w *world) {
	shops := w.shops(t)
	v := w.goods(t, shops[0], 1000, 99, 99)
	merchant, buyer := w.merchant(t), w.buyer(t, "greedy")
	mine := buyer.pays(t, vars{"lines": lines(v[0], 3, v[1], 1)})[0]
	other := w.buyer(t, "generous").pays(t, vars{"lines": lines(v[0], 9)})[0]
	elsewhere := buyer.pays(t, vars{"lines": lines(w.goods(t, shops[1], 1000, 9)[0], 9)})[0]
	fen := moneyView{1, "CNY"}
	before := merchant.stock(t, v[0])
	for name, c := range map[string]struct {
		input vars
		code  string
	}{
		"a line of another order":       {vars{"lines": []vars{lineOf(other, 0, 1)}}, "NOT_FOUND"},
		"a line of another shop":        {vars{"lines": []vars{lineOf(elsewhere, 0, 1)}}, "NOT_FOUND"},
		"one line twice":                {vars{"lines": []vars{lineOf(mine, 0, 2), lineOf(mine, 0, 2)}}, "INVALID"},
		"one line twice, within":        {vars{"lines": []vars{lineOf(mine, 0, 1), lineOf(mine, 0, 1)}}, "INVALID"},
		"more than was bought":          {vars{"lines": []vars{lineOf(mine, 0, 4)}}, "INVALID"},
		"as many as of the other line":  {vars{"lines": []vars{lineOf(mine, 1, 3)}}, "INVALID"},
		"no lines":                      {vars{"lines": []vars{}}, "INVALID"},
		"51 lines":                      {vars{"lines": slices.Repeat([]vars{lineOf(mine, 0, 1)}, 51)}, "TOO_MANY"},
		"restock of another order":      {vars{"amount": fen, "restock": []vars{lineOf(other, 0, 1)}}, "NOT_FOUND"},
		"restock twice":                 {vars{"amount": fen, "restock": []vars{lineOf(mine, 0, 2), lineOf(mine, 0, 2)}}, "INVALID"},
		"restock beyond":                {vars{"amount": fen, "restock": []vars{lineOf(mine, 0, 4)}}, "INVALID"},
		"more than was paid":            {vars{"amount": moneyView{4001, "CNY"}}, "AMOUNT_EXCEEDED"},
		"the most there is":             {vars{"amount": moneyView{1<<53 - 1, "CNY"}}, "AMOUNT_EXCEEDED"},
		"as much, of another currency":  {vars{"amount": moneyView{4000, "HKD"}}, "CURRENCY_MISMATCH"},
		"lines, for more than they are": {vars{"lines": []vars{lineOf(mine, 0, 1)}, "amount": moneyView{4001, "CNY"}}, "AMOUNT_EXCEEDED"},
	} {
		c.input["orderId"] = mine.ID
		got := merchant.refund(t, c.input)
		if got.Refund != nil || len(got.UserErrors) == 0 || got.UserErrors[0].Code != c.code {
			t.Errorf("%s: %+v, want %s", name, got, c.code)
		}
	}
	if s := merchant.stock(t, v[0]); s.Version != before.Version {
		t.Errorf("the stock has moved: %+v, before %+v", s, before)
	}
	// All of it, and then once more, in every way; and restock, which is counted on its own.
	merchant.refund(t, vars{"orderId": mine.ID, "restock": []vars{lineOf(mine, 0, 3)}}).refused(t)
	for _, again := range []vars{{}, {"amount": fen}, {"lines": []vars{lineOf(mine, 0, 1)}}, {"amount": fen, "restock": []vars{lineOf(mine, 1, 1)}}} {
		again["orderId"] = mine.ID
		merchant.refund(t, again).refused(t, "AMOUNT_EXCEEDED")
	}
	checkStock(t, "restocked once", merchant.stock(t, v[0]), *before.OnHand+3, 0, before.Version)
}

// refundsAtOnce are many refunds of one order, each of a third of it, and half of them under one key.
func refundsAtOnce(t *testing.T, w *world) {
	merchant := w.merchant(t)
	v := w.goods(t, w.shops(t)[0], 1000, 99)[0]
	o := w.buyer(t, "twice").pays(t, vars{"lines": lines(v, 3)})[0]
	onHand := *merchant.stock(t, v).OnHand
	same := unique("key")
	start := make(chan struct{})
	var mu sync.Mutex
	refunds, codes := map[string]bool{}, map[string]int{}
	var crowd sync.WaitGroup
	for i := range 24 {
		key := same
		if i%2 == 1 {
			key = unique("key")
		}
		body, err := json.Marshal(map[string]any{"query": refundMutation, "variables": vars{"input": vars{
			"orderId": o.ID, "idempotencyKey": key, "reason": "x", "lines": []vars{lineOf(o, 0, 1)}, "restock": []vars{lineOf(o, 0, 1)},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		crowd.Go(func() {
			<-start
			got, err := merchant.try(body, nil)
			var data struct{ OrderRefund refundPayload }
			if err == nil {
				err = json.Unmarshal(got.Data, &data)
			}
			mu.Lock()
			defer mu.Unlock()
			switch p := data.OrderRefund; {
			case err != nil || len(got.Errors) > 0:
				t.Errorf("refund: %s (%v)", got.Body, err)
			case p.Refund != nil:
				refunds[p.Refund.ID] = true
			default:
				codes[p.UserErrors[0].Code]++
			}
		})
	}
	close(start)
	crowd.Wait()
	after := merchant.order(t, o.ID)
	if len(refunds) != 3 || len(codes) != 1 || codes["AMOUNT_EXCEEDED"] < 9 || after.Refunded != o.Total || after.Status != "REFUNDED" {
		t.Errorf("%d refunds, refused %v, in all %+v of %+v, %s", len(refunds), codes, after.Refunded, o.Total, after.Status)
	}
	if s := merchant.stock(t, v); *s.OnHand != onHand+3 {
		t.Errorf("%d on hand, want %d", *s.OnHand, onHand+3)
	}
}

// rulesThatChange has an operator change a shop's rules again and again while it sells. Each order follows one whole set of them, and adds up.
func rulesThatChange(t *testing.T, w *world) {
	operator, merchant := w.staff(t, demo.Operator, demo.Password), w.merchant(t)
	shop := w.shops(t)[2]
	v := w.goods(t, shop, 9999, 9999)[0]
	// Set n has n+1 receivers, which name it, and each takes n+1 %.
	const sets, buyers, each = 5, 6, 8
	set := func(n int) []byte {
		var rules []vars
		for i := range n + 1 {
			rules = append(rules, vars{"receiver": fmt.Sprintf("set%d-%d", n, i), "role": "PLATFORM", "basisPoints": 100 * (n + 1)})
		}
		body, err := json.Marshal(map[string]any{
			"query":     `mutation($id: ID!, $rules: [SplitRuleInput!]!) { splitRulesSet(shopId: $id, rules: $rules) { userErrors { code } } }`,
			"variables": vars{"id": shop.ID, "rules": rules},
		})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	all := make([][]byte, sets)
	for n := range all {
		all[n] = set(n)
	}
	change := func(n int) {
		got, err := operator.try(all[n%sets], http.Header{})
		if err != nil || string(got.Data) != `{"splitRulesSet":{"userErrors":[]}}` {
			t.Errorf("set rules: %s (%v)", got.Body, err)
		}
	}
	change(0)
	done := make(chan struct{})
	var changing, crowd sync.WaitGroup
	changing.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			default:
				change(n)
			}
		}
	})
	var mu sync.Mutex
	var orders []orderView
	for i := range buyers {
		buyer := w.buyer(t, fmt.Sprintf("ruled%d", i))
		crowd.Go(func() {
			for range each {
				got, err := buyer.try(placeBody(t, vars{"lines": lines(v, 1)}), nil)
				var data struct{ CheckoutPlace checkoutPayload }
				if err == nil {
					err = json.Unmarshal(got.Data, &data)
				}
				if err != nil || data.CheckoutPlace.Checkout == nil {
					t.Errorf("place: %s (%v)", got.Body, err)
					return
				}
				mu.Lock()
				orders = append(orders, data.CheckoutPlace.Checkout.Orders...)
				mu.Unlock()
			}
		})
	}
	crowd.Wait()
	close(done)
	changing.Wait()
	followed := map[int]int{}
	for _, o := range orders {
		splits := merchant.order(t, o.ID).Splits
		followed[followedSet(t, o, splits)]++
	}
	t.Logf("orders by the set that they follow: %v", followed)
	if len(followed) < 2 {
		t.Errorf("%v: the rules have not changed meanwhile", followed)
	}
}

// followedSet is the one set of rules that an order's splits are of.
func followedSet(t *testing.T, o orderView, splits []splitView) int {
	t.Helper()
	var sum int64
	set := -1
	shares := 0
	for _, s := range splits {
		sum += s.Amount.Amount
		if s.Role != "PLATFORM" {
			continue
		}
		var n, i int
		if _, err := fmt.Sscanf(s.Receiver, "set%d-%d", &n, &i); err != nil {
			t.Fatalf("receiver %s: %v", s.Receiver, err)
		}
		if set < 0 {
			set = n
		}
		shares++
		if want := o.Total.Amount * int64(n+1) / 100; n != set || s.Amount.Amount != want {
			t.Errorf("%s has %d, want %d, beside receivers of set %d", s.Receiver, s.Amount.Amount, want, set)
		}
	}
	if sum != o.Total.Amount || set < 0 || shares != set+1 {
		t.Errorf("%d receivers of set %d, in all %d of %d: %+v", shares, set, sum, o.Total.Amount, splits)
	}
	return set
}
