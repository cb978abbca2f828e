package notify_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"holdfast/ent"
	"holdfast/ent/job"
	"holdfast/ent/notification"
	"holdfast/internal/app"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/check"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/notify"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
	"holdfast/internal/wechat"
)

// weChat writes down what it is asked, and answers what a test wants.
type weChat struct {
	mu       sync.Mutex
	messages []wechat.Message
	uploads  []wechat.Upload
	combined []wechat.CombinedUpload
	// answer, if set, is what the next calls are answered.
	answer func() (wechat.Result, error)
}

func (w *weChat) say() (wechat.Result, error) {
	if w.answer != nil {
		return w.answer()
	}
	return wechat.Result{State: wechat.Done}, nil
}

func (w *weChat) Send(_ context.Context, m wechat.Message) (wechat.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, m)
	return w.say()
}

func (w *weChat) UploadShipping(_ context.Context, u wechat.Upload) (wechat.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uploads = append(w.uploads, u)
	return w.say()
}

func (w *weChat) UploadCombinedShipping(_ context.Context, u wechat.CombinedUpload) (wechat.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.combined = append(w.combined, u)
	return w.say()
}

// world is a shop or two in a mini-program, with money that goes to the sandbox.
type world struct {
	*app.App

	db      *db.DB
	clock   *clock.Manual
	weChat  *weChat
	mini    typeid.MiniProgram
	shops   []typeid.Shop
	owner   identity.Principal
	numbers func(context.Context, typeid.Payment, typeid.Order) (notify.Numbers, error)
	keys    int
}

func templates() notify.Templates {
	const page = "pages/order?id={order}"
	return notify.Templates{
		notify.OrderPaid:     {ID: "paid", Page: page, Values: map[string]string{"character_string1": "{number}", "amount2": "{total}", "thing3": "{title}", "time4": "{time}"}},
		notify.OrderShipped:  {ID: "shipped", Page: page, Values: map[string]string{"phrase1": "已发货", "character_string2": "{tracking}", "thing3": "{carrier}"}},
		notify.OrderRefunded: {ID: "refunded", Values: map[string]string{"amount1": "{refund}", "thing2": "{reason}", "thing3": "{shop}"}},
		notify.Restocked:     {ID: "restock", Page: "pages/product?id={product}&v={variant}", Values: map[string]string{"thing1": "{title}", "amount2": "{price}", "number3": "{available}"}},
	}
}

// newWorld opens one. Without templates the mini-program is not even at WeChat.
func newWorld(t *testing.T, d *db.DB, of notify.Templates) *world {
	t.Helper()
	w := attach(&world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))}, of)
	ctx, now := t.Context(), w.clock.Now()
	w.mini = typeid.New[typeid.MiniProgram](now)
	must(t, d.MiniProgram.Create().SetID(w.mini).SetAppID("wxtest").SetName("Test").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
	w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](now)}
	for i := range 2 {
		id := typeid.New[typeid.Shop](now)
		w.shops = append(w.shops, id)
		must(t, d.Shop.Create().SetID(id).SetName(fmt.Sprintf("茶铺 %d", i)).SetSubject("Test Ltd").SetCurrency("CNY").
			SetStatus("OPEN").SetReceiver("merchant-"+strconv.Itoa(i)).SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
		must(t, d.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(w.mini).SetShopID(id).Exec(ctx))
		w.owner = w.owner.WithRole(id, identity.Owner)
	}
	return w
}

// attach is another process on the database of a world.
func attach(beside *world, of notify.Templates) *world {
	w := &world{
		db: beside.db, clock: beside.clock, weChat: &weChat{}, mini: beside.mini, shops: beside.shops, owner: beside.owner, keys: beside.keys + 1000,
	}
	set := notify.Settings{WeChat: w.weChat, Numbers: func(ctx context.Context, p typeid.Payment, o typeid.Order) (notify.Numbers, error) {
		if w.numbers != nil {
			return w.numbers(ctx, p, o)
		}
		return notify.Numbers{Merchant: "1900000001", Number: p.String()}, nil
	}}
	if of != nil {
		set.Apps = map[string]notify.Templates{"wxtest": of}
	}
	w.App = app.New(w.db, w.clock.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: 15 * time.Minute, MaxOpen: 10, Provider: payment.NewSandbox(w.db, w.clock.Now), Codes: identity.SandboxCodes{}, Notify: set,
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) key() string { w.keys++; return "key-" + strconv.Itoa(w.keys) }

func (w *world) variant(t *testing.T, shop int, price int64, onHand int) typeid.Variant {
	t.Helper()
	p, err := w.Catalog.CreateProduct(t.Context(), w.owner, catalog.NewProduct{
		ShopID: w.shops[shop].String(), Title: "乌龙茶", Status: catalog.Active, RequiresShipping: true,
		Variants: []catalog.NewVariant{{SKU: w.key(), OnHand: onHand, Price: money.New(price, money.CNY)}},
	})
	must(t, err)
	made, err := w.Catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	return made[0].ID
}

func (w *world) buyer(t *testing.T) identity.Principal {
	t.Helper()
	id := typeid.New[typeid.Buyer](w.clock.Now())
	must(t, w.db.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID("o-"+w.key()).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	must(t, w.db.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(t.Context()))
	return identity.Principal{Buyer: id, MiniProgram: w.mini}
}

// place buys one of each variant.
func (w *world) place(t *testing.T, who identity.Principal, of ...typeid.Variant) *checkout.Checkout {
	t.Helper()
	in := checkout.Input{IdempotencyKey: w.key(), ShipTo: &order.Address{
		Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: "科技路 1 号",
	}}
	for _, v := range of {
		in.Lines = append(in.Lines, checkout.LineInput{VariantID: v.String(), Quantity: 1})
	}
	made, err := w.Checkouts.Place(t.Context(), who, in)
	must(t, err)
	return made
}

// pays buys, pays, and returns the orders.
func (w *world) pays(t *testing.T, who identity.Principal, of ...typeid.Variant) []*order.Order {
	t.Helper()
	w.clock.Advance(time.Millisecond)
	made := w.place(t, who, of...)
	paid, err := w.Payments.ByCheckouts(t.Context(), []typeid.Checkout{made.ID})
	must(t, err)
	if paid[0].Amount.Amount > 0 {
		_, err = w.Checkouts.SandboxConfirm(t.Context(), who, paid[0].ID.String())
		must(t, err)
	}
	orders, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{made.ID})
	must(t, err)
	return orders
}

func (w *world) ships(t *testing.T, o *order.Order, in order.ShipInput) {
	t.Helper()
	w.clock.Advance(time.Millisecond)
	in.OrderID, in.IdempotencyKey = o.ID.String(), w.key()
	_, _, err := w.Desk.Ship(t.Context(), w.owner, in)
	must(t, err)
}

func (w *world) adjust(t *testing.T, v typeid.Variant, delta int) {
	t.Helper()
	_, err := w.Inventory.Adjust(t.Context(), w.owner, inventory.AdjustInput{VariantID: v.String(), Delta: &delta, Reason: "found", IdempotencyKey: w.key()})
	must(t, err)
}

// work does all jobs that are due.
func (w *world) work(t *testing.T) {
	t.Helper()
	_, err := w.Jobs.RunDue(t.Context())
	must(t, err)
	w.clock.Advance(time.Millisecond) // what comes next is told next
}

// told are the notifications so far, and proves that the database is whole.
func (w *world) told(t *testing.T) []*ent.Notification {
	t.Helper()
	report, err := check.Run(t.Context(), w.db)
	must(t, err)
	for _, r := range report.Results {
		for _, row := range r.Rows {
			t.Errorf("invariant %s, %s: %s", r.Number, r.Words, row)
		}
	}
	rows, err := w.db.Notification.Query().Order(notification.ByID()).All(t.Context())
	must(t, err)
	return rows
}

// kinds say what was told and how it stands, such as "ORDER_PAID SENT".
func kinds(rows []*ent.Notification) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, r.Kind+" "+r.Status)
	}
	return out
}

func (w *world) jobs(t *testing.T, kind string) int {
	t.Helper()
	n, err := w.db.Job.Query().Where(job.Kind(kind)).Count(t.Context())
	must(t, err)
	return n
}

func codeOf(err error) fault.Code {
	if list := fault.List(err); len(list) > 0 {
		return list[0].Refused().Code
	}
	return ""
}

func each(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Parallel()
	testdb.Each(t, fn)
}
