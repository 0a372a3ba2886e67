package student_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/internal/testmark/nulltext"
	"github.com/isotope-wm/isotope/watermark"
)

// nullDecoys returns a mark, and n control keys like it. The control keys of a test are its null panel.
func nullDecoys(t testing.TB, x *nulltext.Text, n int, opts ...watermark.Option) (detect.Scorer, *student.Decoys) {
	t.Helper()
	d, err := student.NewDecoys([16]byte{0x41}, n, func(k watermark.Key) (detect.Scorer, error) { return x.Mark(k, opts...), nil })
	require.NoError(t, err)
	return x.Mark(nulltext.Root().Derive("student"), opts...), d
}

// unigram is a reference that knows how often each token of a text occurs.
type unigram map[Token]float64

func newUnigram(ids []Token) unigram {
	u := make(unigram)
	for _, id := range ids {
		u[id] += 1 / float64(len(ids))
	}
	return u
}

func (u unigram) LogProb(_ []Token, next Token) float64 { return math.Log(u[next]) }

// readings makes rows of a model and of a base for a text, with very unequal weights. The choice after
// a token is the token that follows it.
func readings(rng *rand.Rand, ids []Token) (model, base []student.Row, choices []Token) {
	for i := range ids {
		choices = append(choices, ids[(i+1)%len(ids)])
		row := func() student.Row {
			var tokens []Token
			for range 1 + rng.IntN(6) {
				tokens = append(tokens, ids[rng.IntN(len(ids))])
			}
			slices.Sort(tokens)
			tokens = slices.Compact(tokens)
			r := student.Row{Tokens: tokens}
			left := 1.0
			for range tokens {
				p := left * math.Pow(rng.Float64(), 4)
				left -= p
				r.Probs = append(r.Probs, float32(p))
			}
			return r
		}
		model, base = append(model, row()), append(base, row())
	}
	return model, base, choices
}

// TestStudentNull tests texts of many kinds, as outputs and as texts that a model reads, by every
// statistic for students. The texts do not depend on the keys. p-values must not be small more often
// than they say.
func TestStudentNull(t *testing.T) {
	keys := 300
	if testing.Short() {
		keys = 100
	}
	texts := nulltext.Texts(t)
	const statistics = 8
	cells := statistics * (len(texts) + 1)
	var all [statistics]nullpanel.Count
	names := [statistics]string{"pairs", "residual", "pairs in a band", "residual, filtered, prompts", "reading", "difference", "mass", "anytime"}
	for i, x := range texts {
		x = x.Cut([]int{60, 250, 120}[i%3])
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		add := func(statistic int, log10P []float64) {
			var count nullpanel.Count
			for _, p := range log10P {
				count.Add(nullpanel.Outcome{Log10P: p})
			}
			count.Check(t, names[statistic]+", "+x.Name, cells)
			all[statistic].Merge(&count)
		}
		third := len(x.IDs) / 3
		outputs := [][]Token{x.IDs[:third], x.IDs[third : 2*third], x.IDs[2*third:], x.IDs[:third]}

		mark, decoys := nullDecoys(t, x, keys)
		// Weighted tails take long, so each statistic takes some of the texts.
		var ref detect.Reference
		if i%2 == 0 {
			ref = newUnigram(x.IDs)
		}
		s := testmark.Must(student.New(mark, decoys, &student.Options{Reference: ref}))
		for _, o := range outputs {
			s.Add(nil, o)
		}
		r := s.Result()
		add(0, r.PairsDecoys.Log10P)
		if r.ResidualDecoys != nil {
			add(1, r.ResidualDecoys.Log10P)
		}
		assert.Empty(t, r.Warnings, x.Name)

		band := watermark.Band{Selector: nulltext.Root().Derive("selector"), Lo: 1000, Hi: 40000}
		half, halves := nullDecoys(t, x, keys, band)
		if ref = nil; i%2 == 1 {
			ref = newUnigram(x.IDs)
		}
		s = testmark.Must(student.New(half, halves, &student.Options{
			Reference: ref,
			Filter:    student.ContextFilter{Name: "odd", Keep: func(c []Token) bool { return c[0]%5 != 1 }},
		}))
		for _, o := range outputs {
			s.Add(x.IDs[:min(5, len(x.IDs))], o)
		}
		r = s.Result()
		add(2, r.PairsDecoys.Log10P)
		if r.ResidualDecoys != nil {
			add(3, r.ResidualDecoys.Log10P)
		}

		model, base, choices := readings(rng, x.IDs)
		reading := testmark.Must(student.NewChoices(mark, decoys, nil))
		require.NoError(t, reading.Add(x.IDs, choices))
		add(4, reading.Result().Decoys.Log10P)
		difference, mass := testmark.Must(student.NewDifference(mark, decoys, nil)), testmark.Must(student.NewMass(mark, decoys, nil))
		if i%4 < 3 {
			require.NoError(t, difference.Add(x.IDs, model, base))
			add(5, difference.Result().Decoys.Log10P)
		} else {
			require.NoError(t, mass.Add(x.IDs, model, nil))
			add(6, mass.Result().Decoys.Log10P)
		}

		q := testmark.Must(student.NewSequential(mark, decoys, nil))
		for _, o := range outputs {
			q.Add(nil, o)
		}
		add(7, q.Result().Decoys.Log10P)
	}
	for i := range all {
		t.Run(names[i], func(t *testing.T) {
			t.Log(&all[i])
			all[i].Check(t, "all texts", cells)
			if i < statistics-1 {
				// The counts are not only below the level, but near it: the tests are not conservative by
				// orders.
				few := tail.Binomial(all[i].N-all[i].Hits[0], all[i].N, 1-0.04)
				assert.Greater(t, few, -6.0, "%d of %d", all[i].Hits[0], all[i].N)
			}
		})
	}
}

// TestWeightedLawIsExact compares the p-values of weighted sums with a convolution, for heavy and
// unequal weights of both signs.
func TestWeightedLawIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for n := range 15 {
		gamma := []float64{0.5, 0.25, 0.0625}[n%3]
		x := &nulltext.Text{Gamma: gamma, Width: 1, Vocab: vocab}
		mark, decoys := nullDecoys(t, x, 100)
		ids := testmark.Uniform(rng, 3+rng.IntN(40), 30)
		model, base, _ := readings(rng, ids)
		d := testmark.Must(student.NewDifference(mark, decoys, nil))
		require.NoError(t, d.Add(ids, model, base))
		r := d.Result()
		law := map[int64]float64{0: 1}
		green, scored, sum := int64(0), int64(0), int64(0)
		for _, c := range r.Classes {
			require.NotZero(t, c.Weight)
			green, scored, sum = green+c.Green, scored+c.Scored, sum+c.Weight*c.Green
			for range c.Scored {
				next := make(map[int64]float64, 2*len(law))
				for s, p := range law {
					next[s] += p * (1 - gamma)
					next[s+c.Weight] += p * gamma
				}
				law = next
			}
			if len(law) > 1<<18 {
				break
			}
		}
		if len(law) > 1<<18 {
			continue
		}
		require.Equal(t, []int64{scored, green, sum}, []int64{r.Scored, r.Green, r.Sum})
		p := 0.0
		for s, q := range law {
			if s >= r.Sum {
				p += q
			}
		}
		assert.InDelta(t, math.Log10(p), r.Log10P, 1e-9, "%d units", r.Scored)
	}
}

func TestDecoysAreReproducible(t *testing.T) {
	bind := func(k watermark.Key) (detect.Scorer, error) {
		return watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, vocab)
	}
	decoys := testmark.Must(student.NewDecoys([16]byte{1}, 100, bind))
	again := testmark.Must(student.NewDecoys([16]byte{1}, 200, bind))
	a, b := decoys.Key(7), again.Key(7)
	assert.True(t, a.Equal(b))
	assert.Equal(t, "1e64c1429303f689", a.ID(), "control keys are part of reports")
	seen := map[string]bool{}
	for run := range byte(3) {
		d := testmark.Must(student.NewDecoys([16]byte{run}, 100, bind))
		for i := range d.Len() {
			seen[d.Key(i).ID()] = true
		}
	}
	assert.Len(t, seen, 300)
	assert.Panics(t, func() { decoys.Key(-1) })
	assert.Panics(t, func() { decoys.Key(100) })
	_, err := student.NewDecoys([16]byte{}, 99, nil)
	assert.ErrorContains(t, err, "control keys is 99")
	_, err = student.NewDecoys([16]byte{}, 100, func(k watermark.Key) (detect.Scorer, error) {
		return watermark.New(k, watermark.GreenList{Gamma: 0.3, Delta: 1, Width: 1}, vocab)
	})
	assert.ErrorContains(t, err, "gamma")
}

// TestDecoysThatAreNotChanceWarn: the text carries the mark of a control key.
func TestDecoysThatAreNotChanceWarn(t *testing.T) {
	x := &nulltext.Text{Gamma: 0.5, Width: 1, Vocab: vocab}
	mark, decoys := nullDecoys(t, x, 150)
	rng := rand.New(rand.NewPCG(3, 3))
	s := testmark.Must(student.New(mark, decoys, nil))
	s.Add(nil, testmark.Write(t, rng, 400, testmark.Flat, x.Mark(decoys.Key(33))))
	r := s.Result()
	assert.Contains(t, r.Warnings, student.ErrDecoys)
	assert.Less(t, r.PairsDecoys.Log10Misfit(), -6.0)
	assert.Greater(t, r.Log10P, -4.0)

	clean := testmark.Must(student.New(mark, decoys, nil))
	clean.Add(nil, testmark.Uniform(rng, 400, vocab))
	r = clean.Result()
	assert.NotContains(t, r.Warnings, student.ErrDecoys)
	qq := r.PairsDecoys.QQ()
	require.Len(t, qq, 150)
	assert.InDelta(t, math.Log10(1.0/151), qq[0].Expected, 1e-12)
	assert.True(t, slices.IsSortedFunc(qq, func(a, b student.QQPoint) int {
		if a.Observed < b.Observed {
			return -1
		}
		return 1
	}))
}

// TestRankIsUniform: under the null the real key is one of n+1 equal keys.
func TestRankIsUniform(t *testing.T) {
	x := &nulltext.Text{Gamma: 0.5, Width: 1, Vocab: vocab}
	_, decoys := nullDecoys(t, x, 100)
	rng := rand.New(rand.NewPCG(31, 3))
	text := testmark.Uniform(rng, 300, vocab)
	low := int64(0)
	const tests = 200
	for i := range tests {
		s := testmark.Must(student.New(x.Mark(nulltext.Root().Derive("rank", strconv.Itoa(i))), decoys, nil))
		s.Add(nil, text)
		r := s.Result()
		require.GreaterOrEqual(t, r.PairsDecoys.Rank, 1)
		require.LessOrEqual(t, r.PairsDecoys.Rank, 101)
		if r.PairsDecoys.Rank <= 25 {
			low++
		}
	}
	assert.Greater(t, tail.Binomial(low, tests, 0.27), -6.0, "%d", low)
	assert.Greater(t, tail.Binomial(tests-low, tests, 1-0.15), -6.0, "%d", low)
}

// TestProfileDecoys checks that control keys from a profile are those of its marks, and fit them.
func TestProfileDecoys(t *testing.T) {
	p := &watermark.Profile{
		Scheme: watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, Vocab: 100, Tokenizer: watermark.TokenizerNone,
		BandLo: 0, BandHi: 32768, Selector: testmark.Key(9).ID(),
	}
	mark, err := p.Mark(testmark.Key(8), testmark.Key(9))
	require.NoError(t, err)
	text := testmark.Uniform(rand.New(rand.NewPCG(1, 2)), 400, 100)
	panel := func(d *student.Decoys, err error) student.DecoyPanel {
		require.NoError(t, err)
		s, err := student.New(mark, d, nil)
		require.NoError(t, err)
		s.Add(nil, text)
		return s.Result().PairsDecoys
	}
	want := panel(student.NewDecoys([16]byte{2}, 100, func(k watermark.Key) (detect.Scorer, error) {
		return p.Mark(k, testmark.Key(9))
	}))
	assert.Equal(t, want, panel(student.NewProfileDecoys([16]byte{2}, 100, p, testmark.Key(9))))
	_, err = student.NewProfileDecoys([16]byte{2}, 100, p)
	assert.ErrorContains(t, err, "selector")
}
