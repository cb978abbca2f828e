package checkout_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/app"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// BenchmarkPlan prices carts of 1, 5 and 50 lines of one shop.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1, 5, checkout.MaxLines} {
		b.Run(fmt.Sprintf("lines=%d", n), func(b *testing.B) {
			now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
			shop, in := typeid.New[typeid.Shop](now), checkout.Input{ShipTo: address()}
			world := checkout.Catalogue{
				Items:  make(map[typeid.Variant]*catalog.Item),
				Rules:  map[typeid.Shop][]catalog.SplitRule{shop: {{Receiver: "platform", Role: "PLATFORM", BasisPoints: 250}}},
				Limits: payment.Limits{MaxOrders: 50},
			}
			for i := range n {
				v := typeid.New[typeid.Variant](now)
				world.Items[v] = &catalog.Item{
					Variant:      catalog.Variant{ID: v, ShopID: shop, SKU: fmt.Sprint("tea-", i), Price: money.New(1999, money.CNY)},
					ProductTitle: "茶 Tea", ForSale: true, RequiresShipping: true, Receiver: "merchant", MaxShare: 3000,
				}
				in.Lines = append(in.Lines, checkout.LineInput{VariantID: v.String(), Quantity: 2})
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := checkout.MakePlan(in, in.Lines, world); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCommit has 1, 16 and 256 buyers check out the same SKU at once, over and over: one operation is all of them. What arrives
// together shares transactions.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		for _, n := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/batch=%d", kind, n), func(b *testing.B) {
				w := newBenchWorld(b, kind, n)
				b.ReportAllocs()
				for b.Loop() {
					w.round(b)
				}
				b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "checkouts/s")
			})
		}
	}
}

// benchWorld is buyers and something to buy, on a clock that goes on by itself.
type benchWorld struct {
	*app.App

	buyers  []identity.Principal
	variant typeid.Variant
	rounds  int
}

func newBenchWorld(b *testing.B, kind testdb.Kind, buyers int) *benchWorld {
	b.Helper()
	d := benchDB(b, kind)
	ctx, now := b.Context(), clock.Truncate(time.Now().UTC())
	ok := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	sandbox := payment.NewSandbox(d, time.Now)
	w := &benchWorld{App: app.New(d, time.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: time.Hour, MaxOpen: 1_000_000, Provider: sandbox, Codes: identity.SandboxCodes{},
	})}
	mini, shop := typeid.New[typeid.MiniProgram](now), typeid.New[typeid.Shop](now)
	ok(d.MiniProgram.Create().SetID(mini).SetAppID("wxbench").SetName("Bench").SetSubject("Bench Ltd").SetCreatedAt(now).Exec(ctx))
	ok(d.Shop.Create().SetID(shop).SetName("Shop").SetSubject("Bench Ltd").SetCurrency("CNY").SetStatus("OPEN").
		SetReceiver("merchant").SetMaxShareBasisPoints(3000).SetCreatedAt(now).Exec(ctx))
	ok(d.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(mini).SetShopID(shop).Exec(ctx))
	ok(d.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](now)).SetShopID(shop).SetReceiver("platform").
		SetRole("PLATFORM").SetBasisPoints(250).SetPosition(0).Exec(ctx))
	owner := identity.Principal{Staff: typeid.New[typeid.Staff](now)}.WithRole(shop, identity.Owner)
	p, err := w.Catalog.CreateProduct(ctx, owner, catalog.NewProduct{
		ShopID: shop.String(), Title: "茶 Tea", Status: catalog.Active, RequiresShipping: true,
		Variants: []catalog.NewVariant{{SKU: "tea", OnHand: 1_000_000, Price: money.New(1999, money.CNY)}},
	})
	ok(err)
	variants, err := w.Catalog.VariantsOf(ctx, []typeid.Product{p.ID})
	ok(err)
	w.variant = variants[0].ID
	for i := range buyers {
		id := typeid.New[typeid.Buyer](now)
		ok(d.Buyer.Create().SetID(id).SetMiniProgramID(mini).SetOpenID(fmt.Sprint("buyer-", i)).SetCreatedAt(now).Exec(ctx))
		ok(d.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1).Exec(ctx))
		w.buyers = append(w.buyers, identity.Principal{Buyer: id, MiniProgram: mini})
	}
	return w
}

// round has every buyer check out once, all at the same time.
func (w *benchWorld) round(b *testing.B) {
	b.Helper()
	w.rounds++
	key := fmt.Sprint("round-", w.rounds)
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for _, who := range w.buyers {
		all.Go(func() {
			in := checkout.Input{IdempotencyKey: key, Lines: lines(w.variant, 1), ShipTo: address()}
			if _, err := w.Checkouts.Place(b.Context(), who, in); err != nil {
				failed.Store(&err)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}

// benchDB is a fresh, migrated database until the benchmark ends: testdb's are for tests.
func benchDB(b *testing.B, kind testdb.Kind) *db.DB {
	b.Helper()
	source := "sqlite:" + filepath.Join(b.TempDir(), "holdfast.db")
	if kind == testdb.MySQL {
		source = benchMySQL(b)
	}
	d, err := db.Open(b.Context(), source, db.Options{})
	if err == nil {
		err = d.Migrate(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	return d
}

func benchMySQL(b *testing.B) string {
	b.Helper()
	server := os.Getenv("HOLDFAST_TEST_MYSQL") //nolint:forbidigo // as testdb, which is for tests
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		b.Skip("HOLDFAST_TEST_MYSQL names no database server")
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", u.Host, u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		b.Fatal(err)
	}
	name := "bench_" + strings.ReplaceAll(typeid.New[typeid.Order](time.Now()).String(), "_", "")
	admin := sql.OpenDB(connector)
	if _, err := admin.ExecContext(b.Context(), "CREATE DATABASE "+name); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_, _ = admin.ExecContext(context.Background(), "DROP DATABASE "+name)
		_ = admin.Close()
	})
	u.Path = "/" + name
	return u.String()
}
