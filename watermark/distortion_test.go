package watermark_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// drawsOf returns the number of draws in a test of distortion. ISOTOPE_DRAWS sets it, to 10000000
// for the full result; the default takes a moment.
func drawsOf(t *testing.T) int {
	text := os.Getenv("ISOTOPE_DRAWS")
	if text == "" {
		return 50_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// chiSquare returns the statistic of counts against probabilities and log10 of its p-value.
// There must be an odd number of cells, so that half the degrees of freedom are whole.
func chiSquare(t *testing.T, counts []int, probs []float64) (x, log10P float64) {
	t.Helper()
	require.Equal(t, 1, len(probs)%2)
	var n int
	var total float64
	for i, c := range counts {
		n += c
		total += probs[i]
	}
	for i, c := range counts {
		e := float64(n) * probs[i] / total
		require.Greater(t, e, 20.0, "cell %d expects too little", i)
		x += (float64(c) - e) * (float64(c) - e) / e
	}
	return x, tail.Gamma(int64(len(probs)/2), x/2)
}

// numbered returns a key for each number.
func numbered(t testing.TB, n uint64) watermark.Key {
	t.Helper()
	k, err := watermark.ParseKey(fmt.Sprintf("isotope-secret-key-1:%064x", n))
	require.NoError(t, err)
	return k
}

// contextOf returns the i-th of many different contexts.
func contextOf(dst []Token, i int) []Token {
	return append(dst[:0], Token(i%4096), Token(i/4096%4096), Token(i/4096/4096), 7)
}

var distortionSchemes = []namedScheme{
	{"gumbelmax", watermark.GumbelMax{Width: 4}},
	{"gumbelmax, two keys", watermark.GumbelMax{Width: 4, Dual: 0.25}},
	{"tournament, 30 layers", watermark.Tournament{Depth: 30, Width: 4}},
	{"tournament, 1 layer", watermark.Tournament{Depth: 1, Width: 4}},
	{"gumbelmax, width 5", watermark.GumbelMax{Width: 5}},
}

// distortionProbs contains large and small probabilities.
var distortionProbs = []float32{0.5, 0.25, 0.125, 0.0625, 0.03125, 0.0244140625, 0.0068359375}

// TestDrawsAreNotDistorted checks that a keyed draw gives each token the probability that the
// plain sampler gives it, over contexts.
func TestDrawsAreNotDistorted(t *testing.T) {
	for _, c := range distortionSchemes {
		t.Run(c.name, func(t *testing.T) {
			n := drawsOf(t)
			m := newMark(t, numbered(t, 1), c.scheme, 5000, watermark.Lane{Index: 3})
			rng := rand.New(rand.NewPCG(3, 3))
			ids := []Token{7, 4000, 2, 1000, 3, 31, 32}
			probs := make([]float64, len(ids))
			for i, p := range distortionProbs {
				probs[i] = float64(p)
			}
			marked, plain := make([]int, len(ids)), make([]int, len(ids))
			var context []Token
			for i := range n {
				context = contextOf(context, i)
				if i%1024 == 0 {
					m = m.Salted(uint32(i))
				}
				marked[m.Pick(ids, distortionProbs, context, rng.Float64())]++
				plain[plainDraw(distortionProbs, rng.Float64())]++
			}
			x, log10P := chiSquare(t, marked, probs)
			y, plainP := chiSquare(t, plain, probs)
			t.Logf("%d draws, 6 degrees of freedom: chi-square %.2f, p %.3g; plain sampler %.2f, p %.3g", n, x, math.Pow(10, log10P), y, math.Pow(10, plainP))
			assert.Greater(t, log10P, -6.0)
			assert.Greater(t, plainP, -6.0)
		})
	}
}

// TestLargerMatchesDistort checks that the test would see a distortion, by a tournament that
// distorts.
func TestLargerMatchesDistort(t *testing.T) {
	m := newMark(t, numbered(t, 1), watermark.Tournament{Depth: 5, Width: 4, Candidates: 4}, 5000)
	rng := rand.New(rand.NewPCG(8, 8))
	counts := make([]int, 3)
	var context []Token
	for i := range 20_000 {
		context = contextOf(context, i)
		counts[m.Pick([]Token{1, 2, 3}, []float32{0.75, 0.125, 0.125}, context, rng.Float64())]++
	}
	_, log10P := chiSquare(t, counts, []float64{0.75, 0.125, 0.125})
	assert.Less(t, log10P, -20.0)
	assert.Less(t, counts[0], 14_500, "it becomes flatter")
}

func plainDraw(probs []float32, u float64) int {
	var sum float64
	for i, p := range probs {
		if sum += float64(p); sum > u {
			return i
		}
	}
	return len(probs) - 1
}

// TestTextsAreNotDistorted checks that a whole text has the model's probability over keys,
// although contexts repeat. It would not have that if repeated contexts were marked too.
func TestTextsAreNotDistorted(t *testing.T) {
	// The model is of order 1 over three tokens. Texts of four tokens make 81 cells. A context is
	// one token, so most texts repeat one.
	model := [3][]float32{{0.5, 0.25, 0.25}, {0.25, 0.5, 0.25}, {0.125, 0.375, 0.5}}
	const length = 4
	probs := make([]float64, 81)
	for cell := range probs {
		p, last, rest := 1.0, 0, cell
		for range length {
			p *= float64(model[last][rest%3])
			last, rest = rest%3, rest/3
		}
		probs[cell] = p
	}
	ids := []Token{0, 1, 2}
	n := max(min(drawsOf(t)/length, 500_000), 25_000)
	write := func(t *testing.T, scheme watermark.Scheme, opts ...watermark.Option) []int {
		rng := rand.New(rand.NewPCG(4, 4))
		counts := make([]int, 81)
		for i := range n {
			s := newSequence(t, newMark(t, numbered(t, uint64(i)), scheme, 3, opts...))
			s.SetSalt(uint32(i))
			s.Reset([]Token{0})
			cell, last, place := 0, Token(0), 1
			for range length {
				last = ids[s.Pick(ids, model[last], rng.Float64())]
				s.Accept(last)
				cell += place * int(last)
				place *= 3
			}
			counts[cell]++
		}
		return counts
	}
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
	}{
		{"gumbelmax", watermark.GumbelMax{Width: 1}},
		{"gumbelmax, two keys", watermark.GumbelMax{Width: 1, Dual: 0.5}},
		{"tournament", watermark.Tournament{Depth: 6, Width: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, log10P := chiSquare(t, write(t, c.scheme), probs)
			t.Logf("%d texts, 80 degrees of freedom: chi-square %.1f, p %.3g", n, x, math.Pow(10, log10P))
			assert.Greater(t, log10P, -6.0)
			x, log10P = chiSquare(t, write(t, c.scheme, watermark.MarkRepeats{}), probs)
			t.Logf("without masking: chi-square %.1f, log10 p %.1f", x, log10P)
			assert.Less(t, log10P, -50.0)
		})
	}
}

// TestSpeculationIsNotDistorted checks that speculative decoding with two keys has the target's
// distribution, and accepts as often as without a mark.
func TestSpeculationIsNotDistorted(t *testing.T) {
	draftProbs := []float64{0.1, 0.4, 0.05, 0.2, 0.05, 0.15, 0.05}
	targetProbs := []float64{0.3, 0.2, 0.1, 0.2, 0.1, 0.04, 0.06}
	var overlap float64
	draft, target := watermark.Row{}, watermark.Row{}
	for i, p := range draftProbs {
		overlap += min(p, targetProbs[i])
		id := Token(100 + 7*i)
		draft.IDs, draft.Probs = append(draft.IDs, id), append(draft.Probs, float32(p))
		target.IDs, target.Probs = append(target.IDs, id), append(target.Probs, float32(targetProbs[i]))
	}
	dual := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 4, Dual: 0.5}, 5000)
	first, second, ok := dual.Halves()
	require.True(t, ok)
	tour := watermark.Tournament{Depth: 12, Width: 4}
	for _, c := range []struct {
		name  string
		marks [2]*watermark.Mark
	}{
		{"gumbelmax", [2]*watermark.Mark{first, second}},
		{"tournament", [2]*watermark.Mark{newMark(t, numbered(t, 2), tour, 5000), newMark(t, numbered(t, 3), tour, 5000)}},
		{"mixed", [2]*watermark.Mark{newMark(t, numbered(t, 2), tour, 5000), newMark(t, numbered(t, 3), watermark.GumbelMax{Width: 4}, 5000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := drawsOf(t)
			spec, err := watermark.NewSpeculation(c.marks[0], c.marks[1])
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(5, 5))
			counts, accepted := make([]int, len(draftProbs)), 0
			var context []Token
			for i := range n {
				context = contextOf(context, i)
				spec.Reset(context)
				proposed := spec.Draft(draft, rng.Float64())
				got, ok := spec.Verify(draft, target, proposed, rng.Float64(), rng.Float64())
				if ok {
					require.Equal(t, proposed, got)
					accepted++
				}
				counts[(got-100)/7]++
			}
			x, log10P := chiSquare(t, counts, targetProbs)
			rate := float64(accepted) / float64(n)
			z := (rate - overlap) / math.Sqrt(overlap*(1-overlap)/float64(n))
			t.Logf("%d tokens: chi-square %.2f, p %.3g; accepted %.5f against %.5f, z %.2f", n, x, math.Pow(10, log10P), rate, overlap, z)
			assert.Greater(t, log10P, -6.0)
			assert.Less(t, math.Abs(z), 4.9)
		})
	}
}

// TestOneKeyForBothModelsDistorts checks why NewSpeculation refuses one key for both models. The
// draw from the residual would depend on the rejected token.
func TestOneKeyForBothModelsDistorts(t *testing.T) {
	m := newMark(t, numbered(t, 1), watermark.GumbelMax{Width: 4}, 5000)
	draft, target := []float32{0.7, 0.2, 0.1}, []float32{0.2, 0.5, 0.3}
	ids, residual := []Token{1, 2, 3}, []float32{0, 0.3, 0.2}
	rng := rand.New(rand.NewPCG(6, 6))
	counts := make([]int, 3)
	var context []Token
	for i := range 300_000 {
		context = contextOf(context, i)
		d := m.Pick(ids, draft, context, 0)
		if rng.Float64()*float64(draft[d]) >= float64(target[d]) {
			d = m.Pick(ids, residual, context, 0)
		}
		counts[d]++
	}
	_, log10P := chiSquare(t, counts, []float64{0.2, 0.5, 0.3})
	assert.Less(t, log10P, -20.0)
}

// TestBandsDoNotSeeEachOther checks the scores of a mark that did not write a text, in text that
// another mark wrote. Over keys their mean and spread are those of chance.
func TestBandsDoNotSeeEachOther(t *testing.T) {
	trace := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	draw := watermark.GumbelMax{Width: 4}
	sampler := watermark.Sampler{Temperature: 1, TopK: 20}
	rng := rand.New(rand.NewPCG(7, 7))
	var green, exponential, square, marked, tokens float64
	logits := make([]float32, 50)
	for text := range uint64(150) {
		bias := newMark(t, numbered(t, 2*text), trace, 50)
		keyed := newMark(t, numbered(t, 2*text+1), draw, 50)
		other := newMark(t, numbered(t, 1<<40+text), draw, 50)
		otherBias := newMark(t, numbered(t, 1<<41+text), trace, 50)
		s := newSequence(t, bias, keyed)
		var out []Token
		for range 60 {
			for i := range logits {
				logits[i] = float32(rng.NormFloat64())
			}
			v := s.Sample(logits, sampler, rng.Float64())
			s.Accept(v)
			out = append(out, v)
		}
		for i := 4; i < len(out); i++ {
			pair := []watermark.Pair{{Context: out[i-4 : i], Token: out[i]}}
			green += float64(otherBias.Score(nil, pair)[0])
			e := float64(other.Score(nil, pair)[0]) / watermark.ScoreUnit
			exponential += e
			square += e * e
			marked += float64(keyed.Score(nil, pair)[0]) / watermark.ScoreUnit
			tokens++
		}
	}
	assert.InDelta(t, 0.5, green/tokens, 5*0.5/math.Sqrt(tokens)*2, "a green list sees chance") // few distinct pairs of width 2: twice as wide
	assert.InDelta(t, 1, exponential/tokens, 5/math.Sqrt(tokens))
	assert.InDelta(t, 2, square/tokens, 5*math.Sqrt(20/tokens))
	assert.Greater(t, marked/tokens, 1.5, "and its own key does not")
}
