package check_test

import (
	"fmt"
	"testing"

	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// ledgerPlants spoil the books, or have them say what did not happen.
func ledgerPlants() []plant {
	entry := func(movement func(h *history) typeid.UUID, of payment.Account, order func(h *history) *sale) func(h *history) (typeid.UUID, fmt.Stringer) {
		return func(h *history) (typeid.UUID, fmt.Stringer) {
			return h.entry(movement(h), of).UUID, order(h).orders[0].ID
		}
	}
	partly := func(h *history) *sale { return h.partly }
	paid := func(h *history) typeid.UUID { return h.partly.payment.ID.UUID }
	shared := func(h *history) typeid.UUID { return h.partly.splits[0].ID.UUID }
	returned := func(h *history) typeid.UUID { return h.returns[0].ID.UUID }
	refunded := func(h *history) typeid.UUID { return h.refund.ID.UUID }
	// again writes both sides of a movement down once more, as another movement.
	again := func(name, broken string, movement func(h *history) typeid.UUID, from, to payment.Account, as func(h *history) typeid.UUID) plant {
		return plant{name, broken, func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			id := as(h)
			for _, of := range []payment.Account{from, to} {
				v.copied(t, "ledger_entries", h.entry(movement(h), of).UUID, typeid.New[typeid.LedgerEntry](h.clock.Now()).UUID, map[string]any{"movement_id": id})
			}
			return h.partly.orders[0].ID
		}}
	}
	// fee has a payment's fee, and what was given back of it, be another; both sides of each say so.
	fee := func(name string, taken, given int) plant {
		return plant{name, "6f", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			for _, side := range []struct {
				of     typeid.UUID
				as     payment.Account
				amount int
			}{
				{paid(h), payment.OfReceiver, -taken},
				{paid(h), payment.OfProvider, taken},
				{refunded(h), payment.OfReceiver, given},
				{refunded(h), payment.OfProvider, -given},
			} {
				v.set(t, "ledger_entries", h.entry(side.of, side.as).UUID, fmt.Sprint("amount = ", side.amount))
			}
			return h.partly.orders[0].ID
		}}
	}
	fresh := func(h *history) typeid.UUID { return typeid.New[typeid.Link](h.clock.Now()).UUID }
	withheld := func(h *history) typeid.UUID { return h.returns[1].ID.UUID }
	unpaid := func(h *history) typeid.UUID { return h.open.payment.ID.UUID }
	return []plant{
		set("6a 6e", "ledger_entries", "amount = amount - 1", entry(paid, payment.OfBuyer, partly)),
		set("6a 6b 6e", "ledger_entries", "amount = amount + 1", entry(paid, payment.OfOrder, partly)),
		set("6a 6d 6e", "ledger_entries", "amount = amount + 1", entry(shared, payment.OfReceiver, partly)),
		set("6a 6b 6c 6e", "ledger_entries", "amount = -amount", entry(paid, payment.OfOrder, partly)),
		set("6a 6b 6c 6e", "ledger_entries", "amount = -amount", entry(func(h *history) typeid.UUID { return h.both.payment.ID.UUID }, payment.OfOrder,
			func(h *history) *sale { return h.both })), // of which nothing was refunded
		set("6a 6e", "ledger_entries", "currency = 'HKD'", entry(paid, payment.OfOrder, partly)),
		set("6e", "ledger_entries", "shop_id = order_id", entry(paid, payment.OfBuyer, partly)),
		set("6e", "ledger_entries", "account = 'PROVIDER'", entry(refunded, payment.OfBuyer, partly)),
		set("6d 6e", "ledger_entries", "receiver = 'another'", entry(shared, payment.OfReceiver, partly)),
		set("6a 6e 6f", "ledger_entries", "kind = 'FEE'", entry(shared, payment.OfOrder, partly)),
		drop("6a 6b 6c 6e", "ledger_entries", entry(returned, payment.OfOrder, partly)),
		drop("6a 6d 6e", "ledger_entries", entry(returned, payment.OfReceiver, partly)),
		{"a refund that is not in the books", "6b 6e", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			for _, of := range []payment.Account{payment.OfOrder, payment.OfBuyer} {
				v.drop(t, "ledger_entries", h.entry(h.refund.ID.UUID, of).UUID)
			}
			return h.partly.orders[0].ID
		}},
		again("a payment that was entered twice", "6b 6e", paid, payment.OfBuyer, payment.OfOrder, fresh),
		again("a payment that was not paid", "6b 6e", paid, payment.OfBuyer, payment.OfOrder, unpaid),
		again("a share that was withheld, and given back", "6b 6d 6e", returned, payment.OfReceiver, payment.OfOrder, withheld),
		set("6a", "ledger_entries", "amount = amount + 1", entry(paid, payment.OfProvider, partly)),
		set("6f", "ledger_entries", "receiver = 'another'", entry(paid, payment.OfReceiver, partly)),
		set("6a 6f", "ledger_entries", "amount = -amount", entry(paid, payment.OfProvider, partly)),
		fee("a fee above the payment", 401, 1),
		fee("more given back than was taken", 4, 5),
		again("a fee given back without a refund", "6f", refunded, payment.OfProvider, payment.OfReceiver, fresh),
		again("a fee of what was not paid", "6f", paid, payment.OfReceiver, payment.OfProvider, unpaid),
		{"a share of a long name, paid to another of one as long", "6d 6e 6f", func(t *testing.T, h *history, v *vandal) fmt.Stringer {
			t.Helper()
			const long = "'0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
			v.set(t, "payment_splits", shared(h), "receiver = "+long+"a'")
			v.set(t, "ledger_entries", h.entry(shared(h), payment.OfReceiver).UUID, "receiver = "+long+"b'")
			v.set(t, "ledger_entries", h.entry(returned(h), payment.OfReceiver).UUID, "receiver = "+long+"b'")
			return h.partly.orders[0].ID
		}},
	}
}
