// Package informed tests a text with the probabilities that a language model gives its tokens.
//
// A model that knows how likely each token was knows where the mark could show. The tests of package
// detect treat every token alike. On chat they need about four times as many tokens, and on code
// about ten times. docs/statistics.md, section 4.6, has the tables and the proofs.
//
//	test := informed.New(mark, nil)
//	test.Add(tokens, probabilities) // of each token, given all tokens before it
//	fmt.Println(test.Result().Verdict)
//
// # What the probabilities may be
//
// They may come from any model that does not depend on the key: the model that may have written the
// text, a smaller or a quantised one, at any temperature. A wrong model costs power and never
// validity, because every test here is exact given the text and the probabilities. Decide on the
// model before you look at a result, and count every further model in Options.Tests.
//
// A server that returns the probabilities of its k likeliest tokens alone leaves others unknown. Pass
// the probability that is left for all of those together. NaN means unknown: the position then says
// nothing.
//
// A Test is looked at once. A Stream may be looked at after every token.
package informed
