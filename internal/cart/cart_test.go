package cart_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// brief is a cart, line by line: variant, quantity and what is wrong.
func brief(c *cart.Cart) []string {
	out := []string{}
	for _, l := range c.Lines {
		s := l.Variant.ID.String() + " " + l.Amount.String()
		for _, p := range l.Problems {
			s += " " + string(p.Refused().Code)
		}
		out = append(out, s)
	}
	return out
}

func line(v typeid.Variant, amount string) string { return v.String() + " " + amount }

func TestSet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v := w.variants(t, 0, 3)
		version := int64(1)
		for _, tc := range []struct {
			name    string
			lines   []cart.LineInput
			want    []string
			changes bool
		}{
			{"put in", lines(v[1], 2, v[0], 1), []string{line(v[1], "200 CNY"), line(v[0], "100 CNY")}, true},
			{"the same again", lines(v[0], 1, v[1], 2), []string{line(v[1], "200 CNY"), line(v[0], "100 CNY")}, false},
			{"change one, in its place", lines(v[1], 10), []string{line(v[1], "1000 CNY"), line(v[0], "100 CNY")}, true},
			{"take out what is not in", lines(v[2], 0), []string{line(v[1], "1000 CNY"), line(v[0], "100 CNY")}, false},
			{"more than there is", lines(v[1], 11), []string{line(v[1], "1100 CNY OUT_OF_STOCK"), line(v[0], "100 CNY")}, true},
			{"the most", lines(v[1], 9999), []string{line(v[1], "999900 CNY OUT_OF_STOCK"), line(v[0], "100 CNY")}, true},
			{"take out and put in", lines(v[1], 0, v[2], 3), []string{line(v[0], "100 CNY"), line(v[2], "300 CNY")}, true},
			{"put in again, at the end", lines(v[1], 1), []string{line(v[0], "100 CNY"), line(v[2], "300 CNY"), line(v[1], "100 CNY")}, true},
			{"take all out", lines(v[0], 0, v[1], 0, v[2], 0), []string{}, true},
		} {
			w.clock.Advance(time.Second)
			got, err := w.carts.Set(ctx, who, tc.lines, nil)
			must(t, err)
			if d := cmp.Diff(tc.want, brief(got)); d != "" || (got.Version == version+1) != tc.changes || got.ID != cart.IDOf(who.Buyer) {
				t.Errorf("%s: version %d after %d (-want +got):\n%s", tc.name, got.Version, version, d)
			}
			if version = got.Version; (got.Subtotal == nil) != (len(tc.want) == 0) {
				t.Errorf("%s: subtotal %v", tc.name, got.Subtotal)
			}
		}
	})
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v := w.variants(t, 0, 2)
		draft := w.variants(t, 0, 1)[0]
		w.setProduct(t, draft, "DRAFT")
		absent := typeid.New[typeid.Variant](w.clock.Now())
		_, err := w.carts.Set(ctx, who, lines(v[0], 1), nil)
		must(t, err)
		right, wrong := int64(2), int64(1)
		for _, tc := range []struct {
			name      string
			lines     []cart.LineInput
			ifVersion *int64
			want      []string
		}{
			{"nothing", nil, nil, []string{"INVALID lines"}},
			{"201 lines", make([]cart.LineInput, 201), nil, []string{"TOO_MANY lines"}},
			{"less than none", lines(v[0], -1), nil, []string{"INVALID lines 0 quantity"}},
			{"too many", lines(v[1], 1, v[0], 10_000), nil, []string{"INVALID lines 1 quantity"}},
			{"one twice", lines(v[1], 1, v[1], 1), nil, []string{"INVALID lines 1 variantId"}},
			{"no id", []cart.LineInput{{VariantID: "nonsense", Quantity: 1}}, nil, []string{"NOT_FOUND lines 0 variantId nonsense"}},
			{"absent", lines(v[1], 1, absent, 1), nil, []string{"NOT_FOUND lines 1 variantId " + absent.String()}},
			{"absent, none of it", lines(absent, 0), nil, []string{"NOT_FOUND lines 0 variantId " + absent.String()}},
			{"not for sale", lines(v[0], 5, draft, 1), nil, []string{"NOT_FOR_SALE lines 1 variantId " + draft.String()}},
			{"several", lines(draft, 1, v[1], 1, absent, 1), nil, []string{"NOT_FOR_SALE lines 0 variantId " + draft.String(), "NOT_FOUND lines 2 variantId " + absent.String()}},
			{"another version", lines(v[0], 5), &wrong, []string{"VERSION_MISMATCH ifVersion"}},
		} {
			got, err := w.carts.Set(ctx, who, tc.lines, tc.ifVersion)
			var told []string
			for _, r := range fault.List(err) {
				s := string(r.Refused().Code) + " " + strings.Join(r.Refused().Field, " ")
				if item, ok := errors.AsType[*catalog.ItemError](r); ok {
					s += " " + item.VariantID
				}
				told = append(told, s)
			}
			if d := cmp.Diff(tc.want, told); d != "" || got != nil {
				t.Errorf("%s: %v (-want +got):\n%s", tc.name, err, d)
			}
			now, err := w.carts.Of(ctx, who)
			must(t, err)
			if d := cmp.Diff([]string{line(v[0], "100 CNY")}, brief(now)); d != "" || now.Version != 2 {
				t.Fatalf("%s: the cart changed (-want +got):\n%s", tc.name, d)
			}
		}
		got, err := w.carts.Set(ctx, who, lines(v[0], 5), &right)
		if must(t, err); got.Version != 3 {
			t.Errorf("version %d", got.Version)
		}
		if _, err := w.carts.Set(ctx, who, lines(v[0], 5), &right); !fault.Is(err, fault.VersionMismatch) {
			t.Errorf("what changes nothing, at an old version: %v", err)
		}
	})
}

// TestSetWhatIsGone wants lines of goods that are not for sale any more to stay readable, and to be changed and taken out.
func TestSetWhatIsGone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who, v := t.Context(), w.buyer(t), w.variants(t, 0, 1)[0]
		_, err := w.carts.Set(ctx, who, lines(v, 2), nil)
		must(t, err)
		w.setProduct(t, v, "ARCHIVED")
		for _, n := range []int{2, 3, 1} {
			got, err := w.carts.Set(ctx, who, lines(v, n), nil)
			must(t, err)
			if len(got.Lines) != 1 || got.Lines[0].Quantity != n || got.Lines[0].Variant.ID != v || len(got.Lines[0].Problems) != 1 {
				t.Fatalf("got %+v", got)
			}
			var item *catalog.ItemError
			if p := got.Lines[0].Problems[0]; p.Refused().Code != fault.NotForSale || !errors.As(p, &item) || item.VariantID != v.String() {
				t.Errorf("problem %v", p)
			}
		}
		got, err := w.carts.Set(ctx, who, lines(v, 0), nil)
		if must(t, err); len(got.Lines) != 0 {
			t.Errorf("got %+v", got)
		}
		if _, err := w.carts.Set(ctx, who, lines(v, 1), nil); !fault.Is(err, fault.NotForSale) {
			t.Errorf("put in again: %v", err)
		}
	})
}

func TestOf(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who, other := t.Context(), w.buyer(t), w.buyer(t)
		tea, cake := w.variants(t, 0, 2), w.variants(t, 1, 1)[0]
		got, err := w.carts.Of(ctx, who)
		if must(t, err); got.Subtotal != nil || len(got.Lines) != 0 || got.Version != 1 {
			t.Errorf("an empty cart: %+v", got)
		}
		got, err = w.carts.Set(ctx, who, lines(tea[0], 2, tea[1], 12), nil)
		must(t, err)
		if got.Subtotal == nil || *got.Subtotal != money.New(1400, money.CNY) {
			t.Errorf("subtotal %v", got.Subtotal)
		}
		var short *inventory.ShortError
		want := []inventory.Shortage{{Variant: tea[1], Requested: 12, Available: 10}}
		if p := got.Lines[1].Problems; len(p) != 1 || !errors.As(p[0], &short) || len(short.Shortages) != 1 || short.Shortages[0] != want[0] {
			t.Errorf("problems %v", p)
		}
		got, err = w.carts.Set(ctx, who, lines(cake, 1), nil)
		if must(t, err); got.Subtotal != nil || len(got.Lines) != 3 {
			t.Errorf("a cart of two currencies: %+v", got)
		}
		theirs, err := w.carts.Of(ctx, other)
		if must(t, err); len(theirs.Lines) != 0 || theirs.Version != 1 {
			t.Errorf("somebody else's cart: %+v", theirs)
		}
		if _, err := w.carts.Of(ctx, identity.Principal{Buyer: typeid.New[typeid.Buyer](w.clock.Now())}); err == nil || fault.List(err) != nil {
			t.Errorf("the cart of nobody: %v", err)
		}
	})
}

func TestSetFull(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v := append(w.variants(t, 0, 200), w.variants(t, 0, 1)...)
		var of []any
		for _, id := range v[:200] {
			of = append(of, id, 1)
		}
		got, err := w.carts.Set(ctx, who, lines(of...), nil)
		must(t, err)
		for i, l := range got.Lines {
			if l.Variant.ID != v[i] {
				t.Fatalf("line %d is another's: lines are in the order in which they were put in", i)
			}
		}
		if _, err := w.carts.Set(ctx, who, lines(v[200], 1), nil); !fault.Is(err, fault.TooMany) {
			t.Errorf("one more: %v", err)
		}
		got, err = w.carts.Set(ctx, who, lines(v[200], 1, v[7], 0), nil)
		if must(t, err); len(got.Lines) != 200 {
			t.Errorf("one for another: %d lines", len(got.Lines))
		}
	})
}

// TestRaceSet changes one cart many times at once: nothing is lost, and of those who name its version one wins.
func TestRaceSet(t *testing.T) {
	t.Parallel()
	on(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, func(t *testing.T, w *world) {
		ctx, who, v := t.Context(), w.buyer(t), w.variants(t, 0, 20)
		var (
			won   atomic.Int64
			one   = int64(1)
			start = make(chan struct{})
			wg    sync.WaitGroup
		)
		for i := range 40 {
			wg.Go(func() {
				<-start
				if i < 20 {
					if _, err := w.carts.Set(ctx, who, lines(v[i], 1+i), nil); err != nil {
						t.Error(err)
					}
					return
				}
				_, err := w.carts.Set(ctx, who, lines(v[i-20], 100), &one)
				if err == nil {
					won.Add(1)
				} else if !fault.Is(err, fault.VersionMismatch) {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		got, err := w.carts.Of(ctx, who)
		must(t, err)
		if len(got.Lines) != 20 || got.Version != 21+won.Load() || won.Load() > 1 {
			t.Errorf("%d lines at version %d; %d won", len(got.Lines), got.Version, won.Load())
		}
	})
}
