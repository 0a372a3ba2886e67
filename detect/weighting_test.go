package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func randomWeights(rng *rand.Rand, n int) []uint8 {
	w := make([]uint8, n)
	for i := range w {
		w[i] = uint8(rng.IntN(detect.MaxWeight + 1))
	}
	return w
}

func TestWeightedSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	m := testmark.Green(t, watermark.NewKey(), 1)
	a := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
	text := rng.Perm(vocab)[:300]
	ids := make([]Token, len(text))
	for i, v := range text {
		ids[i] = Token(v)
	}
	weights := randomWeights(rng, len(ids))
	a.AddWeighted(ids, weights)
	r := a.Result()

	var sum, green, scored, zero, total, squares int64
	for i := 1; i < len(ids); i++ {
		w := int64(weights[i])
		if w == 0 {
			zero++
			continue
		}
		g := m.Score(nil, []watermark.Pair{{Context: ids[i-1 : i], Token: ids[i]}})[0]
		scored++
		green += g
		sum += w * g
		total += w
		squares += w * w
	}
	assert.Equal(t, sum, r.Sum)
	assert.Equal(t, green, r.Green)
	assert.Equal(t, scored, r.Scored)
	assert.Equal(t, zero, r.Skipped.Unweighted)
	assert.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
	assert.InDelta(t, (float64(sum)-float64(total)/2)/math.Sqrt(float64(squares)/4), r.Z, 1e-12)
	var groups []tail.Bernoulli
	for w, c := range r.Classes {
		if c.Scored > 0 {
			groups = append(groups, tail.Bernoulli{Weight: int64(w), Count: c.Scored, P: 0.5})
		}
	}
	assert.Equal(t, tail.WeightedBernoulli(groups, sum), r.Log10P)
	// MinSum is the smallest sum that is detected.
	assert.LessOrEqual(t, tail.WeightedBernoulli(groups, r.Power.MinSum), -6.0)
	assert.Greater(t, tail.WeightedBernoulli(groups, r.Power.MinSum-1), -6.0)
}

func TestEqualWeightsAreNoWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	m := testmark.Green(t, watermark.NewKey(), 2)
	text := testmark.Write(t, rng, 200, testmark.Flat, m)
	plain := detect.NewAccumulator(m, nil)
	plain.Add(text)
	want := plain.Result()
	for _, w := range []uint8{1, 7, detect.MaxWeight} {
		t.Run(fmt.Sprintf("weight=%d", w), func(t *testing.T) {
			a := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
			a.AddWeighted(text, slices.Repeat([]uint8{w}, len(text)))
			r := a.Result()
			assert.Equal(t, want.Log10P, r.Log10P)
			assert.Equal(t, want.Green, r.Green)
			assert.InDelta(t, want.Power.MinShare, r.Power.MinShare, 1e-9)
			assert.Equal(t, want.Verdict, r.Verdict)
		})
	}
	a := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
	a.AddWeighted(text, make([]uint8, len(text)))
	assert.Equal(t, detect.Inconclusive, a.Result().Verdict, "all weights 0 score nothing")
	assert.Zero(t, a.Result().Log10P)
}

func TestLargestWeightCounts(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 1)
	o := &detect.Options{Weighting: detect.WeightGiven}
	a, b, c := detect.NewAccumulator(m, o), detect.NewAccumulator(m, o), detect.NewAccumulator(m, o)
	a.AddWeighted([]Token{1, 2, 1, 2}, []uint8{0, 3, 0, 9})
	b.AddWeighted([]Token{1, 2, 1, 2}, []uint8{0, 9, 0, 3})
	assert.Equal(t, encode(t, a), encode(t, b))
	c.AddWeighted([]Token{1, 2}, []uint8{0, 3})
	d := detect.NewAccumulator(m, o)
	d.AddWeighted([]Token{1, 2}, []uint8{0, 9})
	require.NoError(t, c.Merge(d))
	assert.Equal(t, int64(1), c.Result().Classes[9].Scored)
}

func TestCountsWeigh(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 1)
	a := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightCounts})
	for i := range 20 {
		a.AddPair([]Token{1}, 2)
		if i < 4 {
			a.AddPair([]Token{1}, 3)
		}
	}
	a.AddPair([]Token{1}, 4)
	r := a.Result()
	for _, w := range []int{5, 3, 1} { // 20, 4 and 1 occurrences
		assert.Equal(t, int64(1), r.Classes[w].Scored, "weight %d", w)
	}
}

func TestWeightsOutOfRange(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 1)
	given := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
	panel := detect.NewPanel([]detect.Scorer{m}, &detect.Options{Weighting: detect.WeightGiven})
	for _, c := range []struct {
		name, says string
		add        func([]Token, []uint8)
		weights    []uint8
	}{
		{"too few", "detect: the number of weights differs from the number of tokens", given.AddWeighted, []uint8{1}},
		{"too few in a panel", "detect: the number of weights differs from the number of tokens", panel.AddWeighted, []uint8{1}},
		{"too large", "detect: a weight is above MaxWeight", given.AddWeighted, []uint8{1, 16}},
		{
			"not declared", "detect: weights need the Weighting WeightGiven",
			detect.NewAccumulator(m, nil).AddWeighted, []uint8{1, 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.PanicsWithValue(t, c.says, func() { c.add([]Token{1, 2}, c.weights) })
		})
	}
	panel.AddWeighted([]Token{1, 2}, []uint8{4, 5})
	assert.Equal(t, int64(1), panel.Results()[0].Classes[5].Scored)
}

// TestNullOfWeightedSums is TestNullPValuesAreUniform for weights that are functions of the text: given
// ones, and counts.
func TestNullOfWeightedSums(t *testing.T) {
	if testing.Short() {
		t.Skip("the null panel has a short form")
	}
	root := testmark.Key(3)
	for _, c := range []struct {
		name      string
		weighting detect.Weighting
	}{{"given", detect.WeightGiven}, {"counts", detect.WeightCounts}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const texts = 2000
			rng := rand.New(rand.NewPCG(25, 26))
			depths := []float64{0.5, 0.1, 1e-2, 1e-3}
			counts := make([]int64, len(depths))
			for i := range texts {
				scheme := watermark.GreenList{Gamma: []float64{0.5, 0.25}[i%2], Delta: 1, Width: 1}
				m := testmark.Mark(t, root.Derive(c.name, strconv.Itoa(i)), scheme, vocab)
				a := detect.NewAccumulator(m, &detect.Options{Weighting: c.weighting})
				text := testmark.Uniform(rng, 300, 12)
				if c.weighting == detect.WeightGiven {
					// The weights follow from the tokens, so the rule depends on the text alone.
					weights := make([]uint8, len(text))
					for j, v := range text {
						weights[j] = uint8(v)%4*3 + 1
					}
					a.AddWeighted(text, weights)
				} else {
					a.Add(text)
				}
				r := a.Tested()
				for d, alpha := range depths {
					if r.Log10P <= math.Log10(alpha) {
						counts[d]++
					}
				}
			}
			for d, alpha := range depths {
				t.Logf("p <= %v: %d of %d, promised %.0f", alpha, counts[d], texts, texts*alpha)
				assert.Greater(t, tail.Binomial(counts[d], texts, alpha), -6.0, "too many p <= %v: %d", alpha, counts[d])
				if alpha >= 0.1 {
					assert.Greater(t, float64(counts[d]), 0.7*texts*alpha, "too conservative")
				}
			}
		})
	}
}

func TestEntropyWeights(t *testing.T) {
	g := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	flat := make([]float32, 5000)
	peak := []float32{50, 0, 0, 0}
	assert.Equal(t, uint8(detect.MaxWeight), detect.EntropyWeight(flat, g))
	assert.Equal(t, uint8(detect.MaxWeight), detect.LinearEntropyWeight(flat, g))
	assert.Zero(t, detect.EntropyWeight(peak, g))
	assert.Zero(t, detect.LinearEntropyWeight(peak, g))
	// P = (.9, .1) at gamma 1/2, delta 2: the lower bound is 0.5521804020, published.
	row := []float32{float32(math.Log(0.9)), float32(math.Log(0.1))}
	odds := math.Exp(2.0)
	z := 0.5 * (odds - 1) / (1 + 0.5*(odds-1))
	assert.InDelta(t, 0.5521804020, 0.5*odds/(1+0.5*(odds-1))*detect.SpikeEntropy(row, z), 1e-7)
	logit := math.Log(0.5521804020 / (1 - 0.5521804020))
	assert.Equal(t, uint8(math.Round(logit/2*detect.MaxWeight)), detect.EntropyWeight(row, g))

	assert.Equal(t, uint8(1), detect.EntropyGate(row, 0.32))
	assert.Zero(t, detect.EntropyGate(row, 0.33), "its entropy is 0.325 nats")
	for _, c := range []struct {
		name string
		row  []float32
	}{
		{"empty", nil}, {"NaN", []float32{nan}}, {"impossible", []float32{-inf, -inf}},
		{"infinite", []float32{inf, 0}}, {"one possible", []float32{nan, 3, -inf}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Zero(t, detect.EntropyWeight(c.row, g))
			assert.Zero(t, detect.EntropyGate(c.row, 0.1))
		})
	}
	assert.Equal(t, detect.EntropyWeight([]float32{1, 1}, g), detect.EntropyWeight([]float32{inf, inf, 5, nan}, g))
}

// TestEntropyWeightsNeedLessText draws text in which most positions do not leave a choice. The weighted
// test must have a far smaller p-value on the same text.
func TestEntropyWeightsNeedLessText(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	g := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}
	m := testmark.Green(t, testmark.Key(0), 1)
	s := testmark.Sequence(t, m)
	var text []Token
	var weights []uint8
	for i := range 3000 {
		row := make([]float32, vocab)
		if i%10 > 0 {
			row[rng.IntN(vocab)] = 14
		}
		weights = append(weights, detect.EntropyWeight(row, g))
		next := s.Sample(row, watermark.Sampler{Temperature: 1}, rng.Float64())
		s.Accept(next)
		text = append(text, next)
	}
	plain, weighted := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
	plain.Add(text)
	weighted.AddWeighted(text, weights)
	assert.Less(t, weighted.Result().Log10P, plain.Result().Log10P-10)
}

// uniform is a Reference that finds all tokens equally likely.
type uniform struct{}

func (uniform) LogProb([]Token, Token) float64 { return -math.Log(vocab) }

// oracle is a Reference that expects one successor of each token.
type oracle struct{}

func (oracle) LogProb(context []Token, next Token) float64 {
	if len(context) > 0 && next == (context[len(context)-1]+1)%10 {
		return math.Log(0.99)
	}
	return math.Log(0.01 / vocab)
}

func TestResidualWeights(t *testing.T) {
	texts := [][]Token{{1, 2, 1, 3, 1, 2}, {1, 2}}
	w := detect.ResidualWeights(texts, nil, 1, oracle{})
	// After 1 the oracle expects 2 with 0.99. 2 came 3 times in 4, and 3 once.
	assert.Equal(t, [][]uint8{{0, 0, 4, 4, 4, 0}, {0, 0}}, w)
	w = detect.ResidualWeights(texts, [][]Token{{9}}, 1, uniform{})
	assert.Equal(t, [][]uint8{{0, 12, 4, 4, 4, 12}, {0, 12}}, w, "without a reference it is the count")
	assert.Equal(t, [][]uint8{{}}, detect.ResidualWeights([][]Token{{}}, nil, 3, uniform{}))
}
