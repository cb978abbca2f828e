package payment

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/buyer"
	"holdfast/ent/miniprogram"
	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/ent/shop"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Dossier is all that a provider has to know of a payment: who pays, where, and whose money it is. None of it ever changes.
type Dossier struct {
	ID        typeid.Payment
	AppID     string // of the mini-program that the buyer belongs to
	OpenID    string // of the buyer, in that mini-program
	Total     money.Money
	ExpiresAt time.Time
	Orders    []DossierOrder // by id
}

// DossierOrder is the part of a payment that one shop's order has.
type DossierOrder struct {
	ID     typeid.Order
	Number string
	Shop   typeid.Shop
	// Receiver is the merchant's handle at the provider, as it was when the order was made: the order's money goes there.
	Receiver string
	Total    money.Money
	// Shared tells whether others than the merchant receive a part.
	Shared bool
	// Title is that of the first line, and Lines is how many there are.
	Title string
	Lines int
}

// Order is one of the payment's orders; false when it has no such order.
func (d *Dossier) Order(id typeid.Order) (DossierOrder, bool) {
	for _, o := range d.Orders {
		if o.ID == id {
			return o, true
		}
	}
	return DossierOrder{}, false
}

// Dossier reads the dossier of a payment, in one round trip. It fails with NOT_FOUND.
func (p *Payments) Dossier(ctx context.Context, id typeid.Payment) (*Dossier, error) {
	d := &Dossier{}
	if err := p.db.ReadAll(ctx, p.readPayer(id, d), p.readOrders(id, d), p.readShares(id, d), p.readTitles(id, d)); err != nil {
		return nil, fmt.Errorf("read dossier of %s: %w", id, err)
	}
	if d.ID.IsZero() {
		return nil, fault.New(fault.NotFound, "there is no such payment")
	}
	return d, nil
}

func (p *Payments) readPayer(id typeid.Payment, into *Dossier) db.Read {
	q := p.db.SQL()
	pay, b, m := q.Table(entpayment.Table).As("p"), q.Table(buyer.Table).As("b"), q.Table(miniprogram.Table).As("m")
	return db.Read{
		Query: q.Select(pay.C(entpayment.FieldID), m.C(miniprogram.FieldAppID), b.C(buyer.FieldOpenID), pay.C(entpayment.FieldAmount),
			pay.C(entpayment.FieldCurrency), pay.C(entpayment.FieldExpiresAt)).From(pay).
			Join(b).On(b.C(buyer.FieldID), pay.C(entpayment.FieldBuyerID)).
			Join(m).On(m.C(miniprogram.FieldID), b.C(buyer.FieldMiniProgramID)).
			Where(sql.EQ(pay.C(entpayment.FieldID), id)),
		Row: func(row db.Row) error {
			return row.Scan(&into.ID, &into.AppID, &into.OpenID, &into.Total.Amount, &into.Total.Currency, &into.ExpiresAt)
		},
	}
}

func (p *Payments) readOrders(id typeid.Payment, into *Dossier) db.Read {
	q := p.db.SQL()
	pay, o, s := q.Table(entpayment.Table).As("p"), q.Table(entorder.Table).As("o"), q.Table(shop.Table).As("s")
	return db.Read{
		Query: q.Select(o.C(entorder.FieldID), o.C(entorder.FieldNumber), o.C(entorder.FieldShopID), s.C(shop.FieldReceiver),
			o.C(entorder.FieldTotal), o.C(entorder.FieldCurrency)).From(pay).
			Join(o).On(o.C(entorder.FieldCheckoutID), pay.C(entpayment.FieldCheckoutID)).
			Join(s).On(s.C(shop.FieldID), o.C(entorder.FieldShopID)).
			Where(sql.EQ(pay.C(entpayment.FieldID), id)).OrderBy(o.C(entorder.FieldID)),
		Row: func(row db.Row) error {
			var one DossierOrder
			err := row.Scan(&one.ID, &one.Number, &one.Shop, &one.Receiver, &one.Total.Amount, &one.Total.Currency)
			into.Orders = append(into.Orders, one)
			return err
		},
	}
}

// merchantRole is the role of the shop's own share, whose receiver was written down when the order was made: what the shop says now
// may be another one.
const merchantRole = "MERCHANT"

func (p *Payments) readShares(id typeid.Payment, into *Dossier) db.Read {
	q := p.db.SQL()
	return db.Read{
		Query: q.Select(paymentsplit.FieldOrderID, paymentsplit.FieldRole, paymentsplit.FieldReceiver, paymentsplit.FieldAmount).
			From(q.Table(paymentsplit.Table)).Where(sql.EQ(paymentsplit.FieldPaymentID, id)),
		Row: func(row db.Row) error {
			var of typeid.Order
			var role, receiver string
			var amount int64
			err := row.Scan(&of, &role, &receiver, &amount)
			for i := range into.Orders {
				switch o := &into.Orders[i]; {
				case o.ID != of:
				case role == merchantRole:
					o.Receiver = receiver
				case amount > 0:
					o.Shared = true
				}
			}
			return err
		},
	}
}

func (p *Payments) readTitles(id typeid.Payment, into *Dossier) db.Read {
	q := p.db.SQL()
	pay, o, l := q.Table(entpayment.Table).As("p"), q.Table(entorder.Table).As("o"), q.Table(orderline.Table).As("l")
	return db.Read{
		Query: q.Select(l.C(orderline.FieldOrderID), l.C(orderline.FieldTitle)).From(pay).
			Join(o).On(o.C(entorder.FieldCheckoutID), pay.C(entpayment.FieldCheckoutID)).
			Join(l).On(l.C(orderline.FieldOrderID), o.C(entorder.FieldID)).
			Where(sql.EQ(pay.C(entpayment.FieldID), id)).OrderBy(l.C(orderline.FieldOrderID), l.C(orderline.FieldPosition)),
		Row: func(row db.Row) error {
			var of typeid.Order
			var title string
			err := row.Scan(&of, &title)
			for i := range into.Orders {
				if o := &into.Orders[i]; o.ID == of {
					if o.Lines++; o.Lines == 1 {
						o.Title = title
					}
				}
			}
			return err
		},
	}
}
