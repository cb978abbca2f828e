package settlement_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/catalog"
	"holdfast/internal/check/checktest"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// world is a shop whose orders are divided in three, with a clock of its own.
type world struct {
	*app.App

	db       *db.DB
	clock    *clock.Manual
	provider *provider
	mini     typeid.MiniProgram
	shop     typeid.Shop
	owner    identity.Principal
	keys     atomic.Int64
	// dieAt is the statement, or the side of a provider's call, at which the process dies: 0 is never.
	dieAt, steps atomic.Int64
}

// provider is the sandbox, with what a test makes of it.
type provider struct {
	*payment.Sandbox
	w          *world
	shareAfter time.Duration
	// says, if set, is what the provider answers to a transfer instead of moving money.
	says atomic.Pointer[func(kind string) (payment.TransferState, error)]
}

func (p *provider) ShareAfter() time.Duration { return p.shareAfter }

func (p *provider) transfer(kind string, call func() (payment.TransferState, error)) (payment.TransferState, error) {
	if says := p.says.Load(); says != nil {
		if state, err := (*says)(kind); state != "" || err != nil {
			return state, err
		}
	}
	p.w.step()
	defer p.w.step()
	return call()
}

func (p *provider) Refund(ctx context.Context, r payment.RefundRequest) (payment.TransferState, error) {
	return p.transfer("refund", func() (payment.TransferState, error) { return p.Sandbox.Refund(ctx, r) })
}

func (p *provider) Share(ctx context.Context, r payment.ShareRequest) (payment.TransferState, error) {
	return p.transfer("share", func() (payment.TransferState, error) { return p.Sandbox.Share(ctx, r) })
}

func (p *provider) ReturnShare(ctx context.Context, r payment.ReturnRequest) (payment.TransferState, error) {
	return p.transfer("return", func() (payment.TransferState, error) { return p.Sandbox.ReturnShare(ctx, r) })
}

// step is one step of the process, which dies when its time has come: deferred calls aside, nothing of it runs any more.
func (w *world) step() {
	if n := w.steps.Add(1); n == w.dieAt.Load() {
		runtime.Goexit()
	}
}

// dying runs fn in a process that dies at the step n, and tells whether it did.
func (w *world) dying(n int64, fn func()) bool {
	w.steps.Store(0)
	w.dieAt.Store(n)
	defer w.dieAt.Store(0)
	var wg sync.WaitGroup
	lived := false
	wg.Go(func() {
		fn()
		lived = true
	})
	wg.Wait()
	return !lived
}

func each(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, kind)
			fn(t, w)
			checktest.Must(t, w.db)
		})
	}
}

func two() []testdb.Kind { return []testdb.Kind{testdb.MySQL, testdb.SQLite} }

func three() []testdb.Kind { return []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} }

func newWorld(t *testing.T, kind testdb.Kind) *world {
	t.Helper()
	w := &world{clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))}
	w.db = testdb.Open(t, testdb.Source(t, kind), db.Options{OnStatement: func(string) { w.step() }})
	w.provider = &provider{Sandbox: payment.NewSandbox(w.db, w.clock.Now), w: w}
	w.App = app.New(w.db, w.clock.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: 15 * time.Minute, MaxOpen: 100, Provider: w.provider, Codes: identity.SandboxCodes{},
	})
	ctx, now := t.Context(), w.clock.Now()
	w.mini, w.shop = typeid.New[typeid.MiniProgram](now), typeid.New[typeid.Shop](now)
	must(t, w.db.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
	must(t, w.db.Shop.Create().SetID(w.shop).SetName("Shop").SetSubject("Test Ltd").SetCurrency("CNY").SetStatus("OPEN").
		SetReceiver("merchant").SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
	must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(w.shop).Exec(ctx))
	for i, points := range []int{1000, 500} {
		must(t, w.db.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(w.shop).SetReceiver(fmt.Sprintf("r%d", i)).
			SetRole("PLATFORM").SetBasisPoints(points).SetPosition(i).Exec(ctx))
	}
	w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](now)}.WithRole(w.shop, identity.Owner)
	return w
}

func (w *world) key() string { return fmt.Sprintf("key-%d", w.keys.Add(1)) }

// goods puts something on sale.
func (w *world) goods(t *testing.T, price int64, onHand int) typeid.Variant {
	t.Helper()
	p, err := w.Catalog.CreateProduct(t.Context(), w.owner, catalog.NewProduct{
		ShopID: w.shop.String(), Title: "茶 Tea", Status: catalog.Active,
		Variants: []catalog.NewVariant{{SKU: w.key(), Price: money.New(price, money.CNY), OnHand: onHand}},
	})
	must(t, err)
	made, err := w.Catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	return made[0].ID
}

func (w *world) buyer(t *testing.T) identity.Principal {
	t.Helper()
	id := typeid.New[typeid.Buyer](w.clock.Now())
	must(t, w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(w.key()).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(typeid.From[typeid.Cart](id.UUID)).SetVersion(1).Exec(t.Context()))
	return identity.Principal{Buyer: id, MiniProgram: w.mini}
}

// paid is an order of these goods that is paid; its shares are not paid out before jobs run.
func (w *world) paid(t *testing.T, lines ...checkout.LineInput) *order.Order {
	t.Helper()
	who := w.buyer(t)
	placed, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key(), Lines: lines})
	must(t, err)
	_, err = w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
	must(t, err)
	orders, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{placed.ID})
	must(t, err)
	return orders[0]
}

func line(v typeid.Variant, n int) checkout.LineInput {
	return checkout.LineInput{VariantID: v.String(), Quantity: n}
}

// run carries out what is due.
func (w *world) run(t *testing.T) {
	t.Helper()
	_, err := w.Jobs.RunDue(t.Context())
	must(t, err)
}

// orderLines are an order's lines, by the order in which they were bought.
func (w *world) orderLines(t *testing.T, o *order.Order) []*order.Line {
	t.Helper()
	lines, err := w.Orders.Lines(t.Context(), []typeid.Order{o.ID})
	must(t, err)
	return lines
}

// split is what a share has become: its status, and amount and what was returned of it.
type split struct {
	Status           string
	Amount, Returned int64
}

func (w *world) splits(t *testing.T, o *order.Order) []split {
	t.Helper()
	found, err := w.Payments.SplitsOfOrders(t.Context(), []typeid.Order{o.ID})
	must(t, err)
	out := make([]split, len(found))
	for i, s := range found {
		out[i] = split{s.Status, s.Amount.Amount, s.Returned.Amount}
	}
	return out
}

// stands is the order as it stands.
func (w *world) stands(t *testing.T, o *order.Order) *order.Order {
	t.Helper()
	found, err := w.Orders.ByIDs(t.Context(), []typeid.Order{o.ID})
	must(t, err)
	return found[0]
}

// books are what the provider's own records say of an order's money: what the buyer has again, and what each receiver has.
type books struct {
	Buyer    int64
	Receiver map[string]int64
}

func (w *world) books(t *testing.T, o *order.Order) books {
	t.Helper()
	paid, err := w.Payments.ByCheckouts(t.Context(), []typeid.Checkout{o.CheckoutID})
	must(t, err)
	out := books{Receiver: make(map[string]int64)}
	rows, err := w.db.SandboxTransfer.Query().All(t.Context())
	must(t, err)
	for _, r := range rows {
		if r.TradeID != paid[0].ID.String() {
			continue
		}
		switch r.Kind {
		case "REFUND":
			out.Buyer += r.Amount
		case "SHARE":
			out.Receiver[r.Receiver] += r.Amount
		case "RETURN":
			out.Receiver[r.Receiver] -= r.Amount
		}
	}
	for r, n := range out.Receiver {
		if n == 0 {
			delete(out.Receiver, r)
		}
	}
	return out
}

func (w *world) onHand(t *testing.T, v typeid.Variant) int {
	t.Helper()
	s, err := w.Inventory.Stocks(t.Context(), []typeid.Variant{v})
	must(t, err)
	return s[0].OnHand
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants an error of exactly this code and path.
func refused(t *testing.T, err error, code fault.Code, field ...string) {
	t.Helper()
	list := fault.List(err)
	if len(list) != 1 || list[0].Refused().Code != code || fmt.Sprint(list[0].Refused().Field) != fmt.Sprint(field) {
		t.Errorf("got %v at %v, want %s at %v", err, fields(list), code, field)
	}
}

func fields(list []fault.Refusal) (out [][]string) {
	for _, r := range list {
		out = append(out, r.Refused().Field)
	}
	return out
}

// again is another process on the same database and provider.
func (w *world) again() *app.App {
	return app.New(w.db, w.clock.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: 15 * time.Minute, MaxOpen: 100, Provider: w.provider, Codes: identity.SandboxCodes{},
	})
}
