package demo_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"

	"holdfast/ent"
	"holdfast/ent/miniprogramshop"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/shop"
	"holdfast/ent/shopstaff"
	"holdfast/ent/stock"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// now has a zone and nanoseconds, as time.Now has.
var now = time.Date(2026, 11, 24, 9, 30, 0, 123_456_789, time.FixedZone("CST", 8*60*60))

// census counts the rows that Fill writes.
type census struct {
	MiniPrograms, Shops, Links, Staff, Roles, Rules, Products, Variants, Stocks, Movements int
}

var whole = census{
	MiniPrograms: 1, Shops: 4, Links: 4, Staff: 3, Roles: 5, Rules: 6,
	Products: 68, Variants: 238, Stocks: 238, Movements: 229, // 9 are sold out
}

func count(t *testing.T, d *db.DB) census {
	t.Helper()
	n := func(table string) int { return number(t, d, "SELECT COUNT(*) FROM "+table) }
	return census{
		n("mini_programs"), n("shops"), n("mini_program_shops"), n("staff"), n("shop_staff"), n("split_rules"),
		n("products"), n("product_variants"), n("stocks"), n("stock_movements"),
	}
}

// number is the one number that a query answers.
func number(t *testing.T, d *db.DB, query string) int {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var n int
	if !rows.Next() {
		t.Fatalf("%s: no row", query)
	}
	if err := rows.Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func fill(t *testing.T, d *db.DB) bool {
	t.Helper()
	filled, err := demo.Fill(t.Context(), d, now)
	if err != nil {
		t.Fatalf("Fill: %v", err)
	}
	return filled
}

func TestFillWritesTheDemoOnce(t *testing.T) {
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		if !fill(t, d) {
			t.Error("the first Fill says it did nothing")
		}
		if diff := cmp.Diff(whole, count(t, d)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		if fill(t, d) {
			t.Error("the second Fill says it did something")
		}
		if diff := cmp.Diff(whole, count(t, d)); diff != "" {
			t.Errorf("rows after the second Fill (-want +got):\n%s", diff)
		}
	})
}

// Processes that start at once on one new database: each has pools of its own.
func TestFillAtOnceLeavesOneDemo(t *testing.T) {
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			const processes = 4
			source := testdb.Source(t, kind)
			start := make(chan struct{})
			type outcome struct {
				filled bool
				seen   int
				err    error
			}
			outcomes := make(chan outcome, processes)
			for range processes {
				d := testdb.Open(t, source, db.Options{})
				go func() {
					<-start
					var o outcome
					o.filled, o.err = demo.Fill(t.Context(), d, now)
					if o.err == nil {
						o.seen, o.err = d.Stock.Query().Count(t.Context())
					}
					outcomes <- o
				}()
			}
			close(start)
			fills := 0
			for range processes {
				o := <-outcomes
				if o.err != nil {
					t.Errorf("Fill: %v", o.err)
				}
				if o.seen != whole.Stocks {
					t.Errorf("after Fill a process sees %d stocks, want %d", o.seen, whole.Stocks)
				}
				if o.filled {
					fills++
				}
			}
			if fills != 1 {
				t.Errorf("%d processes say they filled it, want 1", fills)
			}
			if diff := cmp.Diff(whole, count(t, testdb.Open(t, source, db.Options{}))); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFillLeavesNothingHalfWay(t *testing.T) {
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		// The clerk outlives the demo; the e-mail is unique.
		for _, stmt := range []string{
			"DELETE FROM mini_programs", "DELETE FROM shops", "DELETE FROM mini_program_shops", "DELETE FROM shop_staff", "DELETE FROM split_rules",
			"DELETE FROM products", "DELETE FROM product_variants", "DELETE FROM stocks", "DELETE FROM stock_movements",
			"DELETE FROM staff WHERE email <> '" + demo.Clerk + "'",
		} {
			if _, err := d.ExecContext(t.Context(), stmt); err != nil {
				t.Fatal(err)
			}
		}
		filled, err := demo.Fill(t.Context(), d, now)
		if err == nil || filled || !strings.Contains(err.Error(), demo.Clerk) {
			t.Errorf("Fill = %v, %v; want an error that names %s", filled, err, demo.Clerk)
		}
		if diff := cmp.Diff(census{Staff: 1}, count(t, d)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})
}

func TestFilledStockKeepsTheInvariants(t *testing.T) {
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		for name, query := range map[string]string{
			"stocks whose movements do not add up": `SELECT COUNT(*) FROM stocks s WHERE s.on_hand <>
				(SELECT COALESCE(SUM(m.on_hand_delta), 0) FROM stock_movements m WHERE m.variant_id = s.variant_id)`,
			"stocks that hold something or are beyond version 1": `SELECT COUNT(*) FROM stocks WHERE held <> 0 OR version <> 1`,
			"movements of another shop or kind": `SELECT COUNT(*) FROM stock_movements m JOIN stocks s ON s.variant_id = m.variant_id
				WHERE m.shop_id <> s.shop_id OR m.kind <> 'RECEIVED' OR m.held_delta <> 0`,
			"variants without a stock of their shop": `SELECT COUNT(*) FROM product_variants v LEFT JOIN stocks s
				ON s.variant_id = v.id AND s.shop_id = v.shop_id WHERE s.variant_id IS NULL`,
			"variants of another shop than their product, or of another currency": `SELECT COUNT(*) FROM product_variants v
				JOIN products p ON p.id = v.product_id JOIN shops s ON s.id = p.shop_id WHERE v.shop_id <> p.shop_id OR v.currency <> s.currency`,
			"products without variants": `SELECT COUNT(*) FROM products p WHERE NOT EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = p.id)`,
			"shops that give too much away": `SELECT COUNT(*) FROM shops s WHERE s.max_share_basis_points <
				(SELECT SUM(r.basis_points) FROM split_rules r WHERE r.shop_id = s.id)`,
		} {
			if n := number(t, d, query); n != 0 {
				t.Errorf("%d %s", n, name)
			}
		}
	})
}

func TestFilledRowsAreListedAsInTheFiles(t *testing.T) {
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		fill(t, d)
		ctx := t.Context()
		var shops []string
		for _, link := range d.MiniProgramShop.Query().Order(miniprogramshop.ByShopID()).AllX(ctx) {
			shops = append(shops, d.Shop.GetX(ctx, link.ShopID).Name)
		}
		want := []string{"山月茶事 Mountain Moon Tea", "格物数码 Gewu Gadgets", "素履衣社 Plain Thread", "维港手信 Harbour Keepsakes"}
		if diff := cmp.Diff(want, shops); diff != "" {
			t.Errorf("shops (-want +got):\n%s", diff)
		}
		tea := d.Shop.Query().Order(shop.ByID()).FirstX(ctx)
		goods := d.Product.Query().Where(product.ShopID(tea.ID)).Order(product.ByID()).AllX(ctx)
		if first, last := goods[0].Title, goods[len(goods)-1].Title; !strings.HasSuffix(first, "Dong Ding Oolong") || !strings.HasSuffix(last, "Spring 2023 Gift Box") {
			t.Errorf("tea is listed from %q to %q", first, last)
		}
		ids := map[int64]bool{}
		for _, v := range d.ProductVariant.Query().Order(productvariant.ByID()).AllX(ctx) {
			if ids[v.CreatedAt.UnixMilli()] {
				t.Errorf("variant %s shares its millisecond with another", v.Sku)
			}
			ids[v.CreatedAt.UnixMilli()] = true
			if v.CreatedAt.After(now) || v.CreatedAt.Nanosecond()%1000 != 0 {
				t.Errorf("variant %s was made at %v", v.Sku, v.CreatedAt)
			}
		}
	})
}

func TestStaffLogInAndHaveTheirRoles(t *testing.T) {
	d := testdb.New(t, testdb.SQLite)
	fill(t, d)
	ctx := t.Context()
	got := map[string]string{}
	for _, p := range d.Staff.Query().AllX(ctx) {
		if ok, err := argon2id.ComparePasswordAndHash(demo.Password, p.PasswordHash); !ok || err != nil {
			t.Errorf("%s cannot log in: %v", p.Email, err)
		}
		var roles []string
		if p.IsOperator {
			roles = append(roles, "operator")
		}
		for _, r := range d.ShopStaff.Query().Where(shopstaff.StaffID(p.ID)).Order(shopstaff.ByShopID()).AllX(ctx) {
			roles = append(roles, r.Role)
		}
		got[p.Email] = strings.Join(roles, " ")
	}
	want := map[string]string{demo.Merchant: "OWNER OWNER OWNER OWNER", demo.Clerk: "CLERK", demo.Operator: "operator"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func TestEveryProductHasAPictureOfItsOwn(t *testing.T) {
	d := testdb.New(t, testdb.SQLite)
	fill(t, d)
	const size = 90
	pictures := demo.PicturesOf(size)
	seen := map[string]string{}
	for _, p := range d.Product.Query().AllX(t.Context()) {
		var urls []string
		if err := json.Unmarshal([]byte(p.ImageUrls), &urls); err != nil || len(urls) == 0 {
			t.Errorf("%s: image_urls %s: %v", p.Title, p.ImageUrls, err)
		}
		for _, url := range urls {
			name, ok := strings.CutPrefix(url, demo.ImagePath)
			content, err := fs.ReadFile(pictures, name)
			if !ok || err != nil {
				t.Errorf("%s: %s is not served: %v", p.Title, url, err)
				continue
			}
			if other, ok := seen[string(content)]; ok {
				t.Errorf("%s looks like %s", p.Title, other)
			}
			seen[string(content)] = p.Title
			config, err := png.DecodeConfig(bytes.NewReader(content))
			if err != nil || config.Width != size || config.Height != size {
				t.Errorf("%s: %dx%d, %v", url, config.Width, config.Height, err)
			}
		}
	}
}

// What the tour, the races and the tests of others need to find.
func TestThereIsSomeOfEverything(t *testing.T) {
	d := testdb.New(t, testdb.SQLite)
	fill(t, d)
	stocks := map[bool][]*ent.Stock{}
	for _, s := range d.Stock.Query().Where(stock.OnHandGT(0)).AllX(t.Context()) {
		stocks[s.OnHand <= s.LowStockThreshold] = append(stocks[s.OnHand <= s.LowStockThreshold], s)
	}
	got := map[string]int{
		"low":      len(stocks[true]),
		"sold out": number(t, d, "SELECT COUNT(*) FROM stocks WHERE on_hand = 0"),
		"last one": number(t, d, "SELECT COUNT(*) FROM stocks WHERE on_hand = 1"),
		"draft":    number(t, d, "SELECT COUNT(*) FROM products WHERE status = 'DRAFT'"),
		"archived": number(t, d, "SELECT COUNT(*) FROM products WHERE status = 'ARCHIVED'"),
		"virtual":  number(t, d, "SELECT COUNT(*) FROM products WHERE NOT requires_shipping"),
		"on sale":  number(t, d, "SELECT COUNT(*) FROM products WHERE status = 'ACTIVE'"),
		"in CNY": number(t, d, `SELECT COUNT(*) FROM products p JOIN shops s ON s.id = p.shop_id
			WHERE p.status = 'ACTIVE' AND s.currency = 'CNY'`),
	}
	want := map[string]int{"low": 15, "sold out": 9, "last one": 1, "draft": 1, "archived": 1, "virtual": 1, "on sale": 66, "in CNY": 60}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d, err := db.Open(b.Context(), "sqlite:"+b.TempDir()+"/holdfast.db", db.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Migrate(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := demo.Fill(b.Context(), d, now); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
