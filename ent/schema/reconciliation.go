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

// Reconciliation compares a merchant's rows and books with the provider's bills of one day.
type Reconciliation struct{ ent.Schema }

// Fields of a reconciliation.
func (Reconciliation) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Reconciliation{}),
		short("merchant", nameLen), // the provider's number of it
		short("day", dayLen),       // in the provider's time zone: 2026-11-23
		enum("status", "PENDING", "MATCHED", "DIFFERENT"),
		field.Int("payments").NonNegative(), // lines of the bill
		field.Int("refunds").NonNegative(),
		field.Int("differences").NonNegative(),
		field.Int64("received"), // what the bill says came in, in minor units
		field.Int64("refunded"),
		field.Int64("fees"), // less those given back
		currency(),
		at("created_at"),
		optionalAt("compared_at"),
	}
}

// Edges of a reconciliation.
func (Reconciliation) Edges() []ent.Edge {
	return []ent.Edge{edge.To("found", Difference.Type).Annotations(entsql.OnDelete(entsql.NoAction))}
}

// Indexes of a reconciliation.
func (Reconciliation) Indexes() []ent.Index {
	return []ent.Index{index.Fields("merchant", "day").Unique()} // a day is compared once; again by hand
}

// Annotations of a reconciliation.
func (Reconciliation) Annotations() []schema.Annotation {
	return table("reconciliations", map[string]string{
		"reconciliation_compared": "(status = 'PENDING') = (compared_at IS NULL)",
	})
}

// Difference is one thing of which the rows, or the books, and the provider's bill say different things.
type Difference struct{ ent.Schema }

// Fields of a difference.
func (Difference) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Difference{}),
		ref("reconciliation_id", typeid.Reconciliation{}),
		enum("kind", "ONLY_HERE", "ONLY_THERE", "AMOUNT", "STATUS"),
		short("subject", nameLen), // the payment's, refund's, share's or return's number, or that of WeChat
		optionalRef("order_id", typeid.Order{}),
		field.Int64("here"), // in minor units
		field.Int64("there"),
		short("note", noteLen),
		position(),
	}
}

// Edges of a difference.
func (Difference) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("reconciliation", Reconciliation.Type).Ref("found").Field("reconciliation_id").Unique().Required().Immutable(),
	}
}

// Indexes of a difference.
func (Difference) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("reconciliation_id", "position"), // what a comparison found
		index.Fields("order_id"),                      // what was found of an order
	}
}

// Annotations of a difference.
func (Difference) Annotations() []schema.Annotation { return table("differences", nil) }
