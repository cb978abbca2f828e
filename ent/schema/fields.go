// Package schema describes every table. Three rules hold throughout: ids come from the application, enumerations are
// strings with validators, and CHECK constraints say the invariants again so that no program can break them.
//
// Foreign keys exist only inside one aggregate and never cascade. Nothing has one to stocks, variants, shops or buyers:
// checking it would lock the parent's row, in an order that this program does not choose.
package schema

import (
	"database/sql/driver"
	"fmt"
	"slices"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"holdfast/internal/money"
)

// Widths of text columns, in characters.
const (
	enumLen  = 24
	nameLen  = 128
	titleLen = 200
	skuLen   = 64
	phoneLen = 32
	keyLen   = 128
	noteLen  = 500
	urlLen   = 1000
	textLen  = 64 << 10
	hashLen  = 32
	dayLen   = 10
)

func binary16() map[string]string {
	return map[string]string{dialect.MySQL: "binary(16)", dialect.SQLite: "blob"}
}

// id is the primary key: 16 bytes, made by the application.
func id(typ driver.Valuer) ent.Field {
	return field.UUID("id", typ).SchemaType(binary16()).Immutable()
}

// ref names a row of another table.
func ref(name string, typ driver.Valuer) ent.Field {
	return field.UUID(name, typ).SchemaType(binary16()).Immutable()
}

// optionalRef names a row of another table, or none.
func optionalRef(name string, typ driver.Valuer) ent.Field {
	return field.UUID(name, typ).SchemaType(binary16()).Optional().Nillable()
}

// at is a moment: UTC, microseconds.
func at(name string) ent.Field {
	return field.Time(name).SchemaType(map[string]string{dialect.MySQL: "datetime(6)"})
}

// optionalAt is a moment that may not have come.
func optionalAt(name string) ent.Field {
	return field.Time(name).SchemaType(map[string]string{dialect.MySQL: "datetime(6)"}).Optional().Nillable()
}

// enum is one of values.
func enum(name string, values ...string) ent.Field {
	return field.String(name).MaxLen(enumLen).Validate(oneOf(name, values))
}

// enumSince is an enum that came later: rows that were there before have the first of values.
func enumSince(name string, values ...string) ent.Field {
	return field.String(name).MaxLen(enumLen).Default(values[0]).Validate(oneOf(name, values))
}

func oneOf(name string, values []string) func(string) error {
	return func(s string) error {
		if !slices.Contains(values, s) {
			return fmt.Errorf("%s is none of %v", name, values)
		}
		return nil
	}
}

// currency is an ISO 4217 code.
func currency() ent.Field { return enum("currency", money.Currencies()...) }

// amount is minor units of the row's currency, 0 or more.
func amount(name string) ent.Field { return field.Int64(name).NonNegative() }

// position orders the rows of one parent.
func position() ent.Field { return field.Int("position").NonNegative() }

// attempts counts those that failed for good; each is a transfer with a number of its own.
func attempts() ent.Field { return field.Int("attempts").Default(0).NonNegative() }

// failure is what the provider said when it last refused a transfer.
func failure() ent.Field { return optionalShort("failure", noteLen) }

// short is text of one line.
func short(name string, width int) ent.Field { return field.String(name).MaxLen(width) }

// optionalShort is text of one line, or none.
func optionalShort(name string, width int) ent.Field {
	return field.String(name).MaxLen(width).Optional().Nillable()
}

// hash is a SHA-256.
func hash(name string) ent.Field {
	return field.Bytes(name).MaxLen(hashLen).SchemaType(map[string]string{dialect.MySQL: "binary(32)"})
}

// table names the table and its CHECK constraints. The constraints are named, because unnamed ones never settle in a migration.
func table(name string, checks map[string]string) []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: name, Checks: checks}}
}
