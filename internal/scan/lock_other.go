//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package scan

import "os"

// lockFile does nothing: this system has no lock that a kill releases.
func lockFile(*os.File) error { return nil }
