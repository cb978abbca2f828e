package wechat

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/money"
)

// kind is what a type of keyword takes: so many characters, and which.
type kind struct {
	most  int
	takes func(r rune) bool // nil takes all
}

// kindOf gives the rules of a keyword such as thing1. Those from amount on are what people report, with room; WeChat has the last
// word on their form.
func kindOf(key string) (kind, bool) {
	digits := func(more string) func(rune) bool {
		return func(r rune) bool { return r >= '0' && r <= '9' || strings.ContainsRune(more, r) }
	}
	visible := func(r rune) bool { return r > ' ' && r <= '~' }
	switch strings.TrimRight(key, "0123456789") {
	case "thing":
		return kind{20, nil}, true
	case "number":
		return kind{32, digits(".-")}, true
	case "letter":
		return kind{32, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }}, true
	case "symbol":
		return kind{5, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }}, true
	case "character_string":
		return kind{32, visible}, true
	case "time", "date":
		return kind{64, digits("年月日时分秒:-/.~ ")}, true
	case "amount":
		return kind{16, digits(".¥￥$€£元")}, true
	case "phone_number":
		return kind{17, digits("+- ")}, true
	case "car_number":
		return kind{8, nil}, true
	case "name":
		return kind{20, nil}, true
	case "phrase":
		return kind{5, func(r rune) bool { return unicode.Is(unicode.Han, r) }}, true
	default:
		return kind{}, false
	}
}

// IsKeyword tells whether a key is a keyword of a template: a type that is known and a number, such as thing3.
func IsKeyword(key string) bool {
	digits := strings.TrimLeft(key, "abcdefghijklmnopqrstuvwxyz_")
	_, known := kindOf(key)
	return known && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// fit makes a value one that its keyword takes, or says why that cannot be. Kinds that are not known are left to WeChat.
func fit(key, value string) (fitting, bad string) {
	if !utf8.ValidString(value) {
		return "", "is no text"
	}
	value = oneLine(value)
	k, known := kindOf(key)
	if strings.HasPrefix(key, "thing") {
		value = Cut(value, k.most)
	}
	switch {
	case value == "":
		return "", "is empty"
	case !known:
	case utf8.RuneCountInString(value) > k.most:
		return "", fmt.Sprintf("has more than %d characters", k.most)
	case k.takes != nil && strings.ContainsFunc(value, func(r rune) bool { return !k.takes(r) }):
		return "", "has characters that it does not take"
	}
	return value, ""
}

// oneLine makes white space, lines' ends among it, single blanks, and leaves other control characters out.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// Cut shortens a text to so many characters, the last of which is then an ellipsis.
func Cut(text string, most int) string {
	if most < 1 || utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// AmountValue is an amount as an amount keyword takes it: ¥12.00.
func AmountValue(m money.Money) string {
	sign := map[money.Currency]string{money.CNY: "¥", money.USD: "$"}[m.Currency]
	return fmt.Sprintf("%s%d.%02d", sign, m.Amount/100, m.Amount%100)
}

// TimeValue is a moment in Beijing as time and date keywords take it: 2026年3月4日 10:05.
func TimeValue(t time.Time) string { return t.In(beijing()).Format("2006年1月2日 15:04") }

// beijing is the zone of everything that WeChat shows.
func beijing() *time.Location { return time.FixedZone("CST", 8*60*60) }
