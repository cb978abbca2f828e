package order

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	entorder "holdfast/ent/order"
	"holdfast/ent/refund"
	"holdfast/ent/shipment"
	"holdfast/ent/shipmentline"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// How goods reach the buyer.
const (
	Express  = "EXPRESS"
	SameCity = "SAME_CITY"
	Virtual  = "VIRTUAL"
	PickUp   = "PICKUP"
)

const (
	maxCarrier  = 32
	maxTracking = 128
	// maxLines is how many lines an order has: those of one checkout.
	maxLines = 50
)

// LineInput is how many of an order line.
type LineInput struct {
	OrderLineID string
	Quantity    int
}

// ShipInput is one parcel, or one handing over.
type ShipInput struct {
	OrderID        string
	IdempotencyKey string
	// Method is one of EXPRESS, SAME_CITY, VIRTUAL and PICKUP. EXPRESS needs a carrier and a tracking number; others may have them.
	Method         string
	Carrier        *string
	TrackingNumber *string
	// Lines are what is in it; nil is all that is left to ship.
	Lines []LineInput
}

// tidy is the input with what is blank left out.
func (in ShipInput) tidy() ShipInput {
	in.Carrier, in.TrackingNumber = trimmed(in.Carrier), trimmed(in.TrackingNumber)
	if in.Carrier != nil {
		code := CarrierCode(*in.Carrier)
		in.Carrier = &code
	}
	return in
}

func trimmed(s *string) *string {
	if s == nil || strings.TrimSpace(*s) == "" {
		return nil
	}
	t := strings.TrimSpace(*s)
	return &t
}

func (in ShipInput) validate() error {
	if !slices.Contains([]string{Express, SameCity, Virtual, PickUp}, in.Method) {
		return fault.New(fault.Invalid, "there is no such way of shipping").At("input", "method")
	}
	switch {
	case in.Carrier == nil && in.Method == Express:
		return fault.New(fault.Invalid, "EXPRESS needs a carrier and a tracking number").At("input", "carrier")
	case in.Carrier != nil && !isCarrier(*in.Carrier):
		return fault.New(fault.Invalid, "a carrier is a code of 1 to %d letters, digits, - and _, such as SF", maxCarrier).At("input", "carrier")
	case in.TrackingNumber == nil && in.Method == Express:
		return fault.New(fault.Invalid, "EXPRESS needs a carrier and a tracking number").At("input", "trackingNumber")
	case in.TrackingNumber != nil && !isOneLine(*in.TrackingNumber, maxTracking):
		return fault.New(fault.Invalid, "this has %d to %d characters on one line", 1, maxTracking).At("input", "trackingNumber")
	case in.Lines != nil && len(in.Lines) == 0:
		return fault.New(fault.Invalid, "name at least one line, or leave lines out to ship all that is left").At("input", "lines")
	case len(in.Lines) > maxLines:
		return fault.New(fault.TooMany, "at most %d lines at once", maxLines).At("input", "lines")
	}
	return idempotency.CheckKey(in.IdempotencyKey)
}

func isCarrier(code string) bool {
	ok := len(code) <= maxCarrier
	for i := 0; ok && i < len(code); i++ {
		c := code[i]
		ok = c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	return ok
}

func isOneLine(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, unicode.IsControl)
}

// Ship sends lines of a paid order off, or all that is left of it, for staff of its shop, once for each idempotency key. A
// repeat gives the same shipment, and the order as it stands now. Once all lines have left, the order is SHIPPED. It fails
// with INVALID, TOO_MANY, NOT_FOUND, FORBIDDEN, CONFLICT and IDEMPOTENCY_KEY_REUSED.
func (d *Desk) Ship(ctx context.Context, who identity.Principal, in ShipInput) (*Order, *Shipment, error) {
	in = in.tidy()
	if err := in.validate(); err != nil {
		return nil, nil, err
	}
	o, err := d.ofStaff(ctx, who, in.OrderID, "input", "orderId")
	if err != nil {
		return nil, nil, err
	}
	hash, err := idempotency.HashOf(in)
	if err != nil {
		return nil, nil, err
	}
	now := d.now()
	done, err := idempotency.Once(ctx, d.db, idempotency.Request{
		Staff: who.Staff, Operation: "orderShip", Key: in.IdempotencyKey, Hash: hash, Now: now,
	}, func(ctx context.Context, tx *db.Tx) (string, error) {
		id, err := d.shipTx(ctx, tx, who, o, in, now)
		return id.String(), err
	})
	if err != nil {
		return nil, nil, err
	}
	d.moved([]typeid.Order{o.ID})
	return d.shipped(ctx, o.ID, done.Made)
}

// shipped reads the order and one of its shipments.
func (d *Desk) shipped(ctx context.Context, id typeid.Order, shipmentID string) (*Order, *Shipment, error) {
	row, err := d.db.Order.Get(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("read order %s: %w", id, err)
	}
	made, ok := typeid.Parse[typeid.Shipment](shipmentID)
	if !ok {
		return nil, nil, fmt.Errorf("read shipment: %q is no id of one", shipmentID)
	}
	parcel, err := d.db.Shipment.Get(ctx, made)
	if err != nil {
		return nil, nil, fmt.Errorf("read shipment %s: %w", made, err)
	}
	return orderOf(row), shipmentOf(parcel), nil
}

func (d *Desk) shipTx(ctx context.Context, tx *db.Tx, who identity.Principal, o *Order, in ShipInput, now time.Time) (typeid.Shipment, error) {
	status, err := lockTx(ctx, tx, o.ID)
	if err != nil {
		return typeid.Shipment{}, err
	}
	if err := notRefundingTx(ctx, tx, o); err != nil {
		return typeid.Shipment{}, err
	}
	lines, err := ProgressTx(ctx, tx, o.ID)
	if err != nil {
		return typeid.Shipment{}, err
	}
	parcel, err := decideShipment(status, lines, in.Lines)
	if err != nil {
		return typeid.Shipment{}, err
	}
	id := typeid.New[typeid.Shipment](now)
	if err := writeShipmentTx(ctx, tx, id, who, o, in, parcel, now); err != nil {
		return typeid.Shipment{}, err
	}
	if IsWhollyShipped(with(lines, parcel)) {
		err = d.BecomeShippedTx(ctx, tx, o.ID, now)
	} else {
		err = compareAndSet(tx.Order.Update().Where(entorder.ID(o.ID), entorder.Status(string(Paid))).AddVersion(1).Save(ctx))
	}
	if err != nil {
		return typeid.Shipment{}, fmt.Errorf("ship order %s: %w", o.ID, err)
	}
	return id, audit.RecordTx(ctx, tx, now, audit.Act{
		Shop: o.ShopID, Staff: who.Staff, Action: "orderShip", Subject: o.ID,
		Detail: shipDetail{id.String(), in.Method, in.Carrier, in.TrackingNumber, in.Lines},
	})
}

// shipDetail is what the audit log says of a shipment.
type shipDetail struct {
	ShipmentID     string      `json:"shipmentId"`
	Method         string      `json:"method"`
	Carrier        *string     `json:"carrier,omitempty"`
	TrackingNumber *string     `json:"trackingNumber,omitempty"`
	Lines          []LineInput `json:"lines,omitempty"`
}

// compareAndSet fails unless exactly one row was as it should be: what the lock promises, the rows prove.
func compareAndSet(n int, err error) error {
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows were as they should be, want 1", n)
	}
	return err
}

func writeShipmentTx(ctx context.Context, tx *db.Tx, id typeid.Shipment, who identity.Principal, o *Order, in ShipInput, parcel []ShipmentLine, now time.Time) error {
	if err := tx.Insert(ctx, shipment.Table, []string{
		shipment.FieldID, shipment.FieldOrderID, shipment.FieldShopID, shipment.FieldStaffID, shipment.FieldMethod,
		shipment.FieldCarrier, shipment.FieldTrackingNumber, shipment.FieldShippedAt,
	}, [][]any{{id, o.ID, o.ShopID, who.Staff, in.Method, in.Carrier, in.TrackingNumber, now}}); err != nil {
		return err
	}
	rows := make([][]any, len(parcel))
	for i, l := range parcel { // a microsecond apart: they are read in the order of their ids
		rows[i] = []any{typeid.New[typeid.ShipmentLine](now.Add(time.Duration(i) * time.Microsecond)), id, l.OrderLineID, l.Quantity}
	}
	return tx.Insert(ctx, shipmentline.Table, []string{
		shipmentline.FieldID, shipmentline.FieldShipmentID, shipmentline.FieldOrderLineID, shipmentline.FieldQuantity,
	}, rows)
}

// BecomeShippedTx makes a PAID order SHIPPED, in the transaction that has locked it and has found that all of it has left,
// and has whatever waits for that go on: shares that are due now, and its completion later. Callers tell of the order after COMMIT.
func (d *Desk) BecomeShippedTx(ctx context.Context, tx *db.Tx, id typeid.Order, now time.Time) error {
	if err := compareAndSet(tx.Order.Update().Where(entorder.ID(id), entorder.Status(string(Paid))).
		SetStatus(string(Shipped)).SetShippedAt(now).AddVersion(1).Save(ctx)); err != nil {
		return fmt.Errorf("order %s becomes SHIPPED: %w", id, err)
	}
	if d.set.Shipped != nil {
		if err := d.set.Shipped(ctx, tx, id, now); err != nil {
			return err
		}
	}
	return d.goOnTx(ctx, tx, id, now)
}

// goOnTx has the order's job run.
func (d *Desk) goOnTx(ctx context.Context, tx *db.Tx, id typeid.Order, now time.Time) error {
	if d.after == nil {
		return nil
	}
	return d.after(ctx, tx, id, now)
}

// decideShipment is what goes into a shipment of these lines, or of all that is left when asked is nil. It fails with CONFLICT,
// NOT_FOUND and INVALID.
func decideShipment(status Status, lines []LineProgress, asked []LineInput) ([]ShipmentLine, error) {
	switch status {
	case Paid:
	case PendingPayment:
		return nil, fault.New(fault.Conflict, "the order has not been paid; ship it when it is PAID")
	case Shipped, Completed:
		return nil, fault.New(fault.Conflict, "all of the order has been shipped")
	case Cancelled, Expired, Refunded:
		return nil, closed(status)
	}
	var parcel []ShipmentLine
	if asked == nil {
		for _, l := range lines {
			if left := l.Left(); left > 0 {
				parcel = append(parcel, ShipmentLine{OrderLineID: l.ID, Quantity: left})
			}
		}
		if len(parcel) == 0 {
			return nil, fault.New(fault.Conflict, "nothing is left to ship: name lines to ship what was refunded all the same")
		}
		return parcel, nil
	}
	for i, a := range asked {
		l, err := shippable(lines, parcel, a, strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		parcel = append(parcel, ShipmentLine{OrderLineID: l, Quantity: a.Quantity})
	}
	return parcel, nil
}

// shippable is the line that is asked for, unless it is unknown, in the parcel already, or there are not so many of it.
func shippable(lines []LineProgress, parcel []ShipmentLine, a LineInput, index string) (typeid.OrderLine, error) {
	id, ok := typeid.Parse[typeid.OrderLine](a.OrderLineID)
	at := slices.IndexFunc(lines, func(l LineProgress) bool { return l.ID == id })
	if !ok || at < 0 {
		return id, fault.New(fault.NotFound, "the order has no such line").At("input", "lines", index, "orderLineId")
	}
	if slices.ContainsFunc(parcel, func(l ShipmentLine) bool { return l.OrderLineID == id }) {
		return id, fault.New(fault.Invalid, "name each line once").At("input", "lines", index, "orderLineId")
	}
	most := lines[at].Most()
	switch {
	case most == 0:
		return id, fault.New(fault.Invalid, "all of this line has been shipped").At("input", "lines", index, "quantity")
	case a.Quantity < 1 || a.Quantity > most:
		return id, fault.New(fault.Invalid, "quantity must be %d to %d", 1, most).At("input", "lines", index, "quantity")
	}
	return id, nil
}

// notRefundingTx refuses an order whose money is all on its way back: it is REFUNDED as soon as the provider has said so.
func notRefundingTx(ctx context.Context, tx *db.Tx, o *Order) error {
	refunds, err := tx.Refund.Query().Where(refund.OrderID(o.ID)).All(ctx)
	if err != nil {
		return fmt.Errorf("read refunds of order %s: %w", o.ID, err)
	}
	left := o.Total.Amount
	for _, r := range refunds {
		left -= r.Amount
	}
	if len(refunds) > 0 && left == 0 {
		return closed(Refunded)
	}
	return nil
}
