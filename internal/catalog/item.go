package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/miniprogram"
	"holdfast/ent/miniprogramshop"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/shop"
	"holdfast/ent/splitrule"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Item is a variant with all that buying it needs to know.
type Item struct {
	Variant
	// Receiver is the merchant's own handle at the payment provider.
	Receiver string
	// MaxShare is how much of an order others may have, together, in hundredths of a percent.
	MaxShare         int
	ProductTitle     string
	ImageURL         string // the product's first; "" when it has none
	RequiresShipping bool
	// ForSale is false for a variant that is archived, a product that is not ACTIVE, a shop that is closed, and a shop that the
	// mini-program does not show.
	ForSale bool
}

// FullTitle names the product and what tells the variant from its others.
func (i *Item) FullTitle() string {
	if i.Title == "" {
		return i.ProductTitle
	}
	return i.ProductTitle + " · " + i.Title
}

// Items are those of these variants that exist, as a buyer of the mini-program finds them.
func (c *Catalog) Items(ctx context.Context, mini typeid.MiniProgram, variants []typeid.Variant) (map[typeid.Variant]*Item, error) {
	out := make(map[typeid.Variant]*Item, len(variants))
	if len(variants) == 0 {
		return out, nil
	}
	if err := c.db.ReadAll(ctx, c.readItems(mini, variants, out)); err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	return out, nil
}

// Offers are what checkouts in several mini-programs are planned from, read together.
type Offers struct {
	Items  map[typeid.MiniProgram]map[typeid.Variant]*Item
	Rules  map[typeid.Shop][]SplitRule // of all the shops
	AppIDs map[typeid.MiniProgram]string
}

// Offers reads the Items of several mini-programs, the split rules of all their shops, and the appIds. An appId never changes: it is
// read once.
func (c *Catalog) Offers(ctx context.Context, wanted map[typeid.MiniProgram][]typeid.Variant) (Offers, error) {
	out := Offers{
		Items:  make(map[typeid.MiniProgram]map[typeid.Variant]*Item, len(wanted)),
		Rules:  make(map[typeid.Shop][]SplitRule),
		AppIDs: make(map[typeid.MiniProgram]string, len(wanted)),
	}
	var reads []db.Read
	var named []typeid.Variant
	for mini, variants := range wanted {
		if len(variants) == 0 {
			continue
		}
		variants = distinct(variants)
		out.Items[mini] = make(map[typeid.Variant]*Item, len(variants))
		reads, named = append(reads, c.readItems(mini, variants, out.Items[mini])), append(named, variants...)
		if appID, known := c.appIDs.Load(mini); known {
			out.AppIDs[mini], _ = appID.(string)
			continue
		}
		reads = append(reads, c.readAppID(mini, out.AppIDs))
	}
	if len(reads) == 0 {
		return out, nil
	}
	if err := c.db.ReadAll(ctx, append(reads, c.readRules(distinct(named), out.Rules))...); err != nil {
		return Offers{}, fmt.Errorf("read offers: %w", err)
	}
	return out, nil
}

func (c *Catalog) readAppID(mini typeid.MiniProgram, into map[typeid.MiniProgram]string) db.Read {
	d := c.db.SQL()
	query := d.Select(miniprogram.FieldAppID).From(d.Table(miniprogram.Table)).Where(sql.EQ(miniprogram.FieldID, mini))
	return db.Read{Query: query, Row: func(row db.Row) error {
		var appID string
		err := row.Scan(&appID)
		if err == nil {
			into[mini] = appID
			c.appIDs.Store(mini, appID)
		}
		return err
	}}
}

func distinct(variants []typeid.Variant) []typeid.Variant {
	out := slices.Clone(variants)
	slices.SortFunc(out, func(a, b typeid.Variant) int { return a.Compare(b.UUID) })
	return slices.Compact(out)
}

// readRules reads the split rules of the shops that sell these variants.
func (c *Catalog) readRules(variants []typeid.Variant, into map[typeid.Shop][]SplitRule) db.Read {
	d := c.db.SQL()
	sellers := d.Select(productvariant.FieldShopID).From(d.Table(productvariant.Table)).Where(sql.In(productvariant.FieldID, db.Args(variants)...))
	query := d.Select(splitrule.FieldShopID, splitrule.FieldReceiver, splitrule.FieldRole, splitrule.FieldBasisPoints).
		From(d.Table(splitrule.Table)).Where(sql.In(splitrule.FieldShopID, sellers)).OrderBy(splitrule.FieldPosition)
	return db.Read{Query: query, Row: func(row db.Row) error {
		var shop typeid.Shop
		var r SplitRule
		err := row.Scan(&shop, &r.Receiver, &r.Role, &r.BasisPoints)
		into[shop] = append(into[shop], r)
		return err
	}}
}

func (c *Catalog) readItems(mini typeid.MiniProgram, variants []typeid.Variant, into map[typeid.Variant]*Item) db.Read {
	d := c.db.SQL()
	v, p, s, l := d.Table(productvariant.Table).As("v"), d.Table(product.Table).As("p"), d.Table(shop.Table).As("s"), d.Table(miniprogramshop.Table).As("l")
	sel := d.Select(
		v.C(productvariant.FieldID), v.C(productvariant.FieldProductID), v.C(productvariant.FieldShopID), v.C(productvariant.FieldSku),
		v.C(productvariant.FieldTitle), v.C(productvariant.FieldPrice), v.C(productvariant.FieldCurrency), v.C(productvariant.FieldStatus),
		p.C(product.FieldTitle), p.C(product.FieldImageUrls), p.C(product.FieldRequiresShipping), p.C(product.FieldStatus),
		s.C(shop.FieldStatus), s.C(shop.FieldReceiver), s.C(shop.FieldMaxShareBasisPoints), l.C(miniprogramshop.FieldID),
	).From(v).
		Join(p).On(v.C(productvariant.FieldProductID), p.C(product.FieldID)).
		Join(s).On(v.C(productvariant.FieldShopID), s.C(shop.FieldID)).
		LeftJoin(l).OnP(sql.And(
		sql.ColumnsEQ(l.C(miniprogramshop.FieldShopID), v.C(productvariant.FieldShopID)),
		sql.EQ(l.C(miniprogramshop.FieldMiniProgramID), mini))).
		Where(sql.In(v.C(productvariant.FieldID), db.Args(variants)...))
	return db.Read{Query: sel, Row: func(row db.Row) error {
		item, err := scanItem(row)
		if err == nil {
			into[item.ID] = item
		}
		return err
	}}
}

func scanItem(row db.Row) (*Item, error) {
	var (
		i                                    Item
		price                                int64
		currency, own, images, status, opens string
		link                                 []byte
	)
	if err := row.Scan(&i.ID, &i.ProductID, &i.ShopID, &i.SKU, &i.Title, &price, &currency, &own, &i.ProductTitle, &images,
		&i.RequiresShipping, &status, &opens, &i.Receiver, &i.MaxShare, &link); err != nil {
		return nil, err
	}
	var urls []string
	if err := json.Unmarshal([]byte(images), &urls); err != nil {
		return nil, fmt.Errorf("read pictures: %w", err)
	}
	if len(urls) > 0 {
		i.ImageURL = urls[0]
	}
	i.Price = money.New(price, money.Currency(currency))
	i.IsArchived = own == variantArchived
	i.ForSale = !i.IsArchived && ProductStatus(status) == Active && opens == shopOpen && link != nil
	return &i, nil
}
