package watermark_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// A namedScheme is a row of a table.
type namedScheme struct {
	name   string
	scheme watermark.Scheme
}

var keyedSchemes = []namedScheme{
	{"gumbelmax", watermark.GumbelMax{Width: 4}},
	{"two keys", watermark.GumbelMax{Width: 2, Dual: 0.5}},
	{"tournament", watermark.Tournament{Depth: 30, Width: 4}},
	{"five candidates", watermark.Tournament{Depth: 7, Width: 9, Candidates: 5}},
}

var hotSampler = watermark.Sampler{Temperature: 1, TopK: 30, TopP: 0.95}

// randomRow fills a row of logits.
func randomRow(row []float32, rng *rand.Rand) {
	for i := range row {
		row[i] = float32(2 * rng.NormFloat64())
	}
}

// TestSampleIsItsSteps compares Sample with the steps that an engine takes: bias, truncation,
// draw.
func TestSampleIsItsSteps(t *testing.T) {
	const vocab = 300
	for _, k := range keyedSchemes {
		t.Run(k.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			bias := newMark(t, numbered(t, 1), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab)
			draw := newMark(t, numbered(t, 2), k.scheme, vocab).Salted(9)
			s := newSequence(t, bias, draw)
			row, hand := make([]float32, vocab), make([]float32, vocab)
			prompt := []Token{1, 2, 3, 4, 5, 6, 7, 8, 9}
			s.Reset(prompt)
			text := append([]Token(nil), prompt...)
			for range 100 {
				randomRow(row, rng)
				u := rng.Float64()
				got := s.Sample(row, watermark.Sampler{Temperature: 0.5}, u)

				copy(hand, row)
				bias.Process(hand, text)
				ids, probs := make([]Token, vocab), make([]float32, vocab)
				for i, x := range hand {
					ids[i], probs[i] = Token(i), float32(math.Exp(2*float64(x)))
					hand[i] *= 2
				}
				// float32 probabilities are close to what Sample has, and differ where a
				// draw is close.
				want := Token(draw.Pick(ids, probs, text, u))
				assert.Equal(t, want, got)
				if _, ok := k.scheme.(watermark.GumbelMax); ok {
					draw.Process(hand, text)
					finite := 0
					for i, x := range hand {
						if !math.IsInf(float64(x), -1) {
							assert.Equal(t, got, Token(i))
							finite++
						}
					}
					assert.Equal(t, 1, finite)
				}
				s.Accept(got)
				text = append(text, got)
			}
			counts := s.Counts()
			assert.EqualValues(t, 100, counts.Tokens)
			assert.EqualValues(t, 100, counts.Draw.Marked+counts.Draw.Repeated+counts.Draw.Unscorable)
			assert.Greater(t, counts.Draw.Marked, int64(80))
			assert.EqualValues(t, 98, counts.Bias.Marked)
			assert.EqualValues(t, 2, counts.Bias.Unscorable)
		})
	}
}

// TestUnmarkedPositionsArePlain checks that a keyed draw equals the plain sampler's outside the
// band, and where a context repeats.
func TestUnmarkedPositionsArePlain(t *testing.T) {
	const vocab = 40
	selector := numbered(t, 99)
	for _, k := range keyedSchemes {
		t.Run(k.name, func(t *testing.T) {
			m := newMark(t, numbered(t, 3), k.scheme, vocab, watermark.Band{Selector: selector, Lo: 0, Hi: 32768})
			marked, plain := newSequence(t, m), newSequence(t)
			rng := rand.New(rand.NewPCG(3, 4))
			row := make([]float32, vocab)
			var want watermark.MarkCounts
			width := m.Width()
			differ := 0
			seen := map[string]bool{}
			var text []Token
			for range 400 {
				randomRow(row, rng)
				u := rng.Float64()
				a, b := marked.Sample(row, hotSampler, u), plain.Sample(row, hotSampler, u)
				last := make([]Token, m.Width())
				for i := range last {
					last[i] = -1
					if at := len(text) - len(last) + i; at >= 0 {
						last[i] = text[at]
					}
				}
				context := fmt.Sprint(last)
				switch {
				case m.Score(nil, []watermark.Pair{{Context: text, Token: 1}})[0] == watermark.NotScored:
					want.OutOfBand++
					assert.Equal(t, b, a)
				case seen[context]:
					want.Repeated++
					assert.Equal(t, b, a)
				default:
					if len(text) < width {
						want.Unscorable++ // and marked all the same
					} else {
						want.Marked++
					}
					if a != b {
						differ++
					}
				}
				seen[context] = true
				next := rng.Int32N(2)
				marked.Accept(next)
				text = append(text, next)
			}
			assert.Equal(t, want, marked.Counts().Draw)
			assert.EqualValues(t, 400, marked.Counts().Tokens)
			assert.Positive(t, want.Repeated)
			assert.Positive(t, want.Unscorable)
			assert.Positive(t, differ, "and the others are not")
			marked.Reset(nil)
			assert.Zero(t, marked.Counts())
		})
	}
}

func TestRewindOfDrawsIsExact(t *testing.T) {
	const vocab = 64
	for _, k := range keyedSchemes {
		t.Run(k.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			draw := newMark(t, numbered(t, 1), k.scheme, vocab)
			bias := newMark(t, numbered(t, 2), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 3}, vocab, watermark.MaskRepeats{})
			straight, rewinding := newSequence(t, draw, bias), newSequence(t, bias, draw)
			prompt := []Token{1, 2, 1, 2}
			straight.Reset(prompt)
			rewinding.Reset(prompt)
			row := make([]float32, vocab)
			for range 200 {
				n := rng.IntN(6)
				for range n {
					rewinding.Accept(rng.Int32N(3))
				}
				rewinding.Rewind(n)
				randomRow(row, rng)
				u := rng.Float64()
				require.Equal(t, straight.Sample(row, hotSampler, u), rewinding.Sample(row, hotSampler, u))
				next := rng.Int32N(3)
				straight.Accept(next)
				rewinding.Accept(next)
			}
			assert.Equal(t, straight.Counts(), rewinding.Counts())
			assert.Positive(t, straight.Counts().Draw.Repeated)
		})
	}
}

// TestRowsOfStructuredOutput draws from rows with entries that are not numbers, and from what a
// grammar leaves of a row.
func TestRowsOfStructuredOutput(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, k := range keyedSchemes {
		t.Run(k.name, func(t *testing.T) {
			m := newMark(t, numbered(t, 1), k.scheme, 6)
			s := newSequence(t, m)
			for c := range Token(30) {
				context := []Token{c, 1, 2, 3}
				process := func(row ...float32) []float32 { m.Process(row, context); return row }
				drawable := func(row []float32) (ids []int) {
					for i, x := range row {
						assert.False(t, math.IsNaN(float64(x)) || x == inf)
						if x > -inf {
							ids = append(ids, i)
						}
					}
					return ids
				}
				assert.Equal(t, []int{2}, drawable(process(-inf, -inf, -3, -inf, -inf, -inf)), "one legal token")
				assert.Equal(t, []int{2}, drawable(process(nan, -inf, 5, nan, -inf, -inf)), "NaN is never drawn")
				assert.Equal(t, []int{1}, drawable(process(0, inf, 7, nan, -inf, 5)), "+Inf beats all")
				assert.Subset(t, []int{1, 4}, drawable(process(0, inf, 7, nan, inf, 5)))
				assert.Subset(t, []int{0, 3}, drawable(process(1, -inf, -inf, 1, -inf, -inf)), "only what is legal")
				assert.Subset(t, []int{0, 5}, drawable(process(1, -inf, -inf, -inf, -inf, 0, 9, 9)), "padding is not drawn")
				assert.Subset(t, []int{0, 1}, drawable(process(1, 1)), "a short row")
				assert.Equal(t, []float32{-inf, -inf}, process(-inf, -inf), "nothing to draw")
				assert.Empty(t, process())
				empty := process(nan, -inf)
				assert.True(t, math.IsNaN(float64(empty[0])) && empty[1] == -inf, "the row stays what it is")

				s.Reset(context)
				forced := func() { // counts the position and goes back to it
					t.Helper()
					s.Accept(0)
					assert.Equal(t, watermark.MarkCounts{Forced: 1}, s.Counts().Draw)
					s.Rewind(1)
				}
				sample := func(want Token, row ...float32) {
					t.Helper()
					assert.Equal(t, want, s.Sample(row, hotSampler, 0.5))
					forced()
				}
				sample(2, -inf, -inf, -3, -inf)
				sample(1, 0, inf, 7, nan)
				sample(-1, nan, -inf)
				sample(-1)
				assert.Equal(t, Token(3), s.Sample([]float32{0, 1, 7, 8}, watermark.Sampler{}, 0.5), "greedy")
				s.Accept(3)
				assert.Equal(t, watermark.MarkCounts{Greedy: 1}, s.Counts().Draw)
				s.Rewind(1)
				pick := func(want int, ids []Token, probs ...float32) {
					t.Helper()
					assert.Equal(t, want, s.Pick(ids, probs, 0.5))
					forced()
				}
				pick(0, []Token{4}, 0.5)
				pick(-1, nil)
				pick(1, []Token{4, 5, 2}, 0, 0.5, 0) // a whole row of probabilities
				for _, row := range [][]float32{{-inf, -inf, -3, -inf, -inf, -inf}, {-inf, nan}, {-inf, 1, -inf, -inf, -inf, -inf, 7}, nil} {
					s.ProcessDraw(row)
					forced()
				}
			}
		})
	}
}

// TestGreedyIsTheBiasAlone checks that a green list marks greedy text, and that a keyed draw does
// not change it.
func TestGreedyIsTheBiasAlone(t *testing.T) {
	const vocab = 50
	bias := newMark(t, numbered(t, 1), watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 1}, vocab)
	both, alone := newSequence(t, bias, newMark(t, numbered(t, 2), watermark.GumbelMax{Width: 2}, vocab)), newSequence(t, bias)
	rng := rand.New(rand.NewPCG(7, 8))
	row := make([]float32, vocab)
	green := 0
	for c := range Token(200) {
		randomRow(row, rng)
		both.Reset([]Token{c})
		alone.Reset([]Token{c})
		v := both.Sample(row, watermark.Sampler{}, 0.5)
		assert.Equal(t, alone.Sample(row, watermark.Sampler{}, 0.5), v)
		if isGreen(bias, []Token{c}, v) {
			green++
		}
	}
	assert.Greater(t, green, 150)
}

func TestProcessDraw(t *testing.T) {
	m := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 1}, 20)
	s := newSequence(t, m)
	s.Reset([]Token{5, 6, 5})
	want, got := make([]float32, 20), make([]float32, 20)
	s.ProcessDraw(got)
	assert.Equal(t, want, got, "the context 5 came before")
	s.Accept(9)
	s.ProcessDraw(got)
	m.Process(want, []Token{9})
	assert.Equal(t, want, got)
	s.Accept(8)
	assert.Equal(t, watermark.Counts{Tokens: 2, Draw: watermark.MarkCounts{Repeated: 1, Marked: 1}, Replaced: 0}, s.Counts())
	s.Process(got)
	assert.Equal(t, want, got, "a keyed draw is no bias")

	plain := newSequence(t)
	plain.ProcessDraw(got) // one token is left
	assert.Equal(t, want, got)
	assert.Equal(t, 1, plain.Pick([]Token{1, 2}, []float32{0.5, 0.5}, 0.7))
	plain.Accept(2)
	assert.Equal(t, watermark.Counts{Tokens: 1}, plain.Counts())
}

func TestSalts(t *testing.T) {
	const vocab = 100
	m := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 1, Dual: 0.25}, vocab)
	first, second, ok := m.Halves()
	require.True(t, ok)
	ids, probs := make([]Token, vocab), make([]float32, vocab)
	for i := range ids {
		ids[i], probs[i] = Token(i), 1
	}
	s := newSequence(t, m)
	ofFirst := 0
	const n = 4000
	for salt := range uint32(n) {
		s.SetSalt(salt)
		s.Reset([]Token{7})
		got := s.Pick(ids, probs, 0)
		assert.Equal(t, got, s.Pick(ids, probs, 0.9), "one request, one key")
		assert.Equal(t, got, m.Salted(salt).Pick(ids, probs, []Token{7}, 0))
		switch got {
		case first.Pick(ids, probs, []Token{7}, 0):
			ofFirst++
		case second.Pick(ids, probs, []Token{7}, 0):
		default:
			t.Fatal("drawn by neither key")
		}
	}
	assert.InDelta(t, n/4, ofFirst, 5*math.Sqrt(n*3.0/16))
	assert.Equal(t, m.ID(), m.Salted(3).ID())
}

func TestNewSequenceOfDraws(t *testing.T) {
	k := numbered(t, 1)
	gumbel := newMark(t, k, watermark.GumbelMax{Width: 4}, 100)
	tour := newMark(t, k.Derive("t"), watermark.Tournament{Depth: 3, Width: 2}, 100)
	green := newMark(t, k.Derive("g"), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 100)
	for _, c := range []struct {
		name  string
		marks []*watermark.Mark
	}{
		{"two keyed draws", []*watermark.Mark{gumbel, green, tour}},
		{"one draw twice", []*watermark.Mark{gumbel, gumbel}},
		{"other vocabulary", []*watermark.Mark{green, newMark(t, k, watermark.GumbelMax{Width: 4}, 101)}},
		{"other prompts", []*watermark.Mark{green, newMark(t, k, watermark.GumbelMax{Width: 4}, 100, watermark.NoPromptContext{})}},
		{"two green lists", []*watermark.Mark{green, gumbel, green}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.NewSequence(c.marks...)
			var param *watermark.ParamError
			assert.ErrorAs(t, err, &param)
		})
	}
	newSequence(t, gumbel)
	newSequence(t, tour, green)
}

func TestNewRefusesDraws(t *testing.T) {
	k := numbered(t, 1)
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
		opts   []watermark.Option
		param  string
	}{
		{"gumbelmax without a context", watermark.GumbelMax{}, nil, "width"},
		{"gumbelmax, negative width", watermark.GumbelMax{Width: -1}, nil, "width"},
		{"gumbelmax, large width", watermark.GumbelMax{Width: 17}, nil, "width"},
		{"dual 0.3", watermark.GumbelMax{Width: 1, Dual: 0.3}, nil, "dual"},
		{"dual 1", watermark.GumbelMax{Width: 1, Dual: 1}, nil, "dual"},
		{"negative dual", watermark.GumbelMax{Width: 1, Dual: -0.5}, nil, "dual"},
		{"dual NaN", watermark.GumbelMax{Width: 1, Dual: math.NaN()}, nil, "dual"},
		{"gumbelmax, lane 16", watermark.GumbelMax{Width: 1}, []watermark.Option{watermark.Lane{Index: 16}}, "lane"},
		{"gumbelmax with a payload", watermark.GumbelMax{Width: 1}, []watermark.Option{watermark.Payload{Bits: 2}}, "payload"},
		{"tournament without a context", watermark.Tournament{Depth: 3}, nil, "width"},
		{"no layers", watermark.Tournament{Width: 2}, nil, "depth"},
		{"33 layers", watermark.Tournament{Width: 2, Depth: 33}, nil, "depth"},
		{"one candidate", watermark.Tournament{Width: 2, Depth: 3, Candidates: 1}, nil, "candidates"},
		{"17 candidates", watermark.Tournament{Width: 2, Depth: 3, Candidates: 17}, nil, "candidates"},
		{"tournament, lane 4", watermark.Tournament{Width: 2, Depth: 3}, []watermark.Option{watermark.Lane{Index: 4}}, "lane"},
		{"tournament with a payload", watermark.Tournament{Width: 2, Depth: 3}, []watermark.Option{watermark.Payload{Bits: 2}}, "payload"},
		{"repeats of the empty context", watermark.Tournament{Width: 0, Depth: 3}, []watermark.Option{watermark.MarkRepeats{}}, "width"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.New(k, c.scheme, 100, c.opts...)
			var param *watermark.ParamError
			require.ErrorAs(t, err, &param)
			assert.Equal(t, c.param, param.Param)
		})
	}
}

func TestMarksOfDraws(t *testing.T) {
	k := numbered(t, 1)
	gumbel := newMark(t, k, watermark.GumbelMax{Width: 4}, 1000)
	dual := newMark(t, k, watermark.GumbelMax{Width: 4, Dual: 0.25}, 1000)
	tour := newMark(t, k, watermark.Tournament{Width: 4, Depth: 30}, 1000)
	green := newMark(t, k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 4}, 1000)

	assert.True(t, gumbel.IsKeyedDraw() && tour.IsKeyedDraw() && !green.IsKeyedDraw())
	assert.True(t, gumbel.MasksRepeats() && tour.MasksRepeats() && !green.MasksRepeats())
	assert.False(t, newMark(t, k, watermark.GumbelMax{Width: 4}, 1000, watermark.MarkRepeats{}).MasksRepeats())
	assert.Same(t, gumbel, gumbel.Unweighted())
	assert.Same(t, green, green.Unweighted())

	assert.Equal(t, watermark.Exponential{First: 1}, gumbel.Law())
	assert.Equal(t, watermark.Exponential{First: 0.25, Second: 0.75}, dual.Law())
	assert.Equal(t, watermark.Exponential{First: 1, Second: 1}, dual.Unweighted().Law())
	assert.Equal(t, watermark.Layers{Depth: 30, Weighted: true, Marked: 0.75}, tour.Law())
	assert.Equal(t, watermark.Layers{Depth: 30, Marked: 0.75}, tour.Unweighted().Law())

	first, second, ok := dual.Halves()
	require.True(t, ok)
	assert.Equal(t, gumbel.ID(), first.ID(), "the first half is the mark of one key")
	ids := map[string]bool{}
	for _, m := range []*watermark.Mark{gumbel, dual, tour, green, dual.Unweighted(), tour.Unweighted(), second} {
		assert.False(t, ids[m.ID()], m.ID())
		ids[m.ID()] = true
		assert.NotContains(t, m.ID(), "isotope-secret-key")
	}
	_, _, ok = gumbel.Halves()
	assert.False(t, ok)
	_, _, ok = first.Halves()
	assert.False(t, ok)
	pair := []watermark.Pair{{Context: []Token{1, 2, 3, 4}, Token: 5}}
	assert.Equal(t, append(first.Score(nil, pair), second.Score(nil, pair)...), dual.ScoreParts(nil, pair))

	mask := []uint64{math.MaxUint64}
	gumbel.Mask(mask, nil)
	assert.Equal(t, []uint64{0}, mask, "a keyed draw has no green list")
	_, ok = gumbel.GreenMass(make([]float32, 10), nil, 1)
	assert.False(t, ok)

	banded := newMark(t, k, watermark.GumbelMax{Width: 1, Dual: 0.5}, 10, watermark.Band{Selector: numbered(t, 2), Hi: 1})
	assert.Equal(t, []int64{watermark.NotScored, watermark.NotScored}, banded.ScoreParts(nil, []watermark.Pair{{Context: []Token{1}}}))
}
