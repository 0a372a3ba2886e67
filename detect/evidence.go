package detect

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/tokset"
)

// evidence is what was added, before any key looks at it: units to score, and counts
// of positions that never can be. Accumulator and Panel share it.
type evidence struct {
	width, vocab int
	rule         tokset.Rule
	exempt       []Token // sorted
	set          *tokset.Set
	fixed        fixed
}

// fixed counts positions that no key and no exclusion changes.
type fixed struct {
	tokens       int64 // every position
	vocab        int64
	shortContext int64
}

func newEvidence(width, vocab int, o Options) *evidence {
	rule := o.Dedup.rule()
	return &evidence{width: width, vocab: vocab, rule: rule, exempt: o.Exempt, set: tokset.New(width, rule)}
}

// add counts the positions of one text.
func (e *evidence) add(tokens []Token) {
	e.set.BeginText()
	bad := -e.width - 1 // the last position outside the vocabulary
	for i, t := range tokens {
		if !e.inVocab(t) {
			bad = i
		}
		e.position(tokens[max(0, i-e.width):i], t, i-bad > e.width)
	}
}

// addPair counts one position as a text of its own.
func (e *evidence) addPair(context []Token, next Token) {
	e.set.BeginText()
	context = context[max(0, len(context)-e.width):]
	inVocab := e.inVocab(next) && !slices.ContainsFunc(context, func(t Token) bool { return !e.inVocab(t) })
	e.position(context, next, inVocab)
}

// position counts one position for the first reason that applies, in the order of
// the fields of Skipped.
func (e *evidence) position(context []Token, next Token, inVocab bool) {
	e.fixed.tokens++
	switch {
	case !inVocab:
		e.fixed.vocab++
	case len(context) < e.width:
		e.fixed.shortContext++
	default:
		e.set.Add(context, next)
	}
}

// exclude takes every context that occurs in tokens out of the test, the one after
// the last token included.
func (e *evidence) exclude(tokens []Token) {
	if len(tokens) == 0 {
		return
	}
	for end := e.width; end <= len(tokens); end++ {
		e.set.Exclude(tokens[end-e.width : end])
	}
}

func (e *evidence) merge(other *evidence) {
	e.set.Merge(other.set)
	e.fixed.tokens += other.fixed.tokens
	e.fixed.vocab += other.fixed.vocab
	e.fixed.shortContext += other.fixed.shortContext
}

func (e *evidence) clone() *evidence {
	c := *e
	c.set = e.set.Clone()
	return &c
}

func (e *evidence) reset() {
	e.set.Reset()
	e.fixed = fixed{}
}

func (e *evidence) inVocab(t Token) bool { return t >= 0 && int(t) < e.vocab }

func (e *evidence) isExempt(t Token) bool {
	_, ok := slices.BinarySearch(e.exempt, t)
	return ok
}
