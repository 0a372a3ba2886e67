// Package evidence holds the units that a test scores, and tallies them under a key.
//
// [Evidence] is a function of the text alone: the distinct units of everything added, and counts of
// the positions that are not scored. [Evidence.Score] applies a [Scorer] to the units and returns a
// [Tally], from which package detect makes results. [NewSequence] keeps the scored positions of one
// text in text order, for tests of its parts. A [UnitNamer] merges units that are one input of its
// function.
//
// The package also holds small tools that the packages of detect share. [Pack] is for token ids,
// [Seal] and [Open] are for encodings. [Disjoint] is for overlapping intervals, and [Rounded] for
// numbers in messages.
package evidence
