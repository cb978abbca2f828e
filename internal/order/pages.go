package order

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
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

const (
	maxText     = 100
	maxStatuses = 7 // as many as there are
)

func (f Filter) validate() error {
	if len([]rune(f.Text)) > maxText {
		return fault.New(fault.BadRequest, "text has at most %d characters", maxText)
	}
	if len(f.Statuses) > maxStatuses {
		return fault.New(fault.BadRequest, "statuses has at most %d entries", maxStatuses)
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
		parts[i] = list{o.db.SQL(), column, parent, f, q.After, q.First + 1}.ids()
	}
	orders, err := o.selected(ctx, parts)
	if err != nil {
		return nil, err
	}
	return page.Deal(orders, q.First, func(r *Order) (P, *Order) { return of(r), r }), nil
}

// selected are the orders that the parts select, newest first.
func (o *Orders) selected(ctx context.Context, parts []*sql.Selector) ([]*Order, error) {
	rows, err := o.db.Order.Query().Where(func(s *sql.Selector) {
		s.Where(db.AnyOf(s, entorder.FieldID, parts)).OrderBy(sql.Desc(s.C(entorder.FieldID)))
	}).All(ctx)
	return db.Map(rows, err, readOrders, orderOf)
}

// eachBatch is how many orders Each reads at once.
const eachBatch = 500

// Each reads all orders of a shop, newest first, and yields them in batches that are not kept. It ends with the first error
// of yield. Callers ask who may see them. It fails with BAD_REQUEST.
func (o *Orders) Each(ctx context.Context, shop typeid.Shop, f Filter, yield func([]*Order) error) error {
	if err := f.validate(); err != nil {
		return err
	}
	var after typeid.UUID
	for {
		part := list{o.db.SQL(), entorder.FieldShopID, shop, f, after, eachBatch}.ids()
		batch, err := o.selected(ctx, []*sql.Selector{part})
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := yield(batch); err != nil {
			return err
		}
		if len(batch) < eachBatch {
			return nil
		}
		after = batch[len(batch)-1].ID.UUID
	}
}

// list selects the ids of one page of one parent's orders. However many orders there are, each of its selects reads one end
// of one index: what would have to look through all of them is a union of selects that do not.
type list struct {
	sql    *sql.DialectBuilder
	column string // shop_id or buyer_id
	parent any
	filter Filter
	after  typeid.UUID
	limit  int
}

func (l list) ids() *sql.Selector {
	text := strings.TrimSpace(l.filter.Text)
	statuses := slices.Compact(slices.Sorted(slices.Values(l.filter.Statuses)))
	switch {
	case text != "":
		return l.newest(l.byText(text, statuses))
	case l.column == entorder.FieldShopID && len(statuses) > 1 && len(statuses) < maxStatuses:
		parts := make([]*sql.Selector, len(statuses))
		for i, status := range statuses {
			parts[i] = l.limited(l.where(statuses[i:i+1]), string(status))
		}
		return l.newest(parts)
	}
	return db.Before(l.where(statuses), l.after).Limit(l.limit)
}

// newest is the newest of what the parts select, each order once.
func (l list) newest(parts []*sql.Selector) *sql.Selector {
	var all *sql.Selector
	for i, part := range parts {
		s := l.sql.Select(entorder.FieldID).From(part.As("u" + strconv.Itoa(i)))
		if all == nil {
			all = s
			continue
		}
		all.Union(s)
	}
	t := all.As("found")
	return l.sql.Select(t.C(entorder.FieldID)).From(t).OrderBy(sql.Desc(t.C(entorder.FieldID))).Limit(l.limit)
}

// byText selects by number, by the receiver's phone and by sku: three look-ups, since OR would read all orders of the parent.
func (l list) byText(text string, statuses []Status) []*sql.Selector {
	find := func(column string) *sql.Selector {
		return l.limited(l.where(statuses).Where(sql.EQ(column, text)), column)
	}
	return []*sql.Selector{find(entorder.FieldNumber), find(entorder.FieldShipPhone), l.bySKU(text, statuses)}
}

// bySKU selects the newest orders with a line of this sku. There is one in an order: its lines differ in their variants, and a
// shop's variants in their skus. Of a shop it reads the index of its lines, which has a sku's orders by id, and looks at an
// order only to filter it: behind COUNT, which neither database turns into a join, since from the other end, or gathered and
// sorted first, it would be all orders of the sku.
func (l list) bySKU(sku string, statuses []Status) *sql.Selector {
	lines := l.sql.Table(orderline.Table).As("l")
	order, is := lines.C(orderline.FieldOrderID), sql.EQ(lines.C(orderline.FieldSku), sku)
	if l.column != entorder.FieldShopID { // a sku alone has no index: of a buyer's orders, one by one
		s := l.where(statuses)
		if s.Dialect() == dialect.SQLite { // which joins from the wrong end
			is = sql.And(sql.ColumnsEQ(order, s.C(entorder.FieldID)), is)
			return l.limited(s.Where(sql.In(s.C(entorder.FieldID), l.sql.Select(order).From(lines).Where(is))), orderline.FieldSku)
		}
		return l.limited(s.Join(lines).On(order, s.C(entorder.FieldID)).Where(is), orderline.FieldSku)
	}
	s := l.sql.Select(sql.As(order, entorder.FieldID)).From(lines).Where(sql.And(sql.EQ(lines.C(orderline.FieldShopID), l.parent), is))
	l.column = ""
	if filter := l.where(statuses); filter.P() != nil {
		filter = filter.Where(sql.ColumnsEQ(filter.C(entorder.FieldID), order)).Select(sql.Count("*"))
		s.Where(sql.P(func(b *sql.Builder) { b.Wrap(func(b *sql.Builder) { b.Join(filter) }).WriteString(" = 1") }))
	}
	if !l.after.IsZero() {
		s.Where(sql.LT(order, l.after))
	}
	if before := l.filter.PlacedBefore; before != nil {
		s.Where(sql.LT(order, typeid.Floor(before.Add(slack))))
	}
	part := s.OrderBy(sql.Desc(order)).Limit(l.limit).As("n_" + orderline.FieldSku)
	return l.sql.Select(entorder.FieldID).From(part)
}

// limited is the newest of what s selects, to be a part of a union: MySQL takes no LIMIT there but behind a derived table.
func (l list) limited(s *sql.Selector, name string) *sql.Selector {
	part := db.Before(s, l.after).Limit(l.limit).As("n_" + strings.ToLower(name))
	return l.sql.Select(entorder.FieldID).From(part)
}

// slack is how much later than its order was placed an id may say it was made. A checkout numbers its orders' ids by the
// microsecond; twice a millisecond is far more.
const slack = 2 * time.Millisecond

// where selects the ids of the parent's orders, in no order yet; without a column, of everybody's.
func (l list) where(statuses []Status) *sql.Selector {
	t := l.sql.Table(entorder.Table).As("o")
	s := l.sql.Select(t.C(entorder.FieldID)).From(t)
	if l.column != "" {
		s.Where(sql.EQ(t.C(l.column), l.parent))
	}
	switch {
	case len(statuses) == 1:
		s.Where(l.oneStatus(t.C(entorder.FieldStatus), statuses[0]))
	case len(statuses) > 1 && len(statuses) < maxStatuses:
		s.Where(sql.In(t.C(entorder.FieldStatus), db.Args(statuses)...))
	}
	// Ids grow with time, and every index ends with the id: they bound what is read, the moments decide. In UTC, as rows are:
	// SQLite compares texts.
	if from := l.filter.PlacedFrom; from != nil {
		s.Where(sql.And(sql.GTE(t.C(entorder.FieldID), typeid.Floor(*from)), sql.GTE(t.C(entorder.FieldPlacedAt), from.UTC())))
	}
	if before := l.filter.PlacedBefore; before != nil {
		s.Where(sql.And(sql.LT(t.C(entorder.FieldID), typeid.Floor(before.Add(slack))), sql.LT(t.C(entorder.FieldPlacedAt), before.UTC())))
	}
	return s
}

// oneStatus is the predicate "the column is this status". SQLite takes an index with one more column that is given for no
// better than one without, and would read a shop's whole month for the three orders of it that are REFUNDED.
func (l list) oneStatus(column string, status Status) *sql.Predicate {
	is := sql.EQ(column, string(status))
	if l.sql.Select().Dialect() != dialect.SQLite {
		return is
	}
	return sql.P(func(b *sql.Builder) { b.WriteString("UNLIKELY").Wrap(func(b *sql.Builder) { b.Join(is) }) })
}
