package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

func TestSetSplitRules(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
		shop := w.shops[0]
		set := func(rules ...catalog.SplitRule) error {
			t.Helper()
			_, err := w.catalog.SetSplitRules(t.Context(), operator, shop.String(), rules)
			return err
		}
		has := func(want ...catalog.SplitRule) {
			t.Helper()
			got, err := w.catalog.SplitRules(t.Context(), []typeid.Shop{shop})
			must(t, err)
			if d := cmp.Diff(want, got[shop]); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
		rule := func(receiver, role string, points int) catalog.SplitRule {
			return catalog.SplitRule{Receiver: receiver, Role: role, BasisPoints: points}
		}
		good := []catalog.SplitRule{rule("平台", "PLATFORM", 2000), rule("p", "PROMOTER", 1000)}
		must(t, set(rule("old", "PLATFORM", 1)))
		must(t, set(good...))
		has(good...)
		for name, c := range map[string]struct {
			rules []catalog.SplitRule
			code  fault.Code
		}{
			"above the highest share": {[]catalog.SplitRule{rule("a", "PLATFORM", 3001)}, fault.AmountExceeded},
			"together above it":       {[]catalog.SplitRule{rule("a", "PLATFORM", 3000), rule("b", "PLATFORM", 1)}, fault.AmountExceeded},
			"the merchant":            {[]catalog.SplitRule{rule("a", "MERCHANT", 1)}, fault.Invalid},
			"the shop's own receiver": {[]catalog.SplitRule{rule("merchant", "PLATFORM", 1)}, fault.Invalid},
			"a receiver twice":        {[]catalog.SplitRule{rule("a", "PLATFORM", 1), rule("a", "PROMOTER", 1)}, fault.Invalid},
			"no receiver":             {[]catalog.SplitRule{rule("", "PLATFORM", 1)}, fault.Invalid},
			"a blank at the end":      {[]catalog.SplitRule{rule("a ", "PLATFORM", 1)}, fault.Invalid},
			"no points":               {[]catalog.SplitRule{rule("a", "PLATFORM", 0)}, fault.Invalid},
			"too many points":         {[]catalog.SplitRule{rule("a", "PLATFORM", 10_001)}, fault.Invalid},
			"too many rules":          {make([]catalog.SplitRule, 21), fault.TooMany},
		} {
			if err := set(c.rules...); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		has(good...)
		if _, err := w.catalog.SetSplitRules(t.Context(), w.owner, shop.String(), nil); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an owner: %v", err)
		}
		if _, err := w.catalog.SetSplitRules(t.Context(), operator, "shop_x", nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("no shop: %v", err)
		}
		must(t, set())
		has()
	})
}
