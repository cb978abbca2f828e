package settlement

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	"holdfast/ent/paymentsplit"
	"holdfast/ent/refund"
	"holdfast/ent/refundline"
	"holdfast/ent/splitreturn"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// Limits of a refund.
const (
	maxReason = 500
	maxLines  = 50
)

// RefundInput is a refund of one order: of an amount, of lines, or of all that is left.
type RefundInput struct {
	OrderID        string
	IdempotencyKey string `json:"-"`
	// Amount is nil for that of Lines, or else for all that is left.
	Amount *money.Money
	// Lines are what the refund is for.
	Lines []order.LineInput
	// Restock is what goes back on sale.
	Restock []order.LineInput
	Reason  string
}

func (in RefundInput) validate() error {
	if n := utf8.RuneCountInString(in.Reason); n > maxReason || strings.TrimSpace(in.Reason) == "" || !utf8.ValidString(in.Reason) {
		return fault.New(fault.Invalid, "reason must have 1 to %d characters", maxReason).At("input", "reason")
	}
	if in.Amount != nil && in.Amount.Amount <= 0 {
		return fault.New(fault.Invalid, "a refund is more than nothing").At("input", "amount", "amount")
	}
	if len(in.Lines) > maxLines || len(in.Restock) > maxLines {
		return fault.New(fault.TooMany, "an order has at most %d lines", maxLines).At("input", "lines")
	}
	return idempotency.CheckKey(in.IdempotencyKey)
}

// Refund gives money of a paid order back to its buyer, for an owner of its shop, once for each idempotency key. What the
// receivers of shares have is returned first, in proportion; what they have not is paid out no more. The refund is decided and
// committed when this returns, and mostly carried out; a job goes on with what is left. It fails with INVALID, TOO_MANY,
// NOT_FOUND, FORBIDDEN, CONFLICT, CURRENCY_MISMATCH, AMOUNT_EXCEEDED and IDEMPOTENCY_KEY_REUSED.
func (s *Settlement) Refund(ctx context.Context, who identity.Principal, in RefundInput) (*order.Order, *order.Refund, error) {
	if err := in.validate(); err != nil {
		return nil, nil, err
	}
	o, err := s.ofOwner(ctx, who, in.OrderID)
	if err != nil {
		return nil, nil, err
	}
	lines, err := s.orders.Lines(ctx, []typeid.Order{o.ID})
	if err != nil {
		return nil, nil, err
	}
	hash, err := idempotency.HashOf(in)
	if err != nil {
		return nil, nil, err
	}
	now := s.now()
	var moved []typeid.Order
	done, err := s.inventory.Do(ctx, &inventory.Deed{
		Request: idempotency.Request{Staff: who.Staff, Operation: "orderRefund", Key: in.IdempotencyKey, Hash: hash, Now: now},
		Shop:    o.ShopID, Variants: restocked(lines, in.Restock), Checkout: o.CheckoutID,
		Do: func(ctx context.Context, tx *db.Tx, shelf *inventory.Shelf) (made inventory.Made, err error) {
			made, moved, err = s.refundTx(ctx, tx, shelf, refunding{who.Staff, o, lines, in, now})
			return made, err
		},
		Committed: func() { s.hub.OrdersMoved(moved) },
	})
	if err != nil {
		return nil, nil, err
	}
	s.carryOut(ctx, o.ID)
	return s.readRefund(ctx, o.ID, done.Made)
}

// ofOwner is an order of a shop that who owns. A foreign one is as absent.
func (s *Settlement) ofOwner(ctx context.Context, who identity.Principal, orderID string) (*order.Order, error) {
	absent := fault.New(fault.NotFound, "there is no such order").At("input", "orderId")
	id, ok := typeid.Parse[typeid.Order](orderID)
	if !ok {
		return nil, absent
	}
	found, err := s.orders.ByIDs(ctx, []typeid.Order{id})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 || !found[0].VisibleTo(who):
		return nil, absent
	case !who.Owns(found[0].ShopID):
		return nil, fault.New(fault.Forbidden, "only owners of a shop may do this")
	}
	return found[0], nil
}

// carryOut gives the provider some time to move the money before the answer. Whatever happens, the job goes on.
func (s *Settlement) carryOut(ctx context.Context, id typeid.Order) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := s.jobs.Do(ctx, id.UUID); err != nil {
		s.log.WarnContext(ctx, "a refund goes on after its answer", "order_id", id.String(), "error", err)
	}
}

func (s *Settlement) readRefund(ctx context.Context, o typeid.Order, made string) (*order.Order, *order.Refund, error) {
	id, ok := typeid.Parse[typeid.Refund](made)
	if !ok {
		return nil, nil, fmt.Errorf("read refund: %q is none", made)
	}
	after, err := one(s.orders.ByIDs(ctx, []typeid.Order{o}))
	if err != nil {
		return nil, nil, err
	}
	given, err := one(s.orders.RefundsByIDs(ctx, []typeid.Refund{id}))
	return after, given, err
}

// refunding is a refund that is asked for.
type refunding struct {
	staff typeid.Staff
	order *order.Order
	lines []*order.Line
	in    RefundInput
	now   time.Time
}

// refundTx decides a refund, writes down what has to be done, and returns the orders that have moved on. The stock that it restocks
// is locked.
func (s *Settlement) refundTx(ctx context.Context, tx *db.Tx, shelf *inventory.Shelf, r refunding) (inventory.Made, []typeid.Order, error) {
	orders, err := lockOrdersTx(ctx, tx, r.order.CheckoutID)
	if err != nil {
		return inventory.Made{}, nil, err
	}
	b, err := booksTx(ctx, tx, r.order.ID, r.lines)
	if err != nil {
		return inventory.Made{}, nil, err
	}
	plan, err := b.decide(r.in)
	if fault.List(err) != nil {
		return inventory.Made{Refused: err}, nil, nil
	}
	if err != nil {
		return inventory.Made{}, nil, err
	}
	made := typeid.New[typeid.Refund](r.now)
	if err := plan.writeTx(ctx, tx, b, made, r.staff, r.in.Reason, r.now); err != nil {
		return inventory.Made{}, nil, err
	}
	if err := s.turnTx(ctx, tx, b, plan, r.now); err != nil {
		return inventory.Made{}, nil, err
	}
	for _, l := range plan.lines {
		if l.restocked == 0 {
			continue
		}
		if err := shelf.Move(inventory.Return(l.variant, l.restocked, r.order.ID, r.staff, r.in.Reason)); err != nil {
			return inventory.Made{}, nil, err
		}
	}
	return inventory.Made{
		Result: made.String(), Due: []typeid.Order{r.order.ID}, Acts: []audit.Act{{
			Shop: b.shop, Staff: r.staff, Action: "orderRefund", Subject: r.order.ID,
			Detail: map[string]any{"refund": made.String(), "amount": plan.amount, "lines": r.in.Lines, "restock": r.in.Restock, "reason": r.in.Reason},
		}},
	}, orders, nil
}

// restocked are the variants of the lines that are named; what is not there is refused later.
func restocked(lines []*order.Line, restock []order.LineInput) []typeid.Variant {
	var out []typeid.Variant
	for _, in := range restock {
		for _, l := range lines {
			if l.ID.String() == in.OrderLineID {
				out = append(out, l.VariantID)
			}
		}
	}
	return out
}

// booksTx reads what has become of the money and goods of an order that is locked.
func booksTx(ctx context.Context, tx *db.Tx, id typeid.Order, lines []*order.Line) (*books, error) {
	row, err := tx.Order.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read order: %w", err)
	}
	b := &books{
		order: id, checkout: row.CheckoutID, shop: row.ShopID, status: order.Status(row.Status),
		total: money.New(row.Total, money.Currency(row.Currency)),
	}
	progress, err := order.ProgressTx(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	refunds, err := tx.Refund.Query().Where(refund.OrderID(id)).WithReturns().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	splits, err := tx.PaymentSplit.Query().Where(paymentsplit.OrderID(id)).Order(paymentsplit.ByPosition()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read splits: %w", err)
	}
	b.read(lines, progress, refunds, splits)
	return b, nil
}

func (b *books) read(lines []*order.Line, progress []order.LineProgress, refunds []*ent.Refund, splits []*ent.PaymentSplit) {
	for i, l := range lines { // both are in the order of the order
		p := progress[i]
		b.lines = append(b.lines, bookLine{
			id: l.ID, variant: l.VariantID, unit: l.UnitPrice, quantity: l.Quantity,
			shipped: p.Shipped, refunded: p.Refunded, restocked: p.Restocked,
		})
	}
	for _, p := range splits {
		b.payment = p.PaymentID
		b.splits = append(b.splits, p.ID)
		b.shares = append(b.shares, share{amount: p.Amount})
	}
	for _, r := range refunds {
		b.refunded += r.Amount
		for _, back := range r.Edges.Returns {
			if i := slices.Index(b.splits, back.SplitID); i >= 0 {
				b.shares[i].returned += back.Amount
			}
		}
	}
}

// writeTx writes a refund, what it is for, and what each share gives back.
func (p refundPlan) writeTx(ctx context.Context, tx *db.Tx, b *books, id typeid.Refund, staff typeid.Staff, reason string, now time.Time) error {
	processing, currency := string(payment.TransferProcessing), string(p.amount.Currency)
	if err := tx.Insert(ctx, refund.Table, []string{
		refund.FieldID, refund.FieldOrderID, refund.FieldPaymentID, refund.FieldShopID, refund.FieldStaffID, refund.FieldAmount,
		refund.FieldCurrency, refund.FieldReason, refund.FieldStatus, refund.FieldCreatedAt,
	}, [][]any{{id, b.order, b.payment, b.shop, staff, p.amount.Amount, currency, reason, processing, now}}); err != nil {
		return err
	}
	var lines, returns [][]any
	for _, l := range p.lines {
		lines = append(lines, []any{typeid.New[typeid.RefundLine](now), id, l.id, l.refunded, l.restocked})
	}
	for i, amount := range p.returns {
		if amount > 0 {
			returns = append(returns, []any{typeid.New[typeid.SplitReturn](now), id, b.splits[i], b.shop, amount, currency, processing, now})
		}
	}
	if err := tx.Insert(ctx, refundline.Table, []string{
		refundline.FieldID, refundline.FieldRefundID, refundline.FieldOrderLineID, refundline.FieldQuantity, refundline.FieldRestocked,
	}, lines); err != nil {
		return err
	}
	return tx.Insert(ctx, splitreturn.Table, []string{
		splitreturn.FieldID, splitreturn.FieldRefundID, splitreturn.FieldSplitID, splitreturn.FieldShopID, splitreturn.FieldAmount,
		splitreturn.FieldCurrency, splitreturn.FieldStatus, splitreturn.FieldCreatedAt,
	}, returns)
}

// turnTx moves the order on: what is refunded by line need not be shipped any more, which may have been all that was left.
func (s *Settlement) turnTx(ctx context.Context, tx *db.Tx, b *books, p refundPlan, now time.Time) error {
	shipped := false
	if b.status == order.Paid && b.refunded+p.amount.Amount < b.total.Amount { // else it is REFUNDED before long
		var err error
		if shipped, err = order.ShippedWhollyTx(ctx, tx, b.order); err != nil {
			return err
		}
	}
	if shipped {
		if err := s.desk.BecomeShippedTx(ctx, tx, b.order, now); err != nil {
			return err
		}
	} else if _, err := tx.Order.Update().Where(entorder.ID(b.order)).AddVersion(1).Save(ctx); err != nil {
		return fmt.Errorf("turn order: %w", err)
	}
	return payment.TurnTx(ctx, tx, b.payment)
}

func at(list string, i int, field string) []string {
	return []string{"input", list, strconv.Itoa(i), field}
}
