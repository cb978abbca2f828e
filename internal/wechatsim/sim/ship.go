package sim

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
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

// What has an error of its own has no rule here: see checkKey and checkParcels.
type orderKeyFields struct {
	Type        int64  `json:"order_number_type" rule:"required"`
	Transaction string `json:"transaction_id"`
	MchID       string `json:"mchid"`
	Number      string `json:"out_trade_no"`
}

type parcelFields struct {
	Tracking string `json:"tracking_no"`
	Company  string `json:"express_company"`
	Item     string `json:"item_desc"`
	Contact  *struct {
		Consignor string `json:"consignor_contact" rule:"max=1024"`
		Receiver  string `json:"receiver_contact" rule:"max=1024"`
	} `json:"contact"`
}

type shipFields struct {
	Key       orderKeyFields `json:"order_key" rule:"required"`
	Logistics int64          `json:"logistics_type" rule:"required"`
	Mode      int64          `json:"delivery_mode" rule:"required"`
	Complete  *bool          `json:"is_all_delivered"`
	Parcels   []parcelFields `json:"shipping_list" rule:"required"`
	Time      string         `json:"upload_time" rule:"required"`
	Payer     payerFields    `json:"payer" rule:"required"`
}

type combinedShipFields struct {
	Key  orderKeyFields `json:"order_key" rule:"required"`
	Subs []struct {
		Key       orderKeyFields `json:"order_key" rule:"required"`
		Logistics int64          `json:"logistics_type" rule:"required"`
		Mode      int64          `json:"delivery_mode" rule:"required"`
		Complete  *bool          `json:"is_all_delivered"`
		Parcels   []parcelFields `json:"shipping_list" rule:"required"`
	} `json:"sub_orders" rule:"required,max=50"`
	Time  string      `json:"upload_time" rule:"required"`
	Payer payerFields `json:"payer" rule:"required"`
}

// Errors of the shipping API, as its page lists them. 10060002 is never answered here: it is of what the buyer has confirmed.
//
//nolint:gochecknoglobals // constants
var (
	errNoPayment   = &miniError{10060001, "支付单不存在"}
	errComplete    = &miniError{10060003, "支付单已使用重新发货机会"}
	errNotNow      = &miniError{10060004, "支付单处于不可发货的状态"}
	errLogistics   = &miniError{10060005, "物流类型有误"}
	errSplitKind   = &miniError{10060006, "非快递发货时不允许分拆发货"}
	errSplitAll    = &miniError{10060007, "分拆发货模式下必须填写 is_all_delivered 字段"}
	errNoItem      = &miniError{10060008, "商品描述 item_desc 字段不能为空"}
	errLongItem    = &miniError{10060009, "商品描述 item_desc 字段太长"}
	errShipParams  = &miniError{10060014, "参数错误"}
	errUnchanged   = &miniError{10060023, "发货信息未更新"}
	errLongList    = &miniError{10060024, "物流信息列表太长"}
	errLongCompany = &miniError{10060025, "物流公司编码太长"}
	errLongNumber  = &miniError{10060026, "物流单号太长"}
	errOtherPayer  = &miniError{10060031, "该笔支付单不属于 openid 所指定的用户"}

	errKeyType       = &miniError{268485194, "订单单号类型非法"}
	errNoTransaction = &miniError{268485195, "微信支付单号形式下 transaction_id 字段不能为空"}
	errNoMchID       = &miniError{268485196, "商户侧单号形式下 mchid 字段不能为空"}
	errNoNumber      = &miniError{268485197, "商户侧单号形式下 out_trade_no 字段不能为空"}
	errUploadTime    = &miniError{268485216, "上传时间非法，请按照 RFC 3339 格式填写"}
	errMode          = &miniError{268485224, "发货模式非法"}
	errNoTracking    = &miniError{268485226, "物流单号不能为空"}
	errNoCompany     = &miniError{268485227, "物流公司编码不能为空"}
	errUnifiedOne    = &miniError{268485228, "统一发货模式下，物流信息列表长度必须为 1"}
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
	if bad := checkKey(f.Key); bad != nil {
		return nil, bad
	}
	made := s.combines[tradeKey{f.Key.MchID, f.Key.Number}]
	if f.Key.Type != 1 || made == nil { // a combined order has no transaction of its own
		return nil, errNoPayment
	}
	uploads := map[*trade]*shipFields{}
	for _, sub := range f.Subs {
		if sub.Key.Type != f.Key.Type { // the page says so twice
			return nil, errShipParams
		}
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

// checkKey says what a key lacks: it names a payment by its transaction, or by the merchant and its number.
func checkKey(k orderKeyFields) *miniError {
	switch {
	case k.Type != 1 && k.Type != 2:
		return errKeyType
	case k.Type == 2 && k.Transaction == "":
		return errNoTransaction
	case k.Type == 1 && k.MchID == "":
		return errNoMchID
	case k.Type == 1 && k.Number == "":
		return errNoNumber
	case k.Type == 2 && k.MchID+k.Number != "" || k.Type == 1 && k.Transaction != "": // stricter than the page: one of the two would be ignored
		return errShipParams
	case max(len(k.Transaction), len(k.MchID), len(k.Number)) > 32:
		return errShipParams
	}
	return nil
}

// orderByKey finds a payment.
func (s *Sim) orderByKey(c *miniCall, k orderKeyFields) (*trade, *miniError) {
	if bad := checkKey(k); bad != nil {
		return nil, bad
	}
	t := s.transactions[k.Transaction]
	for _, one := range s.order {
		if k.Type == 1 && one.number == k.Number && (one.maker.ID == k.MchID || one.sub == k.MchID) {
			t = one
		}
	}
	if t == nil || t.appID != c.app.AppID && t.subAppID != c.app.AppID {
		return nil, errNoPayment
	}
	return t, nil
}

var (
	maskedContact = regexp.MustCompile(`^[0-9+\-]*\*+[0-9]{4}$`)
	companyCode   = regexp.MustCompile(`^[0-9A-Za-z_\-]+$`) // what get_delivery_list has; names of people's own are none
)

// checkShipping is every rule for one payment.
func (s *Sim) checkShipping(t *trade, f *shipFields) *miniError {
	at, err := time.Parse(time.RFC3339, f.Time)
	sent := &t.shipped
	switch {
	case err != nil:
		return errUploadTime
	case f.Logistics < 1 || f.Logistics > 4:
		return errLogistics
	case f.Mode != 1 && f.Mode != 2:
		return errMode
	case f.Mode == 2 && f.Logistics != 1:
		return errSplitKind
	case f.Mode == 2 && f.Complete == nil:
		return errSplitAll
	case f.Mode == 1 && len(f.Parcels) != 1:
		return errUnifiedOne
	case len(f.Parcels) > 15:
		return errLongList
	case !t.paid() || t.refunded == t.total:
		return errNotNow
	case f.Payer.OpenID != t.payer:
		return errOtherPayer
	case sent.uploads > 0 && !at.After(sent.last):
		return errUnchanged
	case (sent.complete || sent.uploads > 0 && (sent.mode != f.Mode || sent.logistic != f.Logistics)) && sent.again:
		return errComplete
	}
	for _, p := range f.Parcels {
		if bad := p.check(f.Logistics); bad != nil {
			return bad
		}
	}
	return nil
}

func (p parcelFields) check(logistics int64) *miniError {
	express := logistics == 1
	switch {
	case express && p.Tracking == "":
		return errNoTracking
	case express && p.Company == "":
		return errNoCompany
	case len(p.Tracking) > 128:
		return errLongNumber
	case len(p.Company) > 128:
		return errLongCompany
	case express && !companyCode.MatchString(p.Company):
		return errShipParams
	case strings.TrimSpace(p.Item) == "":
		return errNoItem
	case utf8.RuneCountInString(p.Item) > 120:
		return errLongItem
	case !express || p.Company != "SF":
		return nil
	case p.Contact == nil || !maskedContact.MatchString(p.Contact.Receiver) && !maskedContact.MatchString(p.Contact.Consignor):
		return errShipParams // no number of its own; one of the two is required, all but its last 4 digits hidden
	}
	return nil
}

func (s *Sim) ship(t *trade, f *shipFields) {
	sent := &t.shipped
	if sent.complete || sent.uploads > 0 && (sent.mode != f.Mode || sent.logistic != f.Logistics) {
		sent.again = true
		sent.parcels = nil
	}
	if at, err := time.Parse(time.RFC3339, f.Time); err == nil {
		sent.last = at
	}
	sent.uploads++
	sent.mode, sent.logistic = f.Mode, f.Logistics
	sent.complete = f.Mode == 1 || f.Complete != nil && *f.Complete
	sent.parcels = append(sent.parcels, f.Parcels...)
	s.effects["ship"]++
}

func (s *shipping) show() *Shipped {
	out := &Shipped{Logistics: s.logistic, Mode: s.mode, Complete: s.complete}
	for _, p := range s.parcels {
		one := Parcel{Tracking: p.Tracking, Company: p.Company, Item: p.Item}
		if p.Contact != nil {
			one.Contact = p.Contact.Receiver
		}
		out.Parcels = append(out.Parcels, one)
	}
	return out
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
