package guard

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// Document refuses a parsed document that would be too much to validate, and one whose fragments form a circle. Validation
// walks whatever is reachable from each operation and each fragment, and compares all fields that meet in the answer: this
// takes the same ways, and only counts.
func Document(doc *ast.QueryDocument) *gqlerror.Error {
	if n := len(doc.Operations); n > MaxOperations {
		return exceeded(doc.Operations[MaxOperations].Position, "a document may have at most %d operations", MaxOperations)
	}
	if n := len(doc.Fragments); n > MaxFragments {
		return exceeded(doc.Fragments[MaxFragments].Position, "a document may have at most %d fragments", MaxFragments)
	}
	for _, op := range doc.Operations {
		if len(op.VariableDefinitions) > MaxVariables {
			return exceeded(op.Position, "an operation may have at most %d variables", MaxVariables)
		}
	}
	s := shape{fragments: make(map[string]*fragment, len(doc.Fragments))}
	for _, f := range doc.Fragments {
		if s.fragments[f.Name] == nil { // of two with one name the first counts, as for the validator
			s.fragments[f.Name] = &fragment{FragmentDefinition: f}
		}
	}
	for _, f := range s.fragments {
		if s.circular(f) {
			return refusal(fault.BadRequest, gqlerror.ErrorPosf(f.Position, "a fragment spreads itself"))
		}
	}
	for _, op := range doc.Operations {
		if err := s.measure(op.SelectionSet, op.Position); err != nil {
			return err
		}
	}
	for _, f := range doc.Fragments {
		if err := s.measure(f.SelectionSet, f.Position); err != nil {
			return err
		}
	}
	return nil
}

type fragment struct {
	*ast.FragmentDefinition
	state int // of circular
	level int // the last level that has taken it in
}

const (
	unseen = iota
	open
	done
)

// shape adds up what the validator has to do.
type shape struct {
	fragments map[string]*fragment
	fields    []*ast.Field // a stack: of each level, those that meet in the answer
	levels    int
	visits    int
	pairs     int
	spreads   int // that this level has taken in
}

// circular follows spreads; it sees each fragment once.
func (s *shape) circular(f *fragment) bool {
	if f.state == unseen {
		f.state = open
		if s.anyCircular(f.SelectionSet) {
			return true
		}
		f.state = done
	}
	return f.state == open
}

func (s *shape) anyCircular(set ast.SelectionSet) bool {
	for _, selection := range set {
		var below ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			below = selection.SelectionSet
		case *ast.InlineFragment:
			below = selection.SelectionSet
		case *ast.FragmentSpread:
			if f := s.fragments[selection.Name]; f != nil && s.circular(f) {
				return true
			}
		}
		if s.anyCircular(below) {
			return true
		}
	}
	return false
}

func (s *shape) measure(set ast.SelectionSet, at *ast.Position) *gqlerror.Error {
	s.levels++
	s.spreads = 0
	s.fields = s.fields[:0]
	s.gather(set, s.levels)
	switch deepest := s.level(0, 1); {
	case deepest > MaxDepth:
		return exceeded(at, "fields may nest at most %d deep", MaxDepth)
	case s.visits > MaxVisits:
		return exceeded(at, "fragments may be spread only so often that there are at most %d fields to look at", MaxVisits)
	case s.pairs > MaxPairs:
		return exceeded(at, "a document may have at most %d pairs of fields with the same name, and of fragments, in one place", MaxPairs)
	}
	return nil
}

// gather puts the fields of a selection set on the stack, those of its fragments once a level.
func (s *shape) gather(set ast.SelectionSet, level int) {
	for _, selection := range set {
		if s.visits++; s.visits > MaxVisits {
			return
		}
		switch selection := selection.(type) {
		case *ast.Field:
			s.fields = append(s.fields, selection)
		case *ast.InlineFragment:
			s.gather(selection.SelectionSet, level)
		case *ast.FragmentSpread:
			if f := s.fragments[selection.Name]; f != nil && f.level != level {
				f.level = level
				s.pairs += s.spreads // it is compared with each that was there before
				s.spreads++
				s.gather(f.SelectionSet, level)
			}
		}
	}
}

// level counts the pairs among the fields from here to the top of the stack, and then below them, and answers how deep it is.
func (s *shape) level(from, depth int) int {
	to := len(s.fields)
	if from == to {
		return depth - 1
	}
	if depth > MaxDepth {
		return depth
	}
	slices.SortFunc(s.fields[from:to], func(a, b *ast.Field) int { return strings.Compare(a.Alias, b.Alias) })
	deepest := depth
	for start := from; start < to; {
		end := start + 1
		for end < to && s.fields[end].Alias == s.fields[start].Alias {
			end++
		}
		s.pairs += (end - start) * (end - start - 1) / 2
		s.levels++
		s.spreads = 0
		level := s.levels
		for i := start; i < end; i++ {
			s.gather(s.fields[i].SelectionSet, level)
		}
		if s.visits > MaxVisits || s.pairs > MaxPairs {
			return deepest
		}
		deepest = max(deepest, s.level(to, depth+1))
		s.fields = s.fields[:to]
		start = end
	}
	return deepest
}
