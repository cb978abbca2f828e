package main

import (
	"testing"
	"time"

	"holdfast/ent"
	"holdfast/ent/stockmovement"
)

// checkTold compares what clients were told with the rows: all of it is so, or has gone on from there, and each key was used once.
func (s *crashShop) checkTold(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	checkouts, err := s.d.Checkout.Query().All(ctx)
	must(t, err)
	payments, err := s.d.Payment.Query().All(ctx)
	must(t, err)
	refunds, err := s.d.Refund.Query().All(ctx)
	must(t, err)
	byKey, byID := map[string][]*ent.Checkout{}, map[string]*ent.Payment{}
	for _, c := range checkouts {
		byKey[c.IdempotencyKey] = append(byKey[c.IdempotencyKey], c)
	}
	for _, p := range payments {
		byID[p.ID.String()] = p
	}
	given := map[string][]string{} // by reason, which is the key
	for _, r := range refunds {
		given[r.Reason] = append(given[r.Reason], r.ID.String())
	}
	for _, x := range s.sales {
		made := byKey[x.key]
		if len(made) > 1 {
			t.Errorf("the key %s has %d checkouts", x.key, len(made))
		}
		if x.placed != done {
			continue
		}
		if len(made) == 0 || made[0].ID.String() != x.checkout {
			t.Errorf("the checkout %s of %s was told, and the rows have %v", x.checkout, x.key, made)
			continue
		}
		p := byID[x.payment]
		if x.paid == done && (p == nil || p.PaidAt == nil || p.Status == "PENDING" || p.Status == "CLOSED") {
			t.Errorf("%s was told that it is paid; the payment is %v", x.key, p)
		}
		if x.cancel == done && made[0].Status != "CANCELLED" {
			t.Errorf("%s was told that it is cancelled; it is %s", x.key, made[0].Status)
		}
		for _, r := range x.gaveUp {
			if ids := given[r.key]; len(ids) > 1 || r.told == done && (len(ids) == 0 || ids[0] != r.id) {
				t.Errorf("the refund %s of %s was told (%v), and the rows have %v", r.id, r.key, r.told == done, ids)
			}
		}
	}
}

// open are the checkouts that hold goods.
func (s *crashShop) open(t *testing.T) []*ent.Checkout {
	t.Helper()
	all, err := s.d.Checkout.Query().All(t.Context())
	must(t, err)
	var out []*ent.Checkout
	for _, c := range all {
		if c.Status == "OPEN" {
			out = append(out, c)
		}
	}
	return out
}

// ends are when the holds of unpaid orders ended, by order.
func (s *crashShop) ends(t *testing.T) map[string]time.Time {
	t.Helper()
	orders, err := s.d.Order.Query().All(t.Context())
	must(t, err)
	out := map[string]time.Time{}
	for _, o := range orders {
		if o.PaidAt == nil {
			out[o.ID.String()] = o.HeldUntil
		}
	}
	return out
}

// movements are when goods of each order, which has one line, moved so.
func (s *crashShop) movements(t *testing.T, kind string) map[string][]time.Time {
	t.Helper()
	all, err := s.d.StockMovement.Query().Where(stockmovement.Kind(kind), stockmovement.OrderIDNotNil()).All(t.Context())
	must(t, err)
	out := map[string][]time.Time{}
	for _, m := range all {
		out[m.OrderID.String()] = append(out[m.OrderID.String()], m.CreatedAt)
	}
	return out
}

// checkGoods looks at each order's goods once all has ended: held and sold, or held and let go, and nothing twice. Only what was paid
// late is held a second time. Of what was given back one piece went back on sale.
func (s *crashShop) checkGoods(t *testing.T) {
	t.Helper()
	held, sold, released, returned := s.movements(t, "HELD"), s.movements(t, "SOLD"), s.movements(t, "RELEASED"), s.movements(t, "RETURNED")
	unpaid := s.ends(t)
	for _, x := range s.sales {
		h, so, re, back := len(held[x.order]), len(sold[x.order]), len(released[x.order]), len(returned[x.order])
		wantSold, wantBack := 1, min(len(x.gaveUp), 1)
		if _, ok := unpaid[x.order]; ok {
			wantSold = 0
		}
		if so != wantSold || h != so+re || re > 1 || back != wantBack {
			t.Errorf("the goods of %s, of which %d are sold: held %d times, sold %d, let go %d, %d of them back on sale", x.key, wantSold, h, so, re, back)
		}
	}
}
