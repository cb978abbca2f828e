package reconcile

import (
	"fmt"
	"time"

	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// item is what the rows and the books say of one movement of money.
type item struct {
	noun     noun
	base     string // the number at the provider, without the attempt
	attempt  int
	order    typeid.Order
	shop     typeid.Shop
	receiver string      // the merchant, as the order's shares name it
	movement typeid.UUID // of the books: the payment, or the refund
	merchant string      // whose bill it is in
	sub      string
	billed   bool // the configuration knows whose
	own      bool // a merchant's own share, which the provider knows nothing of
	amount   int64
	currency money.Currency
	status   string
	happened bool
	since    time.Time // the provider took it on at this moment or later
	fee      *int64    // that the books have, below 0 when given back; nil is none
}

// number is the one that the provider knows the item's last attempt by.
func (i *item) number() string {
	if i.attempt == 0 {
		return i.base
	}
	return fmt.Sprintf("%s-%d", i.base, i.attempt)
}

// differ says what is different of one line, or nothing. An attempt that was given up is as if it had not happened here.
func differ(l line, i *item) *Difference {
	if i == nil {
		if l.failed {
			return nil
		}
		return note(l, nil, OnlyThere, "WeChat Pay's bill has this %s, and here there is none of that number", l.noun)
	}
	happened := i.happened && l.attempt == i.attempt
	switch {
	case l.merchant != "" && (l.merchant != i.merchant || l.sub != i.sub):
		return note(l, i, State, "WeChat Pay has given this %s to merchant %s %s, and it is of %s", l.noun, l.merchant, l.sub, i.receiver)
	case l.happened && !happened:
		return note(l, i, State, "WeChat Pay's bill says that this %s has happened, and here it is %s", l.noun, i.status)
	case l.failed && happened:
		return note(l, i, State, "WeChat Pay's bill says that this %s has failed, and here it is %s", l.noun, i.status)
	case l.attempt == i.attempt && l.amount != i.amount:
		return note(l, i, Amount, "WeChat Pay's bill has another amount of this %s", l.noun)
	}
	return nil
}

// differFees compares a fee with what the books have had of it since before.
func differFees(l line, i *item) *Difference {
	if i == nil || i.fee == nil || *i.fee == l.fee || !l.trade {
		return nil
	}
	d := note(l, i, Amount, "WeChat Pay's bill has another fee of this %s than the books", l.noun)
	d.Here.Amount, d.There.Amount = *i.fee, l.fee
	return d
}

// compare says what is different of a day: line by line as the bill has them, then what it lacks.
func compare(b bill, here map[string]*item) []*Difference {
	var out []*Difference
	told := make(map[string]bool) // both bills speak of payments and refunds
	for _, l := range b.lines {
		i := here[l.base]
		if i != nil && i.noun != l.noun {
			i = nil
		}
		if d := differ(l, i); d != nil && !told[l.number] {
			told[l.number] = true
			out = append(out, d)
		}
		if d := differFees(l, i); d != nil {
			out = append(out, d)
		}
		flow, said := b.feeFlows[l.number]
		if l.trade && said && flow != l.fee && !l.failed {
			d := note(l, i, Amount, "WeChat Pay's two bills have different fees of this %s", l.noun)
			d.Here.Amount, d.There.Amount = l.fee, flow
			out = append(out, d)
		}
	}
	return out
}

// note makes a difference of a line.
func note(l line, i *item, kind Kind, text string, args ...any) *Difference {
	d := &Difference{Kind: kind, Subject: l.number, Here: money.New(0, money.CNY), There: money.New(l.amount, money.CNY), Note: fmt.Sprintf(text, args...)}
	if i != nil {
		d.OrderID = &i.order
		if i.happened {
			d.Here.Amount = i.amount
		}
	}
	if l.failed {
		d.There.Amount = 0
	}
	return d
}

// lacking is a difference of what no bill has.
func lacking(i *item) *Difference {
	return &Difference{
		Kind: OnlyHere, Subject: i.number(), OrderID: &i.order, Here: money.New(i.amount, i.currency), There: money.New(0, i.currency),
		Note: fmt.Sprintf("this %s is recorded here, and WeChat Pay's bills have none of that number", i.noun),
	}
}
