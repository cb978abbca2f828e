package checkout

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"time"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/hold"
	entorder "holdfast/ent/order"
	"holdfast/ent/orderline"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/internal/cart"
	"holdfast/internal/db"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// table is rows of one table, which take one statement however many requests they are of.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// insertTx writes what was placed, parents before children, and takes it out of carts.
func insertTx(ctx context.Context, tx *db.Tx, winners []*planned) error {
	if len(winners) == 0 {
		return nil
	}
	lines, holds := lineTables(winners)
	for _, t := range []table{checkoutTable(winners), orderTable(winners), lines, holds, paymentTable(winners), splitTable(winners)} {
		if err := tx.InsertLater(ctx, t.name, t.columns, t.rows); err != nil {
			return err
		}
	}
	taken := make(map[typeid.Buyer][]typeid.Variant)
	for _, w := range winners {
		if w.takeOut {
			taken[w.buyer] = append(taken[w.buyer], w.plan.variants()...)
		}
	}
	return cart.TakeTx(ctx, tx, taken)
}

func checkoutTable(winners []*planned) table {
	t := table{entcheckout.Table, []string{
		entcheckout.FieldID, entcheckout.FieldBuyerID, entcheckout.FieldMiniProgramID, entcheckout.FieldIdempotencyKey,
		entcheckout.FieldRequestHash, entcheckout.FieldStatus, entcheckout.FieldPlacedAt, entcheckout.FieldHeldUntil,
	}, nil}
	for _, w := range winners {
		t.rows = append(t.rows, []any{w.id, w.buyer, w.mini, w.key, w.hash[:], string(w.status()), w.placedAt, w.heldUntil})
	}
	return t
}

func paymentTable(winners []*planned) table {
	t := table{entpayment.Table, []string{
		entpayment.FieldID, entpayment.FieldCheckoutID, entpayment.FieldBuyerID, entpayment.FieldStatus,
		entpayment.FieldAmount, entpayment.FieldCurrency, entpayment.FieldExpiresAt, entpayment.FieldPaidAt,
	}, nil}
	for _, w := range winners {
		state := stateOf(w.status())
		t.rows = append(t.rows, []any{
			w.payment, w.id, w.buyer, string(state.payment), w.plan.Total.Amount, string(w.plan.Total.Currency), w.heldUntil, w.paidAt(),
		})
	}
	return t
}

func orderTable(winners []*planned) table {
	t := table{entorder.Table, []string{
		entorder.FieldID, entorder.FieldNumber, entorder.FieldCheckoutID, entorder.FieldBuyerID, entorder.FieldShopID, entorder.FieldStatus,
		entorder.FieldCurrency, entorder.FieldSubtotal, entorder.FieldDiscount, entorder.FieldShippingFee, entorder.FieldTotal, entorder.FieldRefunded,
		entorder.FieldNote, entorder.FieldPlacedAt, entorder.FieldHeldUntil, entorder.FieldPaidAt, entorder.FieldVersion,
		entorder.FieldShipName, entorder.FieldShipPhone, entorder.FieldShipCountry, entorder.FieldShipProvince, entorder.FieldShipCity,
		entorder.FieldShipDistrict, entorder.FieldShipStreet, entorder.FieldShipPostalCode,
	}, nil}
	for _, w := range winners {
		state := stateOf(w.status())
		for i, o := range w.plan.Orders {
			t.rows = append(t.rows, append([]any{
				w.orders[i], orderNumber(), w.id, w.buyer, o.Shop, string(state.order),
				string(o.Total.Currency), o.Total.Amount, 0, 0, o.Total.Amount, 0,
				o.Note, w.placedAt, w.heldUntil, w.paidAt(), int64(1),
			}, address(o.ShipTo)...))
		}
	}
	return t
}

func address(a *order.Address) []any {
	if a == nil {
		return make([]any, 8)
	}
	return []any{a.Name, a.Phone, a.Country, a.Province, a.City, a.District, a.Street, a.PostalCode}
}

func lineTables(winners []*planned) (lines, holds table) {
	lines = table{orderline.Table, []string{
		orderline.FieldID, orderline.FieldOrderID, orderline.FieldShopID, orderline.FieldVariantID, orderline.FieldTitle, orderline.FieldSku,
		orderline.FieldImageURL, orderline.FieldUnitPrice, orderline.FieldQuantity, orderline.FieldAmount, orderline.FieldCurrency, orderline.FieldPosition,
	}, nil}
	holds = table{hold.Table, []string{
		hold.FieldID, hold.FieldShopID, hold.FieldBuyerID, hold.FieldVariantID, hold.FieldCheckoutID, hold.FieldOrderID,
		hold.FieldOrderLineID, hold.FieldQuantity, hold.FieldStatus, hold.FieldExpiresAt,
	}, nil}
	for _, w := range winners {
		state := stateOf(w.status())
		for i, o := range w.plan.Orders {
			for n, l := range o.Lines {
				id := typeid.New[typeid.OrderLine](w.placedAt)
				lines.rows = append(lines.rows, []any{
					id, w.orders[i], o.Shop, l.Item.ID, l.Item.FullTitle(), l.Item.SKU, imageURL(l), l.Item.Price.Amount,
					l.Quantity, l.Amount.Amount, string(l.Amount.Currency), n,
				})
				holds.rows = append(holds.rows, []any{
					typeid.New[typeid.Hold](w.placedAt), o.Shop, w.buyer, l.Item.ID, w.id, w.orders[i], id, l.Quantity, state.hold, w.heldUntil,
				})
			}
		}
	}
	return lines, holds
}

func imageURL(l PlannedLine) any {
	if l.Item.ImageURL == "" {
		return nil
	}
	return l.Item.ImageURL
}

func splitTable(winners []*planned) table {
	t := table{paymentsplit.Table, []string{
		paymentsplit.FieldID, paymentsplit.FieldPaymentID, paymentsplit.FieldOrderID, paymentsplit.FieldShopID, paymentsplit.FieldReceiver,
		paymentsplit.FieldRole, paymentsplit.FieldAmount, paymentsplit.FieldReturned, paymentsplit.FieldCurrency, paymentsplit.FieldStatus, paymentsplit.FieldPosition,
	}, nil}
	for _, w := range winners {
		for i, o := range w.plan.Orders {
			for n, s := range o.Splits {
				t.rows = append(t.rows, []any{
					typeid.New[typeid.Split](w.placedAt), w.payment, w.orders[i], o.Shop, s.Receiver,
					s.Role, s.Amount.Amount, 0, string(s.Amount.Currency), payment.SplitPlanned, n,
				})
			}
		}
	}
	return t
}

// paidAt is when a request that costs nothing is paid; nil for all others.
func (p *planned) paidAt() *time.Time {
	if p.status() == Open {
		return nil
	}
	return &p.placedAt
}

// numberBytes of randomness make an order number of 16 characters, which nobody guesses and nobody counts by.
const numberBytes = 10

// orderNumber is what people call an order by: Crockford's base32 in capitals, without letters that look like digits.
func orderNumber() string {
	var b [numberBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(b[:])
}
