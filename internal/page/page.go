// Package page is one page of a list that is read forward: so many rows after the row that the client saw last. Lists are
// ordered by id, which is their order of creation, so that a page costs the same wherever it lies.
package page

import (
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// Max is the largest page.
const Max = 100

// Query asks for the First rows after the row After; a zero After starts the list.
type Query struct {
	First int
	After typeid.UUID
}

// Validate refuses pages of no rows and of too many.
func (q Query) Validate() error {
	if q.First < 1 || q.First > Max {
		return fault.New(fault.BadRequest, "first must be %d to %d", 1, Max)
	}
	return nil
}

// Page is the rows, and whether more follow.
type Page[T any] struct {
	Items   []T
	HasNext bool
}

// Cut makes a page of the rows that were read: one more than asked for, if there are more.
func Cut[T any](rows []T, first int) Page[T] {
	if len(rows) > first {
		return Page[T]{Items: rows[:first], HasNext: true}
	}
	return Page[T]{Items: rows}
}

// Deal gives rows, ordered already, to the pages of their parents.
func Deal[R any, P comparable, T any](rows []R, first int, of func(R) (P, T)) map[P]Page[T] {
	lists := make(map[P][]T)
	for _, r := range rows {
		parent, item := of(r)
		lists[parent] = append(lists[parent], item)
	}
	out := make(map[P]Page[T], len(lists))
	for parent, list := range lists {
		out[parent] = Cut(list, first)
	}
	return out
}
