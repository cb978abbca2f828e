package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// noticeDeadline is how long WeChat waits for an answer.
const noticeDeadline = 5 * time.Second

// pauses are between the attempts to deliver a notice; after the last one WeChat gives up.
var pauses = []time.Duration{ //nolint:gochecknoglobals // a constant
	15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	30 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
}

// notice is one to be delivered, again and again until it is taken.
type notice struct {
	merchant *merchant
	name     string
	url      string
	id       string
	body     []byte
	due      time.Time
	attempt  int
	forged   Kind // never tried again
	flying   bool
	done     bool
}

// Delivery is one attempt to deliver a notice. Took is the real time until the answer.
type Delivery struct {
	ID, Name string
	Forged   Kind // empty for a true one
	Attempt  int
	Status   int // 0 when there was no answer
	Took     time.Duration
}

// Taken tells whether the notice was accepted.
func (d Delivery) Taken() bool { return d.Status == http.StatusOK || d.Status == http.StatusNoContent }

// Deliveries are all attempts so far.
func (s *Sim) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Undelivered is how many notices are still to be taken, and how many were given up.
func (s *Sim) Undelivered() (open, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.notices {
		switch {
		case n.forged != "":
		case n.done:
			lost++
		default:
			open++
		}
	}
	return open, lost
}

// notify seals what happened and puts it into the queue, as often and as late as the faults say.
func (s *Sim) notify(m *merchant, name, url, event, original, summary string, plain object) {
	if url == "" {
		return
	}
	n := &notice{merchant: m, name: name, url: url, id: s.uuid(), due: s.now()}
	n.body = s.sealed(n.id, m.APIv3Key, event, original, summary, plain)
	if s.draw(name, "", Lose) != nil {
		return
	}
	if f := s.draw(name, "", ForgeSerial, ForgeSignature, ForgeProbe, ForgeOld, ForgeBody, ForgeKey); f != nil {
		fake := *n
		fake.forged, fake.id = f.Kind, s.uuid()
		if f.Kind == ForgeKey {
			fake.body = s.sealed(fake.id, s.text(32), event, original, summary, plain)
		}
		s.notices = append(s.notices, &fake)
	}
	if f := s.draw(name, "", Delay, Reorder); f != nil {
		n.due = n.due.Add(f.Delay)
		if f.Delay == 0 { // long enough for the next one to come first
			n.due = n.due.Add(time.Duration(s.random.IntN(2000)) * time.Millisecond)
		}
	}
	s.notices = append(s.notices, n)
	if s.draw(name, "", Duplicate) != nil {
		second, third := *n, *n
		s.notices = append(s.notices, &second, &third)
	}
	s.stir()
}

func (s *Sim) uuid() string {
	t := strings.ToLower(s.text(32))
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}

func (s *Sim) sealed(id, key, event, original, summary string, plain object) []byte {
	nonce := s.text(12)
	text, err := json.Marshal(plain)
	if err != nil {
		return nil
	}
	hidden, err := seal(key, nonce, original, text)
	if err != nil {
		return nil
	}
	body, err := json.Marshal(object{
		"id": id, "create_time": wechatTime(s.now()), "event_type": event, "resource_type": "encrypt-resource", "summary": summary,
		"resource": object{
			"algorithm": "AEAD_AES_256_GCM", "ciphertext": hidden, "associated_data": original, "nonce": nonce, "original_type": original,
		},
	})
	if err != nil {
		return nil
	}
	return body
}

// Tick does what is due by the clock and delivers, one after the other, the notices that are due. It says how many it sent.
func (s *Sim) Tick(ctx context.Context) int {
	sent := 0
	for n := s.nextDue(); n != nil && ctx.Err() == nil; n = s.nextDue() {
		s.deliver(ctx, n)
		sent++
	}
	return sent
}

// nextDue takes the notice that has been due for longest.
func (s *Sim) nextDue() *notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	var first *notice
	for _, n := range s.notices {
		if !n.done && !n.flying && !n.due.After(s.now()) && (first == nil || n.due.Before(first.due)) {
			first = n
		}
	}
	if first != nil {
		first.flying = true
	}
	return first
}

// Run delivers notices as they become due, many at once, until the context ends.
func (s *Sim) Run(ctx context.Context) {
	var flying sync.WaitGroup
	defer flying.Wait()
	places := make(chan struct{}, 64)
	beat := time.NewTicker(20 * time.Millisecond) // the clock may be any; this asks it what is due
	defer beat.Stop()
	for {
		for n := s.nextDue(); n != nil; n = s.nextDue() {
			places <- struct{}{}
			flying.Go(func() {
				s.deliver(ctx, n)
				<-places
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		case <-s.wake:
		}
	}
}

// deliver posts a notice once, and puts it back if it was not taken.
func (s *Sim) deliver(ctx context.Context, n *notice) {
	begin := time.Since(epoch)
	status := s.post(ctx, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := Delivery{ID: n.id, Name: n.name, Forged: n.forged, Attempt: n.attempt + 1, Status: status, Took: time.Since(epoch) - begin}
	s.deliveries = append(s.deliveries, d)
	n.flying = false
	if d.Taken() || n.forged != "" {
		s.notices = slices.DeleteFunc(s.notices, func(o *notice) bool { return o == n })
		return
	}
	if n.attempt >= len(pauses) {
		n.done = true
		return
	}
	pause := pauses[n.attempt]
	if s.rules.NoticeSpeed > 0 {
		pause = time.Duration(float64(pause) / s.rules.NoticeSpeed)
	}
	n.due, n.attempt = s.now().Add(pause), n.attempt+1
}

// epoch lets real time be measured with a clock that is not.
var epoch = time.Unix(0, 0) //nolint:gochecknoglobals // a constant

func (s *Sim) post(ctx context.Context, n *notice) int {
	ctx, cancel := context.WithTimeout(ctx, noticeDeadline)
	defer cancel()
	body := n.body
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	if err := s.signNotice(r, n); err != nil {
		return 0
	}
	if n.forged == ForgeBody {
		r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte(`"id":"`), []byte(`"id":"0`), 1)))
		r.ContentLength++
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxBody)); err != nil && !errors.Is(err, context.Canceled) {
		return 0
	}
	return answer.StatusCode
}

func (s *Sim) signNotice(r *http.Request, n *notice) error {
	s.mu.Lock()
	serial, key, err := s.signer(n.merchant, "")
	at, nonce := s.now(), s.text(32)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if n.forged == ForgeOld {
		at = at.Add(-6 * time.Minute)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	signature, err := sign(key, lines(stamp, nonce, string(n.body)))
	if err != nil {
		return err
	}
	switch n.forged {
	case ForgeSerial:
		serial = strings.Repeat("0", 40)
	case ForgeSignature:
		signature, err = sign(key, lines(stamp, nonce, string(n.body), "x"))
	case ForgeProbe:
		signature = "WECHATPAY/SIGNTEST/" + signature[:40]
	default:
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("User-Agent", "Mozilla/4.0")
	r.Header.Set("Wechatpay-Timestamp", stamp)
	r.Header.Set("Wechatpay-Nonce", nonce)
	r.Header.Set("Wechatpay-Serial", serial)
	r.Header.Set("Wechatpay-Signature", signature)
	r.Header.Set("Wechatpay-Signature-Type", scheme)
	return err
}
