package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/ent/shopstaff"
	"holdfast/ent/staff"
	"holdfast/internal/app"
	"holdfast/internal/catalog"
	"holdfast/internal/check/checktest"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// world is the demo behind a Handler.
type world struct {
	Deps
	db      *db.DB
	clock   *clock.Manual
	handler *Handler
	log     bytes.Buffer

	// The demo's people: merchant owns every shop, clerk works in the first alone.
	merchant, clerk, operator identity.Principal
	buyer, other              identity.Principal
	keys                      int
	broken                    bool // the test makes rows, or takes tables away, by hand

	mu         sync.Mutex
	statements []string
}

func newWorld(t *testing.T) *world { return newWorldAt(t, testdb.Source(t, testdb.SQLite)) }

func newWorldAt(t *testing.T, source string) *world {
	t.Helper()
	w := &world{clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))}
	w.db = testdb.Open(t, source, db.Options{OnStatement: w.note})
	ctx, now := t.Context(), w.clock.Now
	if _, err := demo.Fill(ctx, w.db, now()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	w.Deps = Deps{app.New(w.db, now, log, app.Settings{
		Hold: 15 * time.Minute, MaxOpen: 20, Provider: payment.NewSandbox(w.db, now), Codes: identity.SandboxCodes{},
	})}
	t.Cleanup(func() {
		if !w.broken {
			checktest.Must(t, w.db)
		}
	})
	w.handler = NewHandler(w.Deps, Options{})
	w.merchant, w.clerk, w.operator = w.staff(t, demo.Merchant), w.staff(t, demo.Clerk), w.staff(t, demo.Operator)
	w.buyer, w.other = w.buyerNamed(t, "xiaoyu"), w.buyerNamed(t, "anders")
	return w
}

// staff is who logs in with this e-mail, without the work that a password is.
func (w *world) staff(t *testing.T, email string) identity.Principal {
	t.Helper()
	row, err := w.db.Staff.Query().Where(staff.Email(email)).Only(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := identity.Principal{Session: typeid.New[typeid.Session](w.clock.Now()), Staff: row.ID, Operator: row.IsOperator}
	roles, err := w.db.ShopStaff.Query().Where(shopstaff.StaffID(row.ID)).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		p = p.WithRole(r.ShopID, identity.Role(r.Role))
	}
	return p
}

func (w *world) buyerNamed(t *testing.T, name string) identity.Principal {
	t.Helper()
	s, err := w.Identity.LoginBuyer(t.Context(), demo.AppID, "demo-"+name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Viewer
}

func (w *world) note(query string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statements = append(w.statements, query)
}

// counting is how many statements do sends, and which.
func (w *world) counting(do func()) []string {
	w.mu.Lock()
	w.statements = nil
	w.mu.Unlock()
	do()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.statements
}

type object = map[string]any

// answer is what came back.
type answer struct {
	Data   object
	Errors []struct {
		Message    string
		Path       []any
		Extensions object
	}
}

// codes are those of the errors, in order.
func (a answer) codes() string {
	codes := make([]string, len(a.Errors))
	for i, e := range a.Errors {
		codes[i] = fmt.Sprint(e.Extensions["code"])
	}
	return strings.Join(codes, " ")
}

// at follows a path of names and indexes into the data; nil where it ends early.
func (a answer) at(path ...any) any {
	var v any = a.Data
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(object)
			v = o[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// asks sends a request as who.
func (w *world) asks(t *testing.T, who identity.Principal, query string, variables object) answer {
	t.Helper()
	return w.send(WithPrincipal(t.Context(), who, nil), t, query, variables, "")
}

// must is asks of a request in which nothing may go wrong.
func (w *world) must(t *testing.T, who identity.Principal, query string, variables object) answer {
	t.Helper()
	a := w.asks(t, who, query, variables)
	if len(a.Errors) > 0 {
		t.Fatalf("%s\n%+v\n%s", query, a.Errors, w.log.String())
	}
	return a
}

func (w *world) send(ctx context.Context, t *testing.T, query string, variables object, language string) answer {
	t.Helper()
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(WithRequestID(ctx, "req-1"), http.MethodPost, "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if language != "" {
		r.Header.Set("Accept-Language", language)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	var a answer
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	return a
}

// goods are n variants that can be bought, of each of the first shops.
func (w *world) goods(t *testing.T, shops, n int) []*catalog.Variant {
	t.Helper()
	a := w.must(t, identity.Principal{}, `query($n: Int!) { shops(first: $n) { nodes { id products(first: 100) { nodes {
		variants { id stock { available } } } } } } }`, object{"n": shops})
	var ids []typeid.Variant
	for s := range shops {
		taken := 0
		for p := 0; taken < n && a.at("shops", "nodes", s, "products", "nodes", p) != nil; p++ {
			v := []any{"shops", "nodes", s, "products", "nodes", p, "variants", 0}
			if available, _ := a.at(append(v, "stock", "available")...).(float64); available < 5 {
				continue
			}
			id, _ := typeid.Parse[typeid.Variant](fmt.Sprint(a.at(append(v, "id")...)))
			ids = append(ids, id)
			taken++
		}
	}
	found, err := w.Catalog.Variants(t.Context(), ids)
	if err != nil || len(found) != shops*n {
		t.Fatalf("%d variants, %v", len(found), err)
	}
	return found
}

// place buys one of each of these variants.
func (w *world) place(t *testing.T, who identity.Principal, of ...*catalog.Variant) *checkout.Checkout {
	t.Helper()
	w.keys++
	in := checkout.Input{
		IdempotencyKey: fmt.Sprintf("key-%d", w.keys),
		ShipTo:         &order.Address{Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: "科技路 1 号"},
	}
	for _, v := range of {
		in.Lines = append(in.Lines, checkout.LineInput{VariantID: v.ID.String(), Quantity: 1})
	}
	placed, err := w.Checkouts.Place(t.Context(), who, in)
	if err != nil {
		t.Fatal(err)
	}
	return placed
}
