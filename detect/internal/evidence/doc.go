// Package evidence holds the units that a test scores, and tallies them under a key.
//
// [Evidence] is a function of the text alone. [Evidence.Score] applies a [Scorer] to it and
// returns a [Tally], from which package detect makes results.
package evidence
