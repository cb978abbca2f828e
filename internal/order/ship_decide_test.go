package order_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

func TestDecideShipment(t *testing.T) {
	t.Parallel()
	tea, cup := typeid.New[typeid.OrderLine](start), typeid.New[typeid.OrderLine](start)
	lines := func(teaShipped, teaRefunded, cupShipped, cupRefunded int) []order.LineProgress {
		return []order.LineProgress{
			{ID: tea, Quantity: 5, Shipped: teaShipped, Refunded: teaRefunded},
			{ID: cup, Quantity: 2, Shipped: cupShipped, Refunded: cupRefunded},
		}
	}
	of := func(id typeid.OrderLine, n int) order.LineInput {
		return order.LineInput{OrderLineID: id.String(), Quantity: n}
	}
	goes := func(id typeid.OrderLine, n int) order.ShipmentLine {
		return order.ShipmentLine{OrderLineID: id, Quantity: n}
	}
	type asks = []order.LineInput
	type goods = []order.ShipmentLine
	for name, tc := range map[string]struct {
		status order.Status
		lines  []order.LineProgress
		asked  asks
		want   goods
		code   fault.Code
		field  []string
	}{
		"all":                      {order.Paid, lines(0, 0, 0, 0), nil, goods{goes(tea, 5), goes(cup, 2)}, "", nil},
		"the rest":                 {order.Paid, lines(3, 0, 2, 0), nil, goods{goes(tea, 2)}, "", nil},
		"all but what is refunded": {order.Paid, lines(1, 3, 0, 2), nil, goods{goes(tea, 1)}, "", nil},
		"refunded after it left":   {order.Paid, lines(5, 5, 0, 0), nil, goods{goes(cup, 2)}, "", nil},
		"nothing is left":          {order.Paid, lines(3, 2, 0, 2), nil, nil, fault.Conflict, nil},
		"some":                     {order.Paid, lines(0, 0, 0, 0), asks{of(cup, 1), of(tea, 5)}, goods{goes(cup, 1), goes(tea, 5)}, "", nil},
		"what was refunded":        {order.Paid, lines(1, 4, 0, 2), asks{of(tea, 4)}, goods{goes(tea, 4)}, "", nil},
		"more than is left":        {order.Paid, lines(3, 0, 0, 0), asks{of(cup, 1), of(tea, 3)}, nil, fault.Invalid, []string{"input", "lines", "1", "quantity"}},
		"more of what is gone":     {order.Paid, lines(0, 0, 2, 0), asks{of(cup, 1)}, nil, fault.Invalid, []string{"input", "lines", "0", "quantity"}},
		"none":                     {order.Paid, lines(0, 0, 0, 0), asks{of(tea, 0)}, nil, fault.Invalid, []string{"input", "lines", "0", "quantity"}},
		"fewer than none":          {order.Paid, lines(0, 0, 0, 0), asks{of(tea, -1)}, nil, fault.Invalid, []string{"input", "lines", "0", "quantity"}},
		"a line twice":             {order.Paid, lines(0, 0, 0, 0), asks{of(tea, 1), of(tea, 1)}, nil, fault.Invalid, []string{"input", "lines", "1", "orderLineId"}},
		"another's line":           {order.Paid, lines(0, 0, 0, 0), asks{of(tea, 1), of(typeid.New[typeid.OrderLine](start), 1)}, nil, fault.NotFound, []string{"input", "lines", "1", "orderLineId"}},
		"no id":                    {order.Paid, lines(0, 0, 0, 0), asks{{OrderLineID: "x", Quantity: 1}}, nil, fault.NotFound, []string{"input", "lines", "0", "orderLineId"}},
		"unpaid":                   {order.PendingPayment, lines(0, 0, 0, 0), nil, nil, fault.Conflict, nil},
		"shipped":                  {order.Shipped, lines(5, 0, 2, 0), nil, nil, fault.Conflict, nil},
		"completed":                {order.Completed, lines(5, 0, 2, 0), asks{of(tea, 1)}, nil, fault.Conflict, nil},
		"cancelled":                {order.Cancelled, lines(0, 0, 0, 0), nil, nil, fault.Conflict, nil},
		"expired":                  {order.Expired, lines(0, 0, 0, 0), nil, nil, fault.Conflict, nil},
		"refunded":                 {order.Refunded, lines(0, 0, 0, 0), asks{of(tea, 1)}, nil, fault.Conflict, nil},
	} {
		got, err := order.DecideShipment(tc.status, tc.lines, tc.asked)
		if d := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b typeid.OrderLine) bool { return a == b })); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		checkRefusal(t, name, err, tc.code, tc.field)
	}
}

// checkRefusal wants err to be a refusal of this code at this field; "" is none.
func checkRefusal(t *testing.T, name string, err error, code fault.Code, field []string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok || refused.Code != code {
		t.Errorf("%s: %v, want %s", name, err, code)
		return
	}
	if d := cmp.Diff(field, refused.Field); d != "" {
		t.Errorf("%s: field (-want +got):\n%s", name, d)
	}
}

func TestIsWhollyShipped(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines []order.LineProgress
		want  bool
	}{
		"all":                     {[]order.LineProgress{{Quantity: 2, Shipped: 2}, {Quantity: 1, Shipped: 1}}, true},
		"not all":                 {[]order.LineProgress{{Quantity: 2, Shipped: 1}, {Quantity: 1, Shipped: 1}}, false},
		"nothing":                 {[]order.LineProgress{{Quantity: 2}}, false},
		"the rest is refunded":    {[]order.LineProgress{{Quantity: 2, Shipped: 1, Refunded: 1}, {Quantity: 1, Refunded: 1}}, true},
		"not all is refunded":     {[]order.LineProgress{{Quantity: 3, Shipped: 1, Refunded: 1}}, false},
		"refunded, nothing left":  {[]order.LineProgress{{Quantity: 2, Refunded: 2}}, false},
		"refunded once it's gone": {[]order.LineProgress{{Quantity: 2, Shipped: 2, Refunded: 2}}, true},
		"no lines":                {nil, false},
	} {
		if got := order.IsWhollyShipped(tc.lines); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
