package interop_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// TestEnginesPValues compares the p-value that each program reported with the exact one. Programs
// that use the exact law agree. The others are off by what docs/interop.md says.
func TestEnginesPValues(t *testing.T) {
	for _, c := range []struct {
		file, scheme string
		// within bounds |log10 p - the engine's| for schemes with the exact law.
		within float64
		// low and high bound log10 of the engine's p-value over the exact one, where the engine
		// approximates, over the vectors.
		low, high float64
	}{
		{file: "vllm", scheme: "vllm-gumbel", within: 1e-5},
		{file: "sglang", scheme: "sglang-gumbel", within: 1e-6},
		{file: "sglang", scheme: "sglang-dual-gumbel", within: 1e-6},
		{file: "three-bricks", scheme: "three-bricks-gumbel", within: 2e-3},    // float32 sums
		{file: "three-bricks", scheme: "three-bricks-greenlist", within: 3e-3}, // single precision,
		{file: "textseal", scheme: "textseal-gumbel", within: 2e-3},            // float32 sums
		{file: "vllm", scheme: "vllm-dual-gumbel", low: -6, high: 0.1},
		{file: "textseal", scheme: "textseal-dual", low: -2, high: 0.1},
		{file: "textseal", scheme: "textseal-greenlist", low: -0.6, high: 0},
		{file: "hf", scheme: "hf-lefthash", low: -12, high: 0.5},
		{file: "hf", scheme: "hf-selfhash", low: -12, high: 0.5},
		{file: "kgw", scheme: "kgw", low: -12, high: 0.2},
		{file: "sbw", scheme: "sbw", low: -12, high: 1.5},
	} {
		t.Run(c.scheme, func(t *testing.T) {
			low, high, n := math.Inf(1), math.Inf(-1), 0
			for _, v := range readCases(t, c.file) {
				s := v.bind(t)
				if s.Profile().Scheme != c.scheme {
					continue
				}
				var engine float64
				switch {
				case v.P != nil && *v.P > 1e-190:
					engine = math.Log10(*v.P)
				case v.LogP != nil:
					engine = *v.LogP / math.Ln10
				default:
					continue
				}
				var r detect.Result
				if v.Unit == "ngram" && s.Profile().Dedup == interop.DedupPair {
					r, _ = measure(windows{s}, v.Prompt, v.Tokens)
				} else {
					r, _ = measure(s, v.Prompt, v.Tokens)
				}
				d := engine - r.Log10P
				low, high, n = min(low, d), max(high, d), n+1
				if c.within > 0 {
					require.InDelta(t, r.Log10P, engine, c.within*max(1, -r.Log10P), "%s %s", v.Profile, v.What)
				}
			}
			require.Greater(t, n, 1)
			t.Logf("log10 of the engine's p-value over the exact one: %.2g to %.2g over %d texts", low, high, n)
			if c.within == 0 {
				assert.GreaterOrEqual(t, low, c.low)
				assert.LessOrEqual(t, high, c.high)
				assert.Less(t, low, -1e-3, "the engine's formula is an approximation")
			}
		})
	}
}

// TestNormalTailsAreTooSmall: the p-value of HF, KGW and SBW at 4 and at 5 standard deviations.
func TestNormalTailsAreTooSmall(t *testing.T) {
	for _, c := range []struct {
		n      int64
		z      float64
		factor float64 // exact over normal, at least
	}{{25, 4, 5}, {50, 4, 3.5}, {200, 4, 2}, {1000, 4, 1.4}, {50, 5, 10}, {200, 5, 4}, {1000, 5, 1.9}} {
		t.Run(fmt.Sprintf("%d tokens, z %v", c.n, c.z), func(t *testing.T) {
			const gamma = 0.25
			n := float64(c.n)
			k := int64(math.Ceil(n*gamma + c.z*math.Sqrt(n*gamma*(1-gamma))))
			z := (float64(k) - n*gamma) / math.Sqrt(n*gamma*(1-gamma))
			factor := math.Pow(10, tail.Binomial(k, c.n, gamma)-tail.Normal(z))
			t.Logf("z %.2f: the exact p-value is %.1f times the engine's", z, factor)
			assert.Greater(t, factor, c.factor)
		})
	}
}

// TestDualMomentMatch: vLLM and textseal match the moments of the sum of two keys' scores with a
// gamma law. At an exact p-value of 1e-6 theirs is smaller.
func TestDualMomentMatch(t *testing.T) {
	for _, c := range []struct{ alpha, low, high float64 }{{0.1, 0.6, 0.85}, {0.2, 0.5, 0.8}, {0.5, 0.999, 1.001}} {
		t.Run(fmt.Sprint(c.alpha), func(t *testing.T) {
			const n = 50
			exact := func(s float64) float64 {
				return tail.WeightedExponential([]tail.Exponential{{Weight: 1 - c.alpha, Count: n}, {Weight: c.alpha, Count: n}}, s)
			}
			lo, hi := 50.0, 200.0
			for range 60 {
				if mid := (lo + hi) / 2; exact(mid) > -6 {
					lo = mid
				} else {
					hi = mid
				}
			}
			v := (1-c.alpha)*(1-c.alpha) + c.alpha*c.alpha
			factor := gammaTail(n/v, lo/v) / 1e-6
			t.Logf("alpha %v: an exact p-value of 1e-6 is reported as %.2g", c.alpha, factor*1e-6)
			assert.Greater(t, factor, c.low)
			assert.Less(t, factor, c.high)
		})
	}
}

// gammaTail returns P(Gamma(shape, 1) >= x) for x above the mean, by Legendre's continued
// fraction.
func gammaTail(shape, x float64) float64 {
	b := x + 1 - shape
	c := 1e300
	d := 1 / b
	h := d
	for i := 1.0; i < 2000; i++ {
		a := -i * (i - shape)
		b += 2
		d = 1 / (a*d + b)
		c = b + a/c
		h *= d * c
	}
	lg, _ := math.Lgamma(shape)
	return h * math.Exp(-x+shape*math.Log(x)-lg)
}

// TestRepeatsAreNotEvidence: text without a mark that repeats itself has a p-value far below the
// exact one where every position counts, as in HF's detector by default.
func TestRepeatsAreNotEvidence(t *testing.T) {
	profile := func(dedup string) *interop.Profile {
		p, err := interop.ParseProfile([]byte(`{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none","dedup":"` + dedup + `"}`))
		require.NoError(t, err)
		return p
	}
	var text []watermark.Token
	for i := range 600 {
		text = append(text, watermark.Token(i%30*7))
	}
	worst := map[string]float64{}
	for _, dedup := range []string{interop.DedupNone, interop.DedupPair} {
		for key := range uint64(200) {
			k, err := interop.NewKey(1e15 + key*7919)
			require.NoError(t, err)
			s, err := profile(dedup).Bind(k)
			require.NoError(t, err)
			r, _ := measure(s, nil, text)
			worst[dedup] = min(worst[dedup], r.Log10P)
		}
	}
	t.Logf("smallest log10 p under 200 keys: %v", worst)
	assert.Less(t, worst[interop.DedupNone], -20.0)
	assert.Greater(t, worst[interop.DedupPair], -5.0)
}

// TestWindowsAreNotEvidence: programs count each distinct window once. Where several windows give one
// seed, a coin then counts several times, and text without a mark has p-values far too small. Each
// (seed, token) counts once under DedupPair, which is as the law says.
func TestWindowsAreNotEvidence(t *testing.T) {
	const texts, length, ids = 60, 4000, 1000
	for _, c := range []struct {
		fields string
		share  float64 // of clean texts with p of at most 1e-3 by windows, at least
	}{
		{`"scheme":"sbw","preset":"gpu-selfhash","vocab":50257`, 0.1},
		{`"scheme":"sbw","preset":"gpu-minhash","vocab":50257`, 0.02},
		{`"scheme":"kgw","preset":"selfhash","vocab":1000`, 0.1},
	} {
		p := parse(t, `{"isotope":1,"tokenizer":"none",`+c.fields+`}`)
		t.Run(name(p), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(35, 36))
			var byWindow, byInput int64
			least := 0.0
			for range texts {
				s, text := randomKey(t, p, rng), testmark.Zipf(rng, length, ids)
				r, _ := measure(windows{s}, nil, text)
				if r.Log10P <= -3 {
					byWindow++
				}
				least = min(least, r.Log10P)
				if r, _ = measure(s, nil, text); r.Log10P <= -3 {
					byInput++
				}
			}
			t.Logf("of %d clean texts, p is at most 1e-3 in %d by windows (log10 p down to %.1f), and in %d by inputs", texts, byWindow, least, byInput)
			assert.Greater(t, float64(byWindow)/texts, c.share)
			assert.Greater(t, tail.Binomial(byInput, texts, 1e-3), -5.0)
		})
	}
}

// TestTextSealKeysAreRelated: text that one key of textseal marked is found with another key, with a
// p-value that no floor of the program caps. The keys are those of its examples.
func TestTextSealKeysAreRelated(t *testing.T) {
	bind := func(key uint64) interop.Scorer {
		k, err := interop.NewKey(key)
		require.NoError(t, err)
		s, err := parse(t, `{"isotope":1,"scheme":"textseal-gumbel","width":1,"vocab":50257,"tokenizer":"none"}`).Bind(k)
		require.NoError(t, err)
		return s
	}
	text := stronglyMarked(bind(42), rand.New(rand.NewPCG(37, 38)), 1000)
	least := map[uint64]float64{}
	for _, other := range []uint64{8775, 1378} {
		s := bind(other)
		r, _ := measure(s, nil, text)
		least[other] = r.Log10P
		assert.Equal(t, -2.5, s.Limits().Floor, "nothing smaller is claimed")
	}
	t.Logf("log10 p of text of key 42 under other keys: %v", least)
	assert.Less(t, least[8775], -12.0)
}
