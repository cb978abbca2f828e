package notify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/wechat"
)

// Template is a subscribe message template of a mini-program, and what is put into it.
type Template struct {
	// ID is WeChat's.
	ID string `json:"template"`
	// Page is opened by a tap: a path without a leading slash, with a query if need be; empty opens none.
	Page string `json:"page"`
	// Values are what each keyword of the template says, such as amount2. In them and in Page, {total} and the like stand for facts.
	Values map[string]string `json:"values"`
}

// Templates are those of one mini-program, by what they tell.
type Templates map[Kind]Template

// nothing stands where a fact is empty, such as the tracking number of what is handed over: WeChat takes no empty value.
const nothing = "-"

// facts are the names that may be used in the templates of a kind; none for one that is no message.
func facts(k Kind) []string {
	order := []string{"order", "number", "title", "total", "shop", "time"}
	switch k {
	case OrderPaid:
		return order
	case OrderShipped:
		return append(order, "carrier", "tracking")
	case OrderRefunded:
		return append(order, "refund", "reason")
	case Restocked:
		return []string{"variant", "product", "title", "sku", "price", "available", "shop", "time"}
	case Shipping:
	}
	return nil
}

// Check says all that is wrong with templates.
func (t Templates) Check() error {
	var wrong []error
	for _, k := range slices.Sorted(maps.Keys(t)) {
		if err := t[k].check(k); err != nil {
			wrong = append(wrong, fmt.Errorf("messages.%s: %w", k, err))
		}
	}
	return errors.Join(wrong...)
}

func (t Template) check(k Kind) error {
	known := facts(k)
	if known == nil {
		return fmt.Errorf("there is no such message; there are %s, %s, %s and %s", OrderPaid, OrderShipped, OrderRefunded, Restocked)
	}
	var wrong []error
	if strings.TrimSpace(t.ID) == "" {
		wrong = append(wrong, errors.New("template is missing: the template id that mp.weixin.qq.com shows"))
	}
	if strings.HasPrefix(t.Page, "/") || strings.Contains(t.Page, "://") {
		wrong = append(wrong, fmt.Errorf("page %q: a path in the mini-program has no leading slash, such as pages/order/order?id={order}", t.Page))
	}
	if len(t.Values) == 0 {
		wrong = append(wrong, errors.New(`values are missing: one for each keyword of the template, such as "amount2": "{total}"`))
	}
	wrong = append(wrong, unknown("page", t.Page, known))
	for _, key := range slices.Sorted(maps.Keys(t.Values)) {
		if !wechat.IsKeyword(key) {
			wrong = append(wrong, fmt.Errorf("values.%s: a keyword is a type and a number, such as thing3", key))
		}
		if t.Values[key] == "" {
			wrong = append(wrong, fmt.Errorf("values.%s is empty", key))
		}
		wrong = append(wrong, unknown("values."+key, t.Values[key], known))
	}
	return errors.Join(wrong...)
}

// unknown says which names in braces are no facts.
func unknown(where, text string, known []string) error {
	var wrong []error
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return errors.Join(wrong...)
		}
		name, next, closed := strings.Cut(after, "}")
		if !closed {
			return errors.Join(append(wrong, fmt.Errorf("%s: a brace is not closed in %q", where, text))...)
		}
		if !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Errorf("%s: there is no {%s} here; there are {%s}", where, name, strings.Join(known, "}, {")))
		}
		rest = next
	}
}

// fill puts facts into a text.
func fill(text string, about map[string]string) string {
	var pairs []string
	for name, fact := range about {
		if strings.TrimSpace(fact) == "" {
			fact = nothing
		}
		pairs = append(pairs, "{"+name+"}", fact)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// message is the template with facts in it.
func (t Template) message(about map[string]string) wechat.Message {
	m := wechat.Message{TemplateID: t.ID, Page: fill(t.Page, about), Values: make(map[string]string, len(t.Values))}
	for key, text := range t.Values {
		m.Values[key] = fill(text, about)
	}
	return m
}
