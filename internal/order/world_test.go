package order_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/order"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC)

// world is orders written row by row.
type world struct {
	db     *db.DB
	orders *order.Orders
	buyers []typeid.Buyer
	shops  []typeid.Shop
	made   int
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		fn(t, newWorld(d))
	})
}

func newWorld(d *db.DB) *world {
	w := &world{db: d, orders: order.New(d)}
	for range 3 {
		w.buyers = append(w.buyers, typeid.New[typeid.Buyer](start))
		w.shops = append(w.shops, typeid.New[typeid.Shop](start))
	}
	return w
}

// add makes an order of one line, a microsecond after the one before, and numbers it ORDER-1 and so on.
func (w *world) add(t *testing.T, buyer, shop int, status order.Status, phone, sku string) typeid.Order {
	t.Helper()
	w.made++
	at := start.Add(time.Duration(w.made) * time.Microsecond)
	checkout, id := typeid.New[typeid.Checkout](at), typeid.New[typeid.Order](at)
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		if err := tx.Checkout.Create().SetID(checkout).SetBuyerID(w.buyers[buyer]).SetMiniProgramID(typeid.New[typeid.MiniProgram](at)).
			SetIdempotencyKey(id.String()).SetRequestHash(make([]byte, 32)).SetStatus("PAID").SetPlacedAt(at).SetHeldUntil(at).Exec(ctx); err != nil {
			return struct{}{}, err
		}
		o := tx.Order.Create().SetID(id).SetNumber(fmt.Sprintf("ORDER-%d", w.made)).SetCheckoutID(checkout).SetBuyerID(w.buyers[buyer]).
			SetShopID(w.shops[shop]).SetStatus(string(status)).SetCurrency("CNY").SetSubtotal(1999).SetDiscount(0).SetShippingFee(0).
			SetTotal(1999).SetRefunded(0).SetPlacedAt(at).SetHeldUntil(at.Add(time.Hour)).SetVersion(1)
		if phone != "" {
			o.SetShipName("林小雨").SetShipPhone(phone).SetShipCountry("CN").SetShipProvince("广东省").SetShipCity("深圳市").SetShipStreet("科技路 1 号")
		}
		if err := o.Exec(ctx); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.OrderLine.Create().SetID(typeid.New[typeid.OrderLine](at)).SetOrderID(id).SetShopID(w.shops[shop]).
			SetVariantID(typeid.New[typeid.Variant](at)).SetTitle("Tea").SetSku(sku).SetUnitPrice(1999).SetQuantity(1).SetAmount(1999).
			SetCurrency("CNY").SetPosition(0).Exec(ctx)
	})
	must(t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
