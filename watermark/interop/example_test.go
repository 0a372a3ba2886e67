package interop_test

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// An operator runs vLLM with a watermark, and tests a text that it wrote.
func Example() {
	imported, err := interop.Import(interop.EngineVLLM,
		[]byte(`{"algorithm":"gumbel","key":9876543210987654321,"context_width":4}`),
		&interop.ImportOptions{Vocab: 50257})
	if err != nil {
		panic(err)
	}
	s, err := imported.Profile.Bind(imported.Key)
	if err != nil {
		panic(err)
	}
	text := []watermark.Token{464, 3290, 318, 257, 845, 922, 1545, 13} // ids of the text
	frame := s.Frame(nil, text)
	a := detect.NewAccumulator(s, &detect.Options{Dedup: detect.DedupContext})
	a.Add(frame.Tokens)
	r := a.Result()
	fmt.Println(imported.Profile.Scheme, r.Scored, r.Verdict)
	// Output: vllm-gumbel 8 inconclusive
}

// An epoch key of isotope/1 gives the key of an engine.
func ExampleExport() {
	p, err := interop.ParseProfile([]byte(`{"isotope":1,"scheme":"sglang-gumbel","width":4,"vocab":50257,"tokenizer":"none"}`))
	if err != nil {
		panic(err)
	}
	epoch := watermark.NewKey().Derive("epoch", "2026-12")
	e, err := interop.Export(p, epoch)
	if err != nil {
		panic(err)
	}
	again, err := interop.Import(e.Engine, e.Config, &interop.ImportOptions{Vocab: 50257})
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Engine, again.Profile.Scheme, again.Key.Equal(e.Key))
	// Output: sglang sglang-gumbel true
}
