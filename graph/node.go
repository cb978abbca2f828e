package graph

import (
	"context"

	"holdfast/graph/loader"
	"holdfast/graph/model"
	"holdfast/internal/addressbook"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// maxNodes is how many objects one `nodes` finds.
const maxNodes = 100

// node is the object of this id as far as who asks may see it, else nil: an id that is foreign, that is of nothing and that
// is no id at all are answered alike.
func node(ctx context.Context, id string) (model.Node, error) {
	prefix, u, err := typeid.Decode(id)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // what is no id names nothing
	}
	s := in(ctx)
	switch prefix {
	case typeid.Prefix[typeid.MiniProgram]():
		return find(ctx, s.loaders().MiniPrograms, typeid.From[typeid.MiniProgram](u), everybody)
	case typeid.Prefix[typeid.Shop]():
		return find(ctx, s.loaders().Shops, typeid.From[typeid.Shop](u), everybody)
	case typeid.Prefix[typeid.Product]():
		return find(ctx, s.loaders().Products, typeid.From[typeid.Product](u), s.seesProduct)
	case typeid.Prefix[typeid.Variant]():
		return find(ctx, s.loaders().Variants, typeid.From[typeid.Variant](u), s.seesVariant)
	case typeid.Prefix[typeid.Buyer]():
		return own(typeid.From[typeid.Buyer](u) == s.who.Buyer && s.who.IsBuyer(), &identity.Buyer{ID: s.who.Buyer})
	case typeid.Prefix[typeid.Cart]():
		return ownCart(ctx, s, typeid.From[typeid.Cart](u))
	}
	if s.who.IsAnonymous() {
		return nil, nil //nolint:nilnil // the rest is somebody's
	}
	switch prefix {
	case typeid.Prefix[typeid.Staff]():
		return find(ctx, s.loaders().Staff, typeid.From[typeid.Staff](u), s.seesStaff)
	case typeid.Prefix[typeid.Checkout]():
		return find(ctx, s.loaders().Checkouts, typeid.From[typeid.Checkout](u), s.seesCheckout)
	case typeid.Prefix[typeid.Order]():
		return find(ctx, s.loaders().Orders, typeid.From[typeid.Order](u), s.seesOrder)
	case typeid.Prefix[typeid.OrderLine]():
		return find(ctx, s.loaders().OrderLines, typeid.From[typeid.OrderLine](u), s.seesLine)
	case typeid.Prefix[typeid.Payment]():
		return find(ctx, s.loaders().Payments, typeid.From[typeid.Payment](u), s.seesPayment)
	case typeid.Prefix[typeid.Split]():
		return find(ctx, s.loaders().Splits, typeid.From[typeid.Split](u), s.seesSplit)
	case typeid.Prefix[typeid.Refund]():
		return find(ctx, s.loaders().Refunds, typeid.From[typeid.Refund](u), s.seesRefund)
	case typeid.Prefix[typeid.Address]():
		return find(ctx, s.loaders().Addresses, typeid.From[typeid.Address](u), s.seesAddress)
	case typeid.Prefix[typeid.Job]():
		return find(ctx, s.loaders().Jobs, typeid.From[typeid.Job](u), s.seesJob)
	case typeid.Prefix[typeid.Shipment]():
		return find(ctx, s.loaders().Shipments, typeid.From[typeid.Shipment](u), s.seesShipment)
	}
	return nil, nil //nolint:nilnil // a noun that is not shown by itself
}

// nodes finds objects side by side, so that those of one type are loaded together.
func nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		return nil, fault.New(fault.BadRequest, "at most %d ids at once", maxNodes)
	}
	found := make([]model.Node, len(ids))
	err := loader.Together(ctx, len(ids), func(i int) (err error) {
		found[i], err = node(ctx, ids[i])
		return err
	})
	return found, err
}

// nodeOf is node for a field of one type: what has another type is absent.
func nodeOf[T any](ctx context.Context, id string) (*T, error) {
	found, err := node(ctx, id)
	if typed, ok := found.(*T); ok {
		return typed, err
	}
	return nil, err
}

// sees tells whether an object is shown to who asks.
type sees[T any] func(context.Context, *T) (bool, error)

func find[K comparable, T any](ctx context.Context, l *loader.Loader[K, *T], key K, may sees[T]) (model.Node, error) {
	found, err := l.Load(ctx, key)
	if err != nil || found == nil {
		return nil, err
	}
	if ok, err := may(ctx, found); err != nil || !ok {
		return nil, err
	}
	return found, nil
}

func own(is bool, n model.Node) (model.Node, error) {
	if !is {
		return nil, nil //nolint:nilnil // somebody else's is absent
	}
	return n, nil
}

func ownCart(ctx context.Context, s *scope, id typeid.Cart) (model.Node, error) {
	if !s.who.IsBuyer() || cart.IDOf(s.who.Buyer) != id {
		return nil, nil //nolint:nilnil // somebody else's is absent
	}
	return s.loaders().Cart.Load(ctx, s.who.Buyer)
}

func everybody[T any](context.Context, *T) (bool, error) { return true, nil }

func (s *scope) seesProduct(_ context.Context, p *catalog.Product) (bool, error) {
	return p.VisibleTo(s.who), nil
}

func (s *scope) seesVariant(ctx context.Context, v *catalog.Variant) (bool, error) {
	p, err := s.loaders().Products.Load(ctx, v.ProductID)
	return p != nil && p.VisibleTo(s.who), err
}

// seesStaff shows oneself alone, even to operators: the shops of somebody else could not be told.
func (s *scope) seesStaff(_ context.Context, m *identity.StaffMember) (bool, error) {
	return m.ID == s.who.Staff && s.who.SeesStaff(m.ID), nil
}

func (s *scope) seesCheckout(ctx context.Context, c *checkout.Checkout) (bool, error) {
	return s.seesOrdersOf(ctx, c.ID)
}

func (s *scope) seesPayment(ctx context.Context, p *payment.Payment) (bool, error) {
	return s.seesOrdersOf(ctx, p.CheckoutID)
}

func (s *scope) seesOrdersOf(ctx context.Context, id typeid.Checkout) (bool, error) {
	orders, err := s.loaders().OrdersOfCheckout.Load(ctx, id)
	return order.AllVisibleTo(s.who, orders), err
}

func (s *scope) seesOrder(_ context.Context, o *order.Order) (bool, error) {
	return o.VisibleTo(s.who), nil
}

func (s *scope) seesLine(ctx context.Context, l *order.Line) (bool, error) {
	return s.seesOrderOf(ctx, l.OrderID)
}

func (s *scope) seesAddress(_ context.Context, e *addressbook.Entry) (bool, error) {
	return e.VisibleTo(s.who), nil
}

func (s *scope) seesRefund(ctx context.Context, r *order.Refund) (bool, error) {
	return s.seesOrderOf(ctx, r.OrderID)
}

func (s *scope) seesShipment(ctx context.Context, p *order.Shipment) (bool, error) {
	return s.seesOrderOf(ctx, p.OrderID)
}

// seesJob shows operators all, and staff those of their shops' orders; buyers see what becomes of their orders.
func (s *scope) seesJob(ctx context.Context, j *job.Job) (bool, error) {
	if s.who.Operator || !s.who.IsStaff() || j.Kind != job.Order {
		return s.who.Operator, nil
	}
	return s.seesOrderOf(ctx, typeid.From[typeid.Order](j.ID.UUID))
}

// about is what a job is about, if that is shown by itself.
func about(ctx context.Context, j *job.Job) (model.Node, error) {
	switch j.Kind {
	case job.Order:
		return node(ctx, typeid.From[typeid.Order](j.ID.UUID).String())
	case job.Payment:
		return node(ctx, typeid.From[typeid.Payment](j.ID.UUID).String())
	case job.Restock:
		return node(ctx, typeid.From[typeid.Variant](j.ID.UUID).String())
	case job.Notification, job.Reconciliation: // which are no nodes
	}
	return nil, nil //nolint:nilnil // nothing that has a node
}

func (s *scope) seesOrderOf(ctx context.Context, id typeid.Order) (bool, error) {
	o, err := s.loaders().Orders.Load(ctx, id)
	return o != nil && o.VisibleTo(s.who), err
}

// seesSplit keeps splits from buyers: how a shop divides its money is not their business.
func (s *scope) seesSplit(_ context.Context, p *payment.Split) (bool, error) {
	return s.who.SeesShop(p.ShopID), nil
}
