package order

import (
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/fault"
)

// Address is where the goods go.
type Address struct {
	Name       string
	Phone      string
	Country    string
	Province   string
	City       string
	District   *string
	Street     string
	PostalCode *string
}

// LogValue keeps addresses out of logs.
func (a Address) LogValue() slog.Value { return slog.StringValue("address") }

// Validate refuses what fits on no label with INVALID; at is the path of the address in the input. The country is not the
// client's to say.
func (a *Address) Validate(at ...string) error {
	for _, f := range []struct {
		name, value string
		least, most int
	}{
		{"name", a.Name, 1, 128},
		{"phone", a.Phone, 5, 32},
		{"province", a.Province, 1, 128},
		{"city", a.City, 1, 128},
		{"district", deref(a.District), 0, 128},
		{"street", a.Street, 1, 200},
		{"postalCode", deref(a.PostalCode), 0, 32},
	} {
		n := utf8.RuneCountInString(f.value)
		blank := f.least > 0 && strings.TrimSpace(f.value) == ""
		if n < f.least || n > f.most || blank || !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl) {
			return fault.New(fault.Invalid, "this has %d to %d characters on one line", f.least, f.most).
				At(append(slices.Clip(at), f.name)...)
		}
	}
	if strings.ContainsFunc(a.Phone, func(r rune) bool { return !strings.ContainsRune("0123456789+- ", r) }) {
		return fault.New(fault.Invalid, "a phone number is made of digits, spaces, + and -").At(append(slices.Clip(at), "phone")...)
	}
	return nil
}
