package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"holdfast/ent"
	"holdfast/ent/splitrule"
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

// SetSplitRules says how the money of a shop's new orders is divided, in place of what was said before, for operators. Orders
// that exist keep their plan. It fails with FORBIDDEN, NOT_FOUND, INVALID, TOO_MANY, AMOUNT_EXCEEDED when the rules add up to
// more than the shop's highest share, and OVERLOADED when the provider does not answer, who is asked whether it allows less. If it
// does, that is the shop's highest share from then on, whether the rules are refused for it or not: orders are divided by it.
func (c *Catalog) SetSplitRules(ctx context.Context, who identity.Principal, shopID string, rules []SplitRule) (*Shop, error) {
	before, err := c.operatedShop(ctx, who, shopID, "shopId")
	if err != nil {
		return nil, err
	}
	sum, err := c.checkRules(rules, before.Receiver)
	if err != nil {
		return nil, err
	}
	most := wholeOrder
	if sum > 0 {
		if most, err = c.askMaxShare(ctx, before.Receiver); err != nil {
			return nil, err
		}
	}
	now := c.now()
	return c.changeShop(ctx, who, "splitRulesSet", before.ID, most, func(ctx context.Context, tx *db.Tx, row *ent.Shop) (shopChanged, error) {
		if sum > row.MaxShareBasisPoints {
			return shopChanged{}, exceeded(sum, row.MaxShareBasisPoints).At("rules")
		}
		if _, err := tx.SplitRule.Delete().Where(splitrule.ShopID(row.ID)).Exec(ctx); err != nil {
			return shopChanged{}, fmt.Errorf("replace split rules: %w", err)
		}
		rows := make([][]any, len(rules))
		for i, r := range rules {
			rows[i] = []any{typeid.New[typeid.SplitRule](now), row.ID, r.Receiver, r.Role, r.BasisPoints, i}
		}
		return shopChanged{detail: map[string]any{"rules": rules}}, tx.Insert(ctx, splitrule.Table, []string{
			splitrule.FieldID, splitrule.FieldShopID, splitrule.FieldReceiver, splitrule.FieldRole, splitrule.FieldBasisPoints, splitrule.FieldPosition,
		}, rows)
	})
}

// checkRules refuses rules that no shop may have whose merchant has this receiver, and adds up what they give away.
func (c *Catalog) checkRules(rules []SplitRule, merchant string) (points int, err error) {
	if len(rules) > maxRules {
		return 0, fault.New(fault.TooMany, "a shop has at most %d split rules", maxRules).At("rules")
	}
	seen := map[string]bool{merchant: true}
	for i, r := range rules {
		at := func(e *fault.Error, field string) (int, error) { return 0, e.At("rules", strconv.Itoa(i), field) }
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
		if c.sharing != nil {
			for _, refused := range fault.List(c.sharing.CheckReceiver(r.Receiver)) {
				return at(refused.Refused(), "receiver")
			}
		}
		seen[r.Receiver] = true
		points += r.BasisPoints
	}
	return points, nil
}

func exceeded(points, most int) *fault.Error {
	return fault.New(fault.AmountExceeded, "the shares add up to %d basis points; at most %d are allowed", points, most)
}
