package page_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/page"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for first, ok := range map[int]bool{-1: false, 0: false, 1: true, 100: true, 101: false, 1 << 30: false} {
		err := page.Query{First: first}.Validate()
		if (err == nil) != ok || err != nil && !fault.Is(err, fault.BadRequest) {
			t.Errorf("first %d: %v", first, err)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rows []int
		want page.Page[int]
	}{
		{nil, page.Page[int]{}},
		{[]int{1}, page.Page[int]{Items: []int{1}}},
		{[]int{1, 2}, page.Page[int]{Items: []int{1, 2}}},
		{[]int{1, 2, 3}, page.Page[int]{Items: []int{1, 2}, HasNext: true}},
	} {
		if diff := cmp.Diff(tc.want, page.Cut(tc.rows, 2)); diff != "" {
			t.Errorf("%v cut at 2 (-want +got):\n%s", tc.rows, diff)
		}
	}
}

func TestDeal(t *testing.T) {
	t.Parallel()
	type row struct {
		parent string
		n      int
	}
	got := page.Deal([]row{{"a", 1}, {"b", 2}, {"a", 3}, {"a", 4}, {"b", 5}}, 2, func(r row) (string, int) { return r.parent, r.n })
	want := map[string]page.Page[int]{
		"a": {Items: []int{1, 3}, HasNext: true},
		"b": {Items: []int{2, 5}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
