package typeid_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/typeid"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC)

// text is any id, for tests that treat all nouns alike.
type text interface {
	String() string
	Bytes() typeid.UUID
}

func everyNoun() []text {
	return []text{
		typeid.New[typeid.MiniProgram](now), typeid.New[typeid.Shop](now), typeid.New[typeid.Staff](now), typeid.New[typeid.Product](now),
		typeid.New[typeid.Variant](now), typeid.New[typeid.Movement](now), typeid.New[typeid.Buyer](now), typeid.New[typeid.Cart](now),
		typeid.New[typeid.CartLine](now), typeid.New[typeid.Checkout](now), typeid.New[typeid.Order](now), typeid.New[typeid.OrderLine](now),
		typeid.New[typeid.Hold](now), typeid.New[typeid.Payment](now), typeid.New[typeid.Split](now), typeid.New[typeid.SplitRule](now),
		typeid.New[typeid.Refund](now), typeid.New[typeid.SplitReturn](now), typeid.New[typeid.Shipment](now), typeid.New[typeid.ShipmentLine](now),
		typeid.New[typeid.Link](now), typeid.New[typeid.Session](now), typeid.New[typeid.StaffRequest](now),
		typeid.New[typeid.RefundLine](now), typeid.New[typeid.Job](now), typeid.New[typeid.Address](now), typeid.New[typeid.OrderNote](now),
		typeid.New[typeid.AuditEntry](now), typeid.New[typeid.Invitation](now),
	}
}

func TestSpelling(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[a-z]{3,5}_[0-7][0-9a-hjkmnp-tv-z]{25}$`)
	seen := make(map[string]bool)
	for _, id := range everyNoun() {
		s := id.String()
		if !shape.MatchString(s) || len(s) > 32 {
			t.Errorf("%q is no TypeID of at most 32 characters", s)
		}
		prefix, u, err := typeid.Decode(s)
		if err != nil || u != id.Bytes() {
			t.Errorf("decode %q: %x, %v; want %x", s, u, err, id.Bytes())
		}
		if seen[prefix] {
			t.Errorf("two nouns are spelled %q", prefix)
		}
		seen[prefix] = true
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	id := typeid.New[typeid.Order](now)
	s := id.String()
	if got, ok := typeid.Parse[typeid.Order](s); !ok || got != id {
		t.Fatalf("parse %q: %v, %v", s, got, ok)
	}
	suffix := strings.TrimPrefix(s, "order_")
	for name, bad := range map[string]string{
		"empty":              "",
		"another noun":       typeid.New[typeid.Shop](now).String(),
		"no prefix":          suffix,
		"empty prefix":       "_" + suffix,
		"capitals":           strings.ToUpper(s),
		"capital suffix":     "order_" + strings.ToUpper(suffix),
		"too short":          s[:len(s)-1],
		"too long":           s + "0",
		"a space before":     " " + s,
		"a line break after": s + "\n",
		"above 128 bits":     "order_8" + suffix[1:],
		"highest character":  "order_z" + suffix[1:],
		"a letter left out":  "order_" + suffix[:25] + "u",
		"looks like one":     "order_" + suffix[:25] + "l",
		"not ASCII":          "order_" + suffix[:24] + "é",
		"two underscores":    "order__" + suffix[1:],
		"a UUID":             "018e0000-0000-7000-8000-000000000000",
		"null bytes":         "order_" + strings.Repeat("\x00", 26),
	} {
		if got, ok := typeid.Parse[typeid.Order](bad); ok {
			t.Errorf("%s: %q was read as %v", name, bad, got)
		}
	}
}

// TestCanonical proves that no two texts name the same row.
func TestCanonical(t *testing.T) {
	t.Parallel()
	s := typeid.New[typeid.Order](now).String()
	for i := range s {
		for c := range 256 {
			other := s[:i] + string([]byte{byte(c)}) + s[i+1:]
			if got, ok := typeid.Parse[typeid.Order](other); ok && got.String() != other {
				t.Errorf("%q was read as %v", other, got)
			}
		}
	}
}

func TestOrderByTime(t *testing.T) {
	t.Parallel()
	var ids []typeid.Order
	for micros := range 3000 { // over the border of milliseconds, where the fraction starts again
		ids = append(ids, typeid.New[typeid.Order](now.Add(time.Duration(micros)*time.Microsecond)))
	}
	if !slices.IsSortedFunc(ids, func(a, b typeid.Order) int { return a.Compare(b.UUID) }) {
		t.Error("ids that are a microsecond apart do not sort in that order")
	}
	if !slices.IsSortedFunc(ids, func(a, b typeid.Order) int { return strings.Compare(a.String(), b.String()) }) {
		t.Error("their spellings do not either")
	}
	for _, id := range ids {
		if id.UUID[6]>>4 != 7 || id.UUID[8]>>6 != 2 {
			t.Fatalf("%x is no UUID of version 7", id.UUID)
		}
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	seen := make(map[typeid.Order]bool)
	for range 10_000 {
		id := typeid.New[typeid.Order](now)
		if seen[id] || id.IsZero() {
			t.Fatalf("%v again", id)
		}
		seen[id] = true
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	id := typeid.New[typeid.Buyer](now)
	v, err := id.Value()
	if err != nil {
		t.Fatal(err)
	}
	var back typeid.Buyer
	if err := back.Scan(v); err != nil || back != id {
		t.Errorf("scan: %v, %v; want %v", back, err, id)
	}
	for _, bad := range []any{nil, "text", []byte{}, bytes.Repeat([]byte{1}, 15), bytes.Repeat([]byte{1}, 17), 7} {
		if err := back.Scan(bad); err == nil {
			t.Errorf("scan of %v: no error", bad)
		}
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	id := typeid.New[typeid.Buyer](now)
	raw, err := json.Marshal(id)
	if want := `"` + id.String() + `"`; err != nil || string(raw) != want {
		t.Errorf("JSON: %s, %v; want %s", raw, err, want)
	}
	var back typeid.Buyer
	if err := json.Unmarshal(raw, &back); err != nil || back != id {
		t.Errorf("back from JSON: %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"`+typeid.New[typeid.Shop](now).String()+`"`), &back); err == nil {
		t.Error("a shop was read as a buyer")
	}
	if cart := typeid.From[typeid.Cart](id.UUID); cart.Bytes() != id.Bytes() || !strings.HasPrefix(cart.String(), "cart_") {
		t.Errorf("the same bytes as a cart: %v", cart)
	}
}

func TestFloor(t *testing.T) {
	t.Parallel()
	floor := typeid.Floor(now)
	for name, tc := range map[string]struct {
		made  time.Time
		below bool
	}{
		"the same moment":                    {now, false},
		"the first microsecond of it":        {now.Truncate(time.Millisecond), false},
		"a later millisecond":                {now.Add(time.Millisecond), false},
		"the microsecond before":             {now.Truncate(time.Millisecond).Add(-time.Microsecond), true},
		"an earlier millisecond, its end":    {now.Add(-time.Millisecond), true},
		"the same moment, spelled elsewhere": {now.In(time.FixedZone("CST", 8*60*60)), false},
	} {
		for range 20 { // the rest of an id is random
			if id := typeid.New[typeid.Order](tc.made).UUID; (id.Compare(floor) < 0) != tc.below {
				t.Errorf("%s: %x against the floor %x", name, id, floor)
			}
		}
	}
	var none typeid.UUID
	if typeid.Floor(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)) != none || typeid.Floor(time.Time{}) != none {
		t.Error("a time before 1970 bounds something")
	}
	if far := typeid.Floor(time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC)); far.Compare(floor) <= 0 {
		t.Errorf("a time far ahead wraps around: %x", far)
	}
}
