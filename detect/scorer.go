package detect

import "github.com/isotope-wm/isotope/watermark"

// A Token is an index into a vocabulary.
type Token = watermark.Token

// A Pair is a token and the context before it.
type Pair = watermark.Pair

// A Scorer is a mark, as far as tests need it. [*watermark.Mark] is one. A Scorer must be safe for
// concurrent use. Package scorertest checks an implementation.
type Scorer interface {
	// ID names the mark and everything that scores depend on. Scorers with equal IDs give equal
	// scores.
	ID() string
	// Width is the number of context tokens, from 0 to watermark.MaxWidth.
	Width() int
	// Vocab is the vocabulary size, from 1 to watermark.MaxVocab.
	Vocab() int
	// Law is the exact law of one score under the null hypothesis: a watermark.Bernoulli,
	// Exponential or Layers.
	Law() watermark.Law
	// Score appends one score for each pair to dst. A score is one that the law has, or
	// watermark.NotScored for a pair that the mark never marks, or watermark.InMessage for a pair
	// that carries a message. Score does not keep the pairs or their contexts.
	Score(dst []int64, pairs []Pair) []int64
}

// A UnitNamer is a [Scorer] that names the distinct input of its function for a pair. Implement it
// if several contexts can be one input, for example if only the smallest hash of a window counts.
// Pairs with one name have one score. So tests score one of them, and count the others as
// duplicates. If one pair of a name is excluded or occurs in an excluded text, all of them are
// excluded. Without this method the pair itself is the input.
type UnitNamer interface {
	Scorer
	// AppendUnit appends the name of a pair's input to dst. It does not keep the pair or its
	// context. It must be safe for concurrent use.
	AppendUnit(dst []byte, p Pair) []byte
}

// A ContextNamer is a [UnitNamer] whose function makes a seed of the context alone. Pairs are one
// input if their seeds and their tokens are equal. If a context is excluded, so are all contexts of
// its seed.
type ContextNamer interface {
	UnitNamer
	// AppendSeed appends the name of a context's seed to dst. It does not keep the context. It must
	// be safe for concurrent use.
	AppendSeed(dst []byte, context []Token) []byte
}
