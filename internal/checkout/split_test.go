package checkout_test

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
)

// TestDivide divides random totals by random rules: every share is its floor, of what others may have at most, and all of them are the total.
func TestDivide(t *testing.T) {
	t.Parallel()
	part := func(whole *big.Int, points, of int) *big.Int {
		p := new(big.Int).Mul(whole, big.NewInt(int64(points)))
		return p.Div(p, big.NewInt(int64(of)))
	}
	for range 20_000 {
		total := money.New(rand.Int64N(money.Max)>>rand.IntN(53), money.CNY)
		most := &catalog.Item{Receiver: "shop", MaxShare: rand.IntN(10_001)}
		var rules []catalog.SplitRule
		all := 0
		for rand.IntN(4) > 0 {
			points := 1 + rand.IntN(10_000)>>rand.IntN(10) // they may be more than the whole
			all += points
			rules = append(rules, catalog.SplitRule{Receiver: string(rune('a' + len(rules))), Role: "PLATFORM", BasisPoints: points})
		}
		got := make(map[string]int64)
		sum := new(big.Int)
		for i, s := range checkout.Divide(total, most, rules) {
			if (s.Role == "MERCHANT") != (i == 0) || s.Amount.Currency != money.CNY || s.Amount.Amount < 0 || i > 0 && s.Amount.Amount == 0 {
				t.Fatalf("divide %v by %v: share %d is %+v", total, rules, i, s)
			}
			got[s.Receiver] += s.Amount.Amount
			sum.Add(sum, big.NewInt(s.Amount.Amount))
		}
		if sum.Cmp(big.NewInt(total.Amount)) != 0 {
			t.Fatalf("divide %v by %v: the shares are %v", total, rules, sum)
		}
		ceiling := part(big.NewInt(total.Amount), most.MaxShare, 10_000)
		if others := sum.Sub(sum, big.NewInt(got["shop"])); others.Cmp(ceiling) > 0 {
			t.Fatalf("divide %v by %v: others get %v, at most %v are allowed", total, rules, others, ceiling)
		}
		for _, r := range rules {
			want := part(big.NewInt(total.Amount), r.BasisPoints, 10_000)
			if all > most.MaxShare {
				want = part(ceiling, r.BasisPoints, all)
			}
			if want.Cmp(big.NewInt(got[r.Receiver])) != 0 {
				t.Fatalf("divide %v by %v, at most %d: %s gets %d, want %v", total, rules, most.MaxShare, r.Receiver, got[r.Receiver], want)
			}
		}
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	if err := checkout.CheckAddress(nil); err != nil {
		t.Errorf("no address: %v", err)
	}
	long := func(n int) string { return strings.Repeat("路", n) }
	text := func(s string) *string { return &s }
	for _, tc := range []struct {
		name  string
		field string // at fault; "" when none is
		set   func(a *order.Address)
	}{
		{"as it is", "", func(*order.Address) {}},
		{"with all fields", "", func(a *order.Address) { a.District, a.PostalCode = text("南山区"), text("518000") }},
		{"empty optional fields", "", func(a *order.Address) { a.District, a.PostalCode = text(""), text("") }},
		{"the longest", "", func(a *order.Address) {
			a.Name, a.Province, a.City, a.District, a.Street, a.PostalCode = long(128), long(128), long(128), text(long(128)), long(200), text(long(32))
		}},
		{"a phone from abroad", "", func(a *order.Address) { a.Phone = "+852 2123-4567" }},
		{"no name", "name", func(a *order.Address) { a.Name = "" }},
		{"a blank name", "name", func(a *order.Address) { a.Name = " \u3000" }},
		{"a long name", "name", func(a *order.Address) { a.Name = long(129) }},
		{"a name of two lines", "name", func(a *order.Address) { a.Name = "a\nb" }},
		{"a name that is no text", "name", func(a *order.Address) { a.Name = "a\xff" }},
		{"no phone", "phone", func(a *order.Address) { a.Phone = "" }},
		{"a short phone", "phone", func(a *order.Address) { a.Phone = "1234" }},
		{"a long phone", "phone", func(a *order.Address) { a.Phone = strings.Repeat("1", 33) }},
		{"letters in the phone", "phone", func(a *order.Address) { a.Phone = "12345x" }},
		{"no province", "province", func(a *order.Address) { a.Province = "" }},
		{"no city", "city", func(a *order.Address) { a.City = "" }},
		{"a long district", "district", func(a *order.Address) { a.District = text(long(129)) }},
		{"no street", "street", func(a *order.Address) { a.Street = "" }},
		{"a long street", "street", func(a *order.Address) { a.Street = long(201) }},
		{"a long postal code", "postalCode", func(a *order.Address) { a.PostalCode = text(long(33)) }},
		{"a null byte", "street", func(a *order.Address) { a.Street = "a\x00b" }},
	} {
		a := address()
		tc.set(a)
		err := checkout.CheckAddress(a)
		if tc.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if got := refusals(err); len(got) != 1 || got[0].Code != fault.Invalid || got[0].Field != "input.shipTo."+tc.field {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
