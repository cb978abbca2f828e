package payment

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/ledgerentry"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// FeesTaken are what the provider's bill says that it took of payments for itself, or gave back with refunds. Merchants bear them.
type FeesTaken []Fee

// Fee is one of them, of one order.
type Fee struct {
	// Movement is the payment that it was taken of, or, of a fee that was given back, the refund that it came with.
	Movement typeid.UUID
	Returned bool
	Order    typeid.Order
	Shop     typeid.Shop
	// Receiver is the merchant whose money it is, as the order's shares name it.
	Receiver string
	Amount   money.Money // above 0
	Now      time.Time
}

func (f Fee) kind() EntryKind {
	if f.Returned {
		return EntryFeeReturned
	}
	return EntryFee
}

// recordTx writes down those that are not in the books yet, whatever they say there. No row says anything of fees.
func (m FeesTaken) recordTx(ctx context.Context, tx *db.Tx) (bool, []posting, error) {
	type key struct {
		movement typeid.UUID
		kind     EntryKind
		order    typeid.Order
	}
	movements := make([]typeid.UUID, len(m))
	for i, f := range m {
		if f.Amount.Amount <= 0 {
			return false, nil, fmt.Errorf("fee of order %s: it is %d", f.Order, f.Amount.Amount)
		}
		movements[i] = f.Movement
	}
	t := tx.SQL().Table(ledgerentry.Table)
	known, err := db.Collect(ctx, tx, tx.SQL().Select(ledgerentry.FieldMovementID, ledgerentry.FieldKind, ledgerentry.FieldOrderID).From(t).
		Where(sql.And(sql.In(ledgerentry.FieldMovementID, db.Args(movements)...), sql.EQ(ledgerentry.FieldAccount, string(OfProvider)))),
		func(row db.Row) (k key, err error) { return k, row.Scan(&k.movement, &k.kind, &k.order) })
	if err != nil {
		return false, nil, err
	}
	there := make(map[key]bool, len(known))
	for _, k := range known {
		there[k] = true
	}
	var books []posting
	for _, f := range m {
		k := key{f.Movement, f.kind(), f.Order}
		if there[k] {
			continue
		}
		there[k] = true
		p := posting{
			kind: f.kind(), movement: f.Movement, order: f.Order, shop: f.Shop, from: OfReceiver, to: OfProvider, receiver: f.Receiver,
			amount: f.Amount, at: f.Now,
		}
		if f.Returned {
			p.from, p.to = OfProvider, OfReceiver
		}
		books = append(books, p)
	}
	return len(books) > 0, books, nil
}
