package sim

import (
	"regexp"
	"time"
)

// shipping is what was uploaded for a payment.
type shipping struct {
	uploads  int
	complete bool
	again    bool // the one upload anew has been used
	mode     int64
	last     time.Time
	parcels  []parcelFields
	logistic int64
}

type orderKeyFields struct {
	Type        int64  `json:"order_number_type" rule:"required,min=1,max=2"`
	Transaction string `json:"transaction_id" rule:"max=32"`
	MchID       string `json:"mchid" rule:"max=32"`
	Number      string `json:"out_trade_no" rule:"max=32"`
}

type parcelFields struct {
	Tracking string `json:"tracking_no" rule:"max=128"`
	Company  string `json:"express_company" rule:"max=128"`
	Item     string `json:"item_desc" rule:"required,max=120,chars"`
	Contact  *struct {
		Consignor string `json:"consignor_contact" rule:"max=1024"`
		Receiver  string `json:"receiver_contact" rule:"max=1024"`
	} `json:"contact"`
}

type shipFields struct {
	Key       orderKeyFields `json:"order_key" rule:"required"`
	Logistics int64          `json:"logistics_type" rule:"required,min=1,max=4"`
	Mode      int64          `json:"delivery_mode" rule:"required,min=1,max=2"`
	Complete  *bool          `json:"is_all_delivered"`
	Parcels   []parcelFields `json:"shipping_list" rule:"required,max=15"`
	Time      string         `json:"upload_time" rule:"required"`
	Payer     payerFields    `json:"payer" rule:"required"`
}

type combinedShipFields struct {
	Key  orderKeyFields `json:"order_key" rule:"required"`
	Subs []struct {
		Key       orderKeyFields `json:"order_key" rule:"required"`
		Logistics int64          `json:"logistics_type" rule:"required,min=1,max=4"`
		Mode      int64          `json:"delivery_mode" rule:"required,min=1,max=2"`
		Complete  *bool          `json:"is_all_delivered"`
		Parcels   []parcelFields `json:"shipping_list" rule:"required,max=15"`
	} `json:"sub_orders" rule:"required,max=50"`
	Time  string      `json:"upload_time" rule:"required"`
	Payer payerFields `json:"payer" rule:"required"`
}

// Errors of the shipping API. Their numbers are not confirmed: a client should not tell them apart.
var (
	errNoPayment   = &miniError{10060001, "支付单不存在"}                          //nolint:gochecknoglobals // constants
	errComplete    = &miniError{10060003, "支付单已使用重新发货机会"}                    //nolint:gochecknoglobals // constants
	errNotNow      = &miniError{10060004, "支付单处于不可发货的状态"}                    //nolint:gochecknoglobals // constants
	errSplitKind   = &miniError{10060006, "非快递发货时不允许分拆发货"}                   //nolint:gochecknoglobals // constants
	errSplitAll    = &miniError{10060007, "分拆发货模式下必须填写 is_all_delivered 字段"} //nolint:gochecknoglobals // constants
	errShipParams  = &miniError{10060014, "参数错误"}                            //nolint:gochecknoglobals // constants
	errShipContact = &miniError{10060019, "快递公司为顺丰时，联系方式为必填"}                //nolint:gochecknoglobals // constants
	errUnchanged   = &miniError{10060023, "发货信息未更新"}                         //nolint:gochecknoglobals // constants
	errOtherPayer  = &miniError{10060031, "订单不属于当前用户"}                       //nolint:gochecknoglobals // constants
)

func (s *Sim) uploadShipping(c *miniCall) (object, *miniError) {
	var f shipFields
	if bad := decodeMini(c.body, &f); bad != nil {
		return nil, bad
	}
	t, bad := s.orderByKey(c, f.Key)
	if bad != nil {
		return nil, bad
	}
	if bad := s.checkShipping(t, &f); bad != nil {
		return nil, bad
	}
	s.ship(t, &f)
	return object{}, nil
}

func (s *Sim) uploadCombinedShipping(c *miniCall) (object, *miniError) {
	var f combinedShipFields
	if bad := decodeMini(c.body, &f); bad != nil {
		return nil, bad
	}
	made := s.combines[tradeKey{f.Key.MchID, f.Key.Number}]
	if f.Key.Type != 1 || made == nil { // a combined order has no transaction of its own
		return nil, errNoPayment
	}
	uploads := map[*trade]*shipFields{}
	for _, sub := range f.Subs {
		t, bad := s.orderByKey(c, sub.Key)
		if bad != nil {
			return nil, bad
		}
		one := &shipFields{
			Key: sub.Key, Logistics: sub.Logistics, Mode: sub.Mode, Complete: sub.Complete, Parcels: sub.Parcels, Time: f.Time, Payer: f.Payer,
		}
		if t.combined != made || uploads[t] != nil {
			return nil, errNoPayment
		}
		if bad := s.checkShipping(t, one); bad != nil {
			return nil, bad
		}
		uploads[t] = one
	}
	for t, one := range uploads {
		s.ship(t, one)
	}
	return object{}, nil
}

// orderByKey finds a payment by its transaction or by the merchant's number, each with nothing of the other.
func (s *Sim) orderByKey(c *miniCall, k orderKeyFields) (*trade, *miniError) {
	var t *trade
	switch {
	case k.Type == 2 && k.Transaction != "" && k.MchID == "" && k.Number == "":
		t = s.transactions[k.Transaction]
	case k.Type == 1 && k.Transaction == "" && k.MchID != "" && k.Number != "":
		for _, one := range s.order {
			if one.number == k.Number && (one.maker.ID == k.MchID || one.sub == k.MchID) {
				t = one
			}
		}
	default:
		return nil, errShipParams
	}
	if t == nil || t.appID != c.app.AppID && t.subAppID != c.app.AppID {
		return nil, errNoPayment
	}
	return t, nil
}

var maskedContact = regexp.MustCompile(`^[0-9+\-]*\*+[0-9]{4}$`)

// checkShipping is every rule for one payment.
func (s *Sim) checkShipping(t *trade, f *shipFields) *miniError {
	at, err := time.Parse("2006-01-02T15:04:05.000Z07:00", f.Time)
	sent := &t.shipped
	switch {
	case err != nil:
		return errShipParams
	case !t.paid() || t.refunded == t.total:
		return errNotNow
	case f.Payer.OpenID != t.payer:
		return errOtherPayer
	case f.Mode == 2 && f.Logistics != 1:
		return errSplitKind
	case f.Mode == 2 && f.Complete == nil:
		return errSplitAll
	case f.Mode == 1 && len(f.Parcels) != 1:
		return errShipParams
	case sent.uploads > 0 && !at.After(sent.last):
		return errUnchanged
	case (sent.complete || sent.uploads > 0 && sent.mode != f.Mode) && sent.again:
		return errComplete
	}
	for _, p := range f.Parcels {
		if f.Logistics == 1 && (p.Tracking == "" || p.Company == "") {
			return errShipParams
		}
		if p.Company != "SF" || f.Logistics != 1 {
			continue
		}
		if p.Contact == nil || !maskedContact.MatchString(p.Contact.Receiver) && !maskedContact.MatchString(p.Contact.Consignor) {
			return errShipContact
		}
	}
	return nil
}

func (s *Sim) ship(t *trade, f *shipFields) {
	sent := &t.shipped
	if sent.complete || sent.uploads > 0 && sent.mode != f.Mode {
		sent.again = true
		sent.parcels = nil
	}
	if at, err := time.Parse("2006-01-02T15:04:05.000Z07:00", f.Time); err == nil {
		sent.last = at
	}
	sent.uploads++
	sent.mode, sent.logistic = f.Mode, f.Logistics
	sent.complete = f.Mode == 1 || f.Complete != nil && *f.Complete
	sent.parcels = append(sent.parcels, f.Parcels...)
	s.effects["ship"]++
}

func (s *Sim) shippingOrder(c *miniCall) (object, *miniError) {
	var f struct {
		Transaction string `json:"transaction_id" rule:"max=32"`
		MchID       string `json:"merchant_id" rule:"max=32"`
		SubMchID    string `json:"sub_merchant_id" rule:"max=32"`
		Number      string `json:"merchant_trade_no" rule:"max=32"`
	}
	if bad := decodeMini(c.body, &f); bad != nil {
		return nil, bad
	}
	k := orderKeyFields{Type: 2, Transaction: f.Transaction}
	if f.Transaction == "" {
		k = orderKeyFields{Type: 1, MchID: f.MchID, Number: f.Number}
	}
	t, bad := s.orderByKey(c, k)
	if bad != nil {
		return nil, bad
	}
	if !t.paid() || f.SubMchID != "" && f.SubMchID != t.sub {
		return nil, errNoPayment
	}
	state := 1
	switch {
	case t.refunded == t.total:
		state = 5
	case t.shipped.complete:
		state = 2
	}
	list := []object{}
	for _, p := range t.shipped.parcels {
		list = append(list, object{"tracking_no": p.Tracking, "express_company": p.Company, "goods_desc": p.Item})
	}
	return object{"order": object{
		"transaction_id": t.transaction, "merchant_id": t.maker.ID, "sub_merchant_id": t.sub, "merchant_trade_no": t.number,
		"description": t.description, "paid_amount": t.total, "openid": t.payer, "trade_create_time": t.made.Unix(), "pay_time": t.paidAt.Unix(),
		"order_state": state, "in_complaint": false,
		"shipping": object{
			"delivery_mode": t.shipped.mode, "logistics_type": t.shipped.logistic, "finish_shipping": t.shipped.complete,
			"finish_shipping_count": min(2, t.shipped.uploads), "shipping_list": list,
		},
	}}, nil
}
