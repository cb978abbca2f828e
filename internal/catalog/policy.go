package catalog

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/shop"
	"holdfast/ent/splitrule"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// ShareWhen says when the others receive their shares of a shop's orders.
type ShareWhen string

// The moments of sharing. Whatever the shop says, shares go out 25 days after the payment at the latest.
const (
	AfterPayment    ShareWhen = "AFTER_PAYMENT"
	AfterShipping   ShareWhen = "AFTER_SHIPPING"
	AfterCompletion ShareWhen = "AFTER_COMPLETION"
)

// rank orders the moments, the earliest first; false for what is none.
func (w ShareWhen) rank() (int, bool) {
	switch w {
	case AfterPayment:
		return 1, true
	case AfterShipping:
		return 2, true
	case AfterCompletion:
		return 3, true
	}
	return 0, false
}

// askWithin is how long the provider has to say how much may be shared.
const askWithin = 5 * time.Second

// Sharing is what the payment provider knows of who may receive what.
type Sharing interface {
	// CheckReceiver refuses names of receivers to whom no share could be paid.
	CheckReceiver(receiver string) error
	// MaxShare is how much of an order of this merchant others may have, together, in basis points; false when the provider does not
	// say, and an error when it does not answer.
	MaxShare(ctx context.Context, merchant string) (basisPoints int, said bool, err error)
}

// ShareBy has nobody promised what the provider would not pay out. It is called before anything else.
func (c *Catalog) ShareBy(s Sharing) { c.sharing = s }

// SharesSooner has wake ask again, in the transaction that changes a shop's policy, for the orders whose shares may go out earlier for it.
// It is called before anything else.
func (c *Catalog) SharesSooner(wake func(context.Context, *db.Tx, typeid.Shop) error) {
	c.sharesSooner = wake
}

// ShopChange is what is to change of a shop; what is nil stays as it is.
type ShopChange struct {
	ShopID              string
	ShareWhen           *ShareWhen
	MaxShareBasisPoints *int
}

// UpdateShop changes when the others receive their shares of a shop's orders, paid ones too, and how much of new orders they may have
// together, for operators: it is the money of others that waits. It fails with FORBIDDEN, NOT_FOUND, INVALID, AMOUNT_EXCEEDED when the
// provider allows less, or the split rules give more, and OVERLOADED when the provider does not answer.
func (c *Catalog) UpdateShop(ctx context.Context, who identity.Principal, change ShopChange) (*Shop, error) {
	before, err := c.operatedShop(ctx, who, change.ShopID, "input", "shopId")
	if err != nil {
		return nil, err
	}
	if err := change.check(); err != nil {
		return nil, err
	}
	most := wholeOrder
	if change.MaxShareBasisPoints != nil {
		if most, err = c.askMaxShare(ctx, before.Receiver); err != nil {
			return nil, err
		}
	}
	return c.changeShop(ctx, who, "shopUpdate", before.ID, most, func(ctx context.Context, tx *db.Tx, row *ent.Shop) (shopChanged, error) {
		return change.applyTx(ctx, tx, row, most)
	})
}

func (change ShopChange) check() error {
	if change.ShareWhen == nil && change.MaxShareBasisPoints == nil {
		return nothingToChange()
	}
	if when := change.ShareWhen; when != nil {
		if _, known := when.rank(); !known {
			return fault.New(fault.Invalid, "shareWhen is %s, %s or %s", AfterPayment, AfterShipping, AfterCompletion).At("input", "shareWhen")
		}
	}
	if most := change.MaxShareBasisPoints; most != nil && (*most < 0 || *most > wholeOrder) {
		return fault.New(fault.Invalid, "maxShareBasisPoints must be 0 to %d", wholeOrder).At("input", "maxShareBasisPoints")
	}
	return nil
}

// applyTx writes the change of a shop, of which the provider lets others have so much.
func (change ShopChange) applyTx(ctx context.Context, tx *db.Tx, row *ent.Shop, allowed int) (out shopChanged, err error) {
	out.detail = map[string]any{}
	update := row.Update()
	if most := change.MaxShareBasisPoints; most != nil {
		rules, err := tx.SplitRule.Query().Where(splitrule.ShopID(row.ID)).All(ctx)
		if err != nil {
			return out, fmt.Errorf("read split rules: %w", err)
		}
		points := 0
		for _, r := range rules {
			points += r.BasisPoints
		}
		switch {
		case *most > allowed:
			return out, fault.New(fault.AmountExceeded, "the payment provider lets others have at most %d basis points of an order", allowed).
				At("input", "maxShareBasisPoints")
		case points > *most:
			return out, exceeded(points, *most).At("input", "maxShareBasisPoints")
		}
		update.SetMaxShareBasisPoints(*most)
		out.detail["maxShareBasisPoints"] = *most
	}
	if when := change.ShareWhen; when != nil {
		was, _ := ShareWhen(row.ShareWhen).rank()
		is, _ := when.rank()
		out.sooner = is < was
		update.SetShareWhen(string(*when))
		out.detail["shareWhen"] = *when
	}
	if err := update.Exec(ctx); err != nil {
		return out, fmt.Errorf("change shop: %w", err)
	}
	return out, nil
}

// operatedShop is a shop of this id, for operators.
func (c *Catalog) operatedShop(ctx context.Context, who identity.Principal, id string, at ...string) (*Shop, error) {
	if !who.Operator {
		return nil, fault.New(fault.Forbidden, "only operators of the platform may do this")
	}
	if shopID, ok := typeid.Parse[typeid.Shop](id); ok {
		found, err := c.Shops(ctx, []typeid.Shop{shopID})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no such shop").At(at...)
}

// askMaxShare asks the provider, with nothing locked, how much of a merchant's order others may have: all of it, unless it says.
func (c *Catalog) askMaxShare(ctx context.Context, merchant string) (int, error) {
	if c.sharing == nil {
		return wholeOrder, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	points, said, err := c.sharing.MaxShare(ctx, merchant)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", fault.New(fault.Overloaded, "the payment provider has not answered; try again").After(time.Second), err)
	case !said:
		return wholeOrder, nil
	}
	return points, nil
}

// shopChanged is what was done to a shop.
type shopChanged struct {
	detail map[string]any // for the audit log
	sooner bool           // shares may go out earlier than before
}

// noteLowered has the audit log say that the highest share was lowered, unless it says that it was set.
func (c *shopChanged) noteLowered(lowered bool, most int) {
	if _, said := c.detail["maxShareBasisPoints"]; !lowered || said {
		return
	}
	if c.detail == nil {
		c.detail = make(map[string]any)
	}
	c.detail["maxShareBasisPoints"] = most
}

// changeShop has decide change a locked shop, or refuse to before it has written anything. The provider lets others have so much of its
// orders: what is less than was known is kept, even if decide refuses, since orders are divided by it.
func (c *Catalog) changeShop(
	ctx context.Context, who identity.Principal, action string, id typeid.Shop, most int,
	decide func(context.Context, *db.Tx, *ent.Shop) (shopChanged, error),
) (*Shop, error) {
	type verdict struct {
		shop    *Shop
		refused error
	}
	now := c.now()
	out, err := db.Repeat(ctx, c.db, func(ctx context.Context, tx *db.Tx) (out verdict, err error) {
		row, lowered, err := lockShopTx(ctx, tx, id, most)
		if err != nil {
			return out, err
		}
		done, err := decide(ctx, tx, row)
		if fault.List(err) != nil && lowered {
			out.refused, err = err, nil
		}
		if err != nil {
			return out, err
		}
		done.noteLowered(lowered, most)
		if row, err = tx.Shop.Get(ctx, id); err != nil {
			return out, fmt.Errorf("read shop: %w", err)
		}
		out.shop = shopOf(row)
		if err := audit.RecordTx(ctx, tx, now, audit.Act{Shop: id, Staff: who.Staff, Action: action, Subject: id, Detail: done.detail}); err != nil {
			return out, err
		}
		if done.sooner && c.sharesSooner != nil {
			return out, c.sharesSooner(ctx, tx, id)
		}
		return out, nil
	})
	if err == nil {
		err = out.refused
	}
	if err != nil {
		return nil, err
	}
	return out.shop, nil
}

// lockShopTx locks a shop, and lowers its highest share to most.
func lockShopTx(ctx context.Context, tx *db.Tx, id typeid.Shop, most int) (row *ent.Shop, lowered bool, err error) {
	row, err = tx.Shop.Query().Where(func(s *sql.Selector) {
		s.Where(sql.EQ(s.C(shop.FieldID), id))
		tx.ForUpdate(s) // of two who change it at once, one change stands
	}).Only(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("lock shop: %w", err)
	}
	if most >= row.MaxShareBasisPoints {
		return row, false, nil
	}
	row, err = row.Update().SetMaxShareBasisPoints(most).Save(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("lower highest share: %w", err)
	}
	return row, true, nil
}
