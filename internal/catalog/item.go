package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/miniprogramshop"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/shop"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Item is a variant with all that buying it needs to know.
type Item struct {
	Variant
	// Receiver is the merchant's own handle at the payment provider.
	Receiver         string
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
	d := c.db.SQL()
	v, p, s, l := d.Table(productvariant.Table).As("v"), d.Table(product.Table).As("p"), d.Table(shop.Table).As("s"), d.Table(miniprogramshop.Table).As("l")
	sel := d.Select(
		v.C(productvariant.FieldID), v.C(productvariant.FieldProductID), v.C(productvariant.FieldShopID), v.C(productvariant.FieldSku),
		v.C(productvariant.FieldTitle), v.C(productvariant.FieldPrice), v.C(productvariant.FieldCurrency), v.C(productvariant.FieldStatus),
		p.C(product.FieldTitle), p.C(product.FieldImageUrls), p.C(product.FieldRequiresShipping), p.C(product.FieldStatus),
		s.C(shop.FieldStatus), s.C(shop.FieldReceiver), l.C(miniprogramshop.FieldID),
	).From(v).
		Join(p).On(v.C(productvariant.FieldProductID), p.C(product.FieldID)).
		Join(s).On(v.C(productvariant.FieldShopID), s.C(shop.FieldID)).
		LeftJoin(l).OnP(sql.And(
		sql.ColumnsEQ(l.C(miniprogramshop.FieldShopID), v.C(productvariant.FieldShopID)),
		sql.EQ(l.C(miniprogramshop.FieldMiniProgramID), mini))).
		Where(sql.In(v.C(productvariant.FieldID), db.Args(variants)...))
	items, err := db.Collect(ctx, c.db, sel, scanItem)
	if err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	for _, item := range items {
		out[item.ID] = item
	}
	return out, nil
}

func scanItem(row db.Row) (*Item, error) {
	var (
		i                                    Item
		price                                int64
		currency, own, images, status, opens string
		link                                 []byte
	)
	if err := row.Scan(&i.ID, &i.ProductID, &i.ShopID, &i.SKU, &i.Title, &price, &currency, &own, &i.ProductTitle, &images,
		&i.RequiresShipping, &status, &opens, &i.Receiver, &link); err != nil {
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
