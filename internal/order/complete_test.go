package order_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	eachDesk(t, both(), func(t *testing.T, w *desk) {
		ctx := t.Context()
		id, _ := w.paid(t, 1)
		_, err := w.Complete(ctx, w.buyer, id.String())
		checkRefusal(t, "not shipped", err, fault.Conflict, []string{"orderId"})
		_, _, err = w.Ship(ctx, w.owner, parcel(id, "ship"))
		must(t, err)
		for name, who := range map[string]identity.Principal{"its staff": w.owner, "another buyer": {Buyer: w.buyers[1]}, "nobody": {}} {
			_, err := w.Complete(ctx, who, id.String())
			checkRefusal(t, name, err, fault.NotFound, []string{"orderId"})
		}
		_, err = w.Complete(ctx, w.buyer, "x")
		checkRefusal(t, "no id", err, fault.NotFound, []string{"orderId"})
		w.clock.Advance(time.Hour)
		at := w.clock.Now()
		w.told()
		for range 2 {
			got, err := w.Complete(ctx, w.buyer, id.String())
			must(t, err)
			if got.Status != order.Completed || got.Version != 3 || got.CompletedAt == nil || !got.CompletedAt.Equal(at) {
				t.Errorf("completed: %+v", got)
			}
			w.clock.Advance(time.Hour)
		}
		if told := w.told(); len(told) == 0 || told[0] != id {
			t.Errorf("told of %v", told)
		}
		for _, status := range []order.Status{order.PendingPayment, order.Cancelled, order.Expired, order.Refunded} {
			_, err := w.Complete(ctx, w.buyer, w.add(t, 0, 0, status, "", "sku").String())
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", status, err)
			}
		}
	})
}

func TestCompleteDue(t *testing.T) {
	t.Parallel()
	eachDesk(t, both(), func(t *testing.T, w *desk) {
		id, _ := w.paid(t, 1)
		_, _, err := w.Ship(t.Context(), w.owner, parcel(id, "ship"))
		must(t, err)
		due := w.clock.Now().Add(completeAfter)
		try := func(id typeid.Order, now time.Time) (done bool, next time.Time) {
			must(t, w.tx(t, func(ctx context.Context, tx *db.Tx) (err error) {
				done, next, err = w.CompleteDueTx(ctx, tx, id, now)
				return err
			}))
			return done, next
		}
		if done, next := try(id, due.Add(-time.Microsecond)); done || !next.Equal(due) {
			t.Errorf("a microsecond early: %v, next %v, want %v", done, next, due)
		}
		if done, next := try(id, due); !done || !next.IsZero() {
			t.Errorf("when it is due: %v, next %v", done, next)
		}
		if got := w.read(t, id); got.Status != order.Completed || got.Version != 3 || !got.CompletedAt.Equal(due) {
			t.Errorf("completed by itself: %+v", got)
		}
		paid, _ := w.paid(t, 1)
		for name, other := range map[string]typeid.Order{"again": id, "not shipped": paid, "no order": typeid.New[typeid.Order](start)} {
			if done, next := try(other, due.Add(time.Hour)); done || !next.IsZero() {
				t.Errorf("%s: %v, next %v", name, done, next)
			}
		}
	})
}

func TestNotes(t *testing.T) {
	t.Parallel()
	eachDesk(t, both(), func(t *testing.T, w *desk) {
		ctx := t.Context()
		id, _ := w.paid(t, 1)
		other, _ := w.paid(t, 1)
		long := strings.Repeat("茶", 500)
		var want []*order.Note
		for _, text := range []string{"客户要求周五送货\n请先打电话", long} {
			made, err := w.AddNote(ctx, w.clerk, id.String(), " "+text+"\n")
			must(t, err)
			want = append(want, &order.Note{ID: made.ID, OrderID: id, StaffID: w.clerk.Staff, Text: text, CreatedAt: w.clock.Now()})
			w.clock.Advance(time.Second)
		}
		made, err := w.AddNote(ctx, w.owner, other.String(), "x")
		must(t, err)
		got, err := w.orders.NotesOf(ctx, []typeid.Order{id, other})
		must(t, err)
		same := cmp.Comparer(func(a, b order.Note) bool {
			return a.CreatedAt.Equal(b.CreatedAt) && a.ID == b.ID && a.StaffID == b.StaffID && a.OrderID == b.OrderID && a.Text == b.Text
		})
		if d := cmp.Diff(append(want, made), got, same); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if v := w.read(t, id).Version; v != 1 || w.audited(t, id) != "orderNoteAdd orderNoteAdd" {
			t.Errorf("version %d, audited %q", v, w.audited(t, id))
		}
		for name, tc := range map[string]struct {
			who      identity.Principal
			id, text string
			code     fault.Code
			field    []string
		}{
			"blank":          {w.owner, id.String(), " \n", fault.Invalid, []string{"text"}},
			"too long":       {w.owner, id.String(), long + "茶", fault.Invalid, []string{"text"}},
			"not UTF-8":      {w.owner, id.String(), "\xff", fault.Invalid, []string{"text"}},
			"another shop's": {w.owner, w.add(t, 0, 1, order.Paid, "", "sku").String(), "x", fault.NotFound, []string{"orderId"}},
			"its buyer":      {w.buyer, id.String(), "x", fault.Forbidden, nil},
			"nobody":         {identity.Principal{}, id.String(), "x", fault.NotFound, []string{"orderId"}},
		} {
			_, err := w.AddNote(ctx, tc.who, tc.id, tc.text)
			checkRefusal(t, name, err, tc.code, tc.field)
		}
		// The last free place is taken once.
		must(t, w.tx(t, func(ctx context.Context, tx *db.Tx) error {
			for i := range 98 {
				if err := tx.OrderNote.Create().SetID(typeid.New[typeid.OrderNote](start)).SetOrderID(other).SetShopID(w.shops[0]).
					SetStaffID(w.owner.Staff).SetText(fmt.Sprint(i)).SetCreatedAt(start).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		}))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := w.AddNote(ctx, w.owner, other.String(), "last"); err != nil && !fault.Is(err, fault.TooMany) {
					t.Errorf("one too many: %v", err)
				}
			})
		}
		wg.Wait()
		if got, err := w.orders.NotesOf(ctx, []typeid.Order{other}); err != nil || len(got) != 100 {
			t.Errorf("%d notes (%v), want 100", len(got), err)
		}
	})
}
