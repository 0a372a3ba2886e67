// Package detect tests texts for a mark of package watermark.
//
// # Getting started
//
// An [Accumulator] gathers evidence from texts and tests it:
//
//	acc := detect.NewAccumulator(mark, nil)
//	acc.Exclude(prompt)
//	acc.Add(tokens)
//	r := acc.Result()
//	fmt.Println(r.Verdict, r.Log10PAdjusted)
//
// The Example of this package goes from a profile file to a verdict. Where to start:
//
//   - one text, with its marked parts, its message or its colours: [Text]
//   - any number of texts as one claim: [Accumulator]
//   - many keys: [Panel]
//   - several marks on the same text: [Bands], and [Conclude] for what their verdicts mean together
//   - a list of documents or keys: [BenjaminiHochberg] for triage, [BenjaminiYekutieli] or [EBH]
//     for evidence, [Holm] for accusations
//   - weights for text whose entropy varies: [EntropyWeight], with [Accumulator.AddWeighted]
//   - a scheme of your own: [Scorer], and [UnitNamer] or [ContextNamer] if several contexts can be one input
//
// The packages below this one:
//
//   - [github.com/isotope-wm/isotope/detect/plan]: how much text does a test need?
//   - [github.com/isotope-wm/isotope/detect/sequential]: tests that may be looked at while text
//     arrives
//   - [github.com/isotope-wm/isotope/detect/student]: was a model trained on marked text, and
//     through which accounts?
//   - [github.com/isotope-wm/isotope/detect/scorertest]: does your Scorer keep its promises?
//
// # What is tested
//
// The null hypothesis is that the text does not depend on the key. Given such a text, the scores of
// distinct (context, token) pairs are independent, and each has a known law. It does not matter who
// wrote the text. A pair that occurs again has the same score, so it does not add evidence. Hence
// every test follows three rules:
//
//   - It scores each distinct pair once over everything that was added.
//   - It does not score positions without a full context inside their own text.
//   - It leaves out contexts that occur in prompts, if the caller excludes the prompts. Exclude
//     every prompt that could depend on the key.
//
// No function tests without the first two rules. docs/statistics.md has the proofs.
//
// A p-value is the tail of that law, as log10 p, at any depth. For green lists the tail is binomial, or
// that of a weighted sum of colours. For tournaments it is that of a weighted sum of fair bits. Both
// are exact. For Gumbel scores the tail is that of a sum of exponential variables. Those scores are
// rounded down, so this tail is an upper bound, and equal except for the rounding. Results also have a
// z-score, to compare with papers.
//
// This package reads token ids. It does not read text, files or models.
//
// # Results that merge
//
// A [Result] is a function of the texts that were added. It does not depend on their order, on
// shards or on restarts. [Accumulator.Merge] and the binary encoding give identical bytes on every
// machine.
package detect
