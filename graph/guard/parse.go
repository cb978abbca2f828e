package guard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"holdfast/internal/fault"
)

// Parse reads a document and validates it, each step only if the one before has found that it will not take too much. The
// errors have codes of the API.
func Parse(schema *ast.Schema, query string, with *rules.Rules) (*ast.QueryDocument, gqlerror.List) {
	if err := Scan(query); err != nil {
		return nil, gqlerror.List{err}
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, MaxTokens)
	if err != nil {
		return nil, gqlerror.List{refusal(fault.BadRequest, gqlerror.WrapIfUnwrapped(err))}
	}
	if len(doc.Operations) == 0 {
		return nil, gqlerror.List{refusal(fault.BadRequest, gqlerror.Errorf("no operation provided"))}
	}
	if err := Document(doc); err != nil {
		return nil, gqlerror.List{err}
	}
	errs := validator.ValidateWithRules(schema, doc, Capped(with))
	for _, err := range errs {
		err.Extensions = map[string]any{"code": string(fault.BadRequest)}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return doc, nil
}

// Capped are rules that together make no more than MaxErrors errors: what would be said beyond is not even put into words.
func Capped(all *rules.Rules) *rules.Rules {
	made := 0
	capped := rules.NewRules()
	for name, rule := range all.GetInner() {
		capped.AddRule(name, func(observers *core.Events, addError core.AddErrFunc) {
			rule(observers, func(options ...core.ErrorOption) {
				if made++; made <= MaxErrors {
					addError(options...)
				}
			})
		})
	}
	return capped
}
