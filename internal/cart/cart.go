// Package cart is what a buyer means to buy. A cart holds nothing back: what cannot be bought as it stands there is said
// line by line.
package cart

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/buyer"
	entcart "holdfast/ent/cart"
	"holdfast/ent/cartline"
	"holdfast/internal/catalog"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// MaxLines is how many lines a cart has at most.
const MaxLines = 200

// Cart is a buyer's one cart.
type Cart struct {
	ID typeid.Cart
	// Lines are in the order they were put in.
	Lines []*Line
	// Subtotal is nil when the cart is empty, of several currencies, or beyond what one amount can be.
	Subtotal *money.Money
	// Version grows with each change.
	Version int64
}

// Line is so many of one variant.
type Line struct {
	ID       typeid.CartLine
	Variant  *catalog.Variant
	Quantity int
	Amount   money.Money
	// Problems say why the line cannot be bought as it is; empty when it can.
	Problems []fault.Refusal
}

// IDOf is the id of a buyer's cart.
func IDOf(b typeid.Buyer) typeid.Cart { return typeid.From[typeid.Cart](b.UUID) }

// Carts reads and changes carts.
type Carts struct {
	db        *db.DB
	now       clock.Clock
	catalog   *catalog.Catalog
	inventory *inventory.Inventory
}

// New is the Carts on d.
func New(d *db.DB, now clock.Clock, c *catalog.Catalog, i *inventory.Inventory) *Carts {
	return &Carts{db: d, now: now, catalog: c, inventory: i}
}

// Entry is a line as it is stored.
type Entry struct {
	ID       typeid.CartLine
	Variant  typeid.Variant
	Quantity int
	// Price is of one, as the buyer saw it, in minor units; nil in lines from before prices were kept.
	Price *int64
}

// Of is the cart of a buyer, with what stands in the way of buying it.
func (c *Carts) Of(ctx context.Context, who identity.Principal) (*Cart, error) {
	version, entries, err := c.Entries(ctx, who.Buyer)
	if err != nil {
		return nil, err
	}
	variants := make([]typeid.Variant, len(entries))
	for i, e := range entries {
		variants[i] = e.Variant
	}
	items, err := c.catalog.Items(ctx, who.MiniProgram, variants)
	if err != nil {
		return nil, err
	}
	stocks := make(map[typeid.Variant]int, len(variants))
	if len(variants) > 0 {
		rows, err := c.inventory.Stocks(ctx, variants)
		if err != nil {
			return nil, err
		}
		for _, s := range rows {
			stocks[s.VariantID] = s.Available()
		}
	}
	cart := &Cart{ID: IDOf(who.Buyer), Version: version}
	for _, e := range entries {
		item, ok := items[e.Variant]
		if !ok {
			return nil, fmt.Errorf("read cart: variant %s is gone", e.Variant)
		}
		line, err := lineOf(e, item, stocks[e.Variant])
		if err != nil {
			return nil, err
		}
		cart.Lines = append(cart.Lines, line)
	}
	cart.Subtotal = subtotal(cart.Lines)
	return cart, nil
}

// lineOf says what a line costs and what is wrong with it.
func lineOf(e Entry, item *catalog.Item, available int) (*Line, error) {
	amount, err := item.Price.Times(e.Quantity)
	if err != nil {
		return nil, fmt.Errorf("price cart line: %w", err)
	}
	line := &Line{ID: e.ID, Variant: &item.Variant, Quantity: e.Quantity, Amount: amount}
	if !item.ForSale {
		line.Problems = []fault.Refusal{itemError(fault.New(fault.NotForSale, "this is not for sale at the moment"), e.Variant.String())}
		return line, nil // nothing else matters then
	}
	if available < e.Quantity {
		line.Problems = append(line.Problems, inventory.Short([]inventory.Shortage{{Variant: e.Variant, Requested: e.Quantity, Available: available}}))
	}
	if e.Price != nil && *e.Price != item.Price.Amount {
		line.Problems = append(line.Problems, &catalog.PriceError{
			Plain:    *fault.New(fault.PriceChanged, "the price has changed"),
			Expected: money.New(*e.Price, item.Price.Currency), Actual: item.Price,
		})
	}
	return line, nil
}

func subtotal(lines []*Line) *money.Money {
	if len(lines) == 0 {
		return nil
	}
	sum := money.New(0, lines[0].Amount.Currency)
	for _, l := range lines {
		var err error
		if sum, err = sum.Add(l.Amount); err != nil {
			return nil // two currencies, or more than money can say
		}
	}
	return &sum
}

// Entries are the lines of a buyer's cart as they are stored, and its version: one statement.
func (c *Carts) Entries(ctx context.Context, b typeid.Buyer) (int64, []Entry, error) {
	return entries(ctx, c.db, c.db.SQL(), b)
}

func entries(ctx context.Context, q db.Querier, d *sql.DialectBuilder, b typeid.Buyer) (int64, []Entry, error) {
	t, l := d.Table(entcart.Table).As("c"), d.Table(cartline.Table).As("l")
	var version int64
	type row struct {
		id, variant []byte
		quantity    *int
		price       *int64
	}
	rows, err := db.Collect(ctx, q, d.Select(t.C(entcart.FieldVersion),
		l.C(cartline.FieldID), l.C(cartline.FieldVariantID), l.C(cartline.FieldQuantity), l.C(cartline.FieldPrice)).
		From(t).LeftJoin(l).On(l.C(cartline.FieldCartID), t.C(entcart.FieldID)).
		Where(sql.EQ(t.C(entcart.FieldID), IDOf(b))).OrderBy(l.C(cartline.FieldID)),
		func(line db.Row) (r row, err error) {
			return r, line.Scan(&version, &r.id, &r.variant, &r.quantity, &r.price)
		})
	if err != nil {
		return 0, nil, fmt.Errorf("read cart: %w", err)
	}
	if len(rows) == 0 {
		return 0, nil, errors.New("read cart: the buyer has none")
	}
	var out []Entry
	for _, r := range rows {
		if r.quantity == nil {
			continue // an empty cart
		}
		var e Entry
		if err := errors.Join(e.ID.Scan(r.id), e.Variant.Scan(r.variant)); err != nil {
			return 0, nil, fmt.Errorf("read cart: %w", err)
		}
		e.Quantity, e.Price = *r.quantity, r.price
		out = append(out, e)
	}
	return version, out, nil
}

// LockTx locks these buyers, in id order, until the transaction ends, and returns their carts' versions. It is the first
// lock of every transaction that changes a buyer's cart or checkouts. Buyers who do not exist are left out.
func LockTx(ctx context.Context, tx *db.Tx, buyers []typeid.Buyer) (map[typeid.Buyer]int64, error) {
	out := make(map[typeid.Buyer]int64, len(buyers))
	if err := tx.ReadAll(ctx, Locking(tx, buyers, out)); err != nil {
		return nil, fmt.Errorf("lock buyers: %w", err)
	}
	return out, nil
}

// Locking is LockTx as a read among others.
func Locking(tx *db.Tx, buyers []typeid.Buyer, versions map[typeid.Buyer]int64) db.Read {
	b, t := tx.SQL().Table(buyer.Table).As("b"), tx.SQL().Table(entcart.Table).As("c")
	query := tx.ForUpdate(tx.SQL().Select(b.C(buyer.FieldID), t.C(entcart.FieldVersion)).
		From(b).Join(t).On(t.C(entcart.FieldID), b.C(buyer.FieldID)).
		Where(sql.In(b.C(buyer.FieldID), db.Args(buyers)...)).OrderBy(b.C(buyer.FieldID)))
	return db.Read{Query: query, Row: func(row db.Row) error {
		var id typeid.Buyer
		var version int64
		err := row.Scan(&id, &version)
		versions[id] = version
		return err
	}}
}

// TakeTx takes variants out of the carts of buyers that are locked, and moves the carts' versions on. A cart in which
// none of them lies stays as it is.
func TakeTx(ctx context.Context, tx *db.Tx, taken map[typeid.Buyer][]typeid.Variant) error {
	if len(taken) == 0 {
		return nil
	}
	var lines []*sql.Predicate
	for b, variants := range taken {
		lines = append(lines, sql.And(sql.EQ(cartline.FieldCartID, IDOf(b)), sql.In(cartline.FieldVariantID, db.Args(variants)...)))
	}
	d := tx.SQL()
	n, err := tx.Exec(ctx, d.Update(entcart.Table).Add(entcart.FieldVersion, 1).Where(sql.In(entcart.FieldID,
		d.Select(cartline.FieldCartID).From(d.Table(cartline.Table)).Where(sql.Or(lines...)))))
	if err != nil {
		return fmt.Errorf("move carts on: %w", err)
	}
	if n == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, d.Delete(cartline.Table).Where(sql.Or(lines...))); err != nil {
		return fmt.Errorf("empty carts: %w", err)
	}
	return nil
}

func moveOnTx(ctx context.Context, tx *db.Tx, b typeid.Buyer) error {
	if _, err := tx.Cart.Update().Where(entcart.ID(IDOf(b))).AddVersion(1).Save(ctx); err != nil {
		return fmt.Errorf("move cart on: %w", err)
	}
	return nil
}
