// Package payment is the money of checkouts: what is owed and paid, how it is divided, and the provider that moves it.
package payment

import (
	"context"
	"time"

	"holdfast/ent"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Status is where a payment stands.
type Status string

// The states of a payment.
const (
	Pending           Status = "PENDING"
	Paid              Status = "PAID"
	Closed            Status = "CLOSED"
	Refunding         Status = "REFUNDING"
	Refunded          Status = "REFUNDED"
	PartiallyRefunded Status = "PARTIALLY_REFUNDED"
)

// The states of a split. A FAILED one is tried again.
const (
	SplitPlanned    = "PLANNED"
	SplitProcessing = "PROCESSING"
	SplitSucceeded  = "SUCCEEDED"
	SplitFailed     = "FAILED"
	SplitReturned   = "RETURNED"
	SplitCancelled  = "CANCELLED"
)

// Payment is the money of one checkout.
type Payment struct {
	ID         typeid.Payment
	CheckoutID typeid.Checkout
	BuyerID    typeid.Buyer
	Status     Status
	Amount     money.Money
	ExpiresAt  time.Time
	PaidAt     *time.Time
	// Parameters are what the provider answered in this request; nil when it was not asked or did not answer.
	Parameters *Parameters
	// Asked is true when the provider was asked for parameters in this request, whatever it answered.
	Asked bool
}

// Split is one receiver's share of one order's money.
type Split struct {
	ID        typeid.Split
	PaymentID typeid.Payment
	OrderID   typeid.Order
	ShopID    typeid.Shop
	Receiver  string
	Role      string
	Amount    money.Money
	Returned  money.Money
	Status    string
	// Failure is what the provider said when it last refused it; nil when it did not, or has taken it since.
	Failure *string
}

// Payments reads payments and their splits.
type Payments struct{ db *db.DB }

// New is the Payments on d.
func New(d *db.DB) *Payments { return &Payments{db: d} }

// ByIDs are those of these payments that exist.
func (p *Payments) ByIDs(ctx context.Context, ids []typeid.Payment) ([]*Payment, error) {
	rows, err := p.db.Payment.Query().Where(entpayment.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, "read payments", paymentOf)
}

// ByCheckouts are the payments of these checkouts.
func (p *Payments) ByCheckouts(ctx context.Context, checkouts []typeid.Checkout) ([]*Payment, error) {
	rows, err := p.db.Payment.Query().Where(entpayment.CheckoutIDIn(checkouts...)).All(ctx)
	return db.Map(rows, err, "read payments", paymentOf)
}

// SplitsByIDs are those of these splits that exist.
func (p *Payments) SplitsByIDs(ctx context.Context, ids []typeid.Split) ([]*Split, error) {
	rows, err := p.db.PaymentSplit.Query().Where(paymentsplit.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, "read payments", splitOf)
}

// SplitsOfOrders are the splits of these orders, in the order they were planned.
func (p *Payments) SplitsOfOrders(ctx context.Context, orders []typeid.Order) ([]*Split, error) {
	rows, err := p.db.PaymentSplit.Query().Where(paymentsplit.OrderIDIn(orders...)).
		Order(paymentsplit.ByOrderID(), paymentsplit.ByPosition()).All(ctx)
	return db.Map(rows, err, "read payments", splitOf)
}

// SplitsOfPayments are the splits of these payments, by order and in the order they were planned.
func (p *Payments) SplitsOfPayments(ctx context.Context, payments []typeid.Payment) ([]*Split, error) {
	rows, err := p.db.PaymentSplit.Query().Where(paymentsplit.PaymentIDIn(payments...)).
		Order(paymentsplit.ByOrderID(), paymentsplit.ByPosition()).All(ctx)
	return db.Map(rows, err, "read payments", splitOf)
}

func paymentOf(r *ent.Payment) *Payment {
	return &Payment{
		ID: r.ID, CheckoutID: r.CheckoutID, BuyerID: r.BuyerID, Status: Status(r.Status),
		Amount: money.New(r.Amount, money.Currency(r.Currency)), ExpiresAt: r.ExpiresAt, PaidAt: r.PaidAt,
	}
}

func splitOf(r *ent.PaymentSplit) *Split {
	c := money.Currency(r.Currency)
	return &Split{
		ID: r.ID, PaymentID: r.PaymentID, OrderID: r.OrderID, ShopID: r.ShopID, Receiver: r.Receiver, Role: r.Role,
		Amount: money.New(r.Amount, c), Returned: money.New(r.Returned, c), Status: r.Status, Failure: r.Failure,
	}
}
