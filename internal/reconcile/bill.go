package reconcile

import (
	"strconv"
	"strings"

	"holdfast/internal/wechatpay"
)

// noun is what kind of movement something is.
type noun string

const (
	aPayment noun = "payment"
	aRefund  noun = "refund"
	aShare   noun = "share"
	aReturn  noun = "return"
)

// line is what the bills say of one movement of money.
type line struct {
	noun     noun
	number   string // as WeChat has it
	base     string // without the attempt: the id of our row
	attempt  int
	merchant string // empty when the bill does not say
	sub      string
	happened bool // neither on its way nor given up
	failed   bool
	amount   int64 // in fen
	fee      int64 // in fen; below 0 is what was given back
	trade    bool  // of the trade bill
}

// bill is both bills of a day.
type bill struct {
	lines []line
	// Of the trade bill.
	payments, refunds        int
	received, refunded, fees int64
	// feeFlows is what the fund-flow bill says of fees, by number; empty when it says nothing of them.
	feeFlows map[string]int64
}

// of splits a number into the id of what it is of, and the attempt.
func (l line) of(number string) line {
	l.number = number
	base, attempt, _ := strings.Cut(number, "-")
	l.base = base
	l.attempt, _ = strconv.Atoi(attempt)
	return l
}

// perFen is how many parts a fen has in the fees of bills.
const perFen = 1000

// fen rounds a bill's fee to the fen, half away from zero.
func fen(fine int64) int64 {
	if fine < 0 {
		return -fen(-fine)
	}
	return (fine + perFen/2) / perFen
}

func readBill(trades []wechatpay.TradeRow, flows []wechatpay.FlowRow) bill {
	b := bill{feeFlows: make(map[string]int64)}
	for _, r := range trades {
		l := line{noun: aPayment, merchant: r.MchID, sub: r.SubMchID, fee: fen(r.Fee), amount: r.Total, trade: true}
		if r.RefundNumber == "" {
			l = l.of(r.Number)
			l.happened, l.failed = r.State == "SUCCESS", r.State == "REVOKED"
			b.payments++
			b.received += r.Total
		} else {
			l = l.of(r.RefundNumber)
			l.noun, l.amount = aRefund, r.Refund
			l.happened = r.RefundState == "SUCCESS"
			l.failed = !l.happened && r.RefundState != "PROCESSING" // CHANGE (abnormal), CLOSED, FAIL
			b.refunds++
			if !l.failed {
				b.refunded += r.Refund
			}
		}
		if !l.failed {
			b.fees += l.fee
		}
		b.lines = append(b.lines, l)
	}
	for _, r := range flows {
		b.addFlow(r)
	}
	return b
}

// addFlow takes in what changed the balance. Only what orders do is compared: merchants take their money out and put some in as they
// like, and what another merchant shared with this one is in that one's bill.
func (b *bill) addFlow(r wechatpay.FlowRow) {
	var l line
	switch r.Kind {
	case "交易":
		l = line{noun: aPayment, amount: r.Amount}
	case "退款":
		l = line{noun: aRefund, amount: -r.Amount}
	case "分账":
		l = line{noun: aShare, amount: -r.Amount}
	case "分账回退":
		l = line{noun: aReturn, amount: r.Amount}
	case "扣除交易手续费", "退还交易手续费":
		b.feeFlows[r.Voucher] -= r.Amount
		return
	default:
		return
	}
	if l.amount <= 0 {
		return
	}
	l.happened = true
	b.lines = append(b.lines, l.of(r.Voucher))
}
