//go:build unix

package transport

import "syscall"

// writeNow writes what the kernel has room for: sockets do not block.
func writeNow(fd uintptr, b []byte) (int, error) {
	return syscall.Write(int(fd), b)
}
