// Package wechatpay is the payment provider that moves real money: WeChat Pay's API v3, in merchant mode and in partner mode, with
// platform certificates or the WeChat Pay public key. Signing, verification and encryption are those of the official SDK; what is sent is
// written here, since that SDK knows neither combined payments nor today's profit sharing.
//
// One payment of one order is a trade of its own, whose number is the payment's id. One of several orders is a combined trade of that
// number, whose parts have the orders' ids. Refunds, shares and returns have the ids of their rows, so that WeChat recognises whatever
// is asked for again.
package wechatpay

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// How many orders one payment may pay.
const (
	mostAsMerchant = 10
	mostAsPartner  = 50
)

// shareAfter is how long after a payment WeChat shares it.
const shareAfter = time.Minute

// remembered is how much is kept in mind of what never changes, to spare questions: payments, transactions, receivers, numbers.
const remembered = 4096

// Dossiers tells what a payment is made of: *payment.Payments.
type Dossiers interface {
	Dossier(ctx context.Context, id typeid.Payment) (*payment.Dossier, error)
}

// Provider is WeChat Pay. Make it with New.
type Provider struct {
	merchants map[string]*merchant
	apps      map[string]*merchant // by appId
	after     time.Duration
	notifyURL string
	source    Dossiers
	now       clock.Clock
	log       *slog.Logger

	dossiers     *lru.Cache[typeid.Payment, *payment.Dossier]
	transactions *lru.Cache[typeid.Order, string]
	receivers    *lru.Cache[string, struct{}] // that were added
	asked        *lru.Cache[string, struct{}] // numbers that WeChat has taken on, so that it is only queried about them
}

var _ payment.Provider = (*Provider)(nil)

// New is a Provider of checked settings. It asks WeChat nothing yet, so that a server starts while WeChat is away. Errors say all that is
// missing, and hold no key.
func New(s Settings) (*Provider, error) {
	base, err := s.base()
	if bad := s.check(); bad != nil || err != nil {
		return nil, fmt.Errorf("configuration of WeChat Pay: %w", firstOf(bad, err))
	}
	if s.Transport == nil {
		s.Transport = newTransport()
	}
	if s.ShareAfter == 0 {
		s.ShareAfter = shareAfter
	}
	p := &Provider{
		merchants: make(map[string]*merchant, len(s.Merchants)), apps: make(map[string]*merchant, len(s.MiniPrograms)),
		after: s.ShareAfter, notifyURL: s.NotifyURL, source: s.Dossiers, now: s.Clock, log: s.Log,
	}
	for _, m := range s.Merchants {
		if p.merchants[m.MchID], err = newMerchant(m, base, s); err != nil {
			return nil, fmt.Errorf("configuration of WeChat Pay: merchant %s: %w", m.MchID, err)
		}
	}
	for _, a := range s.MiniPrograms {
		p.apps[a.AppID] = p.merchants[a.Merchant]
	}
	if p.dossiers, err = lru.New[typeid.Payment, *payment.Dossier](remembered); err != nil {
		return nil, err
	}
	if p.transactions, err = lru.New[typeid.Order, string](remembered); err != nil {
		return nil, err
	}
	if p.receivers, err = lru.New[string, struct{}](remembered); err != nil {
		return nil, err
	}
	p.asked, err = lru.New[string, struct{}](remembered)
	return p, err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func newTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64 // every call goes to one host
	return t
}

// Limits implements payment.Provider: 50 orders where a service provider asks for the payment, 10 where a merchant does; each of 1 fen at
// least, as WeChat takes no part of nothing.
func (p *Provider) Limits(appID string) payment.Limits {
	l := payment.Limits{MaxOrders: mostAsPartner, EachCosts: true, Currency: money.CNY, Payee: func(receiver string) error {
		if _, known := p.payee(appID, receiver); !known {
			return notHere()
		}
		return nil
	}}
	if m := p.apps[appID]; m != nil && m.mode == MerchantMode {
		l.MaxOrders = mostAsMerchant
	}
	return l
}

// ShareAfter implements payment.Provider.
func (p *Provider) ShareAfter() time.Duration { return p.after }

// dossier is that of a payment.
func (p *Provider) dossier(ctx context.Context, id typeid.Payment) (*payment.Dossier, error) {
	if d, ok := p.dossiers.Get(id); ok {
		return d, nil
	}
	d, err := p.source.Dossier(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(d.Orders) == 0 {
		return nil, fmt.Errorf("payment %s has no orders", id)
	}
	p.dossiers.Add(id, d)
	return d, nil
}

// party is whose money it is: who asks WeChat, and for which sub-merchant.
type party struct {
	*merchant
	sub string // empty in merchant mode
}

// notHere says that a shop's merchant and the mini-program's do not go together.
func notHere() *fault.Error {
	return fault.New(fault.PaymentRefused, "the shop cannot take WeChat Pay in this mini-program")
}

// partyOf is whose money an order's is. It refuses with PAYMENT_REFUSED when the configuration knows no such merchant: nothing was ever
// asked of WeChat then.
func (p *Provider) partyOf(d *payment.Dossier, o payment.DossierOrder) (party, error) {
	who, known := p.payee(d.AppID, o.Receiver)
	if !known {
		return party{}, fmt.Errorf("order %s for %q in %q: %w", o.ID, o.Receiver, d.AppID, notHere())
	}
	return who, nil
}

// payee is whose money a shop's is in a mini-program, as far as the configuration knows.
func (p *Provider) payee(appID, receiver string) (party, bool) {
	m := p.apps[appID]
	switch {
	case m == nil || !isNumber(receiver):
		return party{}, false
	case m.mode == PartnerMode:
		return party{m, receiver}, true
	}
	own := p.merchants[receiver]
	return party{own, ""}, own != nil && own.mode == MerchantMode
}

// combined tells whether a payment is a combined trade.
func combined(d *payment.Dossier) bool { return len(d.Orders) > 1 }

// numberOf is the number of an order's trade.
func numberOf(d *payment.Dossier, o payment.DossierOrder) string {
	if combined(d) {
		return o.ID.String()
	}
	return d.ID.String()
}
