package order

import (
	"context"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"

	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// Filter is which orders; what is empty filters nothing.
type Filter struct {
	Statuses     []Status
	PlacedFrom   *time.Time
	PlacedBefore *time.Time
	// Text is an order number, a receiver's phone or a sku, in full.
	Text string
}

const maxText = 100

func (f Filter) validate() error {
	if len([]rune(f.Text)) > maxText {
		return fault.New(fault.BadRequest, "text has at most %d characters", maxText)
	}
	return nil
}

// OfBuyers is, for each buyer, a page of the orders, newest first. It fails with BAD_REQUEST.
func (o *Orders) OfBuyers(ctx context.Context, buyers []typeid.Buyer, f Filter, q page.Query) (map[typeid.Buyer]page.Page[*Order], error) {
	return pages(ctx, o, entorder.FieldBuyerID, buyers, f, q, func(r *Order) typeid.Buyer { return r.BuyerID })
}

// OfShops is, for each shop, a page of the orders, newest first. It fails with BAD_REQUEST.
func (o *Orders) OfShops(ctx context.Context, shops []typeid.Shop, f Filter, q page.Query) (map[typeid.Shop]page.Page[*Order], error) {
	return pages(ctx, o, entorder.FieldShopID, shops, f, q, func(r *Order) typeid.Shop { return r.ShopID })
}

func pages[P comparable](ctx context.Context, o *Orders, column string, parents []P, f Filter, q page.Query, of func(*Order) P) (map[P]page.Page[*Order], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	if err := f.validate(); err != nil {
		return nil, err
	}
	parts := make([]*sql.Selector, len(parents))
	for i, parent := range parents {
		t := o.db.SQL().Table(entorder.Table)
		s := o.db.SQL().Select(t.C(entorder.FieldID)).From(t).Where(sql.EQ(t.C(column), parent))
		o.filter(s, t, f)
		parts[i] = db.Before(s, q.After).Limit(q.First + 1)
	}
	rows, err := o.db.Order.Query().Where(func(s *sql.Selector) {
		s.Where(db.AnyOf(s, entorder.FieldID, parts)).OrderBy(sql.Desc(s.C(entorder.FieldID)))
	}).All(ctx)
	orders, err := each(rows, err, orderOf)
	if err != nil {
		return nil, err
	}
	return page.Deal(orders, q.First, func(r *Order) (P, *Order) { return of(r), r }), nil
}

func (o *Orders) filter(s *sql.Selector, t *sql.SelectTable, f Filter) {
	if len(f.Statuses) > 0 {
		s.Where(sql.In(t.C(entorder.FieldStatus), db.Args(f.Statuses)...))
	}
	if f.PlacedFrom != nil { // in UTC, as rows are: SQLite compares texts
		s.Where(sql.GTE(t.C(entorder.FieldPlacedAt), f.PlacedFrom.UTC()))
	}
	if f.PlacedBefore != nil {
		s.Where(sql.LT(t.C(entorder.FieldPlacedAt), f.PlacedBefore.UTC()))
	}
	text := strings.TrimSpace(f.Text)
	if text == "" {
		return
	}
	l := o.db.SQL().Table(orderline.Table)
	s.Where(sql.Or(
		sql.EQ(t.C(entorder.FieldNumber), text),
		sql.EQ(t.C(entorder.FieldShipPhone), text),
		sql.In(t.C(entorder.FieldID), o.db.SQL().Select(l.C(orderline.FieldOrderID)).From(l).Where(sql.And(
			sql.EQ(l.C(orderline.FieldSku), text), sql.ColumnsEQ(l.C(orderline.FieldShopID), t.C(entorder.FieldShopID))))),
	))
}
