package watermark_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

type Token = watermark.Token

func newMark(t testing.TB, k watermark.Key, g watermark.Scheme, vocab int, opts ...watermark.Option) *watermark.Mark {
	t.Helper()
	m, err := watermark.New(k, g, vocab, opts...)
	require.NoError(t, err)
	return m
}

func isGreen(m *watermark.Mark, context []Token, v Token) bool {
	return m.Score(nil, []watermark.Pair{{Context: context, Token: v}})[0] == 1
}

func TestNewRefuses(t *testing.T) {
	k := testKey(t)
	good := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
		vocab  int
		opts   []watermark.Option
		param  string
		says   string
	}{
		{"nil", nil, 10, nil, "scheme", "nil"},
		{"no vocabulary", good, 0, nil, "vocab", "0"},
		{"negative vocabulary", good, -1, nil, "vocab", "-1"},
		{"large vocabulary", good, 1 << 24, nil, "vocab", "16777215"},
		{"gamma 0.3", watermark.GreenList{Gamma: 0.3, Delta: 2, Width: 2}, 10, nil, "gamma", "nearest that is: 0.30078125"},
		{"gamma 0", watermark.GreenList{Gamma: 0, Delta: 2}, 10, nil, "gamma", "0.00390625"},
		{"gamma 1", watermark.GreenList{Gamma: 1, Delta: 2}, 10, nil, "gamma", "0.99609375"},
		{"negative gamma", watermark.GreenList{Gamma: -0.5, Delta: 2}, 10, nil, "gamma", "nearest"},
		{"gamma NaN", watermark.GreenList{Gamma: nan, Delta: 2}, 10, nil, "gamma", "nearest"},
		{"gamma Inf", watermark.GreenList{Gamma: inf, Delta: 2}, 10, nil, "gamma", "nearest"},
		{"gamma 1/512", watermark.GreenList{Gamma: 1.0 / 512, Delta: 2}, 10, nil, "gamma", "0.00390625"},
		{"delta 0", watermark.GreenList{Gamma: 0.5, Delta: 0}, 10, nil, "delta", "0"},
		{"negative delta", watermark.GreenList{Gamma: 0.5, Delta: -1}, 10, nil, "delta", "-1"},
		{"delta NaN", watermark.GreenList{Gamma: 0.5, Delta: nan}, 10, nil, "delta", "NaN"},
		{"delta Inf", watermark.GreenList{Gamma: 0.5, Delta: inf}, 10, nil, "delta", "Inf"},
		{"large delta", watermark.GreenList{Gamma: 0.5, Delta: 101}, 10, nil, "delta", "101"},
		{"negative width", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: -1}, 10, nil, "width", "-1"},
		{"large width", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 17}, 10, nil, "width", "17"},
		{"empty band", good, 10, []watermark.Option{watermark.Band{Lo: 5, Hi: 5, Selector: k}}, "band", "[5,5)"},
		{"negative band", good, 10, []watermark.Option{watermark.Band{Lo: -1, Hi: 5, Selector: k}}, "band", "[-1,5)"},
		{"band beyond the end", good, 10, []watermark.Option{watermark.Band{Lo: 0, Hi: 65537, Selector: k}}, "band", "65537"},
		{"band without a selector", good, 10, []watermark.Option{watermark.Band{Lo: 0, Hi: 5}}, "band", "selector"},
		{"lane 128", good, 10, []watermark.Option{watermark.Lane{Index: 128}}, "lane", "128"},
		{"negative lane", good, 10, []watermark.Option{watermark.Lane{Index: -1}}, "lane", "-1"},
		{"lane beyond gamma 1/4", watermark.GreenList{Gamma: 0.25, Delta: 1}, 10, []watermark.Option{watermark.Lane{Index: 64}}, "lane", "0 to 63"},
		{"mask without a context", watermark.GreenList{Gamma: 0.5, Delta: 1}, 10, []watermark.Option{watermark.MaskRepeats{}}, "mask", "width above 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.New(k, c.scheme, c.vocab, c.opts...)
			var param *watermark.ParamError
			require.ErrorAs(t, err, &param)
			assert.Equal(t, c.param, param.Param)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestEveryGammaIsExact(t *testing.T) {
	const vocab = 50_000
	for _, m := range []int{1, 3, 16, 64, 96, 128, 192, 255} {
		t.Run(fmt.Sprintf("%d of 256", m), func(t *testing.T) {
			gamma := float64(m) / 256
			mark := newMark(t, testKey(t), watermark.GreenList{Gamma: gamma, Delta: 1, Width: 1}, vocab)
			assert.Equal(t, gamma, mark.Law().(watermark.Bernoulli).P)
			green := 0
			for v := range Token(vocab) {
				if isGreen(mark, []Token{7}, v) {
					green++
				}
			}
			sd := math.Sqrt(vocab * gamma * (1 - gamma))
			assert.InDelta(t, vocab*gamma, green, 5*sd)
		})
	}
}

// TestProcessMaskAndScoreAgree checks the contract between generation and detection.
func TestProcessMaskAndScoreAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, gamma := range []float64{0.5, 0.25, 0.375, 65.0 / 256} {
		for _, width := range []int{0, 1, 2, 4, 5, 16} {
			for _, opt := range []watermark.Option{watermark.Lane{}, watermark.Lane{Group: 3, Index: 5}, watermark.Band{Selector: watermark.NewKey(), Lo: 100, Hi: 40000}} {
				vocab := 1 + rng.IntN(1000)
				m := newMark(t, watermark.NewKey(), watermark.GreenList{Gamma: gamma, Delta: 2, Width: width}, vocab, opt)
				context := make([]Token, rng.IntN(20))
				for i := range context {
					context[i] = rng.Int32N(1000)
				}
				row := make([]float32, vocab)
				m.Process(row, context)
				mask := make([]uint64, (vocab+63)/64)
				m.Mask(mask, context)
				for v := range vocab {
					score := m.Score(nil, []watermark.Pair{{Context: context, Token: Token(v)}})[0]
					green := score == 1
					require.Equal(t, green, row[v] == 2, "token %d", v)
					require.Equal(t, green, mask[v/64]>>(v%64)&1 == 1, "token %d", v)
				}
			}
		}
	}
}

func TestProcessOddRows(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, 100)
	context := []Token{1, 2}
	full := make([]float32, 100)
	m.Process(full, context)

	for n := range 100 {
		short := make([]float32, n)
		m.Process(short, context)
		assert.Equal(t, full[:n], short, "a row of %d", n)
	}
	padded := make([]float32, 130)
	m.Process(padded, context)
	assert.Equal(t, full, padded[:100])
	assert.Equal(t, make([]float32, 30), padded[100:], "padding is left alone")
	m.Process(nil, context)

	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	row := []float32{nan, inf, -inf, float32(math.Copysign(0, -1)), nan, inf, -inf}
	m.Process(row, context)
	for _, i := range []int{0, 4} {
		assert.True(t, math.IsNaN(float64(row[i])))
	}
	assert.Equal(t, []float32{inf, -inf}, row[1:3])
	assert.False(t, math.Signbit(float64(row[3])), "-0 becomes +0 or delta")
}

func TestContextsThatAreShortOrAbsent(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 3}, 1000)
	row := func(context ...Token) []float32 {
		r := make([]float32, 1000)
		m.Process(r, context)
		return r
	}
	assert.Equal(t, row(1, 2, 3), row(9, 9, 1, 2, 3), "only the last Width tokens count")
	assert.NotEqual(t, row(1, 2, 3), row(2, 3), "the start of a text is a context of its own")
	assert.Equal(t, row(2, 3), row(-1, 2, 3), "an id out of range is absent")
	assert.Equal(t, row(2, 3), row(1<<24-1, 2, 3))
	assert.Equal(t, row(), row(-5, 1<<30, -1))
	assert.NotEqual(t, row(1, 2, 3), row(1, 3, 2), "order counts")
	m.Process(make([]float32, 3), nil)
}

func TestMaskOddWords(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, 100)
	full := make([]uint64, 2)
	m.Mask(full, []Token{4})
	short, long := make([]uint64, 1), []uint64{1, 2, 3}
	m.Mask(short, []Token{4})
	m.Mask(long, []Token{4})
	assert.Equal(t, full[:1], short)
	assert.Equal(t, append(full[:2:2], 3), long, "words past the vocabulary are left alone")
	assert.Zero(t, full[1]>>36, "bits past the vocabulary are clear")
	m.Mask(nil, []Token{4})
}

func TestBandsSplitTheContexts(t *testing.T) {
	selector := testKey(t).Derive("selector")
	g := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	bands := []watermark.Band{{Selector: selector, Lo: 0, Hi: 32768}, {Selector: selector, Lo: 32768, Hi: 49152}, {Selector: selector, Lo: 49152, Hi: 65536}}
	var marks []*watermark.Mark
	for _, b := range bands {
		marks = append(marks, newMark(t, watermark.NewKey(), g, 64, b))
	}
	const contexts = 20_000
	counts := make([]int, len(bands))
	for i := range Token(contexts) {
		context := []Token{i, i * 7 % 64}
		owners := 0
		for b, m := range marks {
			row := make([]float32, 64)
			m.Process(row, context)
			in := m.Score(nil, []watermark.Pair{{Context: context, Token: 1}})[0] != watermark.NotScored
			if in {
				owners++
				counts[b]++
			} else {
				require.Equal(t, make([]float32, 64), row, "outside its band a mark changes nothing")
				mask := []uint64{1}
				m.Mask(mask, context)
				require.Zero(t, mask[0])
			}
		}
		require.Equal(t, 1, owners, "each context has one owner")
	}
	for b, share := range []float64{0.5, 0.25, 0.25} {
		sd := math.Sqrt(contexts * share * (1 - share))
		assert.InDelta(t, contexts*share, counts[b], 5*sd)
	}
}

func TestLanesShareAGroupAndNothingElse(t *testing.T) {
	k := testKey(t)
	g := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	base := newMark(t, k, g, 1024)
	other := newMark(t, k, g, 1024, watermark.Lane{Index: 5})
	group := newMark(t, k, g, 1024, watermark.Lane{Group: 1})
	context := []Token{3, 4}
	same := 0
	for v := range Token(1024) {
		require.Equal(t, isGreen(base, context, v^5), isGreen(other, context, v))
		if isGreen(base, context, v) == isGreen(group, context, v) {
			same++
		}
	}
	assert.InDelta(t, 512, same, 5*16)
}

func TestIDsNameWhatScoresDependOn(t *testing.T) {
	k, sel := testKey(t), watermark.NewKey()
	g := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}
	base := newMark(t, k, g, 100)
	assert.Equal(t, base.ID(), newMark(t, k, watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2}, 100).ID(), "delta changes no list")
	ids := map[string]bool{base.ID(): true}
	for _, m := range []*watermark.Mark{
		newMark(t, watermark.NewKey(), g, 100), newMark(t, k, g, 101),
		newMark(t, k, watermark.GreenList{Gamma: 0.25, Delta: 1, Width: 2}, 100),
		newMark(t, k, watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, 100),
		newMark(t, k, g, 100, watermark.Band{Selector: sel, Hi: 5}),
		newMark(t, k, g, 100, watermark.Band{Selector: sel, Hi: 6}),
		newMark(t, k, g, 100, watermark.Band{Selector: k, Hi: 6}),
		newMark(t, k, g, 100, watermark.Lane{Index: 1}), newMark(t, k, g, 100, watermark.Lane{Group: 1}),
	} {
		assert.False(t, ids[m.ID()], m.ID())
		ids[m.ID()] = true
	}
}

func TestPickWeighsGreenTokens(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1.5, Width: 1}, 50)
	ids := []Token{30, 4, 17, 49}
	probs := []float32{0.4, 0.3, 0.2, 0.1}
	const draws = 40_000
	for c := range Token(8) {
		weights := make([]float64, len(ids))
		var total float64
		for i, id := range ids {
			weights[i] = float64(probs[i])
			if isGreen(m, []Token{c}, id) {
				weights[i] *= math.Exp(1.5)
			}
			total += weights[i]
		}
		counts := make([]int, len(ids))
		for d := range draws {
			counts[m.Pick(ids, probs, []Token{c}, (float64(d)+0.5)/draws)]++
		}
		for i := range ids {
			assert.InDelta(t, weights[i]/total*draws, counts[i], 2, "context %d, id %d", c, ids[i])
		}
	}
}

func TestPickOddInput(t *testing.T) {
	nan := float32(math.NaN())
	for _, m := range []*watermark.Mark{
		newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, 50),
		newMark(t, testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, 50, watermark.Band{Selector: testKey(t), Hi: 1}),
	} {
		c := []Token{1}
		assert.Equal(t, -1, m.Pick(nil, nil, c, 0.5))
		assert.Equal(t, -1, m.Pick([]Token{1, 2}, []float32{0, nan}, c, 0.5))
		assert.Equal(t, -1, m.Pick([]Token{1}, nil, c, 0.5))
		for _, u := range []float64{-1, 0, 0.999999, 1, 2, math.NaN()} {
			assert.Equal(t, 1, m.Pick([]Token{1, 2, 3}, []float32{nan, 1, 0}, c, u), "u=%v", u)
			assert.Equal(t, 0, m.Pick([]Token{1, 2, 3}, []float32{1}, c, u), "u=%v", u)
		}
	}
}

func TestMarkIsSafeForConcurrentUse(t *testing.T) {
	m := newMark(t, testKey(t), watermark.GreenList{Gamma: 0.25, Delta: 1, Width: 5}, 3000, watermark.Band{Selector: testKey(t), Hi: 30000})
	want := make([]float32, 3000)
	m.Process(want, []Token{1, 2, 3, 4, 5})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				row := make([]float32, 3000)
				m.Process(row, []Token{Token(g), Token(i)})
				clear(row)
				m.Process(row, []Token{1, 2, 3, 4, 5})
				assert.Equal(t, want, row)
			}
		})
	}
	wg.Wait()
}
