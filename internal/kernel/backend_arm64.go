//go:build arm64 && !purego

package kernel

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// detect returns the backends of this CPU besides Generic.
func detect() []Backend {
	// All arm64 machines of Apple have AES. On other systems package cpu knows.
	if cpu.ARM64.HasAES || runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return []Backend{NEON}
	}
	return nil
}

func subWord(w uint32) uint32 { return subWordNEON(w) }
