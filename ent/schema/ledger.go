package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// LedgerEntry is one side of one movement of money. Entries are only ever added; those of one movement add up to zero.
type LedgerEntry struct{ ent.Schema }

// Fields of an entry.
func (LedgerEntry) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.LedgerEntry{}),
		enum("kind", "RECEIVED", "SHARED", "RETURNED", "REFUNDED", "FEE", "FEE_RETURNED"),
		field.UUID("movement_id", typeid.UUID{}).SchemaType(binary16()).Immutable(), // the payment, split, split return or refund
		ref("order_id", typeid.Order{}),
		ref("shop_id", typeid.Shop{}),
		enum("account", "BUYER", "ORDER", "RECEIVER", "PROVIDER"), // whose money it was, or is
		short("receiver", nameLen),                                // which one, of RECEIVER; empty for all others
		field.Int64("amount"),                                     // more (or, below 0, less) in the account, in minor units
		currency(),
		at("created_at"),
	}
}

// Indexes of an entry.
func (LedgerEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("movement_id", "kind", "order_id", "account").Unique(), // a movement is written down once
		index.Fields("order_id"),      // the books of an order
		index.Fields("shop_id", "id"), // the books of a shop, newest first
		index.Fields("shop_id", "account", "receiver", "currency", "amount"), // what everybody has of a shop, from the index alone
	}
}

// Annotations of an entry.
func (LedgerEntry) Annotations() []schema.Annotation {
	return table("ledger_entries", map[string]string{
		"ledger_entry_amount":   "amount <> 0",
		"ledger_entry_receiver": "(account = 'RECEIVER') = (receiver <> '')",
	})
}
