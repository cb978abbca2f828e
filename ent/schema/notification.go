package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// Notification is what WeChat, or a buyer through it, is told once: written with what it is about, sent by a job of its own.
type Notification struct{ ent.Schema }

// Fields of a notification.
func (Notification) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Notification{}),
		enum("kind", "ORDER_PAID", "ORDER_SHIPPED", "ORDER_REFUNDED", "RESTOCKED", "SHIPPING"), // SHIPPING is for WeChat itself
		field.UUID("about_id", typeid.UUID{}).SchemaType(binary16()).Immutable(),               // the order, shipment, refund or variant
		ref("buyer_id", typeid.Buyer{}),
		ref("shop_id", typeid.Shop{}),
		optionalRef("order_id", typeid.Order{}),
		enum("status", "PENDING", "SENT", "REFUSED"),
		failure(),
		at("created_at"),
		optionalAt("ended_at"),
	}
}

// Indexes of a notification.
func (Notification) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("order_id"), // what was told of an order
	}
}

// Annotations of a notification.
func (Notification) Annotations() []schema.Annotation {
	return table("notifications", map[string]string{
		"notification_ended": "(status = 'PENDING') = (ended_at IS NULL)",
	})
}

// StockReminder is a buyer's wish to hear, once, that something is back.
type StockReminder struct{ ent.Schema }

// Fields of a reminder.
func (StockReminder) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.StockReminder{}),
		ref("variant_id", typeid.Variant{}),
		ref("shop_id", typeid.Shop{}),
		ref("buyer_id", typeid.Buyer{}),
		at("created_at"),
	}
}

// Indexes of a reminder.
func (StockReminder) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("variant_id", "buyer_id").Unique(), // who waits for a variant
		index.Fields("buyer_id", "variant_id"),          // what a buyer waits for
	}
}

// Annotations of a reminder.
func (StockReminder) Annotations() []schema.Annotation { return table("stock_reminders", nil) }
