package sim

import (
	"net/http"
)

// combine is a combined order: one payment of several orders, each of which is refunded and shared by itself.
type combine struct {
	maker  *merchant
	number string
	appID  string
	payer  string
	device string
	asked  string
	subs   []*trade
	prepay *prepay
}

type combineAmount struct {
	Total    int64  `json:"total_amount" rule:"required,min=1"`
	Currency string `json:"currency" rule:"required,enum=CNY"`
}

type subOrderFields struct {
	MchID       string        `json:"mchid" rule:"required,max=32"`
	Attach      string        `json:"attach" rule:"required,max=128"`
	Amount      combineAmount `json:"amount" rule:"required"`
	Number      string        `json:"out_trade_no" rule:"required,min=6,max=32,set=order"`
	SubMchID    string        `json:"sub_mchid" rule:"max=32"`
	SubAppID    string        `json:"sub_appid" rule:"max=32"`
	Description string        `json:"description" rule:"required,max=127,chars"`
	Detail      string        `json:"detail" rule:"max=6000"`
	GoodsTag    string        `json:"goods_tag" rule:"max=32"`
	Settle      *settleFields `json:"settle_info"`
}

type combineFields struct {
	AppID  string `json:"combine_appid" rule:"required,max=32"`
	MchID  string `json:"combine_mchid" rule:"required,max=32"`
	Number string `json:"combine_out_trade_no" rule:"required,min=6,max=32,set=order"`
	Scene  *struct {
		Device   string `json:"device_id" rule:"max=32"`
		ClientIP string `json:"payer_client_ip" rule:"required,max=45"`
	} `json:"scene_info" rule:"required"`
	Subs  []subOrderFields `json:"sub_orders" rule:"required,max=50"`
	Payer struct {
		OpenID    string `json:"openid" rule:"max=128"`
		SubOpenID string `json:"sub_openid" rule:"max=128"`
	} `json:"combine_payer_info" rule:"required"`
	Start     string   `json:"time_start" rule:"max=32,time"`
	Expire    string   `json:"time_expire" rule:"max=32,time"`
	NotifyURL string   `json:"notify_url" rule:"required,max=255"`
	LimitPay  []string `json:"limit_pay" rule:"max=4,enum=no_balance|no_credit|no_debit|balance_only"`
}

func (s *Sim) prepayCombined(c *call) (any, *refusal) {
	var f combineFields
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := s.checkCombined(c, &f); bad != nil {
		return nil, bad
	}
	key, asked := tradeKey{c.merchant.ID, f.Number}, canonical(c.body)
	if old := s.combines[key]; old != nil {
		return s.orderAgain(old.subs[0], asked)
	}
	made := &combine{maker: c.merchant, number: f.Number, appID: f.AppID, payer: f.Payer.OpenID, device: f.Scene.Device, asked: asked}
	for _, sub := range f.Subs {
		t := &trade{
			maker: s.merchants[sub.MchID], payee: s.accounts[sub.MchID], sub: sub.SubMchID, appID: f.AppID, subAppID: sub.SubAppID,
			number: sub.Number, description: sub.Description, attach: sub.Attach, device: f.Scene.Device, payer: f.Payer.OpenID,
			total: sub.Amount.Total, sharing: sub.Settle != nil && sub.Settle.Sharing, notifyURL: f.NotifyURL, asked: asked,
			made: s.now(), expires: s.expiry(f.Expire, longest), combined: made,
		}
		if t.sub != "" {
			t.payee = s.accounts[t.sub]
		}
		if s.trades[tradeKey{t.maker.ID, t.number}] != nil {
			return nil, refuse(http.StatusForbidden, "OUT_TRADE_NO_USED", "子单商户订单号重复: "+t.number)
		}
		made.subs = append(made.subs, t)
	}
	for _, t := range made.subs { // only now, so that a refusal leaves nothing
		s.keep(t)
	}
	s.combines[key] = made
	made.prepay = s.newPrepay(&prepay{signer: c.merchant, appID: f.AppID, payer: made.payer, trades: made.subs, combined: made})
	return object{"prepay_id": made.prepay.id}, nil
}

func (s *Sim) checkCombined(c *call, f *combineFields) *refusal {
	if f.MchID != c.merchant.ID {
		return refuse(http.StatusBadRequest, "PARAM_ERROR", "combine_mchid 与签名的商户号不一致")
	}
	if !c.merchant.bound[f.AppID] {
		return notBound()
	}
	if f.Payer.OpenID == "" { // sub_openid is documented for partners, but this simulator knows no appId of a sub-merchant there
		return paramError("/combine_payer_info/openid", nil, "缺少必填字段")
	}
	least, most := 2, 10
	if c.merchant.Partner {
		least, most = 1, 50
	}
	if n := len(f.Subs); n < least || n > most {
		return paramError("/sub_orders", n, "子单个数超出范围")
	}
	seen := map[string]bool{}
	for i := range f.Subs {
		sub := &f.Subs[i]
		if seen[sub.Number] || sub.Number == f.Number && !c.merchant.Partner {
			return paramError("/sub_orders/out_trade_no", sub.Number, "子单商户订单号重复")
		}
		seen[sub.Number] = true
		if bad := s.checkSub(c, f.AppID, sub); bad != nil {
			return bad
		}
	}
	return s.checkOrder(f.NotifyURL, f.AppID, f.Payer.OpenID, &sceneFields{ClientIP: f.Scene.ClientIP})
}

func (s *Sim) checkSub(c *call, appID string, sub *subOrderFields) *refusal {
	m := s.merchants[sub.MchID]
	switch {
	case m == nil:
		return refuse(http.StatusBadRequest, "MCH_NOT_EXISTS", "子单商户号不存在")
	case !m.bound[appID]:
		return notBound()
	case c.merchant.Partner && m != c.merchant:
		return paramError("/sub_orders/mchid", sub.MchID, "必须与 combine_mchid 相同")
	case c.merchant.Partner && !m.subs[sub.SubMchID]:
		return refuse(http.StatusForbidden, "NO_AUTH", "特约子商户与服务商不存在受理关系")
	case !c.merchant.Partner && (sub.SubMchID != "" || sub.SubAppID != "" || m.Partner):
		return paramError("/sub_orders/sub_mchid", sub.SubMchID, "普通商户模式不可传")
	}
	return nil
}

func (s *Sim) queryCombined(c *call) (any, *refusal) {
	if _, bad := c.only(); bad != nil {
		return nil, bad
	}
	made := s.combines[tradeKey{c.merchant.ID, c.request.PathValue("number")}]
	if made == nil {
		return nil, noOrder()
	}
	return made.show(), nil
}

func (s *Sim) closeCombined(c *call) (any, *refusal) {
	var f struct {
		AppID string `json:"combine_appid" rule:"required,max=32"`
		Subs  []struct {
			MchID    string `json:"mchid" rule:"required,max=32"`
			Number   string `json:"out_trade_no" rule:"required,min=6,max=32,set=order"`
			SubMchID string `json:"sub_mchid" rule:"max=32"`
			SubAppID string `json:"sub_appid" rule:"max=32"`
		} `json:"sub_orders" rule:"required,max=50"`
	}
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	made := s.combines[tradeKey{c.merchant.ID, c.request.PathValue("number")}]
	if made == nil {
		return nil, noOrder()
	}
	if f.AppID != made.appID {
		return nil, paramError("/combine_appid", f.AppID, "与下单时不一致")
	}
	named := map[[3]string]bool{}
	for _, sub := range f.Subs {
		named[[3]string{sub.MchID, sub.SubMchID, sub.Number}] = true
	}
	for _, t := range made.subs {
		if !named[[3]string{t.maker.ID, t.sub, t.number}] || len(f.Subs) != len(made.subs) {
			return nil, paramError("/sub_orders", len(f.Subs), "必须包含全部子单")
		}
	}
	switch made.subs[0].state { // sub orders are paid and closed together
	case "CLOSED":
		return nil, refuse(http.StatusBadRequest, "ORDER_CLOSED", "订单已关闭")
	case "NOTPAY":
	default:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "该订单已支付")
	}
	for _, t := range made.subs {
		t.state = "CLOSED"
		s.effects["close"]++
	}
	return nil, nil
}

// show is the answer to a query of a combined order, and the plain text of its notice.
func (m *combine) show() object {
	list := []object{}
	for _, t := range m.subs {
		amount := object{"total_amount": t.total, "currency": "CNY"}
		sub := object{
			"mchid": t.maker.ID, "trade_state": t.state, "attach": t.attach, "out_trade_no": t.number, "amount": amount,
		}
		if t.sub != "" {
			sub["sub_mchid"] = t.sub
		}
		if t.subAppID != "" {
			sub["sub_appid"] = t.subAppID
		}
		if t.paid() {
			sub["trade_type"], sub["bank_type"], sub["success_time"], sub["transaction_id"] = "JSAPI", "OTHERS", wechatTime(t.paidAt), t.transaction
			amount["payer_amount"], amount["payer_currency"] = t.total, "CNY"
		}
		list = append(list, sub)
	}
	out := object{
		"combine_appid": m.appID, "combine_mchid": m.maker.ID, "combine_out_trade_no": m.number, "sub_orders": list,
		"scene_info": object{"device_id": m.device},
	}
	if m.subs[0].paid() {
		out["combine_payer_info"] = object{"openid": m.payer}
	}
	return out
}
