package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/model"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

func TestUserErrors(t *testing.T) {
	t.Parallel()
	v := typeid.From[typeid.Variant](typeid.UUID{1})
	short := inventory.Shortage{Variant: v, Requested: 3, Available: 2}
	was, is := money.New(100, money.CNY), money.New(120, money.CNY)
	for _, c := range []struct {
		name string
		err  error
		want []model.UserError
		top  bool
	}{
		{"nothing", nil, nil, false},
		{
			"a plain one", fmt.Errorf("place: %w", fault.New(fault.Invalid, "first must be %d to %d", 1, 9).At("input", "quantity")),
			[]model.UserError{&model.PlainUserError{Code: fault.Invalid, Message: "first must be 1 to 9", Field: []string{"input", "quantity"}}},
			false,
		},
		{
			"several",
			fault.Refusals{
				&catalog.ItemError{Plain: *fault.New(fault.NotForSale, "gone").At("lines", "0"), VariantID: "x"},
				inventory.Short([]inventory.Shortage{short}),
				&checkout.PriceError{Plain: *fault.New(fault.PriceChanged, "dearer"), Expected: was, Actual: is},
			},
			[]model.UserError{
				&model.LineError{Code: fault.NotForSale, Message: "gone", Field: []string{"lines", "0"}, VariantID: "x"},
				&model.OutOfStockError{Code: fault.OutOfStock, Message: "less is left than you asked for", Shortages: []*inventory.Shortage{&short}},
				&model.PriceChangedError{Code: fault.PriceChanged, Message: "dearer", Expected: &was, Actual: &is},
			},
			false,
		},
		{"no right", fault.New(fault.Forbidden, "no"), nil, true},
		{"one is no right", fault.Refusals{fault.New(fault.Invalid, "no"), fault.New(fault.Overloaded, "later")}, nil, true},
		{"a fault", errors.New("disk full"), nil, true},
	} {
		got, err := userErrors(t.Context(), c.err)
		sameID := cmp.Comparer(func(a, b typeid.Variant) bool { return a == b })
		if diff := cmp.Diff(c.want, got, sameID); diff != "" || (err != nil) != c.top {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
}

func TestPresenterTellsNothingOfFaults(t *testing.T) {
	t.Parallel()
	at := ast.Path{ast.PathName("shops"), ast.PathIndex(3)}
	coded := func(code string, cause error) error {
		return &gqlerror.Error{Message: "of GraphQL", Path: at, Err: cause, Extensions: map[string]any{"code": code, "more": 1}}
	}
	for _, c := range []struct {
		name      string
		err       error
		code, msg string
	}{
		{"a fault", errors.New("dial tcp 10.0.0.7: secret"), "INTERNAL", internalError},
		{"a fault with a path", gqlerror.WrapPath(at, errors.New("secret")), "INTERNAL", internalError},
		{"a refusal", gqlerror.WrapPath(at, fmt.Errorf("read shops: %w", fault.New(fault.BadRequest, "first must be %d to %d", 1, 100))), "BAD_REQUEST", "first must be 1 to 100"},
		{"no right", fault.New(fault.Forbidden, "only buyers may do this"), "FORBIDDEN", "only buyers may do this"},
		{"a refusal that belongs into a payload", fault.New(fault.NotFound, "there is no such shop"), "INTERNAL", internalError},
		{"a fault of ours that says so", fault.New(fault.Internal, "secret"), "INTERNAL", internalError},
		{"the query", coded("GRAPHQL_VALIDATION_FAILED", nil), "BAD_REQUEST", "of GraphQL"},
		{"the transport", coded("OVERLOADED", nil), "OVERLOADED", "of GraphQL"},
		{"gqlgen itself", &gqlerror.Error{Message: "must not be null", Path: at}, "INTERNAL", internalError},
		{"a fault with a code", coded("BAD_REQUEST", errors.New("secret")), "INTERNAL", internalError},
	} {
		var log strings.Builder
		p := presenter{slog.New(slog.NewTextHandler(&log, nil))}
		ctx := withNotes(WithRequestID(t.Context(), "req-7"))
		for range 3 {
			got := p.present(ctx, c.err)
			want := map[string]any{"code": c.code}
			if c.code == "INTERNAL" {
				want["requestId"] = "req-7"
			}
			if diff := cmp.Diff(want, got.Extensions); diff != "" || got.Message != c.msg || got.Err != nil {
				t.Errorf("%s: %q, %v (-want +got):\n%s", c.name, got.Message, got.Err, diff)
			}
		}
		want := 0
		if c.code == "INTERNAL" {
			want = 1
		}
		if n := strings.Count(log.String(), "request_id=req-7"); n != want {
			t.Errorf("%s: logged %d times, want %d", c.name, n, want)
		}
	}
}

func TestClientsThatLeaveAreNoErrors(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := presenter{slog.New(slog.NewTextHandler(&log, nil))}.present(ctx, context.Canceled)
	if !strings.Contains(log.String(), "level=INFO") || got.Message != internalError {
		t.Errorf("%v, logged %q", got, log.String())
	}
}

// What breaks below is answered as INTERNAL, once in the log however many fields it broke, and the next request is served.
func TestFaultsBelow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	drop := func(table string) {
		if _, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			_, err := tx.ExecContext(ctx, "ALTER TABLE "+table+" RENAME TO gone")
			return struct{}{}, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.broken = true
	drop("stocks")
	a := w.asks(t, w.buyer, `{ shops(first: 1) { nodes { name products(first: 5) { nodes { variants { id } } } } } }`, nil)
	if a.codes() != "" {
		t.Fatalf("codes %s", a.codes())
	}
	a = w.asks(t, w.buyer, `{ shops(first: 1) { nodes { products(first: 5) { nodes { variants { stock { available } } } } } } viewer { __typename } }`, nil)
	if !strings.HasPrefix(a.codes(), "INTERNAL INTERNAL") || a.Data != nil {
		t.Errorf("codes %s, data %v", a.codes(), a.Data)
	}
	for _, e := range a.Errors {
		if e.Message != internalError || e.Extensions["requestId"] != "req-1" {
			t.Errorf("%+v", e)
		}
	}
	if n := strings.Count(w.log.String(), "request failed"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, w.log.String())
	}
}

func TestPanicsAreInternal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deps := w.Deps
	deps.Catalog = nil // any use of it panics
	w.handler = NewHandler(deps, Options{})
	for _, query := range []string{
		`{ shops(first: 1) { nodes { id } } }`,        // in a goroutine of gqlgen
		`{ node(id: "` + shopID() + `") { id } }`,     // in one of the loader
		`{ nodes(ids: ["` + shopID() + `"]) { id } }`, // in one of our own
	} {
		a := w.asks(t, w.buyer, query, nil)
		if a.codes() != "INTERNAL" {
			t.Errorf("%s: %s", query, a.codes())
		}
	}
	if !strings.Contains(w.log.String(), "goroutine") {
		t.Error("the log does not say where")
	}
}

func shopID() string { return typeid.From[typeid.Shop](typeid.UUID{1}).String() }

func TestMessagesSpeakTheLanguageOfTheClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	query := `mutation { cartLinesSet(lines: [{variantId: "x", quantity: 10000}]) { userErrors { code message field } } }`
	top := `{ shops(first: 0) { nodes { id } } }`
	ctx := WithPrincipal(t.Context(), w.buyer, nil)
	const en, zh = "there is no such variant", "没有这个商品规格"
	for accept, want := range map[string]string{
		"": en, "en": en, "fr": en, "*": en, "zh-CN": zh, "zh": zh, "zh-Hans-SG": zh, "zh-CN,zh;q=0.9,en;q=0.8": zh,
		"en-GB, zh;q=0.5": en, "fr, zh;q=0.5": zh, "zh;q=0": en, "!!": en, strings.Repeat("zh,", 200): en,
	} {
		a := w.send(ctx, t, query, nil, accept)
		if got := a.at("cartLinesSet", "userErrors", 0, "message"); got != want {
			t.Errorf("Accept-Language %.20q: %v", accept, got)
		}
	}
	if a := w.send(ctx, t, top, nil, "zh-CN"); a.codes() != "BAD_REQUEST" || a.Errors[0].Message != "first 必须在 1 到 100 之间" {
		t.Errorf("%+v", a.Errors)
	}
}
