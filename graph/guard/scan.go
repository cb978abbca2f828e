package guard

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"

	"holdfast/internal/fault"
)

// Scan looks at the tokens of a document and refuses what would be too much to parse. It uses the parser's own lexer, so that
// the two cannot disagree, and keeps nothing. What is no GraphQL at all is left to the parser, which stops at the same token.
func Scan(query string) *gqlerror.Error {
	if len(query) > MaxQuery {
		return exceeded(nil, "query must be %d bytes or less", MaxQuery)
	}
	s := scanner{lexer: lexer.New(&ast.Source{Input: query})}
	for {
		token, err := s.lexer.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return nil //nolint:nilerr // the parser says the same
		}
		if refused := s.see(&token); refused != nil {
			refused.Locations = []gqlerror.Location{{Line: token.Pos.Line, Column: token.Pos.Column}}
			return refused
		}
	}
}

// frame is a bracket that is open.
type frame struct {
	kind  lexer.Type
	items int // of a list
}

type scanner struct {
	lexer  lexer.Lexer
	prev   lexer.Type
	open   [MaxNesting]frame
	depth  int
	parens int

	onType                                                                                    bool // the next name is that of a type
	tokens, comments, fields, aliases, directives, spreads, definitions, values, introspected int
}

func (s *scanner) see(token *lexer.Token) *gqlerror.Error {
	s.tokens++
	if token.Kind == lexer.Comment {
		s.comments++
		return s.check(token)
	}
	switch token.Kind {
	case lexer.Name:
		s.name(token.Value)
	case lexer.Colon:
		if s.parens > 0 {
			s.values++
		} else {
			s.aliases++
		}
	case lexer.At:
		s.directives++
	case lexer.Spread:
		s.spreads++
	case lexer.String:
		if strings.ContainsRune(token.Value, utf8.RuneError) && hasLoneSurrogate(s.lexer.Input) {
			return refusal(fault.BadRequest, gqlerror.Errorf("an escape in a string is half of a character"))
		}
	default:
	}
	refused := s.nest(token.Kind)
	s.prev = token.Kind
	if refused != nil {
		return refused
	}
	return s.check(token)
}

// name counts fields. A name after a colon is what an alias stands for, or a value.
func (s *scanner) name(name string) {
	switch {
	case s.onType:
		s.onType = false
	case s.parens > 0 || s.depth == 0:
	case s.prev == lexer.Spread:
		s.onType = name == "on"
	case s.prev == lexer.At || s.prev == lexer.Colon:
	default:
		s.fields++
	}
	if s.parens == 0 && (name == "__schema" || name == "__type") {
		s.introspected++
	}
}

// nest follows brackets, and counts the items of lists.
func (s *scanner) nest(kind lexer.Type) *gqlerror.Error {
	switch kind {
	case lexer.BraceR, lexer.BracketR, lexer.ParenR:
		if s.depth > 0 {
			s.depth--
			if s.open[s.depth].kind == lexer.ParenL {
				s.parens--
			}
		}
		return nil
	case lexer.Bang:
		return nil
	default:
	}
	if s.depth > 0 && s.open[s.depth-1].kind == lexer.BracketL && s.prev != lexer.Dollar {
		list := &s.open[s.depth-1]
		list.items++
		s.values++
		if list.items > MaxList {
			return exceeded(nil, "a list may have at most %d items", MaxList)
		}
	}
	if kind != lexer.BraceL && kind != lexer.BracketL && kind != lexer.ParenL {
		return nil
	}
	if s.depth == MaxNesting {
		return exceeded(nil, "brackets may nest at most %d deep", MaxNesting)
	}
	if s.depth == 0 && kind == lexer.BraceL {
		s.definitions++
	}
	if kind == lexer.ParenL {
		s.parens++
	}
	s.open[s.depth] = frame{kind: kind}
	s.depth++
	return nil
}

func (s *scanner) check(token *lexer.Token) *gqlerror.Error {
	if token.Kind == lexer.Name && len(token.Value) > MaxName {
		return exceeded(nil, "a name may have at most %d bytes", MaxName)
	}
	for _, l := range [...]struct {
		count, limit int
		format       string
	}{
		{s.tokens, MaxTokens, "a document may have at most %d tokens"},
		{s.comments, MaxComments, "a document may have at most %d comments"},
		{s.fields, MaxFields, "a document may have at most %d fields"},
		{s.aliases, MaxAliases, "a document may have at most %d aliases"},
		{s.directives, MaxDirectives, "a document may have at most %d directives"},
		{s.spreads, MaxSpreads, "a document may have at most %d spreads of fragments"},
		{s.values, MaxValues, "a document may have at most %d arguments and values; send more as variables"},
		{s.introspected, MaxIntrospections, "a document may have at most %d fields of introspection"},
		{s.definitions, MaxOperations + MaxFragments, "a document may have at most %d operations and fragments"},
	} {
		if l.count > l.limit {
			return exceeded(nil, l.format, l.limit)
		}
	}
	return nil
}

// hasLoneSurrogate tells whether one half of a surrogate pair is escaped without the other: no text can hold it, and the lexer
// would put another character in its place.
func hasLoneSurrogate(text string) bool {
	for i := 0; i+6 <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] != 'u' {
			i++
			continue
		}
		first, ok := escaped(text[i:])
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escaped(text[i+6:])
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		i += 11
	}
	return false
}

func escaped(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), err == nil
}
