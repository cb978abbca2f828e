package catalog_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/internal/catalog"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// world is a few shops, all of one owner.
type world struct {
	db        *db.DB
	clock     *clock.Manual
	catalog   *catalog.Catalog
	inventory *inventory.Inventory
	shops     []typeid.Shop
	owner     identity.Principal
	keys      atomic.Int64
	mu        sync.Mutex
	told      []inventory.Stock // what the catalogue said that it committed
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	testdb.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC))}
	w.catalog = catalog.New(d, w.clock.Now, func(stocks []inventory.Stock) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, stocks...)
	})
	w.inventory = inventory.New(d, w.clock.Now, func([]inventory.Stock) {})
	w.owner = identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}
	for range 3 {
		w.addShop(t)
	}
	return w
}

func (w *world) addShop(t *testing.T) {
	t.Helper()
	w.clock.Advance(time.Microsecond)
	id := typeid.New[typeid.Shop](w.clock.Now())
	must(t, w.db.Shop.Create().SetID(id).SetName("Shop "+strconv.Itoa(len(w.shops))).SetSubject("Test Ltd").SetCurrency("CNY").SetStatus("OPEN").
		SetReceiver("merchant").SetMaxShareBasisPoints(3000).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
	w.shops = append(w.shops, id)
	w.owner = w.owner.WithRole(id, identity.Owner)
}

// product makes a product of one variant.
func (w *world) product(t *testing.T, shop int, title string, status catalog.ProductStatus) *catalog.Product {
	t.Helper()
	w.clock.Advance(time.Microsecond)
	p, err := w.catalog.CreateProduct(t.Context(), w.owner, catalog.NewProduct{
		ShopID: w.shops[shop].String(), Title: title, Status: status,
		Variants: []catalog.NewVariant{{SKU: w.key(), OnHand: 10, Price: money.New(100, money.CNY)}},
	})
	must(t, err)
	return p
}

func (w *world) key() string { return "key-" + strconv.FormatInt(w.keys.Add(1), 10) }

func (w *world) count(t *testing.T, query string) int {
	t.Helper()
	n, err := db.Collect(t.Context(), w.db, sql.Raw(query), func(row db.Row) (n int, err error) { return n, row.Scan(&n) })
	must(t, err)
	return n[0]
}

// atOnce releases n calls of fn at the same moment and waits for them.
func atOnce(n int, fn func()) {
	var (
		start = make(chan struct{})
		wg    sync.WaitGroup
	)
	for range n {
		wg.Go(func() {
			<-start
			fn()
		})
	}
	close(start)
	wg.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
