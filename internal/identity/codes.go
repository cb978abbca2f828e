package identity

import (
	"context"
	"strings"
)

// CodeExchanger trades the code that wx.login gave to a page for the user it stands for.
type CodeExchanger interface {
	// OpenID is the user of the mini-program who got the code. A code that is refused is fault.LoginFailed; every other
	// error is a failure of the provider. Errors hold neither the code nor the mini-program's secret. It may take as long
	// as ctx lets it: no transaction is open.
	OpenID(ctx context.Context, appID, code string) (openID string, err error)
}

// SandboxCodes accepts codes of the form demo-<name>, the name being 1 to 32 of a-z, 0-9, - and _, as the user of the same
// name. Anybody can be anybody: it is for demo mode only.
type SandboxCodes struct{}

const maxSandboxName = 32

// OpenID is the code itself.
func (SandboxCodes) OpenID(_ context.Context, _, code string) (string, error) {
	name, ok := strings.CutPrefix(code, "demo-")
	if !ok || name == "" || len(name) > maxSandboxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return "", loginFailed()
	}
	return code, nil
}

// NoCodes refuses every code: no provider is configured.
type NoCodes struct{}

// OpenID is always refused.
func (NoCodes) OpenID(context.Context, string, string) (string, error) { return "", loginFailed() }
