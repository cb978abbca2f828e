package payment_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent"
	"holdfast/internal/db"
	"holdfast/internal/page"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// ledgerWorld is checkouts by hand, and the books.
type ledgerWorld struct {
	*payment.Payments
	t     *testing.T
	db    *db.DB
	shops [2]typeid.Shop
	made  int

	mu   sync.Mutex
	seen []string
}

func newLedgerWorld(t *testing.T, kind testdb.Kind) *ledgerWorld {
	t.Helper()
	w := &ledgerWorld{t: t, shops: [2]typeid.Shop{typeid.New[typeid.Shop](start), typeid.New[typeid.Shop](start)}}
	w.db = testdb.Open(t, testdb.Source(t, kind), db.Options{OnStatement: func(text string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, text)
	}})
	w.Payments = payment.New(w.db)
	return w
}

// bought is a checkout with an order in each shop, of these totals. A tenth of each is the platform's.
type bought struct {
	checkout typeid.Checkout
	payment  typeid.Payment
	orders   []typeid.Order
	splits   [][2]typeid.Split
}

func (w *ledgerWorld) buy(totals ...int64) bought {
	w.t.Helper()
	ctx, end := w.t.Context(), start.Add(15*time.Minute)
	b := bought{checkout: typeid.New[typeid.Checkout](start), payment: typeid.New[typeid.Payment](start)}
	w.do(w.db.Checkout.Create().SetID(b.checkout).SetBuyerID(typeid.New[typeid.Buyer](start)).SetMiniProgramID(typeid.New[typeid.MiniProgram](start)).
		SetIdempotencyKey(b.checkout.String()).SetRequestHash(make([]byte, 32)).SetStatus("OPEN").SetPlacedAt(start).SetHeldUntil(end).Exec(ctx))
	var sum int64
	for i, total := range totals {
		w.made++
		id := typeid.New[typeid.Order](start.Add(time.Duration(w.made) * time.Millisecond))
		w.do(w.db.Order.Create().SetID(id).SetNumber(fmt.Sprint(w.made)).SetCheckoutID(b.checkout).SetBuyerID(typeid.New[typeid.Buyer](start)).SetShopID(w.shops[i]).
			SetStatus("PENDING_PAYMENT").SetCurrency("CNY").SetSubtotal(total).SetDiscount(0).SetShippingFee(0).SetTotal(total).SetRefunded(0).
			SetPlacedAt(start).SetHeldUntil(end).SetVersion(1).Exec(ctx))
		b.orders, b.splits = append(b.orders, id), append(b.splits, [2]typeid.Split{})
		sum += total
	}
	w.do(w.db.Payment.Create().SetID(b.payment).SetCheckoutID(b.checkout).SetBuyerID(typeid.New[typeid.Buyer](start)).SetStatus("PENDING").
		SetAmount(sum).SetCurrency("CNY").SetExpiresAt(end).Exec(ctx))
	for i, total := range totals {
		for n, amount := range [2]int64{total - total/10, total / 10} {
			b.splits[i][n] = typeid.New[typeid.Split](start)
			w.do(w.db.PaymentSplit.Create().SetID(b.splits[i][n]).SetPaymentID(b.payment).SetOrderID(b.orders[i]).SetShopID(w.shops[i]).
				SetReceiver([]string{"merchant", "platform"}[n]).SetRole([]string{"MERCHANT", "PLATFORM"}[n]).SetAmount(amount).SetReturned(0).
				SetCurrency("CNY").SetStatus("PROCESSING").SetPosition(n).Exec(ctx))
		}
	}
	return b
}

func (w *ledgerWorld) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refund asks for so much of the first order of b back, with a return of so much of its n-th share.
func (w *ledgerWorld) refund(b bought, n int, amount int64) (typeid.Refund, typeid.SplitReturn) {
	w.t.Helper()
	id, back := typeid.New[typeid.Refund](start), typeid.New[typeid.SplitReturn](start)
	w.do(w.db.Refund.Create().SetID(id).SetOrderID(b.orders[0]).SetPaymentID(b.payment).SetShopID(w.shops[0]).SetAmount(amount).SetCurrency("CNY").
		SetReason("test").SetStatus("PROCESSING").SetCreatedAt(start).Exec(w.t.Context()))
	w.do(w.db.SplitReturn.Create().SetID(back).SetRefundID(id).SetSplitID(b.splits[0][n]).SetShopID(w.shops[0]).SetAmount(amount).SetCurrency("CNY").
		SetStatus("PROCESSING").SetCreatedAt(start).Exec(w.t.Context()))
	return id, back
}

// record records m, and tells whether it was new.
func (w *ledgerWorld) record(m payment.Movement) bool {
	w.t.Helper()
	done, err := db.WithTx(w.t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (bool, error) { return payment.RecordTx(ctx, tx, m) })
	w.do(err)
	return done
}

func receipts(list ...bought) payment.MoneyReceived { return receiptsAt(time.Time{}, list...) }

// receiptsAt are the provider's of payments that were paid after a minute.
func receiptsAt(now time.Time, list ...bought) (out payment.MoneyReceived) {
	for _, b := range list {
		out = append(out, payment.Receipt{Checkout: b.checkout, Now: now, Answer: payment.Answer{
			State: payment.TradePaid, TransactionID: b.payment.String(), PaidAt: start.Add(time.Minute),
		}})
	}
	return out
}

func line(e *payment.Entry) string {
	receiver := ""
	if e.Receiver != nil {
		receiver = " " + *e.Receiver
	}
	return fmt.Sprintf("%s %s%s %d %s of %s, %s", e.Kind, e.Account, receiver, e.Amount.Amount, e.Amount.Currency, e.MovementID, e.CreatedAt.Sub(start))
}

func (w *ledgerWorld) lines(orders ...typeid.Order) (out []string) {
	w.t.Helper()
	found, err := w.EntriesOfOrders(w.t.Context(), orders)
	w.do(err)
	for _, e := range found {
		out = append(out, line(e))
	}
	return out
}

// Every movement is two entries between the right accounts, once; what moves nothing is none.
func TestEveryMovementIsEntered(t *testing.T) {
	t.Parallel()
	for _, kind := range three() {
		t.Run(string(kind), func(t *testing.T) {
			w := newLedgerWorld(t, kind)
			b, free := w.buy(1000, 500), w.buy(3, 0)
			at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
			w.record(receipts(b, free))
			soon, withheld := w.refund(b, 1, 40)
			early := payment.MoneyRefunded{Refund: soon, Now: at(2)}
			later, returned := w.refund(b, 0, 100)
			for _, m := range []payment.Movement{
				early,
				payment.ShareMade{Split: b.splits[0][0], Now: at(3)},
				payment.ShareReturned{Return: returned, Now: at(4)},
				payment.MoneyRefunded{Refund: later, Now: at(5)},
				payment.ShareMade{Split: free.splits[0][1], Now: at(6)}, // a tenth of 3 is nothing
			} {
				if !w.record(m) {
					t.Errorf("%T is not new", m)
				}
				if _, received := m.(payment.MoneyReceived); !received && w.record(m) {
					t.Errorf("%T had two effects", m)
				}
			}
			w.do(w.db.PaymentSplit.UpdateOneID(b.splits[0][1]).SetStatus("FAILED").Exec(t.Context()))
			if !w.record(payment.ShareWithheld{Return: withheld}) || w.record(payment.ShareWithheld{Return: withheld}) {
				t.Error("what was withheld is not recorded once")
			}
			w.do(w.db.PaymentSplit.UpdateOneID(b.splits[0][1]).SetStatus("PROCESSING").Exec(t.Context()))
			w.record(payment.ShareMade{Split: b.splits[0][1], Now: at(7)}) // less what was withheld

			want := []string{
				fmt.Sprintf("RECEIVED BUYER -1000 CNY of %s, 1m0s", b.payment), fmt.Sprintf("RECEIVED ORDER 1000 CNY of %s, 1m0s", b.payment),
				fmt.Sprintf("REFUNDED ORDER -40 CNY of %s, 2m0s", soon), fmt.Sprintf("REFUNDED BUYER 40 CNY of %s, 2m0s", soon),
				fmt.Sprintf("SHARED ORDER -900 CNY of %s, 3m0s", b.splits[0][0]), fmt.Sprintf("SHARED RECEIVER merchant 900 CNY of %s, 3m0s", b.splits[0][0]),
				fmt.Sprintf("RETURNED RECEIVER merchant -100 CNY of %s, 4m0s", returned), fmt.Sprintf("RETURNED ORDER 100 CNY of %s, 4m0s", returned),
				fmt.Sprintf("REFUNDED ORDER -100 CNY of %s, 5m0s", later), fmt.Sprintf("REFUNDED BUYER 100 CNY of %s, 5m0s", later),
				fmt.Sprintf("SHARED ORDER -60 CNY of %s, 7m0s", b.splits[0][1]), fmt.Sprintf("SHARED RECEIVER platform 60 CNY of %s, 7m0s", b.splits[0][1]),
			}
			if diff := cmp.Diff(want, w.lines(b.orders[0])); diff != "" {
				t.Errorf("the first order (-want +got):\n%s", diff)
			}
			want = []string{
				fmt.Sprintf("RECEIVED BUYER -500 CNY of %s, 1m0s", b.payment), fmt.Sprintf("RECEIVED ORDER 500 CNY of %s, 1m0s", b.payment),
				fmt.Sprintf("RECEIVED BUYER -3 CNY of %s, 1m0s", free.payment), fmt.Sprintf("RECEIVED ORDER 3 CNY of %s, 1m0s", free.payment),
			}
			if diff := cmp.Diff(want, w.lines(b.orders[1], free.orders[0], free.orders[1])); diff != "" {
				t.Errorf("the others (-want +got):\n%s", diff)
			}
			w.balances()
		})
	}
}

// balances are those of the shops of TestEveryMovementIsEntered.
func (w *ledgerWorld) balances() {
	w.t.Helper()
	found, err := w.BalancesOfShops(w.t.Context(), w.shops[:])
	w.do(err)
	got := make(map[typeid.Shop][]string)
	for _, b := range found {
		name := string(b.Account)
		if b.Receiver != nil {
			name += " " + *b.Receiver
		}
		got[b.ShopID] = append(got[b.ShopID], fmt.Sprint(name, " ", b.Amount.Amount, " ", b.Amount.Currency))
	}
	want := map[typeid.Shop][]string{
		w.shops[0]: {"BUYER -863 CNY", "ORDER 3 CNY", "RECEIVER merchant 800 CNY", "RECEIVER platform 60 CNY"},
		w.shops[1]: {"BUYER -500 CNY", "ORDER 500 CNY"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("balances (-want +got):\n%s", diff)
	}
}

// A receipt that does not fit, of a payment that was paid before, enters nothing, nor do those beside it.
func TestReceiptsAreEnteredTogether(t *testing.T) {
	t.Parallel()
	for _, kind := range two() {
		t.Run(string(kind), func(t *testing.T) {
			w := newLedgerWorld(t, kind)
			list := []bought{w.buy(100), w.buy(100)}
			if !w.record(receipts(list[0])) || w.record(receipts(list...)) {
				t.Error("a payment that was paid is paid again")
			}
			if got := w.lines(list[0].orders[0], list[1].orders[0]); len(got) != 2 {
				t.Errorf("got %q", got)
			}
			for range 20 {
				list = append(list, w.buy(100, 10))
			}
			var counts []int
			for _, batch := range [][]bought{list[2:3], list[3:]} {
				w.seen = nil
				w.record(receipts(batch...))
				counts = append(counts, len(w.seen))
			}
			if diff := cmp.Diff([]int{3, 3}, counts); diff != "" { // turn the payments, read the orders, enter both sides
				t.Errorf("statements for one and for many (-want +got):\n%s\n%s", diff, strings.Join(w.seen, "\n"))
			}
		})
	}
}

// The books of a shop are read newest first, page by page, the two sides of a movement beside each other; those of many with one statement.
func TestBooksOfShops(t *testing.T) {
	t.Parallel()
	for _, kind := range two() {
		t.Run(string(kind), func(t *testing.T) {
			w := newLedgerWorld(t, kind)
			for n := range 3 {
				w.record(receiptsAt(start.Add(time.Duration(n)*time.Hour), w.buy(int64(10*n+1), 7), w.buy(int64(10*n+2), 7)))
			}
			w.seen = nil
			var got []int64
			q := page.Query{First: 5}
			for {
				found, err := w.EntriesOfShops(t.Context(), w.shops[:], q)
				w.do(err)
				for _, e := range found[w.shops[0]].Items {
					got = append(got, e.Amount.Amount)
					q.After = e.ID.UUID
				}
				if !found[w.shops[0]].HasNext {
					break
				}
			}
			if len(w.seen) != 3 || len(got) != 12 {
				t.Fatalf("%d statements, entries %d", len(w.seen), got)
			}
			for i := 0; i < len(got); i += 2 {
				if got[i] <= 0 || got[i] != -got[i+1] {
					t.Errorf("the sides of a movement are apart: %d", got)
				}
			}
			if got[0] < 20 || got[11] > -1 || got[11] < -2 {
				t.Errorf("not newest first: %d", got)
			}
			if _, err := w.EntriesOfShops(t.Context(), w.shops[:], page.Query{First: 101}); err == nil {
				t.Error("a page of 101")
			}
			entry := w.db.LedgerEntry.Query().FirstX(t.Context())
			w.entryTwice(entry)
		})
	}
}

// entryTwice tries to write an entry down again.
func (w *ledgerWorld) entryTwice(e *ent.LedgerEntry) {
	w.t.Helper()
	err := w.db.LedgerEntry.Create().SetID(typeid.New[typeid.LedgerEntry](start)).SetKind(e.Kind).SetMovementID(e.MovementID).SetOrderID(e.OrderID).
		SetShopID(e.ShopID).SetAccount(e.Account).SetReceiver(e.Receiver).SetAmount(1).SetCurrency("CNY").SetCreatedAt(start).Exec(w.t.Context())
	if !db.IsDuplicate(err) {
		w.t.Errorf("an entry was written twice: %v", err)
	}
}
