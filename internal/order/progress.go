package order

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/orderline"
	"holdfast/ent/refund"
	"holdfast/ent/refundline"
	"holdfast/ent/shipment"
	"holdfast/ent/shipmentline"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// LineProgress is how far an order line is.
type LineProgress struct {
	ID       typeid.OrderLine
	Quantity int
	Shipped  int
	// Refunded is how many were given back the money of, or are being: they need not be shipped.
	Refunded int
	// Restocked is how many went back on sale.
	Restocked int
}

// Most is how many may still be shipped at the very most: those that were refunded too, but none that is back on sale.
func (l LineProgress) Most() int { return max(0, l.Quantity-l.Shipped-min(l.Refunded, l.Restocked)) }

// Left is how many are still to be shipped.
func (l LineProgress) Left() int { return max(0, l.Quantity-l.Shipped-l.Refunded) }

// IsWhollyShipped tells whether something was shipped and nothing is left to ship. An order that was refunded line by line,
// and of which nothing ever left, is not shipped.
func IsWhollyShipped(lines []LineProgress) bool {
	shipped := 0
	for _, l := range lines {
		if l.Left() > 0 {
			return false
		}
		shipped += l.Shipped
	}
	return shipped > 0
}

// with is the lines once a parcel has left too.
func with(lines []LineProgress, parcel []ShipmentLine) []LineProgress {
	out := slices.Clone(lines)
	for i := range out {
		for _, l := range parcel {
			if l.OrderLineID == out[i].ID {
				out[i].Shipped += l.Quantity
			}
		}
	}
	return out
}

// ShippedWhollyTx tells whether something of the order was shipped and nothing is left to ship, in a transaction that has
// locked the order.
func ShippedWhollyTx(ctx context.Context, tx *db.Tx, id typeid.Order) (bool, error) {
	lines, err := ProgressTx(ctx, tx, id)
	return IsWhollyShipped(lines), err
}

// ProgressTx reads how far the lines of a locked order are, in their order.
func ProgressTx(ctx context.Context, tx *db.Tx, id typeid.Order) ([]LineProgress, error) {
	b := tx.SQL()
	l := b.Table(orderline.Table)
	lines, err := db.Collect(ctx, tx, b.Select(l.C(orderline.FieldID), l.C(orderline.FieldQuantity)).From(l).
		Where(sql.EQ(l.C(orderline.FieldOrderID), id)).OrderBy(l.C(orderline.FieldPosition)),
		func(row db.Row) (p LineProgress, err error) { return p, row.Scan(&p.ID, &p.Quantity) })
	if err != nil {
		return nil, fmt.Errorf("read lines of order %s: %w", id, err)
	}
	p, pl := b.Table(shipment.Table).As("p"), b.Table(shipmentline.Table).As("pl")
	shipped, err := countedTx(ctx, tx, b.Select(pl.C(shipmentline.FieldOrderLineID), sql.As(sql.Sum(pl.C(shipmentline.FieldQuantity)), "n")).
		AppendSelectExpr(sql.Raw("0")).From(p).Join(pl).On(p.C(shipment.FieldID), pl.C(shipmentline.FieldShipmentID)).
		Where(sql.EQ(p.C(shipment.FieldOrderID), id)).GroupBy(pl.C(shipmentline.FieldOrderLineID)))
	if err != nil {
		return nil, fmt.Errorf("read shipments of order %s: %w", id, err)
	}
	r, rl := b.Table(refund.Table).As("r"), b.Table(refundline.Table).As("rl")
	refunded, err := countedTx(ctx, tx, b.Select(rl.C(refundline.FieldOrderLineID),
		sql.As(sql.Sum(rl.C(refundline.FieldQuantity)), "n"), sql.As(sql.Sum(rl.C(refundline.FieldRestocked)), "m")).
		From(r).Join(rl).On(r.C(refund.FieldID), rl.C(refundline.FieldRefundID)).
		Where(sql.EQ(r.C(refund.FieldOrderID), id)). // a FAILED one is tried again
		GroupBy(rl.C(refundline.FieldOrderLineID)))
	if err != nil {
		return nil, fmt.Errorf("read refunds of order %s: %w", id, err)
	}
	for i, l := range lines {
		lines[i].Shipped, lines[i].Refunded, lines[i].Restocked = shipped[l.ID][0], refunded[l.ID][0], refunded[l.ID][1]
	}
	return lines, nil
}

// countedTx reads two sums by order line.
func countedTx(ctx context.Context, tx *db.Tx, s *sql.Selector) (map[typeid.OrderLine][2]int, error) {
	out := make(map[typeid.OrderLine][2]int)
	_, err := db.Collect(ctx, tx, s, func(row db.Row) (struct{}, error) {
		var id typeid.OrderLine
		var n [2]int
		err := row.Scan(&id, &n[0], &n[1])
		out[id] = n
		return struct{}{}, err
	})
	return out, err
}
