// Package tokenize turns text into token ids and back, with the ids of OpenAI's
// encodings.
//
// A watermark lives in token ids: a mark is put on while a model draws ids, and
// looked for in the ids of a text. Both sides must cut the text alike, to the
// last blank line, or the detector reads pairs that nobody marked. So the ids
// here are those of OpenAI's tiktoken for every valid UTF-8 text, and a
// [Tokenizer] has a digest by which two sides find out that they differ before
// they compare anything.
//
// Start with [Get] and [Tokenizer.Append]:
//
//	tok, err := tokenize.Get("o200k_base")
//	...
//	ids = tok.Append(ids[:0], text)
//
// # How a text becomes ids
//
// Rules first split the text into pieces: a word with the space before it, up to
// three digits, a run of symbols, white space. Each encoding family has its own
// rules, published by OpenAI as a regular expression and written by hand here.
// A piece that is a token is done. Any other piece is taken as bytes, and the
// adjacent pair whose union is the token of the lowest id is merged, the leftmost
// first among equals, until no pair is a token: byte pair encoding. The time
// grows with the length of the text and no faster, whatever the text. Beyond the ids
// themselves the memory is bounded, even if all the text is one piece.
//
// Special tokens are plain text to Append, as in tiktoken's encode_ordinary:
// "<|endoftext|>" becomes seven ids of cl100k_base and never the one that means
// the end. So no text can forge a control token.
//
// Bytes that are not UTF-8 are kept. The rules treat each such byte as a symbol
// on its own, and decoding restores it. tiktoken has no ids for such a
// text, because it accepts only strings that are valid.
//
// # Compatibility
//
// The ids that a name stands for never change. The vocabularies come from
// github.com/tiktoken-go/tokenizer and are checked against a digest kept here
// when they are loaded, and the Unicode classes are frozen at version 16.0, the
// one of tiktoken 1.0.22 on npm; neither a new release of that module nor a new
// Go changes an id. A tiktoken built on another version of Unicode can
// differ from this package in characters that were unassigned before.
//
// # References
//
//   - R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words
//     with Subword Units", ACL 2016: byte pair encoding of text.
//   - OpenAI, tiktoken, https://github.com/openai/tiktoken: the patterns, the
//     vocabularies, and the ids that the tests of this package compare with.
package tokenize
