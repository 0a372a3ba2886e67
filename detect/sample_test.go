package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func TestSampleDoesNotDependOnOrderOrShards(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for _, width := range []int{1, 2, 6} {
		for _, size := range []int{1, 7, 100, 5000} {
			t.Run(fmt.Sprintf("width=%d size=%d", width, size), func(t *testing.T) {
				m := testmark.Green(t, watermark.NewKey(), width)
				o := &detect.Options{Sample: detect.Sample{Size: size, RunKey: detect.NewRunKey()}}
				fresh := func() *detect.Accumulator { return detect.NewAccumulator(m, o) }
				texts := make([][]Token, 20)
				for i := range texts {
					texts[i] = testmark.Uniform(rng, rng.IntN(150), 9)
				}
				prompt := testmark.Uniform(rng, 12, 9)
				whole := fresh()
				for _, text := range texts {
					whole.Add(text)
				}
				whole.Exclude(prompt)
				want := encode(t, whole)
				for range 5 {
					rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
					shards := []*detect.Accumulator{fresh(), fresh(), fresh()}
					shards[rng.IntN(3)].Exclude(prompt)
					for i, text := range texts {
						shard := shards[rng.IntN(3)]
						shard.Add(text)
						if i == 10 { // a restart in the middle
							require.NoError(t, shard.UnmarshalBinary(encode(t, shard)))
						}
					}
					merged := fresh()
					for _, i := range rng.Perm(3) {
						require.NoError(t, merged.Merge(shards[i]))
					}
					require.Equal(t, want, encode(t, merged))
				}
				r := whole.Result()
				require.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
				require.LessOrEqual(t, r.Scored, int64(size))
			})
		}
	}
}

func TestSampleOfEverythingIsEverything(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	m := testmark.Green(t, watermark.NewKey(), 1)
	all := detect.NewAccumulator(m, nil)
	full := detect.NewAccumulator(m, &detect.Options{Sample: detect.Sample{Size: 100_000, RunKey: detect.NewRunKey()}})
	text := testmark.Uniform(rng, 5000, vocab)
	all.Add(text)
	full.Add(text)
	assert.Equal(t, all.Result().Log10P, full.Result().Log10P, "a sample that keeps every pair changes nothing")
	assert.Zero(t, full.Result().Skipped.Sampled)

	sum := func() []byte {
		a := detect.NewAccumulator(m, &detect.Options{Sample: detect.Sample{Size: 50}})
		a.Add(text)
		assert.Equal(t, int64(50), a.Result().Scored)
		assert.Positive(t, a.Result().Skipped.Sampled)
		return encode(t, a)
	}
	assert.Equal(t, sum(), sum())
}

func TestSampleCountsExcludedPairs(t *testing.T) {
	m := testmark.Green(t, testmark.Key(0), 1)
	a := detect.NewAccumulator(m, &detect.Options{Sample: detect.Sample{Size: 10, RunKey: [16]byte{1}}})
	for i := range Token(500) {
		a.AddPair([]Token{i % 2}, i)
	}
	a.Exclude([]Token{0, 5})
	r := a.Result()
	assert.Less(t, r.Scored, int64(10), "excluded pairs take places in the sample")
	assert.Equal(t, int64(10), r.Scored+r.Skipped.Excluded)
}

func TestSamplesOutOfRange(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 1)
	for _, c := range []struct {
		name, says string
		o          detect.Options
	}{
		{"size below 0", "Sample.Size", detect.Options{Sample: detect.Sample{Size: -1}}},
		{"size too large", "Sample.Size", detect.Options{Sample: detect.Sample{Size: 1<<30 + 1}}},
		{"run key alone", "Sample.RunKey", detect.Options{Sample: detect.Sample{RunKey: [16]byte{1}}}},
		{"by context", "DedupPair", detect.Options{Sample: detect.Sample{Size: 5}, Dedup: detect.DedupContext}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, c.o.Check(), c.says)
			assert.Panics(t, func() { detect.NewAccumulator(m, &c.o) })
		})
	}
	a := detect.NewAccumulator(m, &detect.Options{Sample: detect.Sample{Size: 5}})
	b := detect.NewAccumulator(m, &detect.Options{Sample: detect.Sample{Size: 5, RunKey: detect.NewRunKey()}})
	assert.ErrorIs(t, a.Merge(b), detect.ErrMismatch)
	assert.ErrorIs(t, a.UnmarshalBinary(encode(t, b)), detect.ErrMismatch)
}

// TestNullOfSamples: a sample does not change the law of p-values.
func TestNullOfSamples(t *testing.T) {
	if testing.Short() {
		t.Skip("the null panel has a short form")
	}
	root := testmark.Key(4)
	const texts = 10_000
	rng := rand.New(rand.NewPCG(35, 36))
	depths := []float64{0.5, 0.1, 1e-2, 1e-3, 1e-4}
	counts, levels := make([]int64, len(depths)), make([]float64, len(depths))
	for i := range texts {
		m := testmark.Green(t, root.Derive(strconv.Itoa(i)), 1)
		a := detect.NewAccumulator(m, &detect.Options{
			Sample: detect.Sample{Size: 100, RunKey: [16]byte{byte(i), byte(i >> 8)}},
		})
		a.Add(testmark.Uniform(rng, 400, 40))
		r := a.Tested()
		require.Equal(t, int64(100), r.Scored)
		for d, alpha := range depths {
			if r.Log10P <= math.Log10(alpha) {
				counts[d]++
			}
			levels[d] += math.Pow(10, tail.Binomial(tail.BinomialCritical(100, 0.5, math.Log10(alpha)), 100, 0.5))
		}
	}
	for d, alpha := range depths {
		level := levels[d] / texts
		assert.Greater(t, tail.Binomial(counts[d], texts, level), -6.0, "too many p <= %v: %d", alpha, counts[d])
		assert.Greater(t, math.Log10(1-math.Pow(10, tail.Binomial(counts[d]+1, texts, level))), -6.0, "too few p <= %v: %d", alpha, counts[d])
	}
}

// TestSampleLosesPowerAsPredicted: a share f of the pairs has the z-score of all of them times sqrt(f),
// as in a binomial law.
func TestSampleLosesPowerAsPredicted(t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 38))
	const pairs, size, repeats = 4000, 1000, 40
	var whole, sampled float64
	for i := range repeats {
		m := testmark.Green(t, testmark.Key(uint64(i)), 1)
		all := detect.NewAccumulator(m, nil)
		some := detect.NewAccumulator(m, &detect.Options{Sample: detect.Sample{Size: size, RunKey: [16]byte{byte(i)}}})
		for n := int64(0); n < pairs; {
			context, token := []Token{rng.Int32N(vocab)}, rng.Int32N(vocab)
			// A tenth of the tokens is marked, and certainly green.
			if rng.IntN(10) == 0 {
				for m.Score(nil, []watermark.Pair{{Context: context, Token: token}})[0] == 0 {
					token = rng.Int32N(vocab)
				}
			}
			all.AddPair(context, token)
			some.AddPair(context, token)
			n++
		}
		whole += all.Result().Z / repeats
		sampled += some.Result().Z / repeats
	}
	// Standard error of a mean of 40 z-scores: 0.16.
	assert.InDelta(t, 0.1*math.Sqrt(pairs), whole, 0.8)
	assert.InDelta(t, whole*math.Sqrt(float64(size)/pairs), sampled, 0.8)
}
