// Package checkout is one tap on "buy": it brings the catalogue, the stock, the orders and the money together. A request
// is planned without locks, placed in one transaction, and paid, cancelled or let go in another; whatever happens to it
// later is decided by one compare-and-set on the checkout's row. Requests that arrive together share one transaction.
//
// Lock order, for every transaction here and elsewhere: buyers by id, stock by id, checkouts by id, then what belongs to
// them. Nothing is asked of a provider while rows are locked.
package checkout

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"holdfast/ent"
	entcheckout "holdfast/ent/checkout"
	"holdfast/internal/batch"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/job"
	"holdfast/internal/live"
	"holdfast/internal/money"
	"holdfast/internal/notify"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// Status is where a checkout stands.
type Status string

// The states of a checkout. Only an OPEN one holds stock.
const (
	Open      Status = "OPEN"
	Paid      Status = "PAID"
	Cancelled Status = "CANCELLED"
	Expired   Status = "EXPIRED"
)

// Checkout is the orders of one tap, one for each shop, held together and paid together.
type Checkout struct {
	ID            typeid.Checkout
	BuyerID       typeid.Buyer
	MiniProgramID typeid.MiniProgram
	Status        Status
	PlacedAt      time.Time
	// HeldUntil is when the goods are for sale again unless paid.
	HeldUntil time.Time
	// Payment is set when this request has read it already, with what the provider answered.
	Payment *payment.Payment
}

// Input is what a buyer buys. Its JSON is what makes two requests the same.
type Input struct {
	IdempotencyKey string         `json:"-"`
	Lines          []LineInput    `json:"lines"` // nil is the cart
	RemoveFromCart bool           `json:"removeFromCart"`
	CartVersion    *int64         `json:"cartVersion"`
	Shops          []ShopInput    `json:"shops"`
	ShipTo         *order.Address `json:"shipTo"`
	ExpectedTotal  *money.Money   `json:"expectedTotal"`
}

// LineInput is so many of one variant.
type LineInput struct {
	VariantID string
	Quantity  int
}

// ShopInput is what is meant for one shop alone.
type ShopInput struct {
	ShopID string
	Note   *string
}

// Settings are what may be configured.
type Settings struct {
	// Hold is how long goods are held for a buyer.
	Hold time.Duration
	// MaxOpen is how many open checkouts a buyer may have.
	MaxOpen int
	// SoldOut is how long a crowd may be told that something is sold out without looking again; 0 looks each time.
	SoldOut time.Duration
}

// Checkouts places checkouts and turns them.
type Checkouts struct {
	db       *db.DB
	now      clock.Clock
	catalog  *catalog.Catalog
	carts    *cart.Carts
	payments *payment.Payments
	orders   *order.Orders
	provider payment.Provider
	jobs     *job.Queue
	hub      *live.Hub
	notify   *notify.Notifier
	set      Settings
	log      *slog.Logger

	moves   *batch.Queue[typeid.Shop, move, result]
	soldOut *soldOut
	repeats *batch.Queue[struct{}, *planned, verdict]
	looks   singleflight.Group // for what is overdue
	worlds  *batch.Queue[typeid.MiniProgram, wish, Catalogue]
}

// Deps are what Checkouts brings together.
type Deps struct {
	DB       *db.DB
	Now      clock.Clock
	Catalog  *catalog.Catalog
	Carts    *cart.Carts
	Payments *payment.Payments
	Orders   *order.Orders
	Provider payment.Provider
	Jobs     *job.Queue
	Hub      *live.Hub        // is told what was committed
	Notify   *notify.Notifier // tells buyers; nil tells nobody
	Log      *slog.Logger
}

// New is the Checkouts on d. It handles the queue's jobs about payments.
func New(d Deps, s Settings) *Checkouts {
	c := &Checkouts{
		db: d.DB, now: d.Now, catalog: d.Catalog, carts: d.Carts, payments: d.Payments, orders: d.Orders,
		provider: d.Provider, jobs: d.Jobs, hub: d.Hub, notify: d.Notify, set: s, log: d.Log,
	}
	c.soldOut = newSoldOut(s.SoldOut, d.Now)
	d.Hub.OnStocks(c.soldOut.forget)
	c.moves = batch.New(batch.Settings[typeid.Shop, move, result]{
		Run: c.commit, Lane: move.shop, Blames: db.Blames, Batch: maxBatch, Waiting: maxWaiting, Workers: workers,
	})
	c.worlds = batch.New(batch.Settings[typeid.MiniProgram, wish, Catalogue]{
		Run: c.readWorlds, Lane: func(w wish) typeid.MiniProgram { return w.mini }, Blames: db.Blames, Batch: maxBatch, Waiting: maxWaiting, Workers: workers,
	})
	c.repeats = batch.New(batch.Settings[struct{}, *planned, verdict]{
		Run: c.lookUp, Lane: func(*planned) struct{} { return struct{}{} }, Blames: db.Blames, Batch: maxBatch, Waiting: maxWaiting, Workers: workers,
	})
	d.Jobs.Handle(job.Payment, c.followUp)
	return c
}

// ByIDs are those of these checkouts that exist.
func (c *Checkouts) ByIDs(ctx context.Context, ids []typeid.Checkout) ([]*Checkout, error) {
	rows, err := c.db.Checkout.Query().Where(entcheckout.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, "read checkouts", checkoutOf)
}

func checkoutOf(r *ent.Checkout) *Checkout {
	return &Checkout{
		ID: r.ID, BuyerID: r.BuyerID, MiniProgramID: r.MiniProgramID, Status: Status(r.Status),
		PlacedAt: r.PlacedAt, HeldUntil: r.HeldUntil,
	}
}

// PriceError refuses with PRICE_CHANGED and says both sums.
type PriceError = catalog.PriceError
