package interop_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/scorertest"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// nullProfiles has a profile of every scheme and of every kind of function.
var nullProfiles = []struct {
	text string
	slow bool // a score takes a permutation of torch
}{
	{`{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"vllm-dual-gumbel","width":4,"mixing":0.1,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sglang-gumbel","width":4,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sglang-dual-gumbel","width":4,"mixing":0.5,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sbw","preset":"gpu-fused-selfhash-fullvocab","vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sbw","preset":"gpu-simple_1","vocab":50257,"tokenizer":"none","gamma":0.25}`, false},
	{`{"isotope":1,"scheme":"sbw","preset":"gpu-minhash","vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sbw","preset":"gpu-skipgram","vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sbw","preset":"gpu-fused-simple_4","vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"sbw","preset":"selfhash","vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"hf-selfhash","width":4,"vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"kgw","preset":"simple_1","vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"kgw","preset":"selfhash","vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"kgw","preset":"minhash","vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"kgw","preset":"skipgram","vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"kgw","preset":"ff-minfunc_prf-4-False","vocab":1000,"tokenizer":"none","legacy":true}`, true},
	{`{"isotope":1,"scheme":"tgi","width":1,"vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"three-bricks-greenlist","width":4,"vocab":1000,"tokenizer":"none","message":7}`, true},
	{`{"isotope":1,"scheme":"three-bricks-gumbel","width":4,"vocab":1000,"tokenizer":"none"}`, true},
	{`{"isotope":1,"scheme":"textseal-greenlist","width":2,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"textseal-gumbel","width":2,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"textseal-dual","width":2,"mixing":0.5,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"synthid-hf","width":4,"depth":30,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"synthid-hf","width":4,"depth":9,"weighted":true,"vocab":50257,"tokenizer":"none"}`, false},
	{`{"isotope":1,"scheme":"synthid-deepmind","width":4,"depth":30,"vocab":50257,"tokenizer":"none"}`, false},
}

func name(p *interop.Profile) string {
	if p.Preset != "" {
		return p.Scheme + " " + p.Preset
	}
	return p.Scheme
}

// TestScorers runs each scheme through what package detect relies on.
func TestScorers(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range nullProfiles {
		p := parse(t, c.text)
		seen[p.Scheme] = true
		t.Run(name(p), func(t *testing.T) {
			s := randomKey(t, p, rand.New(rand.NewPCG(31, 32)))
			require.NoError(t, scorertest.Test(s))
		})
	}
	for _, scheme := range interop.Schemes() {
		require.True(t, seen[scheme], "no profile of %s", scheme)
	}
}

// nullLevels are the levels at which TestNullLaws counts p-values.
var nullLevels = [...]float64{0.5, 0.1, 0.01, 0.001}

// TestNullLaws: p-values of 1,000 unmarked texts for each profile are as the law says. The texts repeat
// tokens and short contexts, as texts do, and each has its own key. It takes some minutes, so fewer
// texts are tested without -interop.long.
func TestNullLaws(t *testing.T) {
	for _, c := range nullProfiles {
		p := parse(t, c.text)
		t.Run(name(p), func(t *testing.T) {
			texts, length := 1000, 1000
			if !*long {
				texts, length = 100, 300
			}
			if c.slow && testing.Short() {
				t.Skip("its lists take long")
			}
			rng := rand.New(rand.NewPCG(33, 34))
			var counts [len(nullLevels)]int64
			var scored int64
			for range texts {
				r, _ := measure(randomKey(t, p, rng), nil, testmark.Zipf(rng, length, p.Vocab))
				scored += r.Scored
				for l, level := range nullLevels {
					if r.Log10P <= math.Log10(level) {
						counts[l]++
					}
				}
			}
			n := int64(texts)
			require.Greater(t, scored, n*int64(length)/10)
			t.Logf("of %d texts with %d scored tokens, p is at most 0.5 in %d, 0.1 in %d, 0.01 in %d, 0.001 in %d",
				n, scored/n, counts[0], counts[1], counts[2], counts[3])
			for l, level := range nullLevels {
				assert.Greater(t, tail.Binomial(counts[l], n, level), -5.0, "%d p-values are at most %v", counts[l], level)
			}
			// A count is coarse, so fewer than half of its p-values can be at most 0.5.
			assert.Greater(t, tail.Binomial(n-counts[0], n, 0.6), -5.0, "only %d p-values are at most 0.5", counts[0])
		})
	}
}
