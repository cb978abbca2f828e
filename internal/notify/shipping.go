package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/shipment"
	"holdfast/internal/failpoint"
	"holdfast/internal/order"
	"holdfast/internal/wechat"
)

const (
	maxParcels = 15  // of one payment, at WeChat
	maxItem    = 120 // characters
)

// upload tells WeChat how an order has left. It is repeated in the same words until WeChat answers: the moment of the notification is
// that of the upload, by which WeChat knows one again.
func (n *Notifier) upload(ctx context.Context, row *ent.Notification) (*ending, error) {
	if row.OrderID == nil {
		return refused("it is about no order"), nil
	}
	up, combined, err := n.uploadOf(ctx, row)
	if err != nil {
		return nil, fmt.Errorf("read what was shipped: %w", err)
	}
	if up == nil {
		return refused("nothing of the order was shipped"), nil
	}
	failpoint.Reach(failpoint.Call, "SHIPPING")
	var result wechat.Result
	if combined == nil {
		result, err = n.set.WeChat.UploadShipping(ctx, *up)
	} else {
		result, err = n.set.WeChat.UploadCombinedShipping(ctx, wechat.CombinedUpload{
			AppID: up.AppID, OpenID: up.OpenID, At: up.At, Order: *combined, Orders: []wechat.Shipment{up.Shipment},
		})
	}
	failpoint.Reach(failpoint.Called, "SHIPPING")
	switch {
	case err != nil:
		return nil, err
	case result.State == wechat.Done || result.State == wechat.Unchanged:
		return &ending{Sent, ""}, nil
	case result.State == wechat.Later || result.State == wechat.NoPayment && !n.stale(row): // a new payment is known a while later
		return nil, fmt.Errorf("upload what was shipped: %s", saidOf(result))
	}
	return refused(saidOf(result)), nil
}

// uploadOf is what WeChat is told of an order, and the key of the combined payment if it is a part of one. Each order of a combined
// payment is uploaded when it has left, by itself: shops ship on days of their own, and what is refunded never leaves. It is nil when
// there is nothing to tell.
func (n *Notifier) uploadOf(ctx context.Context, row *ent.Notification) (*wechat.Upload, *wechat.OrderKey, error) {
	o, err := n.db.Order.Query().Where(entorder.ID(*row.OrderID)).WithLines().WithShipments(func(q *ent.ShipmentQuery) {
		q.Order(shipment.ByID()).WithLines()
	}).Only(ctx)
	if err != nil {
		return nil, nil, err
	}
	paid, err := n.db.Payment.Query().Where(entpayment.CheckoutID(o.CheckoutID)).Only(ctx)
	if err != nil {
		return nil, nil, err
	}
	up := &wechat.Upload{At: row.CreatedAt, Shipment: shipmentOf(o)}
	if len(up.Parcels) == 0 {
		return nil, nil, nil
	}
	if up.AppID, up.OpenID, err = n.reader(ctx, row.BuyerID); err != nil {
		return nil, nil, err
	}
	if n.set.Numbers == nil {
		return nil, nil, errors.New("nobody knows the numbers of payments")
	}
	known, err := n.set.Numbers(ctx, paid.ID, o.ID)
	if err != nil {
		return nil, nil, err
	}
	if known.Combined != "" { // whose orders must be named in the same way as itself, and it has no transaction
		up.Order = wechat.OrderKey{MchID: known.Merchant, OutTradeNo: known.Number}
		return up, &wechat.OrderKey{MchID: known.Payer, OutTradeNo: known.Combined}, nil
	}
	up.Order = wechat.OrderKey{MchID: known.Merchant, OutTradeNo: known.Number}
	if paid.TransactionID != nil { // which is clear also where one merchant asks for another
		up.Order = wechat.OrderKey{TransactionID: *paid.TransactionID}
	}
	return up, nil, nil
}

// shipmentOf is how an order has left, as WeChat wants to hear it. It knows one way for an order: of several, the one that can be
// followed best. Parcels of couriers are told apart, at most 15 of them; of every other way there is one entry.
func shipmentOf(o *ent.Order) wechat.Shipment {
	ways := []struct {
		method string
		by     wechat.Logistics
	}{{order.Express, wechat.Express}, {order.SameCity, wechat.SameCity}, {order.PickUp, wechat.PickUp}, {order.Virtual, wechat.Virtual}}
	for _, way := range ways {
		var sent []*ent.Shipment
		for _, s := range o.Edges.Shipments {
			if s.Method == way.method {
				sent = append(sent, s)
			}
		}
		if len(sent) == 0 {
			continue
		}
		if way.by != wechat.Express {
			parcel := wechat.Parcel{Item: itemOf(o, sent)}
			if sent[0].TrackingNumber != nil {
				parcel.TrackingNo = *sent[0].TrackingNumber
			}
			return wechat.Shipment{Logistics: way.by, Parcels: []wechat.Parcel{parcel}}
		}
		out := wechat.Shipment{Logistics: way.by, Split: len(sent) > 1, Complete: true}
		for _, s := range sent[:min(len(sent), maxParcels)] {
			out.Parcels = append(out.Parcels, wechat.Parcel{
				TrackingNo: textOf(s.TrackingNumber), Company: order.CarrierCode(textOf(s.Carrier)), Item: itemOf(o, []*ent.Shipment{s}),
				Receiver: textOf(o.ShipPhone),
			})
		}
		return out
	}
	return wechat.Shipment{}
}

// itemOf says what is in shipments: 乌龙茶*2；茶杯*1.
func itemOf(o *ent.Order, in []*ent.Shipment) string {
	var items []string
	for _, l := range o.Edges.Lines {
		quantity := 0
		for _, s := range in {
			if at := slices.IndexFunc(s.Edges.Lines, func(in *ent.ShipmentLine) bool { return in.OrderLineID == l.ID }); at >= 0 {
				quantity += s.Edges.Lines[at].Quantity
			}
		}
		if quantity > 0 {
			items = append(items, l.Title+"*"+strconv.Itoa(quantity))
		}
	}
	return wechat.Cut(strings.Join(items, "；"), maxItem)
}
