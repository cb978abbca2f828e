package wechat

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/clock"
	"holdfast/internal/money"
	"holdfast/internal/wechatsim/sim"
)

func paidMessage() Message {
	return Message{AppID: firstApp, OpenID: buyer, TemplateID: "paid", Page: "pages/order/order?id=1", Values: map[string]string{
		"character_string1": "ABC123", "amount2": AmountValue(money.New(120005, money.CNY)), "time3": TimeValue(morning),
	}}
}

func TestSend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.Know(firstApp, buyer)
	send := func(change func(*Message), want Result) {
		t.Helper()
		m := paidMessage()
		change(&m)
		got, err := w.Send(t.Context(), m)
		if want.Code != 0 { // the text is WeChat's
			got.Reason, want.Reason = "", ""
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	send(func(*Message) {}, Result{State: Declined, Code: 43101})
	w.sim.Accept(firstApp, buyer, "paid")
	send(func(m *Message) { m.OpenID = "oNobody" }, Result{State: BadRecipient, Code: 40003})
	send(func(m *Message) { m.TemplateID = "other" }, Result{State: BadTemplate, Code: 40037})
	send(func(m *Message) { m.Page = "pages/other" }, Result{State: BadPage, Code: 41030})
	send(func(m *Message) { m.Version = "beta" }, Result{State: Refused, Code: 47001})
	send(func(m *Message) { delete(m.Values, "time3") }, Result{State: BadArgument, Field: "time3", Code: 47003})
	send(func(m *Message) { m.Values["time3"] = "10" }, Result{State: BadArgument, Field: "time3", Code: 47003})
	send(func(m *Message) { m.Values["thing9"] = "x" }, Result{State: BadArgument, Field: "thing9", Code: 47003})
	asked := len(w.sent(messagePath))
	send(func(m *Message) { m.Values["time3"] = "soon" }, Result{State: BadArgument, Field: "time3", Reason: "has characters that it does not take"})
	w.wantCalls(t, messagePath, asked)
	for _, kind := range []sim.Kind{sim.Limit, sim.FailBefore} {
		w.sim.Misbehave(sim.Fault{On: "subscribe", Kind: kind, Times: 1})
		send(func(*Message) {}, Result{State: Later, Code: map[sim.Kind]int{sim.Limit: 45009, sim.FailBefore: -1}[kind]})
	}
	if n := len(w.sim.Messages(firstApp)); n != 0 {
		t.Errorf("%d messages", n)
	}
	send(func(*Message) {}, Result{State: Done})
	send(func(*Message) {}, Result{State: Declined, Code: 43101}) // the allowance was for one
	want := []sim.Message{{
		OpenID: buyer, Template: "paid", Page: "pages/order/order?id=1",
		Values: map[string]string{"character_string1": "ABC123", "amount2": "¥1200.05", "time3": "2026年3月4日 10:00"},
	}}
	if diff := cmp.Diff(want, w.sim.Messages(firstApp)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLostAnswer proves that a message which may have been sent is not sent again here, and that nobody says it was not.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.Know(firstApp, buyer)
	w.sim.Accept(firstApp, buyer, "paid")
	w.sim.Accept(firstApp, buyer, "paid")
	w.sim.Misbehave(sim.Fault{On: "subscribe", Kind: sim.CutAfter, Times: 1})
	if got, err := w.Send(t.Context(), paidMessage()); err == nil || len(w.sim.Messages(firstApp)) != 1 {
		t.Errorf("got %v, %v, and %d messages", got, err, len(w.sim.Messages(firstApp)))
	}
}

func TestLongThing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.Know(firstApp, buyer)
	w.sim.Accept(firstApp, buyer, "restock")
	m := Message{AppID: firstApp, OpenID: buyer, TemplateID: "restock", Values: map[string]string{"thing1": "茶\n" + strings.Repeat("叶<", 20)}}
	if got, err := w.Send(t.Context(), m); err != nil || got.State != Done {
		t.Fatalf("got %v, %v", got, err)
	}
	if got, want := w.sim.Messages(firstApp)[0].Values["thing1"], "茶 "+strings.Repeat("叶<", 8)+"叶…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if bodies := w.sent(messagePath); !strings.Contains(bodies[0], "叶<") {
		t.Errorf("escaped: %s", bodies)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat
	for _, test := range []struct{ key, value, want, bad string }{
		{"thing1", long("茶", 20), long("茶", 20), ""},
		{"thing12", long("茶", 21), long("茶", 19) + "…", ""},
		{"thing1", " \n ", "", "is empty"},
		{"thing1", "\xff", "", "is no text"},
		{"thing1", "a\x00b", "ab", ""},
		{"number1", long("1", 32), long("1", 32), ""},
		{"number1", long("1", 33), "", "has more than 32 characters"},
		{"number1", "1,5", "", "has characters that it does not take"},
		{"letter1", long("a", 32), long("a", 32), ""},
		{"letter1", long("a", 33), "", "has more than 32 characters"},
		{"letter1", "a1", "", "has characters that it does not take"},
		{"symbol1", "!!!!!", "!!!!!", ""},
		{"symbol1", "!!!!!!", "", "has more than 5 characters"},
		{"symbol1", "a", "", "has characters that it does not take"},
		{"character_string1", "ABC-12", "ABC-12", ""},
		{"character_string1", long("1", 33), "", "has more than 32 characters"},
		{"character_string1", "订单", "", "has characters that it does not take"},
		{"amount1", "¥12.00", "¥12.00", ""},
		{"amount1", "twelve", "", "has characters that it does not take"},
		{"phone_number1", "+86 13800138000", "+86 13800138000", ""},
		{"phone_number1", long("1", 18), "", "has more than 17 characters"},
		{"car_number1", "粤B12345", "粤B12345", ""},
		{"car_number1", "粤B12345678", "", "has more than 8 characters"},
		{"name1", long("雨", 21), "", "has more than 20 characters"},
		{"phrase1", "已经发货了", "已经发货了", ""},
		{"phrase1", "已经发货了呢", "", "has more than 5 characters"},
		{"phrase1", "shipped", "", "has more than 5 characters"},
		{"date1", TimeValue(morning), "2026年3月4日 10:00", ""},
		{"time1", "10:00~11:00", "10:00~11:00", ""},
		{"time1", "10:00～11:00", "", "has characters that it does not take"},
		{"later1", long("?", 99), long("?", 99), ""},
	} {
		if got, bad := fit(test.key, test.value); got != test.want || bad != test.bad {
			t.Errorf("%s %q: got %q, %q", test.key, test.value, got, bad)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"argument invalid! data.thing3.value invalid rid: 1": "thing3",
		"argument invalid! data.time2.value is empty":        "time2",
		"argument invalid! data.phone_number6 invalid":       "phone_number6",
		"argument invalid! data.thing9":                      "thing9",
		"argument invalid!":                                  "",
	} {
		if got := keywordIn(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
	if got := AmountValue(money.New(5, money.USD)); got != "$0.05" {
		t.Errorf("got %q", got)
	}
	if got := TimeValue(time.Date(2026, 12, 31, 16, 5, 0, 0, time.UTC)); got != "2027年1月1日 00:05" {
		t.Errorf("got %q", got)
	}
	if got := Cut("茶叶茶叶", 3); got != "茶叶…" {
		t.Errorf("got %q", got)
	}
}

// TestNobodyThere is the error after which a message may be sent again: there was no connection to ask over.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	at := httptest.NewServer(http.NotFoundHandler())
	at.Close()
	c, err := New(Settings{
		MiniPrograms: []MiniProgram{{AppID: "wxtest", Secret: "secret-of-the-app"}}, BaseURL: at.URL, Clock: clock.Of(time.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.OpenID(t.Context(), "wxtest", "code"); !errors.Is(err, ErrNotAsked) {
		t.Errorf("nobody was there: %v", err)
	}
	for key, want := range map[string]bool{"thing1": true, "character_string32": true, "thing": false, "thing1x": false, "1": false, "things1": false} {
		if got := IsKeyword(key); got != want {
			t.Errorf("%s is a keyword: %v", key, got)
		}
	}
}
