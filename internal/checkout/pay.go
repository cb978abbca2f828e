package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// providerTimeout is how long a buyer waits for the provider's answer.
const providerTimeout = 3 * time.Second

// pending is the refusal that comes with what it is about: nothing is lost, and asking again may succeed.
func pending() error {
	return fault.New(fault.PaymentPending, "the payment provider has not answered; try again")
}

func noPayment() error {
	return fault.New(fault.NotFound, "there is no such payment").At("paymentId")
}

// read is one checkout with its payment, or NOT_FOUND.
func (c *Checkouts) read(ctx context.Context, id typeid.Checkout) (*Checkout, error) {
	found, err := c.ByIDs(ctx, []typeid.Checkout{id})
	if err != nil {
		return nil, err
	}
	paid, err := c.payments.ByCheckouts(ctx, []typeid.Checkout{id})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 || len(paid) != 1 {
		return nil, fault.New(fault.NotFound, "there is no such checkout").At("checkoutId")
	}
	found[0].Payment = paid[0]
	return found[0], nil
}

// ownPayment is a buyer's own payment and its checkout, or NOT_FOUND.
func (c *Checkouts) ownPayment(ctx context.Context, who identity.Principal, paymentID string) (*Checkout, error) {
	id, ok := typeid.Parse[typeid.Payment](paymentID)
	if !ok {
		return nil, noPayment()
	}
	found, err := c.payments.ByIDs(ctx, []typeid.Payment{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || !who.IsBuyer() || found[0].BuyerID != who.Buyer {
		return nil, noPayment()
	}
	return c.read(ctx, found[0].CheckoutID)
}

func (c *Checkout) trade() payment.Trade {
	return payment.Trade{
		ID: c.Payment.ID, Amount: c.Payment.Amount, ExpiresAt: c.HeldUntil, MiniProgram: c.MiniProgramID, Buyer: c.BuyerID,
	}
}

// prepare asks the provider for parameters and puts them on the payment. What the provider refuses is PAYMENT_PENDING or
// its own refusal; either way the payment says that it was asked.
func (c *Checkouts) prepare(ctx context.Context, who identity.Principal, out *Checkout) error {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	t := out.trade()
	t.MiniProgram = who.MiniProgram // the buyer pays where the buyer is
	out.Payment.Asked = true
	parameters, err := c.provider.Prepare(ctx, t)
	if err == nil {
		out.Payment.Parameters = &parameters
		return nil
	}
	if fault.List(err) != nil {
		return err
	}
	c.log.WarnContext(ctx, "payment provider did not answer", "call", "prepare", "payment_id", out.Payment.ID.String(), "error", err)
	return pending()
}

// Parameters are what wx.requestPayment takes for this payment: nil unless who is its buyer, it waits for its money, and
// the provider answers.
func (c *Checkouts) Parameters(ctx context.Context, who identity.Principal, p *payment.Payment) *payment.Parameters {
	if !who.IsBuyer() || p.BuyerID != who.Buyer || p.Status != payment.Pending {
		return nil
	}
	if !p.Asked {
		out := &Checkout{ID: p.CheckoutID, BuyerID: p.BuyerID, HeldUntil: p.ExpiresAt, Payment: p}
		_ = c.prepare(ctx, who, out) // logged there; the field is null
	}
	return p.Parameters
}

// Prepare asks for payment parameters again, for the buyer, of a payment that is still open. It fails with NOT_FOUND,
// PAYMENT_CLOSED, ALREADY_PAID, PAYMENT_PENDING and PAYMENT_REFUSED; all but the first come with the payment.
func (c *Checkouts) Prepare(ctx context.Context, who identity.Principal, paymentID string) (*payment.Payment, error) {
	found, err := c.ownPayment(ctx, who, paymentID)
	if err != nil {
		return nil, err
	}
	switch found.Payment.Status {
	case payment.Pending:
		return found.Payment, c.prepare(ctx, who, found)
	case payment.Closed:
		return found.Payment, fault.New(fault.PaymentClosed, "the payment is closed")
	default:
		return found.Payment, fault.New(fault.AlreadyPaid, "this has been paid")
	}
}

// Sync asks the provider, for the buyer, where the payment stands, and records it when it was paid. It fails with NOT_FOUND,
// and with PAYMENT_PENDING beside the payment when the provider does not answer.
func (c *Checkouts) Sync(ctx context.Context, who identity.Principal, paymentID string) (*payment.Payment, error) {
	found, err := c.ownPayment(ctx, who, paymentID)
	if err != nil {
		return nil, err
	}
	if found.Payment.Status != payment.Pending && found.Payment.Status != payment.Closed {
		return found.Payment, nil
	}
	if err := c.ask(ctx, found); err != nil {
		return found.Payment, err
	}
	return c.payment(ctx, found.Payment.ID)
}

// ask asks the provider where a payment stands, and records it when it was paid. It fails with PAYMENT_PENDING.
func (c *Checkouts) ask(ctx context.Context, found *Checkout) error {
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	answer, err := usable(found)(c.provider.Query(asking, found.trade()))
	if err != nil {
		c.log.WarnContext(ctx, "payment provider did not answer", "call", "query", "payment_id", found.Payment.ID.String(), "error", err)
		return pending()
	}
	if answer.State == payment.TradePaid {
		_, err = c.settle(ctx, found, answer)
	}
	return err
}

// usable refuses an answer about another amount than the one that is owed: it is as good as none.
func usable(of *Checkout) func(payment.Answer, error) (payment.Answer, error) {
	return func(a payment.Answer, err error) (payment.Answer, error) {
		if err == nil && a.State == payment.TradePaid && a.Amount != of.Payment.Amount {
			err = fmt.Errorf("the provider says that %s were paid, %s are owed", a.Amount, of.Payment.Amount)
		}
		return a, err
	}
}

// Notice takes in that the provider has something to say of a payment. It believes what the provider answers when it is asked,
// so that a notice may come early, late, many times or never. An unknown payment is NOT_FOUND.
func (c *Checkouts) Notice(ctx context.Context, id typeid.Payment) error {
	found, err := c.payment(ctx, id)
	if err != nil {
		return err
	}
	out, err := c.read(ctx, found.CheckoutID)
	if err != nil {
		return err
	}
	return c.ask(ctx, out)
}

// Told takes in what the provider has said of a payment without being asked, once it is known that it was the provider. It returns when
// the effect is committed; the same again changes nothing. An unknown payment is NOT_FOUND.
func (c *Checkouts) Told(ctx context.Context, id typeid.Payment, answer payment.Answer) error {
	found, err := c.payment(ctx, id)
	if err != nil {
		return err
	}
	of := &Checkout{ID: found.CheckoutID, Payment: found}
	if answer, err = usable(of)(answer, nil); err != nil {
		return err
	}
	if answer.State != payment.TradePaid || found.Status != payment.Pending && found.Status != payment.Closed {
		return nil
	}
	_, err = c.settle(ctx, of, answer)
	return err
}

// Payer is what the sandbox can do beside what every provider can: pay, as the buyer would in the cashier, even in one that
// was open when the payment was closed, and send notices.
type Payer interface {
	Pay(ctx context.Context, t payment.Trade) (payment.Answer, error)
	PayLate(ctx context.Context, t payment.Trade) (payment.Answer, error)
	Notify(ctx context.Context, id typeid.Payment, notice func(context.Context, typeid.Payment) error) (bool, error)
}

// SandboxConfirm pays in the sandbox, for the buyer, and does what the provider's success notice would do. What was cancelled
// or has expired is paid late. It fails with NOT_FOUND (also with any other provider), with PAYMENT_CLOSED while the payment is
// being closed, and with PAYMENT_PENDING when no notice comes; confirming again changes nothing.
func (c *Checkouts) SandboxConfirm(ctx context.Context, who identity.Principal, paymentID string) (*payment.Payment, error) {
	sandbox, ok := c.provider.(Payer)
	if !ok {
		return nil, noPayment()
	}
	found, err := c.ownPayment(ctx, who, paymentID)
	if err != nil {
		return nil, err
	}
	switch found.Payment.Status {
	case payment.Pending:
		_, err = sandbox.Pay(ctx, found.trade())
	case payment.Closed:
		_, err = sandbox.PayLate(ctx, found.trade())
	default:
		return found.Payment, nil
	}
	if fault.Is(err, fault.PaymentClosed) { // before what closed it has committed
		after, again := c.payment(ctx, found.Payment.ID)
		return after, errors.Join(again, err)
	}
	if err != nil {
		return nil, err
	}
	heard, err := sandbox.Notify(ctx, found.Payment.ID, c.Notice)
	if err != nil && fault.List(err) == nil {
		return nil, err
	}
	after, err2 := c.payment(ctx, found.Payment.ID)
	if err2 == nil && (!heard || err != nil) {
		err2 = pending()
	}
	return after, err2
}

// settle records that the money came. It tells whether this is what decided the checkout: a repeated notice changes nothing.
func (c *Checkouts) settle(ctx context.Context, out *Checkout, receipt payment.Answer) (bool, error) {
	return c.turnOne(ctx, turn{checkout: out.ID, to: Paid, receipt: receipt})
}

func (c *Checkouts) payment(ctx context.Context, id typeid.Payment) (*payment.Payment, error) {
	found, err := c.payments.ByIDs(ctx, []typeid.Payment{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noPayment()
	}
	return found[0], nil
}

// Cancel closes the payment at the provider and lets the goods go, while unpaid, for the buyer, operators, and staff when
// all orders are of their shops. It fails with NOT_FOUND, ALREADY_PAID, PAYMENT_CLOSED (it had expired) and CONFLICT (the
// provider did not answer); all but the first come with the checkout. Cancelling again changes nothing.
func (c *Checkouts) Cancel(ctx context.Context, who identity.Principal, checkoutID string) (*Checkout, error) {
	notFound := fault.New(fault.NotFound, "there is no such checkout").At("checkoutId")
	id, ok := typeid.Parse[typeid.Checkout](checkoutID)
	if !ok {
		return nil, notFound
	}
	orders, err := c.orders.ByCheckouts(ctx, []typeid.Checkout{id})
	if err != nil {
		return nil, err
	}
	if !order.AllVisibleTo(who, orders) {
		return nil, notFound
	}
	found, err := c.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if found.Status == Open {
		if err := c.closeAndCancel(ctx, found, cancels(who, orders)); err != nil {
			return found, err
		}
		if found, err = c.read(ctx, id); err != nil {
			return nil, err
		}
	}
	switch found.Status {
	case Paid:
		return found, fault.New(fault.AlreadyPaid, "this has been paid")
	case Expired:
		return found, fault.New(fault.PaymentClosed, "this has expired")
	default:
		return found, nil
	}
}

// cancels are what the audit logs of the orders' shops say of who cancels; nothing of a buyer.
func cancels(who identity.Principal, orders []*order.Order) []audit.Act {
	var acts []audit.Act
	for _, o := range orders {
		if who.IsStaff() {
			acts = append(acts, audit.Act{Shop: o.ShopID, Staff: who.Staff, Action: "checkoutCancel", Subject: o.ID})
		}
	}
	return acts
}

func (c *Checkouts) closeAndCancel(ctx context.Context, found *Checkout, acts []audit.Act) error {
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	answer, err := usable(found)(c.provider.Close(asking, found.trade()))
	if err != nil {
		c.log.WarnContext(ctx, "payment provider did not answer", "call", "close", "payment_id", found.Payment.ID.String(), "error", err)
		return fault.New(fault.Conflict, "the payment provider has not answered; nothing was cancelled; try again")
	}
	if answer.State == payment.TradePaid { // already paid wins
		_, err = c.settle(ctx, found, answer)
		return err
	}
	_, err = c.turnOne(ctx, turn{checkout: found.ID, to: Cancelled, acts: acts})
	return err
}
