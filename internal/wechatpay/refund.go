package wechatpay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"holdfast/internal/failpoint"
	"holdfast/internal/fault"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

const reasonLen = 80 // bytes

type refundAmount struct {
	Refund   int64  `json:"refund"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

type refundRequest struct {
	SubMchID     string       `json:"sub_mchid,omitempty"`
	Number       string       `json:"out_trade_no"`
	RefundNumber string       `json:"out_refund_no"`
	Reason       string       `json:"reason,omitempty"`
	NotifyURL    string       `json:"notify_url"`
	Amount       refundAmount `json:"amount"`
}

type refundAnswer struct {
	Number string       `json:"out_refund_no"`
	Trade  string       `json:"out_trade_no"`
	Status string       `json:"status"`
	Amount refundAmount `json:"amount"`
}

// Refund implements payment.Provider. It refuses with AMOUNT_EXCEEDED and PAYMENT_REFUSED (of an order that was refunded 50 times, or
// paid a year ago). One that WeChat has CLOSED is over, and asked for again under another number; one that is ABNORMAL never is, or the buyer
// might have the money twice: it waits until somebody settles it on the merchant platform. That the merchant has not enough money is no refusal: it is asked for again until there is.
func (p *Provider) Refund(ctx context.Context, r payment.RefundRequest) (payment.TransferState, error) {
	failpoint.Reach(failpoint.Call, "REFUND")
	who, d, o, err := p.find(ctx, r.Payment, r.Order)
	if err != nil {
		return payment.TransferProcessing, fmt.Errorf("refund %s: %w", r.ID, err)
	}
	if r.Amount.Currency != o.Total.Currency || r.Amount.Amount > o.Total.Amount || r.Amount.Amount <= 0 {
		return payment.TransferProcessing, fault.New(fault.AmountExceeded, "no more than %d is left", o.Total.Amount)
	}
	number := attempted(r.ID, r.Attempt)
	var a refundAnswer
	_, known := p.asked.Get(number)
	if known {
		err = p.lookRefund(ctx, who, number, &a)
	}
	if !known || is(err, noResource) {
		err = who.post(ctx, "/v3/refund/domestic/refunds", refundRequest{
			SubMchID: who.sub, Number: numberOf(d, o), RefundNumber: number, Reason: cut(r.Reason, reasonLen), NotifyURL: p.notifyURL,
			Amount: refundAmount{r.Amount.Amount, o.Total.Amount, string(o.Total.Currency)},
		}, &a)
	}
	failpoint.Reach(failpoint.Called, "REFUND")
	if final(err) {
		err = p.refundRefused(ctx, who, number, &a, err)
	}
	if err != nil {
		return payment.TransferProcessing, fmt.Errorf("refund %s: %w", r.ID, err)
	}
	if a.Number != number || a.Trade != numberOf(d, o) || a.Amount.Refund != r.Amount.Amount {
		return payment.TransferProcessing, fmt.Errorf("refund %s: WeChat Pay says that %d of %s are given back, not %d", r.ID, a.Amount.Refund, a.Trade, r.Amount.Amount)
	}
	p.asked.Add(number, struct{}{})
	state, err := refundState(a.Status)
	if state == payment.TransferFailed {
		err = fault.New(fault.PaymentRefused, "WeChat Pay closed this refund")
	}
	if state == payment.TransferStuck {
		err = fault.New(fault.PaymentRefused, "ABNORMAL: the money does not reach the buyer; settle this refund on WeChat Pay's merchant platform")
	}
	if err != nil {
		err = fmt.Errorf("refund %s: %w", r.ID, err)
	}
	return state, err
}

// refundRefused makes sure that what was refused has not happened after all.
func (p *Provider) refundRefused(ctx context.Context, who party, number string, into *refundAnswer, err error) error {
	if is(err, notEnough) {
		return err // it waits until the merchant has the money
	}
	switch looked := p.lookRefund(ctx, who, number, into); {
	case looked == nil:
		return nil
	case !is(looked, noResource):
		return looked
	}
	if r := refused(err); strings.Contains(r.Message, "大于支付金额") {
		return fmt.Errorf("%w: %w", fault.New(fault.AmountExceeded, "no more than was paid is given back"), err)
	}
	return fmt.Errorf("%w: %w", fault.New(fault.PaymentRefused, "WeChat Pay refuses this refund (%s)", refused(err).Code), err)
}

func (p *Provider) lookRefund(ctx context.Context, who party, number string, into *refundAnswer) error {
	path := "/v3/refund/domestic/refunds/" + number
	if who.sub != "" {
		path += "?" + url.Values{"sub_mchid": {who.sub}}.Encode()
	}
	return who.ask(ctx, http.MethodGet, path, nil, into)
}

// refundState is what a refund's status means.
func refundState(status string) (payment.TransferState, error) {
	switch status {
	case "SUCCESS":
		return payment.TransferSucceeded, nil
	case "PROCESSING":
		return payment.TransferProcessing, nil
	case "CLOSED":
		return payment.TransferFailed, nil
	case "ABNORMAL":
		return payment.TransferStuck, nil
	}
	return payment.TransferProcessing, fmt.Errorf("a refund has the unknown status %q", status)
}

// find is whose money an order's is, with what it belongs to.
func (p *Provider) find(ctx context.Context, id typeid.Payment, order typeid.Order) (party, *payment.Dossier, payment.DossierOrder, error) {
	d, err := p.dossier(ctx, id)
	if err != nil {
		return party{}, nil, payment.DossierOrder{}, err
	}
	o, ok := d.Order(order)
	if !ok {
		return party{}, nil, payment.DossierOrder{}, fmt.Errorf("order %s is not of payment %s", order, id)
	}
	who, err := p.partyOf(d, o)
	return who, d, o, err
}

// cut shortens a text to so many bytes, without blanks around it or control characters in it.
func cut(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	for len(text) > most {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return strings.TrimSpace(text)
}
