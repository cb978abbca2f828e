package wechatpay

import (
	"context"

	"holdfast/internal/typeid"
)

// Numbers are what WeChat Pay knows the money of an order by.
type Numbers struct {
	Merchant, Number string // who asked for it, and under which number
	// Payer is who asked for the combined payment, and Combined its number; empty for an order that was paid by itself.
	Payer, Combined string
}

// Numbers finds the numbers of an order of a payment. It asks WeChat nothing.
func (p *Provider) Numbers(ctx context.Context, paid typeid.Payment, o typeid.Order) (Numbers, error) {
	who, d, of, err := p.find(ctx, paid, o)
	if err != nil {
		return Numbers{}, err
	}
	out := Numbers{Merchant: who.id, Number: numberOf(d, of)}
	if combined(d) {
		out.Payer, out.Combined = p.apps[d.AppID].id, d.ID.String()
	}
	return out, nil
}
