package catalog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

func cny(amount int64) money.Money { return money.New(amount, money.CNY) }

// ids lets cmp compare ids.
func ids() cmp.Option {
	return cmpopts.EquateComparable(typeid.Product{}, typeid.Shop{}, typeid.Variant{})
}

func TestCreateProduct(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		made, err := w.catalog.CreateProduct(ctx, w.owner, catalog.NewProduct{
			ShopID: w.shops[0].String(), Title: " 龙井 Tea ", Description: "Leaves\nand\twater", ImageURLs: []string{"/a.png", "https://shop.test/b.png?x=1&y=2"},
			Status: catalog.Active, RequiresShipping: true,
			Variants: []catalog.NewVariant{
				{SKU: " tea-100 ", Title: "100 g", Price: cny(1999), OnHand: 7, LowStockThreshold: 3},
				{SKU: "tea-0", Price: cny(0)},
			},
		})
		must(t, err)
		want := &catalog.Product{
			ShopID: w.shops[0], Title: "龙井 Tea", Description: "Leaves\nand\twater",
			ImageURLs: []string{"/a.png", "https://shop.test/b.png?x=1&y=2"}, Status: catalog.Active, RequiresShipping: true,
		}
		read, err := w.catalog.Products(ctx, []typeid.Product{made.ID})
		must(t, err)
		if d := cmp.Diff(want, made, ids(), cmpopts.IgnoreFields(catalog.Product{}, "ID")) + cmp.Diff([]*catalog.Product{made}, read, ids()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		variants, err := w.catalog.VariantsOf(ctx, []typeid.Product{made.ID})
		must(t, err)
		if d := cmp.Diff([]*catalog.Variant{
			{ProductID: made.ID, ShopID: w.shops[0], SKU: "tea-100", Title: "100 g", Price: cny(1999)},
			{ProductID: made.ID, ShopID: w.shops[0], SKU: "tea-0", Price: cny(0)},
		}, variants, ids(), cmpopts.IgnoreFields(catalog.Variant{}, "ID")); d != "" {
			t.Fatalf("variants (-want +got):\n%s", d)
		}
		for i, want := range []inventory.Stock{{OnHand: 7, LowStockThreshold: 3}, {}} {
			got, err := w.inventory.Stocks(ctx, []typeid.Variant{variants[i].ID})
			must(t, err)
			if len(got) != 1 || got[0].OnHand != want.OnHand || got[0].Held != 0 || got[0].LowStockThreshold != want.LowStockThreshold ||
				got[0].ShopID != w.shops[0] || !got[0].ChangedAt.Equal(w.clock.Now()) || got[0].Version < 1 {
				t.Errorf("stock %d: %+v", i, got)
			}
		}
		if n := w.count(t, "SELECT COUNT(*) FROM stock_movements WHERE kind = 'RECEIVED' AND on_hand_delta = 7 AND held_delta = 0 AND staff_id IS NOT NULL"); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

// TestCreateLargestProduct makes a product in which everything is as large as it may be.
func TestCreateLargestProduct(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		in := catalog.NewProduct{
			ShopID: w.shops[0].String(), Title: strings.Repeat("茶", 200), Description: strings.Repeat("d", 64<<10), Status: catalog.Draft,
		}
		for i := range 20 {
			in.ImageURLs = append(in.ImageURLs, "/"+strings.Repeat("&", 998)+string(rune('a'+i)))
		}
		for i := range catalog.MaxVariants {
			in.Variants = append(in.Variants, catalog.NewVariant{
				SKU: fmt.Sprintf("%0*d", 64, i), Title: strings.Repeat("茶", 197), Price: cny(catalog.MaxPrice),
				OnHand: inventory.MaxOnHand, LowStockThreshold: inventory.MaxOnHand,
			})
		}
		made, err := w.catalog.CreateProduct(t.Context(), w.owner, in)
		must(t, err)
		read, err := w.catalog.Products(t.Context(), []typeid.Product{made.ID})
		must(t, err)
		if d := cmp.Diff([]*catalog.Product{made}, read, ids()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		variants, err := w.catalog.VariantsOf(t.Context(), []typeid.Product{made.ID})
		must(t, err)
		for i, v := range variants {
			if v.SKU != in.Variants[i].SKU {
				t.Fatalf("variant %d has the sku %s", i, v.SKU)
			}
		}
		if len(variants) != catalog.MaxVariants {
			t.Errorf("%d variants", len(variants))
		}
	})
}

func TestCreateProductRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ok := catalog.NewVariant{SKU: "a", Price: cny(1)}
		for _, tc := range []struct {
			name   string
			change func(in *catalog.NewProduct)
			code   fault.Code
			field  string
		}{
			{"no title", func(in *catalog.NewProduct) { in.Title = " \t" }, fault.Invalid, "input title"},
			{"a long title", func(in *catalog.NewProduct) { in.Title = strings.Repeat("茶", 201) }, fault.Invalid, "input title"},
			{"a title of two lines", func(in *catalog.NewProduct) { in.Title = "a\nb" }, fault.Invalid, "input title"},
			{"a title that is no text", func(in *catalog.NewProduct) { in.Title = "a\xff" }, fault.Invalid, "input title"},
			{"a long description", func(in *catalog.NewProduct) { in.Description = strings.Repeat("d", 64<<10+1) }, fault.Invalid, "input description"},
			{"many pictures", func(in *catalog.NewProduct) { in.ImageURLs = make([]string, 21) }, fault.TooMany, "input imageUrls"},
			{"a picture of another scheme", func(in *catalog.NewProduct) { in.ImageURLs = []string{"/ok", "javascript:alert(1)"} }, fault.Invalid, "input imageUrls 1"},
			{"a picture of no place", func(in *catalog.NewProduct) { in.ImageURLs = []string{"https:///a"} }, fault.Invalid, "input imageUrls 0"},
			{"a picture elsewhere without a scheme", func(in *catalog.NewProduct) { in.ImageURLs = []string{"//shop.test/a"} }, fault.Invalid, "input imageUrls 0"},
			{"a picture of a relative path", func(in *catalog.NewProduct) { in.ImageURLs = []string{"a.png"} }, fault.Invalid, "input imageUrls 0"},
			{"an empty picture", func(in *catalog.NewProduct) { in.ImageURLs = []string{""} }, fault.Invalid, "input imageUrls 0"},
			{"a long picture", func(in *catalog.NewProduct) { in.ImageURLs = []string{"/" + strings.Repeat("a", 1000)} }, fault.Invalid, "input imageUrls 0"},
			{"no variants", func(in *catalog.NewProduct) { in.Variants = nil }, fault.Invalid, "input variants"},
			{"many variants", func(in *catalog.NewProduct) { in.Variants = make([]catalog.NewVariant, 201) }, fault.TooMany, "input variants"},
			{"no sku", func(in *catalog.NewProduct) { in.Variants[1].SKU = "  " }, fault.Invalid, "input variants 1 sku"},
			{"a long sku", func(in *catalog.NewProduct) { in.Variants[1].SKU = strings.Repeat("s", 65) }, fault.Invalid, "input variants 1 sku"},
			{"a sku twice", func(in *catalog.NewProduct) { in.Variants[1].SKU = " a " }, fault.Invalid, "input variants 1 sku"},
			{"a long variant's title", func(in *catalog.NewProduct) { in.Variants[1].Title = strings.Repeat("茶", 198) }, fault.Invalid, "input variants 1 title"},
			{"another currency", func(in *catalog.NewProduct) { in.Variants[1].Price = money.New(1, money.HKD) }, fault.Invalid, "input variants 1 price"},
			{"no currency", func(in *catalog.NewProduct) { in.Variants[1].Price = money.Money{} }, fault.Invalid, "input variants 1 price"},
			{"a price below nothing", func(in *catalog.NewProduct) { in.Variants[1].Price = cny(-1) }, fault.Invalid, "input variants 1 price"},
			{"too high a price", func(in *catalog.NewProduct) { in.Variants[1].Price = cny(catalog.MaxPrice + 1) }, fault.Invalid, "input variants 1 price"},
			{"less than none", func(in *catalog.NewProduct) { in.Variants[1].OnHand = -1 }, fault.Invalid, "input variants 1 onHand"},
			{"too many", func(in *catalog.NewProduct) { in.Variants[1].OnHand = inventory.MaxOnHand + 1 }, fault.Invalid, "input variants 1 onHand"},
			{"a threshold below none", func(in *catalog.NewProduct) { in.Variants[1].LowStockThreshold = -1 }, fault.Invalid, "input variants 1 lowStockThreshold"},
			{"too high a threshold", func(in *catalog.NewProduct) { in.Variants[1].LowStockThreshold = inventory.MaxOnHand + 1 }, fault.Invalid, "input variants 1 lowStockThreshold"},
			{"no shop", func(in *catalog.NewProduct) { in.ShopID = "nonsense" }, fault.NotFound, "input shopId"},
			{"somebody else's shop", func(in *catalog.NewProduct) { in.ShopID = typeid.New[typeid.Shop](w.clock.Now()).String() }, fault.NotFound, "input shopId"},
		} {
			in := catalog.NewProduct{ShopID: w.shops[0].String(), Title: "Tea", Status: catalog.Active, Variants: []catalog.NewVariant{ok, {SKU: "b", Price: cny(1)}}}
			tc.change(&in)
			made, err := w.catalog.CreateProduct(t.Context(), w.owner, in)
			if l := fault.List(err); made != nil || len(l) != 1 || l[0].Refused().Code != tc.code || strings.Join(l[0].Refused().Field, " ") != tc.field {
				t.Errorf("%s: %+v, %v", tc.name, made, err)
			}
		}
		for name, who := range map[string]identity.Principal{
			"nobody": {}, "a buyer": {Buyer: typeid.New[typeid.Buyer](w.clock.Now())}, "staff elsewhere": {Staff: typeid.New[typeid.Staff](w.clock.Now())},
		} {
			_, err := w.catalog.CreateProduct(t.Context(), who, catalog.NewProduct{ShopID: w.shops[0].String(), Title: "Tea", Status: catalog.Active, Variants: []catalog.NewVariant{ok}})
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := w.count(t, "SELECT (SELECT COUNT(*) FROM products) + (SELECT COUNT(*) FROM product_variants) + (SELECT COUNT(*) FROM stocks)"); n != 0 {
			t.Errorf("%d rows are left of refused products", n)
		}
	})
}

func TestCreateTakenSKU(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		create := func(shop int, skus ...string) error {
			in := catalog.NewProduct{ShopID: w.shops[shop].String(), Title: "Tea", Status: catalog.Active}
			for _, s := range skus {
				in.Variants = append(in.Variants, catalog.NewVariant{SKU: s, Price: cny(1), OnHand: 1})
			}
			_, err := w.catalog.CreateProduct(t.Context(), w.owner, in)
			return err
		}
		must(t, create(0, "a", "b"))
		must(t, create(1, "a"))           // another shop's
		must(t, create(0, "A", "c", "ä")) // exactly, not nearly
		err := create(0, "d", "b", "e")
		if l := fault.List(err); len(l) != 1 || l[0].Refused().Code != fault.Conflict || cmp.Diff([]string{"input", "variants", "1", "sku"}, l[0].Refused().Field) != "" {
			t.Errorf("got %v", err)
		}
		must(t, create(0, "d", "e")) // nothing of it stayed
		if n := w.count(t, "SELECT COUNT(*) FROM stocks") - w.count(t, "SELECT COUNT(*) FROM product_variants"); n != 0 {
			t.Errorf("%d stocks more than variants", n)
		}
	})
}

// TestCreateTakenSKUAtOnce makes one sku many times at once, with hardly a connection to spare: one wins, and the others are
// told at once.
func TestCreateTakenSKUAtOnce(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWorld(t, testdb.Open(t, source, db.Options{MaxConns: 2}))
		var (
			start, wg = make(chan struct{}), sync.WaitGroup{}
			won       int
			mu        sync.Mutex
			began     = time.Now()
		)
		for range 8 {
			wg.Go(func() {
				<-start
				_, err := w.catalog.CreateProduct(t.Context(), w.owner, catalog.NewProduct{
					ShopID: w.shops[0].String(), Title: "Tea", Status: catalog.Active, Variants: []catalog.NewVariant{{SKU: "one", Price: cny(1)}},
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won != 1 || time.Since(began) > 10*time.Second {
			t.Errorf("%d of 8 won in %v", won, time.Since(began))
		}
	})
}
