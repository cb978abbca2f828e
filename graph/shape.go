package graph

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"

	"holdfast/internal/fault"
)

// rootField is the one field of a subscription, with its arguments.
func rootField(oc *graphql.OperationContext) (*ast.Field, map[string]any, error) {
	fields := graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 {
		return nil, nil, fault.New(fault.BadRequest, "a subscription has one field")
	}
	return fields[0].Field, fields[0].ArgumentMap(oc.Variables), nil
}

// listed are the strings of a list argument. A single one counts as a list, as GraphQL has it.
func listed(arg any) []string {
	switch v := arg.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// shape is what a subscription asks for, apart from which objects: two of equal shape get the same text for the same event.
type shape [sha256.Size]byte

// shapeOf hashes the document, the operation's name, the reader's language, and the variables, but for those that do nothing
// but name the objects: the ones that the text mentions twice, where they are declared and as an argument of the root field.
func shapeOf(ctx context.Context, oc *graphql.OperationContext, root *ast.Field) (shape, error) {
	variables := maps.Clone(oc.Variables)
	for _, a := range root.Arguments {
		if a.Value.Kind != ast.Variable {
			continue
		}
		if mentions(oc.RawQuery, a.Value.Raw) == 2 {
			delete(variables, a.Value.Raw)
		}
	}
	text, err := json.Marshal([]any{oc.RawQuery, oc.OperationName, wishOf(ctx).wantsChinese(), variables})
	return sha256.Sum256(text), err
}

// mentions counts where the text names a variable. It reads tokens: there may be spaces and comments behind the $.
func mentions(text, name string) (n int) {
	tokens := lexer.New(&ast.Source{Input: text})
	dollar := false
	for {
		token, err := tokens.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return n
		}
		if token.Kind == lexer.Comment {
			continue
		}
		if dollar && token.Kind == lexer.Name && token.Value == name {
			n++
		}
		dollar = token.Kind == lexer.Dollar
	}
}
