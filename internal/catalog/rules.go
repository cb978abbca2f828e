package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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

const (
	maxRules    = 20
	maxReceiver = 128
	wholeOrder  = 10_000 // basis points
)

// The roles that a rule may give. What the rules leave is the merchant's.
const (
	rolePlatform = "PLATFORM"
	rolePromoter = "PROMOTER"
)

// ShareWhen says when the others receive their shares of a shop's orders.
type ShareWhen string

// The moments of sharing. Whatever the shop says, shares go out 25 days after the payment at the latest.
const (
	AfterPayment    ShareWhen = "AFTER_PAYMENT"
	AfterShipping   ShareWhen = "AFTER_SHIPPING"
	AfterCompletion ShareWhen = "AFTER_COMPLETION"
)

// CheckReceivers has split rules name nobody whom check refuses, the provider being who knows. It is called before anything else.
func (c *Catalog) CheckReceivers(check func(string) error) { c.checkReceiver = check }

// SetSplitRules says how the money of a shop's new orders is divided, in place of what was said before, for operators. Orders
// that exist keep their plan. It fails with FORBIDDEN, NOT_FOUND, INVALID, TOO_MANY, and AMOUNT_EXCEEDED when the rules add up to
// more than the shop's highest share.
func (c *Catalog) SetSplitRules(ctx context.Context, who identity.Principal, shopID string, rules []SplitRule) (*Shop, error) {
	if !who.Operator {
		return nil, fault.New(fault.Forbidden, "only operators of the platform may do this")
	}
	absent := fault.New(fault.NotFound, "there is no such shop").At("shopId")
	id, ok := typeid.Parse[typeid.Shop](shopID)
	if !ok {
		return nil, absent
	}
	now := c.now()
	return db.Repeat(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Shop, error) {
		row, err := tx.Shop.Query().Where(func(s *sql.Selector) {
			s.Where(sql.EQ(s.C(shop.FieldID), id))
			tx.ForUpdate(s) // of two who set them at once, one set stands
		}).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, absent
		}
		if err != nil {
			return nil, fmt.Errorf("lock shop: %w", err)
		}
		if err := c.checkRules(rules, row); err != nil {
			return nil, err
		}
		if _, err := tx.SplitRule.Delete().Where(splitrule.ShopID(id)).Exec(ctx); err != nil {
			return nil, fmt.Errorf("replace split rules: %w", err)
		}
		rows := make([][]any, len(rules))
		for i, r := range rules {
			rows[i] = []any{typeid.New[typeid.SplitRule](now), id, r.Receiver, r.Role, r.BasisPoints, i}
		}
		if err := tx.Insert(ctx, splitrule.Table, []string{
			splitrule.FieldID, splitrule.FieldShopID, splitrule.FieldReceiver, splitrule.FieldRole, splitrule.FieldBasisPoints, splitrule.FieldPosition,
		}, rows); err != nil {
			return nil, err
		}
		return shopOf(row), audit.RecordTx(ctx, tx, now, audit.Act{
			Shop: id, Staff: who.Staff, Action: "splitRulesSet", Subject: id, Detail: map[string]any{"rules": rules},
		})
	})
}

func (c *Catalog) checkRules(rules []SplitRule, of *ent.Shop) error {
	if len(rules) > maxRules {
		return fault.New(fault.TooMany, "a shop has at most %d split rules", maxRules).At("rules")
	}
	sum := 0
	seen := map[string]bool{of.Receiver: true}
	for i, r := range rules {
		at := func(e *fault.Error, field string) error { return e.At("rules", strconv.Itoa(i), field) }
		switch {
		case !line(r.Receiver, 1, maxReceiver) || strings.TrimSpace(r.Receiver) != r.Receiver:
			return at(fault.New(fault.Invalid, "a receiver has 1 to %d characters, none of them a blank at an end", maxReceiver), "receiver")
		case seen[r.Receiver]:
			return at(fault.New(fault.Invalid, "name each receiver once, and not the shop's own"), "receiver")
		case r.Role != rolePlatform && r.Role != rolePromoter:
			return at(fault.New(fault.Invalid, "the role of a rule is %s or %s; what the rules leave is the merchant's", rolePlatform, rolePromoter), "role")
		case r.BasisPoints < 1 || r.BasisPoints > wholeOrder:
			return at(fault.New(fault.Invalid, "basisPoints must be 1 to %d", wholeOrder), "basisPoints")
		}
		if c.checkReceiver != nil {
			for _, refused := range fault.List(c.checkReceiver(r.Receiver)) {
				return at(refused.Refused(), "receiver")
			}
		}
		seen[r.Receiver] = true
		sum += r.BasisPoints
	}
	if sum > of.MaxShareBasisPoints {
		return fault.New(fault.AmountExceeded, "the shares add up to %d basis points; at most %d are allowed", sum, of.MaxShareBasisPoints).At("rules")
	}
	return nil
}
