// Package interop reads the marks that other engines write: vLLM, SGLang, Hugging Face
// transformers, text-generation-inference, SynthID-Text, and the code of research groups. Package
// detect tests text for these marks with exact p-values, as it does for marks of isotope/1.
//
// A [Profile] describes a mark of an engine in the JSON form of [watermark.Profile]: field
// "scheme" has a name of [Schemes]. A [Key] holds the numbers that the engine calls its key.
// [Profile.Bind] makes a [Scorer] of both:
//
//	p, err := interop.ReadProfile("vllm.json")
//	...
//	k, err := interop.ReadKeyFile("vllm.key")
//	...
//	s, err := p.Bind(k)
//	...
//	f := s.Frame(nil, text)
//	a := detect.NewAccumulator(s, &detect.Options{Dedup: detect.DedupContext, Exempt: p.Exempt})
//	a.Add(f.Tokens)
//	result := a.Result()
//
// [Scorer.Frame] puts the text into the sequence that the engine sees, and [Scorer.Sum] returns
// the statistic in the unit of the engine. [ParseAny] reads a profile of an engine or of
// isotope/1, so that a program can test both alike. [Import] reads the configuration of an engine,
// and [Export] writes one with a key that is derived from a key of isotope/1.
//
// docs/interop.md names the version of each engine, what was verified and how, and what cannot be
// read.
//
// # What differs from the engines
//
// A score and its sum are those of the engine to the last bit, unless a method says otherwise. The
// p-value is not: it is exact for the law that the engine's function has, where many engines print
// an approximation. Tests count each distinct input of an engine's function once. Several contexts
// can be one input, as when a function reads the smallest hash of a window. Engines that count
// distinct windows then count one coin several times.
//
// Nothing here marks text. The engines do.
package interop
