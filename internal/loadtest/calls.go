package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"holdfast/internal/demo"
	"holdfast/internal/wechatsim/sim"
)

// checkoutPlace asks for what a page needs in order to pay, and no more.
const checkoutPlace = `mutation($input: CheckoutPlaceInput!) {
	checkoutPlace(input: $input) { checkout { id payment { id weChatPay { timeStamp nonceStr package signType paySign } } } userErrors { code } }
}`

type checkoutInput struct {
	IdempotencyKey string         `json:"idempotencyKey"`
	Lines          []checkoutLine `json:"lines"`
	ShipTo         address        `json:"shipTo"`
}

type checkoutLine struct {
	VariantID string `json:"variantId"`
	Quantity  int    `json:"quantity"`
}

type address struct {
	Name     string `json:"name"`
	Phone    string `json:"phone"`
	Province string `json:"province"`
	City     string `json:"city"`
	District string `json:"district"`
	Street   string `json:"street"`
}

type checkoutPlaced struct {
	CheckoutPlace struct {
		Checkout *struct {
			ID      string
			Payment struct {
				ID        string
				WeChatPay *sim.PayParams // without the appId
			}
		}
		UserErrors userErrors
	}
}

// unpaid is an order that can be paid, or cancelled, by who placed it.
type unpaid struct {
	token, checkout, payment string
	weChat                   sim.PayParams
}

// buy places one checkout of one unit of each of these.
func buy(ctx context.Context, c *conn, token, key string, variants []string) (outcome, unpaid) {
	in := checkoutInput{IdempotencyKey: key, ShipTo: shipTo}
	for _, v := range variants {
		in.Lines = append(in.Lines, checkoutLine{v, 1})
	}
	got, err := call[checkoutPlaced](ctx, c, token, checkoutPlace, map[string]any{"input": in})
	out := outcome{action: ordering, lines: len(variants)}
	placed := got.CheckoutPlace.Checkout
	switch {
	case err != nil || placed == nil:
		out.answered(err, got.CheckoutPlace.UserErrors)
		out.done = false
		if out.code == "" {
			out.code, out.unsure = "neither a checkout nor a refusal", true
		}
		return out, unpaid{}
	}
	out.done = true
	u := unpaid{token: token, checkout: placed.ID, payment: placed.Payment.ID}
	if params := placed.Payment.WeChatPay; params != nil {
		u.weChat = *params
		u.weChat.AppID = demo.AppID
	} else {
		out.code = "not payable"
	}
	return out, u
}

// answered notes what came of a mutation.
func (o *outcome) answered(err error, refused userErrors) {
	var misuse *requestError
	switch {
	case errors.As(err, &misuse) && harmless(misuse.code):
		o.code = misuse.code
	case errors.As(err, &misuse):
		o.code, o.unsure = misuse.Error(), true
	case err != nil:
		o.code, o.unsure = "no answer: "+err.Error(), true
	case len(refused) > 0:
		o.code = refused[0].Code
	default:
		o.done = true
	}
}

// refusable is the part of every payload that says why not.
type refusable struct {
	UserErrors userErrors
}

// pay has the sandbox say that an order was paid.
func pay(ctx context.Context, c *conn, u unpaid) outcome {
	got, err := call[struct{ SandboxPaymentConfirm refusable }](ctx, c, u.token,
		`mutation($id: ID!) { sandboxPaymentConfirm(paymentId: $id) { payment { status } userErrors { code } } }`, map[string]any{"id": u.payment})
	out := outcome{action: paying}
	out.answered(err, got.SandboxPaymentConfirm.UserErrors)
	return out
}

// cancel lets the goods of an order go.
func cancel(ctx context.Context, c *conn, u unpaid) outcome {
	got, err := call[struct{ CheckoutCancel refusable }](ctx, c, u.token,
		`mutation($id: ID!) { checkoutCancel(checkoutId: $id) { checkout { id } userErrors { code } } }`, map[string]any{"id": u.checkout})
	out := outcome{action: cancelling}
	out.answered(err, got.CheckoutCancel.UserErrors)
	return out
}

// typename asks for nothing: what it takes is what any request takes.
func typename(ctx context.Context, c *conn, token string) outcome {
	_, err := call[struct {
		Typename string `json:"__typename"`
	}](ctx, c, token, `{ __typename }`, nil)
	out := outcome{action: asking}
	out.answered(err, nil)
	return out
}

// request is one that is sent again and again, by whoever.
type request struct {
	method, path string
	body         []byte
}

// readPage reads a page of products, and looks no closer than at how many there are: that it is right is proved once.
func readPage(ctx context.Context, c *conn, r request) outcome {
	out := outcome{action: browsing}
	status, text, err := c.do(ctx, r.method, r.path, "", r.body)
	switch {
	case err != nil:
		out.code, out.unsure = "no answer: "+err.Error(), true
	case bytes.Contains(text, []byte(`"code":"OVERLOADED"`)):
		out.code = "OVERLOADED"
	case status != http.StatusOK || bytes.Count(text, []byte(`"variants":[`)) != pageOf:
		out.code, out.unsure = fmt.Sprintf("HTTP %d, and no page of %d products: %.200s", status, pageOf, text), true
	default:
		out.done = true
	}
	return out
}

// harmless tells whether a top-level error says that nothing was done.
func harmless(code string) bool {
	switch code {
	case "RATE_LIMITED", "OVERLOADED", "UNAUTHENTICATED", "FORBIDDEN":
		return true
	}
	return false
}
