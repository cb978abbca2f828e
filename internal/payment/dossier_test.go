package payment_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/app"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

func TestDossier(t *testing.T) {
	t.Parallel()
	for _, kind := range three() {
		t.Run(string(kind), func(t *testing.T) {
			d := testdb.New(t, kind)
			at := clock.NewManual(start)
			a := app.New(d, at.Now, slog.New(slog.DiscardHandler), app.Settings{
				Hold: 15 * time.Minute, MaxOpen: 100, Provider: payment.NewSandbox(d, at.Now), Codes: identity.SandboxCodes{},
			})
			ctx, ok := t.Context(), func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			mini, who := typeid.New[typeid.MiniProgram](start), typeid.New[typeid.Buyer](start)
			ok(d.MiniProgram.Create().SetID(mini).SetAppID("wxtest").SetName("T").SetSubject("T").SetCreatedAt(start).Exec(ctx))
			ok(d.Buyer.Create().SetID(who).SetMiniProgramID(mini).SetOpenID("oLin").SetCreatedAt(start).Exec(ctx))
			ok(d.Cart.Create().SetID(typeid.From[typeid.Cart](who.UUID)).SetVersion(1).Exec(ctx))
			var lines []checkout.LineInput
			var shops []typeid.Shop
			for i, receiver := range []string{"1900000101", "1900000102"} {
				shop := typeid.New[typeid.Shop](start)
				shops = append(shops, shop)
				ok(d.Shop.Create().SetID(shop).SetName("S").SetSubject("T").SetCurrency("CNY").SetStatus("OPEN").SetReceiver(receiver).
					SetMaxShareBasisPoints(3000).SetCreatedAt(start).Exec(ctx))
				ok(d.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](start)).SetMiniProgramID(mini).SetShopID(shop).Exec(ctx))
				if i == 0 {
					ok(d.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](start)).SetShopID(shop).SetReceiver("platform").SetRole("PLATFORM").
						SetBasisPoints(1000).SetPosition(0).Exec(ctx))
				}
				owner := identity.Principal{Staff: typeid.New[typeid.Staff](start)}.WithRole(shop, identity.Owner)
				for j := range 2 - i {
					p, err := a.Catalog.CreateProduct(ctx, owner, catalog.NewProduct{
						ShopID: shop.String(), Title: fmt.Sprintf("茶 %d.%d", i, j), Status: catalog.Active,
						Variants: []catalog.NewVariant{{SKU: fmt.Sprint(j), Price: money.New(1000, money.CNY), OnHand: 10}},
					})
					ok(err)
					made, err := a.Catalog.VariantsOf(ctx, []typeid.Product{p.ID})
					ok(err)
					lines = append(lines, checkout.LineInput{VariantID: made[0].ID.String(), Quantity: j + 1})
				}
			}
			placed, err := a.Checkouts.Place(ctx, identity.Principal{Buyer: who, MiniProgram: mini}, checkout.Input{IdempotencyKey: "one", Lines: lines})
			ok(err)
			// What a shop says now is not what it said when the order was made.
			ok(d.Shop.UpdateOneID(shops[0]).SetReceiver("1900000999").Exec(ctx))
			orders, err := a.Orders.ByCheckouts(ctx, []typeid.Checkout{placed.ID})
			ok(err)

			want := &payment.Dossier{
				ID: placed.Payment.ID, AppID: "wxtest", OpenID: "oLin", Total: cny(4000), ExpiresAt: start.Add(15 * time.Minute).Truncate(time.Microsecond),
			}
			for _, o := range orders {
				one := payment.DossierOrder{
					ID: o.ID, Number: o.Number, Shop: o.ShopID, Receiver: "1900000101", Total: cny(3000), Shared: true, Title: "茶 0.0", Lines: 2,
				}
				if o.ShopID == shops[1] {
					one = payment.DossierOrder{ID: o.ID, Number: o.Number, Shop: o.ShopID, Receiver: "1900000102", Total: cny(1000), Title: "茶 1.0", Lines: 1}
				}
				want.Orders = append(want.Orders, one)
			}
			got, err := a.Payments.Dossier(ctx, placed.Payment.ID)
			ok(err)
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(typeid.Payment{}, typeid.Order{}, typeid.Shop{})); diff != "" {
				t.Errorf("dossier (-want +got):\n%s", diff)
			}
			if _, err := a.Payments.Dossier(ctx, typeid.New[typeid.Payment](start)); !fault.Is(err, fault.NotFound) {
				t.Errorf("got %v, want NOT_FOUND", err)
			}
		})
	}
}
