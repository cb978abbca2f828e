package wechatpay_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/payment"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatpay"
	"holdfast/internal/wechatsim/sim"
)

// TestForged has each kind of forged notice come before the true one.
func TestForged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for kind, forged := range map[sim.Kind]bool{
			sim.ForgeSerial: true, sim.ForgeSignature: true, sim.ForgeProbe: true, sim.ForgeOld: true, sim.ForgeBody: true,
			sim.ForgeKey: false, // WeChat signed it: perhaps the APIv3 key was changed, and it may come again
		} {
			w.sim.Behave()
			w.sim.Misbehave(sim.Fault{On: "notice.*", Kind: kind, Times: 1})
			trade, _ := w.owe(false, 1999)
			w.pay(t, trade)
			heard := w.hear(t)
			if len(heard) != 2 {
				t.Fatalf("%s: %d notices", kind, len(heard))
			}
			wrong, right := heard[0], heard[1]
			if right.err != nil || right.notice.Payment != trade.ID {
				wrong, right = right, wrong
			}
			if wrong.err == nil || errors.Is(wrong.err, wechatpay.ErrForged) != forged {
				t.Errorf("%s: %v", kind, wrong.err)
			}
			if right.err != nil || right.notice.Payment != trade.ID {
				t.Errorf("%s: the true one: %+v %v", kind, right.notice, right.err)
			}
		}
	})
}

// TestNoticeByHand changes a true notice in ways that the simulator does not.
func TestNoticeByHand(t *testing.T) {
	w := first(t)
	trade, _ := w.owe(false, 1999)
	w.pay(t, trade)
	heard := w.hear(t)
	true1 := heard[0]
	read := func(h http.Header, body []byte) error {
		_, err := w.ReadNotice(t.Context(), h, body)
		return err
	}
	must(t, read(true1.header, true1.body))
	for name, change := range map[string]func(http.Header){
		"no signature":     func(h http.Header) { h.Del("Wechatpay-Signature") },
		"no nonce":         func(h http.Header) { h.Del("Wechatpay-Nonce") },
		"no serial":        func(h http.Header) { h.Del("Wechatpay-Serial") },
		"no time":          func(h http.Header) { h.Del("Wechatpay-Timestamp") },
		"another scheme":   func(h http.Header) { h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3") },
		"another nonce":    func(h http.Header) { h.Set("Wechatpay-Nonce", "abc") },
		"a time in words":  func(h http.Header) { h.Set("Wechatpay-Timestamp", "now") },
		"no base64":        func(h http.Header) { h.Set("Wechatpay-Signature", "???") },
		"signed by itself": func(h http.Header) { h.Set("Wechatpay-Serial", "1900000001") },
	} {
		h := true1.header.Clone()
		change(h)
		if err := read(h, true1.body); !errors.Is(err, wechatpay.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := read(true1.header, bytes.TrimSpace(append(bytes.Clone(true1.body), ' ', '\n'))); err != nil && !errors.Is(err, wechatpay.ErrForged) {
		t.Error(err)
	}
	if err := read(true1.header, append(bytes.Clone(true1.body), ' ')); !errors.Is(err, wechatpay.ErrForged) {
		t.Errorf("a blank more: %v", err)
	}
	w.clock.Advance(5*time.Minute - time.Second)
	must(t, read(true1.header, true1.body)) // again, which is normal
	w.clock.Advance(time.Second)
	if err := read(true1.header, true1.body); !errors.Is(err, wechatpay.ErrForged) {
		t.Errorf("replayed after 5 minutes: %v", err)
	}
}

// TestNoticeOfOthers has notices of payments that are not what they should be.
func TestNoticeOfOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, spoil := range map[string]func(*payment.Dossier){
			"forgotten":     func(d *payment.Dossier) { delete(w.dossiers, d.ID) },
			"other appId":   func(d *payment.Dossier) { d.AppID = "wxother" },
			"other amount":  func(d *payment.Dossier) { d.Orders[0].Total.Amount-- },
			"two orders":    func(d *payment.Dossier) { d.Orders = append(d.Orders, d.Orders[0]) },
			"other payment": func(d *payment.Dossier) { d.ID = typeid.New[typeid.Payment](morning) },
		} {
			trade, d := w.owe(false, 1999)
			w.pay(t, trade)
			w.mu.Lock()
			spoil(d)
			w.mu.Unlock()
			fresh := w.again(t)
			heard := w.hear(t)
			_, err := fresh.ReadNotice(t.Context(), heard[0].header, heard[0].body)
			if err == nil || errors.Is(err, wechatpay.ErrForged) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestRotation changes the platform certificate while the provider runs.
func TestRotation(t *testing.T) {
	for _, s := range []setup{setups[0], setups[2]} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			first, _ := w.owe(true, 1999)
			w.pay(t, first)
			if heard := w.hear(t); heard[0].err != nil {
				t.Fatal(heard[0].err)
			}
			w.clock.Advance(time.Minute)
			newer, err := w.sim.Rotate()
			must(t, err)
			second, _ := w.owe(true, 1999)
			w.pay(t, second)
			heard := w.hear(t)
			if heard[0].header.Get("Wechatpay-Serial") != newer.Serial {
				t.Fatal("the notice is not signed with the new certificate")
			}
			if heard[0].err != nil || heard[0].notice.Payment != second.ID {
				t.Errorf("a notice signed with a new certificate: %v", heard[0].err)
			}

			keys, err := keys()
			must(t, err)
			w.sim.Retire(keys.Platform[0].Serial)
			_, err = w.Query(t.Context(), second)
			must(t, err)
			stale := w.again(t)
			_, err = stale.Query(t.Context(), second)
			must(t, err)
			_, err = w.sim.Rotate()
			must(t, err)
			w.sim.Retire(newer.Serial) // which the provider has, and asks to be answered with
			if _, err = stale.Query(t.Context(), second); err != nil {
				t.Errorf("a certificate was taken away: %v", err)
			}
		})
	}
}

// TestCertificatesAway has WeChat silent when the certificates are needed: nothing is known then, and nothing forged.
func TestCertificatesAway(t *testing.T) {
	w := first(t)
	trade, _ := w.owe(false, 1999)
	w.pay(t, trade)
	heard := w.hear(t)
	p := w.again(t)
	w.sim.Misbehave(sim.Fault{On: "certificates", Kind: sim.FailBefore})
	_, err := p.Query(t.Context(), trade)
	unknown(t, err)
	w.clock.Advance(time.Second)
	_, err = p.ReadNotice(t.Context(), heard[0].header, heard[0].body)
	if err == nil || errors.Is(err, wechatpay.ErrForged) {
		t.Errorf("without certificates: %v", err)
	}
	w.sim.Behave()
	_, err = p.Query(t.Context(), trade)
	must(t, err)

	w.sim.Misbehave(sim.Fault{On: "certificates", Kind: sim.FailBefore})
	w.clock.Advance(13 * time.Hour)
	if _, err = p.Query(t.Context(), trade); err != nil {
		t.Errorf("old certificates do: %v", err)
	}
}

// TestCertificatesSilent has WeChat say nothing when the certificates are needed: whoever is in a hurry does not wait for who is not.
func TestCertificatesSilent(t *testing.T) {
	w := first(t)
	trade, _ := w.owe(false, 1999)
	w.sim.Misbehave(sim.Fault{On: "certificates", Kind: sim.HangBefore})
	asked := &counter{next: http.DefaultTransport, path: "/v3/certificates"}
	s := w.settings(t)
	s.Transport = asked
	p, err := wechatpay.New(s)
	must(t, err)
	patient, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := p.Query(patient, trade)
		unknown(t, err)
	})
	for asked.n.Load() == 0 && patient.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	hurried, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	_, err = p.Query(hurried, trade)
	unknown(t, err)
	if patient.Err() != nil {
		t.Error("it waited for another")
	}
	cancel()
	wg.Wait()
}

// TestForgedSerials has somebody name unknown certificates again and again.
func TestForgedSerials(t *testing.T) {
	w := first(t)
	trade, _ := w.owe(false, 1999)
	w.pay(t, trade)
	heard := w.hear(t)
	asked := &counter{next: http.DefaultTransport, path: "/v3/certificates"}
	s := w.settings(t)
	s.Transport = asked
	p, err := wechatpay.New(s)
	must(t, err)
	for i := range 100 {
		h := heard[0].header.Clone()
		h.Set("Wechatpay-Serial", strings.Repeat("A", i+1))
		if _, err := p.ReadNotice(context.WithoutCancel(t.Context()), h, heard[0].body); !errors.Is(err, wechatpay.ErrForged) {
			t.Fatal(err)
		}
	}
	if n := asked.n.Load(); n > 3 { // one for each merchant of the settings that uses certificates
		t.Errorf("%d requests for certificates", n)
	}
}

// counter counts the requests to a path.
type counter struct {
	next http.RoundTripper
	path string
	n    atomic.Int64
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == c.path {
		c.n.Add(1)
	}
	return c.next.RoundTrip(r)
}
