// Package addressbook keeps the addresses to which a buyer has goods sent. Orders copy them: what becomes of an entry changes
// no order.
package addressbook

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/address"
	"holdfast/internal/cart"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

// Max is how many addresses a buyer may have.
const Max = 50

// Entry is one address of a buyer.
type Entry struct {
	ID      typeid.Address
	BuyerID typeid.Buyer
	Address order.Address
	// IsDefault is true for the one that a checkout page shows first; a buyer has one such address at most.
	IsDefault bool
	CreatedAt time.Time
}

// LogValue keeps the address out of logs.
func (e Entry) LogValue() slog.Value { return slog.StringValue(e.ID.String()) }

// VisibleTo tells whether who may look at the entry: its buyer alone.
func (e *Entry) VisibleTo(who identity.Principal) bool {
	return who.IsBuyer() && e.BuyerID == who.Buyer
}

// Book reads and changes the address books of buyers.
type Book struct {
	db  *db.DB
	now clock.Clock
}

// New is the Book on d.
func New(d *db.DB, now clock.Clock) *Book { return &Book{db: d, now: now} }

// OfBuyer is the address book of a buyer: the default first, then the newest. Callers ask who may see it.
func (b *Book) OfBuyer(ctx context.Context, buyer typeid.Buyer) ([]*Entry, error) {
	rows, err := b.db.Address.Query().Where(address.BuyerID(buyer)).
		Order(ent.Desc(address.FieldIsDefault, address.FieldID)).All(ctx)
	return entriesOf(rows, err)
}

// ByIDs are those of these entries that exist. Callers ask Entry.VisibleTo.
func (b *Book) ByIDs(ctx context.Context, ids []typeid.Address) ([]*Entry, error) {
	rows, err := b.db.Address.Query().Where(address.IDIn(ids...)).All(ctx)
	return entriesOf(rows, err)
}

// SaveInput is an address as the buyer wants it kept.
type SaveInput struct {
	// AddressID is the entry to change; empty for a new one.
	AddressID string
	Address   order.Address
	// IsDefault takes the place of the default that was; false leaves the buyer without one if it was this.
	IsDefault bool
}

// Save adds an address to the buyer's book, or changes one. It fails with INVALID, NOT_FOUND and TOO_MANY.
func (b *Book) Save(ctx context.Context, who identity.Principal, in SaveInput) (*Entry, error) {
	if err := in.Address.Validate("input", "address"); err != nil {
		return nil, err
	}
	now := b.now()
	saved := &Entry{BuyerID: who.Buyer, Address: in.Address, IsDefault: in.IsDefault, CreatedAt: now}
	if in.AddressID != "" {
		var ok bool
		if saved.ID, ok = typeid.Parse[typeid.Address](in.AddressID); !ok {
			return nil, absent().At("input", "addressId")
		}
	}
	return db.WithTx(ctx, b.db, func(ctx context.Context, tx *db.Tx) (*Entry, error) {
		had, err := lockTx(ctx, tx, who)
		if err != nil {
			return nil, err
		}
		entry := *saved // a transaction that is run again begins anew
		if !entry.ID.IsZero() {
			known := had.find(entry.ID)
			if known == nil {
				return nil, absent().At("input", "addressId")
			}
			entry.CreatedAt = known.CreatedAt
		} else if len(had) >= Max {
			return nil, fault.New(fault.TooMany, "an address book has at most %d addresses", Max).At("input")
		}
		if entry.IsDefault {
			if err := takeDefaultTx(ctx, tx, who.Buyer); err != nil {
				return nil, err
			}
		}
		return &entry, writeTx(ctx, tx, &entry)
	})
}

// Delete takes an address out of the buyer's book. When it was the default, the newest of the others becomes it. It fails
// with NOT_FOUND.
func (b *Book) Delete(ctx context.Context, who identity.Principal, addressID string) error {
	id, ok := typeid.Parse[typeid.Address](addressID)
	if !ok {
		return absent().At("addressId")
	}
	_, err := db.WithTx(ctx, b.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, deleteTx(ctx, tx, who, id)
	})
	return err
}

func deleteTx(ctx context.Context, tx *db.Tx, who identity.Principal, id typeid.Address) error {
	had, err := lockTx(ctx, tx, who)
	if err != nil {
		return err
	}
	gone := had.find(id)
	if gone == nil {
		return absent().At("addressId")
	}
	if _, err := tx.Address.Delete().Where(address.ID(id)).Exec(ctx); err != nil {
		return fmt.Errorf("delete address: %w", err)
	}
	if !gone.IsDefault {
		return nil
	}
	for _, next := range had { // the newest first
		if next.ID == id {
			continue
		}
		if _, err := tx.Address.Update().Where(address.ID(next.ID)).SetIsDefault(true).Save(ctx); err != nil {
			return fmt.Errorf("make another address the default: %w", err)
		}
		break
	}
	return nil
}

// shelf is a buyer's entries while the buyer is locked, the newest first.
type shelf []*ent.Address

func (s shelf) find(id typeid.Address) *ent.Address {
	for _, e := range s {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// lockTx locks the buyer, and so the book, until the transaction ends. Without it two could each add the last address, or
// each make theirs the default.
func lockTx(ctx context.Context, tx *db.Tx, who identity.Principal) (shelf, error) {
	locked, err := cart.LockTx(ctx, tx, []typeid.Buyer{who.Buyer})
	if err != nil {
		return nil, err
	}
	if _, ok := locked[who.Buyer]; !ok {
		return nil, fault.New(fault.Forbidden, "only buyers may do this")
	}
	rows, err := tx.Address.Query().Where(address.BuyerID(who.Buyer)).Order(ent.Desc(address.FieldID)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read address book: %w", err)
	}
	return rows, nil
}

func takeDefaultTx(ctx context.Context, tx *db.Tx, buyer typeid.Buyer) error {
	if _, err := tx.Address.Update().Where(address.BuyerID(buyer), address.IsDefault(true)).SetIsDefault(false).Save(ctx); err != nil {
		return fmt.Errorf("take the default from another address: %w", err)
	}
	return nil
}

// writeTx inserts an entry that has no id yet, and gives it one; else it updates.
func writeTx(ctx context.Context, tx *db.Tx, e *Entry) error {
	a := e.Address
	columns := []string{
		address.FieldName, address.FieldPhone, address.FieldCountry, address.FieldProvince, address.FieldCity, address.FieldDistrict,
		address.FieldStreet, address.FieldPostalCode, address.FieldIsDefault,
	}
	values := []any{a.Name, a.Phone, a.Country, a.Province, a.City, a.District, a.Street, a.PostalCode, e.IsDefault}
	if e.ID.IsZero() {
		e.ID = typeid.New[typeid.Address](e.CreatedAt)
		columns = append(columns, address.FieldID, address.FieldBuyerID, address.FieldCreatedAt)
		return tx.Insert(ctx, address.Table, columns, [][]any{append(values, e.ID, e.BuyerID, e.CreatedAt)})
	}
	update := tx.SQL().Update(address.Table).Where(sql.EQ(address.FieldID, e.ID))
	for i, column := range columns {
		update.Set(column, values[i])
	}
	if _, err := tx.Exec(ctx, update); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	return nil
}

func absent() *fault.Error { return fault.New(fault.NotFound, "there is no such address") }

func entriesOf(rows []*ent.Address, err error) ([]*Entry, error) {
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	out := make([]*Entry, len(rows))
	for i, r := range rows {
		out[i] = &Entry{
			ID: r.ID, BuyerID: r.BuyerID, IsDefault: r.IsDefault, CreatedAt: r.CreatedAt,
			Address: order.Address{
				Name: r.Name, Phone: r.Phone, Country: r.Country, Province: r.Province, City: r.City, District: r.District,
				Street: r.Street, PostalCode: r.PostalCode,
			},
		}
	}
	return out, nil
}
