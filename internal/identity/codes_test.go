package identity

import (
	"strings"
	"testing"

	"holdfast/internal/fault"
)

func TestSandboxCodes(t *testing.T) {
	for code, ok := range map[string]bool{
		"demo-ann":                        true,
		"demo-a":                          true,
		"demo-0-_z":                       true,
		"demo--":                          true,
		"demo-" + strings.Repeat("n", 32): true,
		"demo-" + strings.Repeat("n", 33): false,
		"demo-":                           false,
		"demo-Ann":                        false,
		"Demo-ann":                        false,
		"demo-a b":                        false,
		"demo-ann ":                       false,
		"demo-ann\n":                      false,
		"demo-é":                          false,
		"demo-a'--":                       false,
		" demo-ann":                       false,
		"ann":                             false,
		"":                                false,
	} {
		openID, err := SandboxCodes{}.OpenID(t.Context(), "wxdemo", code)
		if ok && (err != nil || openID != code) {
			t.Errorf("%q: got %q, %v, want the code itself", code, openID, err)
		}
		if !ok {
			wantCode(t, err, fault.LoginFailed, strings.TrimSpace(code))
		}
	}
}

func TestNoCodes(t *testing.T) {
	_, err := NoCodes{}.OpenID(t.Context(), "wxdemo", "demo-ann")
	wantCode(t, err, fault.LoginFailed, "demo-ann")
}
