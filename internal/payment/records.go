package payment

import (
	"context"
	"fmt"

	"holdfast/ent"
	"holdfast/internal/money"
)

// Records is what a provider has written down, for whoever compares it with the rows. Nothing of it moves money.
type Records interface {
	// Query tells where the payment stands; see Provider.
	Query(ctx context.Context, t Trade) (Answer, error)
	// RefundRecord, ShareRecord and ReturnRecord tell what became of a transfer that was asked for in these words.
	RefundRecord(ctx context.Context, r RefundRequest) (Record, error)
	ShareRecord(ctx context.Context, r ShareRequest) (Record, error)
	ReturnRecord(ctx context.Context, r ReturnRequest) (Record, error)
}

// Record is what a provider has written down of one transfer. State is empty when it knows of none; Amount is what was asked for.
type Record struct {
	State  TransferState
	Amount money.Money
}

var _ Records = (*Sandbox)(nil)

// RefundRecord implements Records.
func (s *Sandbox) RefundRecord(ctx context.Context, r RefundRequest) (Record, error) {
	return s.transferRecord(ctx, r.ID.String(), kindRefund)
}

// ShareRecord implements Records.
func (s *Sandbox) ShareRecord(ctx context.Context, r ShareRequest) (Record, error) {
	return s.transferRecord(ctx, r.ID.String(), kindShare)
}

// ReturnRecord implements Records.
func (s *Sandbox) ReturnRecord(ctx context.Context, r ReturnRequest) (Record, error) {
	return s.transferRecord(ctx, r.ID.String(), kindReturn)
}

func (s *Sandbox) transferRecord(ctx context.Context, id, kind string) (Record, error) {
	row, err := s.db.SandboxTransfer.Get(ctx, id)
	switch {
	case ent.IsNotFound(err):
		return Record{}, nil
	case err != nil:
		return Record{}, fmt.Errorf("sandbox: read transfer: %w", err)
	case row.Kind != kind:
		return Record{}, nil
	}
	return Record{State: TransferSucceeded, Amount: money.New(row.Amount, money.Currency(row.Currency))}, nil
}
