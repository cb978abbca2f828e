package main

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	stocktransport "github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph/generated"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// stockGqlgen is what the rows of stock gqlgen are called.
const stockGqlgen = "stock gqlgen"

// gqlgenEdge is what one gets by gqlgen's own guide: its WebSocket transport, and a resolver with a channel for each
// subscriber. The executable schema is Holdfast's own, so that both make the same payload of the same state.
//
// It is not made worse than it must be: no pings (its transport sends none in graphql-transport-ws unless told to, which
// would take a goroutine more), no goroutine that waits for the subscriber to leave, and channels of one place, of which a
// newer state takes the older one's, so that a slow reader neither delays the others nor is told what is long past.
func gqlgenEdge(s *shelf) watchEdge {
	r := &channels{shelf: s, readers: make(map[typeid.Variant]map[chan *inventory.Stock]struct{})}
	server := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: r}))
	server.AddTransport(stocktransport.Websocket{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000)) // as NewDefaultServer has it
	return watchEdge{handler: server, committed: r.publish}
}

// channels resolves stockChanged, and nothing else.
type channels struct {
	generated.ResolverRoot // nil

	shelf   *shelf
	mu      sync.Mutex
	readers map[typeid.Variant]map[chan *inventory.Stock]struct{}
}

// Subscription implements generated.ResolverRoot.
func (r *channels) Subscription() generated.SubscriptionResolver { return stockChannels{r: r} }

type stockChannels struct {
	generated.SubscriptionResolver // nil

	r *channels
}

// StockChanged implements generated.SubscriptionResolver.
func (s stockChannels) StockChanged(ctx context.Context, variantIDs []string) (<-chan *inventory.Stock, error) {
	r := s.r
	ch := make(chan *inventory.Stock, 1)
	var mine []typeid.Variant
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range variantIDs {
		v, ok := typeid.Parse[typeid.Variant](text)
		if !ok {
			continue
		}
		if r.readers[v] == nil {
			r.readers[v] = make(map[chan *inventory.Stock]struct{})
		}
		r.readers[v][ch] = struct{}{}
		mine = append(mine, v)
		if k, ok := r.shelf.state(v); ok {
			replace(ch, &k)
		}
	}
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, v := range mine {
			delete(r.readers[v], ch)
		}
	})
	return ch, nil
}

func (r *channels) publish(k inventory.Stock) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ch := range r.readers[k.VariantID] {
		replace(ch, &k)
	}
}

// replace puts a state into the one place of ch. Only one goroutine at a time does so.
func replace(ch chan *inventory.Stock, k *inventory.Stock) {
	select {
	case <-ch:
	default:
	}
	ch <- k
}
