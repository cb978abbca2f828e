package sim

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// tradeKey names what a merchant made by its own number.
type tradeKey struct{ merchant, number string }

// trade is one order: of its own, or a part of a combined one.
type trade struct {
	maker         *merchant // who asked, and who may ask about it
	payee         *account  // who has the money: the sub-merchant in partner mode, else the maker
	sub           string    // the sub-merchant's number, in partner mode
	appID         string    // sp_appid in partner mode
	subAppID      string
	number        string
	description   string
	attach        string
	device        string
	payer         string // openid
	payerOfSub    bool   // the openid is one of subAppID
	total         int64
	sharing       bool
	notifyURL     string
	asked         string // the request, to compare a repetition with
	made, expires time.Time
	prepay        *prepay
	combined      *combine

	state       string // NOTPAY, SUCCESS, REFUND, CLOSED
	transaction string
	paidAt      time.Time
	books
	shipped shipping
	billed  *int64 // what bills say was paid, if that is something else
}

// prepay is what a prepay_id stands for.
type prepay struct {
	id       string
	made     time.Time
	signer   *merchant // whose key signs paySign
	appID    string
	payer    string
	trades   []*trade
	combined *combine
}

const (
	prepayLives  = 2 * time.Hour
	shortest     = time.Minute
	longestAlone = 15 * 24 * time.Hour
	longest      = 7 * 24 * time.Hour
)

func (s *Sim) prepayJSAPI(c *call) (any, *refusal) {
	var f jsapiFields
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if c.merchant.Partner {
		return nil, refuse(http.StatusForbidden, "NO_AUTH", "服务商请使用服务商模式接口")
	}
	if f.MchID != c.merchant.ID {
		return nil, refuse(http.StatusBadRequest, "PARAM_ERROR", "mchid 与签名的商户号不一致")
	}
	if !c.merchant.bound[f.AppID] {
		return nil, notBound()
	}
	t := &trade{
		maker: c.merchant, payee: s.accounts[f.MchID], appID: f.AppID, number: f.Number, description: f.Description,
		attach: f.Attach, payer: f.Payer.OpenID, total: f.Amount.Total, notifyURL: f.NotifyURL, sharing: f.Settle != nil && f.Settle.Sharing,
	}
	return s.order1(c, t, f.AppID, f.Expire, f.Scene)
}

func (s *Sim) prepayPartner(c *call) (any, *refusal) {
	var f partnerFields
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := c.partnerOf(f.SpMchID, f.SubMchID); bad != nil {
		return nil, bad
	}
	if !c.merchant.bound[f.SpAppID] {
		return nil, notBound()
	}
	t := &trade{
		maker: c.merchant, payee: s.accounts[f.SubMchID], sub: f.SubMchID, appID: f.SpAppID, subAppID: f.SubAppID, number: f.Number,
		description: f.Description, attach: f.Attach, total: f.Amount.Total, notifyURL: f.NotifyURL,
		sharing: f.Settle != nil && f.Settle.Sharing, payer: f.Payer.SpOpenID,
	}
	appID := f.SpAppID
	switch {
	case (f.Payer.SpOpenID == "") == (f.Payer.SubOpenID == ""):
		return nil, paramError("/payer", nil, "sp_openid 与 sub_openid 二选一")
	case f.Payer.SubOpenID != "" && f.SubAppID == "":
		return nil, paramError("/sub_appid", nil, "传 sub_openid 时必填")
	case f.Payer.SubOpenID != "":
		t.payer, t.payerOfSub, appID = f.Payer.SubOpenID, true, f.SubAppID
	}
	return s.order1(c, t, appID, f.Expire, f.Scene)
}

// partnerOf refuses who is no partner, is another one, or has no such sub-merchant.
func (c *call) partnerOf(sp, sub string) *refusal {
	switch {
	case !c.merchant.Partner:
		return refuse(http.StatusForbidden, "NO_AUTH", "商户无服务商权限")
	case sp != c.merchant.ID:
		return refuse(http.StatusBadRequest, "PARAM_ERROR", "sp_mchid 与签名的商户号不一致")
	case !c.merchant.subs[sub]:
		return refuse(http.StatusForbidden, "NO_AUTH", "特约子商户与服务商不存在受理关系")
	}
	return nil
}

func notBound() *refusal {
	return refuse(http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "商户号与appid不匹配")
}

// order1 makes an order, or finds the one that the same request made before.
func (s *Sim) order1(c *call, t *trade, payerApp, expire string, scene *sceneFields) (any, *refusal) {
	if bad := s.checkOrder(t.notifyURL, payerApp, t.payer, scene); bad != nil {
		return nil, bad
	}
	if scene != nil {
		t.device = scene.Device
	}
	t.asked = canonical(c.body)
	if old := s.trades[tradeKey{c.merchant.ID, t.number}]; old != nil {
		return s.orderAgain(old, t.asked)
	}
	t.made, t.expires = s.now(), s.expiry(expire, longestAlone)
	s.keep(t)
	return object{"prepay_id": s.newPrepay(&prepay{signer: c.merchant, appID: payerApp, payer: t.payer, trades: []*trade{t}}).id}, nil
}

func (s *Sim) orderAgain(old *trade, asked string) (any, *refusal) {
	switch {
	case old.state == "SUCCESS" || old.state == "REFUND":
		return nil, refuse(http.StatusForbidden, "OUT_TRADE_NO_USED", "商户订单号重复")
	case old.state == "CLOSED":
		return nil, refuse(http.StatusBadRequest, "ORDER_CLOSED", "订单已关闭")
	case old.asked != asked:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
	case s.now().After(old.expires):
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "订单已超过支付结束时间，请使用新的商户订单号重新下单")
	}
	if p := old.prepay; s.now().Sub(p.made) >= prepayLives {
		s.newPrepay(&prepay{signer: p.signer, appID: p.appID, payer: p.payer, trades: p.trades, combined: p.combined})
	}
	return object{"prepay_id": old.prepay.id}, nil
}

// checkOrder is what single and combined orders have in common.
func (s *Sim) checkOrder(notifyURL, appID, openID string, scene *sceneFields) *refusal {
	if bad := s.checkNotifyURL(notifyURL); bad != nil {
		return bad
	}
	if scene != nil {
		if _, err := netip.ParseAddr(scene.ClientIP); err != nil {
			return paramError("/scene_info/payer_client_ip", scene.ClientIP, "不是 IP 地址")
		}
	}
	if a := s.apps[appID]; a == nil || !a.openIDs[openID] {
		return &refusal{status: http.StatusBadRequest, Code: "PARAM_ERROR", Message: "无效的openid", Detail: object{"field": "/payer", "location": "body", "value": openID}}
	}
	return nil
}

func (s *Sim) checkNotifyURL(text string) *refusal {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(text, " []") {
		return paramError("/notify_url", text, "必须是不带参数的完整地址")
	}
	host, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && host.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !s.loopback || !local) {
		return paramError("/notify_url", text, "必须是 https 地址")
	}
	return nil
}

// expiry is when an order can no longer be paid: WeChat moves what is too early or too late, and gives 7 days to who says nothing.
func (s *Sim) expiry(asked string, most time.Duration) time.Time {
	at, err := time.Parse(time.RFC3339, asked)
	if err != nil {
		return s.now().Add(longest)
	}
	if first := s.now().Add(shortest); at.Before(first) {
		return first
	}
	if last := s.now().Add(most); at.After(last) {
		return last
	}
	return at
}

func (s *Sim) keep(t *trade) {
	t.state = "NOTPAY"
	s.trades[tradeKey{t.maker.ID, t.number}] = t
	s.order = append(s.order, t)
}

func (s *Sim) newPrepay(p *prepay) *prepay {
	p.id, p.made = "wx"+s.now().In(beijing).Format("20060102150405")+strings.ToLower(s.text(22)), s.now()
	s.prepays[p.id] = p
	for _, t := range p.trades {
		t.prepay = p
	}
	return p
}

// canonical is a body without regard to the order of its fields and its blanks.
func canonical(body []byte) string {
	tree, err := parse(body)
	if err != nil {
		return string(body)
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return string(body)
	}
	return string(text)
}

func (s *Sim) queryTrade(c *call) (any, *refusal) {
	q, bad := c.only("mchid")
	if bad != nil {
		return nil, bad
	}
	if q["mchid"] != c.merchant.ID {
		return nil, refuse(http.StatusBadRequest, "PARAM_ERROR", "mchid 与签名的商户号不一致")
	}
	t := s.find(c.merchant, c.request.PathValue("id"), c.request.PathValue("number"))
	if t == nil || t.sub != "" {
		return nil, noOrder()
	}
	return t.show(), nil
}

func (s *Sim) queryPartnerTrade(c *call) (any, *refusal) {
	q, bad := c.only("sp_mchid", "sub_mchid")
	if bad != nil {
		return nil, bad
	}
	if bad := c.partnerOf(q["sp_mchid"], q["sub_mchid"]); bad != nil {
		return nil, bad
	}
	t := s.find(c.merchant, c.request.PathValue("id"), c.request.PathValue("number"))
	if t == nil || t.sub != q["sub_mchid"] {
		return nil, noOrder()
	}
	return t.show(), nil
}

func noOrder() *refusal { return refuse(http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在") }

// find looks an order up by WeChat's number or by the merchant's own.
func (s *Sim) find(m *merchant, transaction, number string) *trade {
	if transaction == "" {
		return s.trades[tradeKey{m.ID, number}]
	}
	if t := s.transactions[transaction]; t != nil && t.maker == m {
		return t
	}
	return nil
}

func (s *Sim) closeTrade(c *call) (any, *refusal) {
	var f struct {
		MchID string `json:"mchid" rule:"required,max=32"`
	}
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if f.MchID != c.merchant.ID {
		return nil, refuse(http.StatusBadRequest, "PARAM_ERROR", "mchid 与签名的商户号不一致")
	}
	t := s.find(c.merchant, "", c.request.PathValue("number"))
	if t == nil || t.sub != "" {
		return nil, noOrder()
	}
	return nil, s.closeOne(t)
}

func (s *Sim) closePartnerTrade(c *call) (any, *refusal) {
	var f struct {
		Sp  string `json:"sp_mchid" rule:"required,max=32"`
		Sub string `json:"sub_mchid" rule:"required,max=32"`
	}
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := c.partnerOf(f.Sp, f.Sub); bad != nil {
		return nil, bad
	}
	t := s.find(c.merchant, "", c.request.PathValue("number"))
	if t == nil || t.sub != f.Sub {
		return nil, noOrder()
	}
	return nil, s.closeOne(t)
}

// closeOne closes what is not paid. Which code a paid order is refused with is not documented: INVALID_REQUEST is a guess.
func (s *Sim) closeOne(t *trade) *refusal {
	switch {
	case t.combined != nil:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "合单订单请使用合单关单接口")
	case t.state == "CLOSED":
		return refuse(http.StatusBadRequest, "ORDER_CLOSED", "订单已关闭")
	case t.state != "NOTPAY":
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "该订单已支付")
	}
	t.state = "CLOSED"
	s.effects["close"]++
	return nil
}
