package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
)

// lineError is a refusal that adds something, as several packages have one.
type lineError struct {
	fault.Plain
	line int
}

func (e *lineError) Unwrap() error { return &e.Plain }

func codes(err error) []fault.Code {
	var out []fault.Code
	for _, r := range fault.List(err) {
		out = append(out, r.Refused().Code)
	}
	return out
}

func TestList(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Invalid, "quantity must be %d to %d", 1, 9999)
	line := &lineError{Plain: *fault.New(fault.NotFound, "there is no such variant"), line: 3}
	for _, tc := range []struct {
		name string
		err  error
		want []fault.Code
	}{
		{"nil", nil, nil},
		{"anything else", errors.New("broken"), nil},
		{"plain", plain, []fault.Code{fault.Invalid}},
		{"wrapped", fmt.Errorf("place: %w", plain), []fault.Code{fault.Invalid}},
		{"one that adds something", line, []fault.Code{fault.NotFound}},
		{"several", fault.Refusals{plain, line}, []fault.Code{fault.Invalid, fault.NotFound}},
		{"several, wrapped", fmt.Errorf("place: %w", fault.Refusals{line, plain}), []fault.Code{fault.NotFound, fault.Invalid}},
		{"joined with another", errors.Join(errors.New("broken"), plain), []fault.Code{fault.Invalid}},
	} {
		if diff := cmp.Diff(tc.want, codes(tc.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	if got := fault.List(fmt.Errorf("place: %w", line)); len(got) != 1 || got[0] != fault.Refusal(line) {
		t.Errorf("what a refusal adds is lost: %v", got)
	}
	if !fault.Is(fault.Refusals{plain, line}, fault.NotFound) || fault.Is(plain, fault.NotFound) || fault.Is(nil, fault.Invalid) {
		t.Error("Is does not find the code, or finds another")
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Invalid, "quantity must be %d to %d", 1, 9999)
	if got, want := plain.Error(), "quantity must be 1 to 9999"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := fault.New(fault.Invalid, "100 %% sold").Error(), "100 % sold"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (fault.Refusals{plain, plain}).Error(), plain.Error()+"\n"+plain.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAt proves that saying where leaves the error itself as it was: some are made once and used in several places.
func TestAt(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Invalid, "no")
	at := plain.At("input", "lines", "0")
	if diff := cmp.Diff([]string{"input", "lines", "0"}, at.Field); diff != "" || plain.Field != nil {
		t.Errorf("fields %v and %v", at.Field, plain.Field)
	}
}

// TestAfter is TestAt of when to come back.
func TestAfter(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Overloaded, "later")
	if after := plain.After(time.Second).At("input"); after.RetryAfter != time.Second || plain.RetryAfter != 0 {
		t.Errorf("after %s and %s", after.RetryAfter, plain.RetryAfter)
	}
}
