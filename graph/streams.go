package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/graph/transport"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/live"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

const (
	// maxWatched is how many variants one subscription may name.
	maxWatched = 200
	// renewEvery is how long staff may go on with the roles that they had: the second within which a role is gone.
	renewEvery = time.Second
)

type eventKey struct{}

// event gives the resolver of a subscription's root field the one event that its response is about.
func event[T any](ctx context.Context) <-chan T {
	one := make(chan T, 1)
	if v, ok := ctx.Value(eventKey{}).(T); ok {
		one <- v
	}
	close(one)
	return one
}

// streams opens subscriptions: it checks who may, and reads the hub.
type streams struct{ *Resolver }

// Open implements transport.Streams.
func (s streams) Open(ctx context.Context, oc *graphql.OperationContext, notify func()) (transport.Stream, error) {
	field, args, err := rootField(oc)
	if err != nil {
		return nil, err
	}
	asks, _ := ctx.Value(askerKey{}).(asker)
	reader := &renewed{who: asks.who, identity: s.Identity, now: s.Now}
	if err := reader.renew(ctx); err != nil { // the socket may be old, and its roles with it
		return nil, err
	}
	if err := s.access.root(WithPrincipal(ctx, reader.who, asks.refused), "Subscription."+field.Name); err != nil {
		return nil, err
	}
	asked, err := shapeOf(ctx, oc, field)
	if err != nil {
		return nil, err
	}
	switch field.Name {
	case "stockChanged":
		return s.stockChanged(ctx, reader, asked, args, notify)
	case "shopStockChanged":
		return s.shopStockChanged(ctx, reader, asked, args, notify)
	case "orderChanged":
		return s.orderChanged(ctx, reader, args, notify)
	}
	return nil, fault.New(fault.BadRequest, "there is no such subscription")
}

func (s streams) stockChanged(ctx context.Context, reader *renewed, asked shape, args map[string]any, notify func()) (transport.Stream, error) {
	ids := listed(args["variantIds"])
	if len(ids) == 0 || len(ids) > maxWatched {
		return nil, fault.New(fault.BadRequest, "name %d to %d variants", 1, maxWatched)
	}
	var variants []typeid.Variant
	seen := make(map[typeid.Variant]bool, len(ids))
	for _, text := range ids {
		if id, ok := typeid.Parse[typeid.Variant](text); ok && !seen[id] {
			seen[id] = true
			variants = append(variants, id)
		}
	}
	watched, err := s.Hub.WatchStocks(ctx, variants, func(k live.Stock) bool { return k.Shown || reader.who.SeesShop(k.ShopID) }, notify)
	if err != nil {
		return nil, err
	}
	return &stockStream{reader: reader, shape: asked, watched: watched}, nil
}

func (s streams) shopStockChanged(ctx context.Context, reader *renewed, asked shape, args map[string]any, notify func()) (transport.Stream, error) {
	text, _ := args["shopId"].(string)
	shop, ok := typeid.Parse[typeid.Shop](text)
	if !ok || !reader.who.SeesShop(shop) {
		return nil, fault.New(fault.BadRequest, "there is no such shop, or it is not yours to watch")
	}
	onlyLow, _ := args["onlyLow"].(bool)
	watched, err := s.Hub.WatchShop(ctx, shop, onlyLow, notify)
	if err != nil {
		return nil, err
	}
	return &stockStream{reader: reader, shape: asked, watched: watched, shop: shop}, nil
}

func (s streams) orderChanged(ctx context.Context, reader *renewed, args map[string]any, notify func()) (transport.Stream, error) {
	text, _ := args["orderId"].(string)
	id, ok := typeid.Parse[typeid.Order](text)
	stream := &orderStream{reader: reader, orders: s.Orders, id: id}
	if ok {
		found, err := stream.read(ctx)
		if err != nil {
			return nil, err
		}
		ok = found != nil
	}
	if !ok {
		return nil, fault.New(fault.BadRequest, "there is no such order, or it is not yours to see")
	}
	var err error
	stream.watched, err = s.Hub.WatchOrder(ctx, id, notify)
	return stream, err
}

// renewed is who reads a subscription, with roles that are at most a second old when something is told.
type renewed struct {
	who      identity.Principal
	identity *identity.Service
	now      func() time.Time
	at       time.Time
}

// renew reads the roles of staff again. It fails when the session is over.
func (r *renewed) renew(ctx context.Context) error {
	now := r.now()
	if age := now.Sub(r.at); r.who.IsStaff() && (age >= renewEvery || age < 0) { // the clock may have been set back
		who, err := r.identity.Renew(ctx, r.who)
		if err != nil {
			return err
		}
		r.who, r.at = who, now
	}
	return nil
}

// tell makes an event of v, as it is seen by the reader.
func (r *renewed) tell(v, share any) transport.Event {
	who := r.who
	return transport.Event{Share: share, Context: func(ctx context.Context) context.Context {
		return context.WithValue(WithPrincipal(ctx, who, nil), eventKey{}, v)
	}}
}

// stockStream tells states of stock: of variants, or of a whole shop.
type stockStream struct {
	reader  *renewed
	shape   shape
	watched *live.StockReader
	shop    typeid.Shop // zero for variants
}

// sharedStock names a payload: what is asked for, by whom as far as it matters, and of which state. A Stock holds nothing
// that depends on more.
type sharedStock struct {
	shape   shape
	staff   bool
	variant typeid.Variant
	version int64
}

// Take implements transport.Stream.
func (s *stockStream) Take(ctx context.Context) (ev transport.Event, ok, done bool, err error) {
	if err := s.reader.renew(ctx); err != nil {
		return ev, false, true, err
	}
	if !s.shop.IsZero() && !s.reader.who.SeesShop(s.shop) {
		return ev, false, true, nil // no longer one's shop
	}
	state, ok := s.watched.Take()
	if !ok {
		return ev, false, false, nil
	}
	staff := s.reader.who.SeesShop(state.ShopID)
	return s.reader.tell(&inventory.Stock{
		VariantID: state.VariantID, ShopID: state.ShopID, OnHand: state.OnHand, Held: state.Held,
		LowStockThreshold: state.LowStockThreshold, Version: state.Version, ChangedAt: state.ChangedAt,
	}, sharedStock{s.shape, staff, state.VariantID, state.Version}), true, false, nil
}

// IsPrompt implements transport.Prompt: only for staff may Take have to read.
func (s *stockStream) IsPrompt() bool { return !s.reader.who.IsStaff() }

// Close implements transport.Stream.
func (s *stockStream) Close() { s.watched.Close() }

// orderStream tells an order whenever its version grows.
type orderStream struct {
	reader  *renewed
	orders  *order.Orders
	id      typeid.Order
	watched *live.OrderReader
	told    int64
}

// read is the order, or nil when there is none that the reader may see.
func (s *orderStream) read(ctx context.Context) (*order.Order, error) {
	found, err := s.orders.ByIDs(ctx, []typeid.Order{s.id})
	if err != nil || len(found) == 0 || !found[0].VisibleTo(s.reader.who) {
		return nil, err
	}
	return found[0], nil
}

// Take implements transport.Stream. What was heard is that there is something new; what is told is what is read now, so that
// one change is told once however often it was heard of.
func (s *orderStream) Take(ctx context.Context) (ev transport.Event, ok, done bool, err error) {
	for {
		heard, ok := s.watched.Take()
		if !ok {
			return ev, false, false, nil
		}
		if heard.Version <= s.told {
			continue
		}
		if err := s.reader.renew(ctx); err != nil {
			return ev, false, true, err
		}
		o, err := s.read(ctx)
		if err != nil || o == nil {
			return ev, false, true, err
		}
		s.told = o.Version
		return s.reader.tell(o, nil), true, false, nil
	}
}

// Close implements transport.Stream.
func (s *orderStream) Close() { s.watched.Close() }
