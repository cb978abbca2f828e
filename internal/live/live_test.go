package live

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// truth is a Source in memory: what is committed.
type truth struct {
	mu     sync.Mutex
	stocks map[typeid.Variant]Stock
	orders map[typeid.Order]int64
	// reading is called in the middle of a read of stock, after the states were copied.
	reading func()
}

func newTruth() *truth {
	return &truth{stocks: make(map[typeid.Variant]Stock), orders: make(map[typeid.Order]int64)}
}

func (s *truth) commit(shop typeid.Shop, v typeid.Variant, onHand int) inventory.Stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.stocks[v]
	now.VariantID, now.ShopID, now.OnHand, now.LowStockThreshold, now.Shown = v, shop, onHand, 5, true
	now.Version++
	s.stocks[v] = now
	return now.Stock
}

func (s *truth) Watched(_ context.Context, variants []typeid.Variant) ([]Stock, error) {
	s.mu.Lock()
	var out []Stock
	for _, v := range variants {
		if k, ok := s.stocks[v]; ok {
			out = append(out, k)
		}
	}
	reading := s.reading
	s.mu.Unlock()
	if reading != nil {
		reading()
	}
	return out, nil
}

func (s *truth) WatchedShops(_ context.Context, shops []typeid.Shop) ([]Stock, error) {
	s.mu.Lock()
	var out []Stock
	for _, k := range s.stocks {
		for _, shop := range shops {
			if k.ShopID == shop {
				out = append(out, k)
			}
		}
	}
	reading := s.reading
	s.mu.Unlock()
	if reading != nil {
		reading()
	}
	return out, nil
}

func (s *truth) WatchedOrders(_ context.Context, orders []typeid.Order) ([]Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Order
	for _, o := range orders {
		if v, ok := s.orders[o]; ok {
			out = append(out, Order{o, v})
		}
	}
	return out, nil
}

func newHub(s Source) *Hub { return New(s, slog.New(slog.DiscardHandler)) }

func newID[T any](make func(time.Time) T) T { return make(time.Unix(1_750_000_000, 0)) }

var (
	newVariant = func() typeid.Variant { return newID(typeid.New[typeid.Variant]) }
	newShop    = func() typeid.Shop { return newID(typeid.New[typeid.Shop]) }
)

func anyone(s Stock) bool { return s.Shown }

func ignore() {}

// drain takes all that there is.
func drain(r *StockReader) (out []Stock) {
	for {
		s, ok := r.Take()
		if !ok {
			return out
		}
		out = append(out, s.Stock)
	}
}

func TestStateNowThenTheNewest(t *testing.T) {
	s, shop, v := newTruth(), newShop(), newVariant()
	h := newHub(s)
	s.commit(shop, v, 10)
	r, err := h.WatchStocks(t.Context(), []typeid.Variant{v, newVariant()}, anyone, ignore)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := drain(r); len(got) != 1 || got[0].OnHand != 10 || got[0].Version != 1 {
		t.Fatalf("first state = %+v", got)
	}
	older := s.commit(shop, v, 9)
	for _, onHand := range []int{8, 7, 6} {
		h.Committed([]inventory.Stock{s.commit(shop, v, onHand)})
	}
	h.Committed([]inventory.Stock{older}) // comes late
	if got := drain(r); len(got) != 1 || got[0].OnHand != 6 || got[0].Version != 5 {
		t.Errorf("a slow reader got %+v, want the newest alone", got)
	}
	if err := h.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := drain(r); len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
}

func TestNothingFallsBetweenTheFirstStateAndTheFirstChange(t *testing.T) {
	for name, published := range map[string]bool{"this process": true, "another process": false} {
		t.Run(name, func(t *testing.T) {
			s, shop, v := newTruth(), newShop(), newVariant()
			h := newHub(s)
			s.commit(shop, v, 10)
			s.reading = func() { // a commit while the first state is on its way
				s.mu.Lock()
				s.reading = nil
				s.mu.Unlock()
				k := s.commit(shop, v, 9)
				if published {
					h.Committed([]inventory.Stock{k})
				}
			}
			r, err := h.WatchStocks(t.Context(), []typeid.Variant{v}, anyone, ignore)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got := drain(r)
			if !published {
				if err := h.poll(t.Context()); err != nil {
					t.Fatal(err)
				}
				got = append(got, drain(r)...)
			}
			if len(got) == 0 || got[len(got)-1].OnHand != 9 {
				t.Errorf("got %+v, want it to end with 9 on hand", got)
			}
		})
	}
}

func TestWhatOneMayNoLongerSeeIsNotTold(t *testing.T) {
	s, shop, v := newTruth(), newShop(), newVariant()
	h := newHub(s)
	s.commit(shop, v, 10)
	r, err := h.WatchStocks(t.Context(), []typeid.Variant{v}, anyone, ignore)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	drain(r)
	hide := func(shown bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		k := s.stocks[v]
		k.Shown = shown
		s.stocks[v] = k
	}
	s.commit(shop, v, 9)
	hide(false)
	if err := h.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := drain(r); len(got) != 0 {
		t.Errorf("told what is hidden: %+v", got)
	}
	hide(true)
	if err := h.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := drain(r); len(got) != 1 || got[0].OnHand != 9 {
		t.Errorf("shown again, got %+v", got)
	}
}

func TestShopTellsChangesAlone(t *testing.T) {
	s, shop, a, b := newTruth(), newShop(), newVariant(), newVariant()
	h := newHub(s)
	s.commit(shop, a, 10)
	s.commit(newShop(), b, 10)
	r, err := h.WatchShop(t.Context(), shop, false, ignore)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := drain(r); len(got) != 0 {
		t.Errorf("an initial state: %+v", got)
	}
	fresh := newVariant() // a variant made after the subscription, elsewhere
	s.commit(shop, fresh, 3)
	s.commit(shop, a, 9)
	if err := h.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := drain(r); len(got) != 2 {
		t.Errorf("got %+v, want a and the new variant", got)
	}
	h.Committed([]inventory.Stock{s.commit(shop, fresh, 2)})
	if got := drain(r); len(got) != 1 || got[0].VariantID != fresh {
		t.Errorf("got %+v, want the new variant", got)
	}
}

func TestShopMissesNothingWhileItReads(t *testing.T) {
	s, shop, v := newTruth(), newShop(), newVariant()
	h := newHub(s)
	s.commit(shop, v, 10)
	other, err := h.WatchStocks(t.Context(), []typeid.Variant{v}, anyone, ignore) // the hub knows the variant already
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s.reading = func() {
		s.mu.Lock()
		s.reading = nil
		s.mu.Unlock()
		h.Committed([]inventory.Stock{s.commit(shop, v, 9)})
	}
	r, err := h.WatchShop(t.Context(), shop, false, ignore)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := drain(r); len(got) != 1 || got[0].OnHand != 9 {
		t.Errorf("got %+v, want 9 on hand", got)
	}
}

func TestOnlyLow(t *testing.T) {
	s, shop, v := newTruth(), newShop(), newVariant()
	h := newHub(s)
	s.commit(shop, v, 10) // the threshold is 5
	r, err := h.WatchShop(t.Context(), shop, true, ignore)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, step := range []struct {
		onHand int
		told   bool
	}{{9, false}, {5, true}, {4, true}, {6, true}, {7, false}, {2, true}} {
		h.Committed([]inventory.Stock{s.commit(shop, v, step.onHand)})
		if got := len(drain(r)) == 1; got != step.told {
			t.Errorf("%d on hand: told = %v, want %v", step.onHand, got, step.told)
		}
	}
}

func TestOrderNowThenNewer(t *testing.T) {
	s := newTruth()
	h := newHub(s)
	id := newID(typeid.New[typeid.Order])
	s.orders[id] = 1
	r, err := h.WatchOrder(t.Context(), id, ignore)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if o, ok := r.Take(); !ok || o.Version != 1 {
		t.Errorf("first = %+v, %v", o, ok)
	}
	s.orders[id] = 2
	h.OrdersMoved([]typeid.Order{newID(typeid.New[typeid.Order])})
	if len(h.ordersMoved) != 0 {
		t.Error("what nobody watches is read")
	}
	h.OrdersMoved([]typeid.Order{id})
	h.OrdersMoved([]typeid.Order{id})
	<-h.ordersMoved
	for range 2 {
		if err := h.pollOrders(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if o, ok := r.Take(); !ok || o.Version != 2 {
		t.Errorf("second = %+v, %v", o, ok)
	}
	if o, ok := r.Take(); ok {
		t.Errorf("told twice: %+v", o)
	}
}

// TestReadersComeAndGo in any order, and the others are told.
func TestReadersComeAndGo(t *testing.T) {
	s, shop, v := newTruth(), newShop(), newVariant()
	h := newHub(s)
	s.commit(shop, v, 10)
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {0, 3, 1, 2}} {
		var readers [4]*StockReader
		for i := range readers {
			r, err := h.WatchStocks(t.Context(), []typeid.Variant{v}, anyone, ignore)
			if err != nil {
				t.Fatal(err)
			}
			readers[i] = r
			drain(r)
		}
		for gone, i := range order {
			readers[i].Close()
			h.Committed([]inventory.Stock{s.commit(shop, v, gone)})
			for _, other := range order[gone+1:] {
				if got := drain(readers[other]); len(got) != 1 || got[0].OnHand != gone {
					t.Errorf("%v: once %d is gone, %d gets %+v", order, i, other, got)
				}
			}
		}
		if n := len(h.stocks.entries); n != 0 {
			t.Errorf("%v: %d entries are left", order, n)
		}
	}
}

// TestReadersEndWithTheNewest has readers come, go and take at random while commits are published in any order, lost, and
// found by the poll: every reader ends with the newest state, and none sees a version fall.
func TestReadersEndWithTheNewest(t *testing.T) {
	s, shop := newTruth(), newShop()
	h := newHub(s)
	variants := make([]typeid.Variant, 20)
	for i := range variants {
		variants[i] = newVariant()
		s.commit(shop, variants[i], 1000)
	}
	var readers, writers sync.WaitGroup
	stop := make(chan struct{})
	for range 50 {
		readers.Go(func() {
			woken := make(chan struct{}, 1)
			r, err := h.WatchStocks(t.Context(), variants, anyone, func() {
				select {
				case woken <- struct{}{}:
				default:
				}
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			last := make(map[typeid.Variant]Stock)
			take := func() {
				for _, k := range drain(r) {
					if k.Version <= last[k.VariantID].Version {
						t.Errorf("version %d after %d", k.Version, last[k.VariantID].Version)
					}
					last[k.VariantID] = k
				}
			}
			for done := false; !done; {
				select {
				case <-woken:
				case <-stop:
					done = true
				}
				take()
			}
			for _, v := range variants {
				if want := s.stocks[v]; last[v].Version != want.Version || last[v].OnHand != want.OnHand {
					t.Errorf("ended with %+v, want %+v", last[v], want)
				}
			}
		})
	}
	for range 8 {
		writers.Go(func() {
			for range 500 {
				k := s.commit(shop, variants[rand.IntN(len(variants))], rand.IntN(1000))
				if rand.IntN(4) > 0 {
					h.Committed([]inventory.Stock{k})
				}
			}
		})
	}
	writers.Wait()
	if err := h.poll(t.Context()); err != nil {
		t.Error(err)
	}
	close(stop)
	readers.Wait()
	if n := len(h.stocks.entries); n != 0 {
		t.Errorf("%d entries are left of readers that are gone", n)
	}
}
