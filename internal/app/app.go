// Package app puts the parts of the business together, for the server and for whoever tests with the whole of it.
package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast/internal/addressbook"
	"holdfast/internal/audit"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/live"
	"holdfast/internal/notify"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/reconcile"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
)

// Settings are what may be configured, and what talks to others.
type Settings struct {
	// Hold is how long goods are held for a buyer; MaxOpen how many unpaid checkouts a buyer may have.
	Hold    time.Duration
	MaxOpen int
	// SoldOut is how long a crowd may be told that something is sold out without looking again; 0 looks each time.
	SoldOut time.Duration
	// CompleteAfter is how long after it was shipped an order completes by itself; 0 is order.DefaultCompleteAfter.
	CompleteAfter time.Duration
	Provider      payment.Provider
	Codes         identity.CodeExchanger
	// Sharing is what the provider knows of who may receive what; nil lets anybody receive anything.
	Sharing catalog.Sharing
	// Notify says what buyers and WeChat are told, and through whom; the zero value tells nobody.
	Notify notify.Settings
	// Phones trades the codes of the phone number button; nil refuses them all.
	Phones identity.PhoneExchanger
	// Bills are what the books are compared with; nil compares them with none.
	Bills reconcile.Bills
}

// App is the business on one database.
type App struct {
	Now        clock.Clock
	Log        *slog.Logger
	Hub        *live.Hub
	Jobs       *job.Queue
	Identity   *identity.Service
	Catalog    *catalog.Catalog
	Inventory  *inventory.Inventory
	Carts      *cart.Carts
	Addresses  *addressbook.Book
	Orders     *order.Orders
	Desk       *order.Desk
	Payments   *payment.Payments
	Checkouts  *checkout.Checkouts
	Settlement *settlement.Settlement
	Notify     *notify.Notifier
	Reconciler *reconcile.Reconciler
	Audit      *audit.Log
	Provider   payment.Provider
}

// New puts it together. Nothing runs yet: see Run.
func New(d *db.DB, now clock.Clock, log *slog.Logger, set Settings) *App {
	hub, jobs := live.New(live.NewDatabase(d), log), job.New(d, now, log)
	a := &App{
		Now: now, Log: log, Hub: hub, Jobs: jobs, Provider: set.Provider,
		Identity:  identity.New(d, now, set.Codes, identity.Settings{}, log),
		Catalog:   catalog.New(d, now, hub.Committed),
		Inventory: inventory.New(d, now, hub.Committed),
		Addresses: addressbook.New(d, now),
		Orders:    order.New(d),
		Payments:  payment.New(d),
		Audit:     audit.New(d),
	}
	a.Catalog.ShareBy(set.Sharing)
	a.Identity.TradePhones(set.Phones)
	a.Notify = notify.New(d, now, jobs, log, set.Notify)
	a.Carts = cart.New(d, now, a.Catalog, a.Inventory)
	a.Desk = order.NewDesk(d, now, hub.OrdersMoved, func(ctx context.Context, tx *db.Tx, o typeid.Order, due time.Time) error {
		return job.AddTx(ctx, tx, now(), due, job.Order, o.UUID)
	}, order.DeskSettings{CompleteAfter: set.CompleteAfter, Shipped: a.Notify.ShippedTx})
	a.Checkouts = checkout.New(checkout.Deps{
		DB: d, Now: now, Catalog: a.Catalog, Carts: a.Carts, Payments: a.Payments, Orders: a.Orders, Provider: set.Provider,
		Jobs: jobs, Hub: hub, Notify: a.Notify, Log: log,
	}, checkout.Settings{Hold: set.Hold, MaxOpen: set.MaxOpen, SoldOut: set.SoldOut})
	a.Inventory.ShareWith(a.Checkouts.Do)
	a.Settlement = settlement.New(settlement.Deps{
		DB: d, Now: now, Inventory: a.Inventory, Orders: a.Orders, Desk: a.Desk, Provider: set.Provider, Jobs: jobs, Hub: hub,
		Notify: a.Notify, Log: log,
	})
	a.Catalog.SharesSooner(a.Settlement.SharesSoonerTx)
	a.Reconciler = reconcile.New(d, now, set.Bills, jobs, log)
	return a
}

// Run does the work that nobody asks for, until ctx ends: it lets overdue goods go, carries jobs out, has days compared with
// bills, and hears of what other processes commit. Every process runs it.
func (a *App) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { a.Checkouts.Sweep(ctx) })
	work.Go(func() { a.Jobs.Run(ctx) })
	work.Go(func() { a.Hub.Run(ctx) })
	work.Go(func() { a.Reconciler.Run(ctx) })
	work.Go(func() {
		if err := a.Identity.Run(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "watch sessions", "error", err)
		}
	})
	work.Wait()
}
