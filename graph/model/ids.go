package model

import (
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/graph/scalar"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// gqlgen asks for two functions for each Go type of an ID. It does not see methods that a type has from an embedded one, or
// typeid would need no help. Ids that come in are read by the domain, as text, so that one that names nothing is absent.

func marshal(id fmt.Stringer) graphql.Marshaler { return scalar.MarshalID(id.String()) }

func unmarshal[T any](v any, parse func(string) (T, bool)) (T, error) {
	text, err := scalar.UnmarshalID(v)
	if err != nil {
		var none T
		return none, err
	}
	id, ok := parse(text)
	if !ok {
		return id, fault.New(fault.BadRequest, "this is not an id of that kind")
	}
	return id, nil
}

// MarshalMiniProgramID writes a mini-program's id.
func MarshalMiniProgramID(id typeid.MiniProgram) graphql.Marshaler { return marshal(id) }

// UnmarshalMiniProgramID reads a mini-program's id.
func UnmarshalMiniProgramID(v any) (typeid.MiniProgram, error) {
	return unmarshal(v, typeid.Parse[typeid.MiniProgram])
}

// MarshalShopID writes a shop's id.
func MarshalShopID(id typeid.Shop) graphql.Marshaler { return marshal(id) }

// UnmarshalShopID reads a shop's id.
func UnmarshalShopID(v any) (typeid.Shop, error) { return unmarshal(v, typeid.Parse[typeid.Shop]) }

// MarshalStaffID writes a staff member's id.
func MarshalStaffID(id typeid.Staff) graphql.Marshaler { return marshal(id) }

// UnmarshalStaffID reads a staff member's id.
func UnmarshalStaffID(v any) (typeid.Staff, error) { return unmarshal(v, typeid.Parse[typeid.Staff]) }

// MarshalProductID writes a product's id.
func MarshalProductID(id typeid.Product) graphql.Marshaler { return marshal(id) }

// UnmarshalProductID reads a product's id.
func UnmarshalProductID(v any) (typeid.Product, error) {
	return unmarshal(v, typeid.Parse[typeid.Product])
}

// MarshalVariantID writes a variant's id.
func MarshalVariantID(id typeid.Variant) graphql.Marshaler { return marshal(id) }

// UnmarshalVariantID reads a variant's id.
func UnmarshalVariantID(v any) (typeid.Variant, error) {
	return unmarshal(v, typeid.Parse[typeid.Variant])
}

// MarshalMovementID writes a stock movement's id.
func MarshalMovementID(id typeid.Movement) graphql.Marshaler { return marshal(id) }

// UnmarshalMovementID reads a stock movement's id.
func UnmarshalMovementID(v any) (typeid.Movement, error) {
	return unmarshal(v, typeid.Parse[typeid.Movement])
}

// MarshalBuyerID writes a buyer's id.
func MarshalBuyerID(id typeid.Buyer) graphql.Marshaler { return marshal(id) }

// UnmarshalBuyerID reads a buyer's id.
func UnmarshalBuyerID(v any) (typeid.Buyer, error) { return unmarshal(v, typeid.Parse[typeid.Buyer]) }

// MarshalCartID writes a cart's id.
func MarshalCartID(id typeid.Cart) graphql.Marshaler { return marshal(id) }

// UnmarshalCartID reads a cart's id.
func UnmarshalCartID(v any) (typeid.Cart, error) { return unmarshal(v, typeid.Parse[typeid.Cart]) }

// MarshalCartLineID writes a cart line's id.
func MarshalCartLineID(id typeid.CartLine) graphql.Marshaler { return marshal(id) }

// UnmarshalCartLineID reads a cart line's id.
func UnmarshalCartLineID(v any) (typeid.CartLine, error) {
	return unmarshal(v, typeid.Parse[typeid.CartLine])
}

// MarshalCheckoutID writes a checkout's id.
func MarshalCheckoutID(id typeid.Checkout) graphql.Marshaler { return marshal(id) }

// UnmarshalCheckoutID reads a checkout's id.
func UnmarshalCheckoutID(v any) (typeid.Checkout, error) {
	return unmarshal(v, typeid.Parse[typeid.Checkout])
}

// MarshalOrderID writes an order's id.
func MarshalOrderID(id typeid.Order) graphql.Marshaler { return marshal(id) }

// UnmarshalOrderID reads an order's id.
func UnmarshalOrderID(v any) (typeid.Order, error) { return unmarshal(v, typeid.Parse[typeid.Order]) }

// MarshalOrderLineID writes an order line's id.
func MarshalOrderLineID(id typeid.OrderLine) graphql.Marshaler { return marshal(id) }

// UnmarshalOrderLineID reads an order line's id.
func UnmarshalOrderLineID(v any) (typeid.OrderLine, error) {
	return unmarshal(v, typeid.Parse[typeid.OrderLine])
}

// MarshalPaymentID writes a payment's id.
func MarshalPaymentID(id typeid.Payment) graphql.Marshaler { return marshal(id) }

// UnmarshalPaymentID reads a payment's id.
func UnmarshalPaymentID(v any) (typeid.Payment, error) {
	return unmarshal(v, typeid.Parse[typeid.Payment])
}

// MarshalSplitID writes a payment split's id.
func MarshalSplitID(id typeid.Split) graphql.Marshaler { return marshal(id) }

// UnmarshalSplitID reads a payment split's id.
func UnmarshalSplitID(v any) (typeid.Split, error) { return unmarshal(v, typeid.Parse[typeid.Split]) }

// MarshalRefundID writes a refund's id.
func MarshalRefundID(id typeid.Refund) graphql.Marshaler { return marshal(id) }

// UnmarshalRefundID reads a refund's id.
func UnmarshalRefundID(v any) (typeid.Refund, error) {
	return unmarshal(v, typeid.Parse[typeid.Refund])
}

// MarshalShipmentID writes a shipment's id.
func MarshalShipmentID(id typeid.Shipment) graphql.Marshaler { return marshal(id) }

// UnmarshalShipmentID reads a shipment's id.
func UnmarshalShipmentID(v any) (typeid.Shipment, error) {
	return unmarshal(v, typeid.Parse[typeid.Shipment])
}

// MarshalAddressID writes a saved address's id.
func MarshalAddressID(id typeid.Address) graphql.Marshaler { return marshal(id) }

// UnmarshalAddressID reads a saved address's id.
func UnmarshalAddressID(v any) (typeid.Address, error) {
	return unmarshal(v, typeid.Parse[typeid.Address])
}

// MarshalInvitationID writes an invitation's id.
func MarshalInvitationID(id typeid.Invitation) graphql.Marshaler { return marshal(id) }

// UnmarshalInvitationID reads an invitation's id.
func UnmarshalInvitationID(v any) (typeid.Invitation, error) {
	return unmarshal(v, typeid.Parse[typeid.Invitation])
}

// MarshalAuditEntryID writes an audit entry's id.
func MarshalAuditEntryID(id typeid.AuditEntry) graphql.Marshaler { return marshal(id) }

// UnmarshalAuditEntryID reads an audit entry's id.
func UnmarshalAuditEntryID(v any) (typeid.AuditEntry, error) {
	return unmarshal(v, typeid.Parse[typeid.AuditEntry])
}

// MarshalOrderNoteID writes an order note's id.
func MarshalOrderNoteID(id typeid.OrderNote) graphql.Marshaler { return marshal(id) }

// UnmarshalOrderNoteID reads an order note's id.
func UnmarshalOrderNoteID(v any) (typeid.OrderNote, error) {
	return unmarshal(v, typeid.Parse[typeid.OrderNote])
}

// MarshalJobID writes a job's id.
func MarshalJobID(id typeid.Job) graphql.Marshaler { return marshal(id) }

// UnmarshalJobID reads a job's id.
func UnmarshalJobID(v any) (typeid.Job, error) { return unmarshal(v, typeid.Parse[typeid.Job]) }

// MarshalLedgerEntryID writes an entry of the books' id.
func MarshalLedgerEntryID(id typeid.LedgerEntry) graphql.Marshaler { return marshal(id) }

// UnmarshalLedgerEntryID reads an entry of the books' id.
func UnmarshalLedgerEntryID(v any) (typeid.LedgerEntry, error) {
	return unmarshal(v, typeid.Parse[typeid.LedgerEntry])
}

// MarshalReconciliationID writes the id of a day's comparison.
func MarshalReconciliationID(id typeid.Reconciliation) graphql.Marshaler { return marshal(id) }

// UnmarshalReconciliationID reads the id of a day's comparison.
func UnmarshalReconciliationID(v any) (typeid.Reconciliation, error) {
	return unmarshal(v, typeid.Parse[typeid.Reconciliation])
}

// MarshalDifferenceID writes a difference's id.
func MarshalDifferenceID(id typeid.Difference) graphql.Marshaler { return marshal(id) }

// UnmarshalDifferenceID reads a difference's id.
func UnmarshalDifferenceID(v any) (typeid.Difference, error) {
	return unmarshal(v, typeid.Parse[typeid.Difference])
}
