package wechat

import (
	"context"
	"fmt"
	"time"
)

// Logistics is how goods reach the buyer, by WeChat's number.
type Logistics int

// The ways.
const (
	Express  Logistics = 1
	SameCity Logistics = 2
	Virtual  Logistics = 3
	PickUp   Logistics = 4
)

// OrderKey names a payment: by WeChat's transaction, or else by the merchant who made the order and its number. Of a combined payment
// it is the combined number, which has no transaction.
type OrderKey struct {
	TransactionID string
	MchID         string
	OutTradeNo    string
}

// Parcel is one parcel, or one handing over.
type Parcel struct {
	// TrackingNo and Company, which is WeChat's code such as SF, have at most 128 bytes. Express needs both.
	TrackingNo string
	Company    string
	// Item says what is in it, in 1 to 120 characters: see Cut.
	Item string
	// Receiver and Consignor are telephone numbers. SF needs one of them, and only SF is told, with all but the last 4 digits hidden.
	Receiver  string
	Consignor string
}

// Shipment is what was shipped of one order.
type Shipment struct {
	Order     OrderKey
	Logistics Logistics
	// Split says that the order leaves in several parcels; only Express can. The list is then all of the parcels, and Complete says
	// that no other will follow. Without it there is one parcel.
	Split    bool
	Complete bool
	Parcels  []Parcel // 1 to 15
}

// Upload is what was shipped of an order that was paid by itself.
type Upload struct {
	AppID  string
	OpenID string // who paid
	// At orders the uploads of one payment: a later one corrects the others, so a repeat has the same. WeChat takes one correction of what was
	// complete.
	At time.Time
	Shipment
}

// CombinedUpload is what was shipped of the orders of one combined payment, all named in the same way as the combined one.
type CombinedUpload struct {
	AppID  string
	OpenID string    // who paid
	At     time.Time // as in Upload
	Order  OrderKey
	Orders []Shipment // 1 to 50
}

type (
	orderKeyBody struct {
		Type          int    `json:"order_number_type"`
		TransactionID string `json:"transaction_id,omitempty"`
		MchID         string `json:"mchid,omitempty"`
		OutTradeNo    string `json:"out_trade_no,omitempty"`
	}
	contactBody struct {
		Consignor string `json:"consignor_contact,omitempty"`
		Receiver  string `json:"receiver_contact,omitempty"`
	}
	parcelBody struct {
		TrackingNo string       `json:"tracking_no,omitempty"`
		Company    string       `json:"express_company,omitempty"`
		Item       string       `json:"item_desc"`
		Contact    *contactBody `json:"contact,omitempty"`
	}
	shipmentBody struct {
		Order     orderKeyBody `json:"order_key"`
		Logistics Logistics    `json:"logistics_type"`
		Mode      int          `json:"delivery_mode"`
		Complete  *bool        `json:"is_all_delivered,omitempty"`
		Parcels   []parcelBody `json:"shipping_list"`
	}
	uploadBody struct {
		At    string `json:"upload_time"`
		Payer struct {
			OpenID string `json:"openid"`
		} `json:"payer"`
	}
)

// UploadShipping tells WeChat what was shipped, so that the money is settled. With an error nobody knows whether it was taken, unless the
// error is ErrNotAsked; the same upload may then be repeated.
func (c *Client) UploadShipping(ctx context.Context, u Upload) (Result, error) {
	if bad := u.check(); bad != nil {
		return *bad, nil
	}
	body := struct {
		shipmentBody
		uploadBody
	}{u.body(), uploadOf(u.At, u.OpenID)}
	return c.upload(ctx, u.AppID, "/wxa/sec/order/upload_shipping_info", body)
}

// UploadCombinedShipping is UploadShipping for a combined payment.
func (c *Client) UploadCombinedShipping(ctx context.Context, u CombinedUpload) (Result, error) {
	if bad := u.check(); bad != nil {
		return *bad, nil
	}
	body := struct {
		Order  orderKeyBody   `json:"order_key"`
		Orders []shipmentBody `json:"sub_orders"`
		uploadBody
	}{Order: u.Order.body(), uploadBody: uploadOf(u.At, u.OpenID)}
	for _, s := range u.Orders {
		body.Orders = append(body.Orders, s.body())
	}
	return c.upload(ctx, u.AppID, "/wxa/sec/order/upload_combined_shipping_info", body)
}

func (c *Client) upload(ctx context.Context, appID, path string, body any) (Result, error) {
	answer, err := c.post(ctx, appID, path, body, nil)
	if err != nil {
		return Result{}, fmt.Errorf("upload what was shipped: %w", err)
	}
	out := answered(answer, map[int]State{
		10060001: NoPayment, 10060002: Exhausted, 10060003: Exhausted, 10060004: NotShippable, 10060023: Unchanged,
		10060012: Later, 10060019: Later, // the platform is busy
		10060005: BadArgument, 10060006: BadArgument, 10060007: BadArgument, 10060008: BadArgument, 10060009: BadArgument,
		10060014: BadArgument, 10060020: BadArgument, 10060024: BadArgument, 10060025: BadArgument, 10060026: BadArgument,
		10060031: BadArgument, 47001: BadArgument,
		268485194: BadArgument, 268485195: BadArgument, 268485196: BadArgument, 268485197: BadArgument, 268485216: BadArgument,
		268485224: BadArgument, 268485226: BadArgument, 268485227: BadArgument, 268485228: BadArgument,
	})
	if out.Code == 10060031 {
		out.Field = "payer.openid"
	}
	return out, nil
}

// uploadOf is the part that both uploads have.
func uploadOf(at time.Time, openID string) uploadBody {
	out := uploadBody{At: at.In(beijing()).Format("2006-01-02T15:04:05.000Z07:00")}
	out.Payer.OpenID = openID
	return out
}

func (k OrderKey) body() orderKeyBody {
	out := orderKeyBody{Type: 1, MchID: k.MchID, OutTradeNo: k.OutTradeNo}
	if k.TransactionID != "" {
		out = orderKeyBody{Type: 2, TransactionID: k.TransactionID}
	}
	return out
}

func (s Shipment) body() shipmentBody {
	out := shipmentBody{Order: s.Order.body(), Logistics: s.Logistics, Mode: 1}
	if s.Split {
		out.Mode, out.Complete = 2, &s.Complete
	}
	for _, p := range s.Parcels {
		out.Parcels = append(out.Parcels, p.body(s.Logistics))
	}
	return out
}

func (p Parcel) body(by Logistics) parcelBody {
	out := parcelBody{TrackingNo: p.TrackingNo, Company: p.Company, Item: p.Item}
	if by == Express && p.Company == sf {
		receiver, _ := mask(p.Receiver)
		consignor, _ := mask(p.Consignor)
		out.Contact = &contactBody{Receiver: receiver, Consignor: consignor}
	}
	return out
}
