package check

import (
	"fmt"

	"holdfast/internal/typeid"
)

// nouns spell the ids of the columns that queries select.
//
//nolint:gochecknoglobals // a constant
var nouns = map[string]func(typeid.UUID) string{
	"variant_id":       spell(typeid.From[typeid.Variant]),
	"buyer_id":         spell(typeid.From[typeid.Buyer]),
	"staff_id":         spell(typeid.From[typeid.Staff]),
	"checkout_id":      spell(typeid.From[typeid.Checkout]),
	"order_id":         spell(typeid.From[typeid.Order]),
	"order_line_id":    spell(typeid.From[typeid.OrderLine]),
	"hold_id":          spell(typeid.From[typeid.Hold]),
	"movement_id":      spell(typeid.From[typeid.Movement]),
	"payment_id":       spell(typeid.From[typeid.Payment]),
	"split_id":         spell(typeid.From[typeid.Split]),
	"refund_id":        spell(typeid.From[typeid.Refund]),
	"refund_line_id":   spell(typeid.From[typeid.RefundLine]),
	"split_return_id":  spell(typeid.From[typeid.SplitReturn]),
	"shipment_id":      spell(typeid.From[typeid.Shipment]),
	"shipment_line_id": spell(typeid.From[typeid.ShipmentLine]),
	"staff_request_id": spell(typeid.From[typeid.StaffRequest]),
	"ledger_entry_id":  spell(typeid.From[typeid.LedgerEntry]),
	"notification_id":  spell(typeid.From[typeid.Notification]),
}

func spell[T fmt.Stringer](from func(typeid.UUID) T) func(typeid.UUID) string {
	return func(u typeid.UUID) string { return from(u).String() }
}
