package sim

import (
	"net/http"
	"time"
)

// share is one request to share an order, or to unfreeze its rest.
type share struct {
	trade      *trade
	number, id string
	asked      string
	state      string // PROCESSING, FINISHED
	parts      []*part
	unfreeze   bool
	made       time.Time
	returns    []*giveBack
}

// part is one receiver's.
type part struct {
	kind, account, description string
	amount                     int64
	result, reason             string // PENDING, SUCCESS, CLOSED
	id                         string
	made, ended                time.Time
	returned                   int64 // less what failed
}

// receiver is one that was added, and so may be shared with.
type receiver struct{ relation, custom string }

// mostShares is how many requests one order takes, unfreezing included.
const mostShares = 50

// sharedFields are the same of shares and of what unfreezes the rest.
type sharedFields struct {
	SubMchID    string `json:"sub_mchid" rule:"max=32"`
	Transaction string `json:"transaction_id" rule:"required,max=32"`
	Number      string `json:"out_order_no" rule:"required,max=64,set=share"`
}

type shareFields struct {
	sharedFields
	AppID     string `json:"appid" rule:"max=32"`
	SubAppID  string `json:"sub_appid" rule:"max=32"`
	Receivers []struct {
		Type        string `json:"type" rule:"required,enum=MERCHANT_ID|PERSONAL_OPENID|PERSONAL_SUB_OPENID"`
		Account     string `json:"account" rule:"required,max=64"`
		Name        string `json:"name" rule:"max=10240"`
		Amount      int64  `json:"amount" rule:"required,min=1"`
		Description string `json:"description" rule:"required,max=80,chars"`
	} `json:"receivers" rule:"required,max=50"`
	Unfreeze *bool `json:"unfreeze_unsplit" rule:"required"`
}

func (s *Sim) createShare(c *call) (any, *refusal) {
	var f shareFields
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	made, again, bad := s.newShare(c, f.sharedFields)
	if bad != nil || again {
		return made.showOr(), bad
	}
	t := made.trade
	made.unfreeze = *f.Unfreeze
	var sum int64
	for i, r := range f.Receivers {
		if bad := s.checkReceiver(c, t, r.Type, r.Account, f.AppID, f.SubAppID); bad != nil {
			return nil, bad
		}
		for _, earlier := range f.Receivers[:i] {
			if earlier.Type == r.Type && earlier.Account == r.Account {
				return nil, paramError("/receivers", r.Account, "接收方重复")
			}
		}
		if bad := s.checkName(c, r.Account, r.Name, false); bad != nil {
			return nil, bad
		}
		made.parts = append(made.parts, &part{kind: r.Type, account: r.Account, amount: r.Amount, description: r.Description, result: "PENDING", made: s.now()})
		sum += r.Amount
	}
	switch {
	case t.gross+sum > t.total*t.payee.MaxRatio/10_000:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账金额超出最大分账比例")
	case sum > t.unsplit:
		return nil, notEnough("分账金额不足")
	}
	t.unsplit, t.pending, t.out, t.gross = t.unsplit-sum, t.pending+sum, t.out+sum, t.gross+sum
	s.begin(c, made)
	return made.show(), nil
}

// newShare is a request that is not in the books yet, or the one that has its number already, which is answered again.
func (s *Sim) newShare(c *call, f sharedFields) (made *share, again bool, bad *refusal) {
	if bad := c.actsFor(f.SubMchID); bad != nil {
		return nil, false, bad
	}
	if old, bad := s.sharedAlready(c, f.Number); old != nil || bad != nil {
		return old, true, bad
	}
	t, bad := s.shareable(c, f.Transaction, f.SubMchID)
	if bad != nil {
		return nil, false, bad
	}
	return &share{trade: t, number: f.Number, asked: canonical(c.body), state: "PROCESSING", made: s.now()}, false, nil
}

// sharedAlready finds a request with the same number: the same is answered again, another one is refused.
func (s *Sim) sharedAlready(c *call, number string) (*share, *refusal) {
	old := s.shares[tradeKey{c.merchant.ID, number}]
	if old == nil {
		return nil, nil
	}
	if old.asked != canonical(c.body) {
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账单号已存在，且请求参数与之前不一致")
	}
	return old, nil
}

func (h *share) showOr() any {
	if h == nil {
		return nil
	}
	return h.show()
}

// shareable finds an order that can be shared now, and counts the request as one for it.
func (s *Sim) shareable(c *call, transaction, sub string) (*trade, *refusal) {
	t := s.find(c.merchant, transaction, "")
	switch {
	case transaction == "" || t == nil || t.sub != sub:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "订单不存在")
	case !t.sharing:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "非分账订单不支持分账")
	case s.now().Sub(t.paidAt) < s.rules.ShareAfter:
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "订单处理中，请稍后重试")
	case !t.lastShare.IsZero() && s.now().Sub(t.lastShare) < s.rules.SharePause:
		return nil, refuse(http.StatusTooManyRequests, "FREQUENCY_LIMITED", "对同笔订单分账频率过高，请稍后重试")
	}
	t.lastShare = s.now()
	if len(t.shares) >= mostShares {
		return nil, refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账次数超过50次")
	}
	return t, nil
}

func (s *Sim) checkReceiver(c *call, t *trade, kind, id, appID, subAppID string) *refusal {
	switch {
	case kind == "MERCHANT_ID" && id == t.payee.ID:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账接收方不能为分账方")
	case kind == "PERSONAL_OPENID" && !c.merchant.bound[appID]:
		return paramError("/appid", appID, "分个人openid时必填")
	case kind == "PERSONAL_SUB_OPENID" && (subAppID == "" || !c.merchant.Partner):
		return paramError("/sub_appid", subAppID, "分个人sub_openid时必填")
	}
	if _, related := t.payee.receivers[kind+" "+id]; !related {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "分账接收方关系不存在，请检查参数中每个接收方的关系")
	}
	return nil
}

// begin takes a share into the books and lets it end later.
func (s *Sim) begin(c *call, made *share) {
	made.id = s.id("3000")
	for _, p := range made.parts {
		p.id = s.id("3600")
	}
	made.trade.shares = append(made.trade.shares, made)
	s.shares[tradeKey{c.merchant.ID, made.number}] = made
	wait := s.rules.ShareTakes
	if f := s.draw("share.end", "", Stall); f != nil {
		wait += f.Delay
	}
	s.after(wait, func() { s.endShare(made) })
}

// endShare pays each receiver. What a receiver cannot get goes to the payee, unfrozen.
func (s *Sim) endShare(h *share) {
	t := h.trade
	for _, p := range h.parts {
		p.ended, p.result = s.now(), "SUCCESS"
		f := s.draw("share.end", p.account, Reject)
		if _, related := t.payee.receivers[p.kind+" "+p.account]; !related {
			f = &Fault{Reason: "NO_RELATION"}
		}
		t.pending -= p.amount
		t.payee.frozen -= p.amount
		if f != nil {
			p.result, p.reason = "CLOSED", f.Reason
			if p.reason == "" {
				p.reason = "ACCOUNT_ABNORMAL"
			}
			t.out -= p.amount
			t.gross -= p.amount // nobody got it
			continue
		}
		s.addAccount(Account{ID: p.account})
		t.payee.move(s, -p.amount, flow{name: "分账", kind: "分账", business: h.id, voucher: h.number, note: p.description})
		s.accounts[p.account].move(s, p.amount, flow{name: "分账", kind: "分账", business: h.id, voucher: h.number, note: p.description})
		s.effects["share"]++
	}
	h.state = "FINISHED"
	if h.unfreeze {
		s.unfreezeInto(h)
	}
}

// unfreezeInto ends sharing. The rest is shown as a part of its own, as WeChat does.
func (s *Sim) unfreezeInto(h *share) {
	if rest := s.thaw(h.trade); rest > 0 {
		h.parts = append(h.parts, &part{
			kind: "MERCHANT_ID", account: h.trade.payee.ID, amount: rest, description: "解冻给分账方", result: "SUCCESS",
			id: s.id("3600"), made: h.made, ended: s.now(),
		})
	}
}

func (s *Sim) unfreeze(c *call) (any, *refusal) {
	var f struct {
		sharedFields
		Description string `json:"description" rule:"required,max=80,chars"`
	}
	if bad := decode(c.body, &f); bad != nil {
		return nil, bad
	}
	made, again, bad := s.newShare(c, f.sharedFields)
	if bad != nil || again {
		return made.showOr(), bad
	}
	if made.trade.unsplit == 0 {
		return nil, notEnough("分账金额为0")
	}
	made.unfreeze = true
	s.begin(c, made)
	return made.show(), nil
}

func (s *Sim) queryShare(c *call) (any, *refusal) {
	q, bad := c.only("transaction_id", "sub_mchid?")
	if bad != nil {
		return nil, bad
	}
	if bad := c.actsFor(q["sub_mchid"]); bad != nil {
		return nil, bad
	}
	h := s.shares[tradeKey{c.merchant.ID, c.request.PathValue("number")}]
	if h == nil || h.trade.transaction != q["transaction_id"] || h.trade.sub != q["sub_mchid"] {
		return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "记录不存在")
	}
	return h.show(), nil
}

func (s *Sim) unsplitAmount(c *call) (any, *refusal) {
	if _, bad := c.only(); bad != nil {
		return nil, bad
	}
	t := s.find(c.merchant, c.request.PathValue("id"), "")
	if t == nil || !t.sharing {
		return nil, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "记录不存在")
	}
	return object{"transaction_id": t.transaction, "unsplit_amount": t.unsplit}, nil
}

func (s *Sim) maxRatio(c *call) (any, *refusal) {
	if _, bad := c.only(); bad != nil {
		return nil, bad
	}
	if !c.merchant.Partner {
		return nil, refuse(http.StatusForbidden, "NO_AUTH", "商户无服务商权限")
	}
	id := c.request.PathValue("id")
	if !c.merchant.subs[id] {
		return nil, refuse(http.StatusForbidden, "NO_AUTH", "特约子商户与服务商不存在受理关系")
	}
	return object{"sub_mchid": id, "max_ratio": s.accounts[id].MaxRatio}, nil
}

func (h *share) show() object {
	list := []object{}
	for _, p := range h.parts {
		one := object{
			"amount": p.amount, "description": p.description, "type": p.kind, "account": p.account, "result": p.result, "detail_id": p.id,
			"create_time": wechatTime(p.made), "finish_time": "1970-01-01T08:00:00+08:00", // WeChat's zero, which its client insists on
		}
		if !p.ended.IsZero() {
			one["finish_time"] = wechatTime(p.ended)
		}
		if p.reason != "" {
			one["fail_reason"] = p.reason
		}
		list = append(list, one)
	}
	out := object{"transaction_id": h.trade.transaction, "out_order_no": h.number, "order_id": h.id, "state": h.state, "receivers": list}
	if h.trade.sub != "" {
		out["sub_mchid"] = h.trade.sub
	}
	return out
}
