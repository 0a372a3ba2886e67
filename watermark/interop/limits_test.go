package interop_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// long runs the tests of this package at their full size, which takes half an hour.
var long = flag.Bool("interop.long", false, "run the long tests")

func parse(t testing.TB, text string) *interop.Profile {
	t.Helper()
	p, err := interop.ParseProfile([]byte(text))
	require.NoError(t, err, text)
	return p
}

// randomKey returns the scorer under a key of 63-bit numbers.
func randomKey(t testing.TB, p *interop.Profile, rng *rand.Rand) interop.Scorer {
	t.Helper()
	numbers := make([]uint64, p.Numbers())
	for i := range numbers {
		numbers[i] = rng.Uint64() >> 1
		if p.Scheme == "tgi" {
			numbers[i] >>= 24
		}
	}
	k, err := interop.NewKey(numbers...)
	require.NoError(t, err)
	s, err := p.Bind(k)
	require.NoError(t, err)
	return s
}

// stronglyMarked writes n tokens, each the best of 8 drawn ones.
func stronglyMarked(s interop.Scorer, rng *rand.Rand, n int) []watermark.Token {
	text := testmark.Zipf(rng, s.Width(), s.Profile().Vocab/2)
	for len(text) < n {
		best, token := int64(math.MinInt64), watermark.Token(0)
		for _, c := range testmark.Zipf(rng, 8, s.Profile().Vocab/2) {
			if v := s.Score(nil, []watermark.Pair{{Context: text[len(text)-s.Width():], Token: c}})[0]; v > best {
				best, token = v, c
			}
		}
		text = append(text, token)
	}
	return text
}

// spread returns the standard deviation of z over random keys, and the share of p-values of at
// most 0.01, for the texts that make returns.
func spread(t *testing.T, p *interop.Profile, rng *rand.Rand, texts, keys int, write func() []watermark.Token) (sd float64, low int64) {
	var squares float64
	for range texts {
		text := write()
		for range keys {
			s := randomKey(t, p, rng)
			a := detect.NewAccumulator(s, nil)
			a.Add(s.Frame(nil, text).Tokens)
			r := a.Result()
			squares += r.Z * r.Z
			if r.Log10P <= -2 {
				low++
			}
		}
	}
	return math.Sqrt(squares / float64(texts*keys)), low
}

// TestKeysAreNotIndependent measures the limits of functions with few values. A text that a key
// marked is tested under random keys. The z-scores spread more than they should for functions that
// have a floor, and not for the others. Text without a mark has the right spread for all.
func TestKeysAreNotIndependent(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	texts, keys := 4, 100
	if *long {
		texts, keys = 12, 1000
	}
	for _, c := range []struct {
		profile   string
		low, high float64 // standard deviation of z of marked text
	}{
		{`{"isotope":1,"scheme":"textseal-gumbel","width":1,"vocab":50257,"tokenizer":"none"}`, 1.1, 2},
		{`{"isotope":1,"scheme":"textseal-greenlist","width":1,"vocab":50257,"tokenizer":"none"}`, 1.1, 2},
		{`{"isotope":1,"scheme":"textseal-dual","width":2,"mixing":0.5,"vocab":50257,"tokenizer":"none"}`, 1.0, 2},
		{`{"isotope":1,"scheme":"synthid-hf","width":4,"depth":30,"vocab":50257,"tokenizer":"none"}`, 0.85, 1.2},
		{`{"isotope":1,"scheme":"synthid-deepmind","width":4,"depth":30,"vocab":50257,"tokenizer":"none"}`, 1.2, 3},
		{`{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":50257,"tokenizer":"none"}`, 0.9, 1.1},
		{`{"isotope":1,"scheme":"sglang-gumbel","width":4,"vocab":50257,"tokenizer":"none"}`, 0.9, 1.1},
		{`{"isotope":1,"scheme":"sbw","preset":"gpu-fused-selfhash","vocab":50257,"tokenizer":"none"}`, 0.9, 1.1},
	} {
		p := parse(t, c.profile)
		t.Run(p.Scheme, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(21, 22))
			marked, markedLow := spread(t, p, rng, texts, keys, func() []watermark.Token {
				return stronglyMarked(randomKey(t, p, rng), rng, 1000)
			})
			plain, plainLow := spread(t, p, rng, texts, keys, func() []watermark.Token { return testmark.Zipf(rng, 1000, 25000) })
			n := int64(texts * keys)
			t.Logf("%d keys and texts: marked text sd(z) %.3f, p <= 0.01 %d; unmarked text sd(z) %.3f, p <= 0.01 %d", n, marked, markedLow, plain, plainLow)
			assert.Greater(t, marked, c.low)
			assert.Less(t, marked, c.high)
			assert.InDelta(t, 1, plain, 0.12)
			assert.Greater(t, tail.Binomial(plainLow, n, 0.01), -6.0)
			limits := randomKey(t, p, rng).Limits()
			few := strings.HasPrefix(p.Scheme, "textseal") || strings.HasPrefix(p.Scheme, "synthid")
			assert.Equal(t, few, limits.Floor > math.Inf(-1))
			assert.Equal(t, few, len(limits.Warnings) > 0)
		})
	}
}
