package checkout_test

import (
	"context"
	"testing"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

func TestRights(t *testing.T) {
	parts(t,
		part{"cancel", testCancelRights},
		part{"payment", testPaymentRights},
		part{"sandbox", testConfirmNeedsSandbox},
	)
}

// testCancelRights wants a checkout to be cancelled by its buyer, by operators, and by staff of all its shops alone; for
// everybody else it is absent.
func testCancelRights(t *testing.T, w *world) {
	tea, ball := w.variant(t, 0, 1999, 100), w.variant(t, 1, 500, 100)
	staff := func(role identity.Role, shops ...int) identity.Principal {
		who := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}
		for _, s := range shops {
			who = who.WithRole(w.shops[s], role)
		}
		return who
	}
	operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
	for _, tc := range []struct {
		name string
		who  identity.Principal
		ok   bool
	}{
		{"nobody", identity.Principal{}, false},
		{"another buyer", w.buyer(t), false},
		{"staff of no shop", staff(identity.Owner), false},
		{"a clerk of one of two shops", staff(identity.Clerk, 0), false},
		{"an owner of one of two shops", staff(identity.Owner, 1), false},
		{"an owner of others", staff(identity.Owner, 1, 2), false},
		{"a clerk of all shops", staff(identity.Clerk, 0, 1), true},
		{"an owner of all shops", staff(identity.Owner, 0, 1, 2), true},
		{"an operator", operator, true},
	} {
		buyer := w.buyer(t)
		placed := w.place(t, buyer, w.buy(tea, 1, ball, 1))
		out, err := w.Checkouts.Cancel(t.Context(), tc.who, placed.ID.String())
		if tc.ok {
			if err != nil || out.Status != checkout.Cancelled {
				t.Errorf("%s: %+v, %v", tc.name, out, err)
			}
			continue
		}
		if refused(t, err, fault.NotFound); out != nil || w.status(t, placed.ID) != checkout.Open {
			t.Errorf("%s: %+v", tc.name, out)
		}
		_, err = w.Checkouts.Cancel(t.Context(), buyer, placed.ID.String())
		must(t, err)
	}
	for _, id := range []string{"", "nonsense", typeid.New[typeid.Checkout](w.clock.Now()).String(), w.shops[0].String()} {
		_, err := w.Checkouts.Cancel(t.Context(), operator, id)
		refused(t, err, fault.NotFound)
	}
}

// testPaymentRights wants a payment to be absent for all but its buyer.
func testPaymentRights(t *testing.T, w *world) {
	ctx := t.Context()
	tea, buyer := w.variant(t, 0, 1999, 100), w.buyer(t)
	placed := w.place(t, buyer, w.buy(tea, 1))
	calls := map[string]func(context.Context, identity.Principal, string) (*payment.Payment, error){
		"prepare": w.Checkouts.Prepare, "sync": w.Checkouts.Sync, "confirm": w.Checkouts.SandboxConfirm,
	}
	others := map[string]identity.Principal{
		"nobody": {}, "another buyer": w.buyer(t), "an owner of the shop": w.owner(0),
		"an operator": {Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true},
	}
	for call, ask := range calls {
		for name, who := range others {
			if p, err := ask(ctx, who, placed.Payment.ID.String()); p != nil || !fault.Is(err, fault.NotFound) {
				t.Errorf("%s by %s: %+v, %v", call, name, p, err)
			}
		}
		for _, id := range []string{"", "nonsense", typeid.New[typeid.Payment](w.clock.Now()).String(), placed.ID.String()} {
			if p, err := ask(ctx, buyer, id); p != nil || !fault.Is(err, fault.NotFound) {
				t.Errorf("%s of %q: %+v, %v", call, id, p, err)
			}
		}
	}
	for name, who := range others {
		unasked := *placed.Payment
		unasked.Asked, unasked.Parameters = false, nil
		if got := w.Checkouts.Parameters(ctx, who, &unasked); got != nil {
			t.Errorf("%s sees the parameters", name)
		}
	}
	unasked := *placed.Payment
	unasked.Asked, unasked.Parameters = false, nil
	if got := w.Checkouts.Parameters(ctx, buyer, &unasked); got == nil || !unasked.Asked {
		t.Error("its buyer does not see the parameters")
	}
	w.stands(t, placed, checkout.Open, tea, 100, 1)
}

// testConfirmNeedsSandbox wants the sandbox's confirm to be absent with every other provider.
func testConfirmNeedsSandbox(t *testing.T, w *world) {
	w.use(struct{ payment.Provider }{w.sandbox})
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	_, err := w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
	refused(t, err, fault.NotFound)
	w.stands(t, placed, checkout.Open, tea, 10, 3)
}
