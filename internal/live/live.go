// Package live tells readers of stock and of orders what changed, as soon as it is committed.
//
// The database is the truth. The hub is a fast path: whoever commits publishes what it committed, and one poll a process
// finds what other processes committed. Versions make both safe to repeat, to reorder and to lose. A reader has no queue of
// states: it is told that something is new and takes the newest there is when it is ready, so that a slow reader costs no
// memory and delays nobody.
package live

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

const (
	// pollEvery is how often the database is asked for what other processes committed: twice within the promised second.
	pollEvery = 400 * time.Millisecond
	// pollTimeout ends a poll that a stuck database would hold up.
	pollTimeout = 5 * time.Second
	// pollBatch is how many ids one statement names.
	pollBatch = 1000
)

// Stock is a committed state of a variant's stock.
type Stock struct {
	inventory.Stock
	// Shown is true while anyone may see the variant: its product is ACTIVE.
	Shown bool
}

// Order is how far an order is.
type Order struct {
	ID      typeid.Order
	Version int64
}

// Source is where the truth is read.
type Source interface {
	// Watched are the stocks of these variants, as far as they exist.
	Watched(ctx context.Context, variants []typeid.Variant) ([]Stock, error)
	// WatchedShops are the stocks of all variants of these shops.
	WatchedShops(ctx context.Context, shops []typeid.Shop) ([]Stock, error)
	// WatchedOrders are the versions of these orders, as far as they exist.
	WatchedOrders(ctx context.Context, orders []typeid.Order) ([]Order, error)
}

// StockReader reads stock.
type StockReader = Reader[typeid.Variant, heardStock]

// OrderReader reads how far orders are.
type OrderReader = Reader[typeid.Order, Order]

// heardStock is a state and how it was heard of: only the database knows whether it is shown.
type heardStock struct {
	Stock
	fromDatabase bool
}

// Hub knows who watches what. It is safe for concurrent use.
type Hub struct {
	source Source
	log    *slog.Logger
	stocks *board[typeid.Variant, heardStock]
	orders *board[typeid.Order, Order]

	// onStocks is told of what Committed is told.
	onStocks func([]inventory.Stock)

	// ordersMoved asks Run to read the watched orders now.
	ordersMoved chan struct{}

	mu    sync.Mutex
	shops map[typeid.Shop]map[*StockReader]struct{}
}

// New is a Hub that nobody watches yet. Run has to run for it to hear of other processes.
func New(source Source, log *slog.Logger) *Hub {
	return &Hub{
		source: source, log: log, stocks: newBoard[typeid.Variant](mergeStock), orders: newBoard[typeid.Order](mergeOrder),
		ordersMoved: make(chan struct{}, 1), shops: make(map[typeid.Shop]map[*StockReader]struct{}),
		onStocks: func([]inventory.Stock) {},
	}
}

// OnStocks has tell called with whatever Committed is called with. It is set before anything is committed.
func (h *Hub) OnStocks(tell func([]inventory.Stock)) { h.onStocks = tell }

func mergeStock(old heardStock, known bool, heard heardStock) (heardStock, bool) {
	out := old
	newer := !known || heard.Version > old.Version
	if newer {
		out.Stock.Stock = heard.Stock.Stock
	}
	if heard.fromDatabase {
		newer = newer || out.Shown != heard.Shown
		out.Shown, out.fromDatabase = heard.Shown, true
	}
	return out, newer
}

func mergeOrder(old Order, known bool, heard Order) (Order, bool) {
	if known && heard.Version <= old.Version {
		return old, false
	}
	return heard, true
}

// Committed tells the hub of stocks that were just committed by this process. It never blocks for long.
func (h *Hub) Committed(stocks []inventory.Stock) {
	h.onStocks(stocks)
	for _, s := range stocks {
		h.stocks.hear(s.VariantID, heardStock{Stock: Stock{Stock: s}})
	}
}

// OrdersMoved tells the hub that this process just committed changes of these orders. If any is watched, they are read at
// once: whoever commits does not know the versions, and most orders are watched by nobody.
func (h *Hub) OrdersMoved(orders []typeid.Order) {
	if !h.orders.watches(orders) {
		return
	}
	select {
	case h.ordersMoved <- struct{}{}:
	default: // asked for already
	}
}

// WatchStocks reads the state of each variant now, and whatever is newer from then on, as far as visible tells that it may
// be seen. notify is called, never blocking, whenever Take may have something.
func (h *Hub) WatchStocks(ctx context.Context, variants []typeid.Variant, visible func(Stock) bool, notify func()) (*StockReader, error) {
	r := newReader(h.stocks, notify, func(before, now heardStock) bool {
		return now.fromDatabase && now.Version > before.Version && visible(now.Stock)
	})
	watched := h.stocks.attach(r, variants) // before reading, so that nothing falls between
	if err := h.readStocks(ctx, variants); err != nil {
		r.Close()
		return nil, err
	}
	wakeAll(watched)
	return r, nil
}

// WatchShop reads each variant of the shop that changes from now on; with onlyLow, those at or under their threshold, and
// the change that lifts one above it.
func (h *Hub) WatchShop(ctx context.Context, shop typeid.Shop, onlyLow bool, notify func()) (*StockReader, error) {
	r := newReader(h.stocks, notify, func(before, now heardStock) bool {
		if !now.fromDatabase || now.Version <= before.Version {
			return false
		}
		return !onlyLow || now.IsLow() || before.IsLow()
	})
	states, err := h.source.WatchedShops(ctx, []typeid.Shop{shop})
	if err != nil {
		return nil, fmt.Errorf("read stock of %s: %w", shop, err)
	}
	variants := make([]typeid.Variant, len(states))
	read := make(map[typeid.Variant]heardStock, len(states))
	for i, s := range states {
		variants[i], read[s.VariantID] = s.VariantID, heardStock{s, true}
	}
	added := h.stocks.attach(r, variants)
	for _, p := range added {
		p.told = read[p.entry.key] // the state that the client reads by itself: newer ones are told
	}
	h.watchShop(shop, r) // variants that are made meanwhile are new to the next poll
	h.hear(states)
	wakeAll(added) // something may have been committed since the states were read
	return r, nil
}

func (h *Hub) watchShop(shop typeid.Shop, r *StockReader) {
	r.closed = func() { h.unwatchShop(shop, r) }
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shops[shop] == nil {
		h.shops[shop] = make(map[*StockReader]struct{}, 1)
	}
	h.shops[shop][r] = struct{}{}
}

func (h *Hub) unwatchShop(shop typeid.Shop, r *StockReader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.shops[shop], r)
	if len(h.shops[shop]) == 0 {
		delete(h.shops, shop)
	}
}

// WatchOrder reads the order's version now, and whatever is newer from then on.
func (h *Hub) WatchOrder(ctx context.Context, id typeid.Order, notify func()) (*OrderReader, error) {
	r := newReader(h.orders, notify, func(before, now Order) bool { return now.Version > before.Version })
	watched := h.orders.attach(r, []typeid.Order{id})
	if err := h.readOrders(ctx, []typeid.Order{id}); err != nil {
		r.Close()
		return nil, err
	}
	wakeAll(watched)
	return r, nil
}

// Run polls until ctx ends. One poll serves all readers of the process.
func (h *Hub) Run(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	failing := false
	for {
		read := h.poll
		select {
		case <-ctx.Done():
			return
		case <-h.ordersMoved:
			read = h.pollOrders
		case <-ticker.C:
		}
		polling, cancel := context.WithTimeout(ctx, pollTimeout)
		err := read(polling)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "watch the database", "error", err) // once for each time that it fails
		}
		failing = err != nil
	}
}

// poll hears what is new of everything that is watched.
func (h *Hub) poll(ctx context.Context) error {
	if err := h.pollShops(ctx); err != nil {
		return err
	}
	if err := h.readStocks(ctx, h.stocks.keys()); err != nil {
		return err
	}
	return h.pollOrders(ctx)
}

func (h *Hub) pollOrders(ctx context.Context) error { return h.readOrders(ctx, h.orders.keys()) }

// pollShops has the readers of a shop watch variants that are new in it.
func (h *Hub) pollShops(ctx context.Context) error {
	h.mu.Lock()
	shops := make([]typeid.Shop, 0, len(h.shops))
	for s := range h.shops {
		shops = append(shops, s)
	}
	h.mu.Unlock()
	for part := range slices.Chunk(shops, pollBatch) {
		states, err := h.source.WatchedShops(ctx, part)
		if err != nil {
			return fmt.Errorf("read stock of watched shops: %w", err)
		}
		variants := make(map[typeid.Shop][]typeid.Variant)
		for _, s := range states {
			variants[s.ShopID] = append(variants[s.ShopID], s.VariantID)
		}
		var added []*place[typeid.Variant, heardStock]
		for shop, list := range variants {
			for _, r := range h.readersOf(shop) {
				added = append(added, h.stocks.attach(r, list)...)
			}
		}
		h.hear(states)
		wakeAll(added)
	}
	return nil
}

// hear takes in what the database said.
func (h *Hub) hear(states []Stock) {
	for _, s := range states {
		h.stocks.hear(s.VariantID, heardStock{s, true})
	}
}

func (h *Hub) readersOf(shop typeid.Shop) []*StockReader {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*StockReader, 0, len(h.shops[shop]))
	for r := range h.shops[shop] {
		out = append(out, r)
	}
	return out
}

func (h *Hub) readStocks(ctx context.Context, variants []typeid.Variant) error {
	for part := range slices.Chunk(variants, pollBatch) {
		states, err := h.source.Watched(ctx, part)
		if err != nil {
			return fmt.Errorf("read watched stock: %w", err)
		}
		h.hear(states)
	}
	return nil
}

func (h *Hub) readOrders(ctx context.Context, orders []typeid.Order) error {
	for part := range slices.Chunk(orders, pollBatch) {
		states, err := h.source.WatchedOrders(ctx, part)
		if err != nil {
			return fmt.Errorf("read watched orders: %w", err)
		}
		for _, o := range states {
			h.orders.hear(o.ID, o)
		}
	}
	return nil
}
