package transport_test

import "testing"

func TestDeferIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{ ... @defer { hello } }", "{ ...F @defer(label: \"a\") } fragment F on Query { hello }"} {
		exchange{body: query(text), accept: full, status: 400, code: "BAD_REQUEST", data: "absent"}.run(t)
	}
	exchange{body: query("{ ... @include(if: true) { hello } }"), accept: full, status: 200, runs: 1}.run(t)
}
