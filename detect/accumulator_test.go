package detect_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

type Token = watermark.Token

const vocab = testmark.Vocab

func encode(t testing.TB, a *detect.Accumulator) []byte {
	t.Helper()
	b, err := a.MarshalBinary()
	require.NoError(t, err)
	return b
}

func TestMarkedAndUnmarked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := testmark.Green(t, testmark.Key(0), 2)
	marked, plain := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, nil)
	marked.Add(testmark.Write(t, rng, 400, testmark.Flat, m))
	plain.Add(testmark.Uniform(rng, 400, vocab))

	r := marked.Result()
	assert.Equal(t, detect.Detected, r.Verdict)
	assert.Less(t, r.Log10P, -30.0)
	assert.Equal(t, r.Log10P, r.Log10PAdjusted)
	assert.Equal(t, m.ID(), r.Mark)
	assert.Contains(t, r.Warnings, detect.ErrKeySpace)
	assert.InDelta(t, (float64(r.Green)-float64(r.Scored)/2)/math.Sqrt(float64(r.Scored)/4), r.Z, 1e-12)

	r = plain.Result()
	assert.NotEqual(t, detect.Detected, r.Verdict)
	assert.Greater(t, r.Log10P, -6.0)
	assert.Empty(t, r.Warnings)
	assert.Contains(t, r.String(), "log10p=")
}

// TestCounts has one text in which every position has a known reason.
func TestCounts(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 2)
	a := detect.NewAccumulator(m, &detect.Options{Exempt: []Token{77}})
	a.Exclude([]Token{8, 9})
	a.Add([]Token{
		1, 2, // short
		3,    // (1 2) 3 scored
		1, 2, // (2 3) 1 and (3 1) 2 scored
		3,         // duplicate
		77,        // (2 3) 77 exempt
		8,         // (3 77) 8 scored: 77 is context all the same
		9,         // (77 8) 9 scored
		5,         // (8 9) 5 excluded
		vocab, -1, // vocab
		4, 4, // vocab: in the context
		6, // (4 4) 6 scored
	})
	a.Add([]Token{-3, 5}) // vocab; vocab, although the context is short too
	a.Add([]Token{6})     // short
	a.AddPair([]Token{9, 9, 4, 4}, 6)
	a.AddPair([]Token{4}, 6)
	a.AddPair([]Token{4, vocab}, 6)
	a.AddPair([]Token{vocab, 4, 5}, 6)
	a.Add(nil)

	r := a.Result()
	assert.Equal(t, detect.Skipped{Vocab: 7, ShortContext: 4, Excluded: 2, Duplicate: 2}, r.Skipped)
	assert.Equal(t, int64(7), r.Scored)
	assert.Equal(t, int64(22), r.Tokens)
	assert.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
}

func TestPositionsAlwaysAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		width := rng.IntN(7)
		var opts []watermark.Option
		if rng.IntN(2) == 0 {
			opts = append(opts, watermark.Band{Selector: watermark.NewKey(), Hi: 1 + rng.IntN(60000)})
		}
		m := testmark.Green(t, watermark.NewKey(), width, opts...)
		o := &detect.Options{Dedup: detect.Dedup(rng.IntN(2)), Exempt: []Token{5, 3, 5}}
		a := detect.NewAccumulator(m, o)
		var positions int64
		for range rng.IntN(8) {
			text := testmark.Uniform(rng, rng.IntN(60), 12)
			if len(text) > 0 && rng.IntN(2) == 0 {
				text[rng.IntN(len(text))] = []Token{-1, vocab, 1 << 30}[rng.IntN(3)]
			}
			switch rng.IntN(4) {
			case 0:
				a.Exclude(text)
			case 1:
				a.AddPair(text, 3)
				positions++
			default:
				a.Add(text)
				positions += int64(len(text))
			}
		}
		r := a.Result()
		require.Equal(t, positions, r.Tokens)
		require.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
	}
}

// TestReasonsHaveAnOrder has positions to which several reasons apply.
func TestReasonsHaveAnOrder(t *testing.T) {
	// The band of this selector has neither context.
	m := testmark.Green(t, watermark.NewKey(), 1, watermark.Band{Selector: testmark.Key(0), Hi: 1})
	a := detect.NewAccumulator(m, &detect.Options{Exempt: []Token{2}})
	a.Exclude([]Token{1})
	a.Add([]Token{1, 2, 1, 2})
	assert.Equal(t, detect.Skipped{ShortContext: 1, Band: 3}, a.Result().Skipped, "band comes before excluded and duplicate")
}

func TestOrderAndShardsDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name  string
		dedup detect.Dedup
	}{{"pairs", detect.DedupPair}, {"contexts", detect.DedupContext}} {
		t.Run(c.name, func(t *testing.T) {
			for range 30 {
				m := testmark.Green(t, watermark.NewKey(), rng.IntN(6))
				fresh := func() *detect.Accumulator {
					return detect.NewAccumulator(m, &detect.Options{Dedup: c.dedup})
				}
				texts := make([][]Token, 12)
				for i := range texts {
					texts[i] = testmark.Uniform(rng, rng.IntN(40), 6)
				}
				prompt := testmark.Uniform(rng, 4, 6)
				whole := fresh()
				for _, text := range texts {
					whole.Add(text)
				}
				whole.Exclude(prompt)
				want := encode(t, whole)

				rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
				shards := []*detect.Accumulator{fresh(), fresh(), fresh()}
				shards[rng.IntN(3)].Exclude(prompt)
				for _, text := range texts {
					shards[rng.IntN(3)].Add(text)
				}
				merged := fresh()
				for _, i := range rng.Perm(3) {
					restarted := fresh()
					require.NoError(t, restarted.UnmarshalBinary(encode(t, shards[i])))
					require.NoError(t, merged.Merge(restarted))
				}
				require.Equal(t, want, encode(t, merged))
				require.Equal(t, whole.Result().String(), merged.Result().String())
			}
		})
	}
}

func TestExcludeBeatsAdd(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 2)
	text := []Token{1, 2, 3, 4, 1, 2, 5}
	before, after := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, nil)
	merged, other := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, nil)
	before.Exclude([]Token{7, 1, 2})
	before.Add(text)
	after.Add(text)
	after.Exclude([]Token{7, 1, 2})
	merged.Add(text)
	other.Exclude([]Token{7, 1, 2})
	require.NoError(t, merged.Merge(other))
	assert.Equal(t, encode(t, before), encode(t, after))
	assert.Equal(t, encode(t, before), encode(t, merged))
	assert.Equal(t, int64(2), after.Result().Skipped.Excluded, "every pair of the context is out, not just the prompt's")
}

func TestExcludeShortPrompts(t *testing.T) {
	a := detect.NewAccumulator(testmark.Green(t, watermark.NewKey(), 3), nil)
	a.Exclude(nil)
	a.Exclude([]Token{1, 2})
	a.Add([]Token{1, 2, 3, 4})
	assert.Zero(t, a.Result().Skipped.Excluded, "a prompt shorter than a context has none")
}

func TestContextDedupScoresFirstOccurrences(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 1)
	a := detect.NewAccumulator(m, &detect.Options{Dedup: detect.DedupContext})
	a.Add([]Token{1, 2, 1, 3, 1, 4})
	r := a.Result()
	// Contexts 1, 2, 3; the second and third successor of 1 are duplicates.
	assert.Equal(t, int64(3), r.Scored)
	assert.Equal(t, int64(2), r.Skipped.Duplicate)
	want := m.Score(nil, []watermark.Pair{
		{Context: []Token{1}, Token: 2}, {Context: []Token{2}, Token: 1}, {Context: []Token{3}, Token: 1},
	})
	assert.Equal(t, want[0]+want[1]+want[2], r.Green)
}

func TestMergeRefuses(t *testing.T) {
	k := watermark.NewKey()
	a := detect.NewAccumulator(testmark.Green(t, k, 2), nil)
	a.Add([]Token{1, 2, 3})
	before := encode(t, a)
	for _, c := range []struct {
		name string
		mark *watermark.Mark
		o    *detect.Options
	}{
		{"another key", testmark.Green(t, watermark.NewKey(), 2), nil},
		{"another width", testmark.Green(t, k, 1), nil},
		{"another dedup", testmark.Green(t, k, 2), &detect.Options{Dedup: detect.DedupContext}},
		{"other weights", testmark.Green(t, k, 2), &detect.Options{Weighting: detect.WeightCounts}},
		{"other exempt ids", testmark.Green(t, k, 2), &detect.Options{Exempt: []Token{4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detect.NewAccumulator(c.mark, c.o)
			assert.ErrorIs(t, a.Merge(b), detect.ErrMismatch)
			assert.ErrorIs(t, a.UnmarshalBinary(encode(t, b)), detect.ErrMismatch)
			assert.Equal(t, before, encode(t, a))
		})
	}
	same := detect.NewAccumulator(testmark.Green(t, k, 2), &detect.Options{Alpha: 0.01})
	assert.NoError(t, a.Merge(same), "Alpha is not part of the evidence")
}

func TestUnmarshalRefusesDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	m := testmark.Green(t, watermark.NewKey(), 2)
	a := detect.NewAccumulator(m, nil)
	a.Add(testmark.Uniform(rng, 50, 10))
	a.Exclude([]Token{1, 2})
	good := encode(t, a)
	b := detect.NewAccumulator(m, nil)
	b.Add([]Token{9, 8, 7})
	before := encode(t, b)
	for i := range good {
		bad := append([]byte{}, good...)
		bad[i] ^= 1 << rng.IntN(8)
		require.Error(t, b.UnmarshalBinary(bad), "bit of byte %d", i)
		require.Error(t, b.UnmarshalBinary(good[:i]), "cut to %d", i)
	}
	assert.ErrorIs(t, b.UnmarshalBinary(append(good, 0)), detect.ErrMalformed)
	assert.Equal(t, before, encode(t, b), "the receiver is unchanged")
	assert.NotContains(t, string(good), "isotope-secret")
	assert.NoError(t, b.UnmarshalBinary(good))
	assert.Equal(t, good, encode(t, b))
}

func TestCloneAndReset(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 2)
	a := detect.NewAccumulator(m, nil)
	a.Add([]Token{1, 2, 3, 4})
	a.Exclude([]Token{2, 3})
	c := a.Clone()
	require.Equal(t, encode(t, a), encode(t, c))
	a.Add([]Token{5, 6, 7})
	assert.NotEqual(t, encode(t, a), encode(t, c))
	a.Reset()
	assert.Equal(t, encode(t, detect.NewAccumulator(m, nil)), encode(t, a))
	assert.Equal(t, int64(1), c.Result().Scored)
}

func TestNothingScored(t *testing.T) {
	r := detect.NewAccumulator(testmark.Green(t, watermark.NewKey(), 2), nil).Result()
	assert.Zero(t, r.Log10P)
	assert.True(t, math.IsNaN(r.Z))
	assert.Equal(t, detect.Inconclusive, r.Verdict)
	assert.Contains(t, r.Warnings, detect.ErrNothingScored)
	assert.True(t, math.IsInf(r.Power.MinShare, 1))
}

func TestWidthZeroWarns(t *testing.T) {
	a := detect.NewAccumulator(testmark.Green(t, watermark.NewKey(), 0), nil)
	a.Add([]Token{1, 1, 2})
	r := a.Result()
	assert.Equal(t, int64(2), r.Scored)
	assert.Contains(t, r.Warnings, detect.ErrWidthZero)
}

func TestTestsAreCounted(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	m := testmark.Green(t, testmark.Key(0), 2)
	text := testmark.Write(t, rng, 100, testmark.Flat, m)
	one, many := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, &detect.Options{Tests: 1000})
	one.Add(text)
	many.Add(text)
	assert.Equal(t, one.Result().Log10P, many.Result().Log10P)
	assert.InDelta(t, one.Result().Log10P+3, many.Result().Log10PAdjusted, 1e-9)
	assert.Equal(t, int64(1000), many.Result().Tests)
	assert.Greater(t, many.Result().Power.MinSum, one.Result().Power.MinSum)
}

func TestOptionsOutOfRangePanic(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 2)
	for _, c := range []struct {
		name, says string
		o          detect.Options
	}{
		{"alpha below 0", "Alpha", detect.Options{Alpha: -1}},
		{"alpha 1", "Alpha", detect.Options{Alpha: 1}},
		{"alpha NaN", "Alpha", detect.Options{Alpha: math.NaN()}},
		{"share below 0", "MinShare", detect.Options{MinShare: -0.1}},
		{"share above 1", "MinShare", detect.Options{MinShare: 1.1}},
		{"share NaN", "MinShare", detect.Options{MinShare: math.NaN()}},
		{"tests", "Tests", detect.Options{Tests: -1}},
		{"dedup", "Dedup", detect.Options{Dedup: 2}},
		{"weighting", "Weighting", detect.Options{Weighting: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, c.o.Check(), c.says)
			assert.Panics(t, func() { detect.NewAccumulator(m, &c.o) })
		})
	}
	assert.NoError(t, (*detect.Options)(nil).Check())
}

func TestOptionsAreCopied(t *testing.T) {
	exempt := []Token{9, 4, 9}
	a := detect.NewAccumulator(testmark.Green(t, watermark.NewKey(), 1), &detect.Options{Exempt: exempt})
	assert.Equal(t, []Token{9, 4, 9}, exempt)
	exempt[0] = 5
	a.Add([]Token{1, 9, 5})
	assert.Equal(t, int64(1), a.Result().Skipped.Excluded)
}

func FuzzUnmarshal(tf *testing.F) {
	f := mutate.New(tf)
	m := testmark.Green(f, testmark.RepeatKey(7), 2)
	a := detect.NewAccumulator(m, nil)
	a.Add([]Token{1, 2, 3, 4, 1, 2, 3})
	f.Add(encode(f, a))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := detect.NewAccumulator(m, nil)
		if b.UnmarshalBinary(data) == nil {
			require.Equal(t, data, encode(t, b), "one state, one encoding")
		} else {
			require.Equal(t, encode(t, detect.NewAccumulator(m, nil)), encode(t, b))
		}
	})
}
