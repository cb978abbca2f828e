package inventory

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/ent"
	"holdfast/ent/stock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// maxReason is how many characters the reason of an adjustment may have.
const maxReason = 500

// AdjustInput is one adjustment: exactly one of OnHand (the number counted) and Delta.
type AdjustInput struct {
	VariantID      string
	OnHand         *int
	Delta          *int
	IfVersion      *int64
	Reason         string
	IdempotencyKey string
}

func (in AdjustInput) validate() error {
	if (in.OnHand == nil) == (in.Delta == nil) {
		return fault.New(fault.Invalid, "give exactly one of onHand and delta").At("input")
	}
	if in.OnHand != nil && (*in.OnHand < 0 || *in.OnHand > MaxOnHand) {
		return fault.New(fault.Invalid, "onHand must be 0 to %d", MaxOnHand).At("input", "onHand")
	}
	if in.Delta != nil && (*in.Delta == 0 || *in.Delta < -MaxOnHand || *in.Delta > MaxOnHand) {
		return fault.New(fault.Invalid, "delta must not be 0, and at most %d either way", MaxOnHand).At("input", "delta")
	}
	if n := utf8.RuneCountInString(in.Reason); n == 0 || n > maxReason || strings.TrimSpace(in.Reason) == "" {
		return fault.New(fault.Invalid, "reason must have 1 to %d characters", maxReason).At("input", "reason")
	}
	return idempotency.CheckKey(in.IdempotencyKey)
}

// Adjust sets or changes the number on hand, for staff of the variant's shop, once for each idempotency key, and returns
// the stock as it stands now. It fails with INVALID, NOT_FOUND, CONFLICT, VERSION_MISMATCH and IDEMPOTENCY_KEY_REUSED.
func (i *Inventory) Adjust(ctx context.Context, who identity.Principal, in AdjustInput) (*Stock, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	notFound := fault.New(fault.NotFound, "there is no such variant").At("input", "variantId")
	id, ok := typeid.Parse[typeid.Variant](in.VariantID)
	if !ok {
		return nil, notFound
	}
	before, err := i.db.Stock.Get(ctx, id)
	if ent.IsNotFound(err) || err == nil && !who.WorksFor(before.ShopID) {
		return nil, notFound
	}
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	hash, err := idempotency.HashOf(in)
	if err != nil {
		return nil, err
	}
	now := i.now()
	if _, err := idempotency.Once(ctx, i.db, idempotency.Request{
		Staff: who.Staff, Operation: "stockAdjust", Key: in.IdempotencyKey, Hash: hash, Now: now,
	}, func(ctx context.Context, tx *db.Tx) (string, error) {
		shelf, err := LockTx(ctx, tx, []typeid.Variant{id})
		if err != nil {
			return "", err
		}
		current, ok := shelf.Stock(id)
		if !ok {
			return "", notFound
		}
		delta, err := in.decide(current)
		if err != nil || delta == 0 {
			return "", err
		}
		if err := shelf.Move(Movement{Variant: id, Kind: Adjusted, OnHand: delta, Staff: who.Staff, Reason: in.Reason}); err != nil {
			return "", err
		}
		return "", shelf.WriteTx(ctx, tx, now)
	}); err != nil {
		return nil, err
	}
	after, err := i.db.Stock.Query().Where(stock.ID(id)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	stands := stockOf(after)
	i.committed([]Stock{*stands})
	return stands, nil
}

// decide is the change of the number on hand that the input asks for.
func (in AdjustInput) decide(s Stock) (int, error) {
	if in.IfVersion != nil && *in.IfVersion != s.Version {
		return 0, fault.New(fault.VersionMismatch, "the stock has changed since; read it again").At("input", "ifVersion")
	}
	var field string
	var delta int
	if in.OnHand != nil {
		field, delta = "onHand", *in.OnHand-s.OnHand
	} else {
		field, delta = "delta", *in.Delta
	}
	switch onHand := s.OnHand + delta; {
	case onHand < s.Held:
		return 0, fault.New(fault.Conflict, "%d are held for orders; no fewer can be on hand", s.Held).At("input", field)
	case onHand > MaxOnHand:
		return 0, fault.New(fault.Invalid, "at most %d can be on hand", MaxOnHand).At("input", field)
	}
	return delta, nil
}

// firstVersion is what a stock's versions grow from.
const firstVersion int64 = 1

// Initial is the stock of a variant that was just made.
type Initial struct {
	Variant           typeid.Variant
	Shop              typeid.Shop
	OnHand            int
	LowStockThreshold int
	Staff             typeid.Staff
}

// ReceiveTx puts new variants on the shelf, each with the movement that accounts for it. Numbers are validated before.
func ReceiveTx(ctx context.Context, tx *db.Tx, initial []Initial, now time.Time) error {
	shelf := &Shelf{stocks: make(map[typeid.Variant]*Stock), touched: make(map[typeid.Variant]bool)}
	rows := make([][]any, len(initial))
	for n, s := range initial {
		rows[n] = []any{s.Variant, s.Shop, 0, 0, s.LowStockThreshold, firstVersion, now}
		shelf.stocks[s.Variant] = &Stock{VariantID: s.Variant, ShopID: s.Shop, LowStockThreshold: s.LowStockThreshold, Version: firstVersion, ChangedAt: now}
	}
	if err := tx.Insert(ctx, stock.Table, []string{
		stock.FieldID, stock.FieldShopID, stock.FieldOnHand, stock.FieldHeld,
		stock.FieldLowStockThreshold, stock.FieldVersion, stock.FieldChangedAt,
	}, rows); err != nil {
		return err
	}
	for _, s := range initial {
		if s.OnHand == 0 {
			continue
		}
		if err := shelf.Move(Movement{Variant: s.Variant, Kind: Received, OnHand: s.OnHand, Staff: s.Staff}); err != nil {
			return err
		}
	}
	return shelf.WriteTx(ctx, tx, now)
}
