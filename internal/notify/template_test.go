package notify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent"
	"holdfast/internal/wechat"
)

// TestCheck says what is wrong with templates before anybody waits for a message.
func TestCheck(t *testing.T) {
	t.Parallel()
	good := Template{ID: "x", Page: "pages/a?id={order}", Values: map[string]string{"amount2": "共 {total}"}}
	if err := (Templates{OrderPaid: good}).Check(); err != nil {
		t.Errorf("a good template: %v", err)
	}
	change := func(k Kind, with func(*Template)) Templates {
		c := good
		with(&c)
		return Templates{k: c}
	}
	for want, templates := range map[string]Templates{
		"messages.PAID: there is no such message":                      {"PAID": good},
		"messages.SHIPPING: there is no such message":                  {Shipping: good},
		"template is missing":                                          change(OrderPaid, func(c *Template) { c.ID = " " }),
		"has no leading slash":                                         change(OrderPaid, func(c *Template) { c.Page = "/pages/a" }),
		"values are missing":                                           change(OrderPaid, func(c *Template) { c.Values = nil }),
		"values.thing: a keyword is a type and a number":               change(OrderPaid, func(c *Template) { c.Values = map[string]string{"thing": "x"} }),
		"values.things3: a keyword is":                                 change(OrderPaid, func(c *Template) { c.Values = map[string]string{"things3": "x"} }),
		"values.thing3 is empty":                                       change(OrderPaid, func(c *Template) { c.Values = map[string]string{"thing3": ""} }),
		"values.thing3: there is no {tracking} here; there are {order": change(OrderPaid, func(c *Template) { c.Values = map[string]string{"thing3": "{tracking}"} }),
		"page: there is no {order} here":                               change(Restocked, func(*Template) {}),
		"values.thing3: a brace is not closed":                         change(OrderPaid, func(c *Template) { c.Values = map[string]string{"thing3": "{total"} }),
	} {
		if err := templates.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestShipmentOf is what WeChat is told of parcels and of other ways.
func TestShipmentOf(t *testing.T) {
	t.Parallel()
	line := &ent.OrderLine{Title: strings.Repeat("茶", 130)}
	sent := func(method, carrier, number string) *ent.Shipment {
		s := &ent.Shipment{Method: method}
		if number != "" {
			s.Carrier, s.TrackingNumber = &carrier, &number
		}
		s.Edges.Lines = []*ent.ShipmentLine{{OrderLineID: line.ID, Quantity: 1}}
		return s
	}
	item := strings.Repeat("茶", 119) + "…"
	parcel := wechat.Parcel{TrackingNo: "1", Company: "YTO", Item: item}
	var many []*ent.Shipment
	for range 16 {
		many = append(many, sent("EXPRESS", "YTO", "1"))
	}
	for name, tc := range map[string]struct {
		sent []*ent.Shipment
		want wechat.Shipment
	}{
		"nothing":      {nil, wechat.Shipment{}},
		"one":          {many[:1], wechat.Shipment{Logistics: wechat.Express, Complete: true, Parcels: []wechat.Parcel{parcel}}},
		"two":          {many[:2], wechat.Shipment{Logistics: wechat.Express, Split: true, Complete: true, Parcels: []wechat.Parcel{parcel, parcel}}},
		"one, by hand": {[]*ent.Shipment{sent("PICKUP", "", ""), many[0]}, wechat.Shipment{Logistics: wechat.Express, Complete: true, Parcels: []wechat.Parcel{parcel}}},
		"two ways": {
			[]*ent.Shipment{sent("VIRTUAL", "", ""), sent("SAME_CITY", "跑腿", "9")},
			wechat.Shipment{Logistics: wechat.SameCity, Parcels: []wechat.Parcel{{TrackingNo: "9", Item: item}}},
		},
		"virtual": {[]*ent.Shipment{sent("VIRTUAL", "", "")}, wechat.Shipment{Logistics: wechat.Virtual, Parcels: []wechat.Parcel{{Item: item}}}},
	} {
		o := &ent.Order{}
		o.Edges.Lines, o.Edges.Shipments = []*ent.OrderLine{line}, tc.sent
		if diff := cmp.Diff(tc.want, shipmentOf(o)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	o := &ent.Order{}
	o.Edges.Lines, o.Edges.Shipments = []*ent.OrderLine{line}, many
	if got := len(shipmentOf(o).Parcels); got != 15 {
		t.Errorf("%d parcels, want 15", got)
	}
}
