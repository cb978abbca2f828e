package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"holdfast/ent"
	"holdfast/ent/miniprogram"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// lead is how long before now the first row says it was made. Each row takes a millisecond of it: ids sort by the millisecond, so
// that goods are listed in the order of their file.
const lead = time.Minute

// Fill puts the demo into a migrated database, in one transaction, and tells whether it did: a database that has the demo
// mini-program is left as it is. Of several that fill one database at once, one does; the others return when it is done.
// It fails when one of the demo's staff exists without the demo.
func Fill(ctx context.Context, d *db.DB, now time.Time) (bool, error) {
	programs, err := d.MiniProgram.Query().Where(miniprogram.AppID(AppID)).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the demo: %w", err)
	}
	if programs > 0 {
		return false, nil
	}
	shops, err := load()
	if err != nil {
		return false, err
	}
	people, err := hired()
	if err != nil {
		return false, err
	}
	filled, err := db.WithTx(ctx, d, func(ctx context.Context, tx *db.Tx) (bool, error) {
		f := &filler{tx: tx, at: clock.Truncate(now).Add(-lead)}
		return f.fill(ctx, shops, people)
	})
	if err != nil {
		return false, fmt.Errorf("fill with the demo: %w", err)
	}
	return filled, nil
}

type person struct {
	email, hash string
	operator    bool
}

// hired are the demo's staff: merchant, clerk, operator. Their passwords are hashed before the transaction, because that takes
// its time on purpose.
func hired() ([]person, error) {
	people := []person{{email: Merchant}, {email: Clerk}, {email: Operator, operator: true}}
	for i := range people {
		hash, err := identity.HashPassword(Password)
		if err != nil {
			return nil, fmt.Errorf("hash the demo password: %w", err)
		}
		people[i].hash = hash
	}
	return people, nil
}

// filler writes one demo. Its rows are few enough for one statement a table and shop.
type filler struct {
	tx *db.Tx
	at time.Time
}

// tick is the moment of the next row.
func (f *filler) tick() time.Time {
	f.at = f.at.Add(time.Millisecond)
	return f.at
}

func (f *filler) fill(ctx context.Context, shops []shop, people []person) (bool, error) {
	at := f.tick()
	program := typeid.New[typeid.MiniProgram](at)
	// First of all: whoever else fills this database waits here, on the unique app_id, and then learns that it is done.
	err := f.tx.MiniProgram.Create().SetID(program).SetAppID(AppID).SetName(programName).SetSubject(programSubject).
		SetCreatedAt(at).Exec(ctx)
	if db.IsDuplicate(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write mini-program: %w", err)
	}
	staff := make([]typeid.Staff, len(people))
	for i, p := range people {
		at := f.tick()
		staff[i] = typeid.New[typeid.Staff](at)
		err := f.tx.Staff.Create().SetID(staff[i]).SetEmail(p.email).SetPasswordHash(p.hash).SetIsOperator(p.operator).
			SetCreatedAt(at).Exec(ctx)
		if err != nil {
			return false, fmt.Errorf("write staff %s: %w", p.email, err)
		}
	}
	for i, s := range shops {
		roles := []role{{staff[0], "OWNER"}}
		if i == 0 {
			roles = append(roles, role{staff[1], "CLERK"})
		}
		if err := f.shop(ctx, program, roles, s); err != nil {
			return false, fmt.Errorf("write shop %s: %w", s.Name, err)
		}
	}
	return true, nil
}

type role struct {
	staff typeid.Staff
	name  string
}

func (f *filler) shop(ctx context.Context, program typeid.MiniProgram, roles []role, s shop) error {
	at := f.tick()
	id := typeid.New[typeid.Shop](at)
	err := f.tx.Shop.Create().SetID(id).SetName(s.Name).SetSubject(s.Subject).SetCurrency(s.Currency).SetStatus("OPEN").
		SetReceiver(s.Receiver).SetMaxShareBasisPoints(maxShare).SetCreatedAt(at).Exec(ctx)
	if err != nil {
		return err
	}
	err = f.tx.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](f.tick())).SetMiniProgramID(program).SetShopID(id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	for _, r := range roles {
		err := f.tx.ShopStaff.Create().SetID(typeid.New[typeid.Link](f.tick())).SetStaffID(r.staff).SetShopID(id).SetRole(r.name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("role: %w", err)
		}
	}
	rules := make([]*ent.SplitRuleCreate, len(s.SplitRules))
	for i, r := range s.SplitRules {
		rules[i] = f.tx.SplitRule.Create().SetID(typeid.New[typeid.SplitRule](f.tick())).SetShopID(id).
			SetReceiver(r.Receiver).SetRole(r.Role).SetBasisPoints(r.BasisPoints).SetPosition(i)
	}
	if err := f.tx.SplitRule.CreateBulk(rules...).Exec(ctx); err != nil {
		return fmt.Errorf("split rules: %w", err)
	}
	return f.goods(ctx, id, s)
}

// goods writes the products of a shop, their variants, and the stock of each: received in one movement.
func (f *filler) goods(ctx context.Context, shopID typeid.Shop, s shop) error {
	var (
		products  []*ent.ProductCreate
		variants  []*ent.ProductVariantCreate
		stocks    []*ent.StockCreate
		movements []*ent.StockMovementCreate
	)
	for _, p := range s.Products {
		at := f.tick()
		productID := typeid.New[typeid.Product](at)
		images, err := json.Marshal([]string{ImagePath + p.file()})
		if err != nil {
			return fmt.Errorf("images of %s: %w", p.Handle, err)
		}
		products = append(products, f.tx.Product.Create().SetID(productID).SetShopID(shopID).SetTitle(p.Title).
			SetDescription(strings.Join(p.Description, "\n")).SetImageUrls(string(images)).
			SetStatus(cmp.Or(p.Status, "ACTIVE")).SetRequiresShipping(!p.Virtual).SetCreatedAt(at))
		for i, v := range p.Variants {
			at := f.tick()
			id := typeid.New[typeid.Variant](at)
			variants = append(variants, f.tx.ProductVariant.Create().SetID(id).SetShopID(shopID).SetProductID(productID).
				SetSku(v.SKU).SetTitle(v.Title).SetPrice(v.Price).SetCurrency(s.Currency).SetPosition(i).SetCreatedAt(at))
			stocks = append(stocks, f.tx.Stock.Create().SetID(id).SetShopID(shopID).SetOnHand(v.Stock).SetHeld(0).
				SetLowStockThreshold(v.Low).SetVersion(1).SetChangedAt(at))
			if v.Stock == 0 {
				continue // a movement moves something
			}
			movements = append(movements, f.tx.StockMovement.Create().SetID(typeid.New[typeid.Movement](at)).SetShopID(shopID).
				SetVariantID(id).SetKind("RECEIVED").SetOnHandDelta(v.Stock).SetHeldDelta(0).SetReason("期初入库 Opening stock").SetCreatedAt(at))
		}
	}
	if err := f.tx.Product.CreateBulk(products...).Exec(ctx); err != nil {
		return fmt.Errorf("products: %w", err)
	}
	if err := f.tx.ProductVariant.CreateBulk(variants...).Exec(ctx); err != nil {
		return fmt.Errorf("variants: %w", err)
	}
	if err := f.tx.Stock.CreateBulk(stocks...).Exec(ctx); err != nil {
		return fmt.Errorf("stocks: %w", err)
	}
	if err := f.tx.StockMovement.CreateBulk(movements...).Exec(ctx); err != nil {
		return fmt.Errorf("stock movements: %w", err)
	}
	return nil
}
