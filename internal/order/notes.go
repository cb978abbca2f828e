package order

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/ent"
	"holdfast/ent/ordernote"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

const (
	maxNote  = 500
	maxNotes = 100 // they are read all at once
)

// Note is what a member of staff wrote down about an order. Buyers never see it.
type Note struct {
	ID        typeid.OrderNote
	OrderID   typeid.Order
	StaffID   typeid.Staff
	Text      string
	CreatedAt time.Time
}

// AddNote writes a note down, for staff of the order's shop. The order's version stays. It fails with INVALID, NOT_FOUND,
// FORBIDDEN and TOO_MANY.
func (d *Desk) AddNote(ctx context.Context, who identity.Principal, orderID, text string) (*Note, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n == 0 || n > maxNote || !utf8.ValidString(text) {
		return nil, fault.New(fault.Invalid, "a note has 1 to %d characters", maxNote).At("text")
	}
	o, err := d.ofStaff(ctx, who, orderID, "orderId")
	if err != nil {
		return nil, err
	}
	now := d.now()
	note := &Note{ID: typeid.New[typeid.OrderNote](now), OrderID: o.ID, StaffID: who.Staff, Text: text, CreatedAt: now}
	return db.Repeat(ctx, d.db, func(ctx context.Context, tx *db.Tx) (*Note, error) {
		if _, err := lockTx(ctx, tx, o.ID); err != nil { // or two at once would pass the limit
			return nil, err
		}
		if again, err := tx.OrderNote.Query().Where(ordernote.ID(note.ID)).Count(ctx); err != nil || again > 0 {
			return note, err
		}
		n, err := tx.OrderNote.Query().Where(ordernote.OrderID(o.ID)).Count(ctx)
		if err != nil {
			return nil, fmt.Errorf("count notes of order %s: %w", o.ID, err)
		}
		if n >= maxNotes {
			return nil, fault.New(fault.TooMany, "an order has at most %d notes", maxNotes).At("orderId")
		}
		if err := tx.Insert(ctx, ordernote.Table, []string{
			ordernote.FieldID, ordernote.FieldOrderID, ordernote.FieldShopID, ordernote.FieldStaffID, ordernote.FieldText, ordernote.FieldCreatedAt,
		}, [][]any{{note.ID, o.ID, o.ShopID, who.Staff, text, now}}); err != nil {
			return nil, err
		}
		return note, audit.RecordTx(ctx, tx, now, audit.Act{
			Shop: o.ShopID, Staff: who.Staff, Action: "orderNoteAdd", Subject: o.ID, Detail: noteDetail{note.ID.String()},
		})
	})
}

// noteDetail is what the audit log says of a note: the text may hold an address, and stays where it is.
type noteDetail struct {
	NoteID string `json:"noteId"`
}

// NotesOf are the notes of these orders, oldest first. Callers ask who may see them.
func (o *Orders) NotesOf(ctx context.Context, orders []typeid.Order) ([]*Note, error) {
	rows, err := o.db.OrderNote.Query().Where(ordernote.OrderIDIn(orders...)).Order(ordernote.ByID()).All(ctx)
	return db.Map(rows, err, "read order notes", noteOf)
}

func noteOf(r *ent.OrderNote) *Note {
	return &Note{ID: r.ID, OrderID: r.OrderID, StaffID: r.StaffID, Text: r.Text, CreatedAt: r.CreatedAt}
}
