// Package null computes with the laws that scores have under the null hypothesis: the text does not
// depend on the key.
//
// A [Law] is the only place where the tests of different schemes differ. Tallies, results, spans,
// sequential tests and plans ask a law for its tail, its moments and its likelihood ratios, and for
// nothing else.
//
// To test a new family of scores, add a file with a Law and list it in [Of]. Package watermark must
// export the type that a scorer declares.
//
// Nothing in this package depends on a text or on a key.
package null
