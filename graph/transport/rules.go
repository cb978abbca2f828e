package transport

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"holdfast/graph/scalar"
)

// Rules are what a query is validated by: gqlparser's rules, the literals of our scalars, and no @defer, whose later
// parts none of our transports can send. They are for handler.Server's SetValidationRulesFn.
func Rules() *rules.Rules {
	all := rules.NewDefaultRules()
	for _, rule := range []core.Rule{scalar.Literals(), noDefer()} {
		all.AddRule(rule.Name, rule.RuleFunc)
	}
	return all
}

func noDefer() core.Rule {
	return core.Rule{Name: "HoldfastNoDefer", RuleFunc: func(observers *core.Events, addError core.AddErrFunc) {
		observers.OnDirective(func(_ *core.Walker, directive *ast.Directive) {
			if directive.Name == "defer" {
				addError(core.Message("@defer is not served: everything is in one answer"), core.At(directive.Position))
			}
		})
	}}
}
