package loader

import (
	"context"
	"slices"
	"strings"
	"time"

	"holdfast/internal/addressbook"
	"holdfast/internal/app"
	"holdfast/internal/audit"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/notify"
	"holdfast/internal/order"
	"holdfast/internal/page"
	"holdfast/internal/payment"
	"holdfast/internal/reconcile"
	"holdfast/internal/typeid"
)

// Sources are where loaders read.
type Sources struct {
	*app.App

	// Wait is how long a batch gathers keys. A millisecond is enough for what runs at the same time.
	Wait time.Duration
}

// Loaders are the loaders of one response. None of them asks who may see what it loads, but for the products of shops.
type Loaders struct {
	MiniPrograms *Loader[typeid.MiniProgram, *catalog.MiniProgram]
	Shops        *Loader[typeid.Shop, *catalog.Shop]
	Products     *Loader[typeid.Product, *catalog.Product]
	Variants     *Loader[typeid.Variant, *catalog.Variant]
	Stocks       *Loader[typeid.Variant, *inventory.Stock]
	Staff        *Loader[typeid.Staff, *identity.StaffMember]
	Checkouts    *Loader[typeid.Checkout, *checkout.Checkout]
	Orders       *Loader[typeid.Order, *order.Order]
	OrderLines   *Loader[typeid.OrderLine, *order.Line]
	Payments     *Loader[typeid.Payment, *payment.Payment]
	Splits       *Loader[typeid.Split, *payment.Split]
	Refunds      *Loader[typeid.Refund, *order.Refund]
	Shipments    *Loader[typeid.Shipment, *order.Shipment]
	Addresses    *Loader[typeid.Address, *addressbook.Entry]
	Jobs         *Loader[typeid.Job, *job.Job]

	PaymentOfCheckout    *Loader[typeid.Checkout, *payment.Payment]
	OrdersOfCheckout     *Loader[typeid.Checkout, []*order.Order]
	VariantsOfProduct    *Loader[typeid.Product, []*catalog.Variant]
	SplitRulesOfShop     *Loader[typeid.Shop, []*catalog.SplitRule]
	LinesOfOrder         *Loader[typeid.Order, []*order.Line]
	RefundsOfOrder       *Loader[typeid.Order, []*order.Refund]
	ShipmentsOfOrder     *Loader[typeid.Order, []*order.Shipment]
	SplitsOfOrder        *Loader[typeid.Order, []*payment.Split]
	SplitsOfPayment      *Loader[typeid.Payment, []*payment.Split]
	NotesOfOrder         *Loader[typeid.Order, []*order.Note]
	LedgerOfOrder        *Loader[typeid.Order, []*payment.Entry]
	NotificationsOfOrder *Loader[typeid.Order, []*notify.Notification]
	BalancesOfShop       *Loader[typeid.Shop, []*payment.Balance]
	LinesOfShipment      *Loader[typeid.Shipment, []*order.ShipmentLine]

	ShopsOfMiniProgram *Pages[typeid.MiniProgram, page.Query, *catalog.Shop]
	ProductsOfShop     *Pages[typeid.Shop, catalog.ProductQuery, *catalog.Product]
	VariantsOfShop     *Pages[typeid.Shop, catalog.VariantQuery, *catalog.Variant]
	MovementsOfVariant *Pages[typeid.Variant, page.Query, *inventory.Record]
	OrdersOfShop       *Pages[typeid.Shop, OrderQuery, *order.Order]
	OrdersOfBuyer      *Pages[typeid.Buyer, OrderQuery, *order.Order]
	StaffOfShop        *Pages[typeid.Shop, page.Query, *identity.ShopMember]
	InvitationsOfShop  *Pages[typeid.Shop, page.Query, *identity.Invitation]
	AuditLogOfShop     *Pages[typeid.Shop, page.Query, *audit.Entry]
	LedgerOfShop       *Pages[typeid.Shop, page.Query, *payment.Entry]
	DifferencesOf      *Pages[typeid.Reconciliation, page.Query, *reconcile.Difference]

	// Cart is who's own; of other buyers there is none.
	Cart *Loader[typeid.Buyer, *cart.Cart]
	// RemindersOf is what who waits for; of other buyers it is empty.
	RemindersOf *Loader[typeid.Buyer, []*notify.Reminder]
	// AddressesOf is who's own address book; those of other buyers are empty.
	AddressesOf *Loader[typeid.Buyer, []*addressbook.Entry]

	parameters *Loader[*payment.Payment, *payment.Parameters]
}

// New makes the loaders of one response that who asked for.
func New(s Sources, who identity.Principal) *Loaders {
	l := &Loaders{
		MiniPrograms: byKey(s.Wait, s.Catalog.MiniPrograms, func(m *catalog.MiniProgram) typeid.MiniProgram { return m.ID }),
		Shops:        byKey(s.Wait, s.Catalog.Shops, func(p *catalog.Shop) typeid.Shop { return p.ID }),
		Products:     byKey(s.Wait, s.Catalog.Products, func(p *catalog.Product) typeid.Product { return p.ID }),
		Variants:     byKey(s.Wait, s.Catalog.Variants, func(v *catalog.Variant) typeid.Variant { return v.ID }),
		Stocks:       byKey(s.Wait, s.Inventory.Stocks, func(k *inventory.Stock) typeid.Variant { return k.VariantID }),
		Staff:        byKey(s.Wait, s.staff, func(m *identity.StaffMember) typeid.Staff { return m.ID }),
		Checkouts:    byKey(s.Wait, s.Checkouts.ByIDs, func(c *checkout.Checkout) typeid.Checkout { return c.ID }),
		Orders:       byKey(s.Wait, s.Orders.ByIDs, func(o *order.Order) typeid.Order { return o.ID }),
		OrderLines:   byKey(s.Wait, s.Orders.LinesByIDs, func(l *order.Line) typeid.OrderLine { return l.ID }),
		Payments:     byKey(s.Wait, s.Payments.ByIDs, func(p *payment.Payment) typeid.Payment { return p.ID }),
		Splits:       byKey(s.Wait, s.Payments.SplitsByIDs, func(p *payment.Split) typeid.Split { return p.ID }),
		Refunds:      byKey(s.Wait, s.Orders.RefundsByIDs, func(r *order.Refund) typeid.Refund { return r.ID }),
		Shipments:    byKey(s.Wait, s.Orders.ShipmentsByIDs, func(p *order.Shipment) typeid.Shipment { return p.ID }),
		Addresses:    byKey(s.Wait, s.Addresses.ByIDs, func(e *addressbook.Entry) typeid.Address { return e.ID }),
		Jobs:         byKey(s.Wait, s.Jobs.ByIDs, func(j *job.Job) typeid.Job { return j.ID }),
	}
	l.addLists(s)
	l.addPages(s, who)
	l.parameters = parametersFor(s, who)
	return l
}

func (l *Loaders) addLists(s Sources) {
	l.PaymentOfCheckout = byKey(s.Wait, s.Payments.ByCheckouts, func(p *payment.Payment) typeid.Checkout { return p.CheckoutID })
	l.OrdersOfCheckout = ofParent(s.Wait, s.Orders.ByCheckouts, func(o *order.Order) typeid.Checkout { return o.CheckoutID })
	l.VariantsOfProduct = ofParent(s.Wait, s.Catalog.VariantsOf, func(v *catalog.Variant) typeid.Product { return v.ProductID })
	l.SplitRulesOfShop = fromMap(s.Wait, s.Catalog.SplitRules, pointers)
	l.LinesOfOrder = ofParent(s.Wait, s.Orders.Lines, func(l *order.Line) typeid.Order { return l.OrderID })
	l.RefundsOfOrder = ofParent(s.Wait, s.Orders.Refunds, func(r *order.Refund) typeid.Order { return r.OrderID })
	l.ShipmentsOfOrder = ofParent(s.Wait, s.Orders.Shipments, func(p *order.Shipment) typeid.Order { return p.OrderID })
	l.SplitsOfOrder = ofParent(s.Wait, s.Payments.SplitsOfOrders, func(p *payment.Split) typeid.Order { return p.OrderID })
	l.SplitsOfPayment = ofParent(s.Wait, s.Payments.SplitsOfPayments, func(p *payment.Split) typeid.Payment { return p.PaymentID })
	l.NotesOfOrder = ofParent(s.Wait, s.Orders.NotesOf, func(n *order.Note) typeid.Order { return n.OrderID })
	l.NotificationsOfOrder = ofParent(s.Wait, s.Notify.OfOrders, func(n *notify.Notification) typeid.Order { return n.OrderID })
	l.LedgerOfOrder = ofParent(s.Wait, s.Payments.EntriesOfOrders, func(e *payment.Entry) typeid.Order { return e.OrderID })
	l.BalancesOfShop = ofParent(s.Wait, s.Payments.BalancesOfShops, func(b *payment.Balance) typeid.Shop { return b.ShopID })
	l.LinesOfShipment = fromMap(s.Wait, s.Orders.ShipmentLines, pointers)
}

func (l *Loaders) addPages(s Sources, who identity.Principal) {
	l.ShopsOfMiniProgram = pagesOf(s.Wait, s.Catalog.ShopsOfMiniPrograms)
	l.ProductsOfShop = pagesOf(s.Wait, func(ctx context.Context, shops []typeid.Shop, q catalog.ProductQuery) (map[typeid.Shop]page.Page[*catalog.Product], error) {
		return s.Catalog.ProductsOf(ctx, who, shops, q)
	})
	l.VariantsOfShop = pagesOf(s.Wait, s.Catalog.VariantsOfShops)
	l.MovementsOfVariant = pagesOf(s.Wait, s.Inventory.MovementsOf)
	l.OrdersOfShop = pagesOf(s.Wait, func(ctx context.Context, shops []typeid.Shop, q OrderQuery) (map[typeid.Shop]page.Page[*order.Order], error) {
		return s.Orders.OfShops(ctx, shops, q.filter(), q.Query)
	})
	l.OrdersOfBuyer = pagesOf(s.Wait, func(ctx context.Context, buyers []typeid.Buyer, q OrderQuery) (map[typeid.Buyer]page.Page[*order.Order], error) {
		return s.Orders.OfBuyers(ctx, buyers, q.filter(), q.Query)
	})
	l.StaffOfShop = pagesOf(s.Wait, s.Identity.StaffOfShops)
	l.InvitationsOfShop = pagesOf(s.Wait, s.Identity.InvitationsOfShops)
	l.AuditLogOfShop = pagesOf(s.Wait, s.Audit.OfShops)
	l.LedgerOfShop = pagesOf(s.Wait, s.Payments.EntriesOfShops)
	l.DifferencesOf = pagesOf(s.Wait, s.Reconciler.DifferencesOf)
	l.addOwn(s, who)
}

// addOwn adds the loaders of what is who's own alone.
func (l *Loaders) addOwn(s Sources, who identity.Principal) {
	l.AddressesOf = ofParent(s.Wait, func(ctx context.Context, buyers []typeid.Buyer) ([]*addressbook.Entry, error) {
		if !slices.Contains(buyers, who.Buyer) {
			return nil, nil
		}
		return s.Addresses.OfBuyer(ctx, who.Buyer)
	}, func(e *addressbook.Entry) typeid.Buyer { return e.BuyerID })
	l.RemindersOf = ofParent(s.Wait, func(ctx context.Context, buyers []typeid.Buyer) ([]*notify.Reminder, error) {
		if !slices.Contains(buyers, who.Buyer) {
			return nil, nil
		}
		return s.Notify.RemindersOf(ctx, who.Buyer)
	}, func(r *notify.Reminder) typeid.Buyer { return r.BuyerID })
	l.Cart = byKey(s.Wait, func(ctx context.Context, buyers []typeid.Buyer) ([]*cart.Cart, error) {
		if !slices.Contains(buyers, who.Buyer) {
			return nil, nil
		}
		own, err := s.Carts.Of(ctx, who)
		return []*cart.Cart{own}, err
	}, func(*cart.Cart) typeid.Buyer { return who.Buyer })
}

// ParametersOf are what the payment provider takes: what it answered in this request already, or what it answers now.
func (l *Loaders) ParametersOf(ctx context.Context, p *payment.Payment) (*payment.Parameters, error) {
	if p.Asked {
		return p.Parameters, nil
	}
	return l.parameters.Load(ctx, p)
}

// providerCalls is how many calls of one response to the provider run at the same time.
const providerCalls = 8

// parametersFor asks the provider, each payment once however many fields show it.
func parametersFor(s Sources, who identity.Principal) *Loader[*payment.Payment, *payment.Parameters] {
	return &Loader[*payment.Payment, *payment.Parameters]{
		wait: s.Wait, capacity: capacity,
		fetch: func(ctx context.Context, keys []*payment.Payment, put func(*payment.Payment, *payment.Parameters, error)) {
			answers := make([]*payment.Parameters, len(keys))
			err := Concurrently(len(keys), providerCalls, func(i int) error {
				p := *keys[i] // the answer is written to the payment, which other fields read
				answers[i] = s.Checkouts.Parameters(ctx, who, &p)
				return nil
			})
			for i, key := range keys {
				put(key, answers[i], err)
			}
		},
	}
}

func (s Sources) staff(ctx context.Context, ids []typeid.Staff) ([]*identity.StaffMember, error) {
	found, err := s.Identity.StaffByIDs(ctx, ids)
	out := make([]*identity.StaffMember, 0, len(found))
	for _, member := range found {
		out = append(out, &member)
	}
	return out, err
}

// OrderQuery is a page of orders, in a form that can be compared: equal ones share a statement.
type OrderQuery struct {
	page.Query
	statuses     string
	from, before moment
	text         string
}

type moment struct {
	at  time.Time
	set bool
}

// Orders is the query for the page q of the orders that f keeps.
func Orders(f order.Filter, q page.Query) OrderQuery {
	names := make([]string, len(f.Statuses))
	for i, s := range f.Statuses {
		names[i] = string(s)
	}
	slices.Sort(names)
	return OrderQuery{
		Query: q, statuses: strings.Join(slices.Compact(names), " "),
		from: momentOf(f.PlacedFrom), before: momentOf(f.PlacedBefore), text: f.Text,
	}
}

func (q OrderQuery) filter() order.Filter {
	f := order.Filter{PlacedFrom: q.from.pointer(), PlacedBefore: q.before.pointer(), Text: q.text}
	for name := range strings.FieldsSeq(q.statuses) {
		f.Statuses = append(f.Statuses, order.Status(name))
	}
	return f
}

func momentOf(t *time.Time) moment {
	if t == nil {
		return moment{}
	}
	return moment{*t, true}
}

func (m moment) pointer() *time.Time {
	if !m.set {
		return nil
	}
	return &m.at
}
