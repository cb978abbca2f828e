package payment

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/sandboxtransfer"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/failpoint"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Sandbox is a provider for trying things out: no money moves. It keeps its records in tables of its own, as a real
// provider keeps them elsewhere, so that they outlive the process and are the same for every process. A trade that was
// only prepared has no record; whoever inserts the first one, payer or closer, wins.
type Sandbox struct {
	db  *db.DB
	now clock.Clock
	key []byte // signs the parameters, which nobody but the sandbox reads

	faults atomic.Pointer[Faults]
}

var _ Provider = (*Sandbox)(nil)

// sandboxOrders is how many orders a sandbox payment may pay: WeChat's bound in partner mode.
const sandboxOrders = 50

// NewSandbox is a Sandbox whose records lie in d.
func NewSandbox(d *db.DB, now clock.Clock) *Sandbox {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	s := &Sandbox{db: d, now: now, key: key}
	s.faults.Store(&Faults{})
	return s
}

// Limits implements Provider: it takes any currency, of any shop, and orders of nothing beside others.
func (s *Sandbox) Limits(string) Limits { return Limits{MaxOrders: sandboxOrders} }

// ShareAfter implements Provider: at once.
func (s *Sandbox) ShareAfter() time.Duration { return 0 }

// Prepare implements Provider. It touches no database: a checkout costs one commit.
func (s *Sandbox) Prepare(ctx context.Context, t Trade) (Parameters, error) {
	failpoint.Reach(failpoint.Call, "prepare")
	if err := s.answer(ctx); err != nil {
		return Parameters{}, err
	}
	p := Parameters{
		TimeStamp: strconv.FormatInt(s.now().Unix(), 10),
		NonceStr:  rand.Text(),
		Package:   "prepay_id=sandbox_" + t.ID.String(),
		SignType:  "HMAC-SHA256",
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(strings.Join([]string{p.TimeStamp, p.NonceStr, p.Package, p.SignType}, "\n")))
	p.PaySign = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	failpoint.Reach(failpoint.Called, "prepare")
	return p, nil
}

// Pay is what the buyer does in the cashier. It refuses with PAYMENT_CLOSED; paying again changes nothing.
func (s *Sandbox) Pay(ctx context.Context, t Trade) (Answer, error) {
	failpoint.Reach(failpoint.Call, "pay")
	a, err := s.record(ctx, t, TradePaid)
	failpoint.Reach(failpoint.Called, "pay")
	if err == nil && a.State != TradePaid {
		return a, fault.New(fault.PaymentClosed, "the payment is closed")
	}
	return a, err
}

// Close implements Provider.
func (s *Sandbox) Close(ctx context.Context, t Trade) (Answer, error) {
	failpoint.Reach(failpoint.Call, "close")
	a, err := s.record(ctx, t, TradeClosed)
	failpoint.Reach(failpoint.Called, "close")
	return a, errors.Join(err, s.answer(ctx))
}

// Query implements Provider.
func (s *Sandbox) Query(ctx context.Context, t Trade) (Answer, error) {
	failpoint.Reach(failpoint.Call, "query")
	a, err := s.read(ctx, t)
	failpoint.Reach(failpoint.Called, "query")
	return a, errors.Join(err, s.answer(ctx))
}

func (s *Sandbox) read(ctx context.Context, t Trade) (Answer, error) {
	row, err := s.db.SandboxTrade.Get(ctx, t.ID.String())
	if ent.IsNotFound(err) {
		return Answer{State: TradeOpen}, nil
	}
	if err != nil {
		return Answer{}, fmt.Errorf("sandbox: read trade: %w", err)
	}
	return s.answerOf(row), nil
}

// record makes the trade's one record, or answers with the one that was first.
func (s *Sandbox) record(ctx context.Context, t Trade, state State) (Answer, error) {
	// In a transaction, as of a lost one it is known whether it happened; and it may happen twice.
	_, err := db.Repeat(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, tx.SandboxTrade.Create().SetID(t.ID.String()).SetStatus(string(state)).
			SetAmount(t.Amount.Amount).SetCurrency(string(t.Amount.Currency)).SetCreatedAt(s.now()).Exec(ctx)
	})
	if err != nil && !db.IsDuplicate(err) {
		return Answer{}, fmt.Errorf("sandbox: write trade: %w", err)
	}
	return s.read(ctx, t)
}

func (s *Sandbox) answerOf(r *ent.SandboxTrade) Answer {
	a := Answer{State: State(r.Status)}
	if a.State == TradePaid {
		a.TransactionID = "sandbox_" + strings.TrimPrefix(r.ID, typeid.Prefix[typeid.Payment]()+"_")
		a.Amount, a.PaidAt = money.New(r.Amount, money.Currency(r.Currency)), r.CreatedAt
		if s.faults.Load().Wrong {
			a.Amount.Amount++
		}
	}
	return a
}

// The kinds of transfer.
const (
	kindRefund = "REFUND"
	kindShare  = "SHARE"
	kindReturn = "RETURN"
)

// Refund implements Provider. The sandbox takes nothing on that it refuses, so that all attempts of a transfer have one number.
func (s *Sandbox) Refund(ctx context.Context, r RefundRequest) (TransferState, error) {
	return s.answerTransfer(ctx, r.ID.String(), r.Payment, kindRefund, "", r.Amount)
}

// Share implements Provider.
func (s *Sandbox) Share(ctx context.Context, r ShareRequest) (TransferState, error) {
	return s.answerTransfer(ctx, r.ID.String(), r.Payment, kindShare, r.Receiver, r.Amount)
}

// SetFree implements Provider: the sandbox keeps nothing back from merchants.
func (s *Sandbox) SetFree(context.Context, FreeRequest) (TransferState, error) {
	return TransferSucceeded, nil
}

// ReturnShare implements Provider.
func (s *Sandbox) ReturnShare(ctx context.Context, r ReturnRequest) (TransferState, error) {
	return s.answerTransfer(ctx, r.ID.String(), r.Payment, kindReturn, r.Receiver, r.Amount)
}

func (s *Sandbox) answerTransfer(ctx context.Context, id string, payment typeid.Payment, kind, receiver string, amount money.Money) (TransferState, error) {
	failpoint.Reach(failpoint.Call, kind)
	state, err := s.transfer(ctx, id, payment, kind, receiver, amount)
	failpoint.Reach(failpoint.Called, kind)
	if silent := s.answer(ctx); silent != nil {
		return TransferProcessing, silent
	}
	return state, err
}

// transfer moves money of a paid trade once for each id, never more than there is: refunds and shares come out of what was
// paid and not yet given away, returns out of what their receiver has.
func (s *Sandbox) transfer(ctx context.Context, id string, payment typeid.Payment, kind, receiver string, amount money.Money) (TransferState, error) {
	return db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (TransferState, error) {
		trade, err := lockTradeTx(ctx, tx, payment.String())
		if err != nil {
			return TransferFailed, err
		}
		before, err := tx.SandboxTransfer.Query().Where(sandboxtransfer.TradeID(trade.ID)).All(ctx)
		if err != nil {
			return TransferFailed, fmt.Errorf("sandbox: read transfers: %w", err)
		}
		if i := slices.IndexFunc(before, func(b *ent.SandboxTransfer) bool { return b.ID == id }); i >= 0 {
			if b := before[i]; b.Kind != kind || b.Receiver != receiver || b.Amount != amount.Amount {
				return TransferFailed, fault.New(fault.PaymentRefused, "this number was used for another transfer")
			}
			return TransferSucceeded, nil
		}
		left := leftOf(trade.Amount, before)
		from := ""
		if kind == kindReturn {
			from = receiver
		}
		if amount.Amount <= 0 || string(amount.Currency) != trade.Currency || amount.Amount > left[from] {
			return TransferFailed, fault.New(fault.AmountExceeded, "no more than %d is left", left[from])
		}
		if err := tx.SandboxTransfer.Create().SetID(id).SetTradeID(trade.ID).SetKind(kind).SetReceiver(receiver).
			SetAmount(amount.Amount).SetCurrency(string(amount.Currency)).SetCreatedAt(s.now()).Exec(ctx); err != nil {
			return TransferFailed, fmt.Errorf("sandbox: write transfer: %w", err)
		}
		return TransferSucceeded, nil
	})
}

// leftOf is what each receiver has of an amount after these transfers; "" is the payment itself.
func leftOf(amount int64, after []*ent.SandboxTransfer) map[string]int64 {
	left := map[string]int64{"": amount}
	for _, b := range after {
		switch b.Kind {
		case kindRefund:
			left[""] -= b.Amount
		case kindShare:
			left[""], left[b.Receiver] = left[""]-b.Amount, left[b.Receiver]+b.Amount
		case kindReturn:
			left[""], left[b.Receiver] = left[""]+b.Amount, left[b.Receiver]-b.Amount
		}
	}
	return left
}

// lockTradeTx locks a paid trade, under which its transfers are added up.
func lockTradeTx(ctx context.Context, tx *db.Tx, id string) (*ent.SandboxTrade, error) {
	row, err := tx.SandboxTrade.Query().Where(func(s *sql.Selector) {
		s.Where(sql.EQ(s.C("id"), id))
		tx.ForUpdate(s)
	}).Only(ctx)
	if ent.IsNotFound(err) || err == nil && State(row.Status) != TradePaid {
		return nil, fault.New(fault.PaymentRefused, "the payment has not been paid")
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: lock trade: %w", err)
	}
	return row, nil
}
