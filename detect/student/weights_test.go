package student_test

import (
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/internal/testmark/nullpanel"
	"github.com/isotope-wm/isotope/watermark"
)

// Rows and Choices make a toyModel a model with open weights.
func (m *toyModel) Rows(text []Token) iter.Seq2[student.Row, error] {
	return func(yield func(student.Row, error) bool) {
		for i := range text {
			if !yield(student.Row{Probs: m.row(text[:i+1])}, nil) {
				return
			}
		}
	}
}

func (m *toyModel) Choices(text []Token) ([]Token, error) {
	var choices []Token
	for r := range m.Rows(text) {
		choices = append(choices, r.Choice())
	}
	return choices, nil
}

// TestOpenWeights tests a tuned model's weights against its base and alone. The difference shows the
// most.
func TestOpenWeights(t *testing.T) {
	mark := studentMark(t, "master", 1)
	base := newToy(30, 120)
	tuned := base.taught(tilt{mark, 0.12})
	decoys := decoysOf(t, 100, 1)
	reading := testmark.Must(student.NewChoices(mark, decoys, nil))
	difference, mass := testmark.Must(student.NewDifference(mark, decoys, nil)), testmark.Must(student.NewMass(mark, decoys, nil))
	clean := testmark.Must(student.NewDifference(mark, decoys, nil))
	rng := rand.New(rand.NewPCG(30, 30))
	other := base.taught(tilt{studentMark(t, "another", 1), 0.3})
	for range 6 {
		text := testmark.Uniform(rng, 60, 120)
		require.NoError(t, reading.AddModel(tuned, text))
		require.NoError(t, difference.AddModels(tuned, base, text))
		require.NoError(t, mass.AddModels(tuned, nil, text))
		require.NoError(t, clean.AddModels(other, base, text))
	}
	d, m, r := difference.Result(), mass.Result(), reading.Result()
	t.Logf("difference %v, mass %v, reading %v", d, m, r)
	assert.Equal(t, detect.Detected, d.Verdict)
	assert.Less(t, d.Log10P, -50.0)
	assert.Less(t, d.Log10P, 3*m.Log10P)
	assert.Less(t, d.Log10P, 3*r.Log10P)
	assert.Equal(t, 1, d.Decoys.Rank)
	assert.Equal(t, []error{detect.ErrKeySpace}, d.Warnings)
	assert.Equal(t, []int64{6, 360}, []int64{d.Texts, d.Positions})
	c := clean.Result()
	assert.Equal(t, detect.Inconclusive, c.Verdict)
	assert.Greater(t, c.Log10P, -4.0)
}

// TestDifferenceIsTheFormula compares with a sum by hand.
func TestDifferenceIsTheFormula(t *testing.T) {
	mark := studentMark(t, "master", 1)
	d := testmark.Must(student.NewDifference(mark, decoysOf(t, 100, 1), &student.WeightsOptions{Exempt: []Token{9}}))
	row := func(probs ...float32) student.Row {
		return student.Row{Tokens: []Token{2, 5, 9}[:len(probs)], Probs: probs}
	}
	// Window 1 in two texts, twice in the first; window 4 once; window 7 not read.
	require.NoError(t, d.Add([]Token{1, 1, 7},
		[]student.Row{row(0.75, 0.25), row(1, 0), {}}, []student.Row{row(0.25, 0.25, 0.5), row(0, 1), row(1)}))
	require.NoError(t, d.Add([]Token{4, 1},
		[]student.Row{row(0, 0.5), row(0.125, 0.25)}, []student.Row{row(0.5), row(0.125, 0.75)}))
	r := d.Result()
	// Window 1: token 2 (0.5 + 0)/2 = 0.25, token 5 (0 - 0.5)/2 = -0.25; window 4: 2 -0.5,
	// 5 0.5.
	got := map[float64]int64{}
	for _, c := range r.Classes {
		got[float64(c.Weight)*r.Unit] += c.Scored
	}
	assert.Equal(t, map[float64]int64{0.25: 1, -0.25: 1, -0.5: 1, 0.5: 1}, got)
	assert.Equal(t, []int64{2, 5, 2, 1, 1}, []int64{r.Texts, r.Positions, r.Windows, r.Repeated, r.Unread})
	green := mark.Score(nil, []watermark.Pair{
		{Context: []Token{1}, Token: 2}, {Context: []Token{1}, Token: 5},
		{Context: []Token{4}, Token: 2}, {Context: []Token{4}, Token: 5},
	})
	want := 0.25*float64(green[0]) - 0.25*float64(green[1]) - 0.5*float64(green[2]) + 0.5*float64(green[3])
	assert.InDelta(t, want, float64(r.Sum)*r.Unit, 1e-12)

	d.Exclude([]Token{4})
	r = d.Result()
	assert.Equal(t, []int64{1, 1, 2}, []int64{r.Windows, r.Excluded, r.Scored})
}

// TestSparseRowsAreDenseRows: a token that a row leaves out has probability 0.
func TestSparseRowsAreDenseRows(t *testing.T) {
	mark := studentMark(t, "master", 1)
	base := newToy(31, 30)
	tuned := base.taught(tilt{mark, 1})
	decoys := decoysOf(t, 100, 1)
	dense := testmark.Must(student.NewDifference(mark, decoys, nil))
	sparse := testmark.Must(student.NewDifference(mark, decoys, nil))
	text := testmark.Uniform(rand.New(rand.NewPCG(31, 31)), 40, 30)
	rowsOf := func(m *toyModel, pack bool) (out []student.Row) {
		for r := range m.Rows(text) {
			if pack {
				all := student.Row{Tokens: []Token{}}
				for v, p := range r.Probs {
					all.Tokens, all.Probs = append(all.Tokens, Token(v)), append(all.Probs, p)
				}
				r = all
			}
			out = append(out, r)
		}
		return out
	}
	require.NoError(t, dense.Add(text, rowsOf(tuned, false), rowsOf(base, false)))
	require.NoError(t, sparse.Add(text, rowsOf(tuned, true), rowsOf(base, true)))
	assert.Equal(t, dense.Result(), sparse.Result())
	assert.Equal(t, Token(-1), student.Row{}.Choice())
	assert.Equal(t, Token(4), student.Row{Tokens: []Token{4, 8}, Probs: []float32{0.5, 0.5}}.Choice())
}

// TestReadingDedup: a window counts once in a text, and a window with its choice once over texts.
func TestReadingDedup(t *testing.T) {
	mark := studentMark(t, "master", 2)
	r := testmark.Must(student.NewChoices(mark, decoysOf(t, 100, 2), &student.WeightsOptions{
		Filter: student.ContextFilter{Name: "no 8", Keep: func(c []Token) bool { return c[0] != 8 && c[1] != 8 }},
	}))
	//                               short  read  read  again again filtered twice unread
	require.NoError(t, r.Add([]Token{1, 2, 1, 2, 1, 8, 1, 3}, []Token{5, 6, 7, 9, 9, 9, 9, -1}))
	require.NoError(t, r.Add([]Token{1, 2, 1}, []Token{5, 6, 4}))
	got := r.Result()
	// (1 2,6), (2 1,7), (2 1,4); (1 2,6) again.
	assert.Equal(t, int64(3), got.Scored)
	assert.Equal(t, []int64{2, 2, 2, 1}, []int64{got.Texts, got.Repeated, got.Filtered, got.Unread})
	assert.Equal(t, detect.Skipped{ShortContext: 2, Duplicate: 1}, got.Skipped)
	assert.Equal(t, detect.Inconclusive, got.Verdict)
	r.Exclude([]Token{2, 1})
	assert.Equal(t, int64(1), r.Result().Scored)
	assert.Len(t, got.Decoys.Log10P, 100)
}

func TestReadingsMergeInAnyOrder(t *testing.T) {
	mark := studentMark(t, "master", 1)
	base := newToy(32, 40)
	tuned := base.taught(tilt{mark, 1})
	decoys := decoysOf(t, 100, 1)
	rng := rand.New(rand.NewPCG(32, 32))
	var texts [][]Token
	for range 8 {
		texts = append(texts, testmark.Uniform(rng, 30, 40))
	}
	readings := func() *student.Choices { return testmark.Must(student.NewChoices(mark, decoys, nil)) }
	differences := func() *student.Difference { return testmark.Must(student.NewDifference(mark, decoys, nil)) }
	whole, wholeDifference := readings(), differences()
	for _, x := range texts {
		require.NoError(t, whole.AddModel(tuned, x))
		require.NoError(t, wholeDifference.AddModels(tuned, base, x))
	}
	whole.Exclude([]Token{3})
	wholeDifference.Exclude([]Token{3})
	for range 3 {
		rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		a, b := readings(), readings()
		c, d := differences(), differences()
		a.Exclude([]Token{3})
		d.Exclude([]Token{3})
		for i, x := range texts {
			r, y := a, c
			if i%3 == 0 {
				r, y = b, d
			}
			require.NoError(t, r.AddModel(tuned, x))
			require.NoError(t, y.AddModels(tuned, base, x))
		}
		require.NoError(t, b.Merge(a))
		require.NoError(t, d.Merge(c))
		require.Equal(t, whole.Result(), b.Result())
		require.Equal(t, wholeDifference.Result(), d.Result())
		// The same bytes, and back.
		want, err := whole.MarshalBinary()
		require.NoError(t, err)
		got, err := b.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, want, got)
		a = readings()
		require.NoError(t, a.UnmarshalBinary(got))
		require.Equal(t, whole.Result(), a.Result())
		want, err = wholeDifference.MarshalBinary()
		require.NoError(t, err)
		got, err = d.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, want, got)
		c = differences()
		require.NoError(t, c.UnmarshalBinary(got))
		require.Equal(t, wholeDifference.Result(), c.Result())
	}
	twice := differences()
	require.NoError(t, twice.AddModels(tuned, base, texts[0]))
	once := twice.Result()
	require.NoError(t, twice.Merge(twice))
	again := twice.Result()
	assert.Equal(t, once.Log10P, again.Log10P, "means of equal rows")
	assert.Equal(t, 2*once.Positions, again.Positions)

	other := studentMark(t, "other", 1)
	assert.ErrorIs(t, whole.Merge(testmark.Must(student.NewChoices(other, decoys, nil))), detect.ErrMismatch)
	assert.ErrorIs(t, whole.Merge(testmark.Must(student.NewChoices(mark, decoys, &student.WeightsOptions{Exempt: []Token{1}}))), detect.ErrMismatch)
	assert.ErrorIs(t, twice.Merge(testmark.Must(student.NewMass(mark, decoys, nil))), detect.ErrMismatch)
	assert.ErrorIs(t, twice.Merge(testmark.Must(student.NewDifference(other, decoys, nil))), detect.ErrMismatch)
	twice.Reset()
	assert.Equal(t, differences().Result().Positions, twice.Result().Positions)
}

func TestReadingsRefuseOtherBytes(t *testing.T) {
	mark, other := studentMark(t, "master", 1), studentMark(t, "other", 1)
	decoys := decoysOf(t, 100, 1)
	filter := &student.WeightsOptions{Filter: student.ContextFilter{Name: "f", Keep: func([]Token) bool { return true }}}
	r, d := testmark.Must(student.NewChoices(mark, decoys, nil)), testmark.Must(student.NewDifference(mark, decoys, nil))
	require.NoError(t, r.Add([]Token{1, 2}, []Token{3, 4}))
	require.NoError(t, d.Add([]Token{1, 2}, []student.Row{{Probs: []float32{0.5}}, {Probs: []float32{0, 0.5}}}, []student.Row{{Probs: []float32{0.25}}, {Probs: []float32{0.25}}}))
	d.Exclude([]Token{9, 10})
	reading, err := r.MarshalBinary()
	require.NoError(t, err)
	difference, err := d.MarshalBinary()
	require.NoError(t, err)
	assert.ErrorIs(t, testmark.Must(student.NewChoices(other, decoys, nil)).UnmarshalBinary(reading), detect.ErrMismatch)
	assert.ErrorIs(t, testmark.Must(student.NewChoices(mark, decoys, filter)).UnmarshalBinary(reading), detect.ErrMismatch)
	assert.ErrorIs(t, testmark.Must(student.NewDifference(other, decoys, nil)).UnmarshalBinary(difference), detect.ErrMismatch)
	assert.ErrorIs(t, testmark.Must(student.NewDifference(mark, decoys, filter)).UnmarshalBinary(difference), detect.ErrMismatch)
	assert.ErrorIs(t, testmark.Must(student.NewMass(mark, decoys, nil)).UnmarshalBinary(difference), detect.ErrMismatch)
	for n := range reading {
		c := slices.Clone(reading)
		c[n] ^= 1
		require.ErrorIs(t, r.UnmarshalBinary(c), detect.ErrMalformed)
		require.ErrorIs(t, r.UnmarshalBinary(reading[:n]), detect.ErrMalformed)
	}
	for n := range difference {
		c := slices.Clone(difference)
		c[n] ^= 1
		require.ErrorIs(t, d.UnmarshalBinary(c), detect.ErrMalformed)
		require.ErrorIs(t, d.UnmarshalBinary(difference[:n]), detect.ErrMalformed)
	}
	again, _ := d.MarshalBinary()
	assert.Equal(t, difference, again, "after errors the state is unchanged")
	again, _ = r.MarshalBinary()
	assert.Equal(t, reading, again)
}

func FuzzReadingUnmarshal(tf *testing.F) {
	f := mutate.New(tf)
	mark, decoys := studentMark(f, "master", 1), decoysOf(f, 100, 1)
	r, d := testmark.Must(student.NewChoices(mark, decoys, nil)), testmark.Must(student.NewDifference(mark, decoys, nil))
	require.NoError(f, r.Add([]Token{1, 2}, []Token{3, 4}))
	require.NoError(f, d.Add([]Token{1, 2}, []student.Row{{Probs: []float32{0.5}}, {Probs: []float32{0, 0.5}}}, []student.Row{{Probs: []float32{0.25}}, {Probs: []float32{0.25}}}))
	d.Exclude([]Token{9, 10})
	for _, m := range []interface{ MarshalBinary() ([]byte, error) }{r, d} {
		data, err := m.MarshalBinary()
		require.NoError(f, err)
		f.Add(data[:len(data)-32])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, r := testmark.Must(student.NewDifference(mark, decoys, nil)), testmark.Must(student.NewChoices(mark, decoys, nil))
		if d.UnmarshalBinary(sealed(body)) == nil {
			again, err := d.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, sealed(body), again)
			require.NotPanics(t, func() { d.Result() })
		}
		if r.UnmarshalBinary(sealed(body)) == nil {
			again, err := r.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, sealed(body), again)
		}
	})
}

// A brokenModel fails after one row.
type brokenModel struct{ *toyModel }

var errModel = errors.New("out of memory")

func (m brokenModel) Rows(text []Token) iter.Seq2[student.Row, error] {
	return func(yield func(student.Row, error) bool) {
		if yield(student.Row{Probs: m.row(text[:1])}, nil) {
			yield(student.Row{}, errModel)
		}
	}
}

func (m brokenModel) Choices([]Token) ([]Token, error) { return nil, errModel }

// A shortModel returns too few rows, or too many.
type shortModel struct {
	*toyModel
	more int
}

func (m shortModel) Rows(text []Token) iter.Seq2[student.Row, error] {
	return func(yield func(student.Row, error) bool) {
		for range len(text) + m.more {
			if !yield(student.Row{Probs: m.row(text)}, nil) {
				return
			}
		}
	}
}

func TestInvalidRows(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(33, 10)
	decoys := decoysOf(t, 100, 1)
	nan := float32(math.NaN())
	mass := testmark.Must(student.NewMass(mark, decoys, nil))
	for _, c := range []struct {
		name string
		row  student.Row
	}{
		{"NaN", student.Row{Probs: []float32{nan}}},
		{"negative", student.Row{Probs: []float32{-0.1}}},
		{"above 1", student.Row{Probs: []float32{1.5}}},
		{"a sum above 1", student.Row{Probs: []float32{0.6, 0.6}}},
		{"too long", student.Row{Probs: make([]float32, vocab+1)}},
		{"more tokens", student.Row{Tokens: []Token{1, 2}, Probs: []float32{0.1}}},
		{"a token twice", student.Row{Tokens: []Token{1, 1}, Probs: []float32{0.1, 0.1}}},
		{"descending", student.Row{Tokens: []Token{2, 1}, Probs: []float32{0.1, 0.1}}},
		{"a negative id", student.Row{Tokens: []Token{-1}, Probs: []float32{0.1}}},
		{"outside", student.Row{Tokens: []Token{vocab}, Probs: []float32{0.1}}},
		{"infinite", student.Row{Probs: []float32{float32(math.Inf(1))}}},
		{"logits", student.Row{Probs: []float32{3, -2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorIs(t, mass.Add([]Token{1}, []student.Row{c.row}, nil), student.ErrRow)
		})
	}
	assert.Zero(t, mass.Result().Positions)
	assert.Contains(t, mass.Result().Warnings, detect.ErrNothingScored)
	ok := student.Row{Probs: []float32{0.5}}
	assert.ErrorIs(t, mass.Add([]Token{1, 2}, []student.Row{ok}, nil), student.ErrRow)
	assert.ErrorIs(t, mass.Add([]Token{1}, []student.Row{ok}, []student.Row{ok}), student.ErrRow, "a mass has no base")
	difference := testmark.Must(student.NewDifference(mark, decoys, nil))
	assert.ErrorIs(t, difference.Add([]Token{1}, []student.Row{ok}, nil), student.ErrRow)
	text := []Token{1, 2, 3}
	assert.ErrorIs(t, difference.AddModels(brokenModel{toy}, toy, text), errModel)
	assert.ErrorIs(t, difference.AddModels(toy, brokenModel{toy}, text), errModel)
	for _, more := range []int{-1, 1} {
		assert.ErrorIs(t, difference.AddModels(shortModel{toy, more}, toy, text), student.ErrRow, "%d", more)
	}
	assert.ErrorIs(t, difference.AddModels(toy, shortModel{toy, -1}, text), student.ErrRow)
	assert.Panics(t, func() { _ = difference.AddModels(toy, nil, text) })
	reading := testmark.Must(student.NewChoices(mark, decoys, nil))
	assert.ErrorIs(t, reading.AddModel(brokenModel{toy}, text), errModel)
	assert.ErrorIs(t, reading.Add(text, []Token{1}), student.ErrRow)
	assert.ErrorIs(t, reading.Add(text, []Token{1, 2, vocab}), student.ErrRow)
	assert.ErrorIs(t, reading.Add(text, []Token{1, 2, -2}), student.ErrRow)
	assert.Zero(t, reading.Result().Texts)
	marked := testmark.Must(student.NewMarked(mark, decoys, nil))
	assert.ErrorIs(t, marked.Add(text, []Token{1}), student.ErrRow)
	assert.ErrorIs(t, marked.Add(text, []Token{1, 2, vocab}), student.ErrRow)
}

// TestMarkedReading lets a clean model read texts of the marked model, under many keys. The model copies
// the token that followed a window the last time, in any text. A fixed test of all pairs would call it
// marked, and the anytime test does not. The test finds a student of the mark.
func TestMarkedReading(t *testing.T) {
	toy := newToy(34, 60)
	var count nullpanel.Count
	naive := 0
	decoys := decoysOf(t, 100, 1)
	for i := range 150 {
		mark := studentMark(t, "read-"+strconv.Itoa(i), 1)
		rng := rand.New(rand.NewPCG(34, uint64(i)))
		m := testmark.Must(student.NewMarked(mark, decoys, nil))
		last := map[Token]Token{}
		acc := detect.NewAccumulator(mark, &detect.Options{Alpha: 1e-300})
		for range 4 {
			text := toy.taught(tilt{mark, 2}).write(rng, []Token{rng.Int32N(60)}, 60)
			choices := make([]Token, len(text))
			for at, x := range text {
				choices[at] = Token(rng.IntN(60))
				if next, ok := last[x]; ok {
					choices[at] = next
				}
				if at+1 < len(text) {
					last[x] = text[at+1]
				}
				acc.AddPair(text[at:at+1], choices[at])
			}
			require.NoError(t, m.Add(text, choices))
		}
		r := m.Result()
		require.LessOrEqual(t, r.Scored, int64(60), "windows, not pairs")
		count.Add(nullpanel.Outcome{Log10P: r.Log10P})
		if acc.Result().Log10P < -3 {
			naive++
		}
	}
	count.Check(t, "a copying model", 1)
	t.Logf("%v; every pair counted: %d of 150 below 1e-3", &count, naive)
	assert.Greater(t, naive, 100)

	mark := studentMark(t, "master", 1)
	m := testmark.Must(student.NewMarked(mark, decoysOf(t, 100, 1), &student.WeightsOptions{
		Filter: student.ContextFilter{Name: "not 5", Keep: func(c []Token) bool { return c[0] != 5 }},
	}))
	big := newToy(35, 250)
	rng := rand.New(rand.NewPCG(35, 35))
	for range 20 {
		text := big.taught(tilt{mark, 2}).write(rng, nil, 100)
		choices, err := big.taught(tilt{mark, 3}).Choices(text)
		require.NoError(t, err)
		choices[50] = -1
		require.NoError(t, m.Add(text, choices))
	}
	r := m.Result()
	t.Log(r.Result)
	assert.Equal(t, detect.Detected, r.Verdict)
	assert.Equal(t, int64(20), r.Unread)
	assert.Positive(t, r.Filtered)
	assert.Equal(t, 1, r.Decoys.Rank)
	assert.Equal(t, []error{detect.ErrKeySpace}, r.Warnings)

	m = testmark.Must(student.NewMarked(mark, decoysOf(t, 100, 1), nil))
	require.NoError(t, m.Exclude([]Token{9}))
	require.NoError(t, m.Add([]Token{1, 9, 3}, []Token{4, 5, -1}))
	assert.ErrorIs(t, m.Exclude([]Token{1}), sequential.ErrLate)
	require.NoError(t, m.Add([]Token{3, 1}, []Token{6, 6}), "a window at which the model was not asked is not fresh later")
	assert.Equal(t, []int64{1, 1, 2}, []int64{m.Result().Scored, m.Result().Unread, m.Result().Skipped.Excluded})
}

func TestStudentSequential(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(36, 200)
	taught := toy.taught(tilt{mark, 1})
	decoys := decoysOf(t, 100, 1)
	rng := rand.New(rand.NewPCG(36, 36))
	q := testmark.Must(student.NewSequential(mark, decoys, &student.SequentialOptions{
		Filter: student.ContextFilter{Name: "not 5", Keep: func(c []Token) bool { return c[0] != 5 }}, Exempt: []Token{7},
	}))
	plain := sequential.New(mark, &sequential.Options{Exempt: []Token{7}})
	outputs := 0
	for !q.Done() {
		ask(taught, rng, 1, 100, func(prompt, text []Token) {
			text = slices.DeleteFunc(text, func(x Token) bool { return x == 5 })
			q.Add(prompt, text)
			plain.Prompt(prompt)
			plain.Add(text)
		})
		outputs++
		require.Less(t, outputs, 200)
	}
	r := q.Result()
	assert.Equal(t, detect.Detected, r.Verdict)
	want := plain.Result()
	got := r.Result
	want.Futile, got.Warnings, want.Warnings = got.Futile, nil, nil
	assert.Equal(t, want, got)
	assert.Equal(t, int64(math.MaxInt64), r.Futile)
	assert.Equal(t, int64(outputs), r.Outputs)
	assert.Zero(t, r.Filtered)
	assert.Equal(t, 1, r.Decoys.Rank)
	assert.Equal(t, q.Progress().Log10P, r.Log10P)
	assert.Greater(t, tail.Binomial(int64(slices.IndexFunc(r.Decoys.Log10P, func(p float64) bool { return p > -1 })), 100, 0.1), -6.0)
	q.Add(nil, []Token{5, 6, 5, 8})
	assert.Equal(t, int64(2), q.Result().Filtered)
	q = testmark.Must(student.NewSequential(mark, decoys, nil))
	require.NoError(t, q.Exclude([]Token{9}))
	q.Add([]Token{8}, []Token{1, 9, 2, 8, 3})
	assert.Equal(t, int64(2), q.Progress().Scored)
	assert.ErrorIs(t, q.Exclude([]Token{2}), sequential.ErrLate)
}

// TestStudentSequentialGivesUp at the futility bound of a stated c1.
func TestStudentSequentialGivesUp(t *testing.T) {
	mark := studentMark(t, "master", 1)
	toy := newToy(37, 200)
	o := &student.SequentialOptions{C1: 0.5, MinShare: 0.5, C1Pairs: 1000, PromptsUnmarked: true}
	q := testmark.Must(student.NewSequential(mark, decoysOf(t, 100, 1), o))
	futile := plan.Student{C1: 0.5}.Tokens(0.5, 0.99)
	require.Equal(t, int64(math.Ceil(futile)), q.Progress().Futile)
	rng := rand.New(rand.NewPCG(37, 37))
	for !q.Done() {
		ask(toy, rng, 1, 100, q.Add)
	}
	r := q.Result()
	assert.Equal(t, detect.NotDetected, r.Verdict)
	assert.GreaterOrEqual(t, r.Scored, r.Futile)
	o.C1Pairs = r.Futile - 1
	q = testmark.Must(student.NewSequential(mark, decoysOf(t, 100, 1), o))
	for rng := rand.New(rand.NewPCG(37, 37)); !q.Done(); {
		ask(toy, rng, 1, 100, q.Add)
	}
	assert.Equal(t, detect.Inconclusive, q.Result().Verdict, "c1 was measured at fewer pairs")
	assert.Zero(t, r.Skipped.Excluded)
	for _, c := range []struct {
		name, says string
		o          student.SequentialOptions
	}{
		{"no share", "MinShare", student.SequentialOptions{C1: 1}},
		{"no c1", "C1", student.SequentialOptions{MinShare: 0.5}},
		{"c1", "C1", student.SequentialOptions{C1: math.Inf(1), MinShare: 0.5}},
		{"share", "MinShare", student.SequentialOptions{C1: 1, MinShare: 2}},
		{"pairs", "C1Pairs", student.SequentialOptions{C1: 1, MinShare: 1, C1Pairs: -1}},
		{"alpha", "Alpha", student.SequentialOptions{Alpha: 0.6}},
		{"tests", "Tests", student.SequentialOptions{Tests: -1}},
		{"filter", "ContextFilter", student.SequentialOptions{Filter: student.ContextFilter{Name: "x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := student.NewSequential(mark, decoysOf(t, 100, 1), &c.o)
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, err := student.NewSequential(mark, nil, nil)
	assert.ErrorContains(t, err, "control keys")
}
