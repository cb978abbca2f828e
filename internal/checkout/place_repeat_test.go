package checkout_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

func TestPlaceKey(t *testing.T) {
	parts(t,
		part{"repeated", testPlaceRepeated},
		part{"other input", testPlaceOtherInput},
		part{"spelling", testPlaceKeys},
	)
}

// testPlaceRepeated wants a key that succeeded to give the same checkout as it stands now, whatever became of it.
func testPlaceRepeated(t *testing.T, w *world) {
	for _, tc := range []struct {
		name       string
		meanwhile  func(t *testing.T, who identity.Principal, c *checkout.Checkout, tea typeid.Variant)
		want       checkout.Status
		payable    bool
		checkoutOf checkout.Input
	}{
		{"at once", nil, checkout.Open, true, checkout.Input{}},
		{"paid", func(t *testing.T, who identity.Principal, c *checkout.Checkout, _ typeid.Variant) {
			_, err := w.Checkouts.SandboxConfirm(t.Context(), who, c.Payment.ID.String())
			must(t, err)
		}, checkout.Paid, false, checkout.Input{}},
		{"cancelled", func(t *testing.T, who identity.Principal, c *checkout.Checkout, _ typeid.Variant) {
			_, err := w.Checkouts.Cancel(t.Context(), who, c.ID.String())
			must(t, err)
		}, checkout.Cancelled, false, checkout.Input{}},
		{"archived", func(t *testing.T, _ identity.Principal, _ *checkout.Checkout, tea typeid.Variant) {
			w.setProduct(t, tea, "ARCHIVED")
		}, checkout.Open, true, checkout.Input{}},
		{"dearer", func(t *testing.T, _ identity.Principal, _ *checkout.Checkout, tea typeid.Variant) {
			must(t, w.db.ProductVariant.UpdateOneID(tea).SetPrice(9).Exec(t.Context()))
		}, checkout.Open, true, checkout.Input{ExpectedTotal: &money.Money{Amount: 3 * 1999, Currency: money.CNY}}},
		{"sold out", func(t *testing.T, _ identity.Principal, _ *checkout.Checkout, tea typeid.Variant) {
			w.place(t, w.buyer(t), w.buy(tea, 1))
		}, checkout.Open, true, checkout.Input{}},
		{"expired", func(t *testing.T, _ identity.Principal, _ *checkout.Checkout, _ typeid.Variant) {
			w.clock.Advance(15 * time.Minute)
			_, err := w.Checkouts.SweepOnce(t.Context())
			must(t, err)
		}, checkout.Expired, false, checkout.Input{}},
	} {
		for _, cart := range []bool{false, true} {
			tea := w.variant(t, 0, 1999, 4)
			who := w.buyer(t)
			version := w.fill(t, who, tea, 3)
			in := tc.checkoutOf
			in.IdempotencyKey, in.ShipTo, in.CartVersion = w.key(), address(), &version
			if !cart {
				in.Lines, in.RemoveFromCart = lines(tea, 3), true
			}
			first := w.place(t, who, in)
			if tc.meanwhile != nil {
				tc.meanwhile(t, who, first, tea)
			}
			before := w.stock(t, tea)
			again, err := w.Checkouts.Place(t.Context(), who, in)
			if err != nil || again.ID != first.ID || again.Payment.ID != first.Payment.ID || again.Status != tc.want || !again.HeldUntil.Equal(first.HeldUntil) {
				t.Errorf("%s (cart %v): %+v, %v; want %+v as %s", tc.name, cart, again, err, first, tc.want)
				continue
			}
			if (again.Payment.Parameters != nil) != tc.payable || (again.Payment.Status == payment.Pending) != tc.payable {
				t.Errorf("%s (cart %v): payment %+v", tc.name, cart, again.Payment)
			}
			if d := diff(before, w.stock(t, tea)); d != "" {
				t.Errorf("%s (cart %v): the repeat moved stock (-want +got):\n%s", tc.name, cart, d)
			}
		}
	}
}

// testPlaceOtherInput wants the key refused for every field that differs, and the first checkout untouched.
func testPlaceOtherInput(t *testing.T, w *world) {
	tea, cup := w.variant(t, 0, 1999, 100), w.variant(t, 0, 50, 100)
	who, note, other, version := w.buyer(t), "note", "other", int64(1)
	shop := w.shops[0].String()
	base := func() checkout.Input {
		return checkout.Input{
			IdempotencyKey: "key", Lines: lines(tea, 1), ShipTo: address(), CartVersion: &version,
			Shops: []checkout.ShopInput{{ShopID: shop, Note: &note}}, ExpectedTotal: &money.Money{Amount: 1999, Currency: money.CNY},
		}
	}
	first := w.place(t, who, base())
	for name, change := range map[string]func(in *checkout.Input){
		"quantity":             func(in *checkout.Input) { in.Lines = lines(tea, 2) },
		"variant":              func(in *checkout.Input) { in.Lines = lines(cup, 1) },
		"one line more":        func(in *checkout.Input) { in.Lines = lines(tea, 1, cup, 1) },
		"the cart":             func(in *checkout.Input) { in.Lines = nil },
		"removeFromCart":       func(in *checkout.Input) { in.RemoveFromCart = true },
		"no cartVersion":       func(in *checkout.Input) { in.CartVersion = nil },
		"another cartVersion":  func(in *checkout.Input) { v := int64(2); in.CartVersion = &v },
		"note":                 func(in *checkout.Input) { in.Shops[0].Note = &other },
		"no note":              func(in *checkout.Input) { in.Shops = nil },
		"street":               func(in *checkout.Input) { in.ShipTo.Street = "elsewhere" },
		"no address":           func(in *checkout.Input) { in.ShipTo = nil },
		"expectedTotal":        func(in *checkout.Input) { in.ExpectedTotal.Amount = 1998 },
		"its currency":         func(in *checkout.Input) { in.ExpectedTotal.Currency = money.HKD },
		"no expectedTotal":     func(in *checkout.Input) { in.ExpectedTotal = nil },
		"what is refused":      func(in *checkout.Input) { in.Lines = lines(tea, 0) },
		"what is out of stock": func(in *checkout.Input) { in.Lines = lines(tea, 9999) },
	} {
		in := base()
		change(&in)
		out, err := w.Checkouts.Place(t.Context(), who, in)
		if refused(t, err, fault.IdempotencyKeyReused); out != nil {
			t.Errorf("%s: got %+v", name, out)
		}
	}
	if again := w.place(t, who, base()); again.ID != first.ID {
		t.Errorf("the key has another checkout now")
	}
	another := w.buyer(t)
	in := base()
	in.Lines, in.ExpectedTotal = lines(tea, 2), nil
	if theirs := w.place(t, another, in); theirs.ID == first.ID || theirs.BuyerID != another.Buyer {
		t.Errorf("another buyer's key gave %+v", theirs)
	}
	for _, key := range []string{"KEY", "kez", "key-"} { // keys are compared exactly
		if got := w.place(t, w.buyer(t), checkout.Input{IdempotencyKey: key, Lines: lines(cup, 1)}); got.ID == first.ID {
			t.Errorf("%q gave the checkout of %q", key, "key")
		}
	}
	if got := w.place(t, who, checkout.Input{IdempotencyKey: "KEY", Lines: lines(cup, 1)}); got.ID == first.ID {
		t.Error("a key in capitals gave the checkout of the one in small letters")
	}
	w.sees(t, tea, 100, 3)
}

func testPlaceKeys(t *testing.T, w *world) {
	cup := w.variant(t, 0, 50, 100)
	for key, ok := range map[string]bool{
		"": false, "a": true, "~!\"#$%&'()*+,-./:;<=>?@[]^_`{|}": true, strings.Repeat("k", 128): true, strings.Repeat("k", 129): false,
		"a b": false, "a\tb": false, "a\x7f": false, "é": false, " a": false, "键": false,
	} {
		_, err := w.Checkouts.Place(t.Context(), w.buyer(t), checkout.Input{IdempotencyKey: key, Lines: lines(cup, 1)})
		if ok {
			must(t, err)
		} else {
			refused(t, err, fault.Invalid)
		}
	}
}

// TestSameKeyAtOnce sends one request a hundred times at once: all get the one checkout.
func TestSameKeyAtOnce(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		tea := w.variant(t, 0, 1999, 1)
		who := w.buyer(t)
		w.fill(t, who, tea, 1)
		in := checkout.Input{IdempotencyKey: "once"} // the cart, which the first one empties
		var (
			mu  sync.Mutex
			got = make(map[typeid.Checkout]int)
		)
		atOnce(100, func(int) {
			out, err := w.Checkouts.Place(t.Context(), who, in)
			if err != nil || out.Payment == nil || out.Payment.Parameters == nil {
				t.Errorf("got %+v, %v", out, err)
				return
			}
			mu.Lock()
			got[out.ID]++
			mu.Unlock()
		})
		if len(got) != 1 {
			t.Errorf("one key gave %d checkouts", len(got))
		}
		w.sees(t, tea, 1, 1)
	})
}

// atOnce releases n calls of fn at the same moment and waits for them.
func atOnce(n int, fn func(i int)) {
	var (
		start = make(chan struct{})
		wg    sync.WaitGroup
	)
	for i := range n {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}
