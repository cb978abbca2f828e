package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/demo"
	"holdfast/internal/testdb"
	"holdfast/internal/wechatsim/sim"
)

type jobView struct {
	ID, Kind     string
	About        *struct{ ID string }
	RunAt        time.Time
	Attempts     int
	FailingSince *time.Time
	LastError    *string
}

const jobFields = `{ id kind about { id } runAt attempts failingSince lastError }`

type jobRetryPayload struct {
	payload
	Job *jobView
}

func (c *client) retries(t *testing.T, id string) jobRetryPayload {
	t.Helper()
	return ask[struct{ JobRetry jobRetryPayload }](t, c, `mutation($id: ID!) { jobRetry(jobId: $id) { job `+jobFields+userErrors+` } }`, vars{"id": id}).JobRetry
}

// stuckView is what an order says of what it still has to do, and of why it cannot.
type stuckView struct {
	Job     *jobView
	Splits  []struct{ Status, Failure string }
	Refunds []struct{ Status, Failure string }
}

func (c *client) stuck(t *testing.T, order string) stuckView {
	t.Helper()
	return ask[struct{ Order stuckView }](t, c, `query($id: ID!) { order(id: $id) { job `+jobFields+` splits { status failure } refunds { status failure } } }`,
		vars{"id": order}).Order
}

// TestStuck has WeChat refuse a share and keep a refund as abnormal: people read what is stuck and why, mend it, and try it again.
func TestStuck(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWeChatWorld(t, source)
		operator, merchant := w.staff(t, demo.Operator, demo.Password), w.merchant(t)
		buyer := w.buyer(t, "lin")
		placed := buyer.place(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 2000, 10)[0], 1)})
		placed.refused(t)
		o := placed.Checkout.Orders[0]
		w.wx.Misbehave(sim.Fault{On: "share.end", Kind: sim.Reject, Reason: "ACCOUNT_ABNORMAL"})
		w.pay(t, placed.Checkout, "lin")
		w.until(t, "the notice", placed.Checkout, func(o orderView) bool { return o.Status == "PAID" })
		w.advance(time.Minute)

		failure := func(at stuckView) string {
			for _, s := range at.Splits {
				if s.Status == "FAILED" {
					return s.Failure
				}
			}
			return ""
		}
		waitFor(t, "people to read why a share is refused", func() bool {
			w.advance(500 * time.Millisecond)
			at := operator.stuck(t, o.ID)
			return at.Job != nil && at.Job.LastError != nil && strings.Contains(*at.Job.LastError, "ACCOUNT_ABNORMAL") &&
				failure(at) == "WeChat Pay closed this share (ACCOUNT_ABNORMAL)" && at.Job.RunAt.Sub(w.now()) > 3*time.Second
		})
		stuck := w.listed(t, operator, o.ID)
		if got := merchant.stuck(t, o.ID).Job; got.ID != stuck.ID || got.LastError != nil || got.FailingSince == nil {
			t.Errorf("staff see %+v", got)
		}
		w.wx.Behave()
		again := merchant.retries(t, stuck.ID)
		again.refused(t)
		if again.Job.RunAt.After(w.now()) {
			t.Errorf("due at %v", again.Job.RunAt)
		}
		w.advance(2 * time.Second)
		waitFor(t, "the shares, of which one was tried by hand", func() bool {
			w.advance(time.Second)
			return allShared(w.orders(t, placed.Checkout)[0])
		})

		// A refund that does not reach the buyer keeps its number, and waits for a person.
		w.wx.Misbehave(sim.Fault{On: "refund.end", Kind: sim.Abnormal, Times: 1})
		merchant.refund(t, vars{"orderId": o.ID, "amount": moneyView{1000, "CNY"}}).refused(t)
		waitFor(t, "the refund to be abnormal", func() bool {
			w.advance(500 * time.Millisecond)
			at := merchant.stuck(t, o.ID)
			return len(at.Refunds) == 1 && strings.HasPrefix(at.Refunds[0].Failure, "ABNORMAL: ") && at.Refunds[0].Status == "FAILED"
		})
		if got := ask[struct {
			Order struct{ Refunds []struct{ Failure *string } }
		}](t, buyer, `query($id: ID!) { order(id: $id) { refunds { failure } } }`,
			vars{"id": o.ID}).Order.Refunds; len(got) != 1 || got[0].Failure != nil {
			t.Errorf("the buyer reads %+v", got)
		}
		w.settles(t, operator, o.ID)
		w.until(t, "the refund", placed.Checkout, func(o orderView) bool { return o.Refunded.Amount == 1000 })
		waitFor(t, "nothing to be left", func() bool { return merchant.stuck(t, o.ID).Job == nil })
		if got := merchant.stuck(t, o.ID).Refunds; fmt.Sprint(got) != "[{SUCCEEDED }]" || w.wx.Effects()["refund"] != 1 {
			t.Errorf("refunds %v, at WeChat %v", got, w.wx.Effects())
		}
		operator.retries(t, stuck.ID).refused(t, "NOT_FOUND")
		if wrong := w.wx.Audit(); len(wrong) > 0 {
			t.Errorf("WeChat's own books: %s", strings.Join(wrong, "\n"))
		}
	})
}

// listed is the job of an order as an operator finds it among all that fail, one a page.
func (w *weChatWorld) listed(t *testing.T, operator *client, order string) jobView {
	t.Helper()
	var found []jobView
	var after *string
	for more := true; more; {
		page := ask[struct {
			Jobs struct {
				Nodes    []jobView
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}](t, operator, `query($after: String) { jobs(first: 1, after: $after, kind: ORDER) { nodes `+jobFields+` pageInfo { hasNextPage endCursor } } }`, vars{"after": after}).Jobs
		found, after, more = append(found, page.Nodes...), page.PageInfo.EndCursor, page.PageInfo.HasNextPage
	}
	if len(found) != 1 || found[0].About == nil || found[0].About.ID != order || found[0].Kind != "ORDER" || found[0].FailingSince == nil ||
		found[0].LastError == nil || !strings.Contains(*found[0].LastError, "ACCOUNT_ABNORMAL") {
		text, _ := json.Marshal(found)
		t.Fatalf("what fails: %s", text)
	}
	if got := ask[struct{ Jobs struct{ Nodes []jobView } }](t, operator, `{ jobs(first: 9, kind: PAYMENT) { nodes `+jobFields+` } }`, nil).Jobs.Nodes; len(got) != 0 {
		t.Errorf("payments that fail: %+v", got)
	}
	return found[0]
}

// settles has an operator settle an abnormal refund on WeChat's merchant platform, of which the notice is lost, and try again here.
func (w *weChatWorld) settles(t *testing.T, operator *client, order string) {
	t.Helper()
	w.wx.Misbehave(sim.Fault{On: "notice.refund", Kind: sim.Lose, Times: 1})
	refunds := w.db.Refund.Query().AllX(t.Context())
	numbers := []string{}
	for _, r := range refunds {
		for _, m := range []string{sim.DemoMerchant, sim.DemoPartner} {
			if w.wx.ResolveRefund(m, r.ID.String()) {
				numbers = append(numbers, r.ID.String())
			}
		}
	}
	if diff := cmp.Diff([]string{refunds[0].ID.String()}, numbers); diff != "" {
		t.Fatalf("abnormal refunds (-want +got):\n%s", diff)
	}
	j := operator.stuck(t, order).Job
	if j == nil || j.LastError == nil || !strings.Contains(*j.LastError, "ABNORMAL: ") {
		t.Fatalf("job %+v", j)
	}
	operator.retries(t, j.ID).refused(t)
}
