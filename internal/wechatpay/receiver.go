package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast/internal/fault"
)

// Receiver is who gets a share, as a split rule names it.
type Receiver struct {
	Type    string // MERCHANT_ID or PERSONAL_OPENID
	Account string
	Name    string // the full name of a merchant; without one it was added on WeChat's merchant platform
}

const (
	aMerchant = "MERCHANT_ID"
	aPerson   = "PERSONAL_OPENID"
)

// ParseReceiver reads what a split rule calls a receiver:
//
//	MERCHANT_ID:1900000201:示例供应商   a merchant, whom the provider adds by itself; the full name has to be right
//	MERCHANT_ID:1900000201 or 1900000201   one that was added on WeChat's merchant platform
//	PERSONAL_OPENID:oUpF8uMuAJO_M2pxb1Q9zNjWeS6o   a person in the mini-program; such a share cannot be returned
func ParseReceiver(text string) (Receiver, error) {
	kind, rest, found := strings.Cut(text, ":")
	if !found {
		kind, rest = aMerchant, text
	}
	account, name, _ := strings.Cut(rest, ":")
	r := Receiver{kind, account, strings.TrimSpace(name)}
	switch {
	case kind == aMerchant && isNumber(account):
		return r, nil
	case kind == aPerson && account != "" && len(account) <= 64 && name == "" && !strings.ContainsAny(account, " \t\n"):
		return r, nil
	}
	return Receiver{}, fault.New(fault.Invalid, "a receiver is MERCHANT_ID:number:full name, PERSONAL_OPENID:openid, or a merchant number")
}

// CheckReceiver refuses with INVALID what no share could be paid to. It is for those who set split rules.
func (p *Provider) CheckReceiver(text string) error {
	_, err := ParseReceiver(text)
	return err
}

// addable tells whether the provider adds a receiver by itself: of a merchant, WeChat wants the full name.
func (r Receiver) addable() bool { return r.Type == aPerson || r.Name != "" }

// relation is how a receiver stands to the merchant, which WeChat wants to be told.
func (r Receiver) relation(who party) string {
	switch {
	case r.Type == aPerson:
		return "DISTRIBUTOR"
	case r.Account == who.id:
		return "SERVICE_PROVIDER"
	}
	return "PARTNER"
}

type receiverRequest struct {
	AppID    string `json:"appid"`
	SubMchID string `json:"sub_mchid,omitempty"`
	Type     string `json:"type"`
	Account  string `json:"account"`
	Name     string `json:"name,omitempty"` // encrypted
	Relation string `json:"relation_type"`
}

func (p *Provider) receiverKey(who party, appID string, r Receiver) string {
	return strings.Join([]string{who.id, who.sub, appID, r.Type, r.Account}, " ")
}

// addReceiver has WeChat know a receiver, once; adding again changes nothing there.
func (p *Provider) addReceiver(ctx context.Context, who party, appID string, r Receiver) error {
	key := p.receiverKey(who, appID, r)
	if _, done := p.receivers.Get(key); done || !r.addable() {
		return nil
	}
	body := receiverRequest{AppID: appID, SubMchID: who.sub, Type: r.Type, Account: r.Account, Relation: r.relation(who)}
	if r.Name != "" {
		if err := who.keys.ready(ctx); err != nil {
			return err
		}
		serial, err := who.keys.SelectCertificate(ctx)
		if err != nil {
			return fmt.Errorf("hide name: %w", err)
		}
		if body.Name, err = who.keys.Encrypt(ctx, serial, r.Name); err != nil {
			return errors.New("hide name: it cannot be encrypted")
		}
		ctx = context.WithValue(ctx, pinned{}, serial) // WeChat has to know which key it was
	}
	var answer struct {
		Account string `json:"account"`
	}
	if err := who.post(ctx, "/v3/profitsharing/receivers/add", body, &answer); err != nil {
		return fmt.Errorf("add receiver: %w", err)
	}
	p.receivers.Add(key, struct{}{})
	return nil
}
