package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"holdfast/internal/failpoint"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
)

const (
	descriptionLen = 127 // characters
	// clientIP stands where a combined payment must say which address the buyer has. Behind proxies that is not known, it may change
	// between two requests, and the same payment has to be asked for in the same words.
	clientIP = "127.0.0.1"
)

// beijing is where WeChat's clocks are.
var beijing = time.FixedZone("CST", 8*60*60) //nolint:gochecknoglobals // a constant

type amount struct {
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

type settling struct {
	Sharing bool `json:"profit_sharing"`
}

// jsapiRequest asks for a payment of one order, in either mode.
type jsapiRequest struct {
	AppID       string `json:"appid,omitempty"`
	MchID       string `json:"mchid,omitempty"`
	SpAppID     string `json:"sp_appid,omitempty"`
	SpMchID     string `json:"sp_mchid,omitempty"`
	SubMchID    string `json:"sub_mchid,omitempty"`
	Description string `json:"description"`
	Number      string `json:"out_trade_no"`
	Expire      string `json:"time_expire"`
	Attach      string `json:"attach"`
	NotifyURL   string `json:"notify_url"`
	Amount      amount `json:"amount"`
	Payer       struct {
		OpenID   string `json:"openid,omitempty"`
		SpOpenID string `json:"sp_openid,omitempty"`
	} `json:"payer"`
	Settle settling `json:"settle_info"`
}

type combineAmount struct {
	Total    int64  `json:"total_amount"`
	Currency string `json:"currency"`
}

type combineSub struct {
	MchID       string        `json:"mchid"`
	SubMchID    string        `json:"sub_mchid,omitempty"`
	Attach      string        `json:"attach"`
	Amount      combineAmount `json:"amount"`
	Number      string        `json:"out_trade_no"`
	Description string        `json:"description"`
	Settle      settling      `json:"settle_info"`
}

// combineRequest asks for one payment of several orders.
type combineRequest struct {
	AppID  string `json:"combine_appid"`
	MchID  string `json:"combine_mchid"`
	Number string `json:"combine_out_trade_no"`
	Scene  struct {
		ClientIP string `json:"payer_client_ip"`
	} `json:"scene_info"`
	Subs  []combineSub `json:"sub_orders"`
	Payer struct {
		OpenID string `json:"openid"`
	} `json:"combine_payer_info"`
	Expire    string `json:"time_expire"`
	NotifyURL string `json:"notify_url"`
}

// Prepare implements payment.Provider. A payment that was prepared before is prepared in the same words, and so gives parameters again. What
// WeChat refuses is PAYMENT_CLOSED, ALREADY_PAID or PAYMENT_REFUSED; the log has WeChat's own words.
func (p *Provider) Prepare(ctx context.Context, t payment.Trade) (payment.Parameters, error) {
	failpoint.Reach(failpoint.Call, "prepare")
	d, err := p.dossier(ctx, t.ID)
	if err != nil {
		return payment.Parameters{}, err
	}
	m, path, body, err := p.request(d, t.ExpiresAt)
	if err != nil {
		return payment.Parameters{}, err
	}
	var answer struct {
		PrepayID string `json:"prepay_id"`
	}
	err = m.post(ctx, path, body, &answer)
	failpoint.Reach(failpoint.Called, "prepare")
	if err != nil {
		return payment.Parameters{}, p.notPrepared(ctx, d, err)
	}
	if answer.PrepayID == "" {
		return payment.Parameters{}, fmt.Errorf("prepare %s: the answer has no prepay_id", t.ID)
	}
	return p.parameters(ctx, m, d.AppID, answer.PrepayID)
}

// request is what is asked of WeChat to prepare a payment, and by whom.
func (p *Provider) request(d *payment.Dossier, expires time.Time) (*merchant, string, any, error) {
	if d.Total.Currency != money.CNY {
		return nil, "", nil, fault.New(fault.PaymentRefused, "WeChat Pay takes CNY alone")
	}
	if combined(d) {
		body, err := p.combineRequest(d, expires)
		return p.apps[d.AppID], "/v3/combine-transactions/jsapi", body, err
	}
	o := d.Orders[0]
	who, err := p.partyOf(d, o)
	if err != nil {
		return nil, "", nil, err
	}
	body := &jsapiRequest{
		Description: describe(o), Number: d.ID.String(), Expire: expiry(expires), Attach: o.ID.String(), NotifyURL: p.notifyURL,
		Amount: amount{o.Total.Amount, string(o.Total.Currency)}, Settle: settling{o.Shared},
	}
	if who.mode == PartnerMode {
		body.SpAppID, body.SpMchID, body.SubMchID, body.Payer.SpOpenID = d.AppID, who.id, who.sub, d.OpenID
		return who.merchant, "/v3/pay/partner/transactions/jsapi", body, nil
	}
	body.AppID, body.MchID, body.Payer.OpenID = d.AppID, who.id, d.OpenID
	return who.merchant, "/v3/pay/transactions/jsapi", body, nil
}

func (p *Provider) combineRequest(d *payment.Dossier, expires time.Time) (*combineRequest, error) {
	body := &combineRequest{AppID: d.AppID, Number: d.ID.String(), Expire: expiry(expires), NotifyURL: p.notifyURL}
	body.Scene.ClientIP, body.Payer.OpenID = clientIP, d.OpenID
	for _, o := range d.Orders {
		who, err := p.partyOf(d, o)
		if err != nil {
			return nil, err
		}
		body.Subs = append(body.Subs, combineSub{
			MchID: who.id, SubMchID: who.sub, Attach: o.ID.String(), Amount: combineAmount{o.Total.Amount, string(o.Total.Currency)},
			Number: numberOf(d, o), Description: describe(o), Settle: settling{o.Shared},
		})
	}
	body.MchID = p.apps[d.AppID].id
	return body, nil
}

func expiry(t time.Time) string { return t.In(beijing).Format(time.RFC3339) }

// describe is what the cashier and the buyer's bill call an order.
func describe(o payment.DossierOrder) string {
	title, more := strings.Join(strings.Fields(o.Title), " "), ""
	if title == "" {
		title = o.Number
	}
	if o.Lines > 1 {
		more = fmt.Sprintf(" 等 %d 种商品", o.Lines)
	}
	if room := descriptionLen - utf8.RuneCountInString(more); utf8.RuneCountInString(title) > room {
		title = string([]rune(title)[:room])
	}
	return title + more
}

// parameters are what wx.requestPayment takes: signed by the merchant, for a prepay_id, now.
func (p *Provider) parameters(ctx context.Context, m *merchant, appID, prepayID string) (payment.Parameters, error) {
	nonce, err := utils.GenerateNonce()
	if err != nil {
		return payment.Parameters{}, fmt.Errorf("sign parameters: %w", err)
	}
	out := payment.Parameters{
		TimeStamp: strconv.FormatInt(p.now().Unix(), 10), NonceStr: nonce, Package: "prepay_id=" + prepayID, SignType: "RSA",
	}
	signed, err := m.signer.Sign(ctx, appID+"\n"+out.TimeStamp+"\n"+out.NonceStr+"\n"+out.Package+"\n")
	if err != nil {
		return payment.Parameters{}, errors.New("sign parameters") // the cause might quote the key
	}
	out.PaySign = signed.Signature
	return out, nil
}

// notPrepared says what it means that WeChat did not prepare a payment.
func (p *Provider) notPrepared(ctx context.Context, d *payment.Dossier, err error) error {
	if !final(err) {
		return fmt.Errorf("prepare %s: %w", d.ID, err)
	}
	p.log.WarnContext(ctx, "WeChat Pay prepares no payment", "payment_id", d.ID.String(), "error", err)
	if is(err, orderClosed) {
		return fault.New(fault.PaymentClosed, "the payment is closed")
	}
	if is(err, numberUsed, orderPaid, invalidRequest) { // of a payment that is there: the number is ours alone
		a, err := p.query(ctx, d)
		switch {
		case err != nil && !is(err, orderNotExist):
			return fmt.Errorf("prepare %s: %w", d.ID, err)
		case err == nil && a.State == payment.TradePaid:
			return fault.New(fault.AlreadyPaid, "this has been paid")
		case err == nil && (a.State == payment.TradeClosed || !p.now().Before(d.ExpiresAt)):
			return fault.New(fault.PaymentClosed, "the payment is closed")
		}
	}
	return fault.New(fault.PaymentRefused, "WeChat Pay refuses this payment (%s)", refused(err).Code)
}
