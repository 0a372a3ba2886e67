package eval

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// A Text is token ids, with the place of each in the rows that the text was drawn from.
type Text struct {
	IDs []Token
	// At is the index of the row that a tester with the model sees where the token stands: that of a
	// kept or replaced token, and for an inserted one that of the next token. -1 is none.
	At []int32
}

func (t *Text) add(id Token, at int32) {
	t.IDs, t.At = append(t.IDs, id), append(t.At, at)
}

func (t Text) slice(from, to int) Text { return Text{t.IDs[from:to], t.At[from:to]} }

// foreign returns tokens without rows.
func foreign(ids []Token) Text {
	t := Text{IDs: ids, At: make([]int32, len(ids))}
	for i := range t.At {
		t.At[i] = -1
	}
	return t
}

// join appends a text.
func (t *Text) join(o Text) { t.IDs, t.At = append(t.IDs, o.IDs...), append(t.At, o.At...) }

// Attack is an edit of a marked text by somebody who does not know the key. It is deterministic:
// everything random comes from the generator that Apply receives.
type Attack struct {
	Name  string
	Unit  string    // what a rate means, for axes: "share of tokens replaced"
	Rates []float64 // that a Design measures by default
	// Rows says that the edited text keeps its rows, so that tests with the model can be measured.
	Rows bool
	// Apply returns the edited text. It does not change t. [ErrNotHere] says that the attack does not
	// exist for this text, for instance without a tokenizer.
	Apply func(e *Env, t Text, rate float64, rng *rand.Rand) (Text, error)
}

// ErrNotHere is wrapped by the error of an attack that does not exist for a source or a text.
var ErrNotHere = errors.New("not measured here")

// Env is what an attacker has.
type Env struct {
	Source Source
	Stream int
	Rows   []Row // that the text was drawn from
	// Other returns another text of n tokens with the same scheme under another key.
	Other func(n int) (Text, error)
	// Again returns the token that another request for this position draws, after the text before it.
	Again func(before []Token, row Row, request uint32, u float64) Token
	Means
}

// human returns n tokens of text that people wrote, from a random place.
func (e *Env) human(n int, rng *rand.Rand) []Token {
	var out []Token
	stream := e.Stream + 1 + rng.IntN(1<<16)
	for len(out) < n {
		text := e.Source.Human(stream)
		if len(out) == 0 && len(text) > n {
			text = text[rng.IntN(len(text)-n+1):]
		}
		out = append(out, text...)
		stream++
	}
	return out[:n]
}

// people returns [ErrNotHere] where there is no text that people wrote.
func (e *Env) people() error {
	if len(e.Source.Human(e.Stream)) == 0 {
		return fmt.Errorf("there is no text that people wrote: %w", ErrNotHere)
	}
	return nil
}

// unigram returns a token of text that people wrote.
func (e *Env) unigram(rng *rand.Rand) Token {
	text := e.Source.Human(e.Stream + 1 + rng.IntN(1<<16))
	return text[rng.IntN(len(text))]
}

// known returns [ErrNotHere] where the rows of the text are not known.
func (e *Env) known() error {
	if len(e.Rows) == 0 {
		return fmt.Errorf("the rows of the text are not known: %w", ErrNotHere)
	}
	return nil
}

func (e *Env) model(at int32, rng *rand.Rand) (Token, bool) {
	if at < 0 {
		return 0, false
	}
	row := e.Rows[at]
	weights := make([]float64, len(row.Probs))
	for i, p := range row.Probs {
		weights[i] = float64(p)
	}
	i := drawIndex(weights, rng.Float64())
	if i < 0 {
		return 0, false
	}
	return row.IDs[i], true
}

// Then returns an attack that applies a at its rate, and then b at a fixed one.
func (a Attack) Then(b Attack, rate float64) Attack {
	return Attack{
		Name: fmt.Sprintf("%s, then %s %v", a.Name, b.Name, rate), Unit: a.Unit, Rates: a.Rates, Rows: a.Rows && b.Rows,
		Apply: func(e *Env, t Text, r float64, rng *rand.Rand) (Text, error) {
			t, err := a.Apply(e, t, r, rng)
			if err != nil {
				return t, err
			}
			return b.Apply(e, t, rate, rng)
		},
	}
}

var edits = []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}

// replace replaces each token with probability rate. can returns an error where that is not possible.
func replace(name, unit string, can func(e *Env) error, token func(e *Env, at int32, rng *rand.Rand) (Token, bool)) Attack {
	return Attack{Name: name, Unit: unit, Rates: edits, Rows: true, Apply: func(e *Env, t Text, rate float64, rng *rand.Rand) (Text, error) {
		if err := can(e); err != nil {
			return t, err
		}
		out := Text{slices.Clone(t.IDs), slices.Clone(t.At)}
		for i := range out.IDs {
			if rng.Float64() < rate {
				if id, ok := token(e, t.At[i], rng); ok {
					out.IDs[i] = id
				}
			}
		}
		return out, nil
	}}
}

// IDAttacks returns the edits of token ids.
func IDAttacks() []Attack {
	return []Attack{
		replace("substitute", "share of tokens replaced by tokens of human text", (*Env).people,
			func(e *Env, _ int32, rng *rand.Rand) (Token, bool) { return e.unigram(rng), true }),
		replace("redraw", "share of tokens drawn again from the model's row without the mark", (*Env).known,
			func(e *Env, at int32, rng *rand.Rand) (Token, bool) { return e.model(at, rng) }),
		{Name: "delete", Unit: "share of tokens deleted", Rates: edits, Rows: true,
			Apply: func(_ *Env, t Text, rate float64, rng *rand.Rand) (out Text, err error) {
				for i, id := range t.IDs {
					if rng.Float64() >= rate {
						out.add(id, t.At[i])
					}
				}
				return out, nil
			}},
		{Name: "insert", Unit: "tokens of human text inserted, for each token of the text", Rates: edits, Rows: true,
			Apply: func(e *Env, t Text, rate float64, rng *rand.Rand) (out Text, err error) {
				if err := e.people(); err != nil {
					return out, err
				}
				for i, id := range t.IDs {
					if rng.Float64() < rate {
						out.add(e.unigram(rng), t.At[i])
					}
					out.add(id, t.At[i])
				}
				return out, nil
			}},
		{Name: "swap", Unit: "share of neighbours that change places", Rates: []float64{0.1, 0.3, 0.5}, Rows: true,
			Apply: func(_ *Env, t Text, rate float64, rng *rand.Rand) (Text, error) {
				out := Text{slices.Clone(t.IDs), slices.Clone(t.At)}
				for i := 0; i+1 < len(out.IDs); i += 2 {
					if rng.Float64() < rate {
						out.IDs[i], out.IDs[i+1] = out.IDs[i+1], out.IDs[i]
					}
				}
				return out, nil
			}},
		{Name: "truncate", Unit: "share of the text cut off", Rates: []float64{0.25, 0.5, 0.75}, Rows: true,
			Apply: func(_ *Env, t Text, rate float64, rng *rand.Rand) (Text, error) {
				keep := max(int(float64(len(t.IDs))*(1-rate)), 1)
				from := rng.IntN(len(t.IDs) - keep + 1)
				return t.slice(from, from+keep), nil
			}},
		Paste(1), Paste(4),
		{Name: "mix", Unit: "share of text with another key's mark", Rates: []float64{0.25, 0.5, 0.75},
			Apply: mix},
		{Name: "average", Unit: "answers of which the likeliest token is taken", Rates: []float64{3, 9, 27},
			Apply: average},
	}
}

// Paste returns the attack that puts k pieces of the text into text that people wrote. The rate is
// the share of the result that people wrote.
func Paste(k int) Attack {
	return Attack{
		Name: fmt.Sprintf("paste %d", k), Unit: "share of human text around the marked pieces", Rates: []float64{0.5, 0.75, 0.9},
		Apply: func(e *Env, t Text, rate float64, rng *rand.Rand) (out Text, err error) {
			if err := e.people(); err != nil {
				return out, err
			}
			total := int(float64(len(t.IDs)) * rate / (1 - rate))
			around := e.human(total, rng)
			cuts := make([]int, k) // of the human text
			for i := range cuts {
				cuts[i] = rng.IntN(total + 1)
			}
			slices.Sort(cuts)
			last := 0
			for i, cut := range cuts {
				out.join(foreign(around[last:cut]))
				out.join(t.slice(i*len(t.IDs)/k, (i+1)*len(t.IDs)/k))
				last = cut
			}
			out.join(foreign(around[last:]))
			return out, nil
		},
	}
}

// mixPiece is the number of tokens of a piece of a mixed text, about two sentences.
const mixPiece = 40

// mix replaces pieces of the text by pieces of a text that has another key's mark.
func mix(e *Env, t Text, rate float64, rng *rand.Rand) (out Text, err error) {
	other, err := e.Other(len(t.IDs))
	if err != nil {
		return out, err
	}
	for from := 0; from < len(t.IDs); from += mixPiece {
		to := min(from+mixPiece, len(t.IDs))
		if rng.Float64() < rate {
			out.join(foreign(other.IDs[from:to]))
		} else {
			out.join(t.slice(from, to))
		}
	}
	return out, nil
}

// average asks for each token n times, after the tokens so far, and takes the one that came most
// often. It is what somebody gets who asks the same again and again.
func average(e *Env, t Text, n float64, rng *rand.Rand) (out Text, err error) {
	first := rng.Uint32()
	err = e.Source.Write(context.Background(), e.Stream, len(t.IDs), func(row Row) Token {
		counts := map[Token]int{}
		best, most := Token(-1), 0
		for j := range int(n) {
			id := e.Again(out.IDs, row, first+uint32(j), rng.Float64())
			counts[id]++
			if c := counts[id]; c > most || c == most && id < best {
				best, most = id, c
			}
		}
		out.add(best, -1)
		return best
	})
	return out, err
}
