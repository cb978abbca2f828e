package order_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// walk reads a list page by page and wants each page but the last to be full and to say that there are more.
func walk(t *testing.T, first int, read func(q page.Query) (page.Page[*order.Order], error)) []typeid.Order {
	t.Helper()
	var all []typeid.Order
	q := page.Query{First: first}
	for range 100 {
		got, err := read(q)
		must(t, err)
		for _, o := range got.Items {
			all = append(all, o.ID)
		}
		if !got.HasNext {
			return all
		}
		if len(got.Items) != first {
			t.Fatalf("a page of %d says that there are more than its %d", first, len(got.Items))
		}
		q.After = got.Items[first-1].ID.UUID
	}
	t.Fatal("the list has no end")
	return nil
}

func orderIDs() cmp.Option { return cmpopts.EquateComparable(typeid.Order{}) }

func TestPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		want := make(map[any][]typeid.Order)
		for i := range 50 { // 25 of each buyer and shop, in all four pairs, newest first
			buyer, shop := i%2, i/2%2
			id := w.add(t, buyer, shop, order.Paid, "", "sku")
			for _, parent := range []any{w.buyers[buyer], w.shops[shop]} {
				want[parent] = append([]typeid.Order{id}, want[parent]...)
			}
		}
		for _, first := range []int{1, 10, 24, 25, 100} {
			for _, b := range w.buyers { // the third has none
				got := walk(t, first, func(q page.Query) (page.Page[*order.Order], error) {
					pages, err := w.orders.OfBuyers(ctx, w.buyers, order.Filter{}, q)
					return pages[b], err
				})
				if d := cmp.Diff(want[b], got, orderIDs()); d != "" {
					t.Errorf("a buyer's orders, %d at a time (-want +got):\n%s", first, d)
				}
			}
			for _, s := range w.shops {
				got := walk(t, first, func(q page.Query) (page.Page[*order.Order], error) {
					pages, err := w.orders.OfShops(ctx, w.shops, order.Filter{}, q)
					return pages[s], err
				})
				if d := cmp.Diff(want[s], got, orderIDs()); d != "" {
					t.Errorf("a shop's orders, %d at a time (-want +got):\n%s", first, d)
				}
			}
		}
		for _, first := range []int{0, 101} {
			if _, err := w.orders.OfShops(ctx, w.shops, order.Filter{}, page.Query{First: first}); !fault.Is(err, fault.BadRequest) {
				t.Errorf("first %d: %v", first, err)
			}
		}
	})
}

func TestFilter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		first := w.add(t, 0, 0, order.PendingPayment, "13800138000", "tea-1")
		second := w.add(t, 0, 0, order.Paid, "", "tea-2")
		third := w.add(t, 0, 0, order.Shipped, "13900139000", "TEA-1")
		foreign := w.add(t, 1, 1, order.Paid, "13800138000", "tea-1")
		at := func(micros int) *time.Time {
			moment := start.Add(time.Duration(micros) * time.Microsecond)
			return &moment
		}
		shanghai := func(micros int) *time.Time {
			moment := at(micros).In(time.FixedZone("CST", 8*60*60))
			return &moment
		}
		type ids = []typeid.Order
		for name, tc := range map[string]struct {
			filter order.Filter
			want   ids
		}{
			"none":                {order.Filter{}, ids{third, second, first}},
			"a status":            {order.Filter{Statuses: []order.Status{order.Paid}}, ids{second}},
			"statuses":            {order.Filter{Statuses: []order.Status{order.Shipped, order.PendingPayment, order.Refunded}}, ids{third, first}},
			"from":                {order.Filter{PlacedFrom: at(2)}, ids{third, second}},
			"before":              {order.Filter{PlacedBefore: at(2)}, ids{first}},
			"from and before":     {order.Filter{PlacedFrom: at(2), PlacedBefore: at(3)}, ids{second}},
			"from, in Shanghai":   {order.Filter{PlacedFrom: shanghai(2)}, ids{third, second}},
			"before, in Shanghai": {order.Filter{PlacedBefore: shanghai(2)}, ids{first}},
			"a number":            {order.Filter{Text: " ORDER-2 "}, ids{second}},
			"another's number":    {order.Filter{Text: "ORDER-4"}, nil},
			"part of a number":    {order.Filter{Text: "ORDER-"}, nil},
			"a phone":             {order.Filter{Text: "13800138000"}, ids{first}},
			"a sku":               {order.Filter{Text: "tea-1"}, ids{first}},
			"a sku in capitals":   {order.Filter{Text: "TEA-1"}, ids{third}},
			"no sku":              {order.Filter{Text: "tea_1"}, nil},
			"blank":               {order.Filter{Text: "  "}, ids{third, second, first}},
			"all of it":           {order.Filter{Text: "tea-2", Statuses: []order.Status{order.Paid}, PlacedFrom: at(1), PlacedBefore: at(9)}, ids{second}},
			"too much":            {order.Filter{Text: "tea-2", Statuses: []order.Status{order.Shipped}}, nil},
		} {
			pages, err := w.orders.OfShops(ctx, []typeid.Shop{w.shops[0], w.shops[1]}, tc.filter, page.Query{First: 10})
			must(t, err)
			var got ids
			for _, o := range pages[w.shops[0]].Items {
				got = append(got, o.ID)
			}
			if d := cmp.Diff(tc.want, got, orderIDs()); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
		pages, err := w.orders.OfBuyers(ctx, w.buyers, order.Filter{Text: "tea-1"}, page.Query{First: 10})
		must(t, err)
		if a, b := pages[w.buyers[0]].Items, pages[w.buyers[1]].Items; len(a) != 1 || a[0].ID != first || len(b) != 1 || b[0].ID != foreign {
			t.Errorf("buyers' orders of a sku: %v and %v", a, b)
		}
		if _, err := w.orders.OfShops(ctx, w.shops, order.Filter{Text: strings.Repeat("茶", 101)}, page.Query{First: 10}); !fault.Is(err, fault.BadRequest) {
			t.Errorf("a long text: %v", err)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		waiting, paid := w.add(t, 0, 0, order.PendingPayment, "13800138000", "sku"), w.add(t, 0, 1, order.Paid, "", "sku")
		got, err := w.orders.ByIDs(ctx, []typeid.Order{waiting, paid, typeid.New[typeid.Order](start)})
		must(t, err)
		if len(got) != 2 {
			t.Fatalf("%d orders", len(got))
		}
		if got[0].ID != waiting {
			got[0], got[1] = got[1], got[0]
		}
		cny := func(n int64) money.Money { return money.New(n, money.CNY) }
		until := start.Add(time.Microsecond + time.Hour)
		want := &order.Order{
			ID: waiting, Number: "ORDER-1", CheckoutID: got[0].CheckoutID, BuyerID: w.buyers[0], ShopID: w.shops[0], Status: order.PendingPayment,
			Subtotal: cny(1999), Discount: cny(0), ShippingFee: cny(0), Total: cny(1999), Refunded: cny(0),
			ShipTo:   &order.Address{Name: "林小雨", Phone: "13800138000", Country: "CN", Province: "广东省", City: "深圳市", Street: "科技路 1 号"},
			PlacedAt: start.Add(time.Microsecond), HeldUntil: &until, Version: 1,
		}
		if d := cmp.Diff(want, got[0], orderIDs(), cmpopts.EquateComparable(typeid.Checkout{}, typeid.Buyer{}, typeid.Shop{})); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got[1].ShipTo != nil || got[1].HeldUntil != nil {
			t.Errorf("an order that is paid and not shipped: %+v", got[1])
		}
	})
}

func TestVisibleTo(t *testing.T) {
	t.Parallel()
	buyer, other := typeid.New[typeid.Buyer](start), typeid.New[typeid.Buyer](start)
	a, b := typeid.New[typeid.Shop](start), typeid.New[typeid.Shop](start)
	one, two := &order.Order{BuyerID: buyer, ShopID: a}, &order.Order{BuyerID: buyer, ShopID: b}
	staff := identity.Principal{Staff: typeid.New[typeid.Staff](start)}
	for name, tc := range map[string]struct {
		who      identity.Principal
		one, all bool
	}{
		"nobody":             {identity.Principal{}, false, false},
		"its buyer":          {identity.Principal{Buyer: buyer}, true, true},
		"another buyer":      {identity.Principal{Buyer: other}, false, false},
		"staff of no shop":   {staff, false, false},
		"a clerk of its":     {staff.WithRole(a, identity.Clerk), true, false},
		"an owner of others": {staff.WithRole(b, identity.Owner), false, false},
		"staff of both":      {staff.WithRole(a, identity.Clerk).WithRole(b, identity.Owner), true, true},
		"an operator":        {identity.Principal{Staff: staff.Staff, Operator: true}, true, true},
	} {
		if one.VisibleTo(tc.who) != tc.one || order.AllVisibleTo(tc.who, []*order.Order{one, two}) != tc.all || order.AllVisibleTo(tc.who, nil) {
			t.Errorf("%s sees what one should not, or not what one should", name)
		}
	}
	if (&order.Order{}).VisibleTo(identity.Principal{}) {
		t.Error("nobody sees an order of nobody")
	}
}
