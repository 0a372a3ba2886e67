package watermark

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainSample is Sample as its comment describes it: it copies the row, applies the marks and then
// the sampler.
func plainSample(s *Sequence, logits []float32, p Sampler, u float64) Token {
	if s.vocab > 0 {
		logits = logits[:min(len(logits), s.vocab)]
	}
	row := slices.Clone(logits)
	s.Process(row)
	if p.isGreedy() {
		return argmax(row)
	}
	kept, _ := p.survivors(nil, row)
	i := -1
	switch {
	case s.draw.mark == nil || len(kept) < 2 || !s.isKeyed(s.draw):
		i = drawIndex(kept, u)
	default:
		k := s.draw.mark.keyed
		k.setContext(&s.scratch, s.tokens)
		if g, ok := k.(*gumbelMax); ok {
			i = g.chooseAll(&s.scratch, kept, s.salt)
		} else {
			i = k.choose(&s.scratch, kept, s.salt, u)
		}
	}
	if i < 0 {
		return -1
	}
	return kept[i].id
}

// A rowKind fills rows of one shape.
type rowKind struct {
	name string
	fill func(rng *rand.Rand, row []float32)
}

// rowKinds are the shapes of rows that a draw meets, and some that it should not meet.
var rowKinds = []rowKind{
	{"flat", func(rng *rand.Rand, row []float32) { normal(rng, row, 3) }},
	{"ties", func(rng *rand.Rand, row []float32) { normal(rng, row, 2); quantise(row, 0.5) }},
	{"equal", func(rng *rand.Rand, row []float32) { normal(rng, row, 0) }},
	{"peaked", func(rng *rand.Rand, row []float32) {
		normal(rng, row, 1.5)
		for range 1 + rng.IntN(20) {
			row[rng.IntN(len(row))] += float32(15 * rng.Float64())
		}
	}},
	{"sorted", func(rng *rand.Rand, row []float32) {
		normal(rng, row, 3)
		slices.Sort(row)
		if rng.IntN(2) == 0 {
			slices.Reverse(row)
		}
	}},
	{"grammar", func(rng *rand.Rand, row []float32) { // few tokens are allowed
		normal(rng, row, 3)
		allowed := rng.IntN(60)
		for i := range row {
			if rng.IntN(len(row)) >= allowed {
				row[i] = negInf
			}
		}
	}},
	{"odd", func(rng *rand.Rand, row []float32) {
		normal(rng, row, 2)
		odd := []float32{float32(math.NaN()), negInf, 0, float32(math.Copysign(0, -1)), 1e-40, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1))}
		kinds := odd[:4+rng.IntN(len(odd)-3)]
		for range rng.IntN(len(row) + 1) {
			row[rng.IntN(len(row))] = kinds[rng.IntN(len(kinds))]
		}
	}},
	{"large", func(rng *rand.Rand, row []float32) { // where adding delta rounds
		normal(rng, row, 4)
		for i := range row {
			row[i] += 1 << 21
		}
	}},
	{"nothing", func(_ *rand.Rand, row []float32) {
		for i := range row {
			row[i] = []float32{negInf, float32(math.NaN())}[i%2]
		}
	}},
}

// rowsOf returns the rowKind with this name.
func rowsOf(name string) rowKind {
	return rowKinds[slices.IndexFunc(rowKinds, func(k rowKind) bool { return k.name == name })]
}

func normal(rng *rand.Rand, row []float32, sd float64) {
	for i := range row {
		row[i] = float32(rng.NormFloat64() * sd)
	}
}

func quantise(row []float32, step float64) {
	for i, x := range row {
		row[i] = float32(math.Round(float64(x)/step) * step)
	}
}

// A testSequence makes a Sequence of a kind.
type testSequence struct {
	name string
	make func() *Sequence
}

// testSequences returns the biases and draws, alone and together, that a Sequence may have.
func testSequences(t *testing.T, vocab int) []testSequence {
	key, selector := mustKey(t, 1), mustKey(t, 2)
	mark := func(g Scheme, opts ...Option) *Mark {
		m, err := New(key, g, vocab, opts...)
		require.NoError(t, err)
		return m
	}
	half := GreenList{Gamma: 0.5, Delta: 2, Width: 1}
	var made []testSequence
	add := func(name string, marks ...*Mark) {
		made = append(made, testSequence{name, func() *Sequence {
			s, err := NewSequence(marks...)
			require.NoError(t, err)
			return s
		}})
	}
	add("none")
	add("half", mark(half))
	add("quarter", mark(GreenList{Gamma: 0.25, Delta: 0.3, Width: 1}))
	add("fine", mark(GreenList{Gamma: 101.0 / 256, Delta: 5, Width: 1}))
	add("eighth", mark(GreenList{Gamma: 0.5, Delta: 0.125, Width: 1})) // half a unit in the last place of large logits
	add("masked", mark(half, MaskRepeats{}))
	add("lane", mark(half, Lane{Group: 3, Index: 77}))
	add("payload", mark(half, Payload{Bits: 6, Message: 41}))
	add("gumbelmax", mark(GumbelMax{Width: 2}))
	add("gumbelmax, k=6", mark(GumbelMax{Width: 6}, Lane{Group: 1, Index: 11}))
	add("both", mark(GumbelMax{Width: 4, Dual: 0.25}, MaskRepeats{}), mark(half))
	add("tournament", mark(Tournament{Width: 2, Depth: 10}), mark(half))
	add("bands",
		mark(half, Band{Selector: selector, Lo: 0, Hi: 20000}, MaskRepeats{}),
		mark(GreenList{Gamma: 0.75, Delta: 1, Width: 1}, Band{Selector: selector, Lo: 20000, Hi: 40000}),
		mark(GreenList{Gamma: 1.0 / 16, Delta: 3, Width: 1}, Band{Selector: selector, Lo: 45000, Hi: 65536}))
	return made
}

// sequenceOf returns a Sequence of the kind with this name.
func sequenceOf(kinds []testSequence, name string) *Sequence {
	return kinds[slices.IndexFunc(kinds, func(k testSequence) bool { return k.name == name })].make()
}

func mustKey(t *testing.T, n byte) Key {
	t.Helper()
	k, err := ParseKey(fmt.Sprintf("isotope-secret-key-1:%064x", n))
	require.NoError(t, err)
	return k
}

// TestSampleIsThePlainPath compares tokens and not distributions: with the same random number Sample
// draws what the sampler draws from the marked row.
func TestSampleIsThePlainPath(t *testing.T) {
	samplers := func(rng *rand.Rand) Sampler {
		return Sampler{
			Temperature: []float32{0, 0.1, 0.8, 1, 2, 1e-7, 1e9, float32(math.Inf(1)), -1, float32(math.NaN())}[min(rng.IntN(16), 9)],
			TopK:        []int{0, 0, 1, 2, 40, 300, 5000, -1}[rng.IntN(8)],
			TopP:        []float32{0, 0.3, 0.9, 0.99, 0.99999994, 1, float32(math.NaN())}[rng.IntN(7)],
			MinP:        []float32{0, 0, 0.01, 0.3, 1, 2}[rng.IntN(6)],
		}
	}
	for _, kind := range rowKinds {
		t.Run(kind.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(21, uint64(len(kind.name))))
			for _, vocab := range []int{1, 3, 63, 64, 65, 700, 4500} {
				row := make([]float32, vocab)
				for _, sequence := range testSequences(t, vocab) {
					s := sequence.make()
					for range 4 {
						kind.fill(rng, row)
						s.Accept(rng.Int32N(5)) // contexts repeat
						p, u := samplers(rng), []float64{0, rng.Float64(), 1 - 0x1p-53}[min(rng.IntN(6), 2)]
						before := slices.Clone(row)
						want := plainSample(s, row, p, u)
						require.Equal(t, want, s.Sample(row, p, u), "%s, V=%d, %+v, u=%v", sequence.name, vocab, p, u)
						for i := range row {
							require.Equal(t, math.Float32bits(before[i]), math.Float32bits(row[i]), "the row is written")
						}
					}
				}
			}
		})
	}
}

// TestSampleOfLargeRows does the same where selections by blocks and by mass take place.
func TestSampleOfLargeRows(t *testing.T) {
	const vocab = 32768
	rng := rand.New(rand.NewPCG(22, 22))
	row := make([]float32, vocab+100) // a padded head
	kinds := testSequences(t, vocab)
	for _, kind := range []string{"flat", "ties", "peaked", "sorted", "grammar"} {
		for _, name := range []string{"none", "half", "fine", "payload", "gumbelmax", "both"} {
			s := sequenceOf(kinds, name)
			for i, p := range []Sampler{
				{}, {Temperature: 0.8, TopK: 40, TopP: 0.9}, {Temperature: 1, TopK: 400}, {Temperature: 0.7, TopP: 0.9},
				{Temperature: 1, TopP: 0.6, MinP: 0.02}, {Temperature: 1, MinP: 0.05}, {Temperature: 1.5, TopP: 0.999}, {Temperature: 0.9},
			} {
				rowsOf(kind).fill(rng, row)
				s.Accept(Token(i))
				u := rng.Float64()
				require.Equal(t, plainSample(s, row, p, u), s.Sample(row, p, u), "%s, %s, %+v, u=%v", kind, name, p, u)
			}
		}
	}
}

// TestBoundsDecide checks that the bounds nearly always decide, on rows like those of models.
// Otherwise every draw would fall back on the exact sampler.
func TestBoundsDecide(t *testing.T) {
	const vocab, draws = 32000, 60
	rng := rand.New(rand.NewPCG(23, 23))
	row := make([]float32, vocab)
	for _, kind := range []string{"flat", "peaked"} {
		nucleus, sum := 0, 0
		for range draws {
			rowsOf(kind).fill(rng, row)
			var c rowScanner
			var nothing rowBias
			top := c.scan(row)
			kept, ok := c.nucleus(row, &nothing, Sampler{Temperature: 0.8, TopP: 0.9}, top)
			if ok {
				nucleus++
				assert.NotEmpty(t, kept)
			}
			u := rng.Float64()
			got, ok := c.runningSum(row, &nothing, top, 0.8, u)
			if ok {
				sum++
				want, _ := Sampler{Temperature: 0.8}.draw(nil, row, u)
				assert.Equal(t, want, got)
			}
		}
		assert.Greater(t, nucleus, draws*9/10, kind)
		assert.Greater(t, sum, draws*9/10, kind)
	}
}

func TestKthLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(24, 24))
	for range 2000 {
		a := make([]float32, 1+rng.IntN(200))
		for i := range a {
			a[i] = float32(rng.IntN(1 + rng.IntN(300)))
		}
		if rng.IntN(4) == 0 {
			slices.Sort(a)
		}
		sorted := slices.Sorted(slices.Values(a))
		k := 1 + rng.IntN(len(a))
		require.Equal(t, sorted[len(a)-k], kthLargest(a, k))
	}
}

// TestLastInNucleus checks that a selection by mass agrees with the running sum.
func TestLastInNucleus(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 25))
	var c rowScanner
	for range 2000 {
		list := make([]candidate, 1+rng.IntN(300))
		total := 0.0
		for i := range list {
			x := float32(rng.IntN(50))
			list[i] = candidate{logit: x, id: Token(i), weight: math.Exp(float64(x)/4 - 12)}
			total += list[i].weight
		}
		ranked := slices.SortedFunc(slices.Values(list), func(a, b candidate) int {
			if better(a, b) {
				return -1
			}
			return 1
		})
		topP := 0.05 + 0.9*rng.Float64()
		n, sum := 0, 0.0
		for sum < topP*total {
			sum += ranked[n].weight
			n++
		}
		got, ok := c.lastInNucleus(list, topP, total, total*1e-12)
		require.True(t, ok)
		require.Equal(t, ranked[n-1], got)
		_, ok = c.lastInNucleus(list, sum/total, total, total*1e-12)
		require.False(t, ok, "the mass ends where a token does")
	}
}

// TestSurvivors compares all that truncation leaves, weights included. In rows of the kind "large"
// adding delta rounds, so that a token can tie with the k-th under the bias but not by a threshold
// without it.
func TestSurvivors(t *testing.T) {
	const vocab = 1000
	rng := rand.New(rand.NewPCG(26, 26))
	row := make([]float32, vocab)
	kinds := testSequences(t, vocab)
	for _, kind := range []string{"large", "ties", "flat", "odd"} {
		for _, name := range []string{"eighth", "half", "quarter"} {
			s := sequenceOf(kinds, name)
			for i := range 100 {
				rowsOf(kind).fill(rng, row)
				s.Accept(Token(i))
				biased := slices.Clone(row)
				s.Process(biased)
				for _, p := range []Sampler{{Temperature: 1, TopK: 1 + rng.IntN(60)}, {Temperature: 1, TopP: rng.Float32()}, {Temperature: 2, MinP: rng.Float32()}} {
					want, _ := p.survivors(nil, biased)
					_, bias := s.biased(row)
					got := s.scratch.scanner.survivors(row, &bias, p, s.scratch.scanner.begin(row, &bias, p))
					require.Equal(t, len(want), len(got), "%s, %s, %+v", kind, name, p)
					for i := range want {
						require.Equal(t, want[i], got[i], "%s, %s, %+v", kind, name, p)
					}
				}
			}
		}
	}
}
