package sim

import (
	"net/http"
	"time"
)

// giveBack is a share, or a part of it, that a receiver returns.
type giveBack struct {
	share       *share
	part        *part
	number, id  string
	asked       string
	amount      int64
	description string
	result      string // PROCESSING, SUCCESS, FAILED
	reason      string
	made, ended time.Time
	ready       time.Time // before that it does not go on
}

const (
	mostReturns = 20
	returnUntil = 180 * 24 * time.Hour
	returnFails = 5 * 24 * time.Hour
)

func (s *Sim) createReturn(c *call) (any, *refusal) {
	var f struct {
		SubMchID     string `json:"sub_mchid" rule:"max=32"`
		OrderID      string `json:"order_id" rule:"max=64"`
		Number       string `json:"out_order_no" rule:"max=64,set=share"`
		ReturnNumber string `json:"out_return_no" rule:"required,max=64,set=share"`
		ReturnMchID  string `json:"return_mchid" rule:"required,max=32"`
		Amount       int64  `json:"amount" rule:"required,min=1"`
		Description  string `json:"description" rule:"required,max=80,chars"`
	}
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(f.SubMchID); bad != nil {
		return nil, bad
	}
	if (f.OrderID == "") == (f.Number == "") {
		return nil, paramError("/order_id", nil, "order_id 与 out_order_no 二选一")
	}
	key, asked := tradeKey{c.merchant.ID, f.ReturnNumber}, canonical(c.body)
	if old := s.returns[key]; old != nil {
		if old.asked != asked {
			return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "回退单号已存在，且请求参数与之前不一致")
		}
		s.tryReturn(old) // the same number again is how a return that waits for money goes on
		return old.show(), nil
	}
	h := s.shareOf(c, f.OrderID, f.Number)
	if h == nil || h.trade.sub != f.SubMchID {
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账单不存在")
	}
	g := &giveBack{share: h, number: f.ReturnNumber, asked: asked, amount: f.Amount, description: f.Description, made: s.now(), result: "PROCESSING"}
	if bad := s.checkReturn(g, f.ReturnMchID); bad != nil {
		return nil, bad
	}
	g.id = s.id("3008")
	g.part.returned += g.amount
	h.returns = append(h.returns, g)
	s.returns[key] = g
	wait := s.rules.ReturnTakes
	if stall := s.draw("return.end", g.part.account, Stall); stall != nil {
		wait += stall.Delay
	}
	g.ready = s.now().Add(wait)
	if wait > 0 {
		s.after(wait, func() { s.tryReturn(g) })
	}
	s.tryReturn(g)
	s.after(returnFails, func() { s.failReturn(g, "TIME_OUT_CLOSED") })
	return g.show(), nil
}

func (s *Sim) shareOf(c *call, id, number string) *share {
	if number != "" {
		return s.shares[tradeKey{c.merchant.ID, number}]
	}
	for key, h := range s.shares {
		if h.id == id && key.merchant == c.merchant.ID {
			return h
		}
	}
	return nil
}

func (s *Sim) checkReturn(g *giveBack, from string) *refusal {
	for _, p := range g.share.parts {
		if p.kind == "MERCHANT_ID" && p.account == from && p.result == "SUCCESS" && p.account != g.share.trade.payee.ID {
			g.part = p
		}
	}
	switch {
	case g.share.state != "FINISHED":
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账单处理中，请稍后重试")
	case g.part == nil:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "回退方不是原分账单的商户接收方")
	case s.accounts[from].NoReturns:
		return refuse(http.StatusForbidden, "NO_AUTH", "回退方未开启同意分账回退")
	case s.now().Sub(g.share.made) > returnUntil:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "超过分账回退期限")
	case len(g.share.returns) >= mostReturns:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账回退次数超过限制")
	case g.part.returned+g.amount > g.part.amount:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "剩余可回退的金额不足")
	}
	return nil
}

// tryReturn moves the money, unless the receiver has not enough: then the return waits.
func (s *Sim) tryReturn(g *giveBack) {
	if g.result != "PROCESSING" || s.now().Before(g.ready) {
		return
	}
	if f := s.draw("return.end", g.part.account, Reject); f != nil {
		reason := f.Reason
		if reason == "" {
			reason = "ACCOUNT_ABNORMAL"
		}
		s.failReturn(g, reason)
		return
	}
	from, t := s.accounts[g.part.account], g.share.trade
	if from.available() < g.amount {
		return
	}
	g.result, g.ended = "SUCCESS", s.now()
	t.out -= g.amount
	from.move(s, -g.amount, flow{name: "分账", kind: "分账回退", business: g.id, voucher: g.number, note: g.description})
	t.payee.move(s, g.amount, flow{name: "分账", kind: "分账回退", business: g.id, voucher: g.number, note: g.description})
	s.effects["return"]++
}

func (s *Sim) failReturn(g *giveBack, reason string) {
	if g.result == "PROCESSING" {
		g.result, g.reason, g.ended = "FAILED", reason, s.now()
		g.part.returned -= g.amount
	}
}

func (s *Sim) queryReturn(c *call) (any, *refusal) {
	q, bad := c.only("out_order_no", "sub_mchid?")
	if bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(q["sub_mchid"]); bad != nil {
		return nil, bad
	}
	g := s.returns[tradeKey{c.merchant.ID, c.request.PathValue("number")}]
	if g == nil || g.share.number != q["out_order_no"] || g.share.trade.sub != q["sub_mchid"] {
		return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "记录不存在")
	}
	return g.show(), nil
}

func (g *giveBack) show() object {
	out := object{
		"order_id": g.share.id, "out_order_no": g.share.number, "out_return_no": g.number, "return_id": g.id, "return_mchid": g.part.account,
		"amount": g.amount, "description": g.description, "result": g.result, "create_time": wechatTime(g.made),
		"finish_time": "1970-01-01T08:00:00+08:00",
	}
	if !g.ended.IsZero() {
		out["finish_time"] = wechatTime(g.ended)
	}
	if g.reason != "" {
		out["fail_reason"] = g.reason
	}
	if g.share.trade.sub != "" {
		out["sub_mchid"] = g.share.trade.sub
	}
	return out
}
