package checkout_test

import (
	"strings"
	"sync"
	"testing"

	"holdfast/internal/checkout"
)

// statements are what fn sends to the database, BEGIN and COMMIT apart.
func (w *world) statements(fn func()) []string {
	var (
		mu  sync.Mutex
		out []string
	)
	seen := func(query string) {
		mu.Lock()
		defer mu.Unlock()
		out = append(out, query)
	}
	w.seen.Store(&seen)
	fn()
	w.seen.Store(nil)
	return out
}

// TestStatements proves that what a request costs does not depend on how much is bought.
func TestStatements(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		var of []any
		for _, v := range w.variants(t, 20) {
			of = append(of, v, 2)
		}
		var placed *checkout.Checkout
		place := func(in checkout.Input) func() {
			return func() { placed = w.place(t, who, in) }
		}
		repeated := w.buy(of[:2]...)
		for _, tc := range []struct {
			name string
			want int
			do   func()
		}{
			{"the first checkout of a process", 15, place(w.buy(of[:2]...))}, // which reads the mini-program's appId
			{"cancelling it", 18, func() { w.cancel(t, who, placed) }},
			{"a checkout of 1 line", 14, place(repeated)},
			{"a checkout of 1 line, repeated", 7, place(repeated)},
			{"cancelling it", 18, func() { w.cancel(t, who, placed) }},
			{"a checkout of 3 lines", 14, place(w.buy(of[:6]...))},
			{"paying it", 22, func() { // in the sandbox, and taking its notice in
				if _, err := w.Checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String()); err != nil {
					t.Error(err)
				}
			}},
			{"a checkout of 20 lines", 14, place(w.buy(of...))},
			{"cancelling it", 18, func() { w.cancel(t, who, placed) }},
			{"filling a cart", 9, func() { w.fill(t, who, of...) }},
			{"a checkout of a cart of 20 lines", 17, place(checkout.Input{IdempotencyKey: w.key()})},
		} {
			got := w.statements(tc.do)
			if len(got) != tc.want {
				t.Errorf("%s costs %d statements, want %d:\n%s", tc.name, len(got), tc.want, strings.Join(got, "\n"))
			}
			t.Logf("%s: %d statements", tc.name, len(got))
		}
	})
}
