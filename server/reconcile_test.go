package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent/ledgerentry"
	"holdfast/ent/paymentsplit"
	entreconciliation "holdfast/ent/reconciliation"
	"holdfast/internal/check"
	"holdfast/internal/check/checktest"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatsim/sim"
)

var beijing = time.FixedZone("CST", 8*60*60)

type reconciliationView struct {
	Merchant, Day, Status              string
	Payments, Refunds, DifferenceCount int
	Received, Refunded, Fees           moneyView
	ComparedAt                         *string
	Differences                        struct{ Nodes []differenceView }
}

type differenceView struct {
	Kind, Subject string
	OrderID       *string
	Here, There   moneyView
}

const reconciliationFields = `{ merchant day status payments refunds differenceCount received { amount currency } refunded { amount currency }
	fees { amount currency } comparedAt differences(first: 100) { nodes { kind subject orderId here { amount currency } there { amount currency } } } }`

func (w *weChatWorld) operator(t *testing.T) *client {
	t.Helper()
	return w.staff(t, demo.Operator, demo.Password)
}

// reconciled waits until a day has been compared.
func (w *weChatWorld) reconciled(t *testing.T, merchant, day string) (found reconciliationView) {
	t.Helper()
	operator := w.operator(t)
	waitFor(t, "the reconciliation of "+day, func() bool {
		list := ask[struct {
			Reconciliations struct{ Nodes []reconciliationView }
		}](t, operator, `query($m: String!) { reconciliations(first: 10, merchant: $m) { nodes `+reconciliationFields+` } }`, vars{"m": merchant})
		for _, one := range list.Reconciliations.Nodes {
			if one.Day == day && one.Status != "PENDING" {
				found = one
				return true
			}
		}
		w.advance(time.Second)
		return false
	})
	return found
}

// compareAgain has an operator compare a day again.
func (w *weChatWorld) compareAgain(t *testing.T, merchant, day string) reconciliationView {
	t.Helper()
	got := ask[struct {
		ReconciliationRun struct {
			payload
			Reconciliation reconciliationView
		}
	}](t, w.operator(t), `mutation($m: String!, $d: String!) { reconciliationRun(merchant: $m, day: $d) { reconciliation `+reconciliationFields+` `+userErrors+` } }`,
		vars{"m": merchant, "d": day}).ReconciliationRun
	got.refused(t)
	return got.Reconciliation
}

// at lets time pass until a clock in Beijing shows this, on this day or the next.
func (w *weChatWorld) at(clock string) {
	now := w.now().In(beijing)
	then, _ := time.ParseInLocation(time.DateTime, now.Format(time.DateOnly)+" "+clock, beijing)
	if !then.After(now) {
		then = then.AddDate(0, 0, 1)
	}
	w.advance(then.Sub(now))
	w.admin = nil // whose session has ended by then
}

// TestReconciliation is a day that agrees with WeChat's bills, fees and all, whose last payment falls on midnight; then the bills and the rows
// are spoilt, and exactly that is found. In partner mode the bills are the service provider's.
func TestReconciliation(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		t.Run("partner", func(t *testing.T) {
			(&reconcileStory{weChatWorld: newWeChatWorld(t, source), mchID: sim.DemoPartner}).run(t)
		})
	})
}

// TestReconciliationOfMerchant is the same in merchant mode, where shares and returns are in the fund-flow bill.
func TestReconciliationOfMerchant(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWeChatWorld(t, source, func(made *sim.World) {
			made.Merchants = slices.DeleteFunc(slices.Clone(made.Merchants), func(m sim.Merchant) bool { return m.Partner })
		})
		w.db.Shop.Update().SetReceiver(sim.DemoMerchant).ExecX(t.Context())
		(&reconcileStory{weChatWorld: w, mchID: sim.DemoMerchant, shares: true}).run(t)
	})
}

type reconcileStory struct {
	*weChatWorld

	mchID  string
	shares bool // are in the bill
	day    string
	both   *checkoutView
	last   *checkoutView
}

func (s *reconcileStory) run(t *testing.T) {
	s.clean(t)
	s.again(t)
	if got := s.provider(t); got != "" {
		t.Errorf("the provider says something else: %s", got)
	}
	s.nextDay(t)
	s.spoil(t)
	s.command(t)
}

// clean is the day.
func (s *reconcileStory) clean(t *testing.T) {
	t.Helper()
	s.at("20:00:00")
	s.day = s.now().In(beijing).Format(time.DateOnly)
	shops := s.shops(t)
	tea, cup := s.goods(t, shops[0], 1999, 100)[0], s.goods(t, shops[1], 4200, 100)[0]
	buyer := s.buyer(t, "lin")
	placed := buyer.place(t, vars{"lines": lines(tea, 2, cup, 1)})
	placed.refused(t)
	s.both = placed.Checkout
	s.pay(t, s.both, "lin")
	s.until(t, "the notice", s.both, func(o orderView) bool { return o.Status == "PAID" })
	s.advance(time.Minute)
	s.until(t, "the shares", s.both, allShared)
	s.merchant(t).refund(t, vars{"orderId": s.both.Orders[0].ID, "amount": moneyView{1999, "CNY"}}).refused(t)
	s.merchant(t).refund(t, vars{"orderId": s.both.Orders[1].ID}).refused(t)
	s.until(t, "the refunds", s.both, func(o orderView) bool { return o.Refunded.Amount > 0 })

	s.at("23:59:30")
	buyer = s.buyer(t, "wang")
	placed = buyer.place(t, vars{"lines": lines(tea, 1)})
	placed.refused(t)
	s.last = placed.Checkout
	s.wx.Misbehave(sim.Fault{On: "notice.transaction", Kind: sim.Delay, Chance: 1, Delay: 5 * time.Second})
	s.at("23:59:59")
	s.pay(t, s.last, "wang")
	s.until(t, "the payment of midnight", s.last, func(o orderView) bool { return o.Status == "PAID" })
	s.wx.Behave()
	if got := s.db.LedgerEntry.Query().Where(ledgerentry.OrderID(orderOf(t, s.last.Orders[0].ID))).FirstX(t.Context()).CreatedAt; got.In(beijing).Format(time.DateOnly) == s.day {
		t.Fatalf("it was recorded before midnight: %s", got)
	}
	s.at("10:31:00")
	got := s.reconciled(t, s.mchID, s.day)
	want := reconciliationView{
		Merchant: s.mchID, Day: s.day, Status: "MATCHED", Payments: 3, Refunds: 2, Received: moneyView{3*1999 + 4200, "CNY"},
		Refunded: moneyView{1999 + 4200, "CNY"}, Fees: moneyView{s.feesThere(), "CNY"}, ComparedAt: got.ComparedAt,
	}
	want.Differences.Nodes = []differenceView{}
	if diff := cmp.Diff(want, got); diff != "" || got.ComparedAt == nil {
		t.Errorf("the day (-want +got):\n%s", diff)
	}
	s.feesHere(t, 5, s.feesThere())
	checktest.Must(t, s.db)
}

func orderOf(t *testing.T, text string) typeid.Order {
	t.Helper()
	id, ok := typeid.Parse[typeid.Order](text)
	if !ok {
		t.Fatalf("%q is no order", text)
	}
	return id
}

// feesThere is what WeChat took, less what it gave back.
func (s *reconcileStory) feesThere() (sum int64) {
	for _, trade := range s.wx.Trades() {
		sum += trade.Fee - trade.FeeBack
	}
	return sum
}

// feesHere wants so many fees in the books, of this sum.
func (s *reconcileStory) feesHere(t *testing.T, count int, sum int64) {
	t.Helper()
	rows := s.db.LedgerEntry.Query().Where(ledgerentry.Account("PROVIDER")).AllX(t.Context())
	var got int64
	for _, r := range rows {
		got += r.Amount
	}
	if len(rows) != count || got != sum || sum == 0 {
		t.Errorf("%d fees of %d are in the books, want %d of %d", len(rows), got, count, sum)
	}
}

// again compares the day as a process does that follows one that died after writing the fees down: nothing changes.
func (s *reconcileStory) again(t *testing.T) {
	t.Helper()
	before := s.reconciled(t, s.mchID, s.day)
	s.db.Reconciliation.Update().Where(entreconciliation.Day(s.day)).SetStatus("PENDING").ClearComparedAt().SetPayments(0).ExecX(t.Context())
	for range 2 {
		after := s.compareAgain(t, s.mchID, s.day)
		after.ComparedAt = before.ComparedAt
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("compared again (-want +got):\n%s", diff)
		}
	}
	s.feesHere(t, 5, s.feesThere())
	for m, want := range map[string]string{"1999999999": "NOT_FOUND", s.mchID: "INVALID"} {
		got := s.operator(t).outcome(t, request{
			`mutation($m: String!, $d: String!) { it: reconciliationRun(merchant: $m, day: $d) { ` + userErrors + ` } }`,
			vars{"m": m, "d": s.now().In(beijing).Format(time.DateOnly)},
		})
		if got != want {
			t.Errorf("of %s: %s, want %s", m, got, want)
		}
	}
}

// nextDay has nothing in its bills; the payment of midnight was recorded on it.
func (s *reconcileStory) nextDay(t *testing.T) {
	t.Helper()
	waitFor(t, "the shares of midnight", func() bool { // else a day passes between WeChat's answer and ours
		s.advance(time.Minute) // what was paid long ago is asked about rarely
		return s.db.PaymentSplit.Query().Where(paymentsplit.StatusIn("PLANNED", "PROCESSING", "FAILED")).CountX(t.Context()) == 0
	})
	s.at("10:31:00")
	day, _ := time.ParseInLocation(time.DateOnly, s.day, beijing)
	if got := s.reconciled(t, s.mchID, day.AddDate(0, 0, 1).Format(time.DateOnly)); got.Status != "MATCHED" || got.Payments != 0 {
		t.Errorf("the day after: %+v", got)
	}
}

// provider asks WeChat about everything, and returns what differs.
func (s *reconcileStory) provider(t *testing.T) string {
	t.Helper()
	report, err := check.Provider(t.Context(), s.db, s.weChat.pay, s.now().Add(-72*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range report.Results {
		if r.Looked == 0 {
			t.Errorf("%s looked at nothing", r.Number)
		}
		if r.Broken > 0 {
			out = append(out, r.Number)
		}
	}
	return strings.Join(out, " ")
}

// spoil has the bill say another amount of one payment and nothing of another, WeChat move money that nobody asked for, and loses a refund.
func (s *reconcileStory) spoil(t *testing.T) {
	t.Helper()
	s.unchecked = true
	ctx := t.Context()
	wrong, gone := s.both.Orders[0].ID, s.last.Payment.ID
	day, _ := time.ParseInLocation(time.DateTime, s.day+" 12:00:00", beijing)
	if !s.wx.Misreport(s.mchID, wrong, 4000) || !s.wx.Misreport(s.mchID, gone, -1) {
		t.Fatal("there is no such payment")
	}
	invented := typeid.New[typeid.Split](s.now()).String()
	s.wx.Invent(s.mchID, invented, 77, day)
	refund := s.db.Refund.Query().AllX(ctx)[0]
	back := refund.QueryReturns().AllX(ctx)
	for _, statement := range []string{"DELETE FROM split_returns WHERE refund_id = ?", "DELETE FROM refund_lines WHERE refund_id = ?", "DELETE FROM refunds WHERE id = ?"} {
		if _, err := s.db.ExecContext(ctx, statement, refund.ID); err != nil {
			t.Fatal(err)
		}
	}
	// The last is of the day on which it was written down.
	want := []string{
		fmt.Sprint("AMOUNT ", wrong, " ", wrong, " 3998 4000"),
		fmt.Sprint("ONLY_THERE ", refund.ID, " ", "none", " 0 ", refund.Amount),
		fmt.Sprint("ONLY_THERE ", invented, " none 0 77"),
	}
	if s.shares {
		for _, one := range back {
			if s.db.LedgerEntry.Query().Where(ledgerentry.MovementID(one.ID.UUID)).CountX(ctx) > 0 && !s.own(t, one.SplitID) {
				want = append(want, fmt.Sprint("ONLY_THERE ", one.ID, " none 0 ", one.Amount))
			}
		}
	}
	slices.Sort(want)
	for range 2 {
		got := s.compareAgain(t, s.mchID, s.day)
		if diff := cmp.Diff(want, spelled(got)); diff != "" || got.Status != "DIFFERENT" || got.DifferenceCount != len(want) {
			t.Errorf("the spoilt day, %d %s (-want +got):\n%s", got.DifferenceCount, got.Status, diff)
		}
	}
	last := s.compareAgain(t, s.mchID, day.AddDate(0, 0, 1).Format(time.DateOnly))
	if diff := cmp.Diff([]string{fmt.Sprint("ONLY_HERE ", gone, " ", s.last.Orders[0].ID, " 1999 0")}, spelled(last)); diff != "" {
		t.Errorf("the day after (-want +got):\n%s", diff)
	}
	s.feesHere(t, 5, s.feesThere())
	if _, err := s.db.ExecContext(ctx, "UPDATE refunds SET amount = amount + 1"); err != nil {
		t.Fatal(err)
	}
	paid, _ := typeid.Parse[typeid.Payment](gone)
	if _, err := s.db.ExecContext(ctx, "UPDATE payments SET amount = amount + 1 WHERE id = ?", paid); err != nil {
		t.Fatal(err)
	}
	if got := s.provider(t); got != "7a 7b" {
		t.Errorf("the provider differs in %q, want 7a 7b", got)
	}
}

func (s *reconcileStory) own(t *testing.T, split typeid.Split) bool {
	t.Helper()
	return s.db.PaymentSplit.GetX(t.Context(), split).Role == "MERCHANT"
}

func spelled(r reconciliationView) []string {
	out := []string{}
	for _, d := range r.Differences.Nodes {
		order := "none"
		if d.OrderID != nil {
			order = *d.OrderID
		}
		out = append(out, fmt.Sprint(d.Kind, " ", d.Subject, " ", order, " ", d.Here.Amount, " ", d.There.Amount))
	}
	slices.Sort(out)
	return out
}

// command compares the day by hand.
func (s *reconcileStory) command(t *testing.T) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	a := *s.app
	a.out = out
	c := &reconcileCommand{Day: s.day, Merchant: s.mchID}
	c.Database, c.WeChat = s.source, s.cfg.WeChat
	err = c.Run(t.Context(), &a)
	text, _ := os.ReadFile(out.Name())
	if err == nil || !strings.Contains(err.Error(), "different things") || !strings.Contains(string(text), "DIFFERENT") || !strings.Contains(string(text), "AMOUNT "+s.both.Orders[0].ID) {
		t.Errorf("server reconcile: %v\n%s", err, text)
	}
	c.Merchant = "1999999999"
	if err := c.Run(t.Context(), &a); err == nil || !strings.Contains(err.Error(), "no such merchant") {
		t.Errorf("of another merchant: %v", err)
	}
}

// TestReconcileWithoutWeChat says what is missing.
func TestReconcileWithoutWeChat(t *testing.T) {
	t.Parallel()
	env := []string{"HOLDFAST_DATABASE=" + testdb.Empty(t, testdb.SQLite), "HOLDFAST_DEMO=false"}
	if p := run(t, t.TempDir(), "", env, "reconcile"); p.code != 1 || !strings.Contains(lastLine(p.err.String()), "HOLDFAST_WECHAT") {
		t.Errorf("reconcile: ended with %d: %s", p.code, p.err.String())
	}
	if p := run(t, t.TempDir(), "", env, "migrate"); p.code != 0 {
		t.Fatal(p.err.String())
	}
	if p := run(t, t.TempDir(), "", env, "check", "--provider", "24h"); p.code != 1 || !strings.Contains(lastLine(p.err.String()), "HOLDFAST_WECHAT") {
		t.Errorf("check: ended with %d: %s", p.code, p.err.String())
	}
	if p := run(t, t.TempDir(), "", append(env, "HOLDFAST_DEMO=true"), "check", "--provider", "24h"); p.code != 0 || !strings.Contains(p.out.String(), "\n7d  ok") {
		t.Errorf("check with the sandbox: ended with %d: %s", p.code, p.err.String())
	}
}
