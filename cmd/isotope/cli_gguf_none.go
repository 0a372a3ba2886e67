//go:build !(llama && (linux || darwin || windows) && (amd64 || arm64) && !nollama)

package main

import "errors"

// The command is built without llama.cpp by default: its binding needs libffi when a program starts,
// whatever the program does, and a static program cannot have it.
func init() {
	openGGUF = func(string, string) (ggufModel, error) {
		return nil, errors.New("this program was built without llama.cpp, which GGUF models need; build it with 'go build -tags llama ./cmd/isotope' (docs/llamacpp.md says more)")
	}
}
