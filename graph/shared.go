package graph

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// maxShared is how long an operation may be, its variables included, to be compared with others.
const maxShared = 8 << 10

// publicRoots and publicTypes are the catalogue, of which everybody who is not staff sees the same.
//
//nolint:gochecknoglobals // constants
var (
	publicRoots = map[string]bool{"miniProgram": true, "shop": true, "shops": true, "product": true, "__typename": true}
	publicTypes = map[string]bool{
		"MiniProgram": true, "Shop": true, "ShopConnection": true, "ShopEdge": true, "Product": true, "ProductConnection": true, "ProductEdge": true,
		"ProductVariant": true, "Stock": true, "Money": true, "PageInfo": true,
	}
)

// sharing makes transport.Shared's Key: queries of the catalogue have one answer for all who are not staff and speak one language.
func sharing(schema *ast.Schema) func(context.Context, *graphql.OperationContext) (string, bool) {
	return func(ctx context.Context, oc *graphql.OperationContext) (string, bool) {
		a, _ := ctx.Value(askerKey{}).(asker)
		if a.refused != nil || a.who.IsStaff() || oc.Operation.Operation != ast.Query || len(oc.RawQuery) > maxShared || !allPublic(schema, oc.Operation.SelectionSet, make(map[string]bool)) {
			return "", false
		}
		variables, err := json.Marshal(oc.Variables)
		if err != nil || len(variables) > maxShared {
			return "", false
		}
		return strconv.FormatBool(wishOf(ctx).wantsChinese()) + oc.OperationName + "\x00" + oc.RawQuery + "\x00" + string(variables), true
	}
}

// allPublic tells whether everything below is of public types. Each fragment is looked at once.
func allPublic(schema *ast.Schema, set ast.SelectionSet, seen map[string]bool) bool {
	for _, selection := range set {
		below := ast.SelectionSet{}
		switch s := selection.(type) {
		case *ast.Field:
			t := schema.Types[s.Definition.Type.Name()]
			root := s.ObjectDefinition == schema.Query
			if t == nil || root && !publicRoots[s.Name] || !t.IsLeafType() && !publicTypes[t.Name] {
				return false
			}
			below = s.SelectionSet
		case *ast.InlineFragment:
			below = s.SelectionSet
		case *ast.FragmentSpread:
			if seen[s.Name] {
				continue
			}
			seen[s.Name] = true
			below = s.Definition.SelectionSet
		}
		if !allPublic(schema, below, seen) {
			return false
		}
	}
	return true
}
