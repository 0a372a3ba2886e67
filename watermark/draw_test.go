package watermark

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/prf"
)

func drawKey(t testing.TB, label string) Key {
	t.Helper()
	k, err := ParseKey("isotope-secret-key-1:0000000000000000000000000000000000000000000000000000000000000001")
	require.NoError(t, err)
	return k.Derive(label)
}

func drawMark(t testing.TB, label string, s Scheme, vocab int, opts ...Option) *Mark {
	t.Helper()
	m, err := New(drawKey(t, label), s, vocab, opts...)
	require.NoError(t, err)
	return m
}

// TestGumbelTiesGoToTheLowerID uses the numerators of q as weights, which makes all q equal to 1.
// The lower id wins, wherever it is in the list.
func TestGumbelTiesGoToTheLowerID(t *testing.T) {
	m := drawMark(t, "ties", GumbelMax{Width: 2}, 1000)
	g := m.bound.(*gumbelMax)
	var s scratch
	weight := func(id Token) float64 { return numerator(g.first.number(&s.Scratch, uint32(id))) }
	for i := range Token(200) {
		g.setContext(&s, []Token{i, 7})
		low, high := candidate{id: 5 + i, weight: weight(5 + i)}, candidate{id: 300 + i, weight: weight(300 + i)}
		assert.Equal(t, 0, g.choose(&s, []candidate{low, high}, 0, 0))
		assert.Equal(t, 1, g.choose(&s, []candidate{high, low}, 0, 0))
		high.weight = math.Nextafter(high.weight, math.Inf(1))
		assert.Equal(t, 1, g.choose(&s, []candidate{low, high}, 0, 0), "a little more is more")
	}
}

// TestNumerators checks the smallest and the largest numerator.
func TestNumerators(t *testing.T) {
	assert.Equal(t, 1.0, numerator(math.MaxUint64), "U+1 = 2^64")
	assert.Equal(t, 1.0, numerator(math.MaxUint64-1), "a logarithm below a step")
	assert.Equal(t, 6243314768165359.0, numerator(0), "2 floor(2^46 64 ln 2) + 1, below 2^53")
	assert.Equal(t, float64(2*prf.NegLog(1<<63, 46)+1), numerator(1<<63-1), "U+1 = 2^63")
	assert.NotEqual(t, numerator(1), numerator(0))
}

// TestGumbelChoosesTheLeast compares the draw with one in floating point, which agrees except
// where two tokens are close.
func TestGumbelChoosesTheLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, lane := range []int{0, 9} {
		m := drawMark(t, "least", GumbelMax{Width: 3}, 5000, Lane{Index: lane})
		g := m.bound.(*gumbelMax)
		var s scratch
		for range 3000 {
			context := []Token{rng.Int32N(5000), rng.Int32N(5000), rng.Int32N(5000)}
			list := make([]candidate, 1+rng.IntN(30))
			for i := range list {
				list[i] = candidate{id: Token(rng.IntN(100) + 100*i), weight: math.Exp(4 * rng.NormFloat64())}
			}
			g.setContext(&s, context)
			least, want, second := math.Inf(1), -1, math.Inf(1)
			for i, c := range list {
				u := (float64(g.first.number(&s.Scratch, uint32(c.id)^uint32(lane))) + 0.5) / 0x1p64
				q := -math.Log(u) / c.weight
				if q < least {
					least, want, second = q, i, least
				} else {
					second = min(second, q)
				}
			}
			if second-least > 1e-9*least {
				require.Equal(t, want, g.choose(&s, list, 0, 0))
			}
		}
	}
}

// TestScoresAreDominated checks that a score exceeds a bound at most as often as an exponential
// variable: at most 2^64 e^-s numbers score s or more.
func TestScoresAreDominated(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, s := range []uint64{1, 2, 1 << 20, 1 << 32, 40 << 32, prf.NegLog(3, 32), prf.NegLog(2, 32), prf.NegLog(1, 32), rng.Uint64N(44 << 32), rng.Uint64N(44 << 32)} {
		low, high := uint64(1), uint64(math.MaxUint64) // the largest n = 2^64-U, 1 or more, with a score of s or more
		for low < high {
			mid := low + (high-low+1)/2
			if prf.NegLog(mid, 32) >= s {
				low = mid
			} else {
				high = mid - 1
			}
		}
		require.Positive(t, low)
		assert.EqualValues(t, prf.NegLog(low, 32), scoreOf(-low))
		ln := math.Log(float64(low)) - 64*math.Ln2 // of the probability
		x := float64(s) / ScoreUnit
		assert.LessOrEqual(t, ln, -x+1e-13*x+1e-15, "score %d", s)
		if low > 1<<40 {
			assert.InDelta(t, -x, ln, 3e-10, "score %d", s)
		}
	}
	assert.Zero(t, prf.NegLog(0, 32), "U of 0 scores 0")
	assert.Equal(t, uint64(190530846196), scoreOf(math.MaxUint64), "64 ln 2")
}

// TestTournamentIsATournament plays tournaments in full, with all their matches, and compares
// their law with what settle computes.
func TestTournamentIsATournament(t *testing.T) {
	probs := []float64{0.4, 0.3, 0.2, 0.1}
	for _, params := range []Tournament{{Depth: 1, Width: 1}, {Depth: 2, Width: 1}, {Depth: 2, Width: 1, Candidates: 3}, {Depth: 1, Width: 1, Candidates: 5}, {Depth: 3, Width: 1}} {
		m := drawMark(t, "tournament", params, 100)
		tour := m.keyed.(*tournament)
		n := tour.params.Candidates
		for c := range Token(6) {
			var s scratch
			tour.setContext(&s, []Token{c})
			list := make([]candidate, len(probs))
			bits := make([]uint32, len(probs))
			for i, p := range probs {
				list[i] = candidate{id: Token(10 + i), weight: p}
				bits[i] = tour.bits(&s.Scratch, uint32(10+i))
			}
			tour.settle(&s, list, 0)
			// The law of a match's winner, by enumerating its candidates, layer by layer.
			law := append([]float64(nil), probs...)
			for l := range params.Depth {
				next := make([]float64, len(law))
				var match func(of []int, p float64)
				match = func(of []int, p float64) {
					if len(of) == n {
						var best []int
						for _, i := range of {
							switch {
							case len(best) == 0 || bits[i]>>l&1 > bits[best[0]]>>l&1:
								best = []int{i}
							case bits[i]>>l&1 == bits[best[0]]>>l&1:
								best = append(best, i)
							}
						}
						for _, i := range best {
							next[i] += p / float64(len(best))
						}
						return
					}
					for i, q := range law {
						match(append(of[:len(of):len(of)], i), p*q)
					}
				}
				match(nil, 1)
				law = next
			}
			for i := range law {
				assert.InDelta(t, law[i], list[i].weight, 1e-12, "%+v context %d token %d", params, c, i)
			}
		}
	}
}

func TestLayerWeights(t *testing.T) {
	for m := 1; m <= MaxDepth; m++ {
		w := Layers{Depth: m, Weighted: true}.Weights()
		require.Len(t, w, m)
		if m == 1 {
			assert.Equal(t, []int64{1}, w)
			continue
		}
		var divisor int64
		for l := range w {
			// In proportion to linspace(10, 1, m).
			assert.Equal(t, w[0]*int64(10*(m-1)-9*l), w[l]*int64(10*(m-1)), "depth %d layer %d", m, l)
			a, b := divisor, w[l]
			for b != 0 {
				a, b = b, a%b
			}
			divisor = a
		}
		assert.EqualValues(t, 1, divisor, "depth %d: in lowest terms", m)
	}
	assert.Equal(t, []int64{1, 1, 1}, Layers{Depth: 3}.Weights())
	assert.EqualValues(t, 290, Layers{Depth: 30, Weighted: true}.Weights()[0])
	assert.EqualValues(t, 29, Layers{Depth: 30, Weighted: true}.Weights()[29])
}

// TestExtremeWeights checks that underflow and overflow still end in a draw.
func TestExtremeWeights(t *testing.T) {
	g := drawMark(t, "extreme", GumbelMax{Width: 1}, 100)
	tour := drawMark(t, "extreme", Tournament{Depth: 32, Width: 1, Candidates: 16}, 100)
	for _, m := range []*Mark{g, tour} {
		for c := range Token(50) {
			context := []Token{c}
			assert.Equal(t, 1, m.Pick([]Token{3, 4}, []float32{0, 1e-45}, context, 0.5))
			assert.Contains(t, []int{0, 1}, m.Pick([]Token{3, 4}, []float32{1e-45, 1e-45}, context, 0.5))
			assert.Contains(t, []int{0, 1}, m.Pick([]Token{3, 4}, []float32{math.MaxFloat32, math.MaxFloat32}, context, 0.999))
			assert.Equal(t, 1, m.Pick([]Token{3, 4}, []float32{1e-45, math.MaxFloat32}, context, 0.5))
			assert.Equal(t, 2, m.Pick([]Token{3, 4, 5}, []float32{float32(math.NaN()), float32(math.Inf(1)), 1}, context, 0.5))
			assert.Equal(t, -1, m.Pick([]Token{3, 4}, []float32{-1, 0}, context, 0.5))
			assert.Equal(t, -1, m.Pick(nil, nil, context, 0.5))
			assert.Equal(t, 0, m.Pick([]Token{3, 4}, []float32{1}, context, 0.5), "an id without a probability")
		}
	}
}
