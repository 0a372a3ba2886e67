package sequential_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

func encodeSequential(t testing.TB, q *sequential.Test) []byte {
	t.Helper()
	b, err := q.MarshalBinary()
	require.NoError(t, err)
	return b
}

// TestSequentialCountsWhatAnAccumulatorCounts if prompts come first.
func TestSequentialCountsWhatAnAccumulatorCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for width := range 7 {
		for _, dedup := range []detect.Dedup{detect.DedupPair, detect.DedupContext} {
			if dedup == detect.DedupContext && width == 0 {
				continue // one unit
			}
			t.Run(fmt.Sprintf("width=%d dedup=%d", width, dedup), func(t *testing.T) {
				var opts []watermark.Option
				if width%2 == 1 {
					opts = append(opts, watermark.Band{Selector: testmark.Key(3).Derive("selector"), Lo: 0, Hi: 40000})
				}
				m := testmark.Green(t, testmark.Key(3).Derive("mark"), width, opts...)
				exempt := []Token{7, 3}
				a := detect.NewAccumulator(m, &detect.Options{Dedup: dedup, Exempt: exempt})
				q := sequential.New(m, &sequential.Options{Dedup: dedup, Exempt: exempt})
				if width > 0 {
					prompt := append(testmark.Uniform(rng, 30, 12), vocab+5, -1)
					a.Exclude(prompt)
					require.NoError(t, q.Exclude(prompt))
				}
				// Under DedupContext an Accumulator of several texts does not depend on their order, and a
				// Test does.
				texts := 1
				if dedup == detect.DedupPair {
					texts = 8
				}
				for range texts {
					text := testmark.Uniform(rng, 300, 12)
					text[rng.IntN(len(text))] = vocab
					text[rng.IntN(len(text))] = -5
					a.Add(text)
					q.Add(text)
				}
				want, got := a.Result(), q.Result()
				assert.Equal(t, want.Scored, got.Scored)
				assert.Equal(t, want.Green, got.Green)
				assert.Equal(t, want.Skipped, got.Skipped)
				assert.Equal(t, want.Tokens, got.Tokens)
				assert.Equal(t, want.Mark, got.Mark)
				assert.Equal(t, sequential.Log10E(got.Green, got.Scored, 0.5), got.Log10E)
			})
		}
	}
}

func TestSequentialPairsAreThoseOfAnAccumulator(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	m := testmark.Green(t, testmark.Key(3).Derive("pairs"), 2)
	a, q := detect.NewAccumulator(m, nil), sequential.New(m, nil)
	for range 2000 {
		context, next := testmark.Uniform(rng, rng.IntN(5), 6), Token(rng.IntN(6))
		a.AddPair(context, next)
		q.AddPair(context, next)
	}
	a.AddPair([]Token{1, vocab}, 1)
	q.AddPair([]Token{1, vocab}, 1)
	want, got := a.Result(), q.Result()
	assert.Equal(t, want.Scored, got.Scored)
	assert.Equal(t, want.Green, got.Green)
	assert.Equal(t, want.Skipped, got.Skipped)
	assert.Equal(t, want.Tokens, got.Tokens)
}

func TestSequentialExcludesOnlyBefore(t *testing.T) {
	m := testmark.Green(t, testmark.Key(3).Derive("late"), 2)
	q := sequential.New(m, nil)
	require.NoError(t, q.Exclude([]Token{1, 2, 3}))
	q.Add([]Token{1, 2, 9, 9, 9}) // (1 2) is excluded; (2 9) and (9 9) are scored
	r := q.Result()
	assert.EqualValues(t, 2, r.Scored)
	assert.EqualValues(t, 1, r.Skipped.Excluded)

	before := encodeSequential(t, q)
	assert.ErrorIs(t, q.Exclude([]Token{5, 6, 2, 9}), sequential.ErrLate)
	assert.Equal(t, before, encodeSequential(t, q), "after an error nothing changes")
	require.NoError(t, q.Exclude([]Token{1, 2}), "an excluded context was not scored")
	require.NoError(t, q.Exclude(nil))

	// A prompt that comes later affects the texts after it.
	q.Prompt([]Token{2, 9})
	q.Add([]Token{2, 9, 9}) // the pair was scored before the prompt
	q.Add([]Token{2, 9, 4}) // a new pair of its context
	r = q.Result()
	assert.EqualValues(t, 2, r.Scored)
	assert.EqualValues(t, 2, r.Skipped.Excluded)
	assert.EqualValues(t, 1, r.Skipped.Duplicate)
	q.Prompt([]Token{4, 4})
	require.NoError(t, q.Exclude([]Token{4, 4}))

	// Width 0 has one context.
	z := sequential.New(testmark.Green(t, testmark.Key(3).Derive("late"), 0), nil)
	z.Prompt([]Token{1})
	z.Add([]Token{1, 2, 3})
	assert.Zero(t, z.Result().Scored)
	assert.Contains(t, z.Result().Warnings, detect.ErrNothingScored)
	assert.Contains(t, z.Result().Warnings, detect.ErrWidthZero)
	z.Reset()
	require.NoError(t, z.Exclude(nil))
	z.Add([]Token{1, 2, 3})
	assert.EqualValues(t, 3, z.Result().Scored)
	assert.ErrorIs(t, z.Exclude([]Token{5}), sequential.ErrLate)
}

func TestSequentialVerdicts(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	m := testmark.Green(t, testmark.Key(3).Derive("verdict"), 2)
	marked64 := m.Law().(watermark.Bernoulli).Marked
	o := &sequential.Options{MinShare: 0.25, Rate: marked64 - 0.5, Tests: 4, Alpha: 1e-4}
	q := sequential.New(m, o)
	assert.False(t, q.Done())
	marked := testmark.Write(t, rng, 400, testmark.Flat, m)
	for from := 0; !q.Done(); from += 20 {
		require.Less(t, from, len(marked))
		q.Add(marked[from : from+20])
	}
	r := q.Result()
	assert.Equal(t, detect.Detected, r.Verdict)
	assert.LessOrEqual(t, r.Log10P, -4-math.Log10(4))
	assert.Equal(t, tail.Bonferroni(r.Log10P, 4), r.Log10PAdjusted)
	assert.Contains(t, r.String(), "detected log10p=")
	q.Add(testmark.Uniform(rng, 5000, vocab))
	after := q.Result()
	assert.Less(t, after.Log10E, r.Log10E)
	assert.LessOrEqual(t, after.Log10P, r.Log10P)
	assert.Equal(t, detect.Detected, after.Verdict, "detected stays detected")

	q.Reset()
	assert.Equal(t, encodeSequential(t, sequential.New(m, o)), encodeSequential(t, q))
	for !q.Done() {
		require.Less(t, q.Result().Scored, q.Result().Futile)
		q.Add(testmark.Uniform(rng, 50, vocab))
	}
	r = q.Result()
	assert.Equal(t, detect.NotDetected, r.Verdict)
	n, err := plan.GreenList{Gamma: 0.5, Green: 0.5 + 0.25*(marked64-0.5), Alpha: 1e-4, Tests: 4}.Tokens(0.9)
	require.NoError(t, err)
	assert.Greater(t, r.Futile, n, "the fixed test needs fewer")
	assert.Less(t, r.Futile, 3*n/2)
	assert.Equal(t, int64(math.MaxInt64), sequential.New(m, nil).Result().Futile, "no rate")
}

func TestSequentialRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	for _, width := range []int{0, 1, 2, 6} {
		t.Run(fmt.Sprintf("width=%d", width), func(t *testing.T) {
			m := testmark.Green(t, testmark.Key(3).Derive("restart"), width, watermark.Band{Selector: testmark.Key(3).Derive("selector"), Lo: 0, Hi: 50000})
			o := &sequential.Options{Exempt: []Token{4}}
			if width == 1 {
				o.Dedup = detect.DedupContext
			}
			whole, parts := sequential.New(m, o), sequential.New(m, o)
			for i := range 30 {
				text := testmark.Uniform(rng, 40, 20)
				if i%10 == 5 && width > 0 {
					prompt := testmark.Uniform(rng, 15, 20)
					whole.Prompt(prompt)
					parts.Prompt(prompt)
				}
				whole.Add(text)
				parts.Add(text)
				data := encodeSequential(t, parts)
				require.Equal(t, encodeSequential(t, whole), data)
				parts = sequential.New(m, o)
				require.NoError(t, parts.UnmarshalBinary(data))
				require.Equal(t, whole.Result(), parts.Result())
			}
			// A clone is independent.
			c := parts.Clone()
			c.Add(testmark.Uniform(rng, 40, 500))
			c.Prompt([]Token{1, 2, 3, 4, 5, 6, 7, 8})
			assert.Equal(t, encodeSequential(t, whole), encodeSequential(t, parts))
			assert.NotEqual(t, encodeSequential(t, c), encodeSequential(t, parts))
		})
	}
}

func TestSequentialRefusesBadBytes(t *testing.T) {
	m := testmark.Green(t, testmark.Key(3).Derive("bytes"), 2)
	q := sequential.New(m, nil)
	require.NoError(t, q.Exclude([]Token{1, 2, 3, 4}))
	q.Add([]Token{1, 2, 3, 5, 6, 7, 5, 6, 7, 8, 1, 2, 3})
	data := encodeSequential(t, q)
	fresh := sequential.New(m, nil)
	fresh.Add([]Token{9, 8, 7})
	state := encodeSequential(t, fresh)
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x80
		assert.ErrorIs(t, fresh.UnmarshalBinary(bad), detect.ErrMalformed)
		assert.ErrorIs(t, fresh.UnmarshalBinary(data[:i]), detect.ErrMalformed)
	}
	assert.ErrorIs(t, fresh.UnmarshalBinary(append(bytes.Clone(data), 0)), detect.ErrMalformed)
	other := sequential.New(testmark.Green(t, testmark.Key(3).Derive("other"), 2), nil)
	assert.ErrorIs(t, other.UnmarshalBinary(data), detect.ErrMismatch)
	byContext := sequential.New(m, &sequential.Options{Dedup: detect.DedupContext})
	assert.ErrorIs(t, byContext.UnmarshalBinary(data), detect.ErrMismatch)

	// With a checksum that fits, accepted bytes are exactly what their state encodes.
	accepted := 0
	const units = len("isotope-sequential-2\n") + 32 + 4*8 + 8*8
	const unit = 3*3 + 1 // three ids, and the fate
	for i := range len(data) - sha256.Size {
		for _, flip := range []byte{1, 2, 0x80, 0xff} {
			bad := bytes.Clone(data[:len(data)-sha256.Size])
			bad[i] ^= flip
			sum := sha256.Sum256(bad)
			bad = append(bad, sum[:]...)
			x := sequential.New(m, nil)
			if x.UnmarshalBinary(bad) == nil {
				accepted++
				require.False(t, i >= units && i < units+9*unit && (i-units)%unit == unit-1, "scored units are as many as the process counted")
				require.Equal(t, bad, encodeSequential(t, x))
				r := x.Result()
				require.LessOrEqual(t, r.Green, r.Scored)
			}
		}
	}
	t.Logf("%d of %d resealed changes are states too", accepted, 4*(len(data)-sha256.Size))
	assert.Equal(t, state, encodeSequential(t, fresh), "after errors the state is unchanged")
}

func FuzzSequentialUnmarshal(tf *testing.F) {
	f := mutate.New(tf)
	m := testmark.Green(f, testmark.Key(3).Derive("fuzz"), 1)
	q := sequential.New(m, nil)
	q.Prompt([]Token{1, 2})
	q.Add([]Token{1, 2, 3, 1, 2, 3, 4})
	f.Add(encodeSequential(f, q))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= sha256.Size { // damage beyond the checksum
			sum := sha256.Sum256(data[:len(data)-sha256.Size])
			copy(data[len(data)-sha256.Size:], sum[:])
		}
		x := sequential.New(m, nil)
		if x.UnmarshalBinary(data) == nil {
			require.Equal(t, data, encodeSequential(t, x))
			x.Add([]Token{1, 2, 3})
			x.Result()
		}
	})
}

// TestSequentialNull audits clean suspects. Each next text depends on the results so far, and an audit
// would stop at its best result. The prompts quote the lists of the key in the worst way: they consist
// of pairs that are known to be green.
func TestSequentialNull(t *testing.T) {
	const audits = 2000
	alphas := []float64{0.5, 0.1, 0.02}
	counts := make([]int64, len(alphas))
	rng := rand.New(rand.NewPCG(29, 30))
	for i := range audits {
		scheme := watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 1 + i%2}
		m := testmark.Mark(t, testmark.Key(3).Derive("null", strconv.Itoa(i)), scheme, vocab)
		q := sequential.New(m, &sequential.Options{Futile: math.MaxInt64}) // verdicts are not needed
		for range 12 {
			// If the evidence grows, the auditor asks for longer answers, and gives the suspect marked
			// text to copy from.
			n := 10
			if q.Result().Log10E > 0 {
				n = 40
			}
			prompt := testmark.Uniform(rng, 4, 30)
			for j := 2; j < len(prompt); j++ {
				for next := range Token(30) {
					if score := m.Score(nil, []detect.Pair{{Context: prompt[j-m.Width() : j], Token: next}}); score[0] == 1 {
						prompt[j] = next
						break
					}
				}
			}
			q.Prompt(prompt)
			answer := append(testmark.Uniform(rng, n, 30), prompt...)
			q.Add(append(answer, prompt...))
		}
		for a, alpha := range alphas {
			if q.Result().Log10P <= math.Log10(alpha) {
				counts[a]++
			}
		}
	}
	for a, alpha := range alphas {
		t.Logf("anytime p <= %v: %d of %d", alpha, counts[a], audits)
		assert.Greater(t, tail.Binomial(counts[a], audits, alpha), -4.0, "too many p <= %v", alpha)
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	m := testmark.Green(t, testmark.Key(3), 1)
	for _, c := range []struct {
		name, says string
		o          sequential.Options
	}{
		{"dedup", "Dedup", sequential.Options{Dedup: 2}},
		{"alpha", "Alpha", sequential.Options{Alpha: 0.6}},
		{"alpha NaN", "Alpha", sequential.Options{Alpha: math.NaN()}},
		{"share", "MinShare", sequential.Options{MinShare: 1.1}},
		{"futile", "Futile", sequential.Options{Futile: -1}},
		{"tests", "Tests", sequential.Options{Tests: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, c.o.Check(), "sequential: "+c.says)
			assert.Panics(t, func() { sequential.New(m, &c.o) })
		})
	}
	assert.NoError(t, (*sequential.Options)(nil).Check())
}
