package student

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// TestScanBoundsFromAbove: the p-values of a scan are never below the exact ones and not far above them.
// Small ones are exact.
func TestScanBoundsFromAbove(t *testing.T) {
	const vocab = 300
	rng := rand.New(rand.NewPCG(40, 40))
	set := &pairSet{countsPairs: true}
	var fixed []int64
	seen := map[[2]detect.Token]bool{}
	for range 400 {
		p := [2]detect.Token{rng.Int32N(40), rng.Int32N(vocab)}
		if seen[p] {
			continue
		}
		seen[p] = true
		set.pairs.add(detect.Pair{Context: []detect.Token{p[0]}, Token: p[1]})
		fixed = append(fixed, toFixed(rng.NormFloat64()*math.Abs(rng.NormFloat64())))
	}
	set.weighted = newWeightedSum(fixed)
	for _, c := range []struct {
		name  string
		gamma float64
		opts  []watermark.Option
	}{
		{"all contexts", 0.25, nil},
		{"a message", 0.5, []watermark.Option{watermark.Payload{Bits: 6, Message: 5}}},
		{"a band", 0.25, []watermark.Option{watermark.Band{Selector: decoyKey([16]byte{2}, 0), Lo: 100, Hi: 30000}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var scorers []detect.Scorer
			for i := range 40 {
				scheme := watermark.GreenList{Gamma: c.gamma, Delta: 1, Width: 1}
				m := testmark.Mark(t, decoyKey([16]byte{1}, i), scheme, vocab, c.opts...)
				scorers = append(scorers, m)
			}
			tests := set.scan(scorers)
			exact := 0
			for i, s := range scorers {
				one := set.test(s)
				require.Equal(t, one.pairs, tests[i].pairs)
				require.Equal(t, one.keyTally, tests[i].keyTally)
				require.Equal(t, one.bound, tests[i].residual)
				assert.GreaterOrEqual(t, tests[i].residual, one.residual-1e-12)
				assert.Less(t, tests[i].residual, one.residual+math.Log10(1.2))
				if one.residual < -1.2 {
					exact++
					assert.Equal(t, one.residual, tests[i].residual)
				}
			}
			assert.Positive(t, exact)
		})
	}
}

// TestScanOfSeveralBands has keys of several bands, and scorers that do not say theirs.
func TestScanOfSeveralBands(t *testing.T) {
	set := &pairSet{countsPairs: true}
	for i := range detect.Token(500) {
		set.pairs.add(detect.Pair{Context: []detect.Token{i % 250}, Token: i})
	}
	selector := decoyKey([16]byte{2}, 0)
	var scorers []detect.Scorer
	for i, b := range []watermark.Band{
		{Lo: 0, Hi: 60000, Selector: selector},
		{Lo: 0, Hi: 100, Selector: selector},
		{Lo: 100, Hi: 60000, Selector: selector},
		{Lo: 0, Hi: 60000, Selector: decoyKey([16]byte{2}, 1)},
		{Hi: watermark.BandSize},
		{Lo: 0, Hi: 60000, Selector: selector},
	} {
		m := testmark.Mark(t, decoyKey([16]byte{1}, i), watermark.GreenList{Gamma: 0.25, Delta: 1, Width: 1}, 500, b)
		scorers = append(scorers, m, bandless{m})
	}
	for i, x := range set.scan(scorers) {
		require.Equal(t, set.count(scorers[i], nil), x.keyTally)
		assert.Equal(t, set.test(scorers[i]).pairs, x.pairs)
	}
}

// bandless is a scorer that does not say its band.
type bandless struct{ m *watermark.Mark }

func (s bandless) ID() string                                     { return "bandless " + s.m.ID() }
func (s bandless) Width() int                                     { return s.m.Width() }
func (s bandless) Vocab() int                                     { return s.m.Vocab() }
func (s bandless) Law() watermark.Law                             { return s.m.Law() }
func (s bandless) Score(dst []int64, pairs []detect.Pair) []int64 { return s.m.Score(dst, pairs) }

// TestOntoLattice: signs, order, cuts and four digits.
func TestOntoLattice(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 41))
	fixed := make([]int64, 3000)
	for i := range fixed {
		fixed[i] = toFixed(math.Exp(3*rng.NormFloat64()) * float64(2*rng.IntN(2)-1))
	}
	fixed[7] = 0
	weights, l := ontoLattice(fixed)
	assert.Zero(t, weights[7])
	sum, most := 0.0, 0.0
	for i, w := range weights {
		real, whole := float64(fixed[i])/fixedOne, float64(w)*l.unit
		assert.GreaterOrEqual(t, real*whole, 0.0, "the sign")
		if math.Abs(real) < maxLattice*l.unit {
			assert.LessOrEqual(t, math.Abs(real-whole), l.unit/2+math.Abs(real)/16+1e-12, "%v", real)
		} else {
			assert.Equal(t, maxLattice*l.unit, math.Abs(whole))
		}
		sum += float64(w) * float64(w)
		most = max(most, float64(w)*float64(w))
	}
	assert.LessOrEqual(t, most/sum, 3600/2999.0)
	assert.Positive(t, l.clipped)
	// Another order, and another scale by a power of two, change nothing.
	other := make([]int64, len(fixed))
	for i := range other {
		other[i] = 16 * fixed[len(fixed)-1-i]
	}
	again, m := ontoLattice(other)
	for i := range again {
		assert.Equal(t, weights[len(fixed)-1-i], again[i])
	}
	assert.Equal(t, 16*l.unit, m.unit)
	nothing, l := ontoLattice([]int64{0, 0})
	assert.Equal(t, []int16{0, 0}, nothing)
	assert.Positive(t, l.unit)
	extreme, _ := ontoLattice([]int64{math.MaxInt64, -math.MaxInt64, 1})
	assert.Equal(t, int16(0), extreme[2])
	assert.Equal(t, -extreme[0], extreme[1])
}
