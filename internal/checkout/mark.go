package checkout

import (
	"context"
	"fmt"
	"time"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/hold"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/ent/refund"
	"holdfast/internal/db"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// markTx writes the status of what turned and of everything that belongs to it: what takes the same step together. Every
// statement compares before it sets: what the lock promises, the rows prove.
func markTx(ctx context.Context, tx *db.Tx, r *round) error {
	type step struct{ from, to Status }
	together := make(map[step][]typeid.Checkout)
	for _, o := range r.outcomes {
		if !o.giveBack {
			together[step{o.from, o.to}] = append(together[step{o.from, o.to}], o.checkout)
		}
	}
	for _, s := range []step{{Open, Paid}, {Open, Cancelled}, {Open, Expired}, {Expired, Paid}} {
		if err := stepTx(ctx, tx, s.from, s.to, together[s], r.held, r.now); err != nil {
			return err
		}
	}
	receipts := r.receipts()
	if len(receipts) == 0 {
		return nil
	}
	recorded, err := payment.RecordTx(ctx, tx, receipts)
	if err != nil {
		return err
	}
	if !recorded {
		return fmt.Errorf("write receipts: of %d payments not every one waited for its money", len(receipts))
	}
	for _, o := range r.outcomes {
		if o.to == Paid && o.giveBack {
			if err := giveBackTx(ctx, tx, o, r.held, r.now); err != nil {
				return err
			}
		}
	}
	return nil
}

func stepTx(ctx context.Context, tx *db.Tx, was, to Status, ids []typeid.Checkout, held held, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	from, s := stateOf(was), stateOf(to)
	n, err := tx.Checkout.Update().Where(entcheckout.IDIn(ids...), entcheckout.Status(string(was))).SetStatus(string(to)).Save(ctx)
	if err != nil {
		return fmt.Errorf("turn checkouts: %w", err)
	}
	if n != len(ids) {
		return fmt.Errorf("turn checkouts: %d of %d were %s", n, len(ids), was)
	}
	orders := tx.Order.Update().Where(entorder.CheckoutIDIn(ids...), entorder.Status(string(from.order))).SetStatus(string(s.order)).AddVersion(1)
	if to == Paid {
		orders.SetPaidAt(now)
	}
	if _, err := orders.Save(ctx); err != nil {
		return fmt.Errorf("turn orders: %w", err)
	}
	if _, err := tx.Hold.Update().Where(hold.CheckoutIDIn(ids...), hold.Status(from.hold)).SetStatus(s.hold).Save(ctx); err != nil {
		return fmt.Errorf("turn holds: %w", err)
	}
	if to != Paid {
		if _, err := tx.Payment.Update().Where(entpayment.CheckoutIDIn(ids...), entpayment.Status(string(from.payment))).SetStatus(string(s.payment)).Save(ctx); err != nil {
			return fmt.Errorf("close payments: %w", err)
		}
	}
	if from.split == s.split {
		return nil
	}
	var of []typeid.Order
	for _, id := range ids {
		of = append(of, held.orders(id)...)
	}
	if _, err := tx.PaymentSplit.Update().Where(paymentsplit.OrderIDIn(of...), paymentsplit.Status(from.split)).SetStatus(s.split).Save(ctx); err != nil {
		return fmt.Errorf("turn splits: %w", err)
	}
	return nil
}

// Why late money goes back by itself.
const (
	reasonExpired   = "支付到账时订单已超时关闭，商品已售出，自动全额退款 Paid after the order had expired and its goods were gone"
	reasonCancelled = "支付到账时订单已取消，自动全额退款 Paid after the order was cancelled"
)

// giveBackTx asks for late money to be given back in full: a refund of each order. Jobs carry them out.
func giveBackTx(ctx context.Context, tx *db.Tx, o outcome, held held, now time.Time) error {
	reason := reasonExpired
	if o.from == Cancelled {
		reason = reasonCancelled
	}
	orders, err := tx.Order.Query().Where(entorder.CheckoutID(o.checkout)).Order(entorder.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	var rows [][]any
	for _, r := range orders {
		if r.Total == 0 {
			continue // an order that cost nothing beside others
		}
		rows = append(rows, []any{
			typeid.New[typeid.Refund](now), r.ID, held.payments[o.checkout], r.ShopID, r.Total, r.Currency, reason,
			string(payment.TransferProcessing), now,
		})
	}
	if err := tx.Insert(ctx, refund.Table, []string{
		refund.FieldID, refund.FieldOrderID, refund.FieldPaymentID, refund.FieldShopID, refund.FieldAmount, refund.FieldCurrency,
		refund.FieldReason, refund.FieldStatus, refund.FieldCreatedAt,
	}, rows); err != nil {
		return err
	}
	if _, err := tx.Order.Update().Where(entorder.CheckoutID(o.checkout)).SetPaidAt(now).Save(ctx); err != nil {
		return fmt.Errorf("turn orders: %w", err)
	}
	return payment.TurnTx(ctx, tx, held.payments[o.checkout])
}
