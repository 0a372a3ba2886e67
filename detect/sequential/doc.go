// Package sequential has tests that may be looked at while evidence arrives.
//
// # Getting started
//
// A [Test] is the rule to stop an audit by:
//
//	audit := sequential.New(mark, nil)
//	for !audit.Done() {
//		audit.Prompt(prompt) // before the answer
//		audit.Add(answer)
//	}
//	fmt.Println(audit.Result().Verdict)
//
// Where to start:
//
//   - texts that arrive one by one: [Test]
//   - green units that you find yourself: [EProcess], or [Log10E] for a fixed count
//   - marked parts of a stream of scores: [Segments]
//
// A student's outputs have a test of their own, Sequential of package student.
//
// # What an e-value is
//
// Under the null hypothesis, that the text does not depend on the key, an e-value has a mean of at
// most 1. So it reaches 1/alpha with a probability of at most alpha (Markov). An e-process is an
// e-value after every unit. The probability that it ever reaches 1/alpha is at most alpha too
// (Ville 1939). So 1 divided by its largest value is a p-value at any time, for every rule to stop.
// docs/statistics.md has the proofs and the price.
package sequential
