package inventory_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/auditentry"
	"holdfast/internal/catalog"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/page"
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
	mu        sync.Mutex
	told      []inventory.Stock // what the inventory said that it committed
}

func on(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, testdb.New(t, kind), clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC)))
			fn(t, w)
			w.check(t)
		})
	}
}

func newWorld(t *testing.T, d *db.DB, at *clock.Manual) *world {
	t.Helper()
	w := &world{db: d, clock: at, catalog: catalog.New(d, at.Now), shop: typeid.New[typeid.Shop](at.Now())}
	w.inventory = inventory.New(d, at.Now, func(stocks []inventory.Stock) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, stocks...)
	})
	w.addShop(t)
	w.owner = w.staff(identity.Owner)
	return w
}

func (w *world) addShop(t *testing.T) {
	t.Helper()
	must(t, w.db.Shop.Create().SetID(w.shop).SetName("Shop").SetSubject("Test Ltd").SetCurrency("CNY").SetStatus("OPEN").
		SetReceiver("merchant").SetMaxShareBasisPoints(3000).SetCreatedAt(w.clock.Now()).Exec(t.Context()))
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
	v := w.variants(t, 1, onHand)[0]
	if held > 0 {
		w.move(t, inventory.Hold(v, held, typeid.New[typeid.Order](w.clock.Now())))
	}
	return v
}

// variants are the n variants of a new product, so many of each on hand.
func (w *world) variants(t *testing.T, n, onHand int) []typeid.Variant {
	t.Helper()
	in := catalog.NewProduct{ShopID: w.shop.String(), Title: "Tea", Status: catalog.Active}
	for range n {
		in.Variants = append(in.Variants, catalog.NewVariant{SKU: w.key(), OnHand: onHand, Price: money.New(1, money.CNY)})
	}
	p, err := w.catalog.CreateProduct(t.Context(), w.owner, in)
	must(t, err)
	got, err := w.catalog.VariantsOf(t.Context(), []typeid.Product{p.ID})
	must(t, err)
	out := make([]typeid.Variant, n)
	for i, v := range got {
		out[i] = v.ID
	}
	return out
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

// foreign is a variant of another shop, 10 on hand.
func (w *world) foreign(t *testing.T) typeid.Variant {
	t.Helper()
	shop, owner := w.shop, w.owner
	defer func() { w.shop, w.owner = shop, owner }()
	w.shop = typeid.New[typeid.Shop](w.clock.Now())
	w.addShop(t)
	w.owner = w.staff(identity.Owner)
	return w.variant(t, 10, 0)
}

// audit is what the log says of stock, oldest first: action, subject and detail.
func (w *world) audit(t *testing.T) []string {
	t.Helper()
	rows, err := w.db.AuditEntry.Query().Where(auditentry.ActionHasPrefix("stock")).Order(auditentry.ByID()).All(t.Context())
	must(t, err)
	var out []string
	for _, r := range rows {
		out = append(out, r.Action+" "+r.Subject+" "+r.Detail)
	}
	return out
}

// checkVersions proves that movements have the versions that their stock had: the last one what it has now, when nothing but
// movements changed it, and none of one commit another's.
func (w *world) checkVersions(t *testing.T) {
	t.Helper()
	if n := w.count(t, `SELECT COUNT(*) FROM stocks s WHERE EXISTS (SELECT 1 FROM stock_movements m WHERE m.variant_id = s.variant_id)
		AND s.version <> (SELECT MAX(m.version) FROM stock_movements m WHERE m.variant_id = s.variant_id)`); n != 0 {
		t.Errorf("the last movements of %d stocks are not of their version", n)
	}
	if n := w.count(t, `SELECT COUNT(*) FROM (SELECT s.variant_id FROM stocks s JOIN stock_movements m ON m.variant_id = s.variant_id
		GROUP BY s.variant_id, s.version HAVING COUNT(DISTINCT m.version) <> s.version - 1) gaps`); n != 0 {
		t.Errorf("%d stocks have versions of which no movement tells", n)
	}
}

// records are all movements of a variant, newest first.
func (w *world) records(t *testing.T, v typeid.Variant) []*inventory.Record {
	t.Helper()
	got, err := w.inventory.MovementsOf(t.Context(), []typeid.Variant{v}, page.Query{First: page.Max})
	must(t, err)
	return got[v].Items
}

// same compares stocks as they are shown: databases read a time zone of their own.
func same(a, b inventory.Stock) bool {
	at := a.ChangedAt.Equal(b.ChangedAt)
	a.ChangedAt = b.ChangedAt
	return at && a == b
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
