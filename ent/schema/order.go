package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// Checkout is one tap on "buy": its orders are held together and paid together.
type Checkout struct{ ent.Schema }

// Fields of a checkout.
func (Checkout) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Checkout{}),
		ref("buyer_id", typeid.Buyer{}),
		ref("mini_program_id", typeid.MiniProgram{}),
		short("idempotency_key", keyLen),
		hash("request_hash"),
		enum("status", "OPEN", "PAID", "CANCELLED", "EXPIRED"),
		at("placed_at"),
		at("held_until"),
	}
}

// Edges of a checkout.
func (Checkout) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("orders", Order.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("payment", Payment.Type).Unique().Annotations(entsql.OnDelete(entsql.NoAction)),
	}
}

// Indexes of a checkout.
func (Checkout) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("buyer_id", "idempotency_key").Unique(), // one key has one checkout
		index.Fields("buyer_id", "status", "held_until"),     // how many a buyer has open: answered by the index alone
		index.Fields("status", "held_until"),                 // what the sweeper lets go
	}
}

// Annotations of a checkout.
func (Checkout) Annotations() []schema.Annotation {
	return table("checkouts", map[string]string{
		"checkout_status": "status IN ('OPEN', 'PAID', 'CANCELLED', 'EXPIRED')",
	})
}

// Order is what one shop has to deliver.
type Order struct{ ent.Schema }

// Fields of an order. The address is a copy, all of it null when nothing is shipped.
func (Order) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Order{}),
		field.String("number").MaxLen(phoneLen).Unique().Immutable(), // find by number
		ref("checkout_id", typeid.Checkout{}),
		ref("buyer_id", typeid.Buyer{}),
		ref("shop_id", typeid.Shop{}),
		enum("status", "PENDING_PAYMENT", "PAID", "SHIPPED", "COMPLETED", "CANCELLED", "EXPIRED", "REFUNDED"),
		currency(),
		amount("subtotal"),
		amount("discount"),
		amount("shipping_fee"),
		amount("total"),
		amount("refunded"),
		optionalShort("ship_name", nameLen),
		optionalShort("ship_phone", phoneLen),
		optionalShort("ship_country", enumLen),
		optionalShort("ship_province", nameLen),
		optionalShort("ship_city", nameLen),
		optionalShort("ship_district", nameLen),
		optionalShort("ship_street", titleLen),
		optionalShort("ship_postal_code", phoneLen),
		optionalShort("note", noteLen),
		at("placed_at"),
		at("held_until"),
		optionalAt("paid_at"),
		optionalAt("shipped_at"), // all of it
		optionalAt("completed_at"),
		optionalAt("freed_at"), // when the merchant had what the shares have left
		field.Int64("version"),
	}
}

// Edges of an order.
func (Order) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("checkout", Checkout.Type).Ref("orders").Field("checkout_id").Unique().Required().Immutable(),
		edge.To("lines", OrderLine.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("splits", PaymentSplit.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("refunds", Refund.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("shipments", Shipment.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
	}
}

// Indexes of an order. Lists are newest first, and ids grow with time: an index that ends with the id has them in order.
func (Order) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("checkout_id"),                 // the orders of checkouts; SQLite makes none for a foreign key
		index.Fields("buyer_id", "id"),              // a buyer's orders
		index.Fields("shop_id", "id"),               // a shop's orders
		index.Fields("shop_id", "status", "id"),     // a shop's orders by status
		index.Fields("shop_id", "ship_phone", "id"), // a shop's orders by the receiver's phone
	}
}

// Annotations of an order.
func (Order) Annotations() []schema.Annotation {
	return table("orders", map[string]string{
		"order_status":   "status IN ('PENDING_PAYMENT', 'PAID', 'SHIPPED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'REFUNDED')",
		"order_total":    "total = subtotal - discount + shipping_fee AND total >= 0",
		"order_refunded": "refunded BETWEEN 0 AND total",
	})
}

// OrderLine is a copy of what was bought.
type OrderLine struct{ ent.Schema }

// Fields of an order line.
func (OrderLine) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.OrderLine{}),
		ref("order_id", typeid.Order{}),
		ref("shop_id", typeid.Shop{}),
		ref("variant_id", typeid.Variant{}),
		short("title", 2*titleLen),
		short("sku", skuLen),
		optionalShort("image_url", urlLen),
		amount("unit_price"),
		field.Int("quantity").Positive(),
		amount("amount"),
		currency(),
		position(),
	}
}

// Edges of an order line.
func (OrderLine) Edges() []ent.Edge {
	return []ent.Edge{edge.From("order", Order.Type).Ref("lines").Field("order_id").Unique().Required().Immutable()}
}

// Indexes of an order line.
func (OrderLine) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("order_id", "position"),       // the lines of orders
		index.Fields("shop_id", "sku", "order_id"), // a shop's orders of a sku
	}
}

// Annotations of an order line.
func (OrderLine) Annotations() []schema.Annotation {
	return table("order_lines", map[string]string{
		"order_line_amount":   "amount = unit_price * quantity",
		"order_line_quantity": "quantity > 0",
	})
}

// Shipment is one parcel, or one handing over.
type Shipment struct{ ent.Schema }

// Fields of a shipment.
func (Shipment) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Shipment{}),
		ref("order_id", typeid.Order{}),
		ref("shop_id", typeid.Shop{}),
		ref("staff_id", typeid.Staff{}),
		enum("method", "EXPRESS", "SAME_CITY", "VIRTUAL", "PICKUP"),
		optionalShort("carrier", nameLen),
		optionalShort("tracking_number", nameLen),
		at("shipped_at"),
	}
}

// Edges of a shipment.
func (Shipment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("shipments").Field("order_id").Unique().Required().Immutable(),
		edge.To("lines", ShipmentLine.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
	}
}

// Indexes of a shipment.
func (Shipment) Indexes() []ent.Index {
	return []ent.Index{index.Fields("order_id")} // the shipments of orders
}

// Annotations of a shipment.
func (Shipment) Annotations() []schema.Annotation { return table("shipments", nil) }

// ShipmentLine is how many of an order line went with a shipment.
type ShipmentLine struct{ ent.Schema }

// Fields of a shipment line.
func (ShipmentLine) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.ShipmentLine{}),
		ref("shipment_id", typeid.Shipment{}),
		ref("order_line_id", typeid.OrderLine{}),
		field.Int("quantity").Positive(),
	}
}

// Edges of a shipment line.
func (ShipmentLine) Edges() []ent.Edge {
	return []ent.Edge{edge.From("shipment", Shipment.Type).Ref("lines").Field("shipment_id").Unique().Required().Immutable()}
}

// Indexes of a shipment line.
func (ShipmentLine) Indexes() []ent.Index {
	return []ent.Index{index.Fields("shipment_id", "order_line_id").Unique()} // the lines of shipments
}

// Annotations of a shipment line.
func (ShipmentLine) Annotations() []schema.Annotation {
	return table("shipment_lines", map[string]string{"shipment_line_quantity": "quantity > 0"})
}

// OrderNote is what staff wrote down about an order, for each other.
type OrderNote struct{ ent.Schema }

// Fields of a note.
func (OrderNote) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.OrderNote{}),
		ref("order_id", typeid.Order{}),
		ref("shop_id", typeid.Shop{}),
		ref("staff_id", typeid.Staff{}),
		short("text", noteLen),
		at("created_at"),
	}
}

// Indexes of a note.
func (OrderNote) Indexes() []ent.Index {
	return []ent.Index{index.Fields("order_id")} // the notes of orders
}

// Annotations of a note.
func (OrderNote) Annotations() []schema.Annotation { return table("order_notes", nil) }
