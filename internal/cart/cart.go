// Package cart is what a buyer means to buy. A cart holds nothing back: what cannot be bought as it stands there is said
// line by line.
package cart

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

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

// Limits of a cart.
const (
	MaxLines    = 200
	MaxQuantity = 9999
)

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
	switch {
	case !item.ForSale:
		line.Problems = append(line.Problems, &catalog.ItemError{Plain: *fault.New(fault.NotForSale, "this is not for sale at the moment"), VariantID: e.Variant.String()})
	case available < e.Quantity:
		line.Problems = append(line.Problems, inventory.Short([]inventory.Shortage{{Variant: e.Variant, Requested: e.Quantity, Available: available}}))
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
	}
	rows, err := db.Collect(ctx, q, d.Select(t.C(entcart.FieldVersion), l.C(cartline.FieldID), l.C(cartline.FieldVariantID), l.C(cartline.FieldQuantity)).
		From(t).LeftJoin(l).On(l.C(cartline.FieldCartID), t.C(entcart.FieldID)).
		Where(sql.EQ(t.C(entcart.FieldID), IDOf(b))).OrderBy(l.C(cartline.FieldID)),
		func(line db.Row) (r row, err error) {
			return r, line.Scan(&version, &r.id, &r.variant, &r.quantity)
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
		e.Quantity = *r.quantity
		out = append(out, e)
	}
	return version, out, nil
}

// LockTx locks these buyers, in id order, until the transaction ends, and returns their carts' versions. It is the first
// lock of every transaction that changes a buyer's cart or checkouts. Buyers who do not exist are left out.
func LockTx(ctx context.Context, tx *db.Tx, buyers []typeid.Buyer) (map[typeid.Buyer]int64, error) {
	type locked struct {
		buyer   typeid.Buyer
		version int64
	}
	b, t := tx.SQL().Table(buyer.Table).As("b"), tx.SQL().Table(entcart.Table).As("c")
	rows, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(b.C(buyer.FieldID), t.C(entcart.FieldVersion)).
		From(b).Join(t).On(t.C(entcart.FieldID), b.C(buyer.FieldID)).
		Where(sql.In(b.C(buyer.FieldID), db.Args(buyers)...)).OrderBy(b.C(buyer.FieldID))),
		func(row db.Row) (l locked, err error) { return l, row.Scan(&l.buyer, &l.version) })
	if err != nil {
		return nil, fmt.Errorf("lock buyers: %w", err)
	}
	out := make(map[typeid.Buyer]int64, len(rows))
	for _, r := range rows {
		out[r.buyer] = r.version
	}
	return out, nil
}

// TakeTx takes variants out of the carts of buyers that are locked, and moves the carts' versions on. A cart in which
// none of them lies stays as it is.
func TakeTx(ctx context.Context, tx *db.Tx, b typeid.Buyer, variants []typeid.Variant) error {
	n, err := tx.CartLine.Delete().Where(cartline.CartID(IDOf(b)), cartline.VariantIDIn(variants...)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("empty cart: %w", err)
	}
	if n == 0 {
		return nil
	}
	return moveOnTx(ctx, tx, b)
}

func moveOnTx(ctx context.Context, tx *db.Tx, b typeid.Buyer) error {
	if _, err := tx.Cart.Update().Where(entcart.ID(IDOf(b))).AddVersion(1).Save(ctx); err != nil {
		return fmt.Errorf("move cart on: %w", err)
	}
	return nil
}

// LineInput sets the quantity of one variant; 0 takes it out.
type LineInput struct {
	VariantID string
	Quantity  int
}

// Set sets the quantities of the named variants, all or none, and returns the cart. It fails with INVALID, TOO_MANY,
// NOT_FOUND, NOT_FOR_SALE and VERSION_MISMATCH.
func (c *Carts) Set(ctx context.Context, who identity.Principal, lines []LineInput, ifVersion *int64) (*Cart, error) {
	want, err := parse(lines)
	if err != nil {
		return nil, err
	}
	variants := make([]typeid.Variant, len(want))
	for i, e := range want {
		variants[i] = e.Variant
	}
	items, err := c.catalog.Items(ctx, who.MiniProgram, variants)
	if err != nil {
		return nil, err
	}
	if _, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		versions, err := LockTx(ctx, tx, []typeid.Buyer{who.Buyer})
		if err != nil {
			return struct{}{}, err
		}
		if ifVersion != nil && versions[who.Buyer] != *ifVersion {
			return struct{}{}, fault.New(fault.VersionMismatch, "the cart has changed since; read it again").At("ifVersion")
		}
		_, had, err := entries(ctx, tx, tx.SQL(), who.Buyer)
		if err != nil {
			return struct{}{}, err
		}
		changed, err := c.decide(had, want, items)
		if err != nil || len(changed) == 0 {
			return struct{}{}, err
		}
		return struct{}{}, writeTx(ctx, tx, who.Buyer, changed)
	}); err != nil {
		return nil, err
	}
	return c.Of(ctx, who)
}

func parse(lines []LineInput) ([]Entry, error) {
	if len(lines) == 0 {
		return nil, fault.New(fault.Invalid, "name at least one variant").At("lines")
	}
	if len(lines) > MaxLines {
		return nil, fault.New(fault.TooMany, "at most %d lines at once", MaxLines).At("lines")
	}
	var refused fault.Refusals
	out := make([]Entry, len(lines))
	seen := make(map[typeid.Variant]bool, len(lines))
	for i, l := range lines {
		id, ok := typeid.Parse[typeid.Variant](l.VariantID)
		switch {
		case !ok:
			refused = append(refused, lineError(fault.New(fault.NotFound, "there is no such variant"), l.VariantID, i, "variantId"))
		case l.Quantity < 0 || l.Quantity > MaxQuantity:
			refused = append(refused, fault.New(fault.Invalid, "quantity must be %d to %d", 0, MaxQuantity).At("lines", strconv.Itoa(i), "quantity"))
		case seen[id]:
			refused = append(refused, fault.New(fault.Invalid, "name each variant once").At("lines", strconv.Itoa(i), "variantId"))
		}
		seen[id] = true
		out[i] = Entry{Variant: id, Quantity: l.Quantity}
	}
	if len(refused) > 0 {
		return nil, refused
	}
	return out, nil
}

func lineError(e *fault.Error, variant string, i int, field string) fault.Refusal {
	return &catalog.ItemError{Plain: *e.At("lines", strconv.Itoa(i), field), VariantID: variant}
}

// decide is which of the wanted entries change something. What is in the cart already may change however it stands with
// its product; what is put in must be for sale.
func (c *Carts) decide(had, want []Entry, items map[typeid.Variant]*catalog.Item) ([]Entry, error) {
	var (
		refused fault.Refusals
		changed []Entry
		now     = c.now()
		count   = len(had)
	)
	for i, w := range want {
		at := slices.IndexFunc(had, func(h Entry) bool { return h.Variant == w.Variant })
		item, exists := items[w.Variant]
		switch {
		case at >= 0 && had[at].Quantity == w.Quantity:
		case at >= 0:
			w.ID = had[at].ID
			changed = append(changed, w)
			if w.Quantity == 0 {
				count--
			}
		case !exists:
			refused = append(refused, lineError(fault.New(fault.NotFound, "there is no such variant"), w.Variant.String(), i, "variantId"))
		case w.Quantity == 0: // it is out already
		case !item.ForSale:
			refused = append(refused, lineError(fault.New(fault.NotForSale, "this is not for sale at the moment"), w.Variant.String(), i, "variantId"))
		default:
			w.ID = typeid.New[typeid.CartLine](now.Add(time.Duration(i) * time.Microsecond)) // in the order of the input
			changed = append(changed, w)
			count++
		}
	}
	if len(refused) > 0 {
		return nil, refused
	}
	if count > MaxLines {
		return nil, fault.New(fault.TooMany, "a cart has at most %d lines", MaxLines).At("lines")
	}
	return changed, nil
}

// writeTx replaces the lines of the changed variants.
func writeTx(ctx context.Context, tx *db.Tx, b typeid.Buyer, changed []Entry) error {
	variants := make([]typeid.Variant, len(changed))
	var rows [][]any
	for i, e := range changed {
		variants[i] = e.Variant
		if e.Quantity > 0 {
			rows = append(rows, []any{e.ID, IDOf(b), e.Variant, e.Quantity})
		}
	}
	if _, err := tx.CartLine.Delete().Where(cartline.CartID(IDOf(b)), cartline.VariantIDIn(variants...)).Exec(ctx); err != nil {
		return fmt.Errorf("write cart: %w", err)
	}
	if err := tx.Insert(ctx, cartline.Table, []string{cartline.FieldID, cartline.FieldCartID, cartline.FieldVariantID, cartline.FieldQuantity}, rows); err != nil {
		return err
	}
	return moveOnTx(ctx, tx, b)
}
