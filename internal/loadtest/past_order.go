package main

import (
	"fmt"
	"time"

	"holdfast/internal/typeid"
)

// fate is what became of a checkout, and what its rows say then.
type fate struct{ checkout, order, payment, hold, split string }

// fateOf says how the checkout with order i stands. Most of the past is done with; the newest is under way.
func (f *pastFiller) fateOf(i int) fate {
	fromEnd := f.n - i
	roll := f.rng.IntN(1000)
	switch {
	case fromEnd <= pastOpen:
		return fate{"OPEN", "PENDING_PAYMENT", "PENDING", "HELD", "PLANNED"}
	case fromEnd <= f.n/200+pastOpen:
		return fate{"PAID", "PAID", "PAID", "SOLD", "PLANNED"}
	case fromEnd <= f.n/40+pastOpen:
		return fate{"PAID", "SHIPPED", "PAID", "SOLD", "PLANNED"}
	case roll < 25:
		return fate{"CANCELLED", "CANCELLED", "CLOSED", "RELEASED", "CANCELLED"}
	case roll < 50:
		return fate{"EXPIRED", "EXPIRED", "CLOSED", "RELEASED", "CANCELLED"}
	case roll < 55:
		return fate{"PAID", "REFUNDED", "REFUNDED", "SOLD", "RETURNED"}
	}
	return fate{"PAID", "COMPLETED", "PAID", "SOLD", "SUCCEEDED"}
}

// pastSale is one checkout while it is written.
type pastSale struct {
	is          fate
	id          typeid.Checkout
	payment     typeid.Payment
	buyer       int
	at, until   time.Time
	turned      time.Time // when it was paid or let go
	paid, after any       // when it was paid, and when it was done with; nil if not
	total       int
}

func (f *pastFiller) checkout() {
	s := &pastSale{is: f.fateOf(f.i), buyer: 1 + f.rng.IntN(pastBuyers-1)}
	s.at = f.now.Add(-pastYear + time.Duration(f.i)*(pastYear/time.Duration(f.n)))
	if s.is.checkout == "OPEN" {
		s.at = f.now.Add(time.Duration(f.i-f.n) * time.Second)
	}
	hot := f.i%f.every == f.every/2
	if hot {
		s.buyer = 0
	}
	s.until, s.turned = s.at.Add(24*time.Hour), s.at.Add(20*time.Second)
	if s.is.hold == "SOLD" {
		s.paid = s.turned
		if s.is.order == "COMPLETED" {
			s.after = s.turned.Add(48 * time.Hour)
		}
	}
	s.id, s.payment = typeid.New[typeid.Checkout](s.at), typeid.New[typeid.Payment](s.at)
	var transaction any
	if s.paid != nil {
		transaction = "past-" + s.payment.String()
	}
	f.add["checkouts"](s.id, f.buyers[s.buyer], f.mini, fmt.Sprint("key-", f.i), f.hash(), s.is.checkout, s.at, s.until)
	shop := 0
	if f.rng.IntN(2) == 1 {
		shop = 1 + f.rng.IntN(pastShops-1)
	}
	f.order(s, shop)
	if f.i < f.n && s.is.order != "REFUNDED" && f.rng.IntN(10) == 0 {
		f.order(s, (shop+1)%pastShops)
	}
	f.add["payments"](s.payment, s.id, f.buyers[s.buyer], s.is.payment, s.total, "CNY", transaction, s.until, s.paid)
}

// order writes one order of 1 to 3 lines.
func (f *pastFiller) order(s *pastSale, shop int) {
	id, number, phone := typeid.New[typeid.Order](s.at), f.orderNumber(), fmt.Sprintf("138%08d", s.buyer)
	rare := f.i%f.rareEvery == f.rareEvery/2
	if rare {
		shop = 0
	}
	if shop == 0 && f.i <= f.n/2 && s.buyer != 0 {
		f.middle, f.number, f.phone, f.when = id, number, phone, s.at
	}
	f.i++
	lines, total, left := 1+[]int{0, 0, 0, 0, 0, 0, 1, 1, 1, 2}[f.rng.IntN(10)], 0, f.shops[shop]
	first := 1 + f.rng.IntN(len(f.goods[shop])-5)
	var bought []typeid.OrderLine
	var pieces []int
	for n := range lines {
		g, quantity := f.goods[shop][first+n], 1+f.rng.IntN(3)
		switch {
		case rare && n == 0:
			g = f.goods[shop][len(f.goods[shop])-1]
		case n == 0 && f.rng.IntN(10) == 0:
			g = f.goods[shop][0]
		}
		line := typeid.New[typeid.OrderLine](s.at)
		f.add["order_lines"](line, id, left, g.id, g.title, g.sku, nil, g.price, quantity, g.price*quantity, "CNY", n)
		f.add["holds"](typeid.New[typeid.Hold](s.at), left, f.buyers[s.buyer], g.id, s.id, id, line, quantity, s.is.hold, s.until)
		f.move(s, shop, g, quantity, id)
		total += g.price * quantity
		bought, pieces = append(bought, line), append(pieces, quantity)
	}
	var refunded int
	if s.is.order == "REFUNDED" {
		refunded = total
	}
	var shipped any
	if s.is.order == "COMPLETED" || s.is.order == "SHIPPED" {
		shipped = s.turned.Add(24 * time.Hour)
	}
	f.add["orders"](id, number, s.id, f.buyers[s.buyer], left, s.is.order, "CNY", total, 0, 0, total, refunded,
		"林一", phone, "CN", "浙江省", "杭州市", "龙井路 1 号", s.at, s.until, s.paid, shipped, s.after, 2)
	s.total += total
	if s.paid != nil {
		f.enter("RECEIVED", s.payment, id, shop, [2]string{"BUYER"}, [2]string{"ORDER"}, total, s.turned)
	}
	splits := f.splits(s, id, shop, total)
	switch s.is.order {
	case "REFUNDED":
		f.refund(s, id, shop, total, splits, bought, pieces)
	case "SHIPPED":
		f.ship(s, id, shop, bought, pieces)
	}
}

// move writes the two movements of a line, held and then sold or released; an open one has the first.
func (f *pastFiller) move(s *pastSale, shop int, g *pastGood, quantity int, order typeid.Order) {
	moved := func(at time.Time, kind string, onHand, held int) {
		g.onHand, g.held, g.version, g.changed = g.onHand+onHand, g.held+held, g.version+1, at
		f.add["stock_movements"](typeid.New[typeid.Movement](at), f.shops[shop], g.id, kind, onHand, held, order, g.version, at)
	}
	moved(s.at, "HELD", 0, quantity)
	switch s.is.hold {
	case "SOLD":
		moved(s.turned, "SOLD", -quantity, -quantity)
	case "RELEASED":
		moved(s.turned, "RELEASED", 0, -quantity)
	}
}

// pastSplit is a share of an order.
type pastSplit struct {
	id       typeid.Split
	amount   int
	receiver string
}

// splits writes the merchant's share and the platform's.
func (f *pastFiller) splits(s *pastSale, order typeid.Order, shop, total int) []pastSplit {
	platform := total * pastBasisPoints / 10_000
	out := []pastSplit{
		{typeid.New[typeid.Split](s.at), total - platform, fmt.Sprint("merchant-", shop)}, {typeid.New[typeid.Split](s.at), platform, "platform"},
	}
	roles := [2]string{"MERCHANT", "PLATFORM"}
	for n, split := range out {
		returned := 0
		if s.is.split == "RETURNED" {
			returned = split.amount
		}
		f.add["payment_splits"](split.id, s.payment, order, f.shops[shop], split.receiver, roles[n], split.amount, returned, "CNY", s.is.split, n)
		if s.is.split == "SUCCEEDED" || s.is.split == "RETURNED" {
			f.enter("SHARED", split.id, order, shop, [2]string{"ORDER"}, [2]string{"RECEIVER", split.receiver}, split.amount, s.turned.Add(time.Minute))
		}
	}
	return out
}

// refund gives all of an order back.
func (f *pastFiller) refund(s *pastSale, order typeid.Order, shop, total int, splits []pastSplit, lines []typeid.OrderLine, pieces []int) {
	at := s.turned.Add(time.Hour)
	id := typeid.New[typeid.Refund](at)
	f.add["refunds"](id, order, s.payment, f.shops[shop], total, "CNY", "broken", "SUCCEEDED", at, at)
	for n, line := range lines {
		f.add["refund_lines"](typeid.New[typeid.RefundLine](at), id, line, pieces[n], 0)
	}
	for _, split := range splits {
		back := typeid.New[typeid.SplitReturn](at)
		f.add["split_returns"](back, id, split.id, f.shops[shop], split.amount, "CNY", "SUCCEEDED", at)
		f.enter("RETURNED", back, order, shop, [2]string{"RECEIVER", split.receiver}, [2]string{"ORDER"}, split.amount, at)
	}
	f.enter("REFUNDED", id, order, shop, [2]string{"ORDER"}, [2]string{"BUYER"}, total, at)
}

// enter writes both sides of a movement of money into the books: accounts, of receivers with their names.
func (f *pastFiller) enter(kind string, movement interface{ Bytes() typeid.UUID }, order typeid.Order, shop int, from, to [2]string, amount int, at time.Time) {
	f.add["ledger_entries"](typeid.New[typeid.LedgerEntry](at), kind, movement, order, f.shops[shop], from[0], from[1], -amount, "CNY", at)
	f.add["ledger_entries"](typeid.New[typeid.LedgerEntry](at), kind, movement, order, f.shops[shop], to[0], to[1], amount, "CNY", at)
}

// ship sends all of an order, which a job completes later.
func (f *pastFiller) ship(s *pastSale, order typeid.Order, shop int, lines []typeid.OrderLine, pieces []int) {
	at := s.turned.Add(24 * time.Hour)
	id := typeid.New[typeid.Shipment](at)
	f.add["shipments"](id, order, f.shops[shop], f.staff, "EXPRESS", "SF", number(order), at)
	for n, line := range lines {
		f.add["shipment_lines"](typeid.New[typeid.ShipmentLine](at), id, line, pieces[n])
	}
	f.add["jobs"](order, "ORDER", f.now.Add(10*24*time.Hour), 0, 1, at)
}

// number is a tracking number.
func number(order typeid.Order) string { return "SF" + order.String() }
