//go:build !unix

package transport

import "errors"

// writeNow leaves everything to those who may wait.
func writeNow(uintptr, []byte) (int, error) {
	return 0, errors.ErrUnsupported
}
