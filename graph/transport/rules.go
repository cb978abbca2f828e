package transport

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"holdfast/graph/scalar"
)

// Rules are what a query is validated by: gqlparser's rules, the literals of our scalars, and no @defer, whose later
// parts none of our transports can send. They are for handler.Server's SetValidationRulesFn. None suggests a name: to find
// the nearest takes longer than all the rest, and nobody gets to see it.
func Rules() *rules.Rules {
	all := rules.NewDefaultRules()
	for _, rule := range []core.Rule{
		rules.FieldsOnCorrectTypeRuleWithoutSuggestions, rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRuleWithoutSuggestions, rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		all.RemoveRule(strings.TrimSuffix(rule.Name, "WithoutSuggestions"))
		all.AddRule(rule.Name, rule.RuleFunc)
	}
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
