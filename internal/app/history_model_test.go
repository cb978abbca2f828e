package app_test

import (
	"slices"
	"time"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// model is what a history should have come to: the promises, in plain structs, with no database and no locks.
type model struct {
	now     time.Time
	goods   []*good
	deals   []*deal
	adjusts map[string]asked[adjustment]
	refunds map[string]asked[refundAsk]
}

// good is one variant and its stock.
type good struct {
	id       typeid.Variant
	shop     int
	price    money.Money
	archived bool
	onHand   int
	held     int
	// version is what it has at least, most what it has at most: things that happen together may be one commit or several.
	version, most int64
}

func (g *good) available() int { return g.onHand - g.held }

// moved is one commit that changes the stock.
func (g *good) moved() { g.version, g.most = g.version+1, g.most+1 }

// deal is a checkout.
type deal struct {
	id        typeid.Checkout
	payment   typeid.Payment
	buyer     int
	key, body string
	ask       placeAsk
	orders    []*dealOrder
	total     money.Money
	status    checkout.Status
	heldUntil time.Time
	// paid says that the provider has the money, known that the shop knows.
	paid, known bool
	// followUp is when the provider is asked again about a checkout that was let go; zero is never.
	followUp time.Time
}

// dealOrder is one shop's part of a checkout.
type dealOrder struct {
	id       typeid.Order
	of       *deal
	shop     int
	lines    []*dealLine
	total    int64
	refunded int64
	onItsWay int64 // will be refunded when jobs run
	status   order.Status
}

type dealLine struct {
	good      *good
	price     int64
	quantity  int
	refunded  int
	restocked int
}

// lines are those of all orders.
func (d *deal) lines() []*dealLine {
	var out []*dealLine
	for _, o := range d.orders {
		out = append(out, o.lines...)
	}
	return out
}

// each tells fn of every good of a deal, each once.
func (d *deal) each(fn func(g *good, n int)) {
	for _, l := range d.lines() {
		fn(l.good, l.quantity)
	}
}

func (d *deal) holdable() bool {
	return !slices.ContainsFunc(d.lines(), func(l *dealLine) bool { return l.good.available() < l.quantity })
}

func (d *deal) become(s checkout.Status, o order.Status) {
	d.status = s
	for _, each := range d.orders {
		each.status = o
	}
}

// paymentStatus follows from what was paid and given back.
func (d *deal) paymentStatus() payment.Status {
	var done, under int64
	for _, o := range d.orders {
		done, under = done+o.refunded, under+o.onItsWay
	}
	switch {
	case !d.known && d.status == checkout.Open:
		return payment.Pending
	case !d.known:
		return payment.Closed
	case done+under == 0:
		return payment.Paid
	case done == d.total.Amount:
		return payment.Refunded
	case done+under == d.total.Amount:
		return payment.Refunding
	case done > 0:
		return payment.PartiallyRefunded
	}
	return payment.Paid
}

// shortage is one line of OUT_OF_STOCK.
type shortage struct {
	Variant              string
	Requested, Available int
}

// placeAsk is what a buyer asks for; lines name goods by index, one past the end is none.
type placeAsk struct {
	lines    []lineAsk
	expected *money.Money
	address  bool
}

type lineAsk struct{ good, quantity int }

// place is what becomes of a request to buy: a deal, new or old, or why not.
func (m *model) place(buyer int, key, body string, ask placeAsk) (*deal, []fault.Code, []shortage) {
	d, codes := m.plan(ask)
	for _, old := range m.deals {
		if old.buyer != buyer || old.key != key {
			continue
		}
		if old.body != body {
			return nil, []fault.Code{fault.IdempotencyKeyReused}, nil
		}
		return old, nil, nil
	}
	if codes != nil {
		return nil, codes, nil
	}
	d.buyer, d.key, d.body, d.ask = buyer, key, body, ask
	if d.total.Amount > 0 && m.open(buyer) >= maxOpen {
		return nil, []fault.Code{fault.HoldLimitReached}, nil
	}
	short := shortOf(d)
	if short != nil && m.releaseOverdue(short) {
		short = shortOf(d)
	}
	if short != nil {
		return nil, []fault.Code{fault.OutOfStock}, short
	}
	d.heldUntil = m.now.Add(hold)
	d.each(func(g *good, n int) { g.held += n; g.moved() })
	d.become(checkout.Open, order.PendingPayment)
	if d.total.Amount == 0 {
		d.each(func(g *good, n int) { g.held -= n; g.onHand -= n })
		d.become(checkout.Paid, order.Paid)
		d.known = true
	}
	m.deals = append(m.deals, d)
	return d, nil, nil
}

// plan prices what is asked for, or says why not.
func (m *model) plan(ask placeAsk) (*deal, []fault.Code) {
	var codes []fault.Code
	var lines []*dealLine
	for _, l := range ask.lines {
		if l.quantity < 1 || l.quantity > catalog.MaxQuantity {
			codes = append(codes, fault.Invalid)
			continue
		}
		if l.good == len(m.goods) {
			codes = append(codes, fault.NotFound)
			continue
		}
		g := m.goods[l.good]
		if g.archived {
			codes = append(codes, fault.NotForSale)
			continue
		}
		at := slices.IndexFunc(lines, func(d *dealLine) bool { return d.good == g })
		if at < 0 {
			at, lines = len(lines), append(lines, &dealLine{good: g, price: g.price.Amount})
		}
		if lines[at].quantity += l.quantity; lines[at].quantity > catalog.MaxQuantity {
			codes = append(codes, fault.QuantityLimit)
		}
	}
	if codes != nil {
		return nil, codes
	}
	d := &deal{total: money.New(0, lines[0].good.price.Currency)}
	needsAddress := false
	for _, l := range lines {
		if l.good.price.Currency != d.total.Currency {
			return nil, []fault.Code{fault.CurrencyMismatch}
		}
		needsAddress = needsAddress || l.good.shop == shipping
		d.add(l)
	}
	if ask.expected != nil && *ask.expected != d.total {
		return nil, []fault.Code{fault.PriceChanged}
	}
	if needsAddress && !ask.address {
		return nil, []fault.Code{fault.AddressRequired}
	}
	return d, nil
}

// add puts a line on the order of its shop.
func (d *deal) add(l *dealLine) {
	at := slices.IndexFunc(d.orders, func(o *dealOrder) bool { return o.shop == l.good.shop })
	if at < 0 {
		at, d.orders = len(d.orders), append(d.orders, &dealOrder{of: d, shop: l.good.shop})
	}
	amount := l.price * int64(l.quantity)
	d.orders[at].lines = append(d.orders[at].lines, l)
	d.orders[at].total += amount
	d.total.Amount += amount
}

// open is how many checkouts of a buyer wait for money; what is overdue does not count.
func (m *model) open(buyer int) int {
	n := 0
	for _, d := range m.deals {
		if d.buyer == buyer && d.status == checkout.Open && d.heldUntil.After(m.now) {
			n++
		}
	}
	return n
}

func shortOf(d *deal) []shortage {
	var short []shortage
	for _, l := range d.lines() {
		if left := l.good.available(); left < l.quantity {
			short = append(short, shortage{l.good.id.String(), l.quantity, left})
		}
	}
	return short
}
