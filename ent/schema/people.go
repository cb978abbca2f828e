package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// Buyer is one user of one mini-program. The row is the lock under which a buyer's cart and open checkouts change.
type Buyer struct{ ent.Schema }

// Fields of a buyer.
func (Buyer) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Buyer{}),
		ref("mini_program_id", typeid.MiniProgram{}),
		short("open_id", nameLen),
		at("created_at"),
	}
}

// Indexes of a buyer.
func (Buyer) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("mini_program_id", "open_id").Unique(), // log in
	}
}

// Annotations of a buyer.
func (Buyer) Annotations() []schema.Annotation { return table("buyers", nil) }

// Cart is a buyer's one cart. Its id has the same bytes as its buyer's.
type Cart struct{ ent.Schema }

// Fields of a cart.
func (Cart) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Cart{}),
		field.Int64("version"),
	}
}

// Edges of a cart.
func (Cart) Edges() []ent.Edge {
	return []ent.Edge{edge.To("lines", CartLine.Type).Annotations(entsql.OnDelete(entsql.NoAction))}
}

// Annotations of a cart.
func (Cart) Annotations() []schema.Annotation { return table("carts", nil) }

// CartLine is a variant in a cart.
type CartLine struct{ ent.Schema }

// Fields of a cart line.
func (CartLine) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.CartLine{}),
		ref("cart_id", typeid.Cart{}),
		ref("variant_id", typeid.Variant{}),
		field.Int("quantity").Positive(),
		field.Int64("price").Optional().Nillable(), // of one, as the buyer saw it, in the variant's currency
	}
}

// Edges of a cart line.
func (CartLine) Edges() []ent.Edge {
	return []ent.Edge{edge.From("cart", Cart.Type).Ref("lines").Field("cart_id").Unique().Required().Immutable()}
}

// Indexes of a cart line.
func (CartLine) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("cart_id", "variant_id").Unique(), // the lines of a cart; a variant has one
	}
}

// Annotations of a cart line.
func (CartLine) Annotations() []schema.Annotation {
	return table("cart_lines", map[string]string{
		"cart_line_quantity": "quantity BETWEEN 1 AND 9999",
	})
}

// Staff is a person who works for shops, or operates the platform.
type Staff struct{ ent.Schema }

// Fields of a person.
func (Staff) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Staff{}),
		field.String("email").MaxLen(titleLen).Unique(), // log in; lower case
		field.String("password_hash").MaxLen(titleLen).Sensitive(),
		field.Bool("is_operator"),
		at("created_at"),
	}
}

// Annotations of a person.
func (Staff) Annotations() []schema.Annotation { return table("staff", nil) }

// ShopStaff is a person's role in a shop.
type ShopStaff struct{ ent.Schema }

// Fields of a role.
func (ShopStaff) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Link{}),
		ref("staff_id", typeid.Staff{}),
		ref("shop_id", typeid.Shop{}),
		enum("role", "OWNER", "CLERK"),
	}
}

// Indexes of a role.
func (ShopStaff) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("staff_id", "shop_id").Unique(), // the shops of a person, in id order
		index.Fields("shop_id"),                      // the staff of a shop
	}
}

// Annotations of a role.
func (ShopStaff) Annotations() []schema.Annotation { return table("shop_staff", nil) }

// StaffRequest remembers what an idempotency key of a person did.
type StaffRequest struct{ ent.Schema }

// Fields of a remembered request.
func (StaffRequest) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.StaffRequest{}),
		ref("staff_id", typeid.Staff{}),
		short("operation", nameLen),
		short("idempotency_key", keyLen),
		hash("request_hash"),
		field.Text("result").MaxLen(textLen).Optional().Nillable(), // what it made, for whoever asks again
		at("created_at"),
	}
}

// Indexes of a remembered request.
func (StaffRequest) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("staff_id", "operation", "idempotency_key").Unique(), // was this done already
	}
}

// Annotations of a remembered request.
func (StaffRequest) Annotations() []schema.Annotation { return table("staff_requests", nil) }

// Session is a log-in, and the family of all refresh tokens that came of it.
type Session struct{ ent.Schema }

// Fields of a session: of a buyer or of staff.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Session{}),
		optionalRef("buyer_id", typeid.Buyer{}),
		optionalRef("staff_id", typeid.Staff{}),
		optionalRef("mini_program_id", typeid.MiniProgram{}),
		at("created_at"),
		optionalAt("revoked_at"),
	}
}

// Indexes of a session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("revoked_at"), // what was revoked lately, for every process to know
	}
}

// Annotations of a session.
func (Session) Annotations() []schema.Annotation {
	return table("sessions", map[string]string{
		"session_of_one": "(buyer_id IS NULL) <> (staff_id IS NULL)",
	})
}

// RefreshToken is one token of a session, kept as its hash alone.
type RefreshToken struct{ ent.Schema }

// Fields of a refresh token.
func (RefreshToken) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Link{}),
		field.Bytes("token_hash").MaxLen(hashLen).SchemaType(map[string]string{dialect.MySQL: "binary(32)"}).Unique().Immutable(),
		ref("session_id", typeid.Session{}),
		at("expires_at"),
		optionalAt("used_at"),
	}
}

// Indexes of a refresh token.
func (RefreshToken) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("expires_at"), // what may be deleted
	}
}

// Annotations of a refresh token.
func (RefreshToken) Annotations() []schema.Annotation { return table("refresh_tokens", nil) }

// SigningKey signs access tokens; all processes on one database share it.
type SigningKey struct{ ent.Schema }

// Fields of a signing key.
func (SigningKey) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(enumLen).Immutable(),
		field.Bytes("secret").MaxLen(hashLen).SchemaType(map[string]string{dialect.MySQL: "binary(32)"}).Sensitive().Immutable(),
		at("created_at"),
	}
}

// Annotations of a signing key.
func (SigningKey) Annotations() []schema.Annotation { return table("signing_keys", nil) }

// Address is an entry of a buyer's address book.
type Address struct{ ent.Schema }

// Fields of an address.
func (Address) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Address{}),
		ref("buyer_id", typeid.Buyer{}),
		short("name", nameLen),
		short("phone", phoneLen),
		short("country", enumLen),
		short("province", nameLen),
		short("city", nameLen),
		optionalShort("district", nameLen),
		short("street", titleLen),
		optionalShort("postal_code", phoneLen),
		field.Bool("is_default"),
		at("created_at"),
	}
}

// Indexes of an address.
func (Address) Indexes() []ent.Index {
	return []ent.Index{index.Fields("buyer_id")} // a buyer's address book
}

// Annotations of an address.
func (Address) Annotations() []schema.Annotation { return table("addresses", nil) }

// StaffInvitation lets whoever has its token work for a shop.
type StaffInvitation struct{ ent.Schema }

// Fields of an invitation. Of the token its hash alone is kept.
func (StaffInvitation) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Invitation{}),
		ref("shop_id", typeid.Shop{}),
		short("email", titleLen), // lower case
		enum("role", "OWNER", "CLERK"),
		field.Bytes("token_hash").MaxLen(hashLen).SchemaType(map[string]string{dialect.MySQL: "binary(32)"}).Unique().Immutable(),
		ref("invited_by", typeid.Staff{}),
		at("expires_at"),
		optionalAt("accepted_at"),
		at("created_at"),
	}
}

// Indexes of an invitation.
func (StaffInvitation) Indexes() []ent.Index {
	return []ent.Index{index.Fields("shop_id")} // the open invitations of a shop
}

// Annotations of an invitation.
func (StaffInvitation) Annotations() []schema.Annotation { return table("staff_invitations", nil) }

// AuditEntry is one thing that staff did, never changed itself.
type AuditEntry struct{ ent.Schema }

// Fields of an entry.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.AuditEntry{}),
		ref("shop_id", typeid.Shop{}),
		ref("staff_id", typeid.Staff{}),
		short("action", nameLen),             // the mutation, such as orderRefund
		short("subject", nameLen),            // the id of what it was done to
		field.Text("detail").MaxLen(textLen), // a JSON object: what was asked for
		at("created_at"),
	}
}

// Indexes of an entry.
func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{index.Fields("shop_id", "id")} // what was done in a shop, newest first
}

// Annotations of an entry.
func (AuditEntry) Annotations() []schema.Annotation { return table("audit_entries", nil) }
