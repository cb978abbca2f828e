package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/productvariant"
	"holdfast/ent/stockmovement"
	"holdfast/internal/db"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// Record is a movement that was carried out.
type Record struct {
	ID          typeid.Movement
	ShopID      typeid.Shop
	VariantID   typeid.Variant
	Kind        Kind
	OnHandDelta int
	HeldDelta   int
	// OrderID is what it was for; nil when it was for no order.
	OrderID *typeid.Order
	// StaffID is who did it; nil when a buyer, or time, did.
	StaffID *typeid.Staff
	// Reason is what staff gave; nil when none was asked for.
	Reason *string
	// Version is the stock's version from then on: movements of one commit share it. 0 of old ones, when it was not yet kept.
	Version   int64
	CreatedAt time.Time
}

func recordOf(r *ent.StockMovement) *Record {
	return &Record{
		ID: r.ID, ShopID: r.ShopID, VariantID: r.VariantID, Kind: Kind(r.Kind), OnHandDelta: r.OnHandDelta, HeldDelta: r.HeldDelta,
		OrderID: r.OrderID, StaffID: r.StaffID, Reason: r.Reason, Version: r.Version, CreatedAt: r.CreatedAt,
	}
}

const readMovements = "read stock movements"

// MovementsOf is, for each variant, a page of its movements, newest first. Callers ask who may see them. It fails with
// BAD_REQUEST.
func (i *Inventory) MovementsOf(ctx context.Context, variants []typeid.Variant, q page.Query) (map[typeid.Variant]page.Page[*Record], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	rows, err := i.db.StockMovement.Query().Where(db.Newest(stockmovement.FieldVariantID, variants, q.After, q.First+1)).All(ctx)
	records, err := db.Map(rows, err, readMovements, recordOf)
	if err != nil {
		return nil, err
	}
	return page.Deal(records, q.First, func(r *Record) (typeid.Variant, *Record) { return r.VariantID, r }), nil
}

// Exported is a movement with what people call its variant.
type Exported struct {
	Record
	SKU string
}

// exportPage is how many rows an export holds at once, of variants and of movements.
const exportPage = 1000

// EachMovement gives the movements of a shop's variants to yield, by variant and oldest first: those at or after from, and
// before before, as far as these are given. It holds a page at a time, and ends with the first error of yield. It is no
// snapshot: what is written meanwhile may be in it or not. Callers ask who may see it.
func (i *Inventory) EachMovement(ctx context.Context, shop typeid.Shop, from, before *time.Time, yield func(*Exported) error) error {
	var after typeid.UUID
	for {
		variants, err := i.skusOf(ctx, shop, after)
		if err != nil {
			return err
		}
		e := export{i: i, from: from, before: before, yield: yield}
		if err := e.run(ctx, variants); err != nil {
			return err
		}
		if len(variants) < exportPage {
			return nil
		}
		after = variants[len(variants)-1].id.UUID
	}
}

type variantSKU struct {
	id  typeid.Variant
	sku string
}

// skusOf are the variants of a shop behind this one, by id.
func (i *Inventory) skusOf(ctx context.Context, shop typeid.Shop, after typeid.UUID) ([]variantSKU, error) {
	d := i.db.SQL()
	v := d.Table(productvariant.Table)
	s := d.Select(v.C(productvariant.FieldID), v.C(productvariant.FieldSku)).From(v).Where(sql.EQ(v.C(productvariant.FieldShopID), shop))
	out, err := db.Collect(ctx, i.db, db.After(s, after).Limit(exportPage), func(row db.Row) (k variantSKU, err error) {
		return k, row.Scan(&k.id, &k.sku)
	})
	if err != nil {
		return nil, fmt.Errorf("read variants: %w", err)
	}
	return out, nil
}

// export gives out the movements of a page of variants.
type export struct {
	i            *Inventory
	from, before *time.Time
	yield        func(*Exported) error
}

// run reads along the index: a page of what all variants have, then the rest of the variant in which it ended, and so on
// behind that one.
func (e *export) run(ctx context.Context, variants []variantSKU) error {
	skus := make(map[typeid.Variant]string, len(variants))
	ids := make([]typeid.Variant, len(variants))
	for n, v := range variants {
		skus[v.id], ids[n] = v.sku, v.id
	}
	for len(ids) > 0 {
		last, err := e.page(ctx, skus, ids, typeid.Movement{})
		if err != nil || last == nil {
			return err
		}
		n := slices.Index(ids, last.VariantID)
		for last != nil {
			if last, err = e.page(ctx, skus, ids[n:n+1], last.ID); err != nil {
				return err
			}
		}
		ids = ids[n+1:]
	}
	return nil
}

// page gives out the first movements of these variants behind this one, and returns the last of them if more may follow.
func (e *export) page(ctx context.Context, skus map[typeid.Variant]string, variants []typeid.Variant, after typeid.Movement) (*Record, error) {
	rows, err := e.i.db.StockMovement.Query().Where(func(s *sql.Selector) {
		s.Where(sql.In(s.C(stockmovement.FieldVariantID), db.Args(variants)...))
		if !after.IsZero() {
			s.Where(sql.GT(s.C(stockmovement.FieldID), after))
		}
		if e.from != nil { // in UTC, as rows are: SQLite compares texts
			s.Where(sql.GTE(s.C(stockmovement.FieldCreatedAt), e.from.UTC()))
		}
		if e.before != nil {
			s.Where(sql.LT(s.C(stockmovement.FieldCreatedAt), e.before.UTC()))
		}
		s.OrderBy(s.C(stockmovement.FieldVariantID), s.C(stockmovement.FieldID)).Limit(exportPage)
	}).All(ctx)
	records, err := db.Map(rows, err, readMovements, recordOf)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if err := e.yield(&Exported{Record: *r, SKU: skus[r.VariantID]}); err != nil {
			return nil, err
		}
	}
	if len(records) < exportPage {
		return nil, nil //nolint:nilnil // that was all
	}
	return records[len(records)-1], nil
}
