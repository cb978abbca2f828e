package reconcile

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// atOnce is how many rows one statement looks up by their ids.
const atOnce = 500

// query is a statement by hand, for both databases.
type query struct {
	text string
	args []any
}

// Query implements the builders' interface.
func (q query) Query() (string, []any) { return q.text, q.args }

// lookUp runs a statement that ends in IN for all ids, so many at once, with what follows behind the list.
func lookUp[T any](ctx context.Context, d *db.DB, text, behind string, ids []typeid.UUID, scan func(db.Row) (T, error)) ([]T, error) {
	slices.SortFunc(ids, typeid.UUID.Compare)
	ids = slices.Compact(ids)
	var out []T
	for part := range slices.Chunk(ids, atOnce) {
		found, err := db.Collect(ctx, d, query{text + " (?" + strings.Repeat(", ?", len(part)-1) + ")" + behind, db.Args(part)}, scan)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// sale is an order with its payment.
type sale struct {
	order, shop, payment typeid.UUID
	total                int64
	currency             money.Currency
	status               string
	paidAt               sql.NullTime
	appID, receiver      string
	orders               int // that the payment pays
}

const sales = `SELECT o.id, o.shop_id, o.total, o.currency, p.id, p.status, p.paid_at, m.app_id, COALESCE(s.receiver, h.receiver),
		(SELECT COUNT(*) FROM orders x WHERE x.checkout_id = o.checkout_id)
	FROM orders o JOIN payments p ON p.checkout_id = o.checkout_id JOIN buyers b ON b.id = p.buyer_id JOIN mini_programs m ON m.id = b.mini_program_id
	JOIN shops h ON h.id = o.shop_id LEFT JOIN payment_splits s ON s.order_id = o.id AND s.role = 'MERCHANT' WHERE `

func saleOf(row db.Row) (s sale, err error) {
	return s, row.Scan(&s.order, &s.shop, &s.total, &s.currency, &s.payment, &s.status, &s.paidAt, &s.appID, &s.receiver, &s.orders)
}

// reader reads what the rows and the books say.
type reader struct {
	*Reconciler

	sales map[typeid.UUID]sale // by order
	books map[string]int64     // what moved, by movement, kind and order
}

// wanted are ids of what is to be read.
type wanted struct{ orders, payments, refunds, shares, returns []typeid.UUID }

// add takes in whose number it is. What is no number of ours names nothing.
func (w *wanted) add(number string) {
	prefix, id, err := typeid.Decode(number)
	if err != nil {
		return
	}
	switch prefix {
	case typeid.Prefix[typeid.Order]():
		w.orders = append(w.orders, id)
	case typeid.Prefix[typeid.Payment]():
		w.payments = append(w.payments, id)
	case typeid.Prefix[typeid.Refund]():
		w.refunds = append(w.refunds, id)
	case typeid.Prefix[typeid.Split]():
		w.shares = append(w.shares, id)
	case typeid.Prefix[typeid.SplitReturn]():
		w.returns = append(w.returns, id)
	}
}

// read gives items by their numbers.
func (r *Reconciler) read(ctx context.Context, w wanted) (map[string]*item, error) {
	in := &reader{Reconciler: r, sales: make(map[typeid.UUID]sale), books: make(map[string]int64)}
	items, err := in.transfers(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("read transfers: %w", err)
	}
	orders := slices.Clone(w.orders)
	for _, i := range items {
		orders = append(orders, i.order.UUID)
	}
	for _, by := range []struct {
		column string
		ids    []typeid.UUID
	}{{"o.id", orders}, {"p.id", slices.Clone(w.payments)}} {
		found, err := lookUp(ctx, r.db, sales+by.column+" IN", "", by.ids, saleOf)
		if err != nil {
			return nil, fmt.Errorf("read orders: %w", err)
		}
		for _, s := range found {
			in.sales[s.order] = s
		}
	}
	if err := in.readBooks(ctx, items); err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	out := make(map[string]*item, len(items)+len(in.sales))
	for _, i := range items {
		if in.complete(i) {
			out[i.base] = i
		}
	}
	for _, s := range in.sales {
		i := in.trade(s)
		out[i.base] = i
	}
	return out, nil
}

// transfers are the refunds, shares and returns of these ids, of which only the orders are not known yet.
func (in *reader) transfers(ctx context.Context, w wanted) ([]*item, error) {
	refunds, err := lookUp(ctx, in.db, `SELECT id, order_id, amount, currency, status, attempts, created_at FROM refunds WHERE id IN`, "", w.refunds,
		func(row db.Row) (*item, error) {
			i := &item{noun: aRefund}
			err := row.Scan(&i.movement, &i.order, &i.amount, &i.currency, &i.status, &i.attempt, &i.since)
			i.base, i.happened = typeid.From[typeid.Refund](i.movement).String(), i.status == string(payment.TransferSucceeded)
			return i, err
		})
	if err != nil {
		return nil, err
	}
	shares, err := lookUp(ctx, in.db, `SELECT s.id, s.order_id, s.currency, s.role, s.status, s.attempts, p.paid_at FROM payment_splits s
		JOIN payments p ON p.id = s.payment_id WHERE s.id IN`, "", w.shares, func(row db.Row) (*item, error) {
		i := &item{noun: aShare}
		var role string
		var paid sql.NullTime
		err := row.Scan(&i.movement, &i.order, &i.currency, &role, &i.status, &i.attempt, &paid)
		i.base, i.own, i.since = typeid.From[typeid.Split](i.movement).String(), role == merchantRole, paid.Time
		return i, err
	})
	if err != nil {
		return nil, err
	}
	returns, err := lookUp(ctx, in.db, `SELECT t.id, s.order_id, t.currency, s.role, t.status, t.attempts, t.created_at FROM split_returns t
		JOIN payment_splits s ON s.id = t.split_id WHERE t.id IN`, "", w.returns, func(row db.Row) (*item, error) {
		i := &item{noun: aReturn}
		var role string
		err := row.Scan(&i.movement, &i.order, &i.currency, &role, &i.status, &i.attempt, &i.since)
		i.base, i.own = typeid.From[typeid.SplitReturn](i.movement).String(), role == merchantRole
		return i, err
	})
	return slices.Concat(refunds, shares, returns), err
}

// merchantRole is the role of a merchant's own share.
const merchantRole = "MERCHANT"

func inBooks(movement typeid.UUID, kind payment.EntryKind, order typeid.UUID) string {
	return string(movement[:]) + string(kind) + string(order[:])
}

// readBooks reads what the books have of all that is read: of each movement, the side that has more since.
func (in *reader) readBooks(ctx context.Context, items []*item) error {
	var movements []typeid.UUID
	for _, i := range items {
		movements = append(movements, i.movement)
	}
	for _, s := range in.sales {
		movements = append(movements, s.payment)
	}
	_, err := lookUp(ctx, in.db, `SELECT movement_id, kind, order_id, amount FROM ledger_entries WHERE movement_id IN`, " AND amount > 0", movements,
		func(row db.Row) (key string, err error) {
			var movement, order typeid.UUID
			var kind payment.EntryKind
			var amount int64
			err = row.Scan(&movement, &kind, &order, &amount)
			in.books[inBooks(movement, kind, order)] = amount
			return key, err
		})
	return err
}

// complete adds what is known of the order, and what the books have: of shares and returns, only they know how much was moved.
func (in *reader) complete(i *item) bool {
	s, ok := in.sales[i.order.UUID]
	if !ok {
		return false
	}
	in.ofSale(i, s)
	switch i.noun {
	case aShare:
		i.amount, i.happened = in.booked(i, payment.EntryShared)
	case aReturn:
		i.amount, i.happened = in.booked(i, payment.EntryReturned)
	case aRefund:
		if fee, ok := in.booked(i, payment.EntryFeeReturned); ok {
			i.fee = new(-fee)
		}
	case aPayment:
	}
	return true
}

func (in *reader) booked(i *item, kind payment.EntryKind) (int64, bool) {
	amount, ok := in.books[inBooks(i.movement, kind, i.order.UUID)]
	return amount, ok
}

func (in *reader) ofSale(i *item, s sale) {
	i.shop, i.receiver = typeid.From[typeid.Shop](s.shop), s.receiver
	i.merchant, i.sub, i.billed = in.bills.BillOf(s.appID, s.receiver)
}

// trade is the payment of one order.
func (in *reader) trade(s sale) *item {
	i := &item{
		noun: aPayment, order: typeid.From[typeid.Order](s.order), movement: s.payment, amount: s.total, currency: s.currency, status: s.status,
		happened: s.paidAt.Valid, since: s.paidAt.Time,
	}
	i.base = i.order.String()
	if s.orders == 1 {
		i.base = typeid.From[typeid.Payment](s.payment).String()
	}
	in.ofSale(i, s)
	if fee, ok := in.booked(i, payment.EntryFee); ok {
		i.fee = &fee
	}
	return i
}

// written are the movements of a merchant that were written into the books in a time, but for those that no bill of it has: a merchant's
// own shares, and, of sub-merchants, whose balance is their own, all shares.
func (r *Reconciler) written(ctx context.Context, merchant string, from, to time.Time) ([]*item, error) {
	var w wanted
	after := typeid.Floor(from)
	for {
		type entry struct {
			id, movement, order typeid.UUID
			kind                payment.EntryKind
		}
		part, err := db.Collect(ctx, r.db, query{
			`SELECT id, kind, movement_id, order_id FROM ledger_entries WHERE id > ? AND id < ? AND amount > 0 AND kind NOT IN ('FEE', 'FEE_RETURNED')
			ORDER BY id LIMIT ?`, []any{after, typeid.Floor(to), 10 * atOnce},
		}, func(row db.Row) (e entry, err error) { return e, row.Scan(&e.id, &e.kind, &e.movement, &e.order) })
		if err != nil {
			return nil, fmt.Errorf("read books: %w", err)
		}
		for _, e := range part {
			switch e.kind {
			case payment.EntryReceived:
				w.orders = append(w.orders, e.order)
			case payment.EntryShared:
				w.shares = append(w.shares, e.movement)
			case payment.EntryReturned:
				w.returns = append(w.returns, e.movement)
			case payment.EntryRefunded:
				w.refunds = append(w.refunds, e.movement)
			case payment.EntryFee, payment.EntryFeeReturned:
			}
			after = e.id
		}
		if len(part) < 10*atOnce {
			break
		}
	}
	payments := make(map[typeid.UUID]bool)
	for _, id := range w.orders {
		payments[id] = true
	}
	items, err := r.read(ctx, w)
	if err != nil {
		return nil, err
	}
	var out []*item
	for _, i := range items {
		transfer := i.noun == aShare || i.noun == aReturn
		switch {
		case !i.billed || i.merchant != merchant || i.own || transfer && i.sub != "":
		case i.noun == aPayment && !payments[i.order.UUID]: // only read because something else of its order was
		default:
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b *item) int { return strings.Compare(a.base, b.base) })
	return out, nil
}
