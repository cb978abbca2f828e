package inventory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

const (
	// MaxBulk is how many lines AdjustMany takes.
	MaxBulk = 200
	// maxReason is how many characters the reason of an adjustment may have.
	maxReason = 500
)

// AdjustInput is one adjustment: exactly one of OnHand (the number counted) and Delta.
type AdjustInput struct {
	VariantID      string
	OnHand         *int
	Delta          *int
	IfVersion      *int64
	Reason         string
	IdempotencyKey string
}

// BulkInput is many adjustments for one reason, of variants of any shops that one works for.
type BulkInput struct {
	IdempotencyKey string
	Reason         string
	Lines          []BulkLine
}

// BulkLine adjusts one variant: exactly one of OnHand (the number counted) and Delta.
type BulkLine struct {
	VariantID string
	OnHand    *int
	Delta     *int
	IfVersion *int64
}

// BulkVerdict is what became of a line: the stock as it stands now, or why it was refused.
type BulkVerdict struct {
	VariantID string // as the client named it
	Stock     *Stock // nil when refused
	Err       error  // NOT_FOUND, CONFLICT, VERSION_MISMATCH or INVALID; nil when not refused
}

// Adjust sets or changes the number on hand, for staff of the variant's shop, once for each idempotency key, and returns
// the stock as it stands now. It fails with INVALID, NOT_FOUND, CONFLICT, VERSION_MISMATCH and IDEMPOTENCY_KEY_REUSED.
func (i *Inventory) Adjust(ctx context.Context, who identity.Principal, in AdjustInput) (*Stock, error) {
	verdicts, err := i.adjust(ctx, who, &adjusting{
		operation: "stockAdjust", single: true, key: in.IdempotencyKey, reason: in.Reason, input: in,
		lines: []*adjustment{{
			BulkLine: BulkLine{VariantID: in.VariantID, OnHand: in.OnHand, Delta: in.Delta, IfVersion: in.IfVersion},
			path:     []string{"input"},
		}},
	})
	if err != nil {
		return nil, err
	}
	return verdicts[0].Stock, verdicts[0].Err
}

// AdjustMany is Adjust of many variants in one transaction, each with its own verdict, in the order of the input: a line that
// is refused does not hinder the others. A repeat of the key gives the same verdicts, with the stocks as they stand now; when
// every line was refused the key stays free. It fails with INVALID, TOO_MANY and IDEMPOTENCY_KEY_REUSED.
func (i *Inventory) AdjustMany(ctx context.Context, who identity.Principal, in BulkInput) ([]BulkVerdict, error) {
	if len(in.Lines) == 0 {
		return nil, fault.New(fault.Invalid, "name at least one variant").At("input", "lines")
	}
	if len(in.Lines) > MaxBulk {
		return nil, fault.New(fault.TooMany, "at most %d lines at once", MaxBulk).At("input", "lines")
	}
	req := &adjusting{operation: "stockAdjustMany", key: in.IdempotencyKey, reason: in.Reason, input: in}
	for n, l := range in.Lines {
		req.lines = append(req.lines, &adjustment{BulkLine: l, path: []string{"input", "lines", strconv.Itoa(n)}})
	}
	return i.adjust(ctx, who, req)
}

// adjusting is a request to adjust stock.
type adjusting struct {
	operation string
	single    bool // one variant, and not a list of one
	key       string
	reason    string
	input     any // as the client gave it: what a repeat of the key must equal
	lines     []*adjustment
}

func (r *adjusting) check() error {
	if n := utf8.RuneCountInString(r.reason); n > maxReason || strings.TrimSpace(r.reason) == "" || !utf8.ValidString(r.reason) {
		return fault.New(fault.Invalid, "reason must have 1 to %d characters", maxReason).At("input", "reason")
	}
	return idempotency.CheckKey(r.key)
}

// adjustment is one line of a request.
type adjustment struct {
	BulkLine
	path    []string // where the line stands in the input
	variant typeid.Variant
	refused error // before anything was locked
}

// refuse is the refusal of the line, at fault being this field of it.
func (a *adjustment) refuse(e *fault.Error, field ...string) error {
	return e.At(slices.Concat(a.path, field)...)
}

func (a *adjustment) notFound() error {
	return a.refuse(fault.New(fault.NotFound, "there is no such variant"), "variantId")
}

func (a *adjustment) check() error {
	switch {
	case (a.OnHand == nil) == (a.Delta == nil):
		return a.refuse(fault.New(fault.Invalid, "give exactly one of onHand and delta"))
	case a.OnHand != nil && (*a.OnHand < 0 || *a.OnHand > MaxOnHand):
		return a.refuse(fault.New(fault.Invalid, "onHand must be 0 to %d", MaxOnHand), "onHand")
	case a.Delta != nil && (*a.Delta == 0 || *a.Delta < -MaxOnHand || *a.Delta > MaxOnHand):
		return a.refuse(fault.New(fault.Invalid, "delta must not be 0, and at most %d either way", MaxOnHand), "delta")
	}
	return nil
}

// decide is the change of the number on hand that the line asks for.
func (a *adjustment) decide(s Stock) (int, error) {
	if a.IfVersion != nil && *a.IfVersion != s.Version {
		return 0, a.refuse(fault.New(fault.VersionMismatch, "the stock has changed since; read it again"), "ifVersion")
	}
	var field string
	var delta int
	if a.OnHand != nil {
		field, delta = "onHand", *a.OnHand-s.OnHand
	} else {
		field, delta = "delta", *a.Delta
	}
	switch onHand := s.OnHand + delta; {
	case onHand < s.Held:
		return 0, a.refuse(fault.New(fault.Conflict, "%d are held for orders; no fewer can be on hand", s.Held), field)
	case onHand > MaxOnHand:
		return 0, a.refuse(fault.New(fault.Invalid, "at most %d can be on hand", MaxOnHand), field)
	}
	return delta, nil
}

// examine refuses what can be refused before anything is locked: what is wrong by itself, and variants that are not of a
// shop that one works for. It returns the variants that are left, and the shop of the first.
func (i *Inventory) examine(ctx context.Context, who identity.Principal, lines []*adjustment) ([]typeid.Variant, typeid.Shop, error) {
	var named []typeid.Variant
	seen := make(map[typeid.Variant]bool, len(lines))
	for _, a := range lines {
		id, ok := typeid.Parse[typeid.Variant](a.VariantID)
		switch {
		case !ok:
			a.refused = a.notFound()
			continue
		case seen[id]:
			a.refused = a.refuse(fault.New(fault.Invalid, "name each variant once"), "variantId")
			continue
		}
		seen[id] = true
		a.variant, a.refused = id, a.check()
		if a.refused == nil {
			named = append(named, id)
		}
	}
	if len(named) == 0 {
		return nil, typeid.Shop{}, nil
	}
	stocks, err := i.Stocks(ctx, named)
	if err != nil {
		return nil, typeid.Shop{}, err
	}
	theirs := make(map[typeid.Variant]typeid.Shop, len(stocks))
	for _, s := range stocks {
		if who.WorksFor(s.ShopID) {
			theirs[s.VariantID] = s.ShopID
		}
	}
	left := make([]typeid.Variant, 0, len(named))
	for _, a := range lines {
		if a.refused != nil {
			continue
		}
		if _, ok := theirs[a.variant]; ok {
			left = append(left, a.variant)
		} else {
			a.refused = a.notFound()
		}
	}
	if len(left) == 0 {
		return nil, typeid.Shop{}, nil
	}
	return left, theirs[left[0]], nil
}
