// Package lm is the embedded language model. It trains in seconds on the user's own machine, and
// people can read its text. The demo, the tests and the examples mark that text. Their students are
// models of the same kind, trained on it.
//
// # The model
//
// It is an n-gram model: the next token depends on at most the Order()-1 tokens before it. Counts of
// long contexts are sparse. So every order uses the one below, by interpolated Kneser-Ney smoothing
// with three discounts [1]:
//
//	p(w | h) = (c(hw) - D(c(hw))) / c(h)  +  g(h) p(w | h')
//	g(h)     = (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / c(h)
//
// h' is h without its oldest token. c(h) is the sum of c(hw) over w. Nj(h) is the number of w with
// c(hw) = j, and N3+(h) that with c(hw) >= 3. At the highest order, and for n-grams at the start of a
// text, c counts occurrences. At lower orders, c(hw) counts the distinct tokens before hw. This is
// the idea of Kneser and Ney [2]: a token that always follows the same token ("Francisco") should
// not be likely anywhere else. An unseen context gives all its weight to h'.
//
// The lowest order is the uniform distribution over the usable ids. So every usable id has a finite
// log-probability after every context, seen or unseen. Ids that are not usable, such as holes in a
// vocabulary and special tokens, have -Inf.
//
// # Texts have a beginning and no end
//
// N-grams never cross documents. Every document starts after a begin mark, which is also the context
// of an empty prompt. The model has no end token, so it can generate any number of tokens.
// [Options].Break names the tokens that end a paragraph. The text after one starts like a document,
// so paragraphs do not depend on each other. An n-gram model loses little by that.
//
// # Reproducible training
//
// Training is a pure function of its input, to the last bit and on every architecture. Counts are
// integers, no product is fused into a sum, and the package has a logarithm of its own.
// [Model.Digest] is a hash of the encoding of the model.
//
// # Training text
//
// [Load] trains on the doc comments of the Go distribution of this machine, or on the text files of a
// directory. It keeps the model in the user's cache. This package downloads nothing and prints
// nothing.
//
// An n-gram model is a toy compared with deployed models. Results on it show that marking, testing
// and error control work. They do not show how strong the effect is on a large model.
//
// [1] Chen, Goodman: An empirical study of smoothing techniques for language
// modeling. Computer Speech and Language 13 (1999), section 4.1.6 of the technical
// report TR-10-98.
//
// [2] Kneser, Ney: Improved backing-off for m-gram language modeling. ICASSP 1995.
package lm
