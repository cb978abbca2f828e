package loader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/page"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

const wait = 25 * time.Millisecond

type pair struct{ key, value int }

func keyOf(p pair) int { return p.key }

// together loads the keys at the same time.
func together[K comparable, V any](t *testing.T, l *Loader[K, V], keys []K) ([]V, []error) {
	t.Helper()
	values, errs := make([]V, len(keys)), make([]error, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() { values[i], errs[i] = l.Load(t.Context(), key) })
	}
	wg.Wait()
	return values, errs
}

func TestResultsAreThoseOfTheirKeys(t *testing.T) {
	t.Parallel()
	var batches [][]int
	l := byKey(wait, func(_ context.Context, keys []int) ([]pair, error) {
		batches = append(batches, slices.Sorted(slices.Values(keys)))
		return []pair{{3, 30}, {1, 10}, {7, 70}}, nil // in an order of its own, without 2, and with what nobody asked for
	}, keyOf)
	got, errs := together(t, l, []int{1, 2, 3, 1})
	if diff := cmp.Diff([]pair{{1, 10}, {}, {3, 30}, {1, 10}}, got, cmp.AllowUnexported(pair{})); diff != "" || errors.Join(errs...) != nil {
		t.Errorf("%v (-want +got):\n%s", errs, diff)
	}
	if v, err := l.Load(t.Context(), 3); v.value != 30 || err != nil {
		t.Errorf("3 is %v, %v", v, err)
	}
	if diff := cmp.Diff([][]int{{1, 2, 3}}, batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestListsAreNeverNil(t *testing.T) {
	t.Parallel()
	l := ofParent(wait, func(context.Context, []int) ([]pair, error) { return []pair{{1, 10}, {2, 20}, {1, 11}}, nil }, keyOf)
	got, _ := together(t, l, []int{1, 2, 3})
	if diff := cmp.Diff([][]pair{{{1, 10}, {1, 11}}, {{2, 20}}, {}}, got, cmp.AllowUnexported(pair{})); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	m := fromMap(wait, func(context.Context, []int) (map[int][]pair, error) { return map[int][]pair{1: {{1, 10}}}, nil }, pointers)
	if one, err := m.Load(t.Context(), 1); err != nil || len(one) != 1 || one[0].value != 10 {
		t.Errorf("one: %v, %v", one, err)
	}
	if none, err := m.Load(t.Context(), 2); err != nil || none == nil || len(none) != 0 {
		t.Errorf("none: %v, %v", none, err)
	}
}

// An error is everybody's in the batch, and nobody's after it.
func TestErrorsAreNotRemembered(t *testing.T) {
	t.Parallel()
	calls := 0
	l := byKey(wait, func(_ context.Context, keys []int) ([]pair, error) {
		calls++
		switch calls {
		case 1:
			return nil, errors.New("gone away")
		case 2:
			panic("a bug")
		}
		return []pair{{keys[0], 1}}, nil
	}, keyOf)
	for _, want := range []string{"gone away", "panic: a bug"} {
		_, errs := together(t, l, []int{1, 2})
		for _, err := range errs {
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
	if v, err := l.Load(t.Context(), 1); err != nil || v.value != 1 {
		t.Errorf("after the error: %v, %v", v, err)
	}
}

// Who asked first may leave: the others still wait for the batch, which ends all the same.
func TestBatchesOutliveTheirFirstCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	l := byKey(wait, func(ctx context.Context, _ []int) ([]pair, error) {
		until, ok := ctx.Deadline()
		if !ok || time.Until(until) > deadline {
			return nil, errors.New("the batch has no end of its own")
		}
		return []pair{{1, 10}}, ctx.Err()
	}, keyOf)
	go cancel()
	if v, err := l.Load(ctx, 1); err != nil || v.value != 10 {
		t.Errorf("%v, %v", v, err)
	}
}

// A batch goes when its time is over, and when it is full.
func TestWhenABatchGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name  string
			every time.Duration
			keys  int
			want  []int
		}{
			{"at once", 0, 30, []int{30}},
			{"too slowly", wait * 3, 3, []int{1, 1, 1}},
			{"too many", 0, 250, []int{100, 100, 50}},
		} {
			var mu sync.Mutex
			var batches []int
			l := byKey(wait, func(_ context.Context, keys []int) ([]pair, error) {
				mu.Lock()
				defer mu.Unlock()
				batches = append(batches, len(keys))
				return nil, nil
			}, keyOf)
			l.capacity = 100
			var wg sync.WaitGroup
			for key := range c.keys {
				wg.Go(func() { _, _ = l.Load(t.Context(), key) })
				time.Sleep(c.every + 1)
			}
			wg.Wait()
			slices.SortFunc(batches, func(a, b int) int { return b - a })
			if diff := cmp.Diff(c.want, batches); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}

func TestPagesShareAStatementByTheirArguments(t *testing.T) {
	t.Parallel()
	var calls []string
	l := pagesOf(wait, func(_ context.Context, parents []int, first string) (map[int]page.Page[string], error) {
		calls = append(calls, fmt.Sprint(first, slices.Sorted(slices.Values(parents))))
		if first == "bad" {
			return nil, errors.New("bad")
		}
		out := make(map[int]page.Page[string])
		for _, p := range parents {
			out[p] = page.Page[string]{Items: []string{fmt.Sprint(first, p)}}
		}
		return out, nil
	})
	type key = Of[int, string]
	got, errs := together(t, l, []key{{1, "a"}, {2, "a"}, {1, "b"}, {3, "bad"}, {1, "a"}})
	for i, want := range []string{"a1", "a2", "b1", "", "a1"} {
		if want == "" {
			if errs[i] == nil {
				t.Error("no error")
			}
			continue
		}
		if errs[i] != nil || got[i].Items[0] != want {
			t.Errorf("page %d is %v, %v; want %s", i, got[i], errs[i], want)
		}
	}
	slices.Sort(calls)
	if diff := cmp.Diff([]string{"a[1 2]", "b[1]", "bad[3]"}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestOrderQueriesOfTheSameOrdersAreEqual(t *testing.T) {
	t.Parallel()
	from, same := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	q := page.Query{First: 10}
	a := Orders(order.Filter{Statuses: []order.Status{order.Paid, order.Expired, order.Paid}, PlacedFrom: &from, Text: "x"}, q)
	b := Orders(order.Filter{Statuses: []order.Status{order.Expired, order.Paid}, PlacedFrom: &same, Text: "x"}, q)
	if a != b {
		t.Errorf("%+v and %+v differ", a, b)
	}
	if c := Orders(order.Filter{PlacedBefore: &from}, q); c == Orders(order.Filter{PlacedFrom: &from}, q) || c == Orders(order.Filter{PlacedBefore: &time.Time{}}, q) {
		t.Error("queries of other orders are equal")
	}
	want := order.Filter{Statuses: []order.Status{order.Expired, order.Paid}, PlacedFrom: &from, Text: "x"}
	if diff := cmp.Diff(want, a.filter()); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
}

// Every database takes a full batch in one statement.
func TestFullBatches(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		var mu sync.Mutex
		statements := 0
		d := testdb.Open(t, source, db.Options{OnStatement: func(string) {
			mu.Lock()
			defer mu.Unlock()
			statements++
		}})
		c := catalog.New(d, clock.Of(time.Now))
		ids := make([]typeid.Shop, capacity)
		for i := range ids {
			ids[i] = typeid.New[typeid.Shop](time.Now())
		}
		shops := byKey(wait, c.Shops, func(s *catalog.Shop) typeid.Shop { return s.ID })
		if _, errs := together(t, shops, ids); errors.Join(errs...) != nil || statements != 1 {
			t.Errorf("%d shops: %d statements, %v", len(ids), statements, errors.Join(errs...))
		}
		keys := make([]Of[typeid.Shop, catalog.ProductQuery], pageCapacity)
		for i := range keys {
			keys[i] = Of[typeid.Shop, catalog.ProductQuery]{ids[i], catalog.ProductQuery{Query: page.Query{First: 100}, Search: "tea cup"}}
		}
		statements = 0
		products := pagesOf(wait, func(ctx context.Context, shops []typeid.Shop, q catalog.ProductQuery) (map[typeid.Shop]page.Page[*catalog.Product], error) {
			return c.ProductsOf(ctx, identity.Principal{}, shops, q)
		})
		if _, errs := together(t, products, keys); errors.Join(errs...) != nil || statements != 1 {
			t.Errorf("pages of %d shops: %d statements, %v", len(keys), statements, errors.Join(errs...))
		}
	})
}
