package main

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
)

// Views are what tests ask for of each type.
type (
	moneyView struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	stockView struct {
		VariantID string
		Available int
		IsLow     bool
		OnHand    *int
		Held      *int
		Version   int64
		ChangedAt time.Time
	}
	variantView struct {
		ID    string
		SKU   string
		Title string
		Price moneyView
		Stock stockView
	}
	sessionView struct {
		AccessToken  string
		ExpiresAt    time.Time
		RefreshToken string
		Viewer       struct {
			Typename   string `json:"__typename"`
			ID         string
			Email      string
			IsOperator bool
		}
	}
	splitView struct {
		Receiver string
		Role     string
		Amount   moneyView
		Returned moneyView
		Status   string
	}
	lineView struct {
		ID        string
		Title     string
		SKU       string
		UnitPrice moneyView
		Quantity  int
		Amount    moneyView
		Variant   *struct{ ID string }
	}
	orderView struct {
		ID        string
		Number    string
		Shop      struct{ ID string }
		Lines     []lineView
		Total     moneyView
		Refunded  moneyView
		Status    string
		Splits    []splitView
		Note      *string
		ShipTo    *struct{ Name, Country string }
		HeldUntil *time.Time
		PaidAt    *time.Time
		Version   int64
	}
	paymentView struct {
		ID        string
		Status    string
		Amount    moneyView
		WeChatPay *struct{ TimeStamp, NonceStr, Package, SignType, PaySign string }
		Splits    []splitView
	}
	checkoutView struct {
		ID        string
		Orders    []orderView
		Payment   paymentView
		HeldUntil time.Time
	}
	cartView struct {
		ID       string
		Version  int64
		Subtotal *moneyView
		Lines    []struct {
			Variant  struct{ ID string }
			Quantity int
			Amount   moneyView
			Problems []refusal
		}
	}
)

// sharesMove leaves the status of shares out of a comparison: they are paid out by themselves, at any moment.
var sharesMove = cmpopts.IgnoreFields(splitView{}, "Status")

const (
	moneyFields   = `{ amount currency }`
	stockFields   = `{ variantId available isLow onHand held version changedAt }`
	variantFields = `{ id sku title price ` + moneyFields + ` stock ` + stockFields + ` }`
	splitFields   = `{ receiver role amount ` + moneyFields + ` returned ` + moneyFields + ` status }`
	orderFields   = `{ id number shop { id } total ` + moneyFields + ` refunded ` + moneyFields + ` status note shipTo { name country } heldUntil paidAt version
		splits ` + splitFields + `
		lines { id title sku unitPrice ` + moneyFields + ` quantity amount ` + moneyFields + ` variant { id } } }`
	paymentFields = `{ id status amount ` + moneyFields + ` splits ` + splitFields + `
		weChatPay { timeStamp nonceStr package signType paySign } }`
	checkoutFields = `{ id heldUntil orders ` + orderFields + ` payment ` + paymentFields + ` }`
	cartFields     = `{ id version subtotal ` + moneyFields + `
		lines { variant { id } quantity amount ` + moneyFields + ` problems { __typename code message field
			... on LineError { variantId } ... on OutOfStockError { shortages { variantId requested available } } } } }`
)

// Payloads.
type (
	sessionPayload struct {
		payload
		Session *sessionView
	}
	checkoutPayload struct {
		payload
		Checkout *checkoutView
	}
	paymentPayload struct {
		payload
		Payment *paymentView
	}
	cartPayload struct {
		payload
		Cart *cartView
	}
	productPayload struct {
		payload
		Product *struct {
			ID       string
			Status   string
			Variants []variantView
		}
	}
	stockPayload struct {
		payload
		Stock *stockView
	}
)

// lines are the lines of a cart or checkout: so many of each of these variants, alternating.
func lines(of ...any) []vars {
	var out []vars
	for i := 0; i < len(of); i += 2 {
		out = append(out, vars{"variantId": of[i], "quantity": of[i+1]})
	}
	return out
}

// home is an address.
var home = vars{"name": "林小满", "phone": "+86 138 0000 0000", "province": "浙江省", "city": "杭州市", "street": "龙井路 1 号"}

const placeMutation = `mutation($input: CheckoutPlaceInput!) { checkoutPlace(input: $input) { checkout ` + checkoutFields + userErrors + ` } }`

// place sends checkoutPlace. What the input lacks of a key and an address it gets.
func (c *client) place(t *testing.T, input vars) checkoutPayload {
	t.Helper()
	return ask[struct{ CheckoutPlace checkoutPayload }](t, c, placeMutation, vars{"input": filled(input)}).CheckoutPlace
}

func filled(input vars) vars {
	full := vars{"idempotencyKey": unique("key"), "shipTo": home}
	maps.Copy(full, input)
	return full
}

// placeBody is the body of a checkoutPlace.
func placeBody(t *testing.T, input vars) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": placeMutation, "variables": vars{"input": filled(input)}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// buy places a checkout that must succeed.
func (c *client) buy(t *testing.T, input vars) *checkoutView {
	t.Helper()
	got := c.place(t, input)
	got.refused(t)
	if got.Checkout == nil {
		t.Fatal("no error and no checkout")
	}
	return got.Checkout
}

func (c *client) cancel(t *testing.T, checkout string) checkoutPayload {
	t.Helper()
	return ask[struct{ CheckoutCancel checkoutPayload }](t, c, `mutation($id: ID!) { checkoutCancel(checkoutId: $id) { checkout `+
		checkoutFields+userErrors+` } }`, vars{"id": checkout}).CheckoutCancel
}

// pay sends paymentPrepare, paymentSync or sandboxPaymentConfirm.
func (c *client) pay(t *testing.T, mutation, payment string) paymentPayload {
	t.Helper()
	return ask[map[string]paymentPayload](t, c, `mutation($id: ID!) { `+mutation+`(paymentId: $id) { payment `+
		paymentFields+userErrors+` } }`, vars{"id": payment})[mutation]
}

func (c *client) confirm(t *testing.T, payment string) paymentPayload {
	t.Helper()
	return c.pay(t, "sandboxPaymentConfirm", payment)
}

func (c *client) setCart(t *testing.T, lines []vars, ifVersion any) cartPayload {
	t.Helper()
	return ask[struct{ CartLinesSet cartPayload }](t, c, `mutation($lines: [CartLineInput!]!, $v: Int64) { cartLinesSet(lines: $lines, ifVersion: $v) { cart `+
		cartFields+userErrors+` } }`, vars{"lines": lines, "v": ifVersion}).CartLinesSet
}

func (c *client) cart(t *testing.T) cartView {
	t.Helper()
	return ask[struct{ Viewer struct{ Cart cartView } }](t, c, `{ viewer { ... on Buyer { cart `+cartFields+` } } }`, nil).Viewer.Cart
}

func (c *client) order(t *testing.T, id string) *orderView {
	t.Helper()
	return ask[struct{ Order *orderView }](t, c, `query($id: ID!) { order(id: $id) `+orderFields+` }`, vars{"id": id}).Order
}

func (c *client) payment(t *testing.T, id string) *paymentView {
	t.Helper()
	return ask[struct{ Node *paymentView }](t, c, `query($id: ID!) { node(id: $id) { ... on Payment `+paymentFields+` } }`, vars{"id": id}).Node
}

// stock is the stock of a variant as c sees it.
func (c *client) stock(t *testing.T, variant string) stockView {
	t.Helper()
	return ask[struct{ Node struct{ Stock stockView } }](t, c, `query($id: ID!) { node(id: $id) { ... on ProductVariant { stock `+stockFields+` } } }`,
		vars{"id": variant}).Node.Stock
}

const createMutation = `mutation($input: ProductCreateInput!) { productCreate(input: $input) { product { id status variants ` +
	variantFields + ` }` + userErrors + ` } }`

func (c *client) create(t *testing.T, input vars) productPayload {
	t.Helper()
	return ask[struct{ ProductCreate productPayload }](t, c, createMutation, vars{"input": input}).ProductCreate
}

func (c *client) adjust(t *testing.T, input vars) stockPayload {
	t.Helper()
	full := vars{"idempotencyKey": unique("key"), "reason": "counted"}
	maps.Copy(full, input)
	return ask[struct{ StockAdjust stockPayload }](t, c, `mutation($input: StockAdjustInput!) { stockAdjust(input: $input) { stock `+
		stockFields+userErrors+` } }`, vars{"input": full}).StockAdjust
}

// shopView is a demo shop.
type shopView struct{ ID, Name, Currency string }

// shops are the demo shops, in order: three sell in CNY, the last in HKD.
func (w *world) shops(t *testing.T) []shopView {
	t.Helper()
	return ask[struct{ Shops struct{ Nodes []shopView } }](t, w.anonymous(), `{ shops(first: 100) { nodes { id name currency } } }`, nil).Shops.Nodes
}

// goods puts an ACTIVE product on sale, with one variant of this price for each stock, and returns the variants' ids.
func (w *world) goods(t *testing.T, shop shopView, price int64, stocks ...int) []string {
	t.Helper()
	return w.product(t, shop, "ACTIVE", price, stocks...).variants
}

type goods struct {
	product  string
	variants []string
}

func (w *world) product(t *testing.T, shop shopView, status string, price int64, stocks ...int) goods {
	t.Helper()
	var list []vars
	for _, n := range stocks {
		list = append(list, vars{"sku": unique("SKU"), "title": unique("variant"), "price": vars{"amount": price, "currency": shop.Currency}, "onHand": n})
	}
	made := w.merchant(t).create(t, vars{"shopId": shop.ID, "title": unique("product"), "status": status, "variants": list})
	made.refused(t)
	out := goods{product: made.Product.ID}
	for _, v := range made.Product.Variants {
		out.variants = append(out.variants, v.ID)
	}
	return out
}
