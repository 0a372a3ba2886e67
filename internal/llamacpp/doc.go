// Package llamacpp runs GGUF models through llama.cpp, several texts at a time, and marks what it
// writes.
//
// llama.cpp's shared libraries are loaded at run time, and nothing here needs cgo. fetch.sh
// fetches libraries and a small model. docs/llamacpp.md says which versions belong together.
//
//	model, err := llamacpp.Open(llamacpp.Files{Lib: lib, Model: "smollm2.gguf"})
//	...
//	engine, err := llamacpp.NewEngine(model, llamacpp.Config{Slots: 8})
//	...
//	prompt, err := model.Chat([]llamacpp.Message{{Role: "user", Content: "What is a lighthouse?"}})
//	...
//	seq.Reset(prompt)
//	finish, err := engine.Generate(ctx, &llamacpp.Request{Prompt: prompt, Sequence: seq, Sampler: sampler}, emit)
//
// An [Engine] is a scheduler of its own in Go. Below it, a file for the platforms of the binding
// (yzma) calls llama.cpp; elsewhere, and with the build tag nollama, [Open] returns
// [ErrNotBuilt]. The package is written for the programs of this project and may change at any
// time.
package llamacpp
