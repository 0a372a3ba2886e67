package sequential

import (
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// A fate is the decision made at a unit's first occurrence.
type fate uint8

const (
	fateScored fate = iota
	fateBand
	fatePayload
	fateExcluded
	fateRepeated // another unit is the same input of the scorer's function
	fates        // number of fates
)

// A ledger holds the units that a sequential test has seen. Unlike the set of an Accumulator, it
// decides at once and for good. A unit that was scored stays scored, and another unit never will
// be. Units are equal if their keys are.
type ledger struct {
	rule     detect.Dedup
	width    int
	unit     map[string]fate     // fate by key
	excluded map[string]struct{} // contexts
	key      []byte              // scratch
}

func newLedger(rule detect.Dedup, width int) ledger {
	return ledger{rule: rule, width: width, unit: make(map[string]fate), excluded: make(map[string]struct{})}
}

// keyOf returns the key of the unit of a position. The next call overwrites it.
func (l *ledger) keyOf(context []detect.Token, next detect.Token) []byte {
	l.key = evidence.Pack(l.key[:0], context...)
	if l.rule == detect.DedupPair {
		l.key = evidence.Pack(l.key, next)
	}
	return l.key
}

// unitSize is the length of a unit's key in bytes.
func (l *ledger) unitSize() int {
	if l.rule == detect.DedupPair {
		return evidence.IDSize * (l.width + 1)
	}
	return evidence.IDSize * l.width
}

func (l *ledger) isExcluded(context []detect.Token) bool {
	l.key = evidence.Pack(l.key[:0], context...)
	_, ok := l.excluded[string(l.key)]
	return ok
}

// contexts returns the contexts that occur in tokens, with the one after the last token. It leaves
// out contexts that hold an id outside the vocabulary, since they are never scored.
func (l *ledger) contexts(tokens []detect.Token, inVocab func(detect.Token) bool) map[string]struct{} {
	found := make(map[string]struct{})
	if len(tokens) == 0 {
		return found
	}
	for end := l.width; end <= len(tokens); end++ {
		context := tokens[end-l.width : end]
		if !slices.ContainsFunc(context, func(t detect.Token) bool { return !inVocab(t) }) {
			found[string(evidence.Pack(nil, context...))] = struct{}{}
		}
	}
	return found
}

// anyScored reports whether a unit of one of the contexts was scored.
func (l *ledger) anyScored(contexts map[string]struct{}) bool {
	for key, f := range l.unit {
		if _, ok := contexts[key[:evidence.IDSize*l.width]]; ok && f == fateScored {
			return true
		}
	}
	return false
}
