package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/order"
	"holdfast/internal/payment"
)

// access says who may ask for what, in one place. A root field that is not here is refused.
type access struct {
	hideSchema bool
	roots      map[string]rootRule
	fields     map[string]fieldRule
}

// rootRule refuses, or does not.
type rootRule func(identity.Principal) error

// fieldRule tells whether who is shown a field of obj; to others it is null.
type fieldRule func(ctx context.Context, who identity.Principal, obj any) (bool, error)

func newAccess() access { return access{roots: rootRules(), fields: fieldRules()} }

func rootRules() map[string]rootRule {
	return map[string]rootRule{
		// What one may not see is null: these show it, or not, object by object.
		"Query.node":        anyone,
		"Query.nodes":       anyone,
		"Query.viewer":      anyone,
		"Query.miniProgram": anyone,
		"Query.shops":       anyone,
		"Query.shop":        anyone,
		"Query.product":     anyone,
		"Query.order":       anyone,

		"Query.jobs":            operator,
		"Query.reconciliations": operator,

		"Mutation.sessionCreate":         anyone,
		"Mutation.sessionRefresh":        anyone,
		"Mutation.sessionRevoke":         session,
		"Mutation.staffInvite":           anyStaff, // the domain tells owners from clerks, and which shop it is
		"Mutation.staffInvitationAccept": anyone,
		"Mutation.staffInvitationRevoke": anyStaff,
		"Mutation.staffRoleSet":          anyStaff,
		"Mutation.staffRemove":           anyStaff,
		"Mutation.addressSave":           buyer,
		"Mutation.addressDelete":         buyer,
		"Mutation.cartLinesSet":          buyer,
		"Mutation.checkoutPlace":         buyer,
		"Mutation.checkoutCancel":        session, // a buyer's, an operator's or staff's, decided by whose orders they are
		"Mutation.paymentPrepare":        buyer,
		"Mutation.paymentSync":           buyer,
		"Mutation.sandboxPaymentConfirm": buyer,
		"Mutation.sandboxFaultsSet":      operator,
		"Mutation.orderShip":             shopStaff,
		"Mutation.orderComplete":         buyer,
		"Mutation.orderNoteAdd":          shopStaff,
		"Mutation.orderRefund":           shopOwner,
		"Mutation.splitRulesSet":         operator,
		"Mutation.jobRetry":              anyStaff, // the domain tells whose job it is
		"Mutation.shopUpdate":            operator,
		"Mutation.reconciliationRun":     operator,
		"Mutation.productCreate":         shopStaff,
		"Mutation.stockAdjust":           shopStaff,
		"Mutation.stockAdjustMany":       shopStaff,
		"Mutation.productUpdate":         shopStaff,
		"Mutation.productVariantAdd":     shopStaff,
		"Mutation.productVariantUpdate":  shopStaff,
		"Mutation.orderBuyAgain":         buyer,
		"Mutation.stockReminderCreate":   buyer,
		"Mutation.stockReminderDelete":   buyer,
		"Mutation.phoneNumberExchange":   buyer,

		// streams asks these: gqlgen runs no root middleware for subscriptions.
		"Subscription.stockChanged":     anyone,
		"Subscription.shopStockChanged": anyStaff,
		"Subscription.orderChanged":     session,
	}
}

// fieldRules are those of fields that not everybody who sees the object is shown.
func fieldRules() map[string]fieldRule {
	return map[string]fieldRule{
		"Stock.onHand":             seesStock,
		"Stock.held":               seesStock,
		"Shop.variants":            seesShop,
		"Shop.orders":              seesShop,
		"Shop.splitRules":          seesShop,
		"Shop.shareWhen":           seesShop,
		"Shop.maxShareBasisPoints": seesShop,
		"ProductVariant.movements": seesVariantsShop,
		"Shop.staff":               managesShop,
		"Shop.invitations":         managesShop,
		"Shop.auditLog":            managesShop,
		"Shop.balances":            seesShop,
		"Shop.ledger":              seesShop,
		"Order.splits":             seesOrdersShop,
		"Order.staffNotes":         seesOrdersShop,
		"Order.ledger":             seesOrdersShop,
		"Order.job":                seesOrdersShop,
		"Job.lastError":            operates,
		"Refund.failure":           seesRefundsShop,
		"Order.notifications":      seesOrdersShop,
		"Order.checkout":           seesCheckout,
		"Order.payment":            seesCheckout,
		"Payment.splits":           seesSplits,
		"Payment.weChatPay":        paysIt,
	}
}

// root refuses a root field such as "Query.shops" to whoever may not ask for it.
func (a access) root(ctx context.Context, field string) error {
	switch field {
	case "Query.__schema", "Query.__type":
		if a.hideSchema {
			return fault.New(fault.BadRequest, "introspection is off here: server schema prints the schema, and HOLDFAST_PLAYGROUND=on turns it on")
		}
		return nil
	}
	rule, ok := a.roots[field]
	if !ok {
		return fault.New(fault.Forbidden, "nobody may ask for this")
	}
	asks, _ := ctx.Value(askerKey{}).(asker)
	if asks.refused != nil && !givesToken(field) {
		return asks.refused
	}
	return rule(asks.who)
}

// givesToken tells whether a request may do this with a token that is no longer good: it is how one gets another.
func givesToken(field string) bool {
	return field == "Mutation.sessionCreate" || field == "Mutation.sessionRefresh" || field == "Mutation.staffInvitationAccept"
}

// shows tells whether the field that is being resolved is shown. A field without a rule is not.
func (a access) shows(ctx context.Context, obj any) (bool, error) {
	field := graphql.GetFieldContext(ctx)
	rule, ok := a.fields[field.Object+"."+field.Field.Name]
	if !ok {
		return false, nil
	}
	return rule(ctx, in(ctx).who, obj)
}

func anyone(identity.Principal) error { return nil }

func session(who identity.Principal) error {
	if who.IsAnonymous() {
		return fault.New(fault.Unauthenticated, "log in first")
	}
	return nil
}

func buyer(who identity.Principal) error {
	if err := session(who); err != nil {
		return err
	}
	if !who.IsBuyer() {
		return fault.New(fault.Forbidden, "only buyers may do this")
	}
	return nil
}

func anyStaff(who identity.Principal) error {
	if err := session(who); err != nil {
		return err
	}
	if !who.IsStaff() {
		return fault.New(fault.Forbidden, "only staff of a shop may do this")
	}
	return nil
}

func shopStaff(who identity.Principal) error {
	if err := session(who); err != nil {
		return err
	}
	if !who.IsStaff() || len(who.Shops()) == 0 {
		return fault.New(fault.Forbidden, "only staff of a shop may do this")
	}
	return nil
}

func shopOwner(who identity.Principal) error {
	if err := session(who); err != nil {
		return err
	}
	if !slices.ContainsFunc(who.Shops(), who.Owns) {
		return fault.New(fault.Forbidden, "only owners of a shop may do this")
	}
	return nil
}

func operator(who identity.Principal) error {
	if err := session(who); err != nil {
		return err
	}
	if !who.Operator {
		return fault.New(fault.Forbidden, "only operators of the platform may do this")
	}
	return nil
}

func seesStock(_ context.Context, who identity.Principal, obj any) (bool, error) {
	stock, ok := obj.(*inventory.Stock)
	return ok && who.SeesShop(stock.ShopID), nil
}

func seesShop(_ context.Context, who identity.Principal, obj any) (bool, error) {
	shop, ok := obj.(*catalog.Shop)
	return ok && who.SeesShop(shop.ID), nil
}

func managesShop(_ context.Context, who identity.Principal, obj any) (bool, error) {
	shop, ok := obj.(*catalog.Shop)
	return ok && who.Manages(shop.ID), nil
}

func seesVariantsShop(_ context.Context, who identity.Principal, obj any) (bool, error) {
	v, ok := obj.(*catalog.Variant)
	return ok && who.SeesShop(v.ShopID), nil
}

func seesOrdersShop(_ context.Context, who identity.Principal, obj any) (bool, error) {
	o, ok := obj.(*order.Order)
	return ok && who.SeesShop(o.ShopID), nil
}

func operates(_ context.Context, who identity.Principal, _ any) (bool, error) {
	return who.Operator, nil
}

func seesRefundsShop(ctx context.Context, who identity.Principal, obj any) (bool, error) {
	r, ok := obj.(*order.Refund)
	if !ok || !who.IsStaff() {
		return false, nil
	}
	o, err := loaders(ctx).Orders.Load(ctx, r.OrderID)
	return o != nil && who.SeesShop(o.ShopID), err
}

// seesCheckout asks staff for every order of the checkout; a buyer's and an operator's right to one is a right to all.
func seesCheckout(ctx context.Context, who identity.Principal, obj any) (bool, error) {
	o, ok := obj.(*order.Order)
	if !ok || !o.VisibleTo(who) {
		return false, nil
	}
	if who.IsBuyer() || who.Operator {
		return true, nil
	}
	orders, err := loaders(ctx).OrdersOfCheckout.Load(ctx, o.CheckoutID)
	return order.AllVisibleTo(who, orders), err
}

// seesSplits lets staff in; the resolver leaves out those of other shops.
func seesSplits(_ context.Context, who identity.Principal, obj any) (bool, error) {
	_, ok := obj.(*payment.Payment)
	return ok && who.IsStaff(), nil
}

func paysIt(_ context.Context, who identity.Principal, obj any) (bool, error) {
	p, ok := obj.(*payment.Payment)
	return ok && who.IsBuyer() && p.BuyerID == who.Buyer, nil
}
