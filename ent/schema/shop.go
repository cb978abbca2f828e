package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// MiniProgram is what buyers open in WeChat.
type MiniProgram struct{ ent.Schema }

// Fields of a mini-program.
func (MiniProgram) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.MiniProgram{}),
		field.String("app_id").MaxLen(nameLen).Unique().Immutable(), // look up by appId
		short("name", nameLen),
		short("subject", nameLen), // 主体: the legal person that owns it
		at("created_at"),
	}
}

// Annotations of a mini-program.
func (MiniProgram) Annotations() []schema.Annotation { return table("mini_programs", nil) }

// MiniProgramShop links a shop to a mini-program.
type MiniProgramShop struct{ ent.Schema }

// Fields of a link.
func (MiniProgramShop) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Link{}),
		ref("mini_program_id", typeid.MiniProgram{}),
		ref("shop_id", typeid.Shop{}),
	}
}

// Indexes of a link.
func (MiniProgramShop) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("mini_program_id", "shop_id").Unique(), // the shops of a mini-program, in id order; is this shop linked
	}
}

// Annotations of a link.
func (MiniProgramShop) Annotations() []schema.Annotation { return table("mini_program_shops", nil) }

// Shop sells products.
type Shop struct{ ent.Schema }

// Fields of a shop.
func (Shop) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Shop{}),
		short("name", nameLen),
		short("subject", nameLen), // 主体
		currency(),
		enum("status", "OPEN", "CLOSED"),
		short("receiver", nameLen),          // the merchant's own handle at the payment provider
		field.Int("max_share_basis_points"), // how much of an order others may receive
		enumSince("share_when", "AFTER_PAYMENT", "AFTER_SHIPPING", "AFTER_COMPLETION"), // when they receive it
		at("created_at"),
	}
}

// Annotations of a shop.
func (Shop) Annotations() []schema.Annotation {
	return table("shops", map[string]string{
		"shop_max_share": "max_share_basis_points BETWEEN 0 AND 10000",
	})
}

// SplitRule gives a receiver a share of every new order of a shop.
type SplitRule struct{ ent.Schema }

// Fields of a rule.
func (SplitRule) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.SplitRule{}),
		ref("shop_id", typeid.Shop{}),
		short("receiver", nameLen),
		enum("role", "PLATFORM", "PROMOTER"),
		field.Int("basis_points"),
		position(),
	}
}

// Indexes of a rule.
func (SplitRule) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shop_id", "receiver").Unique(), // the rules of a shop; a receiver has one
	}
}

// Annotations of a rule.
func (SplitRule) Annotations() []schema.Annotation {
	return table("split_rules", map[string]string{
		"split_rule_points": "basis_points BETWEEN 1 AND 10000",
	})
}
