// Package null computes with the laws that scores have under the null hypothesis: the text does not
// depend on the key.
//
// Tests of texts know a scheme by its [Law] alone. Tallies, results, spans and sequential tests ask a
// law for its tail, its moments and its likelihood ratios. Four places also look at the declared type:
// plans of keyed draws, students and payloads (green lists only), the unit of dedup in
// watermark/interop, and the words of the command.
//
// To test a new family of scores, add a file with a Law and list it in [Of]. Package watermark must
// export the type that a scorer declares.
//
// Nothing in this package depends on a text or on a key.
package null
