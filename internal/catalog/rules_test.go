package catalog_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/db"
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

// provider says what a test wants it to.
type provider struct {
	most  int
	said  bool
	err   error
	asked []string
}

func (p *provider) CheckReceiver(receiver string) error {
	if receiver == "nobody" {
		return fault.New(fault.Invalid, "nobody")
	}
	return nil
}

func (p *provider) MaxShare(_ context.Context, merchant string) (int, bool, error) {
	p.asked = append(p.asked, merchant)
	return p.most, p.said, p.err
}

// TestMaxShare sets rules that the provider has to allow: what it says last is the shop's highest share, though the rules are refused.
func TestMaxShare(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		says := &provider{}
		w.catalog.ShareBy(says)
		operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
		shop := w.shops[0]
		set := func(receiver string, points int) error {
			_, err := w.catalog.SetSplitRules(t.Context(), operator, shop.String(), []catalog.SplitRule{{Receiver: receiver, Role: "PLATFORM", BasisPoints: points}})
			return err
		}
		change := func(most int) error {
			_, err := w.catalog.UpdateShop(t.Context(), operator, catalog.ShopChange{ShopID: shop.String(), MaxShareBasisPoints: &most})
			return err
		}
		for _, tc := range []struct {
			name       string
			says       provider
			do         func() error
			want       fault.Code
			most, rule int // afterwards
		}{
			{"it does not say", provider{}, func() error { return set("a", 3000) }, "", 3000, 3000},
			{"more than we allow", provider{most: 5000, said: true}, func() error { return set("a", 3001) }, fault.AmountExceeded, 3000, 3000},
			{"no answer", provider{err: errors.New("connection reset")}, func() error { return set("a", 1) }, fault.Overloaded, 3000, 3000},
			{"nobody", provider{most: 1, said: true}, func() error { return set("nobody", 1) }, fault.Invalid, 3000, 3000},
			{"less than the rules", provider{most: 2000, said: true}, func() error { return set("a", 2001) }, fault.AmountExceeded, 2000, 3000},
			{"just so much", provider{most: 1500, said: true}, func() error { return set("a", 1500) }, "", 1500, 1500},
			{"raised above it", provider{most: 2500, said: true}, func() error { return change(2501) }, fault.AmountExceeded, 1500, 1500},
			{"raised to it", provider{most: 2500, said: true}, func() error { return change(2500) }, "", 2500, 1500},
			{"raised, no answer", provider{err: errors.New("connection reset")}, func() error { return change(2500) }, fault.Overloaded, 2500, 1500},
			{"below the rules", provider{}, func() error { return change(1499) }, fault.AmountExceeded, 2500, 1500},
			{"more than all", provider{}, func() error { return change(10_001) }, fault.Invalid, 2500, 1500},
		} {
			*says = tc.says
			err := tc.do()
			if tc.want == "" && err != nil || tc.want != "" && !fault.Is(err, tc.want) {
				t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
			}
			if tc.want != fault.Invalid && cmp.Diff([]string{"merchant"}, says.asked) != "" {
				t.Errorf("%s: it was asked about %v", tc.name, says.asked)
			}
			found, err := w.catalog.Shops(t.Context(), []typeid.Shop{shop})
			must(t, err)
			rules, err := w.catalog.SplitRules(t.Context(), []typeid.Shop{shop})
			must(t, err)
			if got := found[0].MaxShareBasisPoints; got != tc.most || rules[shop][0].BasisPoints != tc.rule {
				t.Errorf("%s: at most %d, rules %v", tc.name, got, rules[shop])
			}
		}
		if n := w.count(t, `SELECT COUNT(*) FROM audit_entries WHERE action = 'splitRulesSet'`); n != 3 { // two sets, and one that was refused and lowered
			t.Errorf("%d entries of rules in the log", n)
		}
	})
}

// TestShareWhen changes when shares are due: only an earlier moment wakes those that wait, once, with the change.
func TestShareWhen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		var woken []typeid.Shop
		failing := false
		w.catalog.SharesSooner(func(_ context.Context, _ *db.Tx, shop typeid.Shop) error {
			if failing {
				return errors.New("broken")
			}
			woken = append(woken, shop)
			return nil
		})
		operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
		shop := w.shops[0]
		set := func(who identity.Principal, when catalog.ShareWhen) (*catalog.Shop, error) {
			return w.catalog.UpdateShop(t.Context(), who, catalog.ShopChange{ShopID: shop.String(), ShareWhen: &when})
		}
		for _, tc := range []struct {
			when  catalog.ShareWhen
			wakes int
		}{
			{catalog.AfterPayment, 0},
			{catalog.AfterCompletion, 0},
			{catalog.AfterShipping, 1},
			{catalog.AfterShipping, 1},
			{catalog.AfterPayment, 2},
			{catalog.AfterShipping, 2},
		} {
			got, err := set(operator, tc.when)
			if must(t, err); got.ShareWhen != tc.when || got.MaxShareBasisPoints != 3000 || len(woken) != tc.wakes {
				t.Errorf("%s: %+v, %d woken", tc.when, got, len(woken))
			}
		}
		failing = true
		if _, err := set(operator, catalog.AfterPayment); err == nil {
			t.Error("it was changed though nobody could be woken")
		}
		found, err := w.catalog.Shops(t.Context(), []typeid.Shop{shop, w.shops[1]})
		if must(t, err); found[0].ShareWhen != catalog.AfterShipping || found[1].ShareWhen != catalog.AfterPayment {
			t.Errorf("got %+v, %+v", found[0], found[1])
		}
		if _, err := set(w.owner, catalog.AfterPayment); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an owner: %v", err)
		}
		if _, err := set(operator, "NEVER"); !fault.Is(err, fault.Invalid) {
			t.Errorf("never: %v", err)
		}
		if _, err := w.catalog.UpdateShop(t.Context(), operator, catalog.ShopChange{ShopID: shop.String()}); !fault.Is(err, fault.Invalid) {
			t.Errorf("nothing: %v", err)
		}
		if n := w.count(t, `SELECT COUNT(*) FROM audit_entries WHERE action = 'shopUpdate'`); n != 6 {
			t.Errorf("%d entries in the log", n)
		}
	})
}
