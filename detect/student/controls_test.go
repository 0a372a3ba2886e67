package student_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestPromptsThatAreSaidAgain repeats finding 5 of the review of 2026-11-30. Ten of 400 prompts quote
// twelve marked tokens, and a clean suspect says each quote 30 times. Of 40 clean suspects 36 were
// detected and 4 tests were refused. The test of the pairs that are said again refuses them.
func TestPromptsThatAreSaidAgain(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(51, 200)
	for _, c := range []struct {
		times   int
		refuses bool
	}{{0, false}, {30, true}} {
		t.Run(fmt.Sprintf("%d times", c.times), func(t *testing.T) {
			detected, refused := 0, 0
			for i := range uint64(12) {
				rng := rand.New(rand.NewPCG(51, i))
				s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{
					Reference: rows{toy}, PromptsUnmarked: true,
				}))
				for at := range 400 {
					prompt := testmark.Uniform(rng, 20, vocab)
					var said []Token
					if at%40 == 0 {
						quote := testmark.Write(t, rng, 12, testmark.Varied, mark)
						prompt = append(prompt, quote...)
						for range c.times {
							said = append(said, quote...)
						}
					}
					ask(toy, rng, 1, 20, func(_, text []Token) { s.Add(prompt, slices.Concat(said, text)) })
				}
				r := s.Result()
				if r.Refused {
					refused++
					assert.ErrorIs(t, r.Warnings[len(r.Warnings)-1], student.ErrMarkedPrompts)
				}
				if r.Verdict == detect.Detected {
					detected++
				}
			}
			t.Logf("%d detected and %d refused of 12 clean suspects", detected, refused)
			assert.Zero(t, detected)
			if c.refuses {
				assert.GreaterOrEqual(t, refused, 11)
			} else {
				assert.LessOrEqual(t, refused, 3, "few prompts are seen to be marked when nobody repeats them")
			}
		})
	}
}

// leaning is a reference that prefers tokens of one colour after each context, as a corpus does that
// a detector has cleaned.
type leaning struct {
	rows
	mark  detect.Scorer
	green int64
}

func (l leaning) LogProbs(dst []float32, context []Token) []float32 {
	dst = l.rows.LogProbs(dst, context)
	for i := range dst {
		if l.mark.Score(nil, []detect.Pair{{Context: context[len(context)-1:], Token: Token(i)}})[0] == l.green {
			dst[i] += 0.5
		}
	}
	return dst
}

// TestReferencesAreTestedForTheMark: in finding 8 of that review, a reference that was tilted away
// from green convicted every clean suspect.
func TestReferencesAreTestedForTheMark(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(52, 200)
	for _, c := range []struct {
		name      string
		reference detect.Reference
		refused   bool
	}{
		{"independent", rows{toy}, false},
		{"prefers green", leaning{rows{toy}, mark, 1}, true},
		{"prefers red", leaning{rows{toy}, mark, 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{Reference: c.reference, PromptsUnmarked: true}))
			ask(toy, rand.New(rand.NewPCG(52, 1)), 30, 200, s.Add)
			r := s.Result()
			assert.Equal(t, c.refused, r.Refused, r.ReferenceLog10P)
			assert.Equal(t, detect.Inconclusive, r.Verdict)
			if c.refused {
				assert.Contains(t, r.Warnings, student.ErrMarkedReference)
				assert.Zero(t, r.Log10P)
			}
		})
	}
}

// TestOwnTurnsAreNoPrompts repeats case 14 of the field cases: ten turns of a marked student lost
// nine tenths of their positions.
func TestOwnTurnsAreNoPrompts(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(53, 200)
	pupil := toy.taught(tilt{mark, 1})
	talks := func(rng *rand.Rand, model *toyModel) [][]student.Turn {
		var all [][]student.Turn
		for range 10 {
			var turns []student.Turn
			for range 10 {
				turns = append(turns, student.Turn{Tokens: testmark.Uniform(rng, 10, vocab)})
				ask(model, rng, 1, 60, func(_, text []Token) { turns = append(turns, student.Turn{Own: true, Tokens: text}) })
			}
			all = append(all, turns)
		}
		return all
	}
	o := &student.Options{Reference: rows{toy}}
	turns, naive := testmark.Must(student.New(mark, decoysOf(t, 100, 1), o)), testmark.Must(student.New(mark, decoysOf(t, 100, 1), o))
	for _, talk := range talks(rand.New(rand.NewPCG(53, 1)), pupil) {
		turns.AddConversation(talk)
		var before []Token
		for _, turn := range talk {
			if turn.Own {
				naive.Add(before, turn.Tokens)
			}
			before = append(before, turn.Tokens...)
		}
	}
	sound, lost := turns.Result(), naive.Result()
	assert.Equal(t, int64(100), sound.Outputs)
	assert.Equal(t, lost.Outputs, sound.Outputs)
	assert.Greater(t, sound.Pairs.Scored, 2*lost.Pairs.Scored)
	assert.Less(t, sound.Log10P, lost.Log10P-2)
	assert.Equal(t, sound.Pairs.Tokens, lost.Pairs.Tokens)

	data, err := turns.MarshalBinary()
	require.NoError(t, err)
	back := testmark.Must(student.New(mark, decoysOf(t, 100, 1), o))
	require.NoError(t, back.UnmarshalBinary(data))
	assert.Equal(t, sound, back.Result())

	// A clean suspect under many keys stays at its level.
	clean := talks(rand.New(rand.NewPCG(53, 2)), toy)
	below := 0
	const keys = 300
	for i := range uint64(keys) {
		s := testmark.Must(student.New(studentMark(t, fmt.Sprint("clean ", i), 1), decoysOf(t, 100, 1), nil))
		for _, talk := range clean {
			s.AddConversation(talk)
		}
		if s.Result().Log10P <= -1 {
			below++
		}
	}
	assert.Less(t, float64(below), keys*0.1+4*math.Sqrt(keys*0.09))
}

// TestCopiesAreWeighed: quotes of green pairs that are said fifteen times, among as many red ones that
// are said once. Their number is what chance has, and their weight is not.
func TestCopiesAreWeighed(t *testing.T) {
	mark := studentMark(t, "master", 1)
	rng := rand.New(rand.NewPCG(54, 1))
	quote := func(green bool) []Token {
		text := []Token{rng.Int32N(vocab)}
		for len(text) < 13 {
			next := rng.Int32N(vocab)
			if testmark.IsGreen(mark, text[len(text)-1:], next) == green {
				text = append(text, next)
			}
		}
		return text
	}
	s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{PromptsUnmarked: true}))
	for range 3 {
		often, once := quote(true), quote(false)
		s.Add(slices.Concat(often, once), slices.Concat(slices.Repeat(often, 15), once))
	}
	r := s.Result()
	assert.Less(t, r.CopiedLog10P, -6.0)
	assert.Greater(t, r.Prompts.Log10P, -2.0)
	assert.True(t, r.Refused)
}
