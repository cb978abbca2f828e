package wechatpay

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"holdfast/internal/failpoint"
	"holdfast/internal/money"
	"holdfast/internal/payment"
)

// tradeAnswer is what WeChat says of a payment of one order, when asked and in notices.
type tradeAnswer struct {
	AppID       string    `json:"appid"`
	MchID       string    `json:"mchid"`
	SpAppID     string    `json:"sp_appid"`
	SpMchID     string    `json:"sp_mchid"`
	SubMchID    string    `json:"sub_mchid"`
	Number      string    `json:"out_trade_no"`
	Transaction string    `json:"transaction_id"`
	State       string    `json:"trade_state"`
	PaidAt      time.Time `json:"success_time"`
	Amount      amount    `json:"amount"`
}

// combineAnswer is what WeChat says of a combined payment.
type combineAnswer struct {
	AppID  string `json:"combine_appid"`
	MchID  string `json:"combine_mchid"`
	Number string `json:"combine_out_trade_no"`
	Subs   []struct {
		MchID       string        `json:"mchid"`
		SubMchID    string        `json:"sub_mchid"`
		Number      string        `json:"out_trade_no"`
		Transaction string        `json:"transaction_id"`
		State       string        `json:"trade_state"`
		PaidAt      time.Time     `json:"success_time"`
		Amount      combineAmount `json:"amount"`
	} `json:"sub_orders"`
}

// standing is what WeChat says of a payment, in either shape.
type standing struct {
	app, merchant, number string
	parts                 []part
}

// part is what it says of one order.
type part struct {
	merchant, sub, number string
	state, transaction    string
	paidAt                time.Time
	amount                money.Money
}

func (a tradeAnswer) standing() standing {
	app, m := a.AppID, a.MchID
	if a.SpMchID != "" {
		app, m = a.SpAppID, a.SpMchID
	}
	return standing{app, m, a.Number, []part{
		{m, a.SubMchID, a.Number, a.State, a.Transaction, a.PaidAt, money.New(a.Amount.Total, money.Currency(a.Amount.Currency))},
	}}
}

func (a combineAnswer) standing() standing {
	s := standing{app: a.AppID, merchant: a.MchID, number: a.Number}
	for _, o := range a.Subs {
		s.parts = append(s.parts, part{
			o.MchID, o.SubMchID, o.Number, o.State, o.Transaction, o.PaidAt, money.New(o.Amount.Total, money.Currency(o.Amount.Currency)),
		})
	}
	return s
}

// Query implements payment.Provider. A payment that WeChat does not know has never been prepared, or its preparation is still on its way: it
// is open. A combined payment is paid when all its parts are, as WeChat pays all of them or none; its transaction is that of its first order.
// An answer that does not fit the payment is an error and no refusal: nothing is known then.
func (p *Provider) Query(ctx context.Context, t payment.Trade) (payment.Answer, error) {
	failpoint.Reach(failpoint.Call, "query")
	d, err := p.dossier(ctx, t.ID)
	if err != nil {
		return payment.Answer{}, err
	}
	a, err := p.query(ctx, d)
	failpoint.Reach(failpoint.Called, "query")
	if is(err, orderNotExist) {
		return payment.Answer{State: payment.TradeOpen}, nil
	}
	return a, err
}

func (p *Provider) query(ctx context.Context, d *payment.Dossier) (payment.Answer, error) {
	s, err := p.look(ctx, d)
	if err != nil {
		return payment.Answer{}, fmt.Errorf("query %s: %w", d.ID, err)
	}
	return p.answer(d, s)
}

// look asks WeChat where a payment stands.
func (p *Provider) look(ctx context.Context, d *payment.Dossier) (standing, error) {
	who, err := p.partyOf(d, d.Orders[0])
	if err != nil {
		return standing{}, err
	}
	if combined(d) {
		var a combineAnswer
		err := p.apps[d.AppID].get(ctx, "/v3/combine-transactions/out-trade-no/"+d.ID.String(), &a)
		return a.standing(), err
	}
	var a tradeAnswer
	path, query := "/v3/pay/transactions/out-trade-no/", url.Values{"mchid": {who.id}}
	if who.mode == PartnerMode {
		path, query = "/v3/pay/partner/transactions/out-trade-no/", url.Values{"sp_mchid": {who.id}, "sub_mchid": {who.sub}}
	}
	err = who.get(ctx, path+d.ID.String()+"?"+query.Encode(), &a)
	return a.standing(), err
}

// misfit is what WeChat says of a payment and cannot be.
func misfit(d *payment.Dossier, what string, got, want any) error {
	return fmt.Errorf("WeChat Pay says of %s: %s %v, not %v", d.ID, what, got, want)
}

// answer checks what WeChat says of a payment against what the payment is.
func (p *Provider) answer(d *payment.Dossier, s standing) (payment.Answer, error) {
	if m := p.apps[d.AppID]; s.app != d.AppID || m == nil || combined(d) && s.merchant != m.id || s.number != d.ID.String() {
		return payment.Answer{}, misfit(d, "it is", s.app+" "+s.merchant+" "+s.number, d.AppID+" "+d.ID.String())
	}
	if len(s.parts) != len(d.Orders) {
		return payment.Answer{}, misfit(d, "its orders are", len(s.parts), len(d.Orders))
	}
	of := make(map[string]part, len(s.parts))
	for _, one := range s.parts {
		of[one.number] = one
	}
	paid, closed := payment.Answer{State: payment.TradePaid, Amount: money.New(0, d.Total.Currency)}, 0
	n := 0
	for _, o := range d.Orders {
		one := of[numberOf(d, o)]
		state, err := p.stateOf(d, o, one)
		if err != nil {
			return payment.Answer{}, err
		}
		switch state {
		case payment.TradePaid:
			n++
			if err := add(&paid, one); err != nil {
				return payment.Answer{}, err
			}
			p.transactions.Add(o.ID, one.transaction)
		case payment.TradeClosed:
			closed++
		default:
		}
	}
	switch {
	case n == len(d.Orders):
		return paid, nil
	case n > 0:
		return payment.Answer{}, misfit(d, "so many of its orders are paid:", n, len(d.Orders))
	case closed == len(d.Orders):
		return payment.Answer{State: payment.TradeClosed}, nil
	}
	return payment.Answer{State: payment.TradeOpen}, nil
}

// stateOf is where one order's part stands, which has to be of the right merchant, and of the right amount when it is paid. REFUND is one
// that was paid, whatever was given back; PAYERROR one that the buyer may still try again.
func (p *Provider) stateOf(d *payment.Dossier, o payment.DossierOrder, one part) (payment.State, error) {
	who, err := p.partyOf(d, o)
	if err != nil {
		return "", err
	}
	if one.merchant != who.id || one.sub != who.sub {
		return "", misfit(d, "the merchant of "+o.ID.String()+" is", one.merchant+" "+one.sub, who.id+" "+who.sub)
	}
	switch one.state {
	case "SUCCESS", "REFUND":
		if one.amount != o.Total || one.transaction == "" || one.paidAt.IsZero() {
			return "", misfit(d, "of "+o.ID.String()+" were paid", one.amount, o.Total)
		}
		return payment.TradePaid, nil
	case "CLOSED", "REVOKED":
		return payment.TradeClosed, nil
	}
	return payment.TradeOpen, nil
}

// add takes a part that was paid into the receipt: it was paid when the last one was.
func add(to *payment.Answer, one part) (err error) {
	if to.TransactionID == "" {
		to.TransactionID = one.transaction
	}
	if one.paidAt.After(to.PaidAt) {
		to.PaidAt = one.paidAt.UTC()
	}
	to.Amount, err = to.Amount.Add(one.amount)
	return err
}

// Close implements payment.Provider. When WeChat does not close a payment it is asked where it stands, since "already paid" wins. One that it
// does not know was never prepared, so that nobody has parameters to pay it with: that is closed. (A preparation that is still on its way
// could yet arrive; money that came then is late money, for which the payment is looked at again.)
func (p *Provider) Close(ctx context.Context, t payment.Trade) (payment.Answer, error) {
	failpoint.Reach(failpoint.Call, "close")
	d, err := p.dossier(ctx, t.ID)
	if err != nil {
		return payment.Answer{}, err
	}
	err = p.close(ctx, d)
	failpoint.Reach(failpoint.Called, "close")
	if err == nil || is(err, orderNotExist) {
		return payment.Answer{State: payment.TradeClosed}, nil
	}
	if !final(err) {
		return payment.Answer{}, fmt.Errorf("close %s: %w", d.ID, err)
	}
	a, asked := p.query(ctx, d)
	if asked == nil && a.State == payment.TradeOpen {
		asked = fmt.Errorf("close %s: it stays open: %w", d.ID, err)
	}
	if asked != nil {
		return payment.Answer{}, asked
	}
	return a, nil
}

func (p *Provider) close(ctx context.Context, d *payment.Dossier) error {
	type sub struct {
		MchID    string `json:"mchid"`
		Number   string `json:"out_trade_no"`
		SubMchID string `json:"sub_mchid,omitempty"`
	}
	var subs []sub
	var last party
	for _, o := range d.Orders {
		who, err := p.partyOf(d, o)
		if err != nil {
			return err
		}
		last, subs = who, append(subs, sub{who.id, numberOf(d, o), who.sub})
	}
	number := d.ID.String()
	switch {
	case combined(d):
		return p.apps[d.AppID].post(ctx, "/v3/combine-transactions/out-trade-no/"+number+"/close", struct {
			AppID string `json:"combine_appid"`
			Subs  []sub  `json:"sub_orders"`
		}{d.AppID, subs}, nil)
	case last.mode == PartnerMode:
		return last.post(ctx, "/v3/pay/partner/transactions/out-trade-no/"+number+"/close", struct {
			SpMchID  string `json:"sp_mchid"`
			SubMchID string `json:"sub_mchid"`
		}{last.id, last.sub}, nil)
	}
	return last.post(ctx, "/v3/pay/transactions/out-trade-no/"+number+"/close", struct {
		MchID string `json:"mchid"`
	}{last.id}, nil)
}
