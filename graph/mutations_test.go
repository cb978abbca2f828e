package graph

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
)

// userErrors of any type, with what each says beyond its code.
const refusals = `userErrors { __typename code field ... on LineError { variantId } ... on OutOfStockError { shortages { variantId requested available } }
	... on PriceChangedError { expected { amount } actual { amount currency } } }`

// Mutations of one request run one after the other, and each shows what is true after it.
func TestEachMutationSeesWhatTheOneBeforeDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.goods(t, 1, 1)[0]
	placed := w.place(t, w.buyer, v)
	const state = `checkout { orders { status version } payment { status } } userErrors { code }`
	a := w.must(t, w.buyer, `mutation($chk: ID!, $pay: ID!, $v: ID!) {
		one: cartLinesSet(lines: [{variantId: $v, quantity: 2}]) { cart { version lines { quantity } } }
		two: cartLinesSet(lines: [{variantId: $v, quantity: 3}]) { cart { version lines { quantity } } }
		before: paymentPrepare(paymentId: $pay) { payment { status weChatPay { package } splits { id } } userErrors { code } }
		pay: sandboxPaymentConfirm(paymentId: $pay) { payment { status weChatPay { package } } userErrors { code } }
		again: paymentPrepare(paymentId: $pay) { payment { status } userErrors { code } }
		sync: paymentSync(paymentId: $pay) { payment { status } userErrors { code } }
		cancel: checkoutCancel(checkoutId: $chk) { `+state+` }
		foreign: checkoutCancel(checkoutId: "chk_00000000000000000000000000") { `+state+` }
	}`, object{"chk": placed.ID.String(), "pay": placed.Payment.ID.String(), "v": v.ID.String()})
	for path, want := range map[string]any{"one": 2.0, "two": 3.0} {
		if got := a.at(path, "cart", "lines", 0, "quantity"); got != want {
			t.Errorf("%s: %v lines", path, got)
		}
	}
	want := object{
		"pay":     object{"payment": object{"status": "PAID", "weChatPay": nil}, "userErrors": []any{}},
		"again":   object{"payment": object{"status": "PAID"}, "userErrors": []any{object{"code": "ALREADY_PAID"}}},
		"sync":    object{"payment": object{"status": "PAID"}, "userErrors": []any{}},
		"foreign": object{"checkout": nil, "userErrors": []any{object{"code": "NOT_FOUND"}}},
		"cancel": object{
			"checkout":   object{"orders": []any{object{"status": "PAID", "version": 2.0}}, "payment": object{"status": "PAID"}},
			"userErrors": []any{object{"code": "ALREADY_PAID"}},
		},
	}
	for name, w := range want {
		if diff := cmp.Diff(w, a.at(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if a.at("before", "payment", "status") != "PENDING" || a.at("before", "payment", "weChatPay", "package") == nil || a.at("before", "payment", "splits") != nil {
		t.Errorf("before: %v", a.at("before"))
	}
}

// What a mutation has loaded is not what the next one shows.
func TestMutationsShareNoLoaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	input := object{
		"idempotencyKey": "again", "lines": []any{object{"variantId": w.goods(t, 1, 1)[0].ID.String(), "quantity": 1}},
		"shipTo": object{"name": "林小雨", "phone": "13800138000", "province": "广东省", "city": "深圳市", "street": "科技路 1 号"},
	}
	place := `checkoutPlace(input: $in) { checkout { payment { id } orders { status payment { status } } } userErrors { code } }`
	first := w.must(t, w.buyer, `mutation($in: CheckoutPlaceInput!) { `+place+` }`, object{"in": input})
	a := w.must(t, w.buyer, `mutation($in: CheckoutPlaceInput!, $pay: ID!) { before: `+place+` sandboxPaymentConfirm(paymentId: $pay) { userErrors { code } } after: `+place+` }`,
		object{"in": input, "pay": first.at("checkoutPlace", "checkout", "payment", "id")})
	for name, want := range map[string]object{
		"before": {"status": "PENDING_PAYMENT", "payment": object{"status": "PENDING"}},
		"after":  {"status": "PAID", "payment": object{"status": "PAID"}},
	} {
		if diff := cmp.Diff(any(want), a.at(name, "checkout", "orders", 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCheckoutPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 2, 1)
	id := func(i int) string { return goods[i].ID.String() }
	address := object{"name": "林小雨", "phone": "13800138000", "province": "广东省", "city": "深圳市", "street": "科技路 1 号", "district": nil}
	place := func(input object) answer {
		t.Helper()
		w.keys++
		input["idempotencyKey"] = fmt.Sprintf("place-%d", w.keys)
		if _, ok := input["shipTo"]; !ok {
			input["shipTo"] = address
		}
		return w.must(t, w.buyer, `mutation($in: CheckoutPlaceInput!) { checkoutPlace(input: $in) { checkout { orders { number note total { amount currency }
			shipTo { country province city district street postalCode } lines { sku quantity } heldUntil } payment { amount { amount } weChatPay { package } } heldUntil } `+refusals+` } }`,
			object{"in": input})
	}
	a := place(object{
		"lines": []any{object{"variantId": id(0), "quantity": 1}, object{"variantId": id(1), "quantity": 2}, object{"variantId": id(0), "quantity": 1}},
		"shops": []any{object{"shopId": goods[1].ShopID.String(), "note": "请放门口"}, object{"shopId": goods[0].ShopID.String(), "note": nil}},
	})
	checkout := a.at("checkoutPlace", "checkout")
	if checkout == nil {
		t.Fatalf("refused: %v", a.Data)
	}
	for _, c := range []struct {
		path []any
		want any
	}{
		{[]any{"orders", 0, "lines", 0, "quantity"}, 2.0},
		{[]any{"orders", 1, "note"}, "请放门口"},
		{[]any{"orders", 0, "note"}, nil},
		{[]any{"orders", 0, "shipTo", "country"}, "CN"},
		{[]any{"orders", 0, "shipTo", "postalCode"}, nil},
		{[]any{"payment", "amount", "amount"}, float64(2*goods[0].Price.Amount + 2*goods[1].Price.Amount)},
		{[]any{"heldUntil"}, "2026-03-04T05:21:07.891011Z"},
	} {
		if got := a.at(append([]any{"checkoutPlace", "checkout"}, c.path...)...); got != c.want {
			t.Errorf("%v is %v, want %v", c.path, got, c.want)
		}
	}

	one := []any{object{"variantId": id(0), "quantity": 1}}
	many := object{"variantId": id(0), "quantity": 9999}
	available, _ := w.must(t, w.buyer, `query($id: ID!) { node(id: $id) { ... on ProductVariant { stock { available } } } }`, object{"id": id(0)}).
		at("node", "stock", "available").(float64)
	for _, c := range []struct {
		name  string
		input object
		want  []any
	}{
		{"lines null: the cart, which is empty", object{"lines": nil}, []any{object{"__typename": "PlainUserError", "code": "INVALID", "field": []any{"input", "lines"}}}},
		{"no lines: the cart, too", object{}, []any{object{"__typename": "PlainUserError", "code": "INVALID", "field": []any{"input", "lines"}}}},
		{"lines empty", object{"lines": []any{}}, []any{object{"__typename": "PlainUserError", "code": "INVALID", "field": []any{"input", "lines"}}}},
		{"no address", object{"lines": one, "shipTo": nil}, []any{object{"__typename": "PlainUserError", "code": "ADDRESS_REQUIRED", "field": []any{"input", "shipTo"}}}},
		{"the cart has moved", object{"lines": one, "cartVersion": 99}, []any{object{"__typename": "PlainUserError", "code": "VERSION_MISMATCH", "field": []any{"input", "cartVersion"}}}},
		{
			"no such variant",
			object{"lines": []any{object{"variantId": "x", "quantity": 1}}},
			[]any{object{"__typename": "LineError", "code": "NOT_FOUND", "field": []any{"input", "lines", "0", "variantId"}, "variantId": "x"}},
		},
		{
			"short",
			object{"lines": []any{many}},
			[]any{object{"__typename": "OutOfStockError", "code": "OUT_OF_STOCK", "field": nil, "shortages": []any{
				object{"variantId": id(0), "requested": 9999.0, "available": available},
			}}},
		},
		{
			"another price",
			object{"lines": one, "expectedTotal": object{"amount": 1, "currency": "CNY"}},
			[]any{object{
				"__typename": "PriceChangedError", "code": "PRICE_CHANGED", "field": []any{"input", "expectedTotal"}, "expected": object{"amount": 1.0},
				"actual": object{"amount": float64(goods[0].Price.Amount), "currency": "CNY"},
			}},
		},
	} {
		a := place(c.input)
		got, _ := a.at("checkoutPlace", "userErrors").([]any)
		if len(got) == 1 && c.name == "short" { // which argument it names is the domain's business
			got[0].(object)["field"] = nil
		}
		if diff := cmp.Diff(c.want, got); diff != "" || a.at("checkoutPlace", "checkout") != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, a.at("checkoutPlace", "checkout"), diff)
		}
	}

	// An empty list is not null: with something in the cart, the one is refused and the other buys it.
	w.must(t, w.buyer, `mutation($v: ID!) { cartLinesSet(lines: [{variantId: $v, quantity: 1}]) { userErrors { code } } }`, object{"v": id(1)})
	if a := place(object{"lines": []any{}}); a.at("checkoutPlace", "checkout") != nil {
		t.Errorf("no lines at all bought the cart: %v", a.Data)
	}
	if a := place(object{"lines": nil}); a.at("checkoutPlace", "checkout") == nil {
		t.Errorf("the cart was not bought: %v", a.Data)
	}
}

func TestCartShowsItsProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 1, 2)
	a := w.must(t, w.buyer, `mutation($a: ID!, $b: ID!) { cartLinesSet(lines: [{variantId: $a, quantity: 1}, {variantId: $b, quantity: 9999}]) {
		cart { subtotal { amount } lines { amount { amount } variant { id product { title } } problems { __typename code message ... on OutOfStockError { shortages { requested } } } } } userErrors { code } } }`,
		object{"a": goods[0].ID.String(), "b": goods[1].ID.String()})
	lines := []any{"cartLinesSet", "cart", "lines"}
	if got := a.at(append(lines, 0, "problems")...); fmt.Sprint(got) != "[]" {
		t.Errorf("what can be bought has problems: %v", got)
	}
	if a.at(append(lines, 1, "problems", 0, "__typename")...) != "OutOfStockError" || a.at(append(lines, 1, "problems", 0, "shortages", 0, "requested")...) != 9999.0 {
		t.Errorf("lines: %v", a.at(lines...))
	}
}

func TestProductCreateAndStockAdjust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.clerk.Shops()[0]
	create := `mutation($in: ProductCreateInput!) { productCreate(input: $in) { product { id status description imageUrls requiresShipping
		variants { id sku title price { amount } stock { onHand held isLow version } } } ` + refusals + ` } }`
	variant := object{"sku": "NEW-1", "price": object{"amount": 100, "currency": "CNY"}, "onHand": 3, "title": nil, "lowStockThreshold": nil}
	a := w.must(t, w.clerk, create, object{"in": object{
		"shopId": shop.String(), "title": "新品 New", "description": nil, "imageUrls": nil, "status": nil, "variants": []any{variant},
	}})
	product := a.at("productCreate", "product")
	made := func(path ...any) any { return a.at(append([]any{"productCreate", "product"}, path...)...) }
	if product == nil || made("status") != string(catalog.Draft) || made("description") != "" || made("requiresShipping") != true ||
		made("variants", 0, "stock", "onHand") != 3.0 || made("variants", 0, "title") != "" {
		t.Fatalf("made: %v", a.Data)
	}
	adjust := `mutation($in: StockAdjustInput!) { stockAdjust(input: $in) { stock { available onHand version } ` + refusals + ` } }`
	input := func(more object) object {
		in := object{"variantId": made("variants", 0, "id"), "reason": "counted", "idempotencyKey": fmt.Sprint(more)}
		maps.Copy(in, more)
		return object{"in": in}
	}
	key := "k-1"
	if a := w.must(t, w.clerk, adjust, input(object{"delta": -1, "onHand": nil, "idempotencyKey": key})); a.at("stockAdjust", "stock", "onHand") != 2.0 {
		t.Errorf("one fewer: %v", a.Data)
	}
	for name, c := range map[string]struct {
		more object
		code string
	}{
		"neither":      {object{"idempotencyKey": "k-2"}, "INVALID"},
		"both":         {object{"idempotencyKey": "k-3", "delta": 1, "onHand": 0}, "INVALID"},
		"a new count":  {object{"idempotencyKey": "k-4", "onHand": 0}, ""},
		"other input":  {object{"idempotencyKey": key, "delta": 5}, "IDEMPOTENCY_KEY_REUSED"},
		"old version":  {object{"idempotencyKey": "k-5", "delta": 5, "ifVersion": 0}, "VERSION_MISMATCH"},
		"null version": {object{"idempotencyKey": "k-6", "delta": 5, "ifVersion": nil}, ""},
	} {
		got := w.must(t, w.clerk, adjust, input(c.more)).at("stockAdjust", "userErrors", 0, "code")
		if (c.code == "") != (got == nil) || got != nil && got != c.code {
			t.Errorf("%s: %v, want %q", name, got, c.code)
		}
	}
	other := w.goods(t, 2, 1)[1]
	for _, a := range []answer{
		w.must(t, w.clerk, adjust, object{"in": object{"variantId": other.ID.String(), "delta": 1, "reason": "x", "idempotencyKey": "k-7"}}),
		w.must(t, w.clerk, create, object{"in": object{"shopId": other.ShopID.String(), "title": "x", "variants": []any{variant}}}),
	} {
		for _, payload := range a.Data {
			if list, _ := payload.(object)["userErrors"].([]any); len(list) != 1 || list[0].(object)["code"] != "NOT_FOUND" {
				t.Errorf("in another's shop: %v", a.Data)
			}
		}
	}
}

func TestOrderFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.goods(t, 1, 1)[0]
	first := w.place(t, w.buyer, v)
	w.clock.Advance(1e9)
	second := w.place(t, w.buyer, v)
	if _, err := w.Checkouts.SandboxConfirm(t.Context(), w.buyer, first.Payment.ID.String()); err != nil {
		t.Fatal(err)
	}
	query := `query($f: OrderFilter) { viewer { ... on Buyer { orders(first: 9, filter: $f) { nodes { placedAt number status } } } } }`
	all := w.must(t, w.buyer, query, nil)
	at := func(n int, field string) any { return all.at("viewer", "orders", "nodes", n, field) }
	if at(1, "status") != "PAID" || at(0, "status") != "PENDING_PAYMENT" || at(0, "placedAt") != second.PlacedAt.Format("2006-01-02T15:04:05.999999Z07:00") {
		t.Fatalf("newest first: %v", all.Data)
	}
	for _, c := range []struct {
		name   string
		filter object
		want   []any
	}{
		{"null", nil, []any{at(0, "number"), at(1, "number")}},
		{"all null", object{"statuses": nil, "placedFrom": nil, "placedBefore": nil, "text": nil}, []any{at(0, "number"), at(1, "number")}},
		{"paid", object{"statuses": []any{"PAID", "SHIPPED", "PAID"}}, []any{at(1, "number")}},
		{"shipped", object{"statuses": []any{"SHIPPED"}}, []any{}},
		{"from", object{"placedFrom": at(0, "placedAt")}, []any{at(0, "number")}},
		{"before", object{"placedBefore": at(0, "placedAt")}, []any{at(1, "number")}},
		{"before all", object{"placedBefore": "0001-01-01T00:00:00Z"}, []any{}},
		{"number", object{"text": at(1, "number")}, []any{at(1, "number")}},
		{"sku", object{"text": v.SKU}, []any{at(0, "number"), at(1, "number")}},
		{"both", object{"text": v.SKU, "statuses": []any{"PENDING_PAYMENT"}}, []any{at(0, "number")}},
	} {
		a := w.must(t, w.buyer, query, object{"f": c.filter})
		got := []any{}
		for n := 0; a.at("viewer", "orders", "nodes", n) != nil; n++ {
			got = append(got, a.at("viewer", "orders", "nodes", n, "number"))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
