package cart

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"holdfast/ent/cartline"
	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// LineInput sets the quantity of one variant; 0 takes it out.
type LineInput struct {
	VariantID string
	Quantity  int
}

// Set sets the quantities of the named variants, all or none, and returns the cart. The buyer sees today's price of each: it
// is what the line remembers. It fails with INVALID, TOO_MANY,
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
	if err := c.change(ctx, who.Buyer, func(version int64, had []Entry) ([]Entry, error) {
		if ifVersion != nil && version != *ifVersion {
			return nil, fault.New(fault.VersionMismatch, "the cart has changed since; read it again").At("ifVersion")
		}
		return c.decide(had, want, items)
	}); err != nil {
		return nil, err
	}
	return c.Of(ctx, who)
}

// change locks the buyer and writes what decide, told how the cart stands, wants changed.
func (c *Carts) change(ctx context.Context, b typeid.Buyer, decide func(version int64, had []Entry) ([]Entry, error)) error {
	_, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		if _, err := LockTx(ctx, tx, []typeid.Buyer{b}); err != nil {
			return struct{}{}, err
		}
		version, had, err := entries(ctx, tx, tx.SQL(), b)
		if err != nil {
			return struct{}{}, err
		}
		changed, err := decide(version, had)
		if err != nil || len(changed) == 0 {
			return struct{}{}, err
		}
		return struct{}{}, writeTx(ctx, tx, b, changed)
	})
	return err
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
		case l.Quantity < 0 || l.Quantity > catalog.MaxQuantity:
			refused = append(refused, fault.New(fault.Invalid, "quantity must be %d to %d", 0, catalog.MaxQuantity).At("lines", strconv.Itoa(i), "quantity"))
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
	return itemError(e.At("lines", strconv.Itoa(i), field), variant)
}

func itemError(e *fault.Error, variant string) fault.Refusal {
	return &catalog.ItemError{Plain: *e, VariantID: variant}
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
		if exists {
			w.Price = &item.Price.Amount
		}
		switch {
		case at >= 0 && had[at].Quantity == w.Quantity && samePrice(had[at].Price, w.Price):
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
			w.ID = lineID(now, i)
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

// lineID is the id of the i-th line of those put in now: lines stand in the order of the input.
func lineID(now time.Time, i int) typeid.CartLine {
	return typeid.New[typeid.CartLine](now.Add(time.Duration(i) * time.Microsecond))
}

func samePrice(a, b *int64) bool {
	return a != nil && b != nil && *a == *b
}

// writeTx replaces the lines of the changed variants.
func writeTx(ctx context.Context, tx *db.Tx, b typeid.Buyer, changed []Entry) error {
	variants := make([]typeid.Variant, len(changed))
	var rows [][]any
	for i, e := range changed {
		variants[i] = e.Variant
		if e.Quantity > 0 {
			rows = append(rows, []any{e.ID, IDOf(b), e.Variant, e.Quantity, e.Price})
		}
	}
	if _, err := tx.CartLine.Delete().Where(cartline.CartID(IDOf(b)), cartline.VariantIDIn(variants...)).Exec(ctx); err != nil {
		return fmt.Errorf("write cart: %w", err)
	}
	if err := tx.Insert(ctx, cartline.Table, []string{
		cartline.FieldID, cartline.FieldCartID, cartline.FieldVariantID, cartline.FieldQuantity, cartline.FieldPrice,
	}, rows); err != nil {
		return err
	}
	return moveOnTx(ctx, tx, b)
}
