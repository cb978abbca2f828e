package payment

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Provider moves the money: WeChat Pay, or the sandbox. Every call goes over a network, so it is never made while rows are
// locked. An error that is no fault.Error means that nothing is known: the call may or may not have had its effect, and the
// same call with the same id is safe.
type Provider interface {
	// Limits are what one payment in the mini-program of this appId may be, so that nothing is held that could not be paid. Nothing is
	// asked over a network for it.
	Limits(appID string) Limits
	// ShareAfter is how long after a payment its shares may be paid out at the earliest.
	ShareAfter() time.Duration
	// Prepare makes the payment payable and returns what wx.requestPayment takes. It refuses with PAYMENT_CLOSED,
	// ALREADY_PAID and PAYMENT_REFUSED.
	Prepare(ctx context.Context, t Trade) (Parameters, error)
	// Close makes the payment unpayable. When it was paid before, the answer is Paid with its receipt: "already paid" wins.
	Close(ctx context.Context, t Trade) (Answer, error)
	// Query tells where the payment stands.
	Query(ctx context.Context, t Trade) (Answer, error)
	// Of a transfer, the state says what becomes of its number, and a refusal says why: after TransferFailed it is the next attempt that is
	// asked for, with a number of its own; after everything else, refused or not, it is the same one.

	// Refund gives money of a paid payment back to the buyer. It refuses with AMOUNT_EXCEEDED.
	Refund(ctx context.Context, r RefundRequest) (TransferState, error)
	// Share pays one receiver's share out of a paid payment. It refuses with AMOUNT_EXCEEDED.
	Share(ctx context.Context, r ShareRequest) (TransferState, error)
	// SetFree lets the merchant have what is left of an order's money: nobody else gets anything of it any more. It may be repeated.
	SetFree(ctx context.Context, r FreeRequest) (TransferState, error)
	// ReturnShare takes a share, or a part of it, back from its receiver. It refuses with AMOUNT_EXCEEDED.
	ReturnShare(ctx context.Context, r ReturnRequest) (TransferState, error)
}

// Limits are what a provider takes in one payment.
type Limits struct {
	MaxOrders int
	// EachCosts says that every order has to cost something. A payment of nothing at all is never made.
	EachCosts bool
	// Currency is the only one that it takes; "" takes all.
	Currency money.Currency
	// Payee refuses receivers of shops who could get no money there; nil refuses none.
	Payee func(receiver string) error
}

// Trade is a payment as the provider knows it; its id is the provider's order number.
type Trade struct {
	ID     typeid.Payment
	Amount money.Money
	// ExpiresAt is when the provider should stop taking it (time_expire). A cashier that is open already may still pay.
	ExpiresAt time.Time
	// MiniProgram and Buyer are who pays, and where.
	MiniProgram typeid.MiniProgram
	Buyer       typeid.Buyer
}

// Parameters are what wx.requestPayment takes.
type Parameters struct {
	TimeStamp string
	NonceStr  string
	Package   string
	SignType  string
	PaySign   string
}

// State is where a trade stands at the provider.
type State string

// The states of a trade.
const (
	TradeOpen   State = "OPEN"
	TradePaid   State = "PAID"
	TradeClosed State = "CLOSED"
)

// Answer is what the provider says of a trade. The rest is set when it is paid.
type Answer struct {
	State         State
	TransactionID string
	Amount        money.Money
	PaidAt        time.Time
}

// TransferState is where a refund, a share or a return stands.
type TransferState string

// The states of a transfer.
const (
	TransferProcessing TransferState = "PROCESSING"
	TransferSucceeded  TransferState = "SUCCEEDED"
	// TransferFailed is over: it has had no effect and never will.
	TransferFailed TransferState = "FAILED"
	// TransferStuck waits for a person to mend something at the provider, and may still succeed. It is only ever an answer: in the rows
	// it is FAILED.
	TransferStuck TransferState = "STUCK"
)

// RefundRequest gives Amount of a payment back to the buyer; repeating it with the same id and attempt has one effect.
type RefundRequest struct {
	ID      typeid.Refund
	Attempt int // as of a share
	Payment typeid.Payment
	Order   typeid.Order // whose money it is
	Amount  money.Money
	Reason  string
}

// ShareRequest pays Amount of a payment to a receiver; repeating it with the same id and attempt has one effect.
type ShareRequest struct {
	ID       typeid.Split
	Attempt  int // how often it failed for good: each attempt is a transfer of its own
	Payment  typeid.Payment
	Order    typeid.Order
	Receiver string
	Amount   money.Money
	// Own says that it is the merchant's own share: it is with the merchant already, though perhaps not yet free.
	Own bool
}

// FreeRequest ends the sharing of an order's money.
type FreeRequest struct {
	Payment typeid.Payment
	Order   typeid.Order
}

// ReturnRequest takes Amount of a share back; repeating it with the same id and attempt has one effect.
type ReturnRequest struct {
	ID           typeid.SplitReturn
	Attempt      int // as of a share
	Share        typeid.Split
	ShareAttempt int // the one that succeeded
	Payment      typeid.Payment
	Order        typeid.Order
	Receiver     string
	Amount       money.Money
	Own          bool // the merchant's own share: it is with the merchant, who gives refunds anyway
}

// Unconfigured is the provider of a server that has none: it takes no payments, and nothing is known of any.
type Unconfigured struct{}

var errUnconfigured = errors.New("no payment provider is configured")

// Limits implements Provider: it takes no orders at all.
func (Unconfigured) Limits(string) Limits { return Limits{} }

// ShareAfter implements Provider.
func (Unconfigured) ShareAfter() time.Duration { return 0 }

// Prepare implements Provider.
func (Unconfigured) Prepare(context.Context, Trade) (Parameters, error) {
	return Parameters{}, errUnconfigured
}

// Close implements Provider.
func (Unconfigured) Close(context.Context, Trade) (Answer, error) { return Answer{}, errUnconfigured }

// Query implements Provider.
func (Unconfigured) Query(context.Context, Trade) (Answer, error) { return Answer{}, errUnconfigured }

// Refund implements Provider.
func (Unconfigured) Refund(context.Context, RefundRequest) (TransferState, error) {
	return TransferProcessing, errUnconfigured
}

// Share implements Provider.
func (Unconfigured) Share(context.Context, ShareRequest) (TransferState, error) {
	return TransferProcessing, errUnconfigured
}

// SetFree implements Provider.
func (Unconfigured) SetFree(context.Context, FreeRequest) (TransferState, error) {
	return TransferProcessing, errUnconfigured
}

// ReturnShare implements Provider.
func (Unconfigured) ReturnShare(context.Context, ReturnRequest) (TransferState, error) {
	return TransferProcessing, errUnconfigured
}
