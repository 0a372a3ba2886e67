package student_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

func TestStudentIsDetectedByBothStatistics(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(1, 200)
	rng := rand.New(rand.NewPCG(1, 1))
	s := testmark.Must(student.New(mark, decoysOf(t, 199, 1), &student.Options{Reference: rows{toy}}))
	ask(toy.taught(tilt{mark, 0.3}), rng, 60, 200, s.Add)
	r := s.Result()
	t.Log(r, r.Pairs, r.Residual, r.Prompts)
	assert.Equal(t, detect.Detected, r.Verdict)
	require.NotNil(t, r.Residual)
	assert.Less(t, r.Pairs.Log10P, -6.0)
	assert.Less(t, r.Residual.Log10P, r.Pairs.Log10P, "repeats carry evidence that distinct pairs leave out")
	assert.InDelta(t, math.Min(r.Pairs.Log10P, r.Residual.Log10P)+math.Log10(2), r.Log10P, 1e-12)
	assert.Equal(t, r.Log10P, r.Log10PAdjusted)
	assert.Equal(t, r.Residual.Log10P+math.Log10(2), r.Residual.Log10PAdjusted)
	assert.Equal(t, int64(2), r.Tests)
	assert.Equal(t, 1, r.PairsDecoys.Rank)
	assert.Equal(t, 1, r.ResidualDecoys.Rank)
	assert.Len(t, r.ResidualDecoys.Log10P, 199)
	assert.Empty(t, r.Warnings)
	assert.Equal(t, int64(60), r.Outputs)
	assert.Equal(t, r.Pairs.Scored, r.Residual.Scored+r.Residual.Unweighted)
	var below int
	for _, c := range r.Residual.Classes {
		if c.Weight < 0 {
			below++
		}
	}
	assert.Positive(t, below, "under-use counts as well")
}

func TestCleanStudentIsNot(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(1, 200)
	rng := rand.New(rand.NewPCG(1, 2))
	o := &student.Options{Reference: rows{toy}, Tests: 3, C1: 0.05, MinShare: 1}
	s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), o))
	ask(toy.taught(tilt{studentMark(t, "another", 1), 1}), rng, 60, 200, s.Add)
	r := s.Result()
	assert.Greater(t, r.Log10P, -4.0)
	assert.Equal(t, int64(6), r.Tests)
	assert.InDelta(t, min(r.Log10P+math.Log10(3), 0), r.Log10PAdjusted, 1e-12)
	assert.Equal(t, detect.Inconclusive, r.Verdict, "3189 tokens show no share at this c1")
	o.C1, o.C1Pairs = 0.2, 5000
	s = testmark.Must(student.New(mark, decoysOf(t, 100, 1), o))
	ask(toy, rng, 60, 200, s.Add)
	assert.Equal(t, detect.NotDetected, s.Result().Verdict)
	for _, pairs := range []int64{0, 1000} { // unknown, or fewer than were scored here
		o.C1Pairs = pairs
		s = testmark.Must(student.New(mark, decoysOf(t, 100, 1), o))
		ask(toy, rand.New(rand.NewPCG(1, 2)), 60, 200, s.Add)
		require.Greater(t, s.Result().Pairs.Scored, pairs)
		assert.Equal(t, detect.Inconclusive, s.Result().Verdict)
	}
	assert.Equal(t, detect.Inconclusive, testmark.Must(student.New(mark, decoysOf(t, 100, 1), nil)).Result().Verdict, "nothing added")
}

// TestStudentWithoutReferenceIsAnAccumulator: distinct pairs are tested as in package detect.
func TestStudentWithoutReferenceIsAnAccumulator(t *testing.T) {
	mark := studentMark(t, "master", 2)
	toy := newToy(2, 50)
	rng := rand.New(rand.NewPCG(2, 2))
	exempt := []Token{3, 7}
	s := testmark.Must(student.New(mark, decoysOf(t, 100, 2), &student.Options{Exempt: exempt, Tests: 5}))
	a := detect.NewAccumulator(mark, &detect.Options{Exempt: exempt, Tests: 5, MinShare: 1})
	ask(toy.taught(tilt{mark, 0.5}), rng, 20, 100, func(prompt, text []Token) {
		text[5] = vocab + 1
		s.Add(prompt, text)
		a.Exclude(prompt)
		a.Add(text)
	})
	s.Exclude([]Token{1, 2, 3, 4, 5})
	a.Exclude([]Token{1, 2, 3, 4, 5})
	r, want := s.Result(), a.Result()
	want.Verdict = r.Verdict
	assert.Equal(t, want, r.Pairs)
	assert.Nil(t, r.Residual)
	assert.Nil(t, r.ResidualDecoys)
	assert.Equal(t, r.Pairs.Log10P, r.Log10P)
	assert.Positive(t, r.Pairs.Skipped.Excluded)
	assert.Positive(t, r.Pairs.Skipped.Vocab)
}

// TestResidualWeightsAreTheFormula compares with a count by hand, in fractions of 1/8.
func TestResidualWeightsAreTheFormula(t *testing.T) {
	mark := studentMark(t, "master", 1)
	// After 1: 2 three times, 3 once; after 2: 1 three times.
	text := []Token{1, 2, 1, 2, 1, 2, 1, 3}
	s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{Reference: fixedLaw{2: 0.5, 3: 0.375, 1: 0.25}}))
	s.Add(nil, text)
	r := s.Result().Residual
	// a(1,2) = 3 - 4/2 = 1; a(1,3) = 1 - 4*3/8 = -1/2; a(2,1) = 3 - 3/4 = 9/4.
	require.Equal(t, int64(3), r.Scored)
	got := make(map[float64]int64)
	for _, c := range r.Classes {
		got[float64(c.Weight)*r.Unit] += c.Scored
	}
	assert.Equal(t, map[float64]int64{1: 1, -0.5: 1, 2.25: 1}, got)
	assert.Zero(t, r.Clipped)
	assert.InDelta(t, 2.25*2.25/(1+0.25+2.25*2.25), r.Heaviest, 1e-12)
}

// fixedLaw is a reference with one law after every context.
type fixedLaw map[Token]float64

func (l fixedLaw) LogProb(_ []Token, next Token) float64 { return math.Log(l[next]) }

// TestHeavyWeightsAreCut: one pair in a long loop does not decide alone.
func TestHeavyWeightsAreCut(t *testing.T) {
	mark := studentMark(t, "master", 1)
	rng := rand.New(rand.NewPCG(6, 6))
	s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{Reference: fixedLaw{}}))
	s.Add(nil, testmark.Uniform(rng, 20_000, vocab))
	s.Add(nil, slices.Repeat([]Token{7}, 12_000))
	r := s.Result().Residual
	assert.Equal(t, int64(1), r.Clipped)
	assert.Less(t, r.Heaviest, 0.5)
	assert.Equal(t, int64(3840), r.Classes[len(r.Classes)-1].Weight)
	assert.LessOrEqual(t, len(r.Classes), 200)
	assert.False(t, math.IsNaN(r.Z))
}

// TestRowsAndSinglesAgree: a RowReference gives the result of a Reference.
func TestRowsAndSinglesAgree(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(3, 20)
	var results [2]student.Result
	for i, ref := range []detect.Reference{toy, rows{toy}} {
		s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{Reference: ref, PromptsUnmarked: true}))
		ask(toy.taught(tilt{mark, 1}), rand.New(rand.NewPCG(4, 4)), 5, 40, s.Add)
		results[i] = s.Result()
	}
	assert.InDelta(t, results[0].Residual.Z, results[1].Residual.Z, 1e-3)
	assert.Equal(t, results[0].Pairs, results[1].Pairs)
}

func TestStudentOrderAndShardsDoNotMatter(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(5, 60)
	rng := rand.New(rand.NewPCG(5, 5))
	o := &student.Options{Reference: toy, Filter: student.ContextFilter{Name: "not 9", Keep: func(c []Token) bool { return c[0] != 9 }}}
	fresh := func() *student.Test { return testmark.Must(student.New(mark, decoysOf(t, 100, 1), o)) }
	type call struct{ prompt, text []Token }
	var calls []call
	ask(toy.taught(tilt{mark, 0.7}), rng, 12, 50, func(prompt, text []Token) {
		prompt = prompt[:2]
		if len(calls)%4 == 0 {
			text[3], text[4] = -5, vocab
		}
		calls = append(calls, call{prompt, text})
	})
	calls = append(calls, calls[2]) // the same output twice
	whole := fresh()
	for _, c := range calls {
		whole.Add(c.prompt, c.text)
	}
	whole.Exclude([]Token{50})
	whole.Exclude([]Token{40, 41})
	want, err := whole.MarshalBinary()
	require.NoError(t, err)
	wantResult := whole.Result()
	assert.Positive(t, wantResult.Filtered)
	for range 3 {
		rng.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		shards := []*student.Test{fresh(), fresh(), fresh()}
		shards[rng.IntN(3)].Exclude([]Token{40, 41})
		for _, c := range calls {
			shards[rng.IntN(3)].Add(c.prompt, c.text)
		}
		shards[rng.IntN(3)].Exclude([]Token{50})
		merged := fresh()
		for _, i := range rng.Perm(3) {
			// Through its bytes, as from another machine.
			data, err := shards[i].AppendBinary([]byte("x"))
			require.NoError(t, err)
			read := fresh()
			require.NoError(t, read.UnmarshalBinary(data[1:]))
			require.NoError(t, merged.Merge(read))
		}
		got, err := merged.MarshalBinary()
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
		require.Equal(t, wantResult, merged.Result())
	}
	merged := fresh()
	require.NoError(t, merged.Merge(whole))
	merged.Reset()
	empty, _ := fresh().MarshalBinary()
	got, _ := merged.MarshalBinary()
	assert.Equal(t, empty, got)
}

func TestStudentRefusesOtherEvidence(t *testing.T) {
	mark, other := studentMark(t, "master", 1), studentMark(t, "other", 1)
	d := decoysOf(t, 100, 1)
	filter := student.ContextFilter{Name: "f", Keep: func([]Token) bool { return true }}
	s := testmark.Must(student.New(mark, d, nil))
	s.Add([]Token{1, 2}, []Token{3, 4, 5})
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		mark *watermark.Mark
		o    *student.Options
	}{
		{"mark", other, nil},
		{"filter", mark, &student.Options{Filter: filter}},
		{"exempt", mark, &student.Options{Exempt: []Token{1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := testmark.Must(student.New(c.mark, d, c.o))
			assert.ErrorIs(t, b.Merge(s), detect.ErrMismatch)
			assert.ErrorIs(t, b.UnmarshalBinary(data), detect.ErrMismatch)
		})
	}
	for n := range data {
		c := bytes.Clone(data)
		c[n] ^= 1
		require.ErrorIs(t, s.UnmarshalBinary(c), detect.ErrMalformed, "byte %d", n)
		require.ErrorIs(t, s.UnmarshalBinary(data[:n]), detect.ErrMalformed, "cut to %d", n)
	}
	again, err := s.MarshalBinary()
	require.NoError(t, err)
	assert.Equal(t, data, again, "after errors the state is unchanged")
}

func FuzzStudentUnmarshal(tf *testing.F) {
	f := mutate.New(tf)
	mark := studentMark(f, "master", 1)
	d := decoysOf(f, 100, 1)
	s := testmark.Must(student.New(mark, d, nil))
	s.Add([]Token{1, 2}, []Token{3, 4, -1})
	s.Add(nil, []Token{3, 4, 5})
	s.Exclude([]Token{8})
	data, err := s.MarshalBinary()
	require.NoError(f, err)
	f.Add(data[:len(data)-32])
	f.Fuzz(func(t *testing.T, body []byte) {
		read := testmark.Must(student.New(mark, d, nil))
		if read.UnmarshalBinary(sealed(body)) != nil {
			return
		}
		again, err := read.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, sealed(body), again, "one state, one encoding")
	})
}

func TestOptionsOutOfRange(t *testing.T) {
	mark, d := studentMark(t, "master", 1), decoysOf(t, 100, 1)
	x := &nulltext.Text{Gamma: 0.25, Width: 1, Vocab: vocab}
	_, quarter := nullDecoys(t, x, 100)
	real := testmark.Mark(t, d.Key(5), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, vocab)
	gumbel := testmark.Mark(t, testmark.Key(1), watermark.GumbelMax{Width: 1}, vocab)
	rule := func([]Token) bool { return true }
	for _, c := range []struct {
		name, says string
		mark       detect.Scorer
		decoys     *student.Decoys
		o          student.Options
	}{
		{"alpha", "Alpha", mark, d, student.Options{Alpha: 1}},
		{"tests", "Tests", mark, d, student.Options{Tests: -1}},
		{"many tests", "Tests", mark, d, student.Options{Tests: math.MaxInt64}},
		{"c1", "C1", mark, d, student.Options{C1: -1}},
		{"c1 NaN", "C1", mark, d, student.Options{C1: math.NaN()}},
		{"share", "MinShare", mark, d, student.Options{MinShare: 2}},
		{"share NaN", "MinShare", mark, d, student.Options{MinShare: math.NaN()}},
		{"name alone", "ContextFilter", mark, d, student.Options{Filter: student.ContextFilter{Name: "x"}}},
		{"rule alone", "ContextFilter", mark, d, student.Options{Filter: student.ContextFilter{Keep: rule}}},
		{"no control keys", "control keys", mark, nil, student.Options{}},
		{"control keys of another width", "not a mark like", mark, decoysOf(t, 100, 2), student.Options{}},
		{"control keys of another gamma", "not a mark like", mark, quarter, student.Options{}},
		{"the real key is a control key", "one of the control keys", real, d, student.Options{}},
		{"a keyed draw", "green list", gumbel, d, student.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := student.New(c.mark, c.decoys, &c.o)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// TestPromptsOfMarkedText has a clean model that copies from prompts that quote the marked model.
// Contexts of prompts are out. A declaration that the prompts are unmarked is refused.
func TestPromptsOfMarkedText(t *testing.T) {
	mark := studentMark(t, "master", 2)
	rng := rand.New(rand.NewPCG(8, 7))
	excluding := testmark.Must(student.New(mark, decoysOf(t, 100, 2), nil))
	declared := testmark.Must(student.New(mark, decoysOf(t, 100, 2), &student.Options{PromptsUnmarked: true, Reference: fixedLaw{}}))
	honest := testmark.Must(student.New(mark, decoysOf(t, 100, 2), &student.Options{PromptsUnmarked: true}))
	copied := detect.NewAccumulator(mark, nil)
	for range 10 {
		prompt := testmark.Write(t, rng, 60, testmark.Flat, mark)
		text := append(slices.Clone(prompt[10:50]), testmark.Uniform(rng, 60, vocab)...)
		excluding.Add(prompt, text)
		declared.Add(prompt, text)
		copied.Add(text)
		honest.Add(testmark.Uniform(rng, 60, vocab), text[45:])
	}
	require.Less(t, copied.Result().Log10P, -12.0, "it copies marked text")
	r := excluding.Result()
	assert.Greater(t, r.Log10P, -4.0)
	assert.Contains(t, r.Warnings, student.ErrMarkedPrompts)
	assert.False(t, r.Refused)
	assert.Less(t, r.Prompts.Log10P, -12.0)

	r = declared.Result()
	assert.True(t, r.Refused)
	assert.Contains(t, r.Warnings, student.ErrMarkedPrompts)
	assert.Equal(t, detect.Inconclusive, r.Verdict)
	assert.Equal(t, make([]float64, 6), []float64{
		r.Log10P, r.Log10PAdjusted, r.Pairs.Log10P, r.Pairs.Log10PAdjusted, r.Residual.Log10P, r.Residual.Log10PAdjusted,
	})

	r = honest.Result()
	assert.False(t, r.Refused)
	assert.NotContains(t, r.Warnings, student.ErrMarkedPrompts)
	assert.Zero(t, r.Pairs.Skipped.Excluded, "contexts of prompts stay")
}

// TestPairFilterTrap builds by hand a test that the API cannot express. It tests a clean student on
// the (context, token) pairs that occur in text marked with the tested key. The student looks
// guilty. A filter of contexts from the same text does not have this effect. ContextFilter cannot
// be anything else, since Keep is a func(context []Token) bool.
func TestPairFilterTrap(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(9, 300)
	rng := rand.New(rand.NewPCG(9, 9))
	type pair struct{ context, token Token }
	marked, contexts := map[pair]bool{}, map[Token]bool{}
	ask(toy.taught(tilt{mark, 2}), rng, 50, 200, func(_, text []Token) {
		for i := 1; i < len(text); i++ {
			marked[pair{text[i-1], text[i]}] = true
			contexts[text[i-1]] = true
		}
	})
	s := testmark.Must(student.New(mark, decoysOf(t, 100, 1), &student.Options{
		PromptsUnmarked: true,
		Filter:          student.ContextFilter{Name: "contexts of marked text", Keep: func(c []Token) bool { return contexts[c[0]] }},
	}))
	var pairs []watermark.Pair
	seen := map[pair]bool{}
	ask(toy, rng, 50, 200, func(prompt, text []Token) {
		s.Add(prompt, text)
		for i := 1; i < len(text); i++ {
			if p := (pair{text[i-1], text[i]}); marked[p] && !seen[p] {
				seen[p] = true
				pairs = append(pairs, watermark.Pair{Context: text[i-1 : i], Token: text[i]})
			}
		}
	})
	green := int64(0)
	for _, x := range mark.Score(nil, pairs) {
		green += x
	}
	trap := tail.Binomial(green, int64(len(pairs)), 0.5)
	z := (float64(green) - float64(len(pairs))/2) / math.Sqrt(float64(len(pairs))/4)
	t.Logf("a clean student by pairs of marked text: z = %.1f, log10 p = %.1f; by its contexts: %v", z, trap, s.Result())
	assert.Less(t, trap, -50.0)
	assert.Greater(t, s.Result().Log10P, -4.0)
}
