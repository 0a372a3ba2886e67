// Package lm is the embedded language model: small enough to be trained in
// seconds on the user's own machine, and real enough that its text can be read.
// The demo, the tests and the examples mark what it writes; their students are
// models of the same kind, trained on that text.
//
// # The model
//
// It is an n-gram model: the next token depends on at most the Order()-1 tokens
// before it. Counts of long contexts are sparse, so every order leans on the one
// below, by interpolated Kneser-Ney smoothing with three discounts [1]:
//
//	p(w | h) = (c(hw) - D(c(hw))) / c(h)  +  g(h) p(w | h')
//	g(h)     = (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / c(h)
//
// where h' is h without its oldest token, c(h) the sum of c(hw) over w, and Nj(h)
// the number of w with c(hw) = j (3+ meaning three or more). At the highest order,
// and for n-grams at the very start of a text, c counts occurrences. Below, c(hw)
// counts the distinct tokens seen in front of hw, which is the idea of Kneser and
// Ney [2]: a token that only ever follows one other ("Francisco") should not be
// likely anywhere else. A context never seen hands over to h' whole.
//
// At the bottom stands the uniform distribution over the usable ids, so every
// usable id has a finite log-probability after every context, seen in training or
// not. Ids which are not usable (holes in a vocabulary, special tokens) have -Inf.
//
// # Texts have a beginning and no end
//
// N-grams never cross documents. Every document starts after a begin mark, which
// is also the context of an empty prompt. There is no end token, so any number of
// tokens can be generated: [Options].Break names the tokens that end a paragraph,
// and what follows one of them starts like a document. Paragraphs are therefore
// independent of each other, which for an n-gram model is hardly a loss.
//
// # What is the same everywhere
//
// Training is a pure function of its input, to the last bit and on every
// architecture: counts are integers, no product is fused into a sum and the
// logarithm is our own. [Model.Digest] names the model by the bytes of its encoding.
//
// # Where the text comes from
//
// [Load] trains on the doc comments of the Go distribution it finds on this machine,
// or on the text files of a directory, and keeps the result in the user's cache.
// Nothing is downloaded and this package prints nothing.
//
// An n-gram model is a toy next to the models people deploy. What a mark does to it
// shows that the plumbing and the error control work, not how strong the effect is
// on a large model.
//
// [1] Chen, Goodman: An empirical study of smoothing techniques for language
// modeling. Computer Speech and Language 13 (1999), section 4.1.6 of the technical
// report TR-10-98.
//
// [2] Kneser, Ney: Improved backing-off for m-gram language modeling. ICASSP 1995.
package lm
