// Package watermark marks the output of a language model with a secret key, while the model
// samples it. Package detect finds the mark again.
//
// Getting started: to mark text, make a key, make a [Mark] once, and sample each request with a
// [Sequence]:
//
//	key := watermark.NewKey() // keep it with WriteKeyFile
//	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
//	...
//	seq, err := watermark.NewSequence(mark)
//	for seq.Reset(prompt); !done; {
//		token := seq.Sample(model.Logits(), watermark.Sampler{Temperature: 0.8, TopK: 40}, rand.Float64())
//		seq.Accept(token)
//	}
//
// Save the mark's public description for the detector, with the name and the digest of your
// tokenizer. The command isotope reads the same file:
//
//	profile, err := mark.Profile("cl100k_base", digest)
//	...
//	text, err := profile.MarshalJSON()
//
// # If your engine has a sampler
//
// Let [Sequence.Draw] draw among what your truncation left. It is right for every scheme. Truncation
// sees the biases if you call [Sequence.Process] on the raw logits first. If the logits live on a
// device, send the bitmap of [Sequence.Mask] there. [Sequence.Rewind] takes rejected drafts back, and
// [Speculation] serves a draft and a target model that both have distributions. [Sequence.Counts]
// shows what was marked, and what an engine did wrong.
//
// # If your service has many requests
//
// A [Marking] holds the marks, checked once, and makes Sequences without an error. A [Prompt] is a long
// prefix that many texts share. [Sequence.Clone] serves beams and samples, and [Sequence.State] a
// request that is taken off and resumed.
//
// # Which scheme
//
// A [GreenList] is a bias. It bends the distribution a little, marks greedy decoding too, and
// survives training if its context is short. [GumbelMax] and [Tournament] are keyed draws. They
// replace the sampler's draw after truncation, and leave the distribution of each token as it is.
// A Sequence runs biases and one keyed draw together. [TraceProfile] and [ProvenanceProfile] are
// the recommended two. docs/schemes.md compares the schemes.
//
// Package registry, below this one, keeps the keys of many accounts. [Sequence.AddBias] takes a
// scheme of your own; docs/extending.md shows how to test for it.
//
// # Errors and concurrency
//
// [New], [NewSequence] and [ParseProfile] check all parameters. An error about a parameter is a
// [*ParamError] that names it. After that nothing fails: the hot path returns no errors, takes no
// locks and does not allocate. A Mark is safe for concurrent use. A Sequence belongs to one
// goroutine at a time.
//
// # What a mark proves
//
// If a test of package detect rejects, the text depends on the key. The test does not say who wrote
// the text. With a short context width a mark survives training and edits better. But an attacker
// with enough queries can then learn it better. docs/statistics.md has the details.
//
// # Compatibility
//
// Wire format isotope/1 is fixed: the lists of a key and a context never change (docs/spec.md,
// testdata/vectors). The Go API may change until version 1.
//
// # References
//
//   - Kirchenbauer et al., "A Watermark for Large Language Models" (2023): GreenList.
//   - Aaronson, "My AI Safety Lecture for UT Effective Altruism" (2022): GumbelMax.
//   - Dathathri et al., "Scalable watermarking for identifying large language model outputs"
//     (2024): Tournament.
//   - Fernandez et al., "Three Bricks to Consolidate Watermarks for Large Language Models" (2023):
//     why a test counts each pair once.
//   - Sander et al., "Watermarking Makes Language Models Radioactive" (2024): marks in students.
package watermark
