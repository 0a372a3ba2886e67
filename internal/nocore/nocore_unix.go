//go:build unix && !linux

package nocore

import "golang.org/x/sys/unix"

// Disable turns core dumps of this process off. It returns the first error.
func Disable() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
