package notify

import (
	"context"
	"fmt"
	"strconv"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	"holdfast/ent/shipment"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
	"holdfast/internal/wechat"
)

// message is what a notification says, to whom. It ends instead when there is no template for it any more.
func (n *Notifier) message(ctx context.Context, row *ent.Notification) (wechat.Message, *ending, error) {
	fail := func(err error) (wechat.Message, *ending, error) {
		return wechat.Message{}, nil, fmt.Errorf("read what to tell: %w", err)
	}
	appID, openID, err := n.reader(ctx, row.BuyerID)
	if err != nil {
		return fail(err)
	}
	template, ok := n.set.Apps[appID][Kind(row.Kind)]
	if !ok {
		return wechat.Message{}, refused("the mini-program has no template for this any more"), nil
	}
	shop, err := n.db.Shop.Get(ctx, row.ShopID)
	if err != nil {
		return fail(err)
	}
	about := map[string]string{"shop": shop.Name, "time": wechat.TimeValue(row.CreatedAt)}
	if Kind(row.Kind) == Restocked {
		err = n.variantFacts(ctx, typeid.From[typeid.Variant](row.AboutID), about)
	} else {
		err = n.orderFacts(ctx, row, about)
	}
	if err != nil {
		return fail(err)
	}
	m := template.message(about)
	m.AppID, m.OpenID = appID, openID
	return m, nil, nil
}

// reader is who a buyer is at WeChat.
func (n *Notifier) reader(ctx context.Context, id typeid.Buyer) (appID, openID string, err error) {
	b, err := n.db.Buyer.Get(ctx, id)
	if err != nil {
		return "", "", err
	}
	m, err := n.db.MiniProgram.Get(ctx, b.MiniProgramID)
	if err != nil {
		return "", "", err
	}
	return m.AppID, b.OpenID, nil
}

func amountOf(amount int64, currency string) string {
	return wechat.AmountValue(money.New(amount, money.Currency(currency)))
}

// orderFacts adds those of the order, and of its refund if it is about one.
func (n *Notifier) orderFacts(ctx context.Context, row *ent.Notification, about map[string]string) error {
	if row.OrderID == nil {
		return fmt.Errorf("%s is about no order", row.Kind)
	}
	o, err := n.db.Order.Query().Where(entorder.ID(*row.OrderID)).
		WithLines(func(q *ent.OrderLineQuery) { q.Order(orderline.ByPosition()) }).
		WithShipments(func(q *ent.ShipmentQuery) { q.Order(shipment.ByID()) }).Only(ctx)
	if err != nil {
		return err
	}
	about["order"], about["number"], about["total"] = o.ID.String(), o.Number, amountOf(o.Total, o.Currency)
	about["title"] = titleOf(o.Edges.Lines)
	for _, s := range o.Edges.Shipments { // the last parcel is the one that is still on its way
		about["carrier"], about["tracking"] = textOf(s.Carrier), textOf(s.TrackingNumber)
	}
	if len(o.Edges.Shipments) == 0 {
		about["carrier"], about["tracking"] = "", ""
	}
	if Kind(row.Kind) != OrderRefunded {
		return nil
	}
	r, err := n.db.Refund.Get(ctx, typeid.From[typeid.Refund](row.AboutID))
	if err != nil {
		return err
	}
	about["refund"], about["reason"] = amountOf(r.Amount, r.Currency), r.Reason
	return nil
}

func (n *Notifier) variantFacts(ctx context.Context, id typeid.Variant, about map[string]string) error {
	v, err := n.db.ProductVariant.Get(ctx, id)
	if err != nil {
		return err
	}
	p, err := n.db.Product.Get(ctx, v.ProductID)
	if err != nil {
		return err
	}
	k, err := n.db.Stock.Get(ctx, id)
	if err != nil {
		return err
	}
	about["variant"], about["product"], about["sku"] = v.ID.String(), p.ID.String(), v.Sku
	about["title"], about["price"] = p.Title, amountOf(v.Price, v.Currency)
	about["available"] = strconv.Itoa(k.OnHand - k.Held)
	return nil
}

// titleOf names what was bought in a few words.
func titleOf(lines []*ent.OrderLine) string {
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return lines[0].Title
	}
	more := fmt.Sprintf("等%d种商品", len(lines))
	return wechat.Cut(lines[0].Title, maxThing-len([]rune(more))) + more
}

// maxThing is how many characters the keyword that titles mostly go to has room for.
const maxThing = 20

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
