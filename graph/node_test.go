package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent/product"
	"holdfast/internal/addressbook"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

func ids(of []*catalog.Variant) []typeid.Variant {
	out := make([]typeid.Variant, len(of))
	for i, v := range of {
		out[i] = v.ID
	}
	return out
}

// Every noun that has an id is found by it, by those who may see it, and by nobody else.
func TestNodeIsSeenByWhomTheContractSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 2, 2)
	hidden := goods[1].ProductID
	if err := w.db.Product.Update().Where(product.ID(hidden)).SetStatus("DRAFT").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	own, both := w.place(t, w.buyer, goods[0]), w.place(t, w.buyer, goods[0], goods[2])
	mini, err := w.Catalog.MiniProgramByAppID(t.Context(), demo.AppID)
	if err != nil {
		t.Fatal(err)
	}
	orders, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{both.ID})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := w.Orders.Lines(t.Context(), []typeid.Order{orders[1].ID})
	if err != nil {
		t.Fatal(err)
	}
	splits, err := w.Payments.SplitsOfOrders(t.Context(), []typeid.Order{orders[1].ID})
	if err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now()
	refund, shipment := typeid.New[typeid.Refund](now), typeid.New[typeid.Shipment](now)
	o := orders[1]
	w.broken = true // by rows that no business makes
	if err := w.db.Refund.Create().SetID(refund).SetShopID(o.ShopID).SetOrderID(o.ID).SetPaymentID(both.Payment.ID).SetAmount(1).SetCurrency("CNY").
		SetReason("broken").SetStatus("PROCESSING").SetCreatedAt(now).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.db.Shipment.Create().SetID(shipment).SetShopID(o.ShopID).SetOrderID(o.ID).SetMethod("PICKUP").SetStaffID(w.merchant.Staff).SetShippedAt(now).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}

	saved, err := w.Addresses.Save(t.Context(), w.buyer, addressbook.SaveInput{Address: order.Address{
		Name: "Lin", Phone: "13800138000", Country: "CN", Province: "Guangdong", City: "Shenzhen", Street: "1",
	}})
	if err != nil {
		t.Fatal(err)
	}

	ofOrder, ofPayment := typeid.From[typeid.Job](o.ID.UUID), typeid.From[typeid.Job](both.Payment.ID.UUID)
	for kind, id := range map[string]typeid.Job{"ORDER": ofOrder, "PAYMENT": ofPayment} {
		if err := w.db.Job.Create().SetID(id).SetKind(kind).SetRunAt(now.Add(time.Hour)).SetAttempts(0).SetWakes(1).SetCreatedAt(now).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	people := []struct {
		name string
		who  identity.Principal
	}{
		{"anonymous", identity.Principal{}},
		{"buyer", w.buyer},
		{"other buyer", w.other},
		{"clerk of the first shop", w.clerk},
		{"owner", w.merchant},
		{"operator", w.operator},
	}
	const everyone = "anonymous, buyer, other buyer, clerk of the first shop, owner, operator"
	for _, c := range []struct{ typ, id, seen string }{
		{"MiniProgram", mini.ID.String(), everyone},
		{"Shop", goods[0].ShopID.String(), everyone},
		{"Product", goods[0].ProductID.String(), everyone},
		{"Product", hidden.String(), "clerk of the first shop, owner, operator"},
		{"ProductVariant", goods[0].ID.String(), everyone},
		{"ProductVariant", goods[1].ID.String(), "clerk of the first shop, owner, operator"},
		{"Cart", cart.IDOf(w.buyer.Buyer).String(), "buyer"},
		{"Buyer", w.buyer.Buyer.String(), "buyer"},
		{"Staff", w.merchant.Staff.String(), "owner"},
		{"Checkout", own.ID.String(), "buyer, clerk of the first shop, owner, operator"},
		{"Checkout", both.ID.String(), "buyer, owner, operator"},
		{"Payment", own.Payment.ID.String(), "buyer, clerk of the first shop, owner, operator"},
		{"Payment", both.Payment.ID.String(), "buyer, owner, operator"},
		{"Order", orders[0].ID.String(), "buyer, clerk of the first shop, owner, operator"},
		{"Order", o.ID.String(), "buyer, owner, operator"},
		{"OrderLine", lines[0].ID.String(), "buyer, owner, operator"},
		{"Refund", refund.String(), "buyer, owner, operator"},
		{"Shipment", shipment.String(), "buyer, owner, operator"},
		{"SavedAddress", saved.ID.String(), "buyer"},
		{"PaymentSplit", splits[0].ID.String(), "owner, operator"},
		{"Job", ofOrder.String(), "owner, operator"},
		{"Job", ofPayment.String(), "operator"},
		{"nothing of this id", typeid.New[typeid.Order](now).String(), ""},
		{"no noun that is shown", typeid.New[typeid.Movement](now).String(), ""},
		{"no spelling", strings.ToUpper(o.ID.String()), ""},
		{"no id", "1", ""},
	} {
		var seen []string
		for _, p := range people {
			a := w.must(t, p.who, `query($id: ID!) { node(id: $id) { id __typename } }`, object{"id": c.id})
			if a.at("node") == nil {
				continue
			}
			seen = append(seen, p.name)
			if a.at("node", "id") != c.id || a.at("node", "__typename") != c.typ {
				t.Errorf("node(%s) is %v", c.id, a.Data)
			}
		}
		if diff := cmp.Diff(c.seen, strings.Join(seen, ", ")); diff != "" {
			t.Errorf("%s %s is seen by (-want +got):\n%s", c.typ, c.id, diff)
		}
	}
	if missing := nodesNotIn(t, []string{"MiniProgram", "Shop", "Product", "ProductVariant", "Cart", "Buyer", "Staff", "Checkout", "Payment", "Order", "OrderLine", "Refund", "Shipment", "PaymentSplit", "SavedAddress", "Job"}); len(missing) > 0 {
		t.Errorf("not tested: %v", missing)
	}
}

func nodesNotIn(t *testing.T, tested []string) []string {
	t.Helper()
	var missing []string
	for _, def := range Schema().PossibleTypes["Node"] {
		if !slices.Contains(tested, def.Name) {
			missing = append(missing, def.Name)
		}
	}
	return missing
}

func TestNodesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 2, 2)
	want := []any{
		goods[3].ID.String(), nil, goods[0].ShopID.String(), goods[1].ProductID.String(), nil, goods[3].ID.String(),
	}
	a := w.must(t, w.buyer, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, object{"ids": []any{
		want[0], "nonsense", want[2], want[3], typeid.New[typeid.Order](time.Now()).String(), want[5],
	}})
	got := []any{}
	for i := range want {
		got = append(got, a.at("nodes", i, "id"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	for n, codes := range map[int]string{0: "", 100: "", 101: "BAD_REQUEST"} {
		a := w.asks(t, w.buyer, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, object{"ids": slices.Repeat([]string{"x"}, n)})
		if a.codes() != codes {
			t.Errorf("%d ids: %s", n, a.codes())
		}
	}
}

// A look-up of one type finds nothing of another.
func TestLookUpsKeepToTheirType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.goods(t, 1, 1)[0]
	placed := w.place(t, w.buyer, v)
	orders, err := w.Orders.ByCheckouts(t.Context(), []typeid.Checkout{placed.ID})
	if err != nil {
		t.Fatal(err)
	}
	a := w.must(t, w.buyer, fmt.Sprintf(`{ shop(id: %q) { id } product(id: %q) { id } order(id: %q) { id }
		a: shop(id: %[2]q) { id } b: product(id: %[3]q) { id } c: order(id: %[1]q) { id } d: miniProgram(appId: "none") { id } }`,
		v.ShopID, v.ProductID, orders[0].ID), nil)
	for _, field := range []string{"shop", "product", "order"} {
		if a.at(field) == nil {
			t.Errorf("%s is absent", field)
		}
	}
	for _, field := range []string{"a", "b", "c", "d"} {
		if a.at(field) != nil {
			t.Errorf("%s is %v", field, a.at(field))
		}
	}
	if a := w.must(t, w.other, fmt.Sprintf(`{ order(id: %q) { id } }`, orders[0].ID), nil); a.at("order") != nil {
		t.Error("another buyer sees the order")
	}
}
