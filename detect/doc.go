// Package detect tests token sequences for a mark of package watermark.
//
// An [Accumulator] gathers evidence over any number of texts, in any order, in any
// number of shards, and tests it whenever asked:
//
//	acc := detect.New(mark, nil)
//	acc.Exclude(prompt)
//	acc.Add(tokens)
//	r := acc.Result()
//	fmt.Println(r.Verdict, r.Log10P)
//
// A [Panel] tests many keys over one set of evidence, [Spans] finds the marked parts of
// a text, and a [Sequential] may be looked at while evidence arrives. [Plan] says how
// much text a test needs, and [BenjaminiHochberg], [EBH] and [Holm] are for lists of
// documents and of keys.
//
// A model that may have been trained on marked text is tested by a [Student], from what it
// wrote; by a [StudentSequential], while it is asked; by a [Difference], a [Reading] or a
// [MarkedReading], from what its weights would write next. [Student.Trace] looks for the
// accounts through which the text went, and [Conclude] says what may be said about that.
// Decoy keys run beside each of them. docs/students.md is about all of this.
//
// # What is tested
//
// The null hypothesis is that the text does not depend on the key. Given the text,
// the scores of distinct (context, token) pairs are then independent with a known
// law, whatever wrote the text: a pair that occurs again brings nothing new. So each
// distinct pair is scored once over everything added, positions without a full
// context inside their own text are not scored, and contexts that occur in prompts
// are left out whenever the prompts could depend on the key. There is no test without
// this. docs/statistics.md has the proofs.
//
// p-values are exact tails of that law at any depth, as log10 p. The z-score is there
// to compare with papers. Nothing here reads text, files or models.
//
// # Results that merge
//
// Whatever a Result says is a function of what was added, not of the order, the
// shards or the restarts in between: [Accumulator.Merge] and the binary encoding give
// identical bytes.
package detect
