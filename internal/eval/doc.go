// Package eval measures marks: what they cost, how much text a test needs, and what edits leave of
// them. `isotope eval` is built on it.
//
// A [Design] is a grid of sources, schemes, lengths and attacks. [Design.Run] writes and tests its
// texts, and [Design.Result] sums them up. A [Scheme] is an interface, so a mark of somebody else
// goes through the same grid. The Example shows one.
//
// # What is computed, and how sure it is
//
// Every p-value is that of package detect or detect/informed. A share of texts has the interval of
// Clopper and Pearson (1934), which covers at least its level. Everything random follows from
// Design.Seed, the names of source and scheme, and the number of the text. So an outcome does not
// depend on the order, on the number of workers, or on a restart.
//
// # Where texts come from
//
// A [Source] gives a row of next-token probabilities for each position, cut to its likeliest tokens
// and renormalised. [Model] follows the text that is drawn. [Fixed] has the rows of a given text,
// whatever is drawn, so that every scheme draws from the same rows.
//
// # How a text is written
//
// The context of a position is the text alone, and not the prompt. A position with a shorter context
// is not marked. A keyed draw leaves a context alone that occurred before in the text, and its test
// looks at each context once. A bias marks every position, and its test looks at each distinct pair
// once.
package eval
