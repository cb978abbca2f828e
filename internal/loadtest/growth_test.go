package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What grows is one thing at a time, or the table tells nothing.
func TestGrowths(t *testing.T) {
	t.Parallel()
	m := &market{cart: make([]string, cartSKUs), spread: make([]string, spreadOver)}
	last := make(map[string]grown)
	for _, g := range growths() {
		if goods := len(m.goods(g)); goods != g.skus || g.lines > goods {
			t.Errorf("%+v: %d SKUs to choose from", g, goods)
		}
		before, ok := last[g.of]
		last[g.of] = g
		if !ok {
			continue
		}
		changed := map[string]bool{"lines": g.lines > before.lines, "SKUs": g.skus > before.skus, "buyers": g.buyers > before.buyers, "sockets": g.watchers > before.watchers}
		for what, does := range changed {
			if does != (what == g.of) {
				t.Errorf("%+v after %+v: %s grow is %t", g, before, what, does)
			}
		}
	}
	if len(last) != 4 {
		t.Errorf("growing are %v", last)
	}
}

func TestGrowthIsPrinted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := sample{speed: speed{rate: 1234, p50: 5 * time.Millisecond}, statements: 0.4}
	printGrowth(&out, []grown{{"lines", 5, 20, 64, 0, []sample{s, s, {speed: speed{rate: 9}}}}})
	if line := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(line, "lines 5 20 64 0 1234 5.0 - 0.4") {
		t.Error(line)
	}
}
