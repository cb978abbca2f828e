package demo

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func both(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) &&
		strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
}

func shops(t *testing.T) []shop {
	t.Helper()
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEverythingIsNamedInChineseAndEnglish(t *testing.T) {
	names := []string{programName, programSubject}
	for _, s := range shops(t) {
		names = append(names, s.Name, s.Subject)
		for _, p := range s.Products {
			names = append(names, p.Title)
			if len(p.Description) != 2 || !strings.ContainsFunc(p.Description[0], func(r rune) bool { return unicode.Is(unicode.Han, r) }) ||
				strings.ContainsFunc(p.Description[1], func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: want a Chinese and an English description, got %q", p.Handle, p.Description)
			}
			for _, v := range p.Variants {
				if v.Title == "" || strings.ContainsFunc(v.Title, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && !both(v.Title) && !sized(v.Title) {
					t.Errorf("%s: %q is in one language", v.SKU, v.Title)
				}
			}
		}
	}
	for _, name := range names {
		if !both(name) || utf8.RuneCountInString(name) > 128 {
			t.Errorf("%q is in one language, or too long", name)
		}
	}
}

// sized tells whether a title is but a size in inches.
func sized(title string) bool { return strings.HasSuffix(title, "寸") }

func TestPricesStocksAndRulesAreSound(t *testing.T) {
	handles := map[string]bool{}
	for _, s := range shops(t) {
		skus := map[string]bool{}
		for _, p := range s.Products {
			if handles[p.Handle] {
				t.Errorf("%s names two products", p.Handle)
			}
			handles[p.Handle] = true
			for _, v := range p.Variants {
				if skus[v.SKU] || v.SKU == "" {
					t.Errorf("sku %q names no variant, or two", v.SKU)
				}
				skus[v.SKU] = true
				if v.Price < 1000 || v.Price > 200_000 { // 10 to 2000 yuan
					t.Errorf("%s costs %d", v.SKU, v.Price)
				}
				if v.Stock < 0 || v.Stock > 500 || v.Low < 1 || v.Low > 30 {
					t.Errorf("%s: %d in stock, low from %d", v.SKU, v.Stock, v.Low)
				}
			}
		}
		sum, platform := 0, 0
		for _, r := range s.SplitRules {
			sum += r.BasisPoints
			if r.Role == "PLATFORM" {
				platform = r.BasisPoints
			}
		}
		if sum > maxShare || platform < 200 || platform > 500 || !strings.HasPrefix(s.Receiver, "19000001") {
			t.Errorf("%s (%s) gives %d, %d of it to the platform", s.Name, s.Receiver, sum, platform)
		}
	}
}
