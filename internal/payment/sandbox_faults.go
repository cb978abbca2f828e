package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// Faults are how the sandbox misbehaves, as providers do. The zero Faults are none.
type Faults struct {
	// Slow is how long each answer takes.
	Slow time.Duration
	// Silent has no call answered and no notice sent. What was asked for is done all the same.
	Silent bool
	// Wrong has answers name another amount than the one that was paid.
	Wrong bool
	// Late is how long after a payment its notice comes.
	Late time.Duration
	// Repeat is how many times more the notice of a payment comes, all at once.
	Repeat int
}

// Limits of Faults.
const (
	maxDelay  = time.Hour
	maxRepeat = 100
)

// errSilent is what a caller finds who does not wait for an answer any longer.
var errSilent = errors.New("sandbox: no answer")

// Misbehave has the sandbox of this process misbehave from now on. It refuses with INVALID what is out of bounds.
func (s *Sandbox) Misbehave(f Faults) error {
	for field, d := range map[string]time.Duration{"slowMs": f.Slow, "lateMs": f.Late} {
		if d < 0 || d > maxDelay {
			return fault.New(fault.Invalid, "a delay is 0 to %d milliseconds", maxDelay.Milliseconds()).At("input", field)
		}
	}
	if f.Repeat < 0 || f.Repeat > maxRepeat {
		return fault.New(fault.Invalid, "a notice is repeated 0 to %d times", maxRepeat).At("input", "repeat")
	}
	s.faults.Store(&f)
	return nil
}

// Misbehaviour is how the sandbox misbehaves.
func (s *Sandbox) Misbehaviour() Faults { return *s.faults.Load() }

// answer is how every call ends: in time, late or not at all.
func (s *Sandbox) answer(ctx context.Context) error {
	f := s.faults.Load()
	if f.Silent {
		<-ctx.Done()
		return errors.Join(errSilent, ctx.Err())
	}
	if f.Slow == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return errors.Join(errSilent, ctx.Err())
	case <-time.After(f.Slow):
		return nil
	}
}

// PayLate is what a buyer does in a cashier that was open when the payment was closed: it is paid nevertheless.
func (s *Sandbox) PayLate(ctx context.Context, t Trade) (Answer, error) {
	return db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (Answer, error) {
		now := clock.Truncate(s.now())
		if err := tx.SandboxTrade.Create().SetID(t.ID.String()).SetStatus(string(TradeClosed)).SetAmount(t.Amount.Amount).
			SetCurrency(string(t.Amount.Currency)).SetCreatedAt(now).Exec(ctx); err != nil && !db.IsDuplicate(err) {
			return Answer{}, fmt.Errorf("sandbox: write trade: %w", err)
		}
		row, err := tx.SandboxTrade.Get(ctx, t.ID.String())
		if err != nil {
			return Answer{}, fmt.Errorf("sandbox: read trade: %w", err)
		}
		if State(row.Status) != TradePaid {
			if row, err = tx.SandboxTrade.UpdateOne(row).SetStatus(string(TradePaid)).SetCreatedAt(now).Save(ctx); err != nil {
				return Answer{}, fmt.Errorf("sandbox: pay late: %w", err)
			}
		}
		return s.answerOf(row), nil
	})
}

// Notify delivers the notices of a payment as they would come over the network: notice is called once for each, late ones when
// their time has come. It returns when those that come at once have been taken in, and tells whether one was.
func (s *Sandbox) Notify(ctx context.Context, id typeid.Payment, notice func(context.Context, typeid.Payment) error) (bool, error) {
	f := s.faults.Load()
	if f.Silent {
		return false, nil
	}
	deliver := func(ctx context.Context) error {
		errs := make(chan error, f.Repeat+1)
		for range f.Repeat + 1 {
			go func() { errs <- notice(ctx, id) }()
		}
		var err error
		for range f.Repeat + 1 {
			err = errors.Join(err, <-errs)
		}
		return err
	}
	if f.Late == 0 {
		return true, deliver(ctx)
	}
	later := context.WithoutCancel(ctx)
	time.AfterFunc(f.Late, func() { _ = deliver(later) }) // lost when the process ends, as notices are
	return false, nil
}
