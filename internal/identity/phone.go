package identity

import (
	"context"
	"fmt"

	"holdfast/internal/fault"
)

// Phone is a telephone number that its provider has verified.
type Phone struct {
	Number      string // as it is dialled, with the country's code if it is a foreign one
	National    string // without the country's code
	CountryCode string // such as 86
}

// PhoneExchanger trades the code that the phone number button gave to a page for the number.
type PhoneExchanger interface {
	// PhoneNumber is the number. A code that is refused is fault.Invalid, too many at once are fault.RateLimited; every other error is a
	// failure of the provider. Errors hold neither the code nor the number.
	PhoneNumber(ctx context.Context, appID, code string) (Phone, error)
}

// TradePhones says who trades codes for telephone numbers; nil trades none. It is set before anybody asks.
func (s *Service) TradePhones(p PhoneExchanger) { s.phones = p }

// PhoneNumber trades a code of the phone number button for the number, for the buyer, and keeps neither: a page puts the number into the
// address that the buyer is about to send. It fails with INVALID, RATE_LIMITED and, where there is no WeChat to ask, CONFLICT.
func (s *Service) PhoneNumber(ctx context.Context, who Principal, code string) (*Phone, error) {
	if s.phones == nil {
		return nil, fault.New(fault.Conflict, "phone numbers cannot be asked for here; WeChat is not configured")
	}
	mini, err := s.db.MiniProgram.Get(ctx, who.MiniProgram)
	if err != nil {
		return nil, fmt.Errorf("read mini-program: %w", err)
	}
	out, err := s.phones.PhoneNumber(ctx, mini.AppID, code)
	if err != nil {
		return nil, fmt.Errorf("trade the code for a phone number: %w", err)
	}
	return &out, nil
}
