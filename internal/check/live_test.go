package check_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/check"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/testdb"
)

// TestBesideWriters checks a database while buyers place, pay and cancel: nothing is broken at any moment that is looked
// at, and nobody waits for the one who looks.
func TestBesideWriters(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testdb.New(t, kind), clock.Of(time.Now))
			var buyers []identity.Principal
			for i := range 12 {
				buyers = append(buyers, w.buyer(t, fmt.Sprint("buyer-", i)))
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var done atomic.Int64
			var group errgroup.Group
			for i, who := range buyers {
				group.Go(func() error {
					for n := 0; ctx.Err() == nil; n++ {
						if err := w.shop(t.Context(), who, n, i); err != nil {
							return err
						}
						done.Add(1)
					}
					return nil
				})
			}
			checks, looked := 0, int64(0)
			for start := time.Now(); time.Since(start) < 3*time.Second && !t.Failed(); checks++ {
				before := done.Load()
				// Somebody who looks for longer, until each buyer could have come and gone: whom it kept waiting would not.
				err := db.Snapshot(t.Context(), w.db, func(ctx context.Context, _ db.Querier) error {
					report, err := check.Run(ctx, w.db)
					if broken := brokenOf(report); broken.Broken() > 0 {
						t.Errorf("a false alarm:\n%s", text(t, broken))
					}
					looked = report.Looked()
					for since := time.Now(); err == nil && done.Load() < before+int64(len(buyers)); time.Sleep(time.Millisecond) {
						if time.Since(since) > 15*time.Second {
							return errors.New("nobody gets anything done beside a check")
						}
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
			stop()
			if err := group.Wait(); err != nil {
				t.Error(err)
			}
			if broken := brokenOf(run(t, w.db)); broken.Broken() > 0 {
				t.Errorf("afterwards:\n%s", text(t, broken))
			}
			t.Logf("%d checks, the last of %d rows, beside %d checkouts", checks, looked, done.Load())
		})
	}
}

// shop places a checkout of two shops, and pays it, cancels it, or leaves it.
func (w *world) shop(ctx context.Context, who identity.Principal, n, i int) error {
	in := checkout.Input{IdempotencyKey: fmt.Sprint("key-", n)}
	for s := range w.shops {
		in.Lines = append(in.Lines, checkout.LineInput{VariantID: w.variants[s][(n+i+s)%3].String(), Quantity: 1})
	}
	placed, err := w.checkouts.Place(ctx, who, in)
	if err != nil {
		return err
	}
	switch n % 3 {
	case 0:
		_, err = w.checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String())
	case 1:
		_, err = w.checkouts.Cancel(ctx, who, placed.ID.String())
	}
	return err
}
