package checkout

import (
	"testing"
	"time"

	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// TestRepeatOfWaiting lets a repeat of a key whose first request has no verdict yet wait for that one, which may win.
func TestRepeatOfWaiting(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newSoldOut(time.Second, func() time.Time { return now })
	tea := typeid.New[typeid.Variant](now)
	first := &planned{buyer: typeid.New[typeid.Buyer](now), key: "one"}
	other := &planned{buyer: typeid.New[typeid.Buyer](now), key: "one"}
	in := Input{Lines: []LineInput{{VariantID: tea.String(), Quantity: 1}}}

	if s.refuses(first, in) != nil {
		t.Fatal("nothing is known, and it was refused")
	}
	s.note(other, inventory.Short([]inventory.Shortage{{Variant: tea, Requested: 1}}))
	if s.refuses(other, in) == nil {
		t.Error("another buyer was not refused")
	}
	if s.refuses(first, in) != nil {
		t.Error("the repeat was refused while its first request waits")
	}
	s.decided(move{place: first})
	if s.refuses(first, in) == nil {
		t.Error("the key waits for ever")
	}
}
