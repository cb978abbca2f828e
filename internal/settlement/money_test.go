package settlement

import (
	"math/bits"
	"math/rand/v2"
	"sync"
	"testing"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// TestMoneyOfAMillionOrders plans random orders under random rules and refunds them in random steps. Splits add up to the order
// and orders to the payment; no share is above its rule, nor more than one unit below it; of every refund the parts add up, and
// what each receiver has given back stays in proportion within one unit; nothing overflows.
func TestMoneyOfAMillionOrders(t *testing.T) {
	t.Parallel()
	const workers = 4
	var wg sync.WaitGroup
	for worker := range uint64(workers) {
		wg.Go(func() {
			c := chance{r: rand.New(rand.NewPCG(worker, 2026)), t: t}
			for i := range manyOrders / workers {
				if !c.order() {
					t.Errorf("worker %d, order %d", worker, i)
					return
				}
			}
		})
	}
	wg.Wait()
}

// chance makes up orders.
type chance struct {
	r *rand.Rand
	t *testing.T
}

var (
	someShop     = typeid.From[typeid.Shop](typeid.UUID{1})
	someVariants = []typeid.Variant{
		typeid.From[typeid.Variant](typeid.UUID{2}), typeid.From[typeid.Variant](typeid.UUID{3}), typeid.From[typeid.Variant](typeid.UUID{4}),
	}
	someLines = []string{someVariants[0].String(), someVariants[1].String(), someVariants[2].String()}
)

func (c chance) order() bool {
	rules := c.rules()
	items := make(map[typeid.Variant]*catalog.Item, 3)
	lines := make([]checkout.LineInput, 1+c.r.IntN(3))
	for i := range lines {
		price := c.r.Int64N(catalog.MaxPrice) >> c.r.IntN(40)
		items[someVariants[i]] = &catalog.Item{
			Variant: catalog.Variant{ID: someVariants[i], ShopID: someShop, Price: money.New(price, money.CNY)}, Receiver: "merchant", MaxShare: 10_000, ForSale: true,
		}
		lines[i] = checkout.LineInput{VariantID: someLines[i], Quantity: 1 + c.r.IntN(checkout.MaxQuantity)>>c.r.IntN(14)}
	}
	plan, err := checkout.MakePlan(checkout.Input{Lines: lines}, lines, checkout.Catalogue{
		Items: items, Rules: map[typeid.Shop][]catalog.SplitRule{someShop: rules}, Limits: payment.Limits{MaxOrders: 1},
	})
	if err != nil {
		c.t.Error(err)
		return false
	}
	o := plan.Orders[0]
	shares, ok := shared(o, rules)
	if !ok || plan.Total != o.Total {
		c.t.Errorf("order %+v of rules %+v", o, rules)
		return false
	}
	return c.refunds(shares, o.Total.Amount)
}

func (c chance) rules() []catalog.SplitRule {
	rules := make([]catalog.SplitRule, 0, 6)
	for left := 10_000; len(rules) < c.r.IntN(7) && left > 0; {
		points := 1 + c.r.IntN(left)
		left -= points
		rules = append(rules, catalog.SplitRule{Receiver: "abcdef"[len(rules) : len(rules)+1], Role: "PLATFORM", BasisPoints: points})
	}
	return rules
}

// shared checks the splits of an order against its rules, and makes shares of them.
func shared(o checkout.PlannedOrder, rules []catalog.SplitRule) ([]share, bool) {
	var sum, goods int64
	of := make(map[string]int64, len(o.Splits))
	shares := make([]share, len(o.Splits))
	for i, s := range o.Splits {
		sum += s.Amount.Amount
		of[s.Receiver] = s.Amount.Amount
		shares[i].amount = s.Amount.Amount
	}
	for _, l := range o.Lines {
		goods += l.Amount.Amount
	}
	ok := sum == o.Total.Amount && goods == sum && sum <= money.Max
	for _, r := range rules {
		part, one := product(of[r.Receiver], 10_000), product(of[r.Receiver]+1, 10_000)
		whole := product(o.Total.Amount, int64(r.BasisPoints))
		ok = ok && of[r.Receiver] >= 0 && !whole.less(part) && whole.less(one)
	}
	return shares, ok && of["merchant"] >= 0
}

// refunds gives an order back in up to six steps.
func (c chance) refunds(shares []share, total int64) bool {
	var refunded int64
	for range c.r.IntN(7) {
		if refunded == total {
			break
		}
		refund := 1 + c.r.Int64N(total-refunded)>>c.r.IntN(30)
		if c.r.IntN(4) == 0 {
			refund = total - refunded
		}
		parts, err := divide(shares, refund)
		if err != nil {
			c.t.Errorf("refund %d of %+v: %v", refund, shares, err)
			return false
		}
		refunded += refund
		var sum int64
		for i, p := range parts {
			sum += p
			shares[i].returned += p
			had, exact := shares[i].returned, product(shares[i].amount, refunded)
			fair := exact.less(product(had+1, total)) && (had == 0 || product(had-1, total).less(exact))
			if p < 0 || had > shares[i].amount || !fair {
				c.t.Errorf("refund %d: share %d of %+v", refund, i, shares)
				return false
			}
		}
		if sum != refund {
			c.t.Errorf("refund %d: %v", refund, parts)
			return false
		}
	}
	return true
}

// wide is a product of two amounts.
type wide struct{ hi, lo uint64 }

// product is a*b; less than nothing is nothing.
func product(a, b int64) wide {
	hi, lo := bits.Mul64(uint64(max(a, 0)), uint64(b))
	return wide{hi, lo}
}

func (w wide) less(v wide) bool { return w.hi < v.hi || w.hi == v.hi && w.lo < v.lo }
