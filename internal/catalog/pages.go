package catalog

import (
	"context"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/miniprogramshop"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/shop"
	"holdfast/ent/stock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// VisibleTo tells whether who may look at the product: anyone while it is ACTIVE, staff of the shop always.
func (p *Product) VisibleTo(who identity.Principal) bool {
	return p.Status == Active || who.SeesShop(p.ShopID)
}

// AllShops is a page of all shops. It fails with BAD_REQUEST.
func (c *Catalog) AllShops(ctx context.Context, q page.Query) (page.Page[*Shop], error) {
	return c.shopPage(ctx, q, nil)
}

// ShopsOfStaff is a page of the shops that who works for; all shops for an operator. It fails with BAD_REQUEST.
func (c *Catalog) ShopsOfStaff(ctx context.Context, who identity.Principal, q page.Query) (page.Page[*Shop], error) {
	if who.Operator {
		return c.shopPage(ctx, q, nil)
	}
	return c.shopPage(ctx, q, func(s *sql.Selector) { s.Where(sql.In(s.C(shop.FieldID), db.Args(who.Shops())...)) })
}

func (c *Catalog) shopPage(ctx context.Context, q page.Query, only func(*sql.Selector)) (page.Page[*Shop], error) {
	if err := q.Validate(); err != nil {
		return page.Page[*Shop]{}, err
	}
	rows, err := c.db.Shop.Query().Where(func(s *sql.Selector) {
		if only != nil {
			only(s)
		}
		db.After(s, q.After)
	}).Limit(q.First + 1).All(ctx)
	shops, err := db.Map(rows, err, reading, shopOf)
	return page.Cut(shops, q.First), err
}

// ShopsOfMiniPrograms is, for each mini-program, a page of the shops linked to it. It fails with BAD_REQUEST.
func (c *Catalog) ShopsOfMiniPrograms(ctx context.Context, of []typeid.MiniProgram, q page.Query) (map[typeid.MiniProgram]page.Page[*Shop], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	parts := make([]*sql.Selector, len(of))
	for i, mini := range of {
		// The link's id is of no use to the cursor, so the page is cut by the shop's.
		t := c.db.SQL().Table(miniprogramshop.Table)
		s := c.db.SQL().Select(sql.As(t.C(miniprogramshop.FieldID), "id")).From(t).
			Where(sql.EQ(t.C(miniprogramshop.FieldMiniProgramID), mini)).
			OrderBy(t.C(miniprogramshop.FieldShopID)).Limit(q.First + 1)
		if !q.After.IsZero() {
			s.Where(sql.GT(t.C(miniprogramshop.FieldShopID), q.After))
		}
		parts[i] = s
	}
	type link struct {
		mini typeid.MiniProgram
		shop *Shop
	}
	l, s := c.db.SQL().Table(miniprogramshop.Table).As("l"), c.db.SQL().Table(shop.Table).As("s")
	sel := c.db.SQL().Select(l.C(miniprogramshop.FieldMiniProgramID),
		s.C(shop.FieldID), s.C(shop.FieldName), s.C(shop.FieldCurrency), s.C(shop.FieldStatus), s.C(shop.FieldReceiver)).
		From(l).Join(s).On(l.C(miniprogramshop.FieldShopID), s.C(shop.FieldID))
	sel.Where(db.AnyOf(sel, miniprogramshop.FieldID, parts)).OrderBy(s.C(shop.FieldID))
	links, err := db.Collect(ctx, c.db, sel, func(row db.Row) (link, error) {
		var r ent.Shop
		var l link
		err := row.Scan(&l.mini, &r.ID, &r.Name, &r.Currency, &r.Status, &r.Receiver)
		l.shop = shopOf(&r)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read shops of mini-programs: %w", err)
	}
	return page.Deal(links, q.First, func(l link) (typeid.MiniProgram, *Shop) { return l.mini, l.shop }), nil
}

// ProductQuery is which products of a shop; an empty Search is all.
type ProductQuery struct {
	page.Query
	Search string
}

// maxSearch bounds what a search compares every title with.
const maxSearch = 100

// ProductsOf is, for each shop, a page of the products that who may see. It fails with BAD_REQUEST.
func (c *Catalog) ProductsOf(ctx context.Context, who identity.Principal, shops []typeid.Shop, q ProductQuery) (map[typeid.Shop]page.Page[*Product], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	words := strings.Fields(clip(q.Search))
	parts := make([]*sql.Selector, len(shops))
	for i, id := range shops {
		t := c.db.SQL().Table(product.Table)
		s := c.db.SQL().Select(t.C(product.FieldID)).From(t).Where(sql.EQ(t.C(product.FieldShopID), id))
		if !who.SeesShop(id) {
			s.Where(sql.EQ(t.C(product.FieldStatus), string(Active)))
		}
		for _, w := range words {
			s.Where(c.contains(t.C(product.FieldTitle), w))
		}
		parts[i] = db.After(s, q.After).Limit(q.First + 1)
	}
	rows, err := c.db.Product.Query().Where(func(s *sql.Selector) {
		s.Where(db.AnyOf(s, product.FieldID, parts)).OrderBy(s.C(product.FieldID))
	}).All(ctx)
	products, err := db.TryMap(rows, err, reading, productOf)
	if err != nil {
		return nil, err
	}
	return page.Deal(products, q.First, func(p *Product) (typeid.Shop, *Product) { return p.ShopID, p }), nil
}

// VariantQuery is which variants of a shop: by a part of the sku or of a title, and those that are low alone.
type VariantQuery struct {
	page.Query
	Search  string
	OnlyLow bool
}

// VariantsOfShops is, for each shop, a page of its variants, whatever their status: for staff. It fails with BAD_REQUEST.
func (c *Catalog) VariantsOfShops(ctx context.Context, shops []typeid.Shop, q VariantQuery) (map[typeid.Shop]page.Page[*Variant], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	parts := make([]*sql.Selector, len(shops))
	for i, id := range shops {
		v := c.db.SQL().Table(productvariant.Table).As("v")
		s := c.db.SQL().Select(v.C(productvariant.FieldID)).From(v).Where(sql.EQ(v.C(productvariant.FieldShopID), id))
		if search := clip(q.Search); search != "" {
			p := c.db.SQL().Table(product.Table).As("p")
			s.Join(p).On(v.C(productvariant.FieldProductID), p.C(product.FieldID)).Where(sql.Or(
				c.contains(v.C(productvariant.FieldSku), search),
				c.contains(v.C(productvariant.FieldTitle), search),
				c.contains(p.C(product.FieldTitle), search)))
		}
		if q.OnlyLow {
			k := c.db.SQL().Table(stock.Table).As("k")
			s.Where(sql.NEQ(v.C(productvariant.FieldStatus), variantArchived)) // what is no longer sold need not be stocked
			s.Join(k).On(v.C(productvariant.FieldID), k.C(stock.FieldID)).Where(sql.P(func(b *sql.Builder) {
				b.Ident(k.C(stock.FieldOnHand)).WriteString(" - ").Ident(k.C(stock.FieldHeld)).
					WriteString(" <= ").Ident(k.C(stock.FieldLowStockThreshold))
			}))
		}
		parts[i] = db.After(s, q.After).Limit(q.First + 1)
	}
	rows, err := c.db.ProductVariant.Query().Where(func(s *sql.Selector) {
		s.Where(db.AnyOf(s, productvariant.FieldID, parts)).OrderBy(s.C(productvariant.FieldID))
	}).All(ctx)
	variants, err := db.Map(rows, err, reading, variantOf)
	if err != nil {
		return nil, err
	}
	return page.Deal(variants, q.First, func(v *Variant) (typeid.Shop, *Variant) { return v.ShopID, v }), nil
}

// contains is the predicate "the column contains the text, in whatever case". SQLite's LIKE folds ASCII by itself; the LOWER
// that ent would add leaves É as it is and so never finds what the text became.
func (c *Catalog) contains(column, text string) *sql.Predicate {
	if c.db.Dialect == dialect.SQLite {
		return sql.Contains(column, text)
	}
	return sql.ContainsFold(column, text)
}

// clip bounds a search without cutting a character in two.
func clip(s string) string {
	r := []rune(strings.TrimSpace(s))
	return string(r[:min(len(r), maxSearch)])
}
