package inventory_test

import (
	"context"
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

// world is one shop with its owner.
type world struct {
	db        *db.DB
	clock     *clock.Manual
	inventory *inventory.Inventory
	catalog   *catalog.Catalog
	shop      typeid.Shop
	owner     identity.Principal
	keys      atomic.Int64
}

func on(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			d := testdb.New(t, kind)
			w := &world{db: d, clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC))}
			w.inventory, w.catalog = inventory.New(d, w.clock.Now, func([]inventory.Stock) {}), catalog.New(d, w.clock.Now)
			w.shop = typeid.New[typeid.Shop](w.clock.Now())
			must(t, d.Shop.Create().SetID(w.shop).SetName("Shop").SetSubject("Test Ltd").SetCurrency("CNY").SetStatus("OPEN").
				SetReceiver("merchant").SetMaxShareBasisPoints(3000).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
			w.owner = w.staff(identity.Owner)
			fn(t, w)
			w.check(t)
		})
	}
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	on(t, []testdb.Kind{testdb.MySQL, testdb.SQLite}, fn)
}

func eachRace(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	on(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, fn)
}

// staff is somebody new with a role in the shop.
func (w *world) staff(role identity.Role) identity.Principal {
	return identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(w.shop, role)
}

// variant has so many on hand, some of them held.
func (w *world) variant(t *testing.T, onHand, held int) typeid.Variant {
	t.Helper()
	p, err := w.catalog.CreateProduct(t.Context(), w.owner, catalog.NewProduct{
		ShopID: w.shop.String(), Title: "Tea", Status: catalog.Active,
		Variants: []catalog.NewVariant{{SKU: w.key(), OnHand: onHand, Price: money.New(1, money.CNY)}},
	})
	must(t, err)
	got, err := w.catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	if held > 0 {
		w.move(t, inventory.Hold(got[0].ID, held, typeid.New[typeid.Order](w.clock.Now())))
	}
	return got[0].ID
}

// move carries movements out in a transaction.
func (w *world) move(t *testing.T, movements ...inventory.Movement) {
	t.Helper()
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		var ids []typeid.Variant
		for _, m := range movements {
			ids = append(ids, m.Variant)
		}
		shelf, err := inventory.LockTx(ctx, tx, ids)
		if err != nil {
			return struct{}{}, err
		}
		for _, m := range movements {
			if err := shelf.Move(m); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, shelf.WriteTx(ctx, tx, w.clock.Now())
	})
	must(t, err)
}

func (w *world) stock(t *testing.T, v typeid.Variant) inventory.Stock {
	t.Helper()
	got, err := w.inventory.Stocks(t.Context(), []typeid.Variant{v})
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("stock of %s: %d rows", v, len(got))
	}
	return *got[0]
}

// check proves that every stock is the sum of its movements, and within its bounds.
func (w *world) check(t *testing.T) {
	t.Helper()
	if n := w.count(t, `SELECT COUNT(*) FROM stocks s WHERE s.held < 0 OR s.held > s.on_hand
		OR s.on_hand <> (SELECT COALESCE(SUM(m.on_hand_delta), 0) FROM stock_movements m WHERE m.variant_id = s.variant_id)
		OR s.held <> (SELECT COALESCE(SUM(m.held_delta), 0) FROM stock_movements m WHERE m.variant_id = s.variant_id)`); n != 0 {
		t.Errorf("%d stocks are not what moved", n)
	}
}

func (w *world) count(t *testing.T, query string) int {
	t.Helper()
	n, err := db.Collect(t.Context(), w.db, sql.Raw(query), func(row db.Row) (n int, err error) { return n, row.Scan(&n) })
	must(t, err)
	return n[0]
}

func (w *world) key() string { return "key-" + strconv.FormatInt(w.keys.Add(1), 10) }

// atOnce releases n calls of fn at the same moment and waits for them.
func atOnce(n int, fn func(i int)) {
	var (
		start = make(chan struct{})
		wg    sync.WaitGroup
	)
	for i := range n {
		wg.Go(func() {
			<-start
			fn(i)
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
