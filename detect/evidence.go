package detect

import (
	"slices"

	"github.com/isotope-wm/isotope/internal/tokset"
	"github.com/isotope-wm/isotope/watermark"
)

// evidence is what was added, before any key looks at it: units to score, and counts
// of positions that never can be. Accumulator and Panel share it.
type evidence struct {
	width, vocab int
	config       tokset.Config
	weighting    Weighting
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
	if width < 0 || width > watermark.MaxWidth {
		panic("detect: the scorer's width is out of range")
	}
	if vocab < 1 || vocab > watermark.MaxVocab {
		panic("detect: the scorer's vocabulary is out of range")
	}
	config := tokset.Config{Width: width, Rule: o.Dedup.rule(), Size: o.Sample.Size, RunKey: o.Sample.RunKey}
	return &evidence{
		width: width, vocab: vocab, config: config, weighting: o.Weighting, exempt: o.Exempt,
		set: tokset.New(config),
	}
}

// add counts the positions of one text. weights has one for each token, or is nil
// when all are 1.
func (e *evidence) add(tokens []Token, weights []uint8) { e.addNoting(tokens, weights, nil) }

// addNoting is add, and calls first, unless it is nil, for each position that begins
// a unit, in the order of the units.
func (e *evidence) addNoting(tokens []Token, weights []uint8, first func(position int)) {
	e.set.BeginText()
	e.fixed.tokens += int64(len(tokens))
	for from := 0; from < len(tokens); {
		if !e.inVocab(tokens[from]) {
			e.fixed.vocab++
			from++
			continue
		}
		to := from + 1
		for to < len(tokens) && e.inVocab(tokens[to]) {
			to++
		}
		e.run(tokens, weights, from, to, first)
		from = to
	}
}

// run counts the positions [from, to) of a text, all of them in the vocabulary, after
// the start of the text or a token outside it.
func (e *evidence) run(tokens []Token, weights []uint8, from, to int, first func(position int)) {
	if short := int64(min(e.width, to-from)); from > 0 {
		e.fixed.vocab += short
	} else {
		e.fixed.shortContext += short
	}
	if weights != nil {
		weights = weights[from:to]
	}
	if first == nil || from == 0 {
		e.set.AddRun(tokens[from:to], weights, first)
		return
	}
	e.set.AddRun(tokens[from:to], weights, func(position int) { first(from + position) })
}

// addPair counts one position as a text of its own.
func (e *evidence) addPair(context []Token, next Token, weight uint8) {
	e.set.BeginText()
	context = context[max(0, len(context)-e.width):]
	inVocab := e.inVocab(next) && !slices.ContainsFunc(context, func(t Token) bool { return !e.inVocab(t) })
	e.position(context, next, weight, inVocab)
}

// position counts one position for the first reason that applies, in the order of
// the fields of Skipped.
func (e *evidence) position(context []Token, next Token, weight uint8, inVocab bool) {
	e.fixed.tokens++
	switch {
	case !inVocab:
		e.fixed.vocab++
	case len(context) < e.width:
		e.fixed.shortContext++
	default:
		e.set.Add(context, next, weight)
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

// addWeighted is add for callers from outside: it panics when the weights cannot be.
func (e *evidence) addWeighted(tokens []Token, weights []uint8) {
	switch {
	case e.weighting != WeightGiven:
		panic("detect: weights for a test whose Weighting is not WeightGiven")
	case len(weights) != len(tokens):
		panic("detect: there are not as many weights as tokens")
	case slices.ContainsFunc(weights, func(w uint8) bool { return w > MaxWeight }):
		panic("detect: a weight is above MaxWeight")
	}
	e.add(tokens, weights)
}
