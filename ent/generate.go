// Package ent holds the rows: schema is written by hand, everything else is generated from it.
package ent

//go:generate go run -mod=mod entgo.io/ent/cmd/ent generate --feature sql/lock,sql/execquery,sql/modifier,sql/versioned-migration ./schema
