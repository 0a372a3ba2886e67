//go:build purego || !(amd64 || arm64)

package kernel

// detect returns the backends of this CPU besides Generic, the fastest last.
func detect() []Backend { return nil }
