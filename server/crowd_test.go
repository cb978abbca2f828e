package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// together does n things at once, from one start.
func together(n int, do func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	wg.Wait()
}

func sameKeyAtOnce(t *testing.T, w *world) {
	const times = 100
	buyer := w.buyer(t, "frantic")
	v := w.goods(t, w.shops(t)[0], 100, 500)[0]
	body := placeBody(t, vars{"lines": lines(v, 2)})
	answers, errs := make([]answer, times), make([]error, times)
	together(times, func(i int) { answers[i], errs[i] = buyer.try(body, nil) })
	ids := map[string]int{}
	for i, a := range answers {
		if errs[i] != nil || len(a.Errors) > 0 {
			t.Fatalf("answer %d: %v %s", i, errs[i], a.Body)
		}
		got := decode[struct{ CheckoutPlace checkoutPayload }](t, a).CheckoutPlace
		if got.refused(t); got.Checkout.Payment.WeChatPay == nil {
			t.Error("an answer that cannot be paid")
		}
		ids[got.Checkout.ID]++
	}
	if len(ids) != 1 {
		t.Errorf("one key, %d checkouts: %v", len(ids), ids)
	}
	checkStock(t, "held", w.merchant(t).stock(t, v), 500, 2, 0)
}

// lastUnits sells the last units at two servers at once.
func lastUnits(t *testing.T, w *world) {
	const buyers, units = 24, 5
	servers := []*world{w, newWorld(t, w.source)}
	v := w.goods(t, w.shops(t)[0], 100, units)[0]
	clients := make([]*client, buyers)
	for i := range clients {
		clients[i] = servers[i%2].buyer(t, fmt.Sprintf("crowd-%d", i))
	}
	bodies, answers, errs := make([][]byte, buyers), make([]answer, buyers), make([]error, buyers)
	for i := range bodies {
		bodies[i] = placeBody(t, vars{"lines": lines(v, 1)})
	}
	together(buyers, func(i int) { answers[i], errs[i] = clients[i].try(bodies[i], nil) })
	won := 0
	for i, a := range answers {
		if errs[i] != nil || len(a.Errors) > 0 {
			t.Fatalf("buyer %d: %v %s", i, errs[i], a.Body)
		}
		if got := decode[struct{ CheckoutPlace checkoutPayload }](t, a).CheckoutPlace; got.Checkout != nil {
			won++
		} else {
			got.refused(t, "OUT_OF_STOCK")
		}
	}
	if won != units {
		t.Errorf("%d buyers got one of %d", won, units)
	}
	checkStock(t, "sold out", w.merchant(t).stock(t, v), units, units, 0)
}

// hangUp leaves requests half-way. Each happens whole or not at all, and the same key tells which.
func hangUp(t *testing.T, w *world) {
	const times = 12
	buyer := w.buyer(t, "hasty")
	v := w.goods(t, w.shops(t)[0], 100, 500)[0]
	bodies := make([][]byte, times)
	for i := range bodies {
		bodies[i] = placeBody(t, vars{"lines": lines(v, 1)})
	}
	together(times, func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Millisecond)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/graphql", bytes.NewReader(bodies[i]))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+buyer.token)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	})
	for _, body := range bodies {
		decode[struct{ CheckoutPlace checkoutPayload }](t, buyer.post(t, body)).CheckoutPlace.refused(t)
	}
	checkStock(t, "held", w.merchant(t).stock(t, v), 500, times, 0)
}

// firstLogIns are of one new buyer, at once: there is one buyer and one cart.
func firstLogIns(t *testing.T, w *world) {
	const times = 16
	body := []byte(`{"query":"mutation { sessionCreate(input: {weChat: {appId: \"wxdemo\", code: \"demo-newcomer\"}}) { session { viewer { ... on Buyer { id cart { version } } } } } }"}`)
	answers, errs := make([]answer, times), make([]error, times)
	together(times, func(i int) { answers[i], errs[i] = w.anonymous().try(body, nil) })
	for i, a := range answers {
		if errs[i] != nil || !bytes.Equal(a.Body, answers[0].Body) || !bytes.Contains(a.Body, []byte(`"id":"buyer_`)) {
			t.Errorf("log-in %d: %v %s, the first %s", i, errs[i], a.Body, answers[0].Body)
		}
	}
}
