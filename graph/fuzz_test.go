package graph

import (
	"encoding/json"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"

	"holdfast/graph/guard"
	"holdfast/graph/transport"
)

// FuzzHostile searches for the document of at most 16 KiB that takes the most memory before it is refused or may run. Without
// -fuzz it tries the documents that are known to be bad:
//
//	go test -run '^$' -fuzz FuzzHostile -fuzztime 5m ./graph
func FuzzHostile(f *testing.F) {
	schema := Schema()
	for _, x := range hostiles() {
		if query, ok := queryIn(x.body); ok {
			f.Add(query)
		}
	}
	f.Fuzz(func(t *testing.T, query string) {
		if len(query) > guard.MaxQuery {
			return
		}
		before := allocated()
		doc, errs := guard.Parse(schema, query, transport.Rules())
		var cost guard.Cost
		for _, op := range operationsOf(doc, errs) {
			variables, err := validator.VariableValues(schema, op, nil)
			if err != nil {
				continue
			}
			oc := &graphql.OperationContext{Doc: doc, Operation: op, Variables: variables}
			_ = cost.MutateOperationContext(t.Context(), oc)
		}
		if used := allocated() - before; used > 3*hostileBytes {
			t.Errorf("%d bytes, want %d: %d errors", used, hostileBytes, len(errs))
		}
		if len(errs) > guard.MaxErrors {
			t.Errorf("%d errors", len(errs))
		}
	})
}

// queryIn is the query of a body that is read; false for what is no JSON.
func queryIn(body string) (string, bool) {
	var sent struct{ Query string }
	err := json.Unmarshal([]byte(body), &sent)
	return sent.Query, err == nil && sent.Query != ""
}

// operationsOf are those that may run.
func operationsOf(doc *ast.QueryDocument, errs gqlerror.List) ast.OperationList {
	if doc == nil || len(errs) > 0 {
		return nil
	}
	return doc.Operations
}
