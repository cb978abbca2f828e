package catalog_test

import (
	"context"
	"strings"
	"testing"

	"entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// told is what an error refuses with: "CODE path.of.field".
func told(err error) string {
	var out []string
	for _, r := range fault.List(err) {
		out = append(out, string(r.Refused().Code)+" "+strings.Join(r.Refused().Field, "."))
	}
	if out == nil && err != nil {
		return err.Error()
	}
	return strings.Join(out, ", ")
}

// strangers are all sorts of people who do not work for the first shop.
func (w *world) strangers() map[string]identity.Principal {
	staff := typeid.New[typeid.Staff](w.clock.Now())
	return map[string]identity.Principal{
		"nobody": {}, "a buyer": {Buyer: typeid.New[typeid.Buyer](w.clock.Now())}, "an operator": {Staff: staff, Operator: true},
		"an owner elsewhere": identity.Principal{Staff: staff}.WithRole(w.shops[1], identity.Owner),
	}
}

func (w *world) read(t *testing.T, id typeid.Product) catalog.Product {
	t.Helper()
	got, err := w.catalog.Products(t.Context(), []typeid.Product{id})
	must(t, err)
	return *got[0]
}

func TestUpdateProduct(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		made, other := w.product(t, 0, "Tea", catalog.Active), w.product(t, 0, "Cup", catalog.Draft)
		clerk := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(w.shops[0], identity.Clerk)
		long, longer := strings.Repeat("茶", 200), strings.Repeat("<", 64<<10)
		want, beside := w.read(t, made.ID), w.read(t, other.ID)
		for _, step := range []struct {
			name   string
			who    identity.Principal
			change catalog.ProductChange
			wants  func(p *catalog.Product)
		}{
			{"title", w.owner, catalog.ProductChange{Title: new(" 龙井 ")}, func(p *catalog.Product) { p.Title = "龙井" }},
			{"description", clerk, catalog.ProductChange{Description: new("Leaves\nand water")}, func(p *catalog.Product) { p.Description = "Leaves\nand water" }},
			{"no description", w.owner, catalog.ProductChange{Description: new("")}, func(p *catalog.Product) { p.Description = "" }},
			{"pictures", w.owner, catalog.ProductChange{ImageURLs: []string{"/a.png", "/b.png"}}, func(p *catalog.Product) { p.ImageURLs = []string{"/a.png", "/b.png"} }},
			{"no pictures", w.owner, catalog.ProductChange{ImageURLs: []string{}}, func(p *catalog.Product) { p.ImageURLs = []string{} }},
			{"archive", w.owner, catalog.ProductChange{Status: new(catalog.Archived)}, func(p *catalog.Product) { p.Status = catalog.Archived }},
			{"bring back", clerk, catalog.ProductChange{Status: new(catalog.Active)}, func(p *catalog.Product) { p.Status = catalog.Active }},
			{"as it is", w.owner, catalog.ProductChange{Status: new(catalog.Active)}, func(*catalog.Product) {}},
			{"to be shipped", w.owner, catalog.ProductChange{RequiresShipping: new(true)}, func(p *catalog.Product) { p.RequiresShipping = true }},
			{
				"not to be shipped, and more", w.owner,
				catalog.ProductChange{RequiresShipping: new(false), Title: new("Tea"), Status: new(catalog.Draft)},
				func(p *catalog.Product) { p.RequiresShipping, p.Title, p.Status = false, "Tea", catalog.Draft },
			},
			{
				"the longest", w.owner,
				catalog.ProductChange{Title: new(long), Description: new(longer)},
				func(p *catalog.Product) { p.Title, p.Description = long, longer },
			},
		} {
			step.change.ProductID = made.ID.String()
			step.wants(&want)
			got, err := w.catalog.UpdateProduct(ctx, step.who, step.change)
			must(t, err)
			if d := cmp.Diff(want, *got, ids()) + cmp.Diff(want, w.read(t, made.ID), ids()); d != "" {
				t.Errorf("%s (-want +got):\n%s", step.name, d)
			}
		}
		for want, change := range map[string]catalog.ProductChange{
			"INVALID input":             {},
			"INVALID input.title":       {Title: new(" ")},
			"INVALID input.description": {Description: new(strings.Repeat("d", 64<<10+1))},
			"TOO_MANY input.imageUrls":  {ImageURLs: make([]string, 21)},
			"INVALID input.imageUrls.1": {ImageURLs: []string{"/ok", "javascript:alert(1)"}, Title: new("ok")},
		} {
			change.ProductID = made.ID.String()
			if _, err := w.catalog.UpdateProduct(ctx, w.owner, change); told(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		for name, who := range w.strangers() {
			if _, err := w.catalog.UpdateProduct(ctx, who, catalog.ProductChange{ProductID: made.ID.String(), Title: new("x")}); told(err) != "NOT_FOUND input.productId" {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, id := range []string{"nonsense", w.shops[0].String(), typeid.New[typeid.Product](w.clock.Now()).String()} {
			if _, err := w.catalog.UpdateProduct(ctx, w.owner, catalog.ProductChange{ProductID: id, Title: new("x")}); told(err) != "NOT_FOUND input.productId" {
				t.Errorf("%s: %v", id, err)
			}
		}
		if d := cmp.Diff(want, w.read(t, made.ID), ids()) + cmp.Diff(beside, w.read(t, other.ID), ids()); d != "" {
			t.Errorf("what was refused changed something (-want +got):\n%s", d)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_entries WHERE action = 'productUpdate' AND subject = '"+made.ID.String()+"'"); n != 11 {
			t.Errorf("%d entries in the audit log", n)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_entries WHERE action = 'productCreate'"); n != 2 {
			t.Errorf("%d entries of what was made", n)
		}
	})
}

// TestEditsLeaveOrdersAlone changes all that an order keeps a copy of.
func TestEditsLeaveOrdersAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, now := t.Context(), w.clock.Now()
		p := w.product(t, 0, "Tea", catalog.Active)
		v := w.variantsOf(t, p.ID)[0]
		_, err := db.WithTx(ctx, w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			checkout, order, buyer := typeid.New[typeid.Checkout](now), typeid.New[typeid.Order](now), typeid.New[typeid.Buyer](now)
			if err := tx.Checkout.Create().SetID(checkout).SetBuyerID(buyer).SetMiniProgramID(typeid.New[typeid.MiniProgram](now)).
				SetIdempotencyKey("key").SetRequestHash(make([]byte, 32)).SetStatus("PAID").SetPlacedAt(now).SetHeldUntil(now).Exec(ctx); err != nil {
				return struct{}{}, err
			}
			if err := tx.Order.Create().SetID(order).SetNumber("1").SetCheckoutID(checkout).SetBuyerID(buyer).SetShopID(w.shops[0]).SetStatus("PAID").
				SetCurrency("CNY").SetSubtotal(100).SetDiscount(0).SetShippingFee(0).SetTotal(100).SetRefunded(0).SetPlacedAt(now).
				SetHeldUntil(now).SetVersion(1).Exec(ctx); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, tx.OrderLine.Create().SetID(typeid.New[typeid.OrderLine](now)).SetOrderID(order).SetShopID(w.shops[0]).
				SetVariantID(v.ID).SetTitle("Tea").SetSku(v.SKU).SetUnitPrice(100).SetQuantity(1).SetAmount(100).SetCurrency("CNY").SetPosition(0).Exec(ctx)
		})
		must(t, err)
		_, err = w.catalog.UpdateVariant(ctx, w.owner, catalog.VariantChange{
			VariantID: v.ID.String(), SKU: new("other"), Title: new("other"), Price: new(cny(999)), Archived: new(true),
		})
		must(t, err)
		_, err = w.catalog.UpdateProduct(ctx, w.owner, catalog.ProductChange{ProductID: p.ID.String(), Title: new("Other"), Status: new(catalog.Archived)})
		must(t, err)
		line, err := w.db.OrderLine.Query().All(ctx)
		must(t, err)
		if l := line[0]; l.Title != "Tea" || l.Sku != v.SKU || l.UnitPrice != 100 || l.Amount != 100 {
			t.Errorf("the order's line became %+v", l)
		}
		if n := w.count(t, "SELECT total FROM orders"); n != 100 {
			t.Errorf("the order's total became %d", n)
		}
	})
}

// text reads one text of the database.
func (w *world) text(t *testing.T, query string) string {
	t.Helper()
	got, err := db.Collect(t.Context(), w.db, sql.Raw(query), func(row db.Row) (s string, err error) { return s, row.Scan(&s) })
	must(t, err)
	return got[0]
}
