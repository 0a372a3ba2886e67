// Package tokenize turns text into token ids and back, with the ids of the model that reads or writes them.
//
// A mark is applied while a model draws ids, and a test looks for it in the ids of a text. Both
// sides must split the text in the same way. Otherwise the test reads pairs that nobody marked. So
// this package gives exactly the ids of the program that a tokenizer is made for, or an error. A
// [Tokenizer] also has a digest, so that two sides can find out that their ids differ.
//
// The encodings of OpenAI are built in. Start with [Get], [Tokenizer.Append] and [Tokenizer.Decode]:
//
//	tok, err := tokenize.Get("o200k_base")
//	...
//	ids = tok.Append(ids[:0], text)
//
// [Load] reads the tokenizer of any other model from the file that comes with its weights. docs/tokenizers.md
// lists the files that were compared with other programs, and how many ids. [BPE.AppendSpans] gives the
// place of each id in the text, and a [Stream] gives the text while a model draws ids.
//
// An engine with another vocabulary implements [Tokenizer] itself.
//
// # How a text becomes ids
//
// Rules first split the text into pieces: a word with the space before it, up to three digits, a run
// of symbols, or white space. The makers of models publish these rules as regular expressions. This package
// implements those of each family by hand, and Load refuses a file with any other.
//
// A piece that is a token gets its id. Byte pair encoding merges the bytes of any other piece. In OpenAI's
// encodings it merges the adjacent pair whose union is the token with the lowest id, the leftmost such pair
// first, until no pair is a token. Other files list the pairs in the order in which they merge. For every
// text the time is proportional to its length. The memory besides the ids is bounded, even if the whole text
// is one piece.
//
// Append treats control tokens as plain text, as tiktoken's encode_ordinary does: "<|endoftext|>"
// becomes seven ids of cl100k_base, not the id of the special token. So no text can forge a control
// token. [BPE.AppendSpecial] gives them their ids.
//
// Bytes that are not UTF-8 are kept. The rules treat each such byte as a symbol of its own, and
// decoding restores it. Most other programs have no ids for such a text, because they only accept valid
// strings.
//
// # Compatibility
//
// The ids of a name never change. The built-in vocabularies are those of github.com/tiktoken-go/tokenizer,
// and a test compares every token. [Get] checks them against a digest. The Unicode classes are those of
// version 16.0, which tiktoken 1.0.22 on npm uses. So a new Go does not change an id. A program with another version of Unicode can differ from this package in characters
// that were unassigned before.
//
// # References
//
//   - R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words
//     with Subword Units", ACL 2016: byte pair encoding of text.
//   - OpenAI, tiktoken, https://github.com/openai/tiktoken: the patterns, the
//     vocabularies, and the ids that the tests of this package compare with.
package tokenize
