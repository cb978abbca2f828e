package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// Stock is how many of one variant there are. The row is the lock that every movement of stock takes.
type Stock struct{ ent.Schema }

// Fields of a stock.
func (Stock) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", typeid.Variant{}).StorageKey("variant_id").SchemaType(binary16()).Immutable(),
		ref("shop_id", typeid.Shop{}),
		field.Int("on_hand"),
		field.Int("held"),
		field.Int("low_stock_threshold"),
		field.Int64("version"), // grows with each commit that changes the row
		at("changed_at"),
	}
}

// Indexes of a stock.
func (Stock) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shop_id"), // the stocks of a shop
	}
}

// Annotations of a stock.
func (Stock) Annotations() []schema.Annotation {
	return table("stocks", map[string]string{
		"stock_held_within_on_hand": "held >= 0 AND held <= on_hand",
		"stock_threshold":           "low_stock_threshold >= 0",
	})
}

// StockMovement is one change of a stock, never changed itself.
type StockMovement struct{ ent.Schema }

// Fields of a movement.
func (StockMovement) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Movement{}),
		ref("shop_id", typeid.Shop{}),
		ref("variant_id", typeid.Variant{}),
		enum("kind", "RECEIVED", "ADJUSTED", "HELD", "SOLD", "RELEASED", "RETURNED"),
		field.Int("on_hand_delta"),
		field.Int("held_delta"),
		optionalRef("order_id", typeid.Order{}),
		optionalRef("staff_id", typeid.Staff{}),
		optionalShort("reason", noteLen),
		field.Int64("version").Default(0), // of the stock, once it had moved
		at("created_at"),
	}
}

// Indexes of a movement.
func (StockMovement) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("variant_id", "id"), // the history of a variant; its sum is the stock
	}
}

// Annotations of a movement.
func (StockMovement) Annotations() []schema.Annotation {
	return table("stock_movements", map[string]string{
		"movement_moves": "on_hand_delta <> 0 OR held_delta <> 0",
	})
}

// Hold keeps so many of one variant for one order line until a moment.
type Hold struct{ ent.Schema }

// Fields of a hold.
func (Hold) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Hold{}),
		ref("shop_id", typeid.Shop{}),
		ref("buyer_id", typeid.Buyer{}),
		ref("variant_id", typeid.Variant{}),
		ref("checkout_id", typeid.Checkout{}),
		ref("order_id", typeid.Order{}),
		ref("order_line_id", typeid.OrderLine{}),
		field.Int("quantity").Positive(),
		enum("status", "HELD", "SOLD", "RELEASED"),
		at("expires_at"),
	}
}

// Indexes of a hold.
func (Hold) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("checkout_id"),                        // what a payment, a cancel or an expiry turns
		index.Fields("variant_id", "status", "expires_at"), // overdue holds of what a buyer is short of; the sum that is held
	}
}

// Annotations of a hold.
func (Hold) Annotations() []schema.Annotation {
	return table("holds", map[string]string{
		"hold_quantity": "quantity > 0",
	})
}
