// Package order is what shops have to deliver: orders with copies of what was bought, their refunds, shipments and notes.
// Orders reads them; at the Desk they are shipped and completed. They come into being and are paid in package checkout.
package order

import (
	"context"
	"fmt"
	"time"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	"holdfast/ent/refund"
	"holdfast/ent/shipment"
	"holdfast/ent/shipmentline"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Status is where an order stands.
type Status string

// The states of an order.
const (
	PendingPayment Status = "PENDING_PAYMENT"
	Paid           Status = "PAID"
	Shipped        Status = "SHIPPED"
	Completed      Status = "COMPLETED"
	Cancelled      Status = "CANCELLED"
	Expired        Status = "EXPIRED"
	Refunded       Status = "REFUNDED"
)

// Statuses are all the states there are.
func Statuses() []Status {
	return []Status{PendingPayment, Paid, Shipped, Completed, Cancelled, Expired, Refunded}
}

// Order is what one shop has to deliver.
type Order struct {
	ID          typeid.Order
	Number      string
	CheckoutID  typeid.Checkout
	BuyerID     typeid.Buyer
	ShopID      typeid.Shop
	Status      Status
	Subtotal    money.Money
	Discount    money.Money
	ShippingFee money.Money
	Total       money.Money
	Refunded    money.Money
	ShipTo      *Address
	Note        *string
	PlacedAt    time.Time
	// HeldUntil is nil unless the order waits for its money.
	HeldUntil *time.Time
	PaidAt    *time.Time
	// ShippedAt is when the last of it left.
	ShippedAt   *time.Time
	CompletedAt *time.Time
	// Version grows with each change that the buyer or the shop can see.
	Version int64
}

// Line is a copy of what was bought.
type Line struct {
	ID        typeid.OrderLine
	OrderID   typeid.Order
	VariantID typeid.Variant
	Title     string
	SKU       string
	ImageURL  *string
	UnitPrice money.Money
	Quantity  int
	Amount    money.Money
}

// Refund is money of one order given back.
type Refund struct {
	ID      typeid.Refund
	OrderID typeid.Order
	Amount  money.Money
	Reason  string
	Status  string
	// Failure is what the provider said when it last refused it; nil when it did not, or has taken it since.
	Failure   *string
	CreatedAt time.Time
}

// Shipment is one parcel, or one handing over.
type Shipment struct {
	ID             typeid.Shipment
	OrderID        typeid.Order
	Method         string
	Carrier        *string
	TrackingNumber *string
	ShippedAt      time.Time
	Lines          []ShipmentLine
}

// ShipmentLine is how many of an order line went.
type ShipmentLine struct {
	OrderLineID typeid.OrderLine
	Quantity    int
}

// VisibleTo tells whether who may look at the order: its buyer, the shop's staff, operators.
func (o *Order) VisibleTo(who identity.Principal) bool {
	return who.IsBuyer() && o.BuyerID == who.Buyer || who.SeesShop(o.ShopID)
}

// AllVisibleTo tells whether who may look at what these orders have in common, their checkout and payment: staff only
// when every order is of their shops.
func AllVisibleTo(who identity.Principal, orders []*Order) bool {
	for _, o := range orders {
		if !o.VisibleTo(who) {
			return false
		}
	}
	return len(orders) > 0
}

// Orders reads orders.
type Orders struct{ db *db.DB }

// New is the Orders on d.
func New(d *db.DB) *Orders { return &Orders{db: d} }

// What failed, in errors.
const (
	readOrders    = "read orders"
	readLines     = "read order lines"
	readRefunds   = "read refunds"
	readShipments = "read shipments"
)

// ByIDs are those of these orders that exist.
func (o *Orders) ByIDs(ctx context.Context, ids []typeid.Order) ([]*Order, error) {
	rows, err := o.db.Order.Query().Where(entorder.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, readOrders, orderOf)
}

// ByCheckouts are the orders of these checkouts, each checkout's in the order of its lines.
func (o *Orders) ByCheckouts(ctx context.Context, checkouts []typeid.Checkout) ([]*Order, error) {
	rows, err := o.db.Order.Query().Where(entorder.CheckoutIDIn(checkouts...)).Order(entorder.ByID()).All(ctx)
	return db.Map(rows, err, readOrders, orderOf)
}

// Lines are the lines of these orders, in order.
func (o *Orders) Lines(ctx context.Context, orders []typeid.Order) ([]*Line, error) {
	rows, err := o.db.OrderLine.Query().Where(orderline.OrderIDIn(orders...)).
		Order(orderline.ByOrderID(), orderline.ByPosition()).All(ctx)
	return db.Map(rows, err, readLines, lineOf)
}

// LinesByIDs are those of these lines that exist.
func (o *Orders) LinesByIDs(ctx context.Context, ids []typeid.OrderLine) ([]*Line, error) {
	rows, err := o.db.OrderLine.Query().Where(orderline.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, readLines, lineOf)
}

// Refunds are the refunds of these orders, oldest first.
func (o *Orders) Refunds(ctx context.Context, orders []typeid.Order) ([]*Refund, error) {
	rows, err := o.db.Refund.Query().Where(refund.OrderIDIn(orders...)).Order(refund.ByID()).All(ctx)
	return db.Map(rows, err, readRefunds, refundOf)
}

// RefundsByIDs are those of these refunds that exist.
func (o *Orders) RefundsByIDs(ctx context.Context, ids []typeid.Refund) ([]*Refund, error) {
	rows, err := o.db.Refund.Query().Where(refund.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, readRefunds, refundOf)
}

// Shipments are the shipments of these orders, oldest first.
func (o *Orders) Shipments(ctx context.Context, orders []typeid.Order) ([]*Shipment, error) {
	rows, err := o.db.Shipment.Query().Where(shipment.OrderIDIn(orders...)).Order(shipment.ByID()).All(ctx)
	return db.Map(rows, err, readShipments, shipmentOf)
}

// ShipmentsByIDs are those of these shipments that exist.
func (o *Orders) ShipmentsByIDs(ctx context.Context, ids []typeid.Shipment) ([]*Shipment, error) {
	rows, err := o.db.Shipment.Query().Where(shipment.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, readShipments, shipmentOf)
}

// ShipmentLines are what these shipments hold, by shipment.
func (o *Orders) ShipmentLines(ctx context.Context, shipments []typeid.Shipment) (map[typeid.Shipment][]ShipmentLine, error) {
	rows, err := o.db.ShipmentLine.Query().Where(shipmentline.ShipmentIDIn(shipments...)).Order(shipmentline.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read shipment lines: %w", err)
	}
	out := make(map[typeid.Shipment][]ShipmentLine, len(shipments))
	for _, r := range rows {
		out[r.ShipmentID] = append(out[r.ShipmentID], ShipmentLine{OrderLineID: r.OrderLineID, Quantity: r.Quantity})
	}
	return out, nil
}

func orderOf(r *ent.Order) *Order {
	in := func(amount int64) money.Money { return money.New(amount, money.Currency(r.Currency)) }
	o := &Order{
		ID: r.ID, Number: r.Number, CheckoutID: r.CheckoutID, BuyerID: r.BuyerID, ShopID: r.ShopID, Status: Status(r.Status),
		Subtotal: in(r.Subtotal), Discount: in(r.Discount), ShippingFee: in(r.ShippingFee), Total: in(r.Total), Refunded: in(r.Refunded),
		Note: r.Note, PlacedAt: r.PlacedAt, PaidAt: r.PaidAt,
		ShippedAt: r.ShippedAt, CompletedAt: r.CompletedAt, Version: r.Version,
	}
	if o.Status == PendingPayment {
		o.HeldUntil = &r.HeldUntil
	}
	if r.ShipName != nil {
		o.ShipTo = &Address{
			Name: *r.ShipName, Phone: deref(r.ShipPhone), Country: deref(r.ShipCountry), Province: deref(r.ShipProvince),
			City: deref(r.ShipCity), District: r.ShipDistrict, Street: deref(r.ShipStreet), PostalCode: r.ShipPostalCode,
		}
	}
	return o
}

func lineOf(r *ent.OrderLine) *Line {
	in := func(amount int64) money.Money { return money.New(amount, money.Currency(r.Currency)) }
	return &Line{
		ID: r.ID, OrderID: r.OrderID, VariantID: r.VariantID, Title: r.Title, SKU: r.Sku, ImageURL: r.ImageURL,
		UnitPrice: in(r.UnitPrice), Quantity: r.Quantity, Amount: in(r.Amount),
	}
}

func refundOf(r *ent.Refund) *Refund {
	return &Refund{
		ID: r.ID, OrderID: r.OrderID, Amount: money.New(r.Amount, money.Currency(r.Currency)),
		Reason: r.Reason, Status: r.Status, Failure: r.Failure, CreatedAt: r.CreatedAt,
	}
}

func shipmentOf(r *ent.Shipment) *Shipment {
	return &Shipment{
		ID: r.ID, OrderID: r.OrderID, Method: r.Method, Carrier: r.Carrier, TrackingNumber: r.TrackingNumber, ShippedAt: r.ShippedAt,
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
