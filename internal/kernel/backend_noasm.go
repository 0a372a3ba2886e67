//go:build purego || !amd64

package kernel

func detect() []Backend { return nil }
