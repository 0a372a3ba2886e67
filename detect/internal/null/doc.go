// Package null computes with the laws that scores have under the null hypothesis: the text does
// not depend on the key.
//
// A [Law] is the only place where the tests of different schemes differ. A tally, a result, a
// span, a sequential test and a plan ask a law for its tail, its moments and its likelihood
// ratios, and for nothing else. To test a new family of scores, add a file with a Law, list it in
// [Of], and let package watermark export the type that a scorer declares.
package null
