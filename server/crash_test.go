package main

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/check/checktest"
	"holdfast/internal/failpoint"
	"holdfast/internal/testdb"
)

// crashWaits is how long a server may live on under load without reaching the point where it shall die.
const crashWaits = 30 * time.Second

// crashCase is one place where the server dies.
type crashCase struct {
	name string
	arm  string     // see failpoint
	long bool       // on SQLite in the long version alone
	load *crashLoad // nil for what its neighbours have
}

// What transactions are known by: what they write.
const (
	txPlaces    = "INSERT INTO `checkouts`"
	txTurns     = "UPDATE `checkouts`"
	txPays      = txTurns + " && !UPDATE `payment_splits`"
	txLetsGo    = txTurns + " && UPDATE `payment_splits`"
	txRefunds   = "INSERT INTO `refunds` && `staff_requests`"
	txShares    = "UPDATE `payment_splits` && !`checkouts` && !`refunds`"
	txGivesBack = "UPDATE `refunds`"
	txTransfers = "INSERT INTO `sandbox_transfers`"
)

// crashes are the named points of what happens to an order, by what its shop is busy with.
var crashes = []struct {
	what  string
	hold  string
	load  crashLoad
	cases []crashCase
}{
	{"checkout", "15m", crashLoad{buyers: 4, pay: 3, cancel: 6}, []crashCase{
		{"before the transaction", "begin@5: /checkout.", false, &crashLoad{buyers: 4}},
		{"between statements, before the orders", "statement@6: " + txPlaces + " && => INSERT INTO `orders`", true, nil},
		{"between statements, before the stock", "statement@4: " + txPlaces + " && => UPDATE `stocks`", false, nil},
		{"before COMMIT", "commit@7: " + txPlaces, false, nil},
		{"after COMMIT", "committed@5: " + txPlaces, false, nil},
		{"before the provider is asked", "call@6: prepare", true, nil},
		{"after the provider has answered", "called@4: prepare", true, nil},
		{"before the answer", "answer@5: checkoutPlace(", false, nil},
	}},
	{"payment", "15m", crashLoad{buyers: 4, pay: 1}, []crashCase{
		{"before the provider is asked", "call@5: pay", true, nil},
		{"once the provider has the money", "called@4: pay", false, nil},
		{"before the notice is believed", "call@4: query", true, nil},
		{"before the transaction", "begin@3: /checkout.", false, &crashLoad{before: 12, buyers: 4, pay: 1}},
		{"between statements, before the stock", "statement@3: " + txPays + " && => UPDATE `stocks`", false, nil},
		{"between statements, before the jobs", "statement@4: " + txPays + " && => INSERT INTO `jobs`", true, nil},
		{"before COMMIT", "commit@5: " + txPays, false, nil},
		{"after COMMIT", "committed@4: " + txPays, false, nil},
		{"before the answer", "answer@5: sandboxPaymentConfirm(", true, nil},
		{"before a share is paid out", "call@3: SHARE", true, nil},
		{"once a share is paid out", "called@4: SHARE", false, nil},
		{"before a share is recorded", "commit@5: " + txShares, true, nil},
	}},
	{"cancel", "15m", crashLoad{buyers: 4, cancel: 1}, []crashCase{
		{"once the provider has closed", "called@4: close", false, nil},
		{"before COMMIT", "commit@5: " + txLetsGo, true, nil},
		{"after COMMIT", "committed@4: " + txLetsGo, false, nil},
	}},
	{"expiry", "1s", crashLoad{buyers: 3, pay: 4, pace: 60 * time.Millisecond}, []crashCase{
		{"before the provider is asked", "call@4: close", true, nil},
		{"once the provider has closed", "called@3: close", false, nil},
		{"before the transaction", "begin: /checkout.", true, &crashLoad{before: 8}},
		{"between statements, before the stock", "statement@2: " + txLetsGo + " && => UPDATE `stocks`", false, nil},
		{"between statements, before the jobs", "statement@2: " + txLetsGo + " && => INSERT INTO `jobs`", true, nil},
		{"before COMMIT", "commit@2: " + txLetsGo, false, nil},
		{"after COMMIT", "committed: " + txLetsGo, false, nil},
	}},
	{"refund", "15m", crashLoad{buyers: 2, pay: 1, staff: 2}, []crashCase{
		{"before the transaction", "begin@3: settlement.(*Settlement).Refund", true, nil},
		{"between statements, before the stock", "statement@2: " + txRefunds + " && => UPDATE `stocks`", false, nil},
		{"between statements, before the jobs", "statement@4: " + txRefunds + " && => INSERT INTO `jobs`", true, nil},
		{"before COMMIT", "commit@4: " + txRefunds, false, nil},
		{"after COMMIT", "committed@3: " + txRefunds, false, nil},
		{"before a share is returned", "call@2: RETURN", true, nil},
		{"once a share is returned", "called@3: RETURN", false, nil},
		{"before the provider gives the money back", "call@3: REFUND", true, nil},
		{"in the middle of it", "commit@4: " + txTransfers, true, nil},
		{"once the provider has given the money back", "called@3: REFUND", false, nil},
		{"before that is recorded", "commit@4: " + txGivesBack, false, nil},
		{"once that is recorded", "committed@3: " + txGivesBack, true, nil},
		{"before the answer", "answer@3: orderRefund(", false, nil},
	}},
}

// TestCrash kills the server, under load, at each named point of what happens to an order, and starts it again. What anybody was told
// is so, what nobody was told happens once when it is asked for again, and nothing stays half-way.
func TestCrash(t *testing.T) {
	t.Parallel() // it waits
	binary := buildMortal(t)
	long := os.Getenv("HOLDFAST_TEST_LONG") != ""
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for _, group := range crashes {
				t.Run(group.what, func(t *testing.T) {
					t.Parallel()
					s := newCrashShop(t, binary, testdb.Source(t, kind), "HOLDFAST_HOLD="+group.hold)
					for _, c := range group.cases {
						if !c.long || long || kind == testdb.MySQL {
							t.Run(c.name, func(t *testing.T) { s.crash(t, c, *cmp.Or(c.load, &group.load)) })
						}
					}
					s.end(t, group.hold == "1s")
				})
			}
		})
	}
	t.Run("one of two servers, in the middle of a sweep", func(t *testing.T) {
		t.Parallel()
		crashInSweep(t, binary)
	})
}

// buildMortal builds the program with its failpoints, and makes sure that there is nothing of them in any other.
func buildMortal(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "holdfast")
	start := time.Now()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoint", "-ldflags", "-s -w", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, out)
	}
	t.Logf("built in %v", time.Since(start).Round(time.Millisecond))
	self, err := os.Executable()
	must(t, err)
	program, err := os.ReadFile(self)
	must(t, err)
	for name, is := range map[string]bool{"split|Driver": true, "mortal|Tx": false} { // split, or this text is found
		if got := bytes.Contains(program, []byte("holdfast/internal/db.(*"+strings.ReplaceAll(name, "|", ""))); got != is {
			t.Errorf("a program without failpoints has methods of %s: %v", name, got)
		}
	}
	if failpoint.Enabled {
		t.Error("failpoints are there without being asked for")
	}
	return binary
}

// crash starts a server that dies at a point, lets everybody in, and looks at what is left: first at the rows, then as a client of the
// server that comes next.
func (s *crashShop) crash(t *testing.T, c crashCase, load crashLoad) {
	s.prepare(t, load)
	p := s.start(t, "HOLDFAST_FAILPOINT="+c.arm)
	s.busy(t, p, load)
	p.died(t, c.arm)
	s.checkTold(t)
	checktest.Must(t, s.d)
	s.passLeases(t)

	next := s.start(t)
	s.askAgain(t)
	s.checkTold(t)
	_ = next.cmd.Process.Kill() // this one dies too, with nothing to do but what is left over
	next.wait(t)
	s.passLeases(t)
}

// died waits until the process has died at the point where it was to die.
func (p *process) died(t *testing.T, arm string) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(crashWaits):
		t.Fatalf("the server never came to %s", arm)
	}
	point, _, _ := strings.Cut(strings.ReplaceAll(arm, ":", "@"), "@")
	if p.signal != syscall.SIGKILL || !strings.Contains(p.err.String(), `"msg":"failpoint","point":"`+point+`"`) {
		t.Fatalf("the server ended with %d, signal %v, and did not die at %s:\n%s", p.code, p.signal, arm, p.err.String())
	}
}

// crashInSweep has two servers let overdue goods go, of which one dies in the middle of it. The other lets everything go in time,
// once.
func crashInSweep(t *testing.T, binary string) {
	const promised = 2 * time.Second // how long after the end of a hold its goods are for sale again; asserted three times over
	s := newCrashShop(t, binary, testdb.Source(t, testdb.MySQL), "HOLDFAST_HOLD=2s")
	mortal := s.start(t, "HOLDFAST_FAILPOINT=commit@2: "+txLetsGo)
	s.start(t) // serves the clients from now on
	full := time.Now().Add(3 * time.Second)
	together(4, func(i int) {
		for n := 0; n < 75 && time.Now().Before(full); n++ {
			if !s.place(t, s.sale(i)) {
				t.Error("the server that lives gave no answer")
				return
			}
		}
	})
	mortal.died(t, "commit@2: "+txLetsGo)
	death := time.Now()
	waitFor(t, "everything to be let go", func() bool { return len(s.open(t)) == 0 })
	ends := s.ends(t)
	after, latest := 0, time.Duration(0)
	for order, released := range s.movements(t, "RELEASED") {
		if len(released) != 1 {
			t.Errorf("the goods of %s were let go %d times", order, len(released))
		}
		latest = max(latest, released[0].Sub(ends[order]))
		if released[0].After(death) {
			after++
		}
	}
	t.Logf("%d checkouts, %d let go after the crash, the latest %v after its end", len(ends), after, latest)
	if latest > 3*promised {
		t.Errorf("goods were let go %v after the end of their hold; %v are promised", latest, promised)
	}
	if len(ends) < 30 || after == 0 {
		t.Errorf("%d checkouts, and %d were let go after the crash: this proves nothing", len(ends), after)
	}
	if missing := len(ends) - len(s.movements(t, "RELEASED")); missing != 0 {
		t.Errorf("the goods of %d checkouts were never let go", missing)
	}
	checktest.Must(t, s.d)
}
