package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/app"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/check/checktest"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// world is a small platform with a clock of its own: three shops that sell in CNY, one that sells in HKD.
type world struct {
	*app.App

	kind    testdb.Kind
	db      *db.DB
	clock   *clock.Manual
	sandbox *payment.Sandbox

	mini  typeid.MiniProgram
	shops []typeid.Shop
	keys  atomic.Int64

	// seen, if set, is told of every statement.
	seen atomic.Pointer[func(query string)]
}

// each runs fn on a world on each database. It ends with a check of the invariants.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		on(t, kind, fn)
	}
}

// eachRace is each, on MariaDB as well.
func eachRace(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		on(t, kind, fn)
	}
}

// part is one of several tests that share a world.
type part struct {
	name string
	run  func(t *testing.T, w *world)
}

// parts runs tests one after the other on one world on each database: to make a database costs more than most of them.
func parts(t *testing.T, all ...part) {
	t.Helper()
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, p := range all {
			t.Run(p.name, func(t *testing.T) {
				p.run(t, w)
				w.check(t)
			})
			w.seen.Store(nil)
			w.use(w.sandbox)
			w.clock.Advance(time.Hour) // nothing stays held
			_, err := w.Checkouts.SweepOnce(t.Context())
			must(t, err)
		}
	})
}

func on(t *testing.T, kind testdb.Kind, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Run(string(kind), func(t *testing.T) {
		var w *world
		w = newWorld(t, testdb.Open(t, testdb.Source(t, kind), db.Options{OnStatement: func(query string) {
			if w == nil {
				return
			}
			if seen := w.seen.Load(); seen != nil {
				(*seen)(query)
			}
		}}))
		w.kind = kind
		fn(t, w)
		w.check(t)
	})
}

const maxOpen = 3

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))}
	w.sandbox = payment.NewSandbox(d, w.clock.Now)
	w.use(w.sandbox)
	ctx, now := t.Context(), w.clock.Now()
	w.mini = typeid.New[typeid.MiniProgram](now)
	must(t, d.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
	for i, currency := range []string{"CNY", "CNY", "HKD", "CNY"} {
		id := typeid.New[typeid.Shop](now)
		w.shops = append(w.shops, id)
		must(t, d.Shop.Create().SetID(id).SetName(fmt.Sprintf("Shop %d", i)).SetSubject("Test Ltd").SetCurrency(currency).SetStatus("OPEN").
			SetReceiver(fmt.Sprintf("merchant-%d", i)).SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
		must(t, d.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(id).Exec(ctx))
	}
	must(t, d.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(w.shops[0]).SetReceiver("platform").
		SetRole("PLATFORM").SetBasisPoints(333).SetPosition(0).Exec(ctx))
	must(t, d.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(w.shops[0]).SetReceiver("promoter").
		SetRole("PROMOTER").SetBasisPoints(1).SetPosition(1).Exec(ctx))
	return w
}

// fake is a provider that is the sandbox but for what a test sets.
type fake struct {
	*payment.Sandbox
	limits  payment.Limits
	prepare func(ctx context.Context, t payment.Trade) (payment.Parameters, error)
	close   func(ctx context.Context, t payment.Trade) (payment.Answer, error)
	query   func(ctx context.Context, t payment.Trade) (payment.Answer, error)
}

// fake has all services talk to a fake from now on.
func (w *world) fake() *fake {
	f := &fake{
		Sandbox: w.sandbox, limits: w.sandbox.Limits("wxtest"),
		prepare: w.sandbox.Prepare, close: w.sandbox.Close, query: w.sandbox.Query,
	}
	w.use(f)
	return f
}

func (f *fake) Limits(appID string) payment.Limits {
	if appID != "wxtest" {
		return payment.Limits{}
	}
	return f.limits
}

func (f *fake) Prepare(ctx context.Context, t payment.Trade) (payment.Parameters, error) {
	return f.prepare(ctx, t)
}

func (f *fake) Close(ctx context.Context, t payment.Trade) (payment.Answer, error) {
	return f.close(ctx, t)
}

func (f *fake) Query(ctx context.Context, t payment.Trade) (payment.Answer, error) {
	return f.query(ctx, t)
}

var errSilent = errors.New("connection reset")

// silent is a call that the provider does not answer.
func silent(context.Context, payment.Trade) (payment.Answer, error) {
	return payment.Answer{}, errSilent
}

// hanging is a call that ends with the caller's patience.
func hanging(ctx context.Context, _ payment.Trade) (payment.Answer, error) {
	<-ctx.Done()
	return payment.Answer{}, ctx.Err()
}

// use has all services talk to this provider.
func (w *world) use(p payment.Provider) {
	w.App = w.process(p, 0)
}

// process is another process on the same database.
func (w *world) process(p payment.Provider, soldOut time.Duration) *app.App {
	return app.New(w.db, w.clock.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: 15 * time.Minute, MaxOpen: maxOpen, SoldOut: soldOut, Provider: p, Codes: identity.SandboxCodes{},
	})
}

// variant puts so many of something on sale.
func (w *world) variant(t *testing.T, shop, price, onHand int) typeid.Variant {
	t.Helper()
	sku := w.key()
	p, err := w.Catalog.CreateProduct(t.Context(), w.owner(shop),
		catalog.NewProduct{
			ShopID: w.shops[shop].String(), Title: "茶 Tea", Status: catalog.Active, RequiresShipping: shop == 1,
			Variants: []catalog.NewVariant{{
				SKU: sku, Title: "100 g", OnHand: onHand,
				Price: money.New(int64(price), w.currency(shop)),
			}},
		})
	must(t, err)
	variants, err := w.Catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	return variants[0].ID
}

func (*world) currency(shop int) money.Currency {
	if shop == 2 {
		return money.HKD
	}
	return money.CNY
}

// buyer is a new buyer with an empty cart.
func (w *world) buyer(t *testing.T) identity.Principal {
	t.Helper()
	id := typeid.New[typeid.Buyer](w.clock.Now())
	must(t, w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(w.key()).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(t.Context()))
	return identity.Principal{Buyer: id, MiniProgram: w.mini}
}

// buy is an input with a key of its own that buys these lines.
func (w *world) buy(of ...any) checkout.Input {
	return checkout.Input{IdempotencyKey: w.key(), Lines: lines(of...), ShipTo: address()}
}

// place places, and wants it to succeed.
func (w *world) place(t *testing.T, who identity.Principal, in checkout.Input) *checkout.Checkout {
	t.Helper()
	out, err := w.Checkouts.Place(t.Context(), who, in)
	must(t, err)
	return out
}

// fill puts lines into a cart and returns its version.
func (w *world) fill(t *testing.T, who identity.Principal, of ...any) int64 {
	t.Helper()
	var in []cart.LineInput
	for _, l := range lines(of...) {
		in = append(in, cart.LineInput{VariantID: l.VariantID, Quantity: l.Quantity})
	}
	got, err := w.Carts.Set(t.Context(), who, in, nil)
	must(t, err)
	return got.Version
}

// status is where a checkout stands.
func (w *world) status(t *testing.T, id typeid.Checkout) checkout.Status {
	t.Helper()
	got, err := w.Checkouts.ByIDs(t.Context(), []typeid.Checkout{id})
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("checkout %s: %d rows", id, len(got))
	}
	return got[0].Status
}

// ordersOf are the orders of a checkout.
func (w *world) ordersOf(t *testing.T, id typeid.Checkout) []*order.Order {
	t.Helper()
	got, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{id})
	must(t, err)
	return got
}

// sees wants a stock to be this.
func (w *world) sees(t *testing.T, v typeid.Variant, onHand, held int) {
	t.Helper()
	if got := w.stock(t, v); got.OnHand != onHand || got.Held != held {
		t.Errorf("stock is %d on hand, %d held; want %d and %d", got.OnHand, got.Held, onHand, held)
	}
}

// diff is what got has that want has not, and the other way round.
func diff(want, got any, opts ...cmp.Option) string {
	ids := cmpopts.EquateComparable(typeid.Order{}, typeid.Checkout{}, typeid.Buyer{}, typeid.Shop{}, typeid.Variant{},
		typeid.Payment{}, typeid.Split{}, typeid.OrderLine{})
	return cmp.Diff(want, got, append(opts, ids)...)
}

// refused wants an error of exactly these codes.
func refused(t *testing.T, err error, want ...fault.Code) {
	t.Helper()
	var got []fault.Code
	for _, r := range fault.List(err) {
		got = append(got, r.Refused().Code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

func lines(of ...any) []checkout.LineInput {
	var out []checkout.LineInput
	for i := 0; i < len(of); i += 2 {
		out = append(out, checkout.LineInput{VariantID: of[i].(typeid.Variant).String(), Quantity: of[i+1].(int)})
	}
	return out
}

func address() *order.Address {
	return &order.Address{Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: "科技路 1 号"}
}

func (w *world) stock(t *testing.T, v typeid.Variant) inventory.Stock {
	t.Helper()
	got, err := w.Inventory.Stocks(t.Context(), []typeid.Variant{v})
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("stock of %s: %d rows", v, len(got))
	}
	return *got[0]
}

// check proves the invariants of stock and money on every row that there is.
func (w *world) check(t *testing.T) {
	t.Helper()
	checktest.Must(t, w.db)
}

func (w *world) count(t *testing.T, query string) int {
	t.Helper()
	n, err := db.Collect(context.WithoutCancel(t.Context()), w.db, sql.Raw(query), func(row db.Row) (n int, err error) { return n, row.Scan(&n) })
	must(t, err)
	return n[0]
}

func (w *world) key() string {
	return "key-" + strconv.FormatInt(w.keys.Add(1), 10)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// variants puts n things on sale in the first shop, 1000 of each.
func (w *world) variants(t *testing.T, n int) []typeid.Variant {
	t.Helper()
	in := catalog.NewProduct{ShopID: w.shops[0].String(), Title: "Many", Status: catalog.Active}
	for range n {
		in.Variants = append(in.Variants, catalog.NewVariant{SKU: w.key(), OnHand: 1000, Price: money.New(10, money.CNY)})
	}
	p, err := w.Catalog.CreateProduct(t.Context(), w.owner(0), in)
	must(t, err)
	got, err := w.Catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	out := make([]typeid.Variant, n)
	for i, v := range got {
		out[i] = v.ID
	}
	return out
}

// owner owns these shops.
func (w *world) owner(shops ...int) identity.Principal {
	who := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}
	for _, s := range shops {
		who = who.WithRole(w.shops[s], identity.Owner)
	}
	return who
}
