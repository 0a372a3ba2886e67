package detect

import "github.com/isotope-wm/isotope/watermark"

// A Token is a vocabulary index.
type Token = watermark.Token

// A Pair is a token and the context that decided it.
type Pair = watermark.Pair

// A Scorer is what a test needs of a mark; [*watermark.Mark] is one. It must be safe
// for concurrent use.
type Scorer interface {
	// ID names the mark with everything that scores depend on. Scorers with equal
	// IDs score alike.
	ID() string
	// Width is the number of context tokens, 0 to watermark.MaxWidth.
	Width() int
	// Vocab is the vocabulary size, 1 to watermark.MaxVocab.
	Vocab() int
	// Law is the exact law of one score under the null hypothesis.
	Law() watermark.Law
	// Score appends one score for each pair, one that the law has, watermark.NotScored for a pair that the
	// mark never marks and watermark.InMessage for one that carries a message. It does
	// not keep pairs or their contexts.
	Score(dst []int64, pairs []Pair) []int64
}

// A UnitNamer is a [Scorer] that names the distinct input of its function for a pair. Implement it
// if several contexts can be one input, as when only the smallest hash of a window counts. Pairs
// with one name have one score, so tests score one of them and count the others as duplicates. A
// unit is excluded if one of its pairs is. Without this method the pair itself is the input.
type UnitNamer interface {
	Scorer
	// AppendUnit appends the name of a pair's input to dst. It does not keep the pair or its
	// context. It must be safe for concurrent use.
	AppendUnit(dst []byte, p Pair) []byte
}
