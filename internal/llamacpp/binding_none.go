//go:build !((linux || darwin || windows) && (amd64 || arm64) && !nollama)

package llamacpp

func loadLibrary(string) error { return ErrNotBuilt }

func openWeights(string) (weights, error) { return nil, ErrNotBuilt }

func devices() []string { return nil }
