// Package watermark marks the output of a language model with a secret key, while
// the model samples it. Package detect finds the mark again.
//
// [New] binds a [Scheme], the public parameters, and a [Key], the secret, into a
// [Mark]. A Mark is immutable and a pure function of the last few tokens; share it
// between requests. A [Sequence] follows one text and belongs to one goroutine:
//
//	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
//	...
//	seq, err := watermark.NewSequence(mark)
//	seq.Reset(prompt)
//	for !done {
//		logits := model.Step()
//		token := seq.Sample(logits, watermark.Sampler{Temperature: 0.8, TopK: 40}, rand.Float64())
//		seq.Accept(token)
//	}
//
// An engine that has a sampler of its own calls [Sequence.Process] or
// [Mark.Process] on the raw logits instead, before truncation. An engine whose
// logits live on a device ships the bitmap of [Mark.Mask] there.
//
// # Schemes
//
// A [GreenList] is a bias: it bends the distribution a little, marks greedy decoding
// too, and with a short context survives training. [GumbelMax] and [Tournament] are
// keyed draws: they take the place of the sampler's draw, after truncation, and leave
// the distribution of each token as it is. A Sequence runs biases and one keyed draw
// together; [TraceProfile] and [ProvenanceProfile] are the recommended two. Engines
// with a sampler of their own end with [Sequence.Pick] or [Sequence.ProcessDraw].
// [Speculation] is for a draft and a target model. docs/schemes.md compares them.
//
// Everything that can be wrong with parameters is an error of [New],
// [NewSequence] or [ParseProfile]. After that nothing fails: the hot path returns
// no error, takes no lock and does not allocate.
//
// # What a mark proves
//
// A test of package detect that rejects says: this text depends on this key. It
// does not say who wrote it. A short context width makes a mark that survives
// training and edits better, and that an attacker with enough queries can learn
// better; docs/statistics.md says more.
//
// # Compatibility
//
// Wire format isotope/1 is fixed: the lists that a key and a context give never
// change (docs/spec.md, testdata/vectors). The Go API may change until version 1.
//
// # References
//
// Kirchenbauer et al., "A Watermark for Large Language Models" (2023), is the
// green list. Aaronson, "My AI Safety Lecture for UT Effective Altruism" (2022), is
// GumbelMax. Dathathri et al., "Scalable watermarking for identifying large language
// model outputs" (2024), is Tournament. Fernandez et al., "Three Bricks to Consolidate Watermarks for Large
// Language Models" (2023), is why pairs are counted once. Sander et al.,
// "Watermarking Makes Language Models Radioactive" (2024), is the mark in students.
package watermark
