//go:build failpoint

package failpoint

import "testing"

func TestReached(t *testing.T) {
	t.Parallel()
	const sql = "UPDATE `a`\n=> UPDATE `b`"
	for _, c := range []struct {
		arm    string
		point  Point
		detail string
		times  int // that it takes; 0 for never
	}{
		{"answer", Answer, "", 1},
		{"answer", Commit, "", 0},
		{"call@3", Call, "refund", 3},
		{"call: refund", Call, "refund", 1},
		{"call: refund", Call, "share", 0},
		{"statement@2: UPDATE `a` && => UPDATE `b`", Statement, sql, 2},
		{"statement: UPDATE `a` && => UPDATE `a`", Statement, sql, 0},
		{"statement: UPDATE `a` && !`b`", Statement, sql, 0},
		{"statement: UPDATE `a` && !`c`", Statement, sql, 1},
	} {
		s, err := parse(c.arm)
		if err != nil {
			t.Fatal(err)
		}
		took := 0
		for i := 1; i <= 5; i++ {
			if s.reached(c.point, c.detail) {
				if took != 0 {
					t.Errorf("%s: twice", c.arm)
				}
				took = i
			}
		}
		if took != c.times {
			t.Errorf("%s: at time %d, want %d", c.arm, took, c.times)
		}
	}
	for _, bad := range []string{"", "nowhere", "call@0", "call@x", "commit@2x: a"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
