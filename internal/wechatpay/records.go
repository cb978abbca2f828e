package wechatpay

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"holdfast/internal/money"
	"holdfast/internal/payment"
)

var _ payment.Records = (*Provider)(nil)

// Merchants are the numbers of the configured merchants, in order: those that have bills.
func (p *Provider) Merchants() []string { return slices.Sorted(maps.Keys(p.merchants)) }

// BillOf is whose bills an order is in that was paid in a mini-program and whose money is a receiver's, and as which sub-merchant's, which
// is empty in merchant mode; false when the configuration knows no such merchant.
func (p *Provider) BillOf(appID, receiver string) (merchant, sub string, ok bool) {
	who, err := p.partyOf(&payment.Dossier{AppID: appID}, payment.DossierOrder{Receiver: receiver})
	if err != nil {
		return "", "", false
	}
	return who.id, who.sub, true
}

// RefundRecord implements payment.Records.
func (p *Provider) RefundRecord(ctx context.Context, r payment.RefundRequest) (payment.Record, error) {
	who, _, o, err := p.find(ctx, r.Payment, r.Order)
	var a refundAnswer
	if err == nil {
		err = p.lookRefund(ctx, who, attempted(r.ID, r.Attempt), &a)
	}
	if is(err, noResource) {
		return payment.Record{}, nil
	}
	if err != nil {
		return payment.Record{}, fmt.Errorf("ask about refund %s: %w", r.ID, err)
	}
	state, err := refundState(a.Status)
	return payment.Record{State: state, Amount: money.New(a.Amount.Refund, o.Total.Currency)}, err
}

// ShareRecord implements payment.Records. WeChat knows nothing of a merchant's own share.
func (p *Provider) ShareRecord(ctx context.Context, r payment.ShareRequest) (payment.Record, error) {
	to, err := ParseReceiver(r.Receiver)
	if err != nil {
		return payment.Record{}, err
	}
	s, shared, err := p.sharing(ctx, r.Payment, r.Order, attempted(r.ID, r.Attempt))
	if err != nil || !shared {
		return payment.Record{}, err
	}
	var a shareAnswer
	q := url.Values{"transaction_id": {s.transaction}}
	if s.who.sub != "" {
		q.Set("sub_mchid", s.who.sub)
	}
	err = s.who.get(ctx, "/v3/profitsharing/orders/"+s.number+"?"+q.Encode(), &a)
	if is(err, noResource) {
		return payment.Record{}, nil
	}
	if err != nil {
		return payment.Record{}, fmt.Errorf("ask about share %s: %w", r.ID, err)
	}
	for _, one := range a.Receivers {
		if one.Type != to.Type || one.Account != to.Account {
			continue
		}
		found := payment.Record{State: payment.TransferProcessing, Amount: money.New(one.Amount, r.Amount.Currency)}
		switch one.Result {
		case "SUCCESS":
			found.State = payment.TransferSucceeded
		case "CLOSED":
			found.State = payment.TransferFailed
		}
		return found, nil
	}
	return payment.Record{}, nil
}

// ReturnRecord implements payment.Records.
func (p *Provider) ReturnRecord(ctx context.Context, r payment.ReturnRequest) (payment.Record, error) {
	who, _, _, err := p.find(ctx, r.Payment, r.Order)
	if err != nil {
		return payment.Record{}, fmt.Errorf("ask about return %s: %w", r.ID, err)
	}
	var a returnAnswer
	q := url.Values{"out_order_no": {attempted(r.Share, r.ShareAttempt)}}
	if who.sub != "" {
		q.Set("sub_mchid", who.sub)
	}
	err = who.get(ctx, "/v3/profitsharing/return-orders/"+attempted(r.ID, r.Attempt)+"?"+q.Encode(), &a)
	if is(err, noResource) {
		return payment.Record{}, nil
	}
	if err != nil {
		return payment.Record{}, fmt.Errorf("ask about return %s: %w", r.ID, err)
	}
	found := payment.Record{State: payment.TransferProcessing, Amount: money.New(a.Amount, r.Amount.Currency)}
	switch a.Result {
	case "SUCCESS":
		found.State = payment.TransferSucceeded
	case "FAILED":
		found.State = payment.TransferFailed
	}
	return found, nil
}
