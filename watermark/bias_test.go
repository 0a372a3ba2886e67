package watermark_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// An ownBias is a green list behind the interface Bias. A Sequence cannot see that it is a mark.
type ownBias struct {
	mark *watermark.Mark
	seen [][]Token // contexts, if keep is set
	keep bool
}

func (b *ownBias) Width() int { return b.mark.Width() }

func (b *ownBias) Process(logits []float32, context []Token) {
	if b.keep {
		b.seen = append(b.seen, slices.Clone(context))
	}
	b.mark.Process(logits, context)
}

// TestBiasIsLikeAMark compares a Sequence that has a green list as a mark with one that has it as
// a Bias: they must bias, draw, mask, rewind and reset alike, bit for bit.
func TestBiasIsLikeAMark(t *testing.T) {
	const vocab = 300
	list := watermark.GreenList{Gamma: 0.25, Delta: 1.5, Width: 2}
	selector := numbered(t, 8)
	low := watermark.Band{Selector: selector, Lo: 0, Hi: 30000}
	high := watermark.Band{Selector: selector, Lo: 30000, Hi: watermark.BandSize}
	for _, c := range []struct {
		name   string
		opts   []watermark.Option
		others []*watermark.Mark
	}{
		{"alone", nil, nil},
		{"masked", []watermark.Option{watermark.MaskRepeats{}}, nil},
		{"masked and unmasked again", []watermark.Option{watermark.MaskRepeats{}, watermark.MarkRepeats{}}, nil},
		{"without prompts", []watermark.Option{watermark.NoPromptContext{}, watermark.MaskRepeats{}}, nil},
		{"in a band", []watermark.Option{low}, nil},
		{"beside a band", []watermark.Option{low}, []*watermark.Mark{newMark(t, numbered(t, 2), list, vocab, high, watermark.MaskRepeats{})}},
		{"with a draw", []watermark.Option{watermark.MaskRepeats{}}, []*watermark.Mark{newMark(t, numbered(t, 3), watermark.GumbelMax{Width: 2}, vocab)}},
		{"with a tournament", nil, []*watermark.Mark{newMark(t, numbered(t, 3), watermark.Tournament{Width: 3, Depth: 9}, vocab)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mark := newMark(t, numbered(t, 1), list, vocab, c.opts...)
			want, got := newSequence(t, append(slices.Clone(c.others), mark)...), newSequence(t, c.others...)
			require.NoError(t, got.AddBias(&ownBias{mark: newMark(t, numbered(t, 1), list, vocab)}, c.opts...))
			rng := rand.New(rand.NewPCG(31, 1))
			row, padded := make([]float32, vocab), make([]float32, vocab+20)
			biasedRows := 0
			for text := range 4 {
				prompt := []Token{1, 2, 1, 2, 3}[:text]
				want.Reset(prompt)
				got.Reset(prompt)
				for range 80 {
					randomRow(row, rng)
					before := slices.Clone(row)
					for _, p := range []watermark.Sampler{{}, hotSampler, {Temperature: 1}, {Temperature: 0.7, TopP: 0.8, MinP: 0.01}} {
						u := rng.Float64()
						require.Equal(t, want.Sample(row, p, u), got.Sample(row, p, u), "%+v", p)
					}
					require.Equal(t, before, row, "Sample does not write to the row")
					randomRow(padded, rng)
					a, b := slices.Clone(padded[:vocab]), slices.Clone(padded[:vocab])
					want.Process(a)
					got.Process(b)
					require.Equal(t, a, b)
					if !slices.Equal(a, padded[:vocab]) {
						biasedRows++
					}
					next := rng.Int32N(3)
					for range rng.IntN(3) { // drafts
						want.Accept(next)
						got.Accept(next)
						want.Rewind(1)
						got.Rewind(1)
					}
					want.Accept(next)
					got.Accept(next)
				}
			}
			assert.Equal(t, want.Counts(), got.Counts())
			assert.Greater(t, biasedRows, 20)
		})
	}
}

// TestBiasContext checks what a Bias sees: the last Width tokens, fewer at the start.
func TestBiasContext(t *testing.T) {
	b := &ownBias{mark: newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 50), keep: true}
	s := newSequence(t)
	require.NoError(t, s.AddBias(b))
	row := make([]float32, 50)
	s.Process(row)
	s.Reset([]Token{7})
	s.Process(row)
	for _, next := range []Token{8, 9, 10} {
		s.Accept(next)
		s.Process(row)
	}
	s.Rewind(1)
	s.Sample(row, hotSampler, 0.5)
	assert.Equal(t, [][]Token{nil, {7}, {7, 8}, {8, 9}, {9, 10}, {8, 9}}, b.seen)
}

// TestBiasSeesTheVocabulary checks that a Bias sees the row up to the vocabulary of the marks, and
// the whole row without marks.
func TestBiasSeesTheVocabulary(t *testing.T) {
	for _, c := range []struct {
		name  string
		marks []*watermark.Mark
		last  int // index of the last entry that is biased
	}{
		{"without marks", nil, 59},
		{"with a mark", []*watermark.Mark{newMark(t, testKey(t), watermark.GumbelMax{Width: 1}, 50)}, 49},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSequence(t, c.marks...)
			require.NoError(t, s.AddBias(raise{}))
			row := make([]float32, 60)
			s.Process(row)
			for i, x := range row {
				assert.Equal(t, i <= c.last, x == 1, "%d", i)
			}
			row[59] = 5
			want := Token(0)
			if c.last == 59 {
				want = 59
			}
			assert.Equal(t, want, s.Sample(row, watermark.Sampler{}, 0))
		})
	}
}

// raise adds 1 to every entry of a row.
type raise struct{}

func (raise) Width() int { return 0 }

func (raise) Process(logits []float32, _ []Token) {
	for i := range logits {
		logits[i]++
	}
}

// wide is a Bias of any width.
type wide struct{ raise }

func (wide) Width() int { return watermark.MaxWidth + 1 }

func TestAddBiasRefuses(t *testing.T) {
	k := testKey(t)
	selector := k.Derive("selector")
	green := newMark(t, k, watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 50)
	low := newMark(t, k, watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 50, watermark.Band{Selector: selector, Hi: 100})
	draw := newMark(t, k, watermark.GumbelMax{Width: 4}, 50, watermark.NoPromptContext{})
	own := &ownBias{mark: green}
	for _, c := range []struct {
		name  string
		marks []*watermark.Mark
		bias  watermark.Bias
		opts  []watermark.Option
		want  string
	}{
		{"nil", nil, nil, nil, "is nil"},
		{"a mark", nil, green, nil, "pass it to NewSequence"},
		{"a width above the largest", nil, wide{}, nil, "17 is outside 0 to 16"},
		{"a mask without a context", nil, raise{}, []watermark.Option{watermark.MaskRepeats{}}, "width above 0"},
		{"a lane", nil, own, []watermark.Option{watermark.Lane{Index: 1}}, "watermark.Lane"},
		{"a payload", nil, own, []watermark.Option{watermark.Payload{Bits: 1}}, "watermark.Payload"},
		{"a band without a selector", nil, own, []watermark.Option{watermark.Band{Hi: 5}}, "selector"},
		{"a green list everywhere", []*watermark.Mark{green}, own, nil, "covers all contexts"},
		{"a band that overlaps", []*watermark.Mark{low}, own, []watermark.Option{watermark.Band{Selector: selector, Lo: 99, Hi: 200}}, "overlap"},
		{"a band of another width", []*watermark.Mark{low}, raise{}, []watermark.Option{watermark.Band{Selector: selector, Lo: 100, Hi: 200}}, "widths 2 and 0"},
		{"a band of another selector", []*watermark.Mark{low}, own, []watermark.Option{watermark.Band{Selector: k, Lo: 100, Hi: 200}}, "different selectors"},
		{"prompts that a draw leaves out", []*watermark.Mark{draw}, own, nil, "prompts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSequence(t, c.marks...)
			err := s.AddBias(c.bias, c.opts...)
			var param *watermark.ParamError
			require.ErrorAs(t, err, &param)
			assert.ErrorContains(t, err, c.want)
			row := make([]float32, 50)
			want := slices.Clone(row)
			newSequence(t, c.marks...).Process(want)
			s.Process(row)
			assert.Equal(t, want, row, "the Sequence is what it was")
		})
	}
	t.Run("after the first token", func(t *testing.T) {
		s := newSequence(t)
		s.Accept(1)
		assert.ErrorContains(t, s.AddBias(own), "before Reset")
	})
	t.Run("two", func(t *testing.T) {
		s := newSequence(t)
		require.NoError(t, s.AddBias(own))
		assert.ErrorContains(t, s.AddBias(own), "overlap")
	})
}

// TestBiasOfASpeculation compares a Speculation that has its bias as a mark with one that has it
// as a Bias.
func TestBiasOfASpeculation(t *testing.T) {
	const vocab = 60
	dual := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 2, Dual: 0.5}, vocab)
	first, second, ok := dual.Halves()
	require.True(t, ok)
	mark := newMark(t, numbered(t, 2), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, vocab)
	want, err := watermark.NewSpeculation(first, second, mark)
	require.NoError(t, err)
	got, err := watermark.NewSpeculation(first, second)
	require.NoError(t, err)
	require.NoError(t, got.AddBias(&ownBias{mark: mark}))
	rng := rand.New(rand.NewPCG(32, 1))
	row := make([]float32, vocab)
	want.Reset([]Token{1})
	got.Reset([]Token{1})
	for range 100 {
		randomRow(row, rng)
		a, b := want.Row(watermark.Row{}, row, hotSampler), got.Row(watermark.Row{}, row, hotSampler)
		require.Equal(t, a, b)
		u := rng.Float64()
		next := want.Draft(a, u)
		require.Equal(t, next, got.Draft(b, u))
		want.Accept(next)
		got.Accept(next)
	}
}

func TestBiasDoesNotAllocate(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector makes pools drop what they hold")
	}
	s := newSequence(t)
	require.NoError(t, s.AddBias(&ownBias{mark: newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 500)}, watermark.MaskRepeats{}))
	s.Reset([]Token{1, 2, 3})
	row := make([]float32, 500)
	randomRow(row, rand.New(rand.NewPCG(33, 1)))
	step := func() {
		s.Accept(s.Sample(row, hotSampler, 0.5))
		s.Process(row)
		s.Rewind(1)
	}
	step()
	assert.Zero(t, testing.AllocsPerRun(50, step))
}
