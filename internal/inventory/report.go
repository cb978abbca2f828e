package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"holdfast/internal/audit"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// adjusted is a line of the audit log: the number on hand that came of it, and the change.
type adjusted struct {
	VariantID typeid.Variant `json:"variantId"`
	OnHand    int            `json:"onHand"`
	Delta     int            `json:"delta"`
}

// report is what the audit log keeps of a request in one shop.
type report struct {
	Reason   string     `json:"reason"`
	Adjusted int        `json:"adjusted"`
	Refused  int        `json:"refused"`
	Lines    []adjusted `json:"lines"`
}

// reports are the reports of a request, in the order in which its shops are first named.
type reports struct {
	of     *adjusting
	shops  []typeid.Shop
	byShop map[typeid.Shop]*report
}

func newReports(of *adjusting) *reports {
	return &reports{of: of, byShop: make(map[typeid.Shop]*report)}
}

func (r *reports) shop(id typeid.Shop) *report {
	if r.byShop[id] == nil {
		r.shops, r.byShop[id] = append(r.shops, id), &report{Reason: r.of.reason, Lines: []adjusted{}}
	}
	return r.byShop[id]
}

func (r *reports) adjusted(before Stock, delta int) {
	at := r.shop(before.ShopID)
	at.Adjusted++
	at.Lines = append(at.Lines, adjusted{VariantID: before.VariantID, OnHand: before.OnHand + delta, Delta: delta})
}

func (r *reports) refused(shop typeid.Shop) { r.shop(shop).Refused++ }

// acts are the entries of the audit log: of one variant, or one for each shop in which something was done.
func (r *reports) acts(staff typeid.Staff) []audit.Act {
	var out []audit.Act
	for _, shop := range r.shops {
		did := r.byShop[shop]
		act := audit.Act{Shop: shop, Staff: staff, Action: r.of.operation, Subject: shop, Detail: did}
		switch {
		case did.Adjusted == 0:
			continue
		case r.of.single:
			act.Subject = did.Lines[0].VariantID
			act.Detail = struct {
				adjusted
				Reason string `json:"reason"`
			}{did.Lines[0], did.Reason}
		}
		out = append(out, act)
	}
	return out
}

// told is a refusal of a line, as it is remembered.
type told struct {
	Line  int        `json:"line"`
	Code  fault.Code `json:"code"`
	Text  string     `json:"text"`
	Args  []any      `json:"args,omitempty"`
	Field []string   `json:"field"`
}

// remember writes the refusals down for a repeat of the request; "" when there are none.
func remember(refusals map[int]error) (string, error) {
	var out []told
	for _, n := range slices.Sorted(maps.Keys(refusals)) {
		for _, r := range fault.List(refusals[n]) {
			e := r.Refused()
			out = append(out, told{Line: n, Code: e.Code, Text: e.Text, Args: e.Args, Field: e.Field})
		}
	}
	if out == nil {
		return "", nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("remember refusals: %w", err)
	}
	return string(text), nil
}

// recall reads what remember wrote, by line.
func recall(text string) (map[int]error, error) {
	out := make(map[int]error)
	if text == "" {
		return out, nil
	}
	read := json.NewDecoder(bytes.NewReader([]byte(text)))
	read.UseNumber()
	var all []told
	if err := read.Decode(&all); err != nil {
		return nil, fmt.Errorf("recall refusals: %w", err)
	}
	for _, t := range all {
		for n, arg := range t.Args {
			if number, ok := arg.(json.Number); ok { // every number in a text is a whole one
				whole, err := number.Int64()
				if err != nil {
					return nil, fmt.Errorf("recall refusals: %w", err)
				}
				t.Args[n] = int(whole)
			}
		}
		out[t.Line] = fault.New(t.Code, t.Text, t.Args...).At(t.Field...)
	}
	return out, nil
}
