package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"

	"holdfast/internal/demo"
)

// client sends GraphQL over HTTP as one user, or as nobody.
type client struct {
	world    *world
	token    string
	language string
	session  sessionView
	via      *http.Client // nil for the default one
}

// vars are an operation's variables.
type vars map[string]any

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
	Data   json.RawMessage
	Errors []requestError
}

// requestError is a top-level error.
type requestError struct {
	Message    string
	Path       []any
	Extensions struct {
		Code      string
		RequestID string `json:"requestId"`
	}
}

// send posts one operation and expects a GraphQL answer, whatever it says.
func (c *client) send(t *testing.T, query string, v vars) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": v})
	if err != nil {
		t.Fatalf("encode request: %v", err)
	}
	return c.post(t, body)
}

func (c *client) post(t *testing.T, body []byte) answer {
	t.Helper()
	out, err := c.try(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try is post for goroutines, which must not end the test.
func (c *client) try(body []byte, header http.Header) (answer, error) {
	r, err := http.NewRequest(http.MethodPost, c.world.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.language != "" {
		r.Header.Set("Accept-Language", c.language)
	}
	maps.Copy(r.Header, header)
	via := c.via
	if via == nil {
		via = http.DefaultClient
	}
	resp, err := via.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	out := answer{Status: resp.StatusCode, Header: resp.Header}
	if out.Body, err = io.ReadAll(resp.Body); err != nil {
		return answer{}, err
	}
	return out, json.Unmarshal(out.Body, &out)
}

// ask posts an operation that must succeed, and decodes its data. A field that T lacks is a mistake of the test.
func ask[T any](t *testing.T, c *client, query string, v vars) T {
	t.Helper()
	got := c.send(t, query, v)
	if got.Status != http.StatusOK || len(got.Errors) > 0 {
		t.Fatalf("%s\nanswered %d: %s", query, got.Status, got.Body)
	}
	return decode[T](t, got)
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var out T
	d := json.NewDecoder(bytes.NewReader(a.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("decode %s: %v", a.Body, err)
	}
	return out
}

// codes are the codes of top-level errors.
func (a answer) codes() []string {
	out := make([]string, len(a.Errors))
	for i, e := range a.Errors {
		out[i] = e.Extensions.Code
	}
	return out
}

// anonymous is nobody.
func (w *world) anonymous() *client { return &client{world: w} }

const sessionFields = `session { accessToken expiresAt refreshToken viewer { __typename ... on Buyer { id } ... on Staff { id email isOperator } } }`

// logIn begins a session.
func (w *world) logIn(t *testing.T, input vars) *client {
	t.Helper()
	got := ask[struct{ SessionCreate sessionPayload }](t, w.anonymous(),
		`mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { `+sessionFields+userErrors+` } }`, vars{"input": input})
	got.SessionCreate.refused(t)
	return w.as(t, got.SessionCreate.Session)
}

// as is a client that has logged in.
func (w *world) as(t *testing.T, s *sessionView) *client {
	t.Helper()
	if s == nil {
		t.Fatal("there is no session")
	}
	w.log.keepOut(s.AccessToken, s.RefreshToken)
	return &client{world: w, token: s.AccessToken, session: *s}
}

// buyer logs in the buyer of this name.
func (w *world) buyer(t *testing.T, name string) *client {
	t.Helper()
	return w.logIn(t, vars{"weChat": vars{"appId": demo.AppID, "code": "demo-" + name}})
}

// staff logs in a member of staff.
func (w *world) staff(t *testing.T, email, password string) *client {
	t.Helper()
	w.log.keepOut(password)
	return w.logIn(t, vars{"staff": vars{"email": email, "password": password}})
}

// merchant is the owner of every demo shop.
func (w *world) merchant(t *testing.T) *client {
	t.Helper()
	if w.admin == nil {
		w.admin = w.staff(t, demo.Merchant, demo.Password)
	}
	return w.admin
}

// refusal is a user error of any type.
type refusal struct {
	Typename  string `json:"__typename"`
	Code      string
	Message   string
	Field     []string
	VariantID string `json:"variantId"`
	Shortages []shortage
	Expected  *moneyView
	Actual    *moneyView
}

type shortage struct {
	VariantID string `json:"variantId"`
	Requested int
	Available int
}

const userErrors = ` userErrors { __typename code message field
	... on LineError { variantId }
	... on OutOfStockError { shortages { variantId requested available } }
	... on PriceChangedError { expected { amount currency } actual { amount currency } } } `

// payload is what all payloads have.
type payload struct{ UserErrors []refusal }

// refused fails the test unless the payload was refused with exactly these codes; with none: unless it was not refused.
func (p payload) refused(t *testing.T, codes ...string) {
	t.Helper()
	var got []string
	for _, e := range p.UserErrors {
		got = append(got, e.Code)
		if e.Message == "" {
			t.Errorf("%s has no message", e.Code)
		}
	}
	if !slices.Equal(got, codes) {
		t.Fatalf("refused with %v, want %v: %+v", got, codes, p.UserErrors)
	}
}
