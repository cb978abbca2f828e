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

// Payment is the money of one checkout.
type Payment struct{ ent.Schema }

// Fields of a payment. What the provider answered to a prepare is not kept: that would be a second commit for every order.
func (Payment) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Payment{}),
		field.UUID("checkout_id", typeid.Checkout{}).SchemaType(binary16()).Immutable(),
		ref("buyer_id", typeid.Buyer{}),
		enum("status", "PENDING", "PAID", "CLOSED", "REFUNDING", "REFUNDED", "PARTIALLY_REFUNDED"),
		amount("amount"),
		currency(),
		optionalShort("transaction_id", nameLen), // the provider's own number, once paid
		at("expires_at"),
		optionalAt("paid_at"),
	}
}

// Edges of a payment.
func (Payment) Edges() []ent.Edge {
	return []ent.Edge{edge.From("checkout", Checkout.Type).Ref("payment").Field("checkout_id").Unique().Required().Immutable()}
}

// Annotations of a payment.
func (Payment) Annotations() []schema.Annotation {
	return table("payments", map[string]string{
		"payment_amount": "amount >= 0",
		"payment_paid":   "(status IN ('PENDING', 'CLOSED')) = (paid_at IS NULL)",
	})
}

// PaymentSplit is one receiver's share of one order's money.
type PaymentSplit struct{ ent.Schema }

// Fields of a split.
func (PaymentSplit) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Split{}),
		ref("payment_id", typeid.Payment{}),
		ref("order_id", typeid.Order{}),
		ref("shop_id", typeid.Shop{}),
		short("receiver", nameLen),
		enum("role", "MERCHANT", "PLATFORM", "PROMOTER"),
		amount("amount"),
		amount("returned"),
		currency(),
		enum("status", "PLANNED", "PROCESSING", "SUCCEEDED", "FAILED", "RETURNED", "CANCELLED"),
		attempts(), // that the provider refused for good
		failure(),
		position(),
	}
}

// Edges of a split.
func (PaymentSplit) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("splits").Field("order_id").Unique().Required().Immutable(),
		edge.To("returns", SplitReturn.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
	}
}

// Indexes of a split.
func (PaymentSplit) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("order_id", "position"), // the splits of orders
		index.Fields("payment_id"),           // the splits of payments
	}
}

// Annotations of a split.
func (PaymentSplit) Annotations() []schema.Annotation {
	return table("payment_splits", map[string]string{
		"split_returned": "returned BETWEEN 0 AND amount",
	})
}

// Refund gives money of one order back.
type Refund struct{ ent.Schema }

// Fields of a refund.
func (Refund) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Refund{}),
		ref("order_id", typeid.Order{}),
		ref("payment_id", typeid.Payment{}),
		ref("shop_id", typeid.Shop{}),
		optionalRef("staff_id", typeid.Staff{}), // null when Holdfast refunds by itself
		amount("amount"),
		currency(),
		short("reason", noteLen),
		enum("status", "PROCESSING", "SUCCEEDED", "FAILED"),
		attempts(), // that the provider refused for good
		failure(),
		at("created_at"),
		optionalAt("succeeded_at"),
	}
}

// Edges of a refund.
func (Refund) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("refunds").Field("order_id").Unique().Required().Immutable(),
		edge.To("returns", SplitReturn.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("lines", RefundLine.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
	}
}

// Indexes of a refund.
func (Refund) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("order_id"),   // the refunds of orders
		index.Fields("payment_id"), // what of a payment is on its way back
	}
}

// Annotations of a refund.
func (Refund) Annotations() []schema.Annotation {
	return table("refunds", map[string]string{"refund_amount": "amount > 0"})
}

// RefundLine is what a refund says of one order line.
type RefundLine struct{ ent.Schema }

// Fields of a refund line.
func (RefundLine) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.RefundLine{}),
		ref("refund_id", typeid.Refund{}),
		ref("order_line_id", typeid.OrderLine{}),
		field.Int("quantity").NonNegative(),  // given back the money of
		field.Int("restocked").NonNegative(), // put back on sale
	}
}

// Edges of a refund line.
func (RefundLine) Edges() []ent.Edge {
	return []ent.Edge{edge.From("refund", Refund.Type).Ref("lines").Field("refund_id").Unique().Required().Immutable()}
}

// Indexes of a refund line.
func (RefundLine) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("refund_id", "order_line_id").Unique(), // the lines of refunds
		index.Fields("order_line_id"),                       // what of an order line was given back
	}
}

// Annotations of a refund line.
func (RefundLine) Annotations() []schema.Annotation {
	return table("refund_lines", map[string]string{"refund_line_says": "quantity + restocked > 0"})
}

// SplitReturn is a share, or a part of it, that its receiver gives back for a refund.
type SplitReturn struct{ ent.Schema }

// Fields of a split return.
func (SplitReturn) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.SplitReturn{}),
		ref("refund_id", typeid.Refund{}),
		ref("split_id", typeid.Split{}),
		ref("shop_id", typeid.Shop{}),
		amount("amount"),
		currency(),
		enum("status", "PROCESSING", "SUCCEEDED", "FAILED"),
		attempts(), // that the provider refused for good
		failure(),
		at("created_at"),
	}
}

// Edges of a split return.
func (SplitReturn) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("refund", Refund.Type).Ref("returns").Field("refund_id").Unique().Required().Immutable(),
		edge.From("split", PaymentSplit.Type).Ref("returns").Field("split_id").Unique().Required().Immutable(),
	}
}

// Indexes of a split return.
func (SplitReturn) Indexes() []ent.Index {
	return []ent.Index{index.Fields("refund_id"), index.Fields("split_id")} // the returns of a refund, of a split
}

// Annotations of a split return.
func (SplitReturn) Annotations() []schema.Annotation {
	return table("split_returns", map[string]string{"split_return_amount": "amount > 0"})
}

// SandboxTrade is the sandbox provider's own record of a payment; a trade that was only prepared has none.
type SandboxTrade struct{ ent.Schema }

// Fields of a trade. The primary key decides between paying and closing: whoever inserts first wins.
func (SandboxTrade) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(phoneLen).Immutable(),
		enum("status", "PAID", "CLOSED"),
		amount("amount"),
		currency(),
		at("created_at"),
	}
}

// Annotations of a trade.
func (SandboxTrade) Annotations() []schema.Annotation { return table("sandbox_trades", nil) }

// SandboxTransfer is the sandbox provider's own record of a refund, a share or a share returned.
type SandboxTransfer struct{ ent.Schema }

// Fields of a transfer. The primary key makes a repeated request harmless.
func (SandboxTransfer) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(phoneLen).Immutable(),
		short("trade_id", phoneLen),
		enum("kind", "REFUND", "SHARE", "RETURN"),
		short("receiver", nameLen),
		amount("amount"),
		currency(),
		at("created_at"),
	}
}

// Indexes of a transfer.
func (SandboxTransfer) Indexes() []ent.Index {
	return []ent.Index{index.Fields("trade_id")} // what of a trade was refunded and shared
}

// Annotations of a transfer.
func (SandboxTransfer) Annotations() []schema.Annotation { return table("sandbox_transfers", nil) }
