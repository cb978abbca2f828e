package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"holdfast/internal/demo"
)

// conn is one client with one keep-alive connection, for one goroutine. It writes to the socket itself: net/http's client
// passes every request through two more goroutines, and the machine is shared with what is measured.
type conn struct {
	addr string
	raw  net.Conn
	r    *bufio.Reader
}

const callTimeout = 30 * time.Second

// requestError is a top-level error of an answer, or an HTTP status without one.
type requestError struct{ code, message string }

func (e *requestError) Error() string { return e.code + ": " + e.message }

type answer[T any] struct {
	Data   T `json:"data"`
	Errors []struct {
		Message    string `json:"message"`
		Extensions struct {
			Code string `json:"code"`
		} `json:"extensions"`
	} `json:"errors"`
}

// call sends one operation. When the error is no *requestError nobody knows what the server did.
func call[T any](ctx context.Context, c *conn, token, query string, variables any) (T, error) {
	var got answer[T]
	status, body, err := c.post(ctx, token, map[string]any{"query": query, "variables": variables})
	if err != nil {
		c.close() // the next call connects again
		return got.Data, err
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return got.Data, &requestError{fmt.Sprint("HTTP ", status), string(body[:min(len(body), 200)])}
	}
	if len(got.Errors) > 0 {
		return got.Data, &requestError{got.Errors[0].Extensions.Code, got.Errors[0].Message}
	}
	return got.Data, nil
}

func (c *conn) post(ctx context.Context, token string, body any) (status int, answer []byte, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	if c.raw == nil {
		if c.raw, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.addr); err != nil {
			c.raw = nil
			return 0, nil, err
		}
		c.r = bufio.NewReader(c.raw)
	}
	if err := c.raw.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+"/graphql", bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json, application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if err := req.Write(c.raw); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.r, req)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.Close {
		c.close()
	}
	return resp.StatusCode, answer, err
}

func (c *conn) close() {
	if c.raw != nil {
		_ = c.raw.Close()
		c.raw = nil
	}
}

type userErrors []struct{ Code, Message string }

// refused is an error when there is a refusal where none was expected.
func (u userErrors) refused() error {
	if len(u) == 0 {
		return nil
	}
	return fmt.Errorf("refused: %s: %s", u[0].Code, u[0].Message)
}

func login(ctx context.Context, c *conn, input map[string]any) (token string, err error) {
	got, err := call[struct {
		SessionCreate struct {
			Session    struct{ AccessToken string }
			UserErrors userErrors
		}
	}](ctx, c, "", `mutation($input: SessionCreateInput!) {
		sessionCreate(input: $input) { session { accessToken } userErrors { code message } }
	}`, map[string]any{"input": input})
	if err == nil {
		err = got.SessionCreate.UserErrors.refused()
	}
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	return got.SessionCreate.Session.AccessToken, nil
}

func loginMerchant(ctx context.Context, c *conn) (string, error) {
	return login(ctx, c, map[string]any{"staff": map[string]any{"email": demo.Merchant, "password": demo.Password}})
}

func loginBuyer(ctx context.Context, c *conn, name string) (string, error) {
	return login(ctx, c, map[string]any{"weChat": map[string]any{"appId": demo.AppID, "code": "demo-" + name}})
}

// findShops are a shop whose orders are divided in two, as the SQL beside it does, and another.
func findShops(ctx context.Context, c *conn, token string) (shop, other string, err error) {
	got, err := call[struct {
		Viewer struct {
			Shops struct {
				Nodes []struct {
					ID, Currency string
					SplitRules   []struct{ Receiver string }
				}
			}
		}
	}](ctx, c, token, `{ viewer { ... on Staff { shops(first: 20) { nodes { id currency splitRules { receiver } } } } } }`, nil)
	if err != nil {
		return "", "", fmt.Errorf("read shops: %w", err)
	}
	for _, s := range got.Viewer.Shops.Nodes {
		switch {
		case s.Currency != "CNY":
		case shop == "" && len(s.SplitRules) == 1:
			shop = s.ID
		default:
			other = s.ID
		}
	}
	if shop == "" || other == "" {
		return "", "", errors.New("of the demo shops that sell in CNY none has one split rule, or there is no other")
	}
	return shop, other, nil
}

// createProduct makes a product of n variants, each with as much stock as is allowed, and returns the variants' ids.
func createProduct(ctx context.Context, c *conn, token, shop, name string, n int) ([]string, error) {
	type object = map[string]any
	variants := make([]object, n)
	for i := range variants {
		sku := fmt.Sprintf("%s-%d", name, i+1)
		variants[i] = object{"sku": sku, "title": sku, "price": object{"amount": price, "currency": "CNY"}, "onHand": stock}
	}
	got, err := call[struct {
		ProductCreate struct {
			Product    struct{ Variants []struct{ ID string } }
			UserErrors userErrors
		}
	}](ctx, c, token, `mutation($input: ProductCreateInput!) {
		productCreate(input: $input) { product { variants { id } } userErrors { code message } }
	}`, object{"input": object{
		"shopId": shop, "title": "Load test " + name, "status": "ACTIVE", "requiresShipping": true,
		"imageUrls": []string{imageURL}, "variants": variants,
	}})
	if err == nil {
		err = got.ProductCreate.UserErrors.refused()
	}
	if err != nil {
		return nil, fmt.Errorf("create product: %w", err)
	}
	var ids []string
	for _, v := range got.ProductCreate.Product.Variants {
		ids = append(ids, v.ID)
	}
	return ids, nil
}

// checkoutPlace asks for what a page needs in order to pay, and no more.
const checkoutPlace = `mutation($input: CheckoutPlaceInput!) {
	checkoutPlace(input: $input) { checkout { id payment { weChatPay { package } } } userErrors { code } }
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
				WeChatPay *struct{ Package string }
			}
		}
		UserErrors userErrors
	}
}

// buy places one checkout of one unit.
func buy(ctx context.Context, c *conn, token, key, variant string) outcome {
	got, err := call[checkoutPlaced](ctx, c, token, checkoutPlace, map[string]any{"input": checkoutInput{
		IdempotencyKey: key, Lines: []checkoutLine{{variant, 1}}, ShipTo: shipTo,
	}})
	var refused *requestError
	placed := got.CheckoutPlace.Checkout
	switch {
	case errors.As(err, &refused) && harmless(refused.code):
		return outcome{code: refused.code}
	case errors.As(err, &refused):
		return outcome{code: refused.Error(), unsure: true}
	case err != nil:
		return outcome{code: "no answer: " + err.Error(), unsure: true}
	case placed == nil && len(got.CheckoutPlace.UserErrors) > 0:
		return outcome{code: got.CheckoutPlace.UserErrors[0].Code}
	case placed == nil:
		return outcome{code: "neither a checkout nor a refusal", unsure: true}
	case placed.Payment.WeChatPay == nil:
		return outcome{placed: true, code: "not payable"}
	}
	return outcome{placed: true}
}

// harmless tells whether a top-level error says that nothing was done.
func harmless(code string) bool {
	switch code {
	case "RATE_LIMITED", "OVERLOADED", "UNAUTHENTICATED", "FORBIDDEN", "BAD_REQUEST", "COST_EXCEEDED":
		return true
	}
	return false
}
