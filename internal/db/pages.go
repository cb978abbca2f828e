package db

import (
	"database/sql/driver"
	"strconv"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/internal/typeid"
)

// After keeps the rows behind the one with this id, in ascending order; a zero id keeps all.
func After(s *entsql.Selector, id typeid.UUID) *entsql.Selector {
	if !id.IsZero() {
		s.Where(entsql.GT(s.C("id"), id))
	}
	return s.OrderBy(entsql.Asc(s.C("id")))
}

// Before keeps the rows in front of the one with this id, in descending order; a zero id keeps all.
func Before(s *entsql.Selector, id typeid.UUID) *entsql.Selector {
	if !id.IsZero() {
		s.Where(entsql.LT(s.C("id"), id))
	}
	return s.OrderBy(entsql.Desc(s.C("id")))
}

// Newest selects a page of each parent's rows, newest first, in one statement: of those whose column has the parent, so many before the one
// with this id; a zero id begins with the newest.
func Newest[P driver.Valuer](column string, parents []P, before typeid.UUID, limit int) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		parts := make([]*entsql.Selector, len(parents))
		for i, parent := range parents {
			d := entsql.Dialect(s.Dialect())
			t := d.Table(s.TableName())
			parts[i] = Before(d.Select(t.C("id")).From(t).Where(entsql.EQ(t.C(column), parent)), before).Limit(limit)
		}
		s.Where(AnyOf(s, "id", parts)).OrderBy(entsql.Desc(s.C("id")))
	}
}

// AnyOf is the predicate "id is one that some part selects". Each part selects the ids of one parent's page, so that the
// pages of many parents cost one statement. MySQL takes a LIMIT inside IN only behind a derived table.
func AnyOf(s *entsql.Selector, column string, parts []*entsql.Selector) *entsql.Predicate {
	if len(parts) == 0 {
		return entsql.False()
	}
	d := entsql.Dialect(s.Dialect())
	var all *entsql.Selector
	for i, part := range parts {
		sel := d.Select("id").From(part.As("p" + strconv.Itoa(i)))
		if all == nil {
			all = sel
			continue
		}
		all.UnionAll(sel)
	}
	return entsql.In(s.C(column), d.Select("id").From(all.As("pages")))
}
