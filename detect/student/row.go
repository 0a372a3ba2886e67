package student

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
)

// ErrRow is wrapped by errors about invalid next-token distributions and choices.
var ErrRow = errors.New("the row is not a next-token distribution")

// A Row is the next-token law of a model after some position of a text. If Tokens is nil, the row
// is dense: Probs[v] is the probability of token v. Otherwise it is sparse: Probs[i] is the
// probability of Tokens[i], and every other token has 0. A sparse row may leave out small
// probabilities. Tests stay valid, and lose some power. Which tokens are left out must not depend
// on the key.
type Row struct {
	Tokens []detect.Token // ids in ascending order, or nil
	Probs  []float32      // each in [0,1], with a sum of at most 1, except for rounding
}

// A RowReader is a model whose weights you hold, as far as tests need it.
type RowReader interface {
	// Rows yields one Row for each token of text, in order: row i is the law of the token after
	// text[:i+1]. The test uses a Row before it asks for the next one, and does not keep it. After
	// an error nothing follows.
	Rows(text []detect.Token) iter.Seq2[Row, error]
}

// A ChoiceReader is a model whose weights you hold, as far as [Choices] needs it.
type ChoiceReader interface {
	// Choices returns one token for each token of text: the most probable token after text[:i+1],
	// or -1 if the model was not asked there.
	Choices(text []detect.Token) ([]detect.Token, error)
}

// rowSlack is how far the probabilities of a row may add up to more than 1. Half-precision engines
// are that far off.
const rowSlack = 1e-2

// Check returns an error that wraps [ErrRow] if r is not a row for a vocabulary of this size.
func (r Row) Check(vocab int) error {
	if r.Tokens == nil && len(r.Probs) > vocab {
		return fmt.Errorf("student: %w: %d probabilities for a vocabulary of %d", ErrRow, len(r.Probs), vocab)
	}
	if r.Tokens != nil && len(r.Tokens) != len(r.Probs) {
		return fmt.Errorf("student: %w: %d tokens and %d probabilities", ErrRow, len(r.Tokens), len(r.Probs))
	}
	last := detect.Token(-1)
	for _, t := range r.Tokens {
		if t <= last || int(t) >= vocab {
			return fmt.Errorf("student: %w: its tokens are not ascending ids below %d", ErrRow, vocab)
		}
		last = t
	}
	sum := 0.0
	for _, p := range r.Probs {
		if !(p >= 0 && p <= 1+rowSlack) {
			return fmt.Errorf("student: %w: %v is not a probability", ErrRow, p)
		}
		sum += float64(p)
	}
	if sum > 1+rowSlack {
		return fmt.Errorf("student: %w: its probabilities add up to %v", ErrRow, sum)
	}
	return nil
}

// at returns the token and the probability of entry i.
func (r Row) at(i int) (detect.Token, float32) {
	if r.Tokens == nil {
		return detect.Token(i), r.Probs[i]
	}
	return r.Tokens[i], r.Probs[i]
}

// of returns the probability of a token in fixed point, within 0 and 1.
func (r Row) of(t detect.Token) int64 {
	at := int(t)
	if r.Tokens != nil {
		i, ok := slices.BinarySearch(r.Tokens, t)
		if !ok {
			return 0
		}
		at = i
	}
	if at < 0 || at >= len(r.Probs) || !(r.Probs[at] > 0) {
		return 0
	}
	return toFixed(min(float64(r.Probs[at]), 1))
}

// Choice returns the most probable token. Of equal ones it returns the smallest. For a row without
// a positive probability it returns -1.
func (r Row) Choice() detect.Token {
	choice, best := detect.Token(-1), float32(0)
	for i := range r.Probs {
		if t, p := r.at(i); p > best {
			choice, best = t, p
		}
	}
	return choice
}

// difference calls f, in ascending order, with each token to which r and base give different
// probabilities, and with the difference in fixed point. base may be the zero Row.
func (r Row) difference(base Row, f func(detect.Token, int64)) {
	i, j := 0, 0
	for i < len(r.Probs) || j < len(base.Probs) {
		a, b := detect.Token(math.MaxInt32), detect.Token(math.MaxInt32)
		var p, q float32
		if i < len(r.Probs) {
			a, p = r.at(i)
		}
		if j < len(base.Probs) {
			b, q = base.at(j)
		}
		var d int64
		switch {
		case a < b:
			d = toFixed(float64(p))
			i++
		case a > b:
			d = -toFixed(float64(q))
			j++
		default:
			d = toFixed(float64(p)) - toFixed(float64(q))
			i++
			j++
		}
		if d != 0 {
			f(min(a, b), d)
		}
	}
}
