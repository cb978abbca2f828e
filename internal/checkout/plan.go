package checkout

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// Limits of one checkout.
const (
	MaxLines    = 50
	MaxQuantity = catalog.MaxQuantity
	maxNote     = 500
)

// Catalogue is what a plan needs to know of the world.
type Catalogue struct {
	Items map[typeid.Variant]*catalog.Item
	Rules map[typeid.Shop][]catalog.SplitRule
	// Limits are what the provider takes in one payment.
	Limits payment.Limits
}

// Plan is a priced checkout: what it would hold, charge and divide.
type Plan struct {
	Orders []PlannedOrder
	Total  money.Money
}

// PlannedOrder is one shop's part.
type PlannedOrder struct {
	Shop   typeid.Shop
	Lines  []PlannedLine
	Total  money.Money
	Splits []PlannedSplit // add up to Total
	ShipTo *order.Address // nil when nothing of it is shipped
	Note   *string
}

// PlannedLine is all that is bought of one variant.
type PlannedLine struct {
	Item     *catalog.Item
	Quantity int
	Amount   money.Money
}

// PlannedSplit is one receiver's share.
type PlannedSplit struct {
	Receiver string
	Role     string
	Amount   money.Money
}

// merchant is the role of the receiver who gets what the rules leave.
const merchant = "MERCHANT"

// MakePlan prices the lines, one order for each shop in the order in which they are named, or refuses: INVALID, TOO_MANY,
// NOT_FOUND, NOT_FOR_SALE, QUANTITY_LIMIT, CURRENCY_MISMATCH, ADDRESS_REQUIRED, PRICE_CHANGED, and PAYMENT_REFUSED of what the provider
// would not take. It is pure.
func MakePlan(in Input, lines []LineInput, world Catalogue) (Plan, error) {
	merged, err := mergeLines(lines, world.Items)
	if err != nil {
		return Plan{}, err
	}
	plan, err := price(merged)
	if err != nil {
		return Plan{}, err
	}
	if err := plan.payable(world.Limits); err != nil {
		return Plan{}, err
	}
	if in.ExpectedTotal != nil && *in.ExpectedTotal != plan.Total {
		return Plan{}, &PriceError{
			Plain:    *fault.New(fault.PriceChanged, "the price has changed").At("input", "expectedTotal"),
			Expected: *in.ExpectedTotal, Actual: plan.Total,
		}
	}
	if err := plan.address(in); err != nil {
		return Plan{}, err
	}
	if err := plan.notes(in.Shops); err != nil {
		return Plan{}, err
	}
	for i := range plan.Orders {
		o := &plan.Orders[i]
		o.Splits = divide(o.Total, o.Lines[0].Item, world.Rules[o.Shop])
	}
	return plan, nil
}

// checkInput refuses what no catalogue could make right.
func checkInput(in Input) error {
	if in.Lines != nil && len(in.Lines) == 0 {
		return fault.New(fault.Invalid, "name at least one line, or leave lines out to buy the cart").At("input", "lines")
	}
	if len(in.Lines) > MaxLines {
		return fault.New(fault.TooMany, "a checkout has at most %d lines", MaxLines).At("input", "lines")
	}
	if in.ExpectedTotal != nil && in.ExpectedTotal.Amount < 0 {
		return fault.New(fault.Invalid, "expectedTotal must not be negative").At("input", "expectedTotal", "amount")
	}
	if in.Lines == nil && in.RemoveFromCart {
		return fault.New(fault.Invalid, "removeFromCart goes with lines; buying the cart empties it").At("input", "removeFromCart")
	}
	if len(in.Shops) > MaxLines {
		return fault.New(fault.TooMany, "a checkout has at most %d lines", MaxLines).At("input", "shops")
	}
	return checkAddress(in.ShipTo)
}

// mergeLines adds up the lines of one variant, in the order in which variants are first named.
func mergeLines(lines []LineInput, items map[typeid.Variant]*catalog.Item) ([]PlannedLine, error) {
	if len(lines) == 0 {
		return nil, fault.New(fault.Invalid, "the cart is empty").At("input", "lines")
	}
	if len(lines) > MaxLines {
		return nil, fault.New(fault.TooMany, "a checkout has at most %d lines", MaxLines).At("input", "lines")
	}
	var (
		refused fault.Refusals
		merged  []PlannedLine
		at      = make(map[typeid.Variant]int)
	)
	for i, l := range lines {
		refuse := func(code fault.Code, field, text string, args ...any) {
			e := *fault.New(code, text, args...).At("input", "lines", strconv.Itoa(i), field)
			if code == fault.Invalid {
				refused = append(refused, &e)
				return
			}
			refused = append(refused, &catalog.ItemError{Plain: e, VariantID: l.VariantID})
		}
		id, ok := typeid.Parse[typeid.Variant](l.VariantID)
		item := items[id]
		switch {
		case l.Quantity < 1 || l.Quantity > MaxQuantity:
			refuse(fault.Invalid, "quantity", "quantity must be %d to %d", 1, MaxQuantity)
			continue
		case !ok || item == nil:
			refuse(fault.NotFound, "variantId", "there is no such variant")
			continue
		case !item.ForSale:
			refuse(fault.NotForSale, "variantId", "this is not for sale at the moment")
			continue
		}
		n, again := at[id]
		if !again {
			n = len(merged)
			at[id] = n
			merged = append(merged, PlannedLine{Item: item})
		}
		if merged[n].Quantity += l.Quantity; merged[n].Quantity > MaxQuantity {
			refuse(fault.QuantityLimit, "quantity", "at most %d of one variant in one checkout", MaxQuantity)
		}
	}
	if len(refused) > 0 {
		return nil, refused
	}
	return merged, nil
}

// price makes an order for each shop and adds everything up.
func price(lines []PlannedLine) (Plan, error) {
	plan := Plan{Total: money.New(0, lines[0].Item.Price.Currency)}
	at := make(map[typeid.Shop]int)
	for _, l := range lines {
		if l.Item.Price.Currency != plan.Total.Currency {
			return Plan{}, fault.New(fault.CurrencyMismatch, "one checkout has one currency; buy the others apart").At("input", "lines")
		}
		n, again := at[l.Item.ShopID]
		if !again {
			n = len(plan.Orders)
			at[l.Item.ShopID] = n
			plan.Orders = append(plan.Orders, PlannedOrder{Shop: l.Item.ShopID, Total: money.New(0, plan.Total.Currency)})
		}
		o := &plan.Orders[n]
		var err, err2, err3 error
		l.Amount, err = l.Item.Price.Times(l.Quantity)
		o.Total, err2 = o.Total.Add(l.Amount)
		plan.Total, err3 = plan.Total.Add(l.Amount)
		if errors.Join(err, err2, err3) != nil {
			return Plan{}, fault.New(fault.Invalid, "the total is beyond what can be paid at once").At("input", "lines")
		}
		o.Lines = append(o.Lines, l)
	}
	return plan, nil
}

// payable refuses what the provider would not take, before anything is held for it. Where nothing is to be paid, no payment is made.
func (p *Plan) payable(limits payment.Limits) error {
	refuse := func(code fault.Code, text string, args ...any) error {
		return fault.New(code, text, args...).At("input", "lines")
	}
	switch {
	case len(p.Orders) > limits.MaxOrders:
		return refuse(fault.TooMany, "one payment takes the orders of at most %d shops", limits.MaxOrders)
	case p.Total.Amount == 0:
		return nil
	case limits.Currency != "" && p.Total.Currency != limits.Currency:
		return refuse(fault.PaymentRefused, "only %s can be paid here", limits.Currency)
	}
	for _, o := range p.Orders {
		if limits.EachCosts && o.Total.Amount == 0 {
			return refuse(fault.PaymentRefused, "what costs nothing cannot be paid together with goods of other shops; order it apart")
		}
		if limits.Payee == nil {
			continue
		}
		for _, refused := range fault.List(limits.Payee(o.Lines[0].Item.Receiver)) {
			return refused.Refused().At("input", "lines")
		}
	}
	return nil
}

// address puts the address on the orders of which something is shipped.
func (p *Plan) address(in Input) error {
	for i := range p.Orders {
		o := &p.Orders[i]
		if !slices.ContainsFunc(o.Lines, func(l PlannedLine) bool { return l.Item.RequiresShipping }) {
			continue
		}
		if in.ShipTo == nil {
			return fault.New(fault.AddressRequired, "say where to send the goods").At("input", "shipTo")
		}
		o.ShipTo = in.ShipTo
	}
	return nil
}

// notes puts what is meant for one shop alone on its order.
func (p *Plan) notes(shops []ShopInput) error {
	seen := make(map[string]bool, len(shops))
	for i, s := range shops {
		at := func(e *fault.Error, field string) error { return e.At("input", "shops", strconv.Itoa(i), field) }
		n := slices.IndexFunc(p.Orders, func(o PlannedOrder) bool { return o.Shop.String() == s.ShopID })
		switch {
		case n < 0:
			return at(fault.New(fault.NotFound, "none of the lines is of this shop"), "shopId")
		case seen[s.ShopID]:
			return at(fault.New(fault.Invalid, "name each shop once"), "shopId")
		case s.Note != nil && (utf8.RuneCountInString(*s.Note) > maxNote || !utf8.ValidString(*s.Note)):
			return at(fault.New(fault.Invalid, "a note has at most %d characters", maxNote), "note")
		}
		seen[s.ShopID] = true
		if s.Note != nil && strings.TrimSpace(*s.Note) != "" {
			p.Orders[n].Note = s.Note
		}
	}
	return nil
}

// divide gives every rule its share, rounded down, and the merchant what is left, to the fen. Rules that add up to more than others may
// have, since the provider allows less than when they were set, share that in proportion: no part of an order is planned that would be
// refused when it is paid out.
func divide(total money.Money, of *catalog.Item, rules []catalog.SplitRule) []PlannedSplit {
	points := 0
	for _, r := range rules {
		points += r.BasisPoints
	}
	shareOf := total.BasisPoints
	if most := total.BasisPoints(of.MaxShare).Amount; points > of.MaxShare {
		whole := int64(points)
		shareOf = func(points int) money.Money { // most = whole * q + r, so that nothing exceeds 64 bits on the way
			return money.New(most/whole*int64(points)+most%whole*int64(points)/whole, total.Currency)
		}
	}
	left := total
	splits := make([]PlannedSplit, 1, 1+len(rules))
	for _, r := range rules {
		share := shareOf(r.BasisPoints)
		if share.Amount == 0 {
			continue
		}
		left.Amount -= share.Amount
		splits = append(splits, PlannedSplit{Receiver: r.Receiver, Role: r.Role, Amount: share})
	}
	splits[0] = PlannedSplit{Receiver: of.Receiver, Role: merchant, Amount: left}
	return splits
}

// variants are what the plan holds, each once.
func (p *Plan) variants() []typeid.Variant {
	var out []typeid.Variant
	for _, o := range p.Orders {
		for _, l := range o.Lines {
			out = append(out, l.Item.ID)
		}
	}
	return out
}

func checkAddress(a *order.Address) error {
	if a == nil {
		return nil
	}
	return a.Validate("input", "shipTo")
}

// planned is a plan with its place in time and its ids, ready to be written; or a refusal, which still loses to an earlier
// success under the same key.
type planned struct {
	buyer   typeid.Buyer
	mini    typeid.MiniProgram
	key     string
	hash    [32]byte
	refusal error

	// cartVersion is what the client wants the cart to be at, cartRead what it was at when its lines were planned: when it
	// has moved since, it is read again. Both are nil when it does not matter.
	cartVersion *int64
	cartRead    *int64
	takeOut     bool // take what is bought out of the cart

	plan      Plan
	id        typeid.Checkout
	orders    []typeid.Order // one for each of the plan's
	payment   typeid.Payment
	placedAt  time.Time
	heldUntil time.Time
}

func (p *planned) status() Status {
	if p.plan.Total.Amount == 0 {
		return Paid // nothing to pay: PAID at once
	}
	return Open
}

// checkout is what the request makes, as it stands when it is committed.
func (p *planned) checkout() *Checkout {
	return &Checkout{
		ID: p.id, BuyerID: p.buyer, MiniProgramID: p.mini, Status: p.status(), PlacedAt: p.placedAt, HeldUntil: p.heldUntil,
		Payment: &payment.Payment{
			ID: p.payment, CheckoutID: p.id, BuyerID: p.buyer, Status: stateOf(p.status()).payment, Amount: p.plan.Total,
			ExpiresAt: p.heldUntil, PaidAt: p.paidAt(),
		},
	}
}

// sortedBuyers are the buyers of the requests in id order, each once.
func sortedBuyers(requests []*planned) []typeid.Buyer {
	out := make([]typeid.Buyer, len(requests))
	for i, r := range requests {
		out[i] = r.buyer
	}
	slices.SortFunc(out, func(a, b typeid.Buyer) int { return a.Compare(b.UUID) })
	return slices.Compact(out)
}
