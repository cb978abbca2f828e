package sim

import (
	"net/http"
	"time"
)

// refund is money on its way back to the buyer.
type refund struct {
	trade       *trade
	number, id  string
	amount      int64
	reason      string
	notifyURL   string
	asked       string
	made, ended time.Time
	status      string // PROCESSING, SUCCESS, CLOSED, ABNORMAL
	feeBack     int64
	fromUnsplit int64
}

const (
	mostRefunds = 50
	refundUntil = 365 * 24 * time.Hour
)

type refundFields struct {
	SubMchID     string `json:"sub_mchid" rule:"max=32"`
	Transaction  string `json:"transaction_id" rule:"max=32"`
	Number       string `json:"out_trade_no" rule:"min=6,max=32,set=order"`
	RefundNumber string `json:"out_refund_no" rule:"required,max=64,set=share"`
	Reason       string `json:"reason" rule:"max=80"`
	NotifyURL    string `json:"notify_url" rule:"min=8,max=256"`
	Funds        string `json:"funds_account" rule:"enum=AVAILABLE|UNSETTLED"`
	Amount       struct {
		Refund   int64  `json:"refund" rule:"required,min=1"`
		Total    int64  `json:"total" rule:"required,min=1"`
		Currency string `json:"currency" rule:"required,enum=CNY"`
		From     []struct {
			Account string `json:"account" rule:"required,enum=AVAILABLE|UNAVAILABLE"`
			Amount  int64  `json:"amount" rule:"required,min=1"`
		} `json:"from" rule:"max=10"`
	} `json:"amount" rule:"required"`
	Goods []struct {
		MerchantID string `json:"merchant_goods_id" rule:"required,max=32"`
		WeChatID   string `json:"wechatpay_goods_id" rule:"max=32"`
		Name       string `json:"goods_name" rule:"max=256,chars"`
		UnitPrice  int64  `json:"unit_price" rule:"required"`
		Amount     int64  `json:"refund_amount" rule:"required,min=1"`
		Quantity   int64  `json:"refund_quantity" rule:"required,min=1"`
	} `json:"goods_detail" rule:"max=100"`
}

func (s *Sim) createRefund(c *call) (any, *refusal) {
	var f refundFields
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(f.SubMchID); bad != nil {
		return nil, bad
	}
	if f.NotifyURL != "" {
		if bad := s.checkNotifyURL(f.NotifyURL); bad != nil {
			return nil, bad
		}
	}
	if (f.Transaction == "") == (f.Number == "") {
		return nil, paramError("/transaction_id", nil, "transaction_id 与 out_trade_no 二选一")
	}
	key, asked := tradeKey{c.merchant.ID, f.RefundNumber}, canonical(c.body)
	if old := s.refunds[key]; old != nil {
		if old.asked != asked {
			return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
		}
		return old.show("status"), nil
	}
	t := s.find(c.merchant, f.Transaction, f.Number)
	if t == nil || !t.paid() || t.sub != f.SubMchID {
		return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "订单不存在")
	}
	r := &refund{
		trade: t, number: f.RefundNumber, amount: f.Amount.Refund, reason: f.Reason, notifyURL: f.NotifyURL, asked: asked,
		made: s.now(), status: "PROCESSING",
	}
	if bad := s.takeRefund(r, f.Amount.Total); bad != nil {
		return nil, bad
	}
	s.refunds[key] = r
	return r.show("status"), nil
}

// actsFor refuses a merchant that names a sub-merchant, and a partner that names none of its own.
func (c *call) actsFor(sub string) *refusal {
	switch {
	case c.merchant.Partner && sub == "":
		return paramError("/sub_mchid", nil, "缺少必填字段")
	case c.merchant.Partner && !c.merchant.subs[sub]:
		return refuse(http.StatusForbidden, "NO_AUTH", "特约子商户与服务商不存在受理关系")
	case !c.merchant.Partner && sub != "":
		return paramError("/sub_mchid", sub, "普通商户不可传")
	}
	return nil
}

// takeRefund takes the money from the payee: first what is frozen for sharing, then what it has. WeChat gives its fee back in
// proportion.
func (s *Sim) takeRefund(r *refund, total int64) *refusal {
	t := r.trade
	switch {
	case total != t.total:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
	case s.now().Sub(t.paidAt) > refundUntil:
		return refuse(http.StatusForbidden, "INVALID_REQUEST", "订单已超过可退款的最大期限")
	case len(t.refunds) >= mostRefunds:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "退款次数超过限制")
	case t.refunded+r.amount > t.total:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "累计退款金额大于支付金额")
	case t.refunded+r.amount > t.total-t.out && !s.rules.RefundFromBalance:
		return notEnough("未分账资金不足以支付本次退款，请先分账回退")
	}
	r.feeBack = ratio(t.fee, t.refunded+r.amount, t.total) - t.feeBack
	net := r.amount - r.feeBack
	r.fromUnsplit = min(net, t.unsplit)
	if net-r.fromUnsplit > t.payee.available() {
		return notEnough("基本账户余额不足，请充值后重新发起")
	}
	t.unsplit -= r.fromUnsplit
	t.payee.frozen -= r.fromUnsplit
	t.refunded, t.feeBack = t.refunded+r.amount, t.feeBack+r.feeBack
	t.refunds = append(t.refunds, r)
	t.state, r.id = "REFUND", s.id("5030")
	t.payee.move(s, -r.amount, flow{name: "退款", kind: "退款", business: r.id, voucher: r.number, note: r.reason})
	if r.feeBack > 0 {
		t.payee.move(s, r.feeBack, flow{name: "退款", kind: "退还交易手续费", business: r.id, voucher: r.number})
	}
	s.effects["refund"]++
	wait := s.rules.RefundTakes
	if f := s.draw("refund.end", "", Stall); f != nil {
		wait += f.Delay
	}
	s.after(wait, func() { s.endRefund(r) })
	return nil
}

func notEnough(message string) *refusal { return refuse(http.StatusForbidden, "NOT_ENOUGH", message) }

// endRefund decides how it went, and says so.
func (s *Sim) endRefund(r *refund) {
	status := "SUCCESS"
	switch f := s.draw("refund.end", "", Abnormal, Reject); {
	case f == nil:
	case f.Kind == Abnormal:
		status = "ABNORMAL"
	default:
		status = "CLOSED"
		s.undoRefund(r)
	}
	s.concludeRefund(r, status)
}

func (s *Sim) concludeRefund(r *refund, status string) {
	r.status, r.ended = status, s.now()
	t := r.trade
	plain := r.show("refund_status")
	plain["mchid"] = t.maker.ID
	if t.sub != "" {
		delete(plain, "mchid")
		plain["sp_mchid"], plain["sub_mchid"] = t.maker.ID, t.sub
	}
	for _, name := range []string{"channel", "create_time", "funds_account", "promotion_detail"} {
		delete(plain, name)
	}
	plain["amount"] = object{"total": t.total, "refund": r.amount, "payer_total": t.total, "payer_refund": r.amount}
	summary := map[string]string{"SUCCESS": "退款成功", "ABNORMAL": "退款异常", "CLOSED": "退款关闭"}[status]
	s.notify(t.maker, "notice.refund", r.notifyURL, "REFUND."+status, "refund", summary, plain)
}

// undoRefund gives the payee the money again; it is not frozen for sharing any more.
func (s *Sim) undoRefund(r *refund) {
	t := r.trade
	t.refunded, t.feeBack = t.refunded-r.amount, t.feeBack-r.feeBack
	t.payee.move(s, r.amount, flow{name: "退款", kind: "退款关闭", business: r.id, voucher: r.number})
	if r.feeBack > 0 {
		t.payee.move(s, -r.feeBack, flow{name: "交易", kind: "扣除交易手续费", business: r.id, voucher: r.number})
	}
	s.effects["refund.closed"]++
}

// ResolveRefund is what an operator does about an abnormal refund on the merchant platform: the money goes to a bank card.
func (s *Sim) ResolveRefund(merchant, outRefundNo string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.refunds[tradeKey{merchant, outRefundNo}]
	if r == nil || r.status != "ABNORMAL" {
		return false
	}
	s.concludeRefund(r, "SUCCESS")
	return true
}

func (s *Sim) queryRefund(c *call) (any, *refusal) {
	q, bad := c.only("sub_mchid?")
	if bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(q["sub_mchid"]); bad != nil {
		return nil, bad
	}
	r := s.refunds[tradeKey{c.merchant.ID, c.request.PathValue("number")}]
	if r == nil || r.trade.sub != q["sub_mchid"] {
		return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "退款单不存在")
	}
	return r.show("status"), nil
}

// show is the answer about a refund; notices call its status otherwise.
func (r *refund) show(status string) object {
	t := r.trade
	out := object{
		"refund_id": r.id, "out_refund_no": r.number, "transaction_id": t.transaction, "out_trade_no": t.number, "channel": "ORIGINAL",
		"user_received_account": "支付用户零钱", "create_time": wechatTime(r.made), status: r.status, "funds_account": "AVAILABLE",
		"promotion_detail": []object{},
		"amount": object{
			"total": t.total, "refund": r.amount, "from": []object{}, "payer_total": t.total, "payer_refund": r.amount,
			"settlement_refund": r.amount, "settlement_total": t.total, "discount_refund": 0, "currency": "CNY", "refund_fee": r.feeBack,
		},
	}
	if r.fromUnsplit > 0 {
		out["funds_account"] = "UNSETTLED"
	}
	if r.status == "SUCCESS" {
		out["success_time"] = wechatTime(r.ended)
	}
	return out
}
