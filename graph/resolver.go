// Package graph is the GraphQL edge: it translates requests into calls of the business, and what comes back into answers. It
// decides nothing, but for who may ask for which field: see access.
package graph

import (
	"log/slog"
	"time"

	"holdfast/graph/loader"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/live"
	"holdfast/internal/order"
	"holdfast/internal/payment"
)

// Deps are the business that the edge speaks for. All are needed.
type Deps struct {
	Catalog   *catalog.Catalog
	Inventory *inventory.Inventory
	Carts     *cart.Carts
	Orders    *order.Orders
	Payments  *payment.Payments
	Checkouts *checkout.Checkouts
	Identity  *identity.Service
	Hub       *live.Hub
	Now       clock.Clock
	Log       *slog.Logger
}

func (d Deps) sources(wait time.Duration) loader.Sources {
	return loader.Sources{
		Catalog: d.Catalog, Inventory: d.Inventory, Carts: d.Carts, Orders: d.Orders,
		Payments: d.Payments, Checkouts: d.Checkouts, Identity: d.Identity, Wait: wait,
	}
}

// Resolver has a resolver for each type that needs one.
type Resolver struct {
	Deps

	access access
	wait   time.Duration
}
