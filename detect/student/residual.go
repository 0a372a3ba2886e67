package student

import (
	"cmp"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A RowReference is a [detect.Reference] that returns the whole next-token law at once. That saves
// most of the time if many different tokens follow a context.
type RowReference interface {
	detect.Reference
	// LogProbs returns the natural logarithms of the probabilities of all tokens after context,
	// each at most 0. It may use the memory of dst. Tokens beyond the end of the row have
	// probability 0.
	LogProbs(dst []float32, context []detect.Token) []float32
}

// A StateReference is a [detect.Reference] with one law for many contexts, such as a model of n-grams.
// Each law is then asked for once, however often its contexts occur.
type StateReference interface {
	detect.Reference
	// State returns a number that names the law after context. Contexts with equal states have
	// equal laws.
	State(context []detect.Token) uint64
	// StateLogProbs appends to dst what LogProb returns for each of tokens after a context of a
	// state.
	StateLogProbs(dst []float64, state uint64, tokens []detect.Token) []float64
}

// OutputRows holds the rows of a reference model for outputs. Any framework can compute them once the
// outputs are there, whole texts at a time.
type OutputRows interface {
	// Rows returns a Row for each token of an output that was added as text: row i is the law of
	// text[i] after everything before it. before is what the test knows of that: the prompt of
	// Add. Both have -1 for ids outside the vocabulary. A Row with nil Probs stands for a position
	// without a row, and nil for an output without rows. Each row holds the likeliest token and
	// the tokens that follow its context anywhere in the outputs. Other tokens may be left out and
	// then have probability 0. The rows must depend on the key no more than the outputs do. The
	// caller must not change them while the test uses them.
	Rows(before, text []detect.Token) []Row
}

// residuals returns, in fixed point, how far each pair occurs more often than the reference expects
// after all occurrences of its context in the outputs:
//
//	a = count(context, token) - sum over positions t with that context of p_ref(token | all before t)
//
// This is the score of an exponential tilt of the reference, taken at tilt 0 (Cox and Hinkley 1974,
// section 4.8). A token that occurs less often than expected has a weight below 0. fixed has the counts,
// and residuals subtracts there.
func (s *Test) residuals(pairs *contextIndex, fixed []int64) []int64 {
	width := s.scorer.Width()
	var key []byte
	var ids []int32
	if s.options.OutputRows != nil {
		s.subtractRows(fixed, pairs)
		return fixed
	}
	rows, _ := s.options.Reference.(RowReference)
	if states, ok := s.options.Reference.(StateReference); ok && rows == nil {
		s.subtractStates(fixed, pairs, states)
		return fixed
	}
	var history []detect.Token
	var row []float32
	for _, o := range s.outputs {
		given := o.before()
		history = append(append(history[:0], given...), o.text...)
		for at := width; at < len(o.text); at++ {
			if ids = pairs.appendPairs(ids[:0], &key, o.text[at-width:at]); len(ids) == 0 {
				continue
			}
			before := history[:len(given)+at]
			if rows != nil {
				row = rows.LogProbs(row, before)
			}
			for _, i := range ids {
				token := pairs.list.at(int(i)).Token
				switch {
				case rows == nil:
					fixed[i] -= probability(s.options.Reference.LogProb(before, token))
				case int(token) < len(row):
					fixed[i] -= probability(float64(row[token]))
				}
			}
		}
	}
	return fixed
}

// subtractRows is the second half of residuals for rows that were computed before.
func (s *Test) subtractRows(fixed []int64, pairs *contextIndex) {
	width := s.scorer.Width()
	var key []byte
	var ids []int32
	for _, o := range s.outputs {
		rows := s.options.OutputRows.Rows(o.before(), o.text)
		for at := width; at < min(len(o.text), len(rows)); at++ {
			ids = pairs.appendPairs(ids[:0], &key, o.text[at-width:at])
			for _, i := range ids {
				fixed[i] -= rows[at].of(pairs.list.at(int(i)).Token)
			}
		}
	}
}

// A lawUse is a position of an output whose context is in the test.
type lawUse struct {
	state uint64
	first int32 // pair of the context
}

// lawUses is the number of positions that are sorted at a time, at 16 bytes each. Tests make it small.
var lawUses = 1 << 19

// subtractStates is the second half of residuals for a StateReference. Common contexts have many pairs
// and many occurrences, and few laws. So their product is not what it takes.
func (s *Test) subtractStates(fixed []int64, pairs *contextIndex, reference StateReference) {
	width := s.scorer.Width()
	var key []byte
	var ids []int32
	var tokens, history []detect.Token
	var logs []float64
	uses := make([]lawUse, 0, min(lawUses, s.positions()))
	subtract := func() {
		slices.SortFunc(uses, func(a, b lawUse) int {
			return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.state, b.state))
		})
		for from := 0; from < len(uses); {
			use := uses[from]
			if from == 0 || use.first != uses[from-1].first {
				ids = pairs.appendPairs(ids[:0], &key, pairs.list.at(int(use.first)).Context)
				tokens = tokens[:0]
				for _, i := range ids {
					tokens = append(tokens, pairs.list.at(int(i)).Token)
				}
			}
			to := from + 1
			for to < len(uses) && uses[to] == use {
				to++
			}
			logs = reference.StateLogProbs(logs[:0], use.state, tokens)
			for i, id := range ids {
				fixed[id] -= int64(to-from) * probability(logs[i])
			}
			from = to
		}
		uses = uses[:0]
	}
	for _, o := range s.outputs {
		given := o.before()
		history = append(append(history[:0], given...), o.text...)
		for at := width; at < len(o.text); at++ {
			first, ok := pairs.first(&key, o.text[at-width:at])
			if !ok {
				continue
			}
			if uses = append(uses, lawUse{reference.State(history[:len(given)+at]), first}); len(uses) == lawUses {
				subtract()
			}
		}
	}
	subtract()
}

// positions returns the number of tokens of the outputs.
func (s *Test) positions() (n int) {
	for _, o := range s.outputs {
		n += len(o.text)
	}
	return n
}

// probability returns e^x in fixed point, within 0 and 1. It returns 0 for NaN.
func probability(x float64) int64 {
	p := tail.Exp(x)
	if !(p > 0) {
		return 0
	}
	return toFixed(min(p, 1))
}
