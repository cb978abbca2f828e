package main

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/order"
	"holdfast/internal/spreadsheet"
	"holdfast/internal/typeid"
)

// exportOrders is GET /files/orders.csv?shop=ID[&from=][&before=][&status=PAID,SHIPPED]: one row an order line, newest order
// first, for the shop's staff and operators.
func (f *files) exportOrders(out *stream, r *http.Request) error {
	_, shop, err := f.shop(r)
	if err != nil {
		return err
	}
	filter, err := orderFilter(r)
	if err != nil {
		return err
	}
	out.name = "orders.csv"
	sheet := spreadsheet.NewWriter(out, "order", "status", "placed_at", "paid_at", "note", "receiver", "phone", "address",
		"sku", "title", "quantity", "unit_price", "amount", "order_total", "order_refunded", "currency")
	ctx := r.Context()
	if err := f.orders.Each(ctx, shop, filter, func(batch []*order.Order) error {
		if err := f.writeOrders(ctx, sheet, batch); err != nil {
			return err
		}
		if err := sheet.Flush(); err != nil {
			return err
		}
		return out.flush()
	}); err != nil {
		return err
	}
	return sheet.Flush()
}

func (f *files) writeOrders(ctx context.Context, sheet *spreadsheet.Writer, batch []*order.Order) error {
	ids := make([]typeid.Order, len(batch))
	for i, o := range batch {
		ids[i] = o.ID
	}
	all, err := f.orders.Lines(ctx, ids)
	if err != nil {
		return err
	}
	lines := make(map[typeid.Order][]*order.Line, len(batch))
	for _, l := range all {
		lines[l.OrderID] = append(lines[l.OrderID], l)
	}
	for _, o := range batch {
		to := order.Address{}
		if o.ShipTo != nil {
			to = *o.ShipTo
		}
		for _, l := range lines[o.ID] {
			if err := sheet.Row(
				spreadsheet.Text(o.Number), spreadsheet.Text(string(o.Status)), spreadsheet.Time(o.PlacedAt), spreadsheet.TimeOr(o.PaidAt),
				spreadsheet.TextOr(o.Note), spreadsheet.Text(to.Name), spreadsheet.Text(to.Phone), spreadsheet.Text(place(to)),
				spreadsheet.Text(l.SKU), spreadsheet.Text(l.Title), spreadsheet.Number(l.Quantity), spreadsheet.Amount(l.UnitPrice),
				spreadsheet.Amount(l.Amount), spreadsheet.Amount(o.Total), spreadsheet.Amount(o.Refunded), spreadsheet.Currency(o.Total),
			); err != nil {
				return err
			}
		}
	}
	return nil
}

// place is an address on one line, from the large to the small.
func place(a order.Address) string {
	parts := []string{a.Province, a.City}
	if a.District != nil {
		parts = append(parts, *a.District)
	}
	parts = append(parts, a.Street)
	if a.PostalCode != nil {
		parts = append(parts, *a.PostalCode)
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// movementBatch is how many movements are put together with their orders' numbers and staff's e-mail addresses at once.
const movementBatch = 500

// exportMovements is GET /files/movements.csv?shop=ID[&from=][&before=]: one row a movement of the shop's stock, variant by
// variant, oldest first, for the shop's staff and operators.
func (f *files) exportMovements(out *stream, r *http.Request) error {
	_, shop, err := f.shop(r)
	if err != nil {
		return err
	}
	from, before, err := period(r)
	if err != nil {
		return err
	}
	out.name = "movements.csv"
	sheet := spreadsheet.NewWriter(out, "sku", "kind", "on_hand_delta", "held_delta", "version", "order", "staff", "reason", "at")
	ctx := r.Context()
	batch := make([]*inventory.Exported, 0, movementBatch)
	write := func() error {
		if err := f.writeMovements(ctx, sheet, batch); err != nil {
			return err
		}
		batch = batch[:0]
		if err := sheet.Flush(); err != nil {
			return err
		}
		return out.flush()
	}
	if err := f.stock.EachMovement(ctx, shop, from, before, func(m *inventory.Exported) error {
		if batch = append(batch, m); len(batch) < movementBatch {
			return nil
		}
		return write()
	}); err != nil {
		return err
	}
	return write()
}

func (f *files) writeMovements(ctx context.Context, sheet *spreadsheet.Writer, batch []*inventory.Exported) error {
	numbers, emails, err := f.names(ctx, batch)
	if err != nil {
		return err
	}
	for _, m := range batch {
		var number, email string
		if m.OrderID != nil {
			number = numbers[*m.OrderID]
		}
		if m.StaffID != nil {
			email = emails[*m.StaffID].Email
		}
		if err := sheet.Row(
			spreadsheet.Text(m.SKU), spreadsheet.Text(string(m.Kind)), spreadsheet.Number(m.OnHandDelta), spreadsheet.Number(m.HeldDelta),
			spreadsheet.Number(m.Version), spreadsheet.Text(number), spreadsheet.Text(email), spreadsheet.TextOr(m.Reason), spreadsheet.Time(m.CreatedAt),
		); err != nil {
			return err
		}
	}
	return nil
}

// names are the numbers of the orders and the members of staff that movements name: two statements at most.
func (f *files) names(ctx context.Context, batch []*inventory.Exported) (numbers map[typeid.Order]string, people map[typeid.Staff]identity.StaffMember, err error) {
	orders, staff := make(map[typeid.Order]bool), make(map[typeid.Staff]bool)
	for _, m := range batch {
		if m.OrderID != nil {
			orders[*m.OrderID] = true
		}
		if m.StaffID != nil {
			staff[*m.StaffID] = true
		}
	}
	numbers = make(map[typeid.Order]string, len(orders))
	if len(orders) > 0 {
		found, err := f.orders.ByIDs(ctx, slices.Collect(maps.Keys(orders)))
		if err != nil {
			return nil, nil, err
		}
		for _, o := range found {
			numbers[o.ID] = o.Number
		}
	}
	if len(staff) > 0 {
		people, err = f.staff(ctx, slices.Collect(maps.Keys(staff)))
	}
	return numbers, people, err
}
