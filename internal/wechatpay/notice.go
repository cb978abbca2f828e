package wechatpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// ErrForged says that WeChat did not say this, or not now: it is answered with 401. WeChat itself sends such things now and then, to see
// whether anybody looks.
var ErrForged = errors.New("not signed by WeChat Pay")

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	// NoticePaid says that a payment was paid: Payment and Answer are set, and checked against what is owed.
	NoticePaid NoticeKind = "PAID"
	// NoticeRefunded says how an attempt at a refund ended: Refund and State are set.
	NoticeRefunded NoticeKind = "REFUNDED"
	// NoticeIgnored says nothing that has to be acted on. It is answered with 204, so that it does not come again.
	NoticeIgnored NoticeKind = "IGNORED"
)

// Notice is what WeChat told without being asked. It may come early, late, several times, or never.
type Notice struct {
	ID      string // WeChat's, the same when it is sent again
	Kind    NoticeKind
	Payment typeid.Payment
	Answer  payment.Answer
	Refund  typeid.Refund
	State   payment.TransferState
}

const (
	noticeMost = 1 << 20
	scheme     = "WECHATPAY2-SHA256-RSA2048"
)

// ReadNotice reads a notice from the headers and the very bytes that came to the NotifyURL, and calls nobody unless there are new platform
// certificates. It fails with ErrForged, to be answered with 401; every other error says that it was not understood, or that nothing
// is known now: answered with 500, it is sent again.
func (p *Provider) ReadNotice(ctx context.Context, header http.Header, body []byte) (Notice, error) {
	if len(body) > noticeMost {
		return Notice{}, fmt.Errorf("%w: it is too long", ErrForged)
	}
	signers, err := p.signers(ctx, header, body)
	if err != nil {
		return Notice{}, fmt.Errorf("notice: %w", err)
	}
	var envelope struct {
		ID       string `json:"id"`
		Event    string `json:"event_type"`
		Resource sealed `json:"resource"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return Notice{}, fmt.Errorf("read notice: %w", err)
	}
	var m *merchant
	var plain []byte
	for _, one := range signers { // platform certificates are the same for all merchants: the APIv3 key tells them apart
		if plain, err = envelope.Resource.open(one.key); err == nil {
			m = one
			break
		}
	}
	if m == nil {
		return Notice{}, fmt.Errorf("notice %s: %w", envelope.ID, err)
	}
	n, err := p.understand(ctx, m, envelope.Resource.Original, plain)
	if err != nil {
		return Notice{}, fmt.Errorf("notice %s (%s): %w", envelope.ID, envelope.Event, err)
	}
	n.ID = envelope.ID
	return n, nil
}

// signers are the merchants with whose keys a notice verifies, by number.
func (p *Provider) signers(ctx context.Context, header http.Header, body []byte) ([]*merchant, error) {
	if kind := header.Get("Wechatpay-Signature-Type"); kind != "" && kind != scheme {
		return nil, fmt.Errorf("%w: signed with %q", ErrForged, kind)
	}
	var found []*merchant
	var errs []error
	unsure := false
	for _, m := range p.merchants {
		err := verify(ctx, m.keys, p.now, header, body)
		if err == nil {
			found = append(found, m)
			continue
		}
		errs = append(errs, err)
		unsure = unsure || !errors.Is(err, ErrForged)
	}
	slices.SortFunc(found, func(a, b *merchant) int { return strings.Compare(a.id, b.id) })
	switch {
	case len(found) > 0:
		return found, nil
	case unsure: // the certificates cannot be read at the moment
		return nil, fmt.Errorf("verify: %s", errors.Join(errs...).Error()) // not ErrForged, as far as is known
	}
	return nil, errs[0]
}

// understand reads what was sealed. What a merchant says of others' orders is an error.
func (p *Provider) understand(ctx context.Context, m *merchant, original string, plain []byte) (Notice, error) {
	switch original {
	case "transaction":
		return p.understandPaid(ctx, m, plain)
	case "refund":
		return understandRefund(m, plain)
	case "profitsharing": // for receivers; what became of our shares is asked
		return Notice{Kind: NoticeIgnored}, nil
	}
	return Notice{}, fmt.Errorf("it is of an unknown type %q", original)
}

func (p *Provider) understandPaid(ctx context.Context, m *merchant, plain []byte) (Notice, error) {
	var single tradeAnswer
	var many combineAnswer
	if err := errors.Join(json.Unmarshal(plain, &single), json.Unmarshal(plain, &many)); err != nil {
		return Notice{}, fmt.Errorf("read payment: %w", err)
	}
	s, shape := single.standing(), false
	if many.Number != "" {
		s, shape = many.standing(), true
	}
	if s.merchant != m.id {
		return Notice{}, fmt.Errorf("merchant %s tells of a payment of %q", m.id, s.merchant)
	}
	id, ok := typeid.Parse[typeid.Payment](s.number)
	if !ok {
		return Notice{}, fmt.Errorf("%q is no number of ours", s.number)
	}
	d, err := p.dossier(ctx, id)
	if err != nil {
		return Notice{}, err
	}
	if shape != combined(d) {
		return Notice{}, fmt.Errorf("payment %s has %d orders", id, len(d.Orders))
	}
	a, err := p.answer(d, s)
	if err != nil {
		return Notice{}, err
	}
	if a.State != payment.TradePaid {
		return Notice{}, fmt.Errorf("payment %s is %s", id, a.State)
	}
	return Notice{Kind: NoticePaid, Payment: id, Answer: a}, nil
}

func understandRefund(m *merchant, plain []byte) (Notice, error) {
	var r struct {
		MchID   string `json:"mchid"`
		SpMchID string `json:"sp_mchid"`
		Number  string `json:"out_refund_no"`
		Status  string `json:"refund_status"`
	}
	if err := json.Unmarshal(plain, &r); err != nil {
		return Notice{}, fmt.Errorf("read refund: %w", err)
	}
	if who := r.MchID + r.SpMchID; who != m.id {
		return Notice{}, fmt.Errorf("merchant %s tells of a refund of %q", m.id, who)
	}
	id, ok := typeid.Parse[typeid.Refund](unattempted(r.Number))
	if !ok {
		return Notice{}, fmt.Errorf("%q is no number of ours", r.Number)
	}
	state, err := refundState(r.Status)
	return Notice{Kind: NoticeRefunded, Refund: id, State: state}, err
}
