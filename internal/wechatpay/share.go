package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"holdfast/internal/failpoint"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// wholeOrder is all of an order, in hundredths of a percent.
const wholeOrder = 10_000

type shareReceiver struct {
	Type        string `json:"type"`
	Account     string `json:"account"`
	Amount      int64  `json:"amount"`
	Description string `json:"description"`
}

type shareRequest struct {
	AppID       string          `json:"appid"`
	SubMchID    string          `json:"sub_mchid,omitempty"`
	Transaction string          `json:"transaction_id"`
	Number      string          `json:"out_order_no"`
	Receivers   []shareReceiver `json:"receivers"`
	Unfreeze    bool            `json:"unfreeze_unsplit"`
}

type unfreezeRequest struct {
	SubMchID    string `json:"sub_mchid,omitempty"`
	Transaction string `json:"transaction_id"`
	Number      string `json:"out_order_no"`
	Description string `json:"description"`
}

type shareAnswer struct {
	Number    string `json:"out_order_no"`
	State     string `json:"state"`
	Receivers []struct {
		Type    string `json:"type"`
		Account string `json:"account"`
		Amount  int64  `json:"amount"`
		Result  string `json:"result"`
		Reason  string `json:"fail_reason"`
	} `json:"receivers"`
}

// attempted is the number of an attempt: each that failed for good is followed by one with a number of its own.
func attempted(id fmt.Stringer, attempt int) string {
	if attempt == 0 {
		return id.String()
	}
	return fmt.Sprintf("%s-%d", id, attempt)
}

// unattempted is the id that a number is of, whichever the attempt.
func unattempted(number string) string {
	id, attempt, later := strings.Cut(number, "-")
	if n, err := strconv.Atoi(attempt); later && (err != nil || n < 1 || strconv.Itoa(n) != attempt) {
		return number // which is none of ours
	}
	return id
}

// Share implements payment.Provider. It refuses with AMOUNT_EXCEEDED, INVALID (of a receiver that is none) and PAYMENT_REFUSED. The
// merchant's own share is with the merchant already: SetFree lets it have that.
func (p *Provider) Share(ctx context.Context, r payment.ShareRequest) (payment.TransferState, error) {
	if r.Own {
		return payment.TransferSucceeded, nil
	}
	to, err := ParseReceiver(r.Receiver)
	if err != nil {
		return payment.TransferFailed, err
	}
	failpoint.Reach(failpoint.Call, "SHARE")
	s, _, err := p.sharing(ctx, r.Payment, r.Order, attempted(r.ID, r.Attempt))
	state := payment.TransferProcessing
	if err == nil {
		s.to, s.amount = to, r.Amount
		state, err = s.share(ctx)
	}
	failpoint.Reach(failpoint.Called, "SHARE")
	if err != nil {
		return state, fmt.Errorf("share %s: %w", r.ID, err)
	}
	return state, nil
}

// SetFree implements payment.Provider: WeChat unfreezes what is left, under the order's number. It refuses with PAYMENT_REFUSED. When an
// order was not to be shared, nothing was ever frozen.
func (p *Provider) SetFree(ctx context.Context, r payment.FreeRequest) (payment.TransferState, error) {
	failpoint.Reach(failpoint.Call, "FREE")
	s, shared, err := p.sharing(ctx, r.Payment, r.Order, r.Order.String())
	state := payment.TransferSucceeded
	if err == nil && shared {
		state, err = s.unfreeze(ctx)
	}
	failpoint.Reach(failpoint.Called, "FREE")
	if err != nil {
		return payment.TransferProcessing, fmt.Errorf("set %s free: %w", r.Order, err)
	}
	return state, nil
}

// sharing is a request about an order under a number, and whether the order is shared at all.
func (p *Provider) sharing(ctx context.Context, id typeid.Payment, order typeid.Order, number string) (sharing, bool, error) {
	who, d, o, err := p.find(ctx, id, order)
	if err != nil {
		return sharing{}, false, err
	}
	s := sharing{provider: p, who: who, appID: d.AppID, number: number, order: order.String()}
	if !o.Shared {
		return s, false, nil
	}
	s.transaction, err = p.transaction(ctx, d, o)
	return s, true, err
}

// transaction is WeChat's number of an order's trade, which sharing goes by.
func (p *Provider) transaction(ctx context.Context, d *payment.Dossier, o payment.DossierOrder) (string, error) {
	if t, ok := p.transactions.Get(o.ID); ok {
		return t, nil
	}
	if _, err := p.query(ctx, d); err != nil {
		return "", err
	}
	t, ok := p.transactions.Get(o.ID)
	if !ok {
		return "", fmt.Errorf("WeChat Pay does not say that %s was paid", d.ID)
	}
	return t, nil
}

// sharing is one request to share an order.
type sharing struct {
	provider    *Provider
	who         party
	appID       string
	transaction string
	number      string
	order       string // for the receiver to read
	to          Receiver
	amount      money.Money
}

func (s sharing) share(ctx context.Context) (payment.TransferState, error) {
	var a shareAnswer
	err := s.once(ctx, &a, func() error {
		if err := s.provider.addReceiver(ctx, s.who, s.appID, s.to); err != nil {
			return err
		}
		err := s.who.post(ctx, "/v3/profitsharing/orders", shareRequest{
			AppID: s.appID, SubMchID: s.who.sub, Transaction: s.transaction, Number: s.number,
			Receivers: []shareReceiver{{s.to.Type, s.to.Account, s.amount.Amount, "分账 " + s.order}},
		}, &a)
		if unrelated(err) && s.to.addable() { // removed on the merchant platform, or by another program
			s.forget()
			err = errors.Join(fmt.Errorf("receiver %s is added again: %s", s.to.Account, err.Error()), // no refusal: the same may succeed now
				s.provider.addReceiver(ctx, s.who, s.appID, s.to))
		}
		return err
	})
	if err != nil {
		return payment.TransferProcessing, s.refusal(err)
	}
	for _, one := range a.Receivers {
		if one.Type != s.to.Type || one.Account != s.to.Account {
			continue
		}
		if one.Amount != s.amount.Amount {
			break
		}
		switch one.Result {
		case "SUCCESS":
			return payment.TransferSucceeded, nil
		case "CLOSED":
			if one.Reason == noRelation {
				s.forget()
			}
			return payment.TransferFailed, fault.New(fault.PaymentRefused, "WeChat Pay closed this share (%s)", one.Reason)
		}
		return payment.TransferProcessing, nil
	}
	return payment.TransferProcessing, fmt.Errorf("WeChat Pay says of %s: %+v", s.number, a.Receivers)
}

// unfreeze gives the merchant what is left.
func (s sharing) unfreeze(ctx context.Context) (payment.TransferState, error) {
	var a shareAnswer
	err := s.once(ctx, &a, func() error {
		return s.who.post(ctx, "/v3/profitsharing/orders/unfreeze", unfreezeRequest{
			SubMchID: s.who.sub, Transaction: s.transaction, Number: s.number, Description: "解冻 " + s.order,
		}, &a)
	})
	switch {
	case is(err, notEnough): // nothing is left: all was shared or refunded, or WeChat set it free after 30 days
		return payment.TransferSucceeded, nil
	case err != nil:
		return payment.TransferProcessing, s.refusal(err)
	case a.State == "FINISHED":
		return payment.TransferSucceeded, nil
	}
	return payment.TransferProcessing, nil
}

// once asks about a number that WeChat has taken on, and else has it taken on. What is refused is looked up, so that nothing that happened is
// ever taken for refused.
func (s sharing) once(ctx context.Context, into *shareAnswer, create func() error) error {
	p := s.provider
	look := func() error {
		q := url.Values{"transaction_id": {s.transaction}}
		if s.who.sub != "" {
			q.Set("sub_mchid", s.who.sub)
		}
		return s.who.get(ctx, "/v3/profitsharing/orders/"+s.number+"?"+q.Encode(), into)
	}
	var err error
	_, known := p.asked.Get(s.number)
	if known {
		err = look()
	}
	if !known || is(err, noResource) {
		err = create()
		if final(err) {
			if looked := look(); !is(looked, noResource) {
				err = looked
			}
		}
	}
	if err == nil {
		p.asked.Add(s.number, struct{}{})
	}
	return err
}

func (s sharing) forget() {
	s.provider.receivers.Remove(s.provider.receiverKey(s.who, s.appID, s.to))
}

// unrelated tells whether WeChat does not know the receiver.
func unrelated(err error) bool {
	r := refused(err)
	return r != nil && (r.Code == noRelation || strings.Contains(r.Message, "关系"))
}

// refusal is what it means that a share was refused.
func (s sharing) refusal(err error) error {
	r := refused(err)
	switch {
	case !final(err):
		return err
	case r.Code == notEnough, strings.Contains(r.Message, "最大分账比例"):
		return fmt.Errorf("%w: %w", fault.New(fault.AmountExceeded, "WeChat Pay lets no more of this order be shared"), err)
	}
	return fmt.Errorf("%w: %w", fault.New(fault.PaymentRefused, "WeChat Pay refuses this share (%s)", r.Code), err)
}

// MaxShare is how much of an order of this receiver others may have, together, in hundredths of a percent; false when WeChat does not say:
// it tells partners about their sub-merchants, and merchants nothing. An error is no answer.
func (p *Provider) MaxShare(ctx context.Context, receiver string) (points int, said bool, err error) {
	if !isNumber(receiver) || p.merchants[receiver] != nil {
		return 0, false, nil
	}
	var last error
	for _, m := range p.merchants {
		if m.mode != PartnerMode {
			continue
		}
		var a struct {
			MaxRatio *int `json:"max_ratio"`
		}
		err := m.get(ctx, "/v3/profitsharing/merchant-configs/"+receiver, &a)
		switch {
		case err == nil && a.MaxRatio != nil && *a.MaxRatio >= 0 && *a.MaxRatio <= wholeOrder:
			return *a.MaxRatio, true, nil
		case err == nil:
			last = errors.New("the answer has no ratio")
		case !final(err): // else it is not this partner's
			last = err
		}
	}
	if last != nil {
		p.log.WarnContext(ctx, "WeChat Pay does not say how much may be shared", "receiver", receiver, "error", last)
		return 0, false, fmt.Errorf("ask how much of the orders of %s may be shared: %w", receiver, last)
	}
	return 0, false, nil
}
