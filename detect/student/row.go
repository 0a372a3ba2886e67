package student

import (
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/isotope-wm/isotope/detect"
)

// ErrRow is wrapped by errors about next-token rows that are none.
var ErrRow = errors.New("not a next-token row")

// A Row is what a model gives the next token, after some position of a text: dense, a
// probability for each token of the vocabulary, when Tokens is nil; else sparse, Probs[i]
// for Tokens[i], ids ascending, and 0 for every other token. A sparse row may leave out
// what is small: tests stay valid, and what is left out costs power. Which tokens are left
// out must not depend on the key.
type Row struct {
	Tokens []detect.Token
	Probs  []float32
}

// A RowReader is a model whose weights one holds, as far as tests need it.
type RowReader interface {
	// Rows yields one Row for each token of text, in order: row i is the law of the token
	// after text[:i+1]. A Row is used before the next one is asked for, and not kept. After an
	// error nothing follows.
	Rows(text []detect.Token) iter.Seq2[Row, error]
}

// A ChoiceReader is a model whose weights one holds, as far as reading mode needs it.
type ChoiceReader interface {
	// Choices returns, for each token of text, the token that the model gives the largest
	// probability after text[:i+1], or -1 where it was not asked.
	Choices(text []detect.Token) ([]detect.Token, error)
}

// rowSlack is how much above 1 the probabilities of a row may add up to: half-precision
// engines are that far off.
const rowSlack = 1e-2

// Check returns what is wrong with a row for a vocabulary of this size; it wraps [ErrRow].
func (r Row) Check(vocab int) error {
	if r.Tokens == nil && len(r.Probs) > vocab {
		return fmt.Errorf("student: %w: %d probabilities for a vocabulary of %d", ErrRow, len(r.Probs), vocab)
	}
	if r.Tokens != nil && len(r.Tokens) != len(r.Probs) {
		return fmt.Errorf("student: %w: %d tokens with %d probabilities", ErrRow, len(r.Tokens), len(r.Probs))
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

// at returns the token and probability of entry i.
func (r Row) at(i int) (detect.Token, float32) {
	if r.Tokens == nil {
		return detect.Token(i), r.Probs[i]
	}
	return r.Tokens[i], r.Probs[i]
}

// Choice returns the token with the largest probability, the smallest of equal ones; -1 for
// a row without any.
func (r Row) Choice() detect.Token {
	choice, best := detect.Token(-1), float32(0)
	for i := range r.Probs {
		if t, p := r.at(i); p > best {
			choice, best = t, p
		}
	}
	return choice
}

// difference calls f with each token that r and base give different probabilities, in
// ascending order, and the difference in fixed point. base may be the zero Row.
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
