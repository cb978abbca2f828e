package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Why wx.requestPayment fails.
var (
	ErrParams  = errors.New("支付参数错误")
	ErrPaySign = errors.New("支付验证签名失败")
	ErrPayer   = errors.New("下单用户与支付用户不一致")
	ErrExpired = errors.New("订单已超过支付结束时间")
	ErrClosed  = errors.New("订单已关闭")
	ErrPaid    = errors.New("订单已支付")
)

// PayParams are what a mini-program gives wx.requestPayment. The appId is not a parameter, as the client knows which one it is.
type PayParams struct {
	AppID     string `json:"appId"`
	TimeStamp string `json:"timeStamp"`
	NonceStr  string `json:"nonceStr"`
	Package   string `json:"package"`
	SignType  string `json:"signType"`
	PaySign   string `json:"paySign"`
}

// Cashier is the window in which a buyer enters the password.
type Cashier struct {
	sim    *Sim
	prepay *prepay
}

// Pay opens a cashier and pays at once. An empty openid is the one that the order was made for.
func (s *Sim) Pay(p PayParams, openid string) error {
	c, err := s.OpenCashier(p, openid)
	if err != nil {
		return err
	}
	return c.Pay()
}

// OpenCashier checks what WeChat's client checks: the signature over appId, time, nonce and prepay_id, who pays, and whether the order
// can still be paid.
func (s *Sim) OpenCashier(p PayParams, openid string) (*Cashier, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	id, ok := strings.CutPrefix(p.Package, "prepay_id=")
	seconds, err := strconv.ParseInt(p.TimeStamp, 10, 64)
	if !ok || err != nil || p.SignType != "RSA" || p.NonceStr == "" || len(p.NonceStr) > 32 {
		return nil, fmt.Errorf("%w: package, timeStamp, signType or nonceStr", ErrParams)
	}
	found := s.prepays[id]
	if found == nil || found.appID != p.AppID {
		return nil, fmt.Errorf("%w: no such prepay_id of this appId", ErrParams)
	}
	if s.now().Sub(time.Unix(seconds, 0)).Abs() > prepayLives || s.now().Sub(found.made) >= prepayLives {
		return nil, fmt.Errorf("%w: prepay_id", ErrExpired)
	}
	if !verify(found.signer.Key, lines(p.AppID, p.TimeStamp, p.NonceStr, p.Package), p.PaySign) {
		return nil, ErrPaySign
	}
	if openid != "" && openid != found.payer {
		return nil, ErrPayer
	}
	if err := found.payable(s.now()); err != nil {
		return nil, err
	}
	return &Cashier{sim: s, prepay: found}, nil
}

// payable says why an order cannot be paid.
func (p *prepay) payable(now time.Time) error {
	t := p.trades[0] // those of a combined order share their fate
	switch {
	case t.paid():
		return ErrPaid
	case t.state == "CLOSED":
		return ErrClosed
	case now.After(t.expires):
		return ErrExpired
	}
	return nil
}

// Pay pays. After time_expire, or after the order was closed, it depends on Rules.
func (c *Cashier) Pay() error {
	s := c.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	err := c.prepay.payable(s.now())
	if errors.Is(err, ErrExpired) && s.rules.PayAfterExpiry || errors.Is(err, ErrClosed) && s.rules.PayAfterClose {
		err = nil
	}
	if err != nil {
		return err
	}
	for _, t := range c.prepay.trades {
		s.settle(t)
	}
	if m := c.prepay.combined; m != nil {
		s.notify(m.maker, "notice.combine", m.subs[0].notifyURL, "TRANSACTION.SUCCESS", "transaction", "支付成功", m.show())
		return nil
	}
	t := c.prepay.trades[0]
	s.notify(t.maker, "notice.transaction", t.notifyURL, "TRANSACTION.SUCCESS", "transaction", "支付成功", t.show())
	return nil
}

// settle moves a payment's money: all to the payee, less WeChat's fee; frozen if it is to be shared.
func (s *Sim) settle(t *trade) {
	t.state, t.transaction, t.paidAt = "SUCCESS", s.id("4200"), s.now()
	s.transactions[t.transaction] = t
	s.effects["pay"]++
	t.fee = ratio(t.total, s.rules.FeeRate, 10_000)
	t.payee.move(s, t.total, flow{name: "交易", kind: "交易", business: t.transaction, voucher: t.number})
	if t.fee > 0 {
		t.payee.move(s, -t.fee, flow{name: "交易", kind: "扣除交易手续费", business: t.transaction, voucher: t.number})
	}
	if !t.sharing {
		return
	}
	t.unsplit = t.total - t.fee
	t.payee.frozen += t.unsplit
	s.after(freezeLasts, func() { s.thaw(t) })
}

// freezeLasts is after how long WeChat unfreezes what nobody shared.
const freezeLasts = 30 * 24 * time.Hour

// ratio is amount×part/whole, rounded half up.
func ratio(amount, part, whole int64) int64 { return (2*amount*part + whole) / (2 * whole) }
