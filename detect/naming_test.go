package detect_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// smallest is a green list whose function sees only the smallest id of the context. So several
// contexts are one input, as in marks of some other engines. A mark of width 1 colours the pairs.
type smallest struct {
	width int
	one   *watermark.Mark
}

func (s smallest) ID() string         { return "smallest " + s.one.ID() }
func (s smallest) Width() int         { return s.width }
func (s smallest) Vocab() int         { return s.one.Vocab() }
func (s smallest) Law() watermark.Law { return s.one.Law() }

func (s smallest) input(p detect.Pair) detect.Pair {
	return detect.Pair{Context: []Token{slices.Min(p.Context)}, Token: p.Token}
}

func (s smallest) Score(dst []int64, pairs []detect.Pair) []int64 {
	for _, p := range pairs {
		dst = s.one.Score(dst, []detect.Pair{s.input(p)})
	}
	return dst
}

// namesInputs is smallest with the names of its inputs.
type namesInputs struct{ smallest }

func (s namesInputs) AppendUnit(dst []byte, p detect.Pair) []byte {
	in := s.input(p)
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(dst, uint32(in.Context[0])), uint32(in.Token))
}

func newSmallest(t testing.TB, k watermark.Key) smallest {
	return smallest{3, testmark.Green(t, k, 1)}
}

// namesSeeds is namesInputs with the names of seeds.
type namesSeeds struct{ namesInputs }

func (s namesSeeds) AppendSeed(dst []byte, context []Token) []byte {
	return binary.LittleEndian.AppendUint32(dst, uint32(slices.Min(context)))
}

// TestUnitsOfNamedInputs counts by hand: each distinct (smallest id, token) is one unit. An input
// that occurs with an excluded context or in an excluded text is out. If the scorer names its seeds,
// so is each input with a seed of an excluded context.
func TestUnitsOfNamedInputs(t *testing.T) {
	inputs := namesInputs{newSmallest(t, testmark.Key(60))}
	t.Run("inputs", func(t *testing.T) { testUnits(t, inputs, inputs.smallest, false) })
	t.Run("seeds", func(t *testing.T) { testUnits(t, namesSeeds{inputs}, inputs.smallest, true) })
}

func testUnits(t *testing.T, s detect.Scorer, by smallest, seeds bool) {
	rng := rand.New(rand.NewPCG(601, 602))
	for range 50 {
		texts := [][]Token{testmark.Uniform(rng, 200, 12), testmark.Uniform(rng, 60, 12)}
		prompt := testmark.Uniform(rng, 8, 12)
		type input struct{ seed, token Token }
		excluded, given, givenSeeds := map[[3]Token]bool{}, map[input]bool{}, map[Token]bool{}
		for i := 3; i <= len(prompt); i++ {
			excluded[[3]Token(prompt[i-3:i])] = true
			givenSeeds[slices.Min(prompt[i-3:i])] = true
			if i < len(prompt) {
				given[input{slices.Min(prompt[i-3 : i]), prompt[i]}] = true
			}
		}
		seen, out, positions := map[input]bool{}, map[input]bool{}, 0
		for _, text := range texts {
			for i := 3; i < len(text); i++ {
				in := input{slices.Min(text[i-3 : i]), text[i]}
				seen[in] = true
				out[in] = out[in] || excluded[[3]Token(text[i-3:i])] || given[in] || seeds && givenSeeds[in.seed]
				positions++
			}
		}
		var scored, green int64
		for in := range seen {
			if !out[in] {
				scored++
				green += by.one.Score(nil, []detect.Pair{{Context: []Token{in.seed}, Token: in.token}})[0]
			}
		}
		a, b := detect.NewAccumulator(s, nil), detect.NewAccumulator(s, nil)
		a.Exclude(prompt)
		a.Add(texts[0])
		a.Add(texts[1])
		r := a.Result()
		require.Equal(t, scored, r.Scored)
		require.Equal(t, green, r.Green)
		require.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
		require.EqualValues(t, 6, r.Skipped.ShortContext)
		units := 0
		for u := range a.Units() {
			if !u.Excluded {
				units++
			}
		}
		require.EqualValues(t, scored, units)

		b.Add(texts[1])
		other := detect.NewAccumulator(s, nil)
		other.Add(texts[0])
		other.Exclude(prompt)
		require.NoError(t, b.Merge(other))
		require.Equal(t, r, b.Result(), "order and shards")

		kept, err := a.MarshalBinary()
		require.NoError(t, err)
		same, err := b.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, kept, same)
		back := detect.NewAccumulator(s, nil)
		require.NoError(t, back.UnmarshalBinary(kept))
		require.Equal(t, r, back.Result(), "kept")
		require.Equal(t, r, a.Clone().Result(), "copy")
		panel := detect.NewPanel([]detect.Scorer{newSmallest(t, testmark.Key(62)), s}, nil)
		panel.Exclude(prompt)
		panel.Add(texts[0])
		panel.Add(texts[1])
		require.Equal(t, r.Green, panel.Results()[1].Green, "with a scorer without names")

		scan := detect.Text(s, texts[0], &detect.TextOptions{Prompts: [][]Token{prompt}, Spans: true})
		one := detect.NewAccumulator(s, nil)
		one.Exclude(prompt)
		one.Add(texts[0])
		require.Equal(t, one.Result().Scored, scan.Scored)
	}
}

// TestSequentialNamesInputs: a sequential test scores the same inputs, and finds them again after
// a restart.
func TestSequentialNamesInputs(t *testing.T) {
	rng := rand.New(rand.NewPCG(603, 604))
	s := namesInputs{newSmallest(t, testmark.Key(61))}
	text := testmark.Uniform(rng, 400, 12)
	a, q := detect.NewAccumulator(s, nil), sequential.New(s, nil)
	a.Add(text)
	q.Add(text[:200])
	data, err := q.MarshalBinary()
	require.NoError(t, err)
	q = sequential.New(s, nil)
	require.NoError(t, q.UnmarshalBinary(data))
	clone := q.Clone()
	for _, q := range []*sequential.Test{q, clone} {
		for i := 200; i < len(text); i++ {
			q.AddPair(text[:i], text[i])
		}
		want, got := a.Result(), q.Result()
		require.Equal(t, want.Scored, got.Scored)
		require.Equal(t, want.Green, got.Green)
		require.Equal(t, want.Skipped, got.Skipped)
	}
	assert.Panics(t, func() { sequential.New(s, &sequential.Options{Dedup: detect.DedupContext}) })
}

// TestPairsAreNotInputs: without the names, p-values are too small in unmarked text. With them, they
// are not. So the method is needed, and it works.
func TestPairsAreNotInputs(t *testing.T) {
	keys := int64(600)
	rng := rand.New(rand.NewPCG(605, 606))
	text := testmark.Zipf(rng, 2000, 200)
	var pairs, inputs int64
	for i := range keys {
		s := newSmallest(t, testmark.Key(62).Derive(strconv.Itoa(int(i))))
		for _, c := range []struct {
			scorer detect.Scorer
			count  *int64
		}{{s, &pairs}, {namesInputs{s}, &inputs}} {
			a := detect.NewAccumulator(c.scorer, nil)
			a.Add(text)
			if a.Tested().Log10P <= -2 {
				*c.count++
			}
		}
	}
	t.Logf("p <= 0.01 under %d of %d keys by pairs, %d by inputs", pairs, keys, inputs)
	assert.Greater(t, tail.Binomial(inputs, keys, 0.01), -6.0)
	assert.Less(t, tail.Binomial(pairs, keys, 0.01), -20.0)
}
