package checkout_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// shelf is a catalogue for plans: goods of three shops, named by their titles.
type shelf struct {
	checkout.Catalogue
	shops map[string]typeid.Shop
	goods map[string]typeid.Variant
}

func newShelf() *shelf {
	s := &shelf{
		Catalogue: checkout.Catalogue{
			Items: make(map[typeid.Variant]*catalog.Item), Rules: make(map[typeid.Shop][]catalog.SplitRule), Limits: payment.Limits{MaxOrders: 2},
		},
		shops: make(map[string]typeid.Shop), goods: make(map[string]typeid.Variant),
	}
	for _, name := range []string{"tea", "toys", "abroad", "fourth"} {
		s.shops[name] = typeid.New[typeid.Shop](time.Unix(1, 0))
	}
	s.add("green", "tea", money.New(1999, money.CNY))
	s.add("black", "tea", money.New(1, money.CNY))
	s.add("ball", "toys", money.New(500, money.CNY)).RequiresShipping = true
	s.add("card", "toys", money.New(300, money.CNY))
	s.add("gone", "toys", money.New(300, money.CNY)).ForSale = false
	s.add("gold", "tea", money.New(money.Max, money.CNY))
	s.add("half", "tea", money.New(money.Max/2, money.CNY))
	s.add("moon", "toys", money.New(money.Max/2+2, money.CNY))
	s.add("cake", "abroad", money.New(80, money.HKD))
	s.add("pen", "fourth", money.New(7, money.CNY))
	s.Rules[s.shops["tea"]] = []catalog.SplitRule{{Receiver: "platform", Role: "PLATFORM", BasisPoints: 333}, {Receiver: "friend", Role: "PROMOTER", BasisPoints: 1}}
	return s
}

func (s *shelf) add(title, shop string, price money.Money) *catalog.Item {
	id := typeid.New[typeid.Variant](time.Unix(1, 0))
	s.goods[title] = id
	s.Items[id] = &catalog.Item{
		Variant:  catalog.Variant{ID: id, ShopID: s.shops[shop], SKU: title, Title: title, Price: price},
		Receiver: shop, MaxShare: 3000, ProductTitle: "Product", ForSale: true,
	}
	return s.Items[id]
}

// buy is lines of title, quantity, title, quantity and so on; what is not on the shelf is named as it is.
func (s *shelf) buy(of ...any) []checkout.LineInput {
	var out []checkout.LineInput
	for i := 0; i < len(of); i += 2 {
		title := of[i].(string)
		line := checkout.LineInput{VariantID: title, Quantity: of[i+1].(int)}
		if id, ok := s.goods[title]; ok {
			line.VariantID = id.String()
		}
		out = append(out, line)
	}
	return out
}

// brief says of a plan what matters here: shop, then titles and quantities, total, splits.
func (s *shelf) brief(p checkout.Plan) []string {
	var out []string
	for _, o := range p.Orders {
		var b strings.Builder
		for name, id := range s.shops {
			if id == o.Shop {
				b.WriteString(name)
			}
		}
		sum := int64(0)
		for _, l := range o.Lines {
			fmt.Fprintf(&b, " %s×%d = %v,", l.Item.Title, l.Quantity, l.Amount)
			sum += l.Amount.Amount
		}
		fmt.Fprintf(&b, " total %v:", o.Total)
		if sum != o.Total.Amount {
			b.WriteString(" LINES DO NOT ADD UP")
		}
		for _, sp := range o.Splits {
			fmt.Fprintf(&b, " %s %s %v", sp.Role, sp.Receiver, sp.Amount)
		}
		out = append(out, b.String())
	}
	return append(out, "total "+p.Total.String())
}

func TestMakePlan(t *testing.T) {
	t.Parallel()
	s := newShelf()
	for _, tc := range []struct {
		name  string
		lines []checkout.LineInput
		want  []string
	}{
		{"one line", s.buy("green", 3), []string{
			"tea green×3 = 5997 CNY, total 5997 CNY: MERCHANT tea 5798 CNY PLATFORM platform 199 CNY", "total 5997 CNY",
		}},
		{"a share of nothing is left out", s.buy("black", 1), []string{"tea black×1 = 1 CNY, total 1 CNY: MERCHANT tea 1 CNY", "total 1 CNY"}},
		{"lines of one variant add up", s.buy("black", 1, "green", 2, "black", 4), []string{
			"tea black×5 = 5 CNY, green×2 = 3998 CNY, total 4003 CNY: MERCHANT tea 3870 CNY PLATFORM platform 133 CNY", "total 4003 CNY",
		}},
		{"shops in the order in which they are named", s.buy("card", 1, "green", 1, "card", 1), []string{
			"toys card×2 = 600 CNY, total 600 CNY: MERCHANT toys 600 CNY",
			"tea green×1 = 1999 CNY, total 1999 CNY: MERCHANT tea 1933 CNY PLATFORM platform 66 CNY", "total 2599 CNY",
		}},
		{"as many as may be", s.buy("green", 9999), []string{
			"tea green×9999 = 19988001 CNY, total 19988001 CNY: MERCHANT tea 19320403 CNY PLATFORM platform 665600 CNY PROMOTER friend 1998 CNY", "total 19988001 CNY",
		}},
		{"as many as may be, in two lines", s.buy("card", 9998, "card", 1), []string{"toys card×9999 = 2999700 CNY, total 2999700 CNY: MERCHANT toys 2999700 CNY", "total 2999700 CNY"}},
		{"fifty lines", s.buy(many("card", 50)...), []string{"toys card×50 = 15000 CNY, total 15000 CNY: MERCHANT toys 15000 CNY", "total 15000 CNY"}},
		{"another currency alone", s.buy("cake", 1), []string{"abroad cake×1 = 80 HKD, total 80 HKD: MERCHANT abroad 80 HKD", "total 80 HKD"}},
		{"the largest amount", s.buy("half", 2, "black", 1), []string{
			"tea half×2 = 9007199254740990 CNY, black×1 = 1 CNY, total 9007199254740991 CNY: MERCHANT tea 8706358799632642 CNY PLATFORM platform 299939735182875 CNY PROMOTER friend 900719925474 CNY",
			"total 9007199254740991 CNY",
		}},
	} {
		got, err := checkout.MakePlan(checkout.Input{}, tc.lines, s.Catalogue)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, s.brief(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func many(title string, n int) []any {
	var out []any
	for range n {
		out = append(out, title, 1)
	}
	return out
}

// refusal is what a client is told, without the text.
type refusal struct {
	Code  fault.Code
	Field string
	// Variant is set for those that name one.
	Variant string
}

func refusals(err error) []refusal {
	var out []refusal
	for _, r := range fault.List(err) {
		one := refusal{Code: r.Refused().Code, Field: strings.Join(r.Refused().Field, ".")}
		if item, ok := errors.AsType[*catalog.ItemError](r); ok {
			one.Variant = item.VariantID
		}
		out = append(out, one)
	}
	if out == nil && err != nil {
		out = []refusal{{Code: fault.Internal, Field: err.Error()}}
	}
	return out
}

func TestMakePlanRefuses(t *testing.T) {
	t.Parallel()
	s := newShelf()
	foreign := typeid.New[typeid.Variant](time.Unix(1, 0)).String()
	of := func(title string) string { return s.goods[title].String() }
	for _, tc := range []struct {
		name  string
		lines []checkout.LineInput
		want  []refusal
	}{
		{"nothing", nil, []refusal{{fault.Invalid, "input.lines", ""}}},
		{"fifty-one lines", s.buy(many("card", 51)...), []refusal{{fault.TooMany, "input.lines", ""}}},
		{"none", s.buy("card", 0), []refusal{{fault.Invalid, "input.lines.0.quantity", ""}}},
		{"less than none", s.buy("green", 1, "card", -1), []refusal{{fault.Invalid, "input.lines.1.quantity", ""}}},
		{"ten thousand", s.buy("card", 10000), []refusal{{fault.Invalid, "input.lines.0.quantity", ""}}},
		{"ten thousand in two lines", s.buy("card", 9999, "green", 1, "card", 1), []refusal{{fault.QuantityLimit, "input.lines.2.quantity", of("card")}}},
		{"so many that 64 bits wrap", s.buy("card", 1<<62, "card", 1<<62), []refusal{
			{fault.Invalid, "input.lines.0.quantity", ""}, {fault.Invalid, "input.lines.1.quantity", ""},
		}},
		{"no id", s.buy("nonsense", 1), []refusal{{fault.NotFound, "input.lines.0.variantId", "nonsense"}}},
		{"an id of something else", s.buy(s.shops["tea"].String(), 1), []refusal{{fault.NotFound, "input.lines.0.variantId", s.shops["tea"].String()}}},
		{"an id of nothing", s.buy("green", 1, foreign, 1), []refusal{{fault.NotFound, "input.lines.1.variantId", foreign}}},
		{"archived", s.buy("gone", 1), []refusal{{fault.NotForSale, "input.lines.0.variantId", of("gone")}}},
		{"all that is wrong at once", s.buy("gone", 1, "card", 0, foreign, 1, "green", 9999, "green", 9999), []refusal{
			{fault.NotForSale, "input.lines.0.variantId", of("gone")},
			{fault.Invalid, "input.lines.1.quantity", ""},
			{fault.NotFound, "input.lines.2.variantId", foreign},
			{fault.QuantityLimit, "input.lines.4.quantity", of("green")},
		}},
		{"two currencies", s.buy("green", 1, "cake", 1), []refusal{{fault.CurrencyMismatch, "input.lines", ""}}},
		{"more shops than one payment takes", s.buy("green", 1, "card", 1, "pen", 1), []refusal{{fault.TooMany, "input.lines", ""}}},
		{"a line beyond what money can be", s.buy("gold", 2), []refusal{{fault.Invalid, "input.lines", ""}}},
		{"an order beyond what money can be", s.buy("half", 2, "black", 2), []refusal{{fault.Invalid, "input.lines", ""}}},
		{"a total beyond what money can be", s.buy("half", 1, "moon", 1), []refusal{{fault.Invalid, "input.lines", ""}}},
		{"goods to be shipped nowhere", s.buy("green", 1, "ball", 1), []refusal{{fault.AddressRequired, "input.shipTo", ""}}},
	} {
		plan, err := checkout.MakePlan(checkout.Input{}, tc.lines, s.Catalogue)
		if diff := cmp.Diff(tc.want, refusals(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if len(plan.Orders) > 0 {
			t.Errorf("%s: refused and planned all the same: %v", tc.name, s.brief(plan))
		}
	}
}

// TestMakePlanPayable refuses what the provider would not take. What costs nothing at all needs no provider.
func TestMakePlanPayable(t *testing.T) {
	t.Parallel()
	s := newShelf()
	s.add("sample", "toys", money.New(0, money.CNY))
	no := fault.New(fault.PaymentRefused, "not here")
	for _, tc := range []struct {
		name   string
		limits payment.Limits
		lines  []checkout.LineInput
		want   []refusal
	}{
		{"nothing beside something", payment.Limits{MaxOrders: 2, EachCosts: true}, s.buy("green", 1, "sample", 1), []refusal{{fault.PaymentRefused, "input.lines", ""}}},
		{"nothing beside something, of one shop", payment.Limits{MaxOrders: 2, EachCosts: true}, s.buy("card", 1, "sample", 1), nil},
		{"nothing alone", payment.Limits{MaxOrders: 2, EachCosts: true, Currency: money.HKD}, s.buy("sample", 1), nil},
		{"nothing beside something, in the sandbox", payment.Limits{MaxOrders: 2}, s.buy("green", 1, "sample", 1), nil},
		{"another currency", payment.Limits{MaxOrders: 2, Currency: money.CNY}, s.buy("cake", 1), []refusal{{fault.PaymentRefused, "input.lines", ""}}},
		{"a shop that is not known", payment.Limits{MaxOrders: 2, Payee: func(receiver string) error {
			if receiver == "toys" {
				return no
			}
			return nil
		}}, s.buy("green", 1, "card", 1), []refusal{{fault.PaymentRefused, "input.lines", ""}}},
		{"no orders at all", payment.Limits{}, s.buy("sample", 1), []refusal{{fault.TooMany, "input.lines", ""}}},
	} {
		s.Limits = tc.limits
		_, err := checkout.MakePlan(checkout.Input{ShipTo: address()}, tc.lines, s.Catalogue)
		if diff := cmp.Diff(tc.want, refusals(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestMakePlanExpectedTotal(t *testing.T) {
	t.Parallel()
	s := newShelf()
	lines := s.buy("green", 1, "card", 1)
	actual := money.New(2299, money.CNY)
	if _, err := checkout.MakePlan(checkout.Input{ExpectedTotal: &actual}, lines, s.Catalogue); err != nil {
		t.Errorf("the right total: %v", err)
	}
	for _, expected := range []money.Money{money.New(2298, money.CNY), money.New(2300, money.CNY), money.New(2299, money.HKD), money.New(0, money.CNY)} {
		_, err := checkout.MakePlan(checkout.Input{ExpectedTotal: &expected}, lines, s.Catalogue)
		var price *checkout.PriceError
		if !errors.As(err, &price) || price.Expected != expected || price.Actual != actual {
			t.Errorf("expected %v: %#v", expected, err)
		}
		if diff := cmp.Diff([]refusal{{fault.PriceChanged, "input.expectedTotal", ""}}, refusals(err)); diff != "" {
			t.Errorf("expected %v (-want +got):\n%s", expected, diff)
		}
	}
}

func TestMakePlanAddress(t *testing.T) {
	t.Parallel()
	s := newShelf()
	where := address()
	plan, err := checkout.MakePlan(checkout.Input{ShipTo: where}, s.buy("green", 1, "card", 1, "ball", 1), s.Catalogue)
	must(t, err)
	if plan.Orders[0].ShipTo != nil {
		t.Error("an order of which nothing is shipped has an address")
	}
	if diff := cmp.Diff(where, plan.Orders[1].ShipTo); diff != "" {
		t.Errorf("an order of which one thing is shipped (-want +got):\n%s", diff)
	}
}

func TestMakePlanNotes(t *testing.T) {
	t.Parallel()
	s := newShelf()
	tea, toys, foreign := s.shops["tea"].String(), s.shops["toys"].String(), s.shops["abroad"].String()
	note := func(text string) *string { return &text }
	lines := s.buy("green", 1, "card", 1)
	plan, err := checkout.MakePlan(checkout.Input{Shops: []checkout.ShopInput{{toys, note("ring twice\nplease")}, {tea, note(" ")}}}, lines, s.Catalogue)
	must(t, err)
	if plan.Orders[0].Note != nil || plan.Orders[1].Note == nil || *plan.Orders[1].Note != "ring twice\nplease" {
		t.Errorf("notes %v and %v", plan.Orders[0].Note, plan.Orders[1].Note)
	}
	for _, tc := range []struct {
		name  string
		shops []checkout.ShopInput
		want  []refusal
	}{
		{"without a note", []checkout.ShopInput{{tea, nil}}, nil},
		{"as long as may be", []checkout.ShopInput{{tea, note(strings.Repeat("茶", 500))}}, nil},
		{"longer", []checkout.ShopInput{{tea, note(strings.Repeat("茶", 501))}}, []refusal{{fault.Invalid, "input.shops.0.note", ""}}},
		{"no text", []checkout.ShopInput{{tea, note("\xff")}}, []refusal{{fault.Invalid, "input.shops.0.note", ""}}},
		{"a shop that sells none of it", []checkout.ShopInput{{tea, nil}, {foreign, nil}}, []refusal{{fault.NotFound, "input.shops.1.shopId", ""}}},
		{"no shop", []checkout.ShopInput{{"nonsense", nil}}, []refusal{{fault.NotFound, "input.shops.0.shopId", ""}}},
		{"a shop twice", []checkout.ShopInput{{tea, note("a")}, {toys, nil}, {tea, nil}}, []refusal{{fault.Invalid, "input.shops.2.shopId", ""}}},
	} {
		_, err := checkout.MakePlan(checkout.Input{Shops: tc.shops}, lines, s.Catalogue)
		if diff := cmp.Diff(tc.want, refusals(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestCheckInput(t *testing.T) {
	t.Parallel()
	line := []checkout.LineInput{{VariantID: "any", Quantity: 1}}
	negative := money.New(-1, money.CNY)
	for _, tc := range []struct {
		name string
		in   checkout.Input
		want []refusal
	}{
		{"the cart", checkout.Input{}, nil},
		{"lines", checkout.Input{Lines: line, RemoveFromCart: true, ShipTo: address()}, nil},
		{"no lines", checkout.Input{Lines: []checkout.LineInput{}}, []refusal{{fault.Invalid, "input.lines", ""}}},
		{"fifty-one lines", checkout.Input{Lines: make([]checkout.LineInput, 51)}, []refusal{{fault.TooMany, "input.lines", ""}}},
		{"less than nothing", checkout.Input{Lines: line, ExpectedTotal: &negative}, []refusal{{fault.Invalid, "input.expectedTotal.amount", ""}}},
		{"too many notes", checkout.Input{Lines: line, Shops: make([]checkout.ShopInput, 51)}, []refusal{{fault.TooMany, "input.shops", ""}}},
		{"a bad address", checkout.Input{Lines: line, ShipTo: &order.Address{}}, []refusal{{fault.Invalid, "input.shipTo.name", ""}}},
	} {
		if diff := cmp.Diff(tc.want, refusals(checkout.CheckInput(tc.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestOrderNumber(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{16}$`)
	seen := make(map[string]bool)
	for range 20_000 {
		n := checkout.OrderNumber()
		if !shape.MatchString(n) || seen[n] {
			t.Fatalf("%q is no new order number", n)
		}
		seen[n] = true
	}
}
