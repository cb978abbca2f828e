package checkout_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/payment"
)

// answers are what the three who want to decide a checkout were told.
type answers struct {
	paid    *payment.Payment
	payErr  error
	cancel  *checkout.Checkout
	cnclErr error
}

// TestRaceTurn pays, cancels and expires one checkout at once, many times: one of them wins, and all are told the truth.
// Once the sandbox decides who comes first; once the provider agrees to everything, and the database alone decides.
func TestRaceTurn(t *testing.T) {
	for name, agree := range map[string]bool{"provider decides": false, "database decides": true} {
		t.Run(name, func(t *testing.T) {
			eachRace(t, func(t *testing.T, w *world) {
				if agree {
					w.fake().close = func(context.Context, payment.Trade) (payment.Answer, error) {
						return payment.Answer{State: payment.TradeClosed}, nil
					}
				}
				const each = 4
				tea, ball := w.variant(t, 0, 1999, 10_000), w.variant(t, 1, 500, 10_000)
				won := make(map[checkout.Status]int)
				for range w.rounds(10) {
					buyers := w.buyers(t, each)
					placed, told := make([]*checkout.Checkout, each), make([]answers, each)
					for i, who := range buyers {
						placed[i] = w.place(t, who, w.buy(ball, 1, tea, 2))
					}
					w.clock.Advance(15 * time.Minute)
					atOnce(3*each, func(i int) {
						n := i / 3
						switch i % 3 {
						case 0:
							told[n].paid, told[n].payErr = w.Checkouts.SandboxConfirm(t.Context(), buyers[n], placed[n].Payment.ID.String())
						case 1:
							told[n].cancel, told[n].cnclErr = w.Checkouts.Cancel(t.Context(), buyers[n], placed[n].ID.String())
						default:
							if _, err := w.Checkouts.SweepOnce(t.Context()); err != nil {
								t.Error(err)
							}
						}
					})
					for n := range placed {
						status := w.status(t, placed[n].ID)
						won[status]++
						if err := told[n].consistent(status); err != nil {
							t.Error(err)
						}
					}
					w.check(t)
				}
				t.Logf("who won: %v", won)
				sold := won[checkout.Paid]
				w.sees(t, tea, 10_000-2*sold, 0)
				w.sees(t, ball, 10_000-sold, 0)
				if won[checkout.Open] > 0 {
					t.Error("nobody won")
				}
			})
		})
	}
}

// consistent tells whether what everybody was told agrees with where the checkout stands.
func (a answers) consistent(status checkout.Status) error {
	if a.paid == nil || a.cancel == nil {
		return fmt.Errorf("%s: confirm said %+v, %w; cancel said %+v, %w", status, a.paid, a.payErr, a.cancel, a.cnclErr)
	}
	// While it is being closed the money is refused; once it is, the money comes late: for goods that expired, which are there
	// again, it counts, and for goods that were cancelled it goes back.
	var pay, cancel bool
	switch status {
	case checkout.Paid:
		pay = a.payErr == nil && a.paid.Status == payment.Paid
		cancel = fault.Is(a.cnclErr, fault.AlreadyPaid) || fault.Is(a.cnclErr, fault.PaymentClosed) && a.cancel.Status == checkout.Expired
	case checkout.Cancelled:
		pay = fault.Is(a.payErr, fault.PaymentClosed) || a.payErr == nil && a.paid.Status == payment.Refunding
		cancel = a.cnclErr == nil && a.cancel.Status == status
	case checkout.Expired:
		pay = fault.Is(a.payErr, fault.PaymentClosed)
		cancel = fault.Is(a.cnclErr, fault.PaymentClosed) && a.cancel.Status == status
	case checkout.Open:
	}
	if !pay {
		return fmt.Errorf("%s: confirm said %+v, %w", status, a.paid, a.payErr)
	}
	if !cancel {
		return fmt.Errorf("%s: cancel said %+v, %w", status, a.cancel, a.cnclErr)
	}
	return nil
}

// TestRaceManyAnswers repeats one confirm, and one cancel, many times at once: each has one effect.
func TestRaceManyAnswers(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
		paid, cancelled := w.place(t, who, w.buy(tea, 2)), w.place(t, who, w.buy(tea, 3))
		before := w.stock(t, tea).Version
		atOnce(40, func(i int) {
			var err error
			if i%2 == 0 {
				_, err = w.Checkouts.SandboxConfirm(t.Context(), who, paid.Payment.ID.String())
			} else {
				_, err = w.Checkouts.Cancel(t.Context(), who, cancelled.ID.String())
			}
			if err != nil {
				t.Error(err)
			}
		})
		w.stands(t, paid, checkout.Paid, tea, 8, 0)
		w.stands(t, cancelled, checkout.Cancelled, tea, 8, 0)
		if got := w.stock(t, tea).Version; got != before+2 {
			t.Errorf("two turns took the stock from version %d to %d", before, got)
		}
	})
}
