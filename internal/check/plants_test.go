package check_test

import (
	"fmt"
	"testing"
	"time"

	"holdfast/internal/typeid"
)

func stockPlants() []plant {
	stock := of(func(h *history) typeid.Variant { return h.variants[0][0] })
	movement := func(t *testing.T, h *history, v *vandal, kind string) (id typeid.Movement) {
		t.Helper()
		row := v.read(t, "SELECT id FROM stock_movements WHERE variant_id = ? AND kind = ? ORDER BY id", h.variants[0][0], kind).rows[0]
		must(t, id.Scan(row[0]))
		return id
	}
	return []plant{
		set("1a 1b 1c", "stocks", "held = -1", stock),
		set("1a 1c", "stocks", "on_hand = 1", stock),
		set("1b 1c", "stocks", "held = held + 1", stock),
		set("1b 1c", "stocks", "held = 0", stock),
		drop("1b 1c", "stocks", stock), // holds of what has no stock
		set("1c", "stocks", "on_hand = on_hand + 1", stock),
		set("1d", "stocks", "version = 0", stock),
		set("1d", "stocks", "version = version - 1", stock),
		{"a movement is lost", "1c 1f", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.drop(t, "stock_movements", movement(t, h, v, "SOLD").UUID)
			return h.variants[0][0]
		}},
		{"a movement got the version of another commit", "1d 1e", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.set(t, "stock_movements", movement(t, h, v, "RELEASED").UUID, "version = 2")
			return h.variants[0][0]
		}},
		{"two commits gave one version", "1e", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			id := movement(t, h, v, "RETURNED")
			v.set(t, "stock_movements", id.UUID, "version = version - 1, created_at = ?", h.clock.Now().Add(time.Second))
			return h.variants[0][0]
		}},
		{"what one order sold is written down for another", "1f", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.set(t, "stock_movements", movement(t, h, v, "SOLD").UUID, "order_id = ?", h.both.orders[0].ID)
			return h.both.orders[0].ID
		}},
		{"what an order held is of no order", "1f", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.set(t, "stock_movements", movement(t, h, v, "SOLD").UUID, "order_id = NULL")
			return h.variants[0][0]
		}},
	}
}

func checkoutPlants() []plant {
	return []plant{
		set("1b 1f 2a", "holds", "status = 'RELEASED'", of(func(h *history) typeid.Hold { return h.open.holds[1].ID })),
		set("1f 2a", "holds", "status = 'RELEASED'", of(func(h *history) typeid.Hold { return h.both.holds[0].ID })),
		set("1b 1f 2a", "holds", "status = 'HELD'", of(func(h *history) typeid.Hold { return h.expired.holds[0].ID })),
		drop("1f 2b", "holds", names(func(h *history) (typeid.Hold, typeid.OrderLine) { return h.both.holds[0].ID, h.both.lines[0].ID })),
		set("1f 2b", "holds", "quantity = 3", names(func(h *history) (typeid.Hold, typeid.OrderLine) { return h.both.holds[0].ID, h.both.lines[0].ID })),
		set("1f 2b", "holds", "variant_id = order_id", names(func(h *history) (typeid.Hold, typeid.OrderLine) { return h.both.holds[0].ID, h.both.lines[0].ID })),
		{"two holds of one line", "1f 2b", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.copied(t, "holds", h.both.holds[0].ID.UUID, typeid.New[typeid.Hold](h.clock.Now()).UUID, nil)
			return h.both.lines[0].ID
		}},
		set("2c", "orders", "status = 'PENDING_PAYMENT'", of(func(h *history) typeid.Order { return h.both.orders[1].ID })),
		set("2c", "orders", "status = 'COMPLETED'", of(func(h *history) typeid.Order { return h.open.orders[0].ID })),
		set("2c", "orders", "status = 'EXPIRED'", of(func(h *history) typeid.Order { return h.late.orders[0].ID })),
		set("2c 3f", "orders", "status = 'REFUNDED'", of(func(h *history) typeid.Order { return h.open.orders[0].ID })),
		set("2a 2c 2d 2e", "checkouts", "status = 'OPEN'", names(func(h *history) (typeid.Checkout, typeid.Payment) {
			return h.expired.checkout, h.expired.payment.ID
		})),
		set("2d", "payments", "status = 'PENDING'", of(func(h *history) typeid.Payment { return h.both.payment.ID })),
		set("2d", "payments", "status = 'CLOSED'", of(func(h *history) typeid.Payment { return h.both.payment.ID })),
		set("2d", "payments", "status = 'PENDING'", of(func(h *history) typeid.Payment { return h.expired.payment.ID })),
		set("2d", "payments", "status = 'PAID'", of(func(h *history) typeid.Payment { return h.open.payment.ID })),
		set("2e", "payment_splits", "status = 'CANCELLED'", of(func(h *history) typeid.Split { return h.both.splits[0].ID })),
		set("2e", "payment_splits", "status = 'PLANNED'", of(func(h *history) typeid.Split { return h.expired.splits[0].ID })),
	}
}

func moneyPlants() []plant {
	split := func(h *history) typeid.Split { return h.both.splits[0].ID }
	order := func(h *history) typeid.Order { return h.both.orders[0].ID }
	return []plant{
		set("3a", "payment_splits", "amount = amount + 1", names(func(h *history) (typeid.Split, typeid.Order) { return split(h), order(h) })),
		set("3a", "payment_splits", "currency = 'HKD'", names(func(h *history) (typeid.Split, typeid.Order) { return split(h), order(h) })),
		drop("3a", "payment_splits", names(func(h *history) (typeid.Split, typeid.Order) { return split(h), order(h) })),
		set("3b", "order_lines", "amount = amount + 1", names(func(h *history) (typeid.OrderLine, typeid.Order) { return h.both.lines[0].ID, order(h) })),
		set("3b", "order_lines", "currency = 'HKD'", names(func(h *history) (typeid.OrderLine, typeid.Order) { return h.both.lines[0].ID, order(h) })),
		set("3a 3c 6b 6e", "orders", "total = total + 1", names(func(h *history) (typeid.Order, typeid.Payment) { return order(h), h.both.payment.ID })),
		set("3a 3b 3c 6e", "orders", "currency = 'HKD'", names(func(h *history) (typeid.Order, typeid.Payment) { return order(h), h.both.payment.ID })),
		set("3c", "payments", "amount = amount + 1", of(func(h *history) typeid.Payment { return h.both.payment.ID })),
		set("3d 3i", "orders", "refunded = 1", of(order)),
		set("3d 3i", "orders", "refunded = 0", of(func(h *history) typeid.Order { return h.partly.orders[0].ID })),
		set("3e 3i", "refunds", "amount = 401", names(func(h *history) (typeid.Refund, typeid.Order) { return h.lateRefund.ID, h.late.orders[0].ID })),
		set("3e", "refunds", "currency = 'HKD'", names(func(h *history) (typeid.Refund, typeid.Order) { return h.lateRefund.ID, h.late.orders[0].ID })),
		set("3e 6b 6e", "payments", "paid_at = NULL", names(func(h *history) (typeid.Payment, typeid.Order) { return h.late.payment.ID, h.late.orders[0].ID })),
		set("3f", "orders", "status = 'REFUNDED'", of(order)),
		set("3f", "orders", "status = 'PAID'", of(func(h *history) typeid.Order { return h.wholly.orders[0].ID })),
		set("3g 6b 6d 6e", "payment_splits", "returned = returned + 1", of(func(h *history) typeid.Split { return h.partly.splits[0].ID })),
		set("3g", "payment_splits", "status = 'RETURNED'", of(func(h *history) typeid.Split { return h.partly.splits[0].ID })),
		set("3g 6e", "split_returns", "status = 'PROCESSING'", names(func(h *history) (typeid.SplitReturn, typeid.Split) { return h.returns[0].ID, h.partly.splits[0].ID })),
		set("3g 3h 6e", "split_returns", "amount = amount + 1", names(func(h *history) (typeid.SplitReturn, typeid.Refund) { return h.returns[0].ID, h.refund.ID })),
		drop("3g 3h 6e", "split_returns", names(func(h *history) (typeid.SplitReturn, typeid.Refund) { return h.returns[0].ID, h.refund.ID })),
		{"a cancelled share gives something back", "3h", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.copied(t, "split_returns", h.returns[0].ID.UUID, typeid.New[typeid.SplitReturn](h.clock.Now()).UUID, map[string]any{
				"refund_id": h.lateRefund.ID, "split_id": h.late.splits[0].ID, "status": "PROCESSING",
			})
			return h.lateRefund.ID
		}},
		set("3i", "payments", "status = 'PAID'", of(func(h *history) typeid.Payment { return h.partly.payment.ID })),
		set("3i", "payments", "status = 'REFUNDING'", of(func(h *history) typeid.Payment { return h.partly.payment.ID })),
		set("3i", "payments", "status = 'REFUNDED'", of(func(h *history) typeid.Payment { return h.late.payment.ID })),
		set("3i", "payments", "status = 'PARTIALLY_REFUNDED'", of(func(h *history) typeid.Payment { return h.wholly.payment.ID })),
		set("3i", "payments", "status = 'CLOSED'", of(func(h *history) typeid.Payment { return h.late.payment.ID })),
		set("3i", "payments", "status = 'PARTIALLY_REFUNDED'", of(func(h *history) typeid.Payment { return h.both.payment.ID })),
		set("3j 6b 6d 6e", "payment_splits", "status = 'SUCCEEDED'", of(func(h *history) typeid.Split { return h.open.splits[0].ID })),
		set("2e 3h 3j", "payment_splits", "status = 'PROCESSING'", of(func(h *history) typeid.Split { return h.late.splits[0].ID })),
	}
}

func goodsPlants() []plant {
	line := func(h *history) (typeid.RefundLine, typeid.OrderLine) { return h.line.ID, h.partly.lines[0].ID }
	parcel := func(h *history) (typeid.ShipmentLine, typeid.OrderLine) {
		return h.parcelLine.ID, h.shipped.lines[1].ID
	}
	return []plant{
		set("3k", "refund_lines", "quantity = 3", names(line)),
		set("3k", "refund_lines", "restocked = 3", names(line)),
		set("3l", "shipment_lines", "quantity = 3", names(parcel)),
		drop("3m", "shipment_lines", names(parcel)),
		set("3m", "orders", "status = 'SHIPPED'", of(func(h *history) typeid.Order { return h.both.orders[0].ID })),
	}
}

func rowPlants() []plant {
	fresh := func(h *history) typeid.UUID { return typeid.New[typeid.Link](h.clock.Now()).UUID }
	return []plant{
		{"two checkouts of one key", "4a 5a", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.copied(t, "checkouts", h.both.checkout.UUID, fresh(h), nil)
			return h.both.orders[0].BuyerID
		}},
		{"two payments of one checkout", "4b 6b 6e", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.copied(t, "payments", h.both.payment.ID.UUID, fresh(h), map[string]any{"transaction_id": "another"})
			return h.both.checkout
		}},
		set("4c", "payments", "transaction_id = 'late'", names(func(h *history) (typeid.Payment, word) { return h.both.payment.ID, "late" })),
		{"two requests of one key", "4d", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.copied(t, "staff_requests", h.request.ID.UUID, fresh(h), nil)
			return h.owner.Staff
		}},
		drop("5a", "payments", names(func(h *history) (typeid.Payment, typeid.Checkout) { return h.open.payment.ID, h.open.checkout })),
		drop("5a", "checkouts", names(func(h *history) (typeid.Checkout, typeid.Payment) { return h.both.checkout, h.both.payment.ID })),
		drop("3c 5a", "orders", names(func(h *history) (typeid.Order, typeid.OrderLine) { return h.open.orders[0].ID, h.open.lines[1].ID })),
		drop("3b 5a", "order_lines", names(func(h *history) (typeid.OrderLine, typeid.Hold) { return h.both.lines[0].ID, h.both.holds[0].ID })),
		set("2b 5a", "holds", "checkout_id = order_id", of(func(h *history) typeid.Hold { return h.both.holds[0].ID })),
		set("5a", "payment_splits", "payment_id = order_id", of(func(h *history) typeid.Split { return h.both.splits[0].ID })),
		{"a movement for an order that is not there", "5a", func(t *testing.T, _ *history, v *vandal) fmt.Stringer {
			t.Helper()
			var id typeid.Movement
			must(t, id.Scan(v.read(t, "SELECT id FROM stock_movements WHERE kind = 'RETURNED'").rows[0][0]))
			v.set(t, "stock_movements", id.UUID, "order_id = id")
			return id
		}},
		drop("3d 5b 5c 6b 6e 6f", "refunds", names(func(h *history) (typeid.Refund, typeid.StaffRequest) { return h.refund.ID, h.request.ID })),
		set("3i 5b", "refunds", "payment_id = order_id", of(func(h *history) typeid.Refund { return h.lateRefund.ID })),
		{"a refund of a line of another order", "5b", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.set(t, "refund_lines", h.line.ID.UUID, "order_line_id = ?", h.both.lines[0].ID)
			return h.line.ID
		}},
		{"a refund's return of another order's share", "3g 5b 6e", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.set(t, "split_returns", h.returns[0].ID.UUID, "split_id = ?", h.both.splits[0].ID)
			return h.returns[0].ID
		}},
		{"a parcel with a line of another order", "3m 5b", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			v.set(t, "shipment_lines", h.parcelLine.ID.UUID, "order_line_id = ?", h.both.lines[0].ID)
			return h.parcelLine.ID
		}},
		drop("3m 5b 5c", "shipments", names(func(h *history) (typeid.Shipment, typeid.StaffRequest) { return h.parcel.ID, h.shipAnswer.ID })),
		drop("5d", "jobs", func(h *history) (typeid.UUID, fmt.Stringer) { return h.notification.ID.UUID, h.notification.ID }),
		set("3m 5b", "shipments", "order_id = id", of(func(h *history) typeid.Shipment { return h.parcel.ID })),
	}
}

// word is a text that a report should have.
type word string

// String is the word.
func (w word) String() string { return string(w) }
