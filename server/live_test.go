package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/typeid"
)

// TestLive is what subscribers see while others buy, pay, cancel and count.
func TestLive(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		for _, story := range []struct {
			name string
			tell func(*testing.T, *world)
		}{
			{"stock now, then newer", stockNowThenNewer},
			{"what cannot be read is left out", unreadableIsLeftOut},
			{"one to 200 variants", oneTo200Variants},
			{"each sees what is theirs", eachSeesTheirs},
			{"equal texts that ask for different things", equalTexts},
			{"a shop's changes", shopChanges},
			{"a shop's low stock", shopLowStock},
			{"an order until it is paid", orderUntilPaid},
			{"an order until it is cancelled", orderUntilCancelled},
			{"several operations on one socket", severalOperations},
			{"queries and mutations on a socket", askedOnASocket},
			{"what another server commits", committedElsewhere},
		} {
			t.Run(story.name, func(t *testing.T) { story.tell(t, w) })
		}
	})
}

// checkTold compares an event with the stock that the reader gets by asking.
func checkTold(t *testing.T, when string, got, want stockView) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, told (-want +got):\n%s", when, diff)
	}
}

func stockNowThenNewer(t *testing.T, w *world) {
	v := w.goods(t, w.shops(t)[0], 100, 10)[0]
	watcher, buyer := w.anonymous(), w.buyer(t, "live-buyer")
	s := watcher.socket(t)
	id := s.watch(watchStocks, vars{"ids": []string{v}})
	last := told[stockView](s, id)
	checkTold(t, "at first", last, watcher.stock(t, v))

	var placed *checkoutView
	for _, step := range []struct {
		name      string
		do        func()
		available int
	}{
		{"held", func() { placed = buyer.buy(t, vars{"lines": lines(v, 2)}) }, 8},
		{"paid", func() { buyer.confirm(t, placed.Payment.ID).refused(t) }, 8},
		{"held again", func() { placed = buyer.buy(t, vars{"lines": lines(v, 3)}) }, 5},
		{"cancelled", func() { buyer.cancel(t, placed.ID).refused(t) }, 8},
		{"counted", func() { w.merchant(t).adjust(t, vars{"variantId": v, "onHand": 3}).refused(t) }, 3},
		{"delivered", func() { w.merchant(t).adjust(t, vars{"variantId": v, "delta": 40}).refused(t) }, 43},
	} {
		step.do()
		got := told[stockView](s, id)
		if got.Available != step.available || got.Version != last.Version+1 {
			t.Errorf("%s: %d available at version %d, want %d at %d", step.name, got.Available, got.Version, step.available, last.Version+1)
		}
		checkTold(t, step.name, got, watcher.stock(t, v))
		last = got
	}
	s.Complete(id)
	again := s.watch(watchStocks, vars{"ids": []string{v}})
	checkTold(t, "subscribed again", told[stockView](s, again), last)
	w.merchant(t).adjust(t, vars{"variantId": v, "delta": 1}).refused(t)
	told[stockView](s, again)
	if m, ok := s.try(id, 0); ok {
		t.Errorf("told after complete: %s", m)
	}
}

func unreadableIsLeftOut(t *testing.T, w *world) {
	shop := w.shops(t)[0]
	open, draft := w.goods(t, shop, 100, 10)[0], w.product(t, shop, "DRAFT", 100, 10).variants[0]
	ids := []string{draft, "x", "", typeid.New[typeid.Variant](w.app.now()).String(), shop.ID, strings.ToUpper(open), open, open}
	for _, c := range []struct {
		who  *client
		sees bool
	}{{w.anonymous(), false}, {w.buyer(t, "live-curious"), false}, {w.merchant(t), true}} {
		s := c.who.socket(t)
		id := s.watch(watchStocks, vars{"ids": ids})
		// What is heard first is told first: an event of the draft would come before that of the other.
		want := []string{open}
		if c.sees {
			want = []string{draft, open}
		}
		for round := range 3 {
			var got []string
			for range want {
				got = append(got, told[stockView](s, id).VariantID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("round %d as %s, told of (-want +got):\n%s", round, c.who.session.Viewer.Typename, diff)
			}
			for _, v := range []string{draft, open} {
				w.merchant(t).adjust(t, vars{"variantId": v, "delta": 1}).refused(t)
			}
		}
	}
}

func oneTo200Variants(t *testing.T, w *world) {
	v := w.goods(t, w.shops(t)[0], 100, 10)[0]
	many := make([]string, 0, 201)
	for range 200 {
		many = append(many, typeid.New[typeid.Variant](w.app.now()).String())
	}
	english, chinese := w.anonymous(), &client{world: w, language: "zh-CN"}
	for _, ids := range [][]string{{}, append(many, v)} {
		for who, want := range map[*client]string{english: "name 1 to 200 variants", chinese: "请指定 1 到 200 个规格"} {
			s := who.socket(t)
			if got := s.refused(s.watch(watchStocks, vars{"ids": ids})); got.Message != want || !cmp.Equal(got.Path, []any{"stockChanged"}) {
				t.Errorf("%d variants: %+v, want %q", len(ids), got, want)
			}
		}
	}
	s := english.socket(t)
	if got := told[stockView](s, s.watch(watchStocks, vars{"ids": append(many[:199:199], v)})); got.VariantID != v {
		t.Errorf("told of %s among 200", got.VariantID)
	}
	if got := told[stockView](s, s.watch(watchStocks, vars{"ids": v})); got.VariantID != v { // a single one is a list of one
		t.Errorf("told of %s alone", got.VariantID)
	}
}

// eachSeesTheirs has everybody watch the same variant with the same text at the same time: what is made once for many must
// not show one what is another's.
func eachSeesTheirs(t *testing.T, w *world) {
	c := newCast(t, w)
	v := c.goods.variants[0]
	readers := map[string]*socket{}
	watches := map[string]string{}
	everybody := []string{"anonymous", "buyer", "other buyer", "clerk", "owner", "owner elsewhere", "staff of no shop", "operator"}
	for _, actor := range everybody {
		readers[actor] = c.clients[actor].socket(t)
	}
	for round := range 3 {
		// Everybody subscribes, and then things happen; whose text is made first changes.
		everybody = append(everybody[3:], everybody[:3]...)
		for _, actor := range everybody {
			watches[actor] = readers[actor].watch(watchStocks, vars{"ids": []string{v}})
		}
		for step := range 3 {
			for _, actor := range everybody {
				got := told[stockView](readers[actor], watches[actor])
				checkTold(t, actor, got, c.clients[actor].stock(t, v))
				staff := actor == "clerk" || actor == "owner" || actor == "operator"
				if (got.OnHand != nil) != staff || (got.Held != nil) != staff {
					t.Errorf("%s is told %+v", actor, got)
				}
			}
			if step < 2 {
				c.clients["buyer"].cancel(t, c.clients["buyer"].buy(t, vars{"lines": lines(v, 1)}).ID).refused(t)
				c.clients["owner"].adjust(t, vars{"variantId": v, "delta": round + 1}).refused(t)
				skipTo(t, readers, watches, w.merchant(t).stock(t, v).Version)
			}
		}
		for _, actor := range everybody {
			readers[actor].Complete(watches[actor])
		}
	}
}

// skipTo reads until every reader was told of a version, and puts that event back.
func skipTo(t *testing.T, readers map[string]*socket, watches map[string]string, version int64) {
	t.Helper()
	for actor, s := range readers {
		id := watches[actor]
		for last := int64(0); ; {
			m, ok := s.try(id, patience)
			if !ok || m.Type != "next" {
				t.Fatalf("%s was told of version %d at last, not of %d: %s", actor, last, version, m)
			}
			now := event[stockView](t, m.Payload).Version
			if now <= last || now > version {
				t.Fatalf("%s was told of version %d, and then of %d", actor, last, now)
			}
			if last = now; now == version {
				s.kept[id] = append(s.kept[id], m)
				break
			}
		}
	}
}

// equalTexts differ in variables or in the operation's name alone, and watch the same variant.
func equalTexts(t *testing.T, w *world) {
	shop, merchant := w.shops(t)[0], w.merchant(t)
	made := merchant.create(t, vars{"shopId": shop.ID, "title": "low", "status": "ACTIVE", "variants": []vars{
		{"sku": unique("SKU"), "price": moneyView{100, "CNY"}, "onHand": 2, "lowStockThreshold": 1000},
	}})
	made.refused(t)
	v := made.Product.Variants[0].ID
	type ask struct {
		query, name string
		vars        vars
		want        []string
	}
	const (
		included = `subscription($ids: [ID!]!, $more: Boolean!) { stockChanged(variantIds: $ids) { version isLow @include(if: $more) } }`
		spread   = `subscription($ids: [ID!]!, $more: Boolean!) { stockChanged(variantIds: $ids) { version ...x } } fragment x on Stock { isLow @skip(if: $more) }`
		spaced   = `subscription($shop: ID!, $low: Boolean!) { shopStockChanged(shopId: $shop, onlyLow: $low) { version onHand @include(if: $ low) } }`
		comment  = "subscription($shop: ID!, $low: Boolean!) { shopStockChanged(shopId: $shop, onlyLow: $low) { version onHand @include(if: $ # why\n low) } }"
		twice    = `subscription a($ids: [ID!]!) { stockChanged(variantIds: $ids) { version } } subscription b($ids: [ID!]!) { stockChanged(variantIds: $ids) { version available } }`
	)
	ids := []string{v}
	for _, pair := range [][2]ask{
		{{included, "", vars{"ids": ids, "more": true}, []string{"version", "isLow"}}, {included, "", vars{"ids": ids, "more": false}, []string{"version"}}},
		{{spread, "", vars{"ids": ids, "more": true}, []string{"version"}}, {spread, "", vars{"ids": ids, "more": false}, []string{"version", "isLow"}}},
		{{spaced, "", vars{"shop": shop.ID, "low": true}, []string{"version", "onHand"}}, {spaced, "", vars{"shop": shop.ID, "low": false}, []string{"version"}}},
		{{comment, "", vars{"shop": shop.ID, "low": true}, []string{"version", "onHand"}}, {comment, "", vars{"shop": shop.ID, "low": false}, []string{"version"}}},
		{{twice, "a", vars{"ids": ids}, []string{"version"}}, {twice, "b", vars{"ids": ids}, []string{"version", "available"}}},
	} {
		for i, a := range pair {
			first, second := merchant.socket(t), merchant.socket(t)
			b := pair[1-i]
			first.subscribeNamed("one", a.query, a.name, a.vars)
			second.subscribeNamed("two", b.query, b.name, b.vars)
			for range 3 {
				// Low all the time; whoever is told of the same version gets what they have asked for.
				for _, r := range []struct {
					*socket
					id   string
					want []string
				}{{first, "one", a.want}, {second, "two", b.want}} {
					got := r.afterNudge(r.id, func() { merchant.adjust(t, vars{"variantId": v, "delta": 1}).refused(t) })
					var names []string
					for _, name := range []string{"version", "isLow", "available", "onHand"} {
						if bytes.Contains(got, []byte(`"`+name+`":`)) {
							names = append(names, name)
						}
					}
					if !cmp.Equal(names, r.want) {
						t.Errorf("%s with %v is told %s, want %v", a.query, a.vars, got, r.want)
					}
				}
			}
			_, _ = first.Conn.CloseNow(), second.Conn.CloseNow()
			merchant.adjust(t, vars{"variantId": v, "onHand": 2}).refused(t)
		}
	}
}

// severalOperations end one by one, and the others go on.
func severalOperations(t *testing.T, w *world) {
	v := w.goods(t, w.shops(t)[0], 100, 10, 10)
	s := w.anonymous().socket(t)
	a, both := s.watch(watchStocks, vars{"ids": v[:1]}), s.watch(watchStocks, vars{"ids": v})
	bad := s.watch(`subscription { nothing }`, nil)
	s.refused(bad)
	told[stockView](s, a)
	told[stockView](s, both)
	told[stockView](s, both)
	s.Complete(a)
	for i := range 3 {
		w.merchant(t).adjust(t, vars{"variantId": v[i%2], "delta": 1}).refused(t)
		if got := told[stockView](s, both); got.VariantID != v[i%2] || got.Available != 11+i/2 {
			t.Errorf("change %d: told %+v", i, got)
		}
	}
}

func askedOnASocket(t *testing.T, w *world) {
	v := w.goods(t, w.shops(t)[0], 100, 10)[0]
	buyer := w.buyer(t, "live-asking")
	s := buyer.socket(t)
	watched := s.watch(watchStocks, vars{"ids": []string{v}})
	if got := told[stockView](s, watched); got.Available != 10 {
		t.Errorf("told %+v", got)
	}
	got := decode[struct{ CheckoutPlace checkoutPayload }](t, s.ran(placeMutation, vars{"input": filled(vars{"lines": lines(v, 4)})})).CheckoutPlace
	got.refused(t)
	checkPlaced(t, got.Checkout, moneyView{400, "CNY"})
	if got := told[stockView](s, watched); got.Available != 6 {
		t.Errorf("told %+v of one's own order", got)
	}
	short := decode[struct{ CheckoutPlace checkoutPayload }](t, s.ran(placeMutation, vars{"input": filled(vars{"lines": lines(v, 7)})})).CheckoutPlace
	short.refused(t, "OUT_OF_STOCK")

	const query = `query($id: ID!) { order(id: $id) ` + orderFields + ` viewer { ... on Buyer { id } } shops(first: 2) { nodes { id name } } }`
	of := vars{"id": got.Checkout.Orders[0].ID}
	if over, http := s.ran(query, of), buyer.send(t, query, of); !bytes.Equal(bytes.TrimSpace(over.Body), bytes.TrimSpace(http.Body)) {
		t.Errorf("over the socket %s\nover HTTP %s", over.Body, http.Body)
	}
	nobody := w.anonymous().socket(t)
	if got := nobody.ran(placeMutation, vars{"input": filled(vars{"lines": lines(v, 1)})}); !cmp.Equal(got.codes(), []string{"UNAUTHENTICATED"}) {
		t.Errorf("an order of nobody: %s", got.Body)
	}
	paid := decode[map[string]paymentPayload](t, s.ran(`mutation($id: ID!) { sandboxPaymentConfirm(paymentId: $id) { payment `+paymentFields+userErrors+` } }`,
		vars{"id": got.Checkout.Payment.ID}))["sandboxPaymentConfirm"]
	if paid.refused(t); paid.Payment.Status != "PAID" {
		t.Errorf("paid over the socket: %+v", paid.Payment)
	}
}

// committedElsewhere subscribes at one server and buys at another, and the other way round.
func committedElsewhere(t *testing.T, w *world) {
	second := newWorld(t, w.source)
	v := w.goods(t, w.shops(t)[0], 100, 100)[0]
	for _, c := range []struct{ watched, bought *world }{{w, second}, {second, w}} {
		buyer := c.bought.buyer(t, "live-remote")
		reader := &client{world: c.watched, token: buyer.token}
		s := reader.socket(t)
		stock := s.watch(watchStocks, vars{"ids": []string{v}})
		before := told[stockView](s, stock)
		for range 3 {
			placed := buyer.buy(t, vars{"lines": lines(v, 2)})
			committed := time.Now()
			if got := told[stockView](s, stock); got.Available != before.Available-2 || got.Version <= before.Version {
				t.Errorf("ordered elsewhere, told %+v after %+v", got, before)
			}
			order := s.watch(watchOrder, vars{"id": placed.Orders[0].ID})
			told[orderView](s, order)
			buyer.cancel(t, placed.ID).refused(t)
			before = told[stockView](s, stock)
			if got := told[orderView](s, order); got.Status != "CANCELLED" {
				t.Errorf("cancelled elsewhere, told of %s", got.Status)
			}
			if took := time.Since(committed); took > 2*patience {
				t.Errorf("two commits of another process were told after %v", took)
			}
		}
	}
}
