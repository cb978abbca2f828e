package job_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// TestFailing pages through what fails, the longest first, while some of it is done.
func TestFailing(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		fails := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) { return time.Time{}, errors.New("broken") })
		answer.Store(&fails)
		pays := func(ids ...typeid.UUID) {
			now := w.clock.Now()
			_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
				return struct{}{}, job.AddTx(ctx, tx, now, now, job.Payment, ids...)
			})
			must(t, err)
		}
		w.add(t, time.Hour, id(1)) // which waits
		w.add(t, 0, id(9))
		w.run(t, 1)
		w.clock.Advance(time.Microsecond)
		w.add(t, 0, id(5), id(3))
		pays(id(4)) // of which there is no handler
		w.run(t, 3)
		w.clock.Advance(time.Microsecond)
		w.add(t, 0, id(2))
		w.run(t, 1)

		read := func(q job.Query) (got []byte, last job.Mark, more bool) {
			t.Helper()
			p, err := w.queue.Failing(t.Context(), q)
			must(t, err)
			for _, j := range p.Items {
				got, last = append(got, j.ID.UUID[15]), j.Mark()
				if j.Attempts != 1 || j.LastError == nil || j.FailingSince == nil {
					t.Errorf("job %+v", j)
				}
			}
			return got, last, p.HasNext
		}
		if got, _, more := read(job.Query{First: 5}); !slices.Equal(got, []byte{9, 3, 4, 5, 2}) || more {
			t.Errorf("all: %v, %t", got, more)
		}
		if got, _, _ := read(job.Query{First: 9, Kind: job.Payment}); !slices.Equal(got, []byte{4}) {
			t.Errorf("of payments: %v", got)
		}
		got, last, more := read(job.Query{First: 2})
		if !slices.Equal(got, []byte{9, 3}) || !more {
			t.Errorf("first page: %v, %t", got, more)
		}
		must(t, w.db.Job.DeleteOneID(typeid.From[typeid.Job](id(3))).Exec(t.Context())) // the last of the page is done
		got, last, more = read(job.Query{First: 2, After: last})
		if !slices.Equal(got, []byte{4, 5}) || !more {
			t.Errorf("second page: %v, %t", got, more)
		}
		if got, _, more = read(job.Query{First: 2, After: last}); !slices.Equal(got, []byte{2}) || more {
			t.Errorf("last page: %v, %t", got, more)
		}
		for _, first := range []int{0, 101} {
			if _, err := w.queue.Failing(t.Context(), job.Query{First: first}); !fault.Is(err, fault.BadRequest) {
				t.Errorf("%d at once: %v", first, err)
			}
		}
	})
}

// TestRetry tries a job by hand: who may, what is refused, and what it does.
func TestRetry(t *testing.T) {
	each(t, []testdb.Kind{testdb.MySQL, testdb.SQLite}, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		order, shop := w.anOrder(t)
		of := typeid.From[typeid.Job](order.UUID).String()
		staff := func(role identity.Role, at typeid.Shop) identity.Principal {
			return identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(at, role)
		}
		operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
		owner := staff(identity.Owner, shop)
		retry := func(who identity.Principal, jobID string) error {
			_, err := w.queue.Retry(t.Context(), who, jobID)
			return err
		}
		if err := retry(operator, of); !fault.Is(err, fault.NotFound) {
			t.Errorf("there is no job: %v", err)
		}
		fails := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) { return time.Time{}, job.ErrRefused })
		answer.Store(&fails)
		w.add(t, 0, order.UUID)
		for range 4 {
			w.run(t, 1)
			w.clock.Advance(64 * time.Second)
		}
		w.run(t, 1) // again in 256 s
		for name, tc := range map[string]struct {
			who  identity.Principal
			id   string
			want fault.Code
		}{
			"nobody":                   {identity.Principal{}, of, fault.NotFound},
			"a buyer":                  {identity.Principal{Buyer: typeid.New[typeid.Buyer](w.clock.Now())}, of, fault.NotFound},
			"an owner of another shop": {staff(identity.Owner, typeid.New[typeid.Shop](w.clock.Now())), of, fault.NotFound},
			"a clerk":                  {staff(identity.Clerk, shop), of, fault.Forbidden},
			"an id of something else":  {operator, order.String(), fault.NotFound},
			"no id":                    {operator, "x", fault.NotFound},
			"a job that there is not":  {operator, typeid.New[typeid.Job](w.clock.Now()).String(), fault.NotFound},
		} {
			if err := retry(tc.who, tc.id); !fault.Is(err, tc.want) {
				t.Errorf("%s: %v, want %s", name, err, tc.want)
			}
		}
		w.run(t, 0)
		for _, who := range []identity.Principal{owner, operator} {
			must(t, retry(who, of))
			w.run(t, 1)
			w.run(t, 0)
		}
		// While it runs, it is not forgotten.
		must(t, retry(owner, of))
		runs := 0
		again := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) {
			if runs++; runs == 1 {
				return time.Time{}, retry(owner, of)
			}
			return time.Time{}, nil
		})
		answer.Store(&again)
		w.run(t, 2)
		w.left(t, 0)
		rows, err := w.db.AuditEntry.Query().All(t.Context())
		must(t, err)
		if len(rows) != 4 || rows[0].ShopID != shop || rows[0].Action != "jobRetry" || rows[0].Subject != order.String() {
			t.Errorf("audit log: %v", rows)
		}
		// A payment is nobody's but the platform's.
		now := w.clock.Now()
		_, err = db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			return struct{}{}, job.AddTx(ctx, tx, now, now.Add(time.Hour), job.Payment, id(7))
		})
		must(t, err)
		pays := typeid.From[typeid.Job](id(7)).String()
		if err := retry(owner, pays); !fault.Is(err, fault.NotFound) {
			t.Errorf("an owner, a payment: %v", err)
		}
		got, err := w.queue.Retry(t.Context(), operator, pays)
		if must(t, err); !got.RunAt.Equal(w.clock.Now()) || got.Kind != job.Payment {
			t.Errorf("job %+v", got)
		}
	})
}

// anOrder is an order of which nothing is of interest but its shop.
func (w *world) anOrder(t *testing.T) (typeid.Order, typeid.Shop) {
	t.Helper()
	now := w.clock.Now()
	buyer, shop, checkout, order := typeid.New[typeid.Buyer](now), typeid.New[typeid.Shop](now), typeid.New[typeid.Checkout](now), typeid.New[typeid.Order](now)
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		if err := tx.Checkout.Create().SetID(checkout).SetBuyerID(buyer).SetMiniProgramID(typeid.New[typeid.MiniProgram](now)).
			SetIdempotencyKey("k").SetRequestHash(make([]byte, 32)).SetStatus("PAID").SetPlacedAt(now).SetHeldUntil(now).Exec(ctx); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Order.Create().SetID(order).SetNumber("1").SetCheckoutID(checkout).SetBuyerID(buyer).SetShopID(shop).SetStatus("PAID").
			SetCurrency("CNY").SetSubtotal(1).SetDiscount(0).SetShippingFee(0).SetTotal(1).SetRefunded(0).SetPlacedAt(now).
			SetHeldUntil(now).SetVersion(1).Exec(ctx)
	})
	must(t, err)
	return order, shop
}
