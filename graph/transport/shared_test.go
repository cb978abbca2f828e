package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// TestShared shows that nobody gets an execution that had begun before, and that all who wait meanwhile share the next.
func TestShared(t *testing.T) {
	t.Parallel()
	s := &Shared{Key: func(_ context.Context, oc *graphql.OperationContext) (string, bool) {
		return oc.RawQuery, oc.RawQuery != ""
	}}
	var runs atomic.Int32
	begun, letGo := make(chan struct{}), make(chan struct{})
	run := func(context.Context) *graphql.Response {
		n := runs.Add(1)
		if n == 1 {
			close(begun)
			<-letGo
		}
		return &graphql.Response{Label: string('0' + n)}
	}
	var wg sync.WaitGroup
	asks := func(ctx context.Context, key, want string) {
		wg.Go(func() {
			got := s.do(ctx, &graphql.OperationContext{RawQuery: key}, run)
			if label := answered(got); label != want {
				t.Errorf("%s: got %q, want %q", key, label, want)
			}
		})
	}
	asks(t.Context(), "page", "1")
	<-begun
	asks(t.Context(), "other", "2")
	for runs.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	wg.Go(func() { // alone
		if got := answered(s.do(t.Context(), &graphql.OperationContext{}, run)); got != "3" {
			t.Errorf("what is not shared got %q", got)
		}
	})
	for runs.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	left, leave := context.WithCancel(t.Context())
	asks(t.Context(), "page", "4") // the first to wait runs the next
	for !s.awaited("page") {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		asks(t.Context(), "page", "4")
	}
	asks(left, "page", "")
	leave()
	time.Sleep(20 * time.Millisecond) // they wait by now
	close(letGo)
	wg.Wait()
	if len(s.runs) != 0 {
		t.Errorf("%d keys are kept", len(s.runs))
	}
}

// TestSharedPanics shows that a panic is the panic of who ran, no answer for who waited, and the end of neither.
func TestSharedPanics(t *testing.T) {
	t.Parallel()
	s := &Shared{Key: func(context.Context, *graphql.OperationContext) (string, bool) { return "page", true }}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		s.do(t.Context(), &graphql.OperationContext{}, func(context.Context) *graphql.Response { panic("page") })
	}()
	got := s.do(t.Context(), &graphql.OperationContext{}, func(context.Context) *graphql.Response { return &graphql.Response{Label: "after"} })
	if answered(got) != "after" {
		t.Errorf("after a panic: %+v", got)
	}
}

func answered(r *graphql.Response) string {
	if r == nil {
		return ""
	}
	return r.Label
}

// awaited tells whether some wait for the next execution of the key.
func (s *Shared) awaited(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[key] != nil && s.runs[key].next != nil
}
