package main

import (
	"bytes"
	"regexp"
	"testing"
	"time"
)

// TestNotices has a real server be told of payments, and finds every one of them in its rows.
func TestNotices(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := options{database: onSQLite, buyers: 4, accounts: 1, runs: 1, duration: 500 * time.Millisecond}
	if err := runNotices(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^nobody pays +[1-9]\d* .* 0 +none$`, `(?m)^all pay at WeChat +[1-9]\d* .* [1-9]\d* +none$`,
		`(?m)^[1-9]\d* notices acknowledged: p50 [1-9].*; 0 attempts were not$`, `everything holds`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s is not in\n%s", want, out.String())
		}
	}
}
