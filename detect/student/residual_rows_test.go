package student_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// keptRows are the rows of a toy model, computed for every output that is asked for. sparse keeps
// the likeliest token and those that follow a context in the outputs. Every leftOut-th output has no
// rows.
type keptRows struct {
	model   rows
	follow  map[Token]map[Token]bool // nil: dense rows
	leftOut int
	asked   int
}

func (k *keptRows) Rows(before, text []Token) []student.Row {
	if k.asked++; k.leftOut > 0 && k.asked%k.leftOut == 0 {
		return nil
	}
	var out []student.Row
	history := slices.Concat(before, text)
	for at := range text {
		p := k.model.row(history[:len(before)+at])
		r := student.Row{Probs: slices.Clone(p)}
		if k.follow != nil && at > 0 {
			choice := r.Choice()
			r = student.Row{Tokens: []Token{}, Probs: []float32{}}
			for t := range Token(len(p)) {
				if t == choice || k.follow[text[at-1]][t] {
					r.Tokens, r.Probs = append(r.Tokens, t), append(r.Probs, p[t])
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// TestOutputRowsAreAReference: rows that were computed before the test give what the model itself
// gives, dense and sparse.
func TestOutputRowsAreAReference(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(54, 200)
	pupil := toy.taught(tilt{mark, 1})
	type output struct{ prompt, text []Token }
	var outputs []output
	follow := map[Token]map[Token]bool{}
	ask(pupil, rand.New(rand.NewPCG(54, 1)), 20, 100, func(prompt, text []Token) {
		outputs = append(outputs, output{slices.Clone(prompt), slices.Clone(text)})
		for i, next := range text[1:] {
			if follow[text[i]] == nil {
				follow[text[i]] = map[Token]bool{}
			}
			follow[text[i]][next] = true
		}
	})
	test := func(o student.Options) student.Result {
		o.PromptsUnmarked = true
		s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &o))
		for _, x := range outputs {
			s.Add(x.prompt, x.text)
		}
		return s.Result()
	}
	model := test(student.Options{Reference: rows{toy}})
	require.False(t, model.Refused)
	require.Less(t, model.Residual.Log10P, -6.0)
	for _, c := range []struct {
		name string
		rows *keptRows
	}{
		{"dense", &keptRows{model: rows{toy}}},
		{"sparse", &keptRows{model: rows{toy}, follow: follow}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := test(student.Options{OutputRows: c.rows})
			assert.Equal(t, model.Statistics, r.Statistics)
			assert.InDelta(t, model.Residual.Log10P, r.Residual.Log10P, 0.05)
			assert.InDelta(t, model.ReferenceLog10P, r.ReferenceLog10P, 1e-9)
			assert.Zero(t, r.Unread)
		})
	}
	part := test(student.Options{OutputRows: &keptRows{model: rows{toy}, leftOut: 4}})
	assert.EqualValues(t, 5*99, part.Unread, "five of twenty outputs have no row, at 99 positions each")
	none := test(student.Options{OutputRows: &keptRows{model: rows{toy}, leftOut: 1}})
	assert.EqualValues(t, 20*99, none.Unread)
	assert.Zero(t, none.ReferenceLog10P)

	_, err := student.New(mark, decoysOf(t, 100, 1), &student.Options{Reference: rows{toy}, OutputRows: &keptRows{}})
	assert.ErrorContains(t, err, "two references")
}

// TestOutputRowsAreTestedForTheMark has a reference whose rows lean towards green or red.
func TestOutputRowsAreTestedForTheMark(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(55, 200)
	for _, c := range []struct {
		name    string
		green   int64
		refused bool
	}{{"prefers green", 1, true}, {"prefers red", 0, true}, {"independent", -1, false}} {
		t.Run(c.name, func(t *testing.T) {
			s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{OutputRows: leaningRows{rows{toy}, mark, c.green}, PromptsUnmarked: true}))
			ask(toy, rand.New(rand.NewPCG(55, 1)), 30, 200, s.Add)
			r := s.Result()
			assert.Equal(t, c.refused, r.Refused, r.ReferenceLog10P)
			assert.Equal(t, detect.Inconclusive, r.Verdict)
		})
	}
}

type leaningRows struct {
	rows
	mark  detect.Scorer
	green int64
}

func (l leaningRows) Rows(before, text []Token) []student.Row {
	var out []student.Row
	history := slices.Concat(before, text)
	for at := range text {
		p := slices.Clone(l.row(history[:len(before)+at]))
		for i := range p {
			if at > 0 && l.mark.Score(nil, []detect.Pair{{Context: text[at-1 : at], Token: Token(i)}})[0] == l.green {
				p[i] *= 0.9
			} else {
				p[i] *= 0.5
			}
		}
		out = append(out, student.Row{Probs: p})
	}
	return out
}
