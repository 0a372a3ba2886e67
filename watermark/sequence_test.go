package watermark_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func newSequence(t testing.TB, marks ...*watermark.Mark) *watermark.Sequence {
	t.Helper()
	s, err := watermark.NewSequence(marks...)
	require.NoError(t, err)
	return s
}

// biased returns what a Sequence adds to a row of zeros at the next position.
func biased(s *watermark.Sequence, vocab int) []float32 {
	row := make([]float32, vocab)
	s.Process(row)
	return row
}

func TestSequenceIsItsMark(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 3}, 200)
	s := newSequence(t, m)
	want := func(context ...Token) []float32 {
		row := make([]float32, 200)
		m.Process(row, context)
		return row
	}
	assert.Equal(t, want(), biased(s, 200), "before Reset the text is empty")
	s.Reset([]Token{5, 6, 7, 8})
	assert.Equal(t, want(6, 7, 8), biased(s, 200), "the prompt is context")
	s.Accept(9)
	assert.Equal(t, want(7, 8, 9), biased(s, 200))
	s.Accept(10)
	s.Rewind(1)
	assert.Equal(t, want(7, 8, 9), biased(s, 200))
	s.Rewind(0)
	s.Rewind(-4)
	assert.Equal(t, want(7, 8, 9), biased(s, 200))
	s.Rewind(100)
	assert.Equal(t, want(6, 7, 8), biased(s, 200), "never behind the prompt")
	s.Reset(nil)
	assert.Equal(t, want(), biased(s, 200))
}

func TestPromptIsNoContext(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 200, watermark.NoPromptContext{}, watermark.MaskRepeats{})
	with, without := newSequence(t, m), newSequence(t, m)
	with.Reset([]Token{1, 2, 3, 1, 2, 3})
	without.Reset(nil)
	for i := range Token(5) {
		assert.Equal(t, biased(without, 200), biased(with, 200))
		with.Accept(i)
		without.Accept(i)
	}
}

func TestRepeatedContextsAreMasked(t *testing.T) {
	g := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	m := newMark(t, testKey(t), g, 100, watermark.MaskRepeats{})
	plain := make([]float32, 100)
	marked := func(s *watermark.Sequence) bool { return !assert.ObjectsAreEqual(plain, biased(s, 100)) }

	s := newSequence(t, m)
	s.Reset([]Token{1, 2, 3, 1, 2})
	assert.False(t, marked(s), "1 2 was the context of 3 in the prompt")
	s.Accept(4)
	assert.True(t, marked(s), "2 4 is new")
	s.Accept(2)
	s.Accept(4)
	assert.False(t, marked(s), "2 4 was the context of 2")
	s.Rewind(2)
	assert.True(t, marked(s), "and is new again after a rewind")
	s.Rewind(1)
	assert.False(t, marked(s), "the prompt's contexts stay")
	s.Reset([]Token{1, 2})
	assert.True(t, marked(s), "the next text starts anew")

	unmasked := newSequence(t, newMark(t, testKey(t), g, 100))
	unmasked.Reset([]Token{1, 2, 3, 1, 2})
	assert.True(t, marked(unmasked))
}

// TestRewindIsExact compares a Sequence that speculates and rewinds with one that does neither.
func TestRewindIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, width := range []int{1, 3, 6} {
		m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: width}, 64, watermark.MaskRepeats{})
		straight, rewinding := newSequence(t, m), newSequence(t, m)
		prompt := []Token{1, 2, 1, 2}
		straight.Reset(prompt)
		rewinding.Reset(prompt)
		for range 300 {
			n := rng.IntN(6)
			for range n {
				rewinding.Accept(rng.Int32N(3))
			}
			rewinding.Rewind(n)
			require.Equal(t, biased(straight, 64), biased(rewinding, 64))
			next := rng.Int32N(3)
			straight.Accept(next)
			rewinding.Accept(next)
		}
	}
}

func TestSequenceOfBands(t *testing.T) {
	selector := watermark.NewKey()
	g := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	a := newMark(t, watermark.NewKey(), g, 100, watermark.Band{Selector: selector, Lo: 0, Hi: 30000})
	b := newMark(t, watermark.NewKey(), g, 100, watermark.Band{Selector: selector, Lo: 30000, Hi: 65536})
	s := newSequence(t, a, b)
	for i := range Token(200) {
		s.Reset([]Token{i, i})
		want := make([]float32, 100)
		a.Process(want, []Token{i, i})
		b.Process(want, []Token{i, i})
		require.Equal(t, want, biased(s, 100))
	}
}

func TestNewSequenceRefuses(t *testing.T) {
	k, sel := testKey(t), watermark.NewKey()
	g := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	g1 := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}
	low := watermark.Band{Selector: sel, Lo: 0, Hi: 100}
	all := newMark(t, k, g, 100)
	for _, c := range []struct {
		name  string
		marks []*watermark.Mark
	}{
		{"a nil", []*watermark.Mark{all, nil}},
		{"one twice", []*watermark.Mark{all, all}},
		{"everything and band", []*watermark.Mark{newMark(t, k, g, 100, low), all}},
		{"overlap", []*watermark.Mark{newMark(t, k, g, 100, low), newMark(t, k, g, 100, watermark.Band{Selector: sel, Lo: 99, Hi: 200})}},
		{"other selector", []*watermark.Mark{newMark(t, k, g, 100, low), newMark(t, k, g, 100, watermark.Band{Selector: k, Lo: 100, Hi: 200})}},
		{"other width", []*watermark.Mark{newMark(t, k, g, 100, low), newMark(t, k, g1, 100, watermark.Band{Selector: sel, Lo: 100, Hi: 200})}},
		{"other vocabulary", []*watermark.Mark{newMark(t, k, g, 100, low), newMark(t, k, g, 101, watermark.Band{Selector: sel, Lo: 100, Hi: 200})}},
		{"other prompts", []*watermark.Mark{newMark(t, k, g, 100, low), newMark(t, k, g, 100, watermark.Band{Selector: sel, Lo: 100, Hi: 200}, watermark.NoPromptContext{})}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.NewSequence(c.marks...)
			var param *watermark.ParamError
			require.ErrorAs(t, err, &param)
			assert.NotContains(t, err.Error(), "isotope-secret-key")
		})
	}
}

func TestSampleMarksAndDoesNotWrite(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 4, Width: 1}, 100)
	s := newSequence(t, m)
	rng := rand.New(rand.NewPCG(11, 12))
	logits := make([]float32, 100)
	before := make([]float32, 100)
	green := 0
	for i := range 1000 {
		s.Reset([]Token{Token(i % 100)})
		v := s.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		if isGreen(m, []Token{Token(i % 100)}, v) {
			green++
		}
	}
	assert.Equal(t, before, logits)
	p := m.Law().(watermark.Bernoulli).Marked
	assert.InDelta(t, 1000*p, green, 5*math.Sqrt(1000*p*(1-p)))

	s.Reset([]Token{1})
	greedy := s.Sample(logits, watermark.Sampler{}, 0.5)
	assert.True(t, isGreen(m, []Token{1}, greedy), "a bias marks greedy decoding too")
	for v := range greedy {
		assert.False(t, isGreen(m, []Token{1}, v), "ties go to the lowest id")
	}
	assert.Equal(t, Token(-1), s.Sample(nil, watermark.Sampler{}, 0.5))
}

func TestSequenceWithoutMarksIsASampler(t *testing.T) {
	s := newSequence(t)
	s.Reset([]Token{1, 2})
	assert.Equal(t, make([]float32, 5), biased(s, 5))
	assert.Equal(t, Token(3), s.Sample([]float32{0, 1, 2, 7}, watermark.Sampler{}, 0.5))
	s.Accept(3)
	s.Rewind(1)
}

// TestNothingAllocates covers every call of the hot path, once buffers have grown.
func TestNothingAllocates(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector allocates")
	}
	const vocab = 5000
	sel := watermark.NewKey()
	for _, c := range []struct {
		name string
		opts []watermark.Option
	}{
		{"plain", nil},
		{"masked", []watermark.Option{watermark.MaskRepeats{}}},
		{"band", []watermark.Option{watermark.Band{Selector: sel, Hi: 30000}}},
		{"lane", []watermark.Option{watermark.Lane{Group: 1, Index: 3}}},
		{"scored", []watermark.Option{watermark.ScoredOnly{Exempt: []Token{0, 3, 4999}}}},
	} {
		for _, width := range []int{1, 2, 4, 9} {
			for _, gamma := range []float64{0.5, 0.25, 1.0 / 16, 0.3984375} {
				m := newMark(t, testKey(t), watermark.GreenList{Gamma: gamma, Delta: 1, Width: width, Gate: gamma}, vocab, c.opts...)
				s, beam := newSequence(t, m), newSequence(t, m)
				row, mask := make([]float32, vocab), make([]uint64, (vocab+63)/64)
				context := []Token{1, 2, 3, 4, 5, 6, 7, 8, 9}
				ids, probs := []Token{4, 5, 6}, []float32{0.2, 0.3, 0.5}
				pairs, scores := []watermark.Pair{{Context: context, Token: 8}}, make([]int64, 0, 1)
				step := func() {
					s.Reset(context)
					for i := range Token(5) {
						s.Process(row)
						s.Sample(row, watermark.Sampler{Temperature: 1, TopK: 40, TopP: 0.9, MinP: 0.01}, 0.3)
						s.Accept(i)
					}
					s.Sample(row, watermark.Sampler{Temperature: 1, TopP: 0.5}, 0.3)
					s.Sample(row, watermark.Sampler{}, 0.3)
					s.SampleProb(row, watermark.Sampler{Temperature: 1}, 0.3)
					s.Draw(ids, probs, 0.3)
					s.Mask(mask)
					s.GreenMass(row, 1)
					s.BeginText()
					s.Pause()
					s.Accept(3)
					beam.CopyFrom(s)
					s.Rewind(3)
					m.Process(row, context)
					m.Mask(mask, context)
					m.Pick(ids, probs, context, 0.4)
					scores = m.Score(scores[:0], pairs)
				}
				step()
				assert.Zero(t, testing.AllocsPerRun(20, step), "%s width=%d gamma=%v", c.name, width, gamma)
			}
		}
	}
}
