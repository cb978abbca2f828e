package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// Product is what a shop shows.
type Product struct{ ent.Schema }

// Fields of a product.
func (Product) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Product{}),
		ref("shop_id", typeid.Shop{}),
		short("title", titleLen),
		field.Text("description").MaxLen(textLen),
		field.Text("image_urls").MaxLen(textLen), // a JSON list
		enum("status", "DRAFT", "ACTIVE", "ARCHIVED"),
		field.Bool("requires_shipping"),
		at("created_at"),
	}
}

// Indexes of a product.
func (Product) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shop_id", "status", "id"), // a shop's page for buyers
	}
}

// Annotations of a product.
func (Product) Annotations() []schema.Annotation { return table("products", nil) }

// ProductVariant is the SKU: what has a price and a stock.
type ProductVariant struct{ ent.Schema }

// Fields of a variant.
func (ProductVariant) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Variant{}),
		ref("shop_id", typeid.Shop{}),
		ref("product_id", typeid.Product{}),
		short("sku", skuLen),
		short("title", titleLen),
		amount("price"),
		currency(),
		position(),
		enumSince("status", "ACTIVE", "ARCHIVED"),
		at("created_at"),
	}
}

// Indexes of a variant.
func (ProductVariant) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shop_id", "sku").Unique(), // a sku names one variant of a shop
		index.Fields("product_id", "position"),  // the variants of products, in the merchant's order
	}
}

// Annotations of a variant.
func (ProductVariant) Annotations() []schema.Annotation {
	return table("product_variants", map[string]string{
		"variant_price": "price >= 0",
	})
}
