package db

import (
	"fmt"

	entsql "entgo.io/ent/dialect/sql"
)

// Map is what each of the rows stands for, in their order. An error of the read is passed on, as what failed in doing.
func Map[R, T any](rows []R, err error, doing string, of func(R) T) ([]T, error) {
	return TryMap(rows, err, doing, func(r R) (T, error) { return of(r), nil })
}

// TryMap is Map for rows that may turn out to be unreadable.
func TryMap[R, T any](rows []R, err error, doing string, of func(R) (T, error)) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		if out[i], err = of(r); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	return out, nil
}

// PerRow is a value for each row: CASE column WHEN key THEN value ... END.
func PerRow[K any](column string, keys []K, value func(K) any) entsql.Querier {
	return entsql.ExprFunc(func(b *entsql.Builder) {
		b.WriteString("CASE ").Ident(column)
		for _, k := range keys {
			b.WriteString(" WHEN ").Arg(k).WriteString(" THEN ").Arg(value(k))
		}
		b.WriteString(" END")
	})
}
