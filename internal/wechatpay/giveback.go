package wechatpay

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"holdfast/internal/failpoint"
	"holdfast/internal/fault"
	"holdfast/internal/payment"
)

type returnRequest struct {
	SubMchID     string `json:"sub_mchid,omitempty"`
	Number       string `json:"out_order_no"`
	ReturnNumber string `json:"out_return_no"`
	ReturnMchID  string `json:"return_mchid"`
	Amount       int64  `json:"amount"`
	Description  string `json:"description"`
}

type returnAnswer struct {
	ReturnNumber string `json:"out_return_no"`
	Amount       int64  `json:"amount"`
	Result       string `json:"result"`
	Reason       string `json:"fail_reason"`
}

// ReturnShare implements payment.Provider. It refuses with AMOUNT_EXCEEDED and PAYMENT_REFUSED: of a person's share, of a receiver who did
// not agree to returns. What is under way is asked for again in the same words, which is how WeChat wants it: a receiver who had no
// money may have some now.
func (p *Provider) ReturnShare(ctx context.Context, r payment.ReturnRequest) (payment.TransferState, error) {
	failpoint.Reach(failpoint.Call, "RETURN")
	if r.Own {
		return payment.TransferSucceeded, nil // it is with the merchant, who refunds
	}
	from, err := ParseReceiver(r.Receiver)
	if err != nil {
		return payment.TransferFailed, err
	}
	if from.Type == aPerson {
		return payment.TransferFailed, fault.New(fault.PaymentRefused, "WeChat Pay takes no share back from a person")
	}
	who, _, _, err := p.find(ctx, r.Payment, r.Order)
	if err != nil {
		return payment.TransferProcessing, fmt.Errorf("return %s: %w", r.ID, err)
	}
	share, number := attempted(r.Share, r.ShareAttempt), attempted(r.ID, r.Attempt)
	var a returnAnswer
	err = who.post(ctx, "/v3/profitsharing/return-orders", returnRequest{
		SubMchID: who.sub, Number: share, ReturnNumber: number, ReturnMchID: from.Account, Amount: r.Amount.Amount,
		Description: "退款 " + r.Order.String(),
	}, &a)
	failpoint.Reach(failpoint.Called, "RETURN")
	if final(err) {
		err = returnRefused(ctx, who, share, number, &a, err)
	}
	if err != nil {
		return payment.TransferProcessing, fmt.Errorf("return %s: %w", r.ID, err)
	}
	if a.ReturnNumber != number || a.Amount != r.Amount.Amount {
		return payment.TransferProcessing, fmt.Errorf("return %s: WeChat Pay says that %d came back as %s, not %d", r.ID, a.Amount, a.ReturnNumber, r.Amount.Amount)
	}
	switch a.Result {
	case "SUCCESS":
		return payment.TransferSucceeded, nil
	case "FAILED":
		return payment.TransferFailed, fmt.Errorf("return %s: %w", r.ID,
			fault.New(fault.PaymentRefused, "WeChat Pay could not take this share back (%s)", a.Reason))
	}
	return payment.TransferProcessing, nil
}

// returnRefused makes sure that what was refused has not happened after all.
func returnRefused(ctx context.Context, who party, share, number string, into *returnAnswer, err error) error {
	q := url.Values{"out_order_no": {share}}
	if who.sub != "" {
		q.Set("sub_mchid", who.sub)
	}
	if looked := who.get(ctx, "/v3/profitsharing/return-orders/"+number+"?"+q.Encode(), into); !is(looked, noResource) {
		return looked
	}
	r := refused(err)
	if r.Code == notEnough || strings.Contains(r.Message, "金额不足") {
		return fmt.Errorf("%w: %w", fault.New(fault.AmountExceeded, "no more than was shared can be returned"), err)
	}
	return fmt.Errorf("%w: %w", fault.New(fault.PaymentRefused, "WeChat Pay refuses the return of this share (%s)", r.Code), err)
}
