package detect_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func TestPanelIsManyAccumulators(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	root, sel := testmark.Key(0), testmark.Key(1)
	var scorers []detect.Scorer
	for i := range 20 {
		band := watermark.Band{Selector: sel, Lo: 0, Hi: 10000 + 2000*i}
		width := 2
		if i%5 == 0 {
			width = 1 // another profile
		}
		scorers = append(scorers, testmark.Green(t, root.Derive("tenant", string(rune('a'+i))), width, band))
	}
	o := &detect.Options{Tests: 2, Exempt: []Token{3}}
	panel := detect.NewPanel(scorers, o)
	texts := [][]Token{
		testmark.Write(t, rng, 1500, testmark.Flat, scorers[7].(*watermark.Mark)), testmark.Uniform(rng, 300, 20),
	}
	prompt := testmark.Uniform(rng, 5, 20)
	for _, text := range texts {
		panel.Add(text)
	}
	panel.Exclude(prompt)
	panel.AddPair([]Token{5, 6}, 7)
	for i, r := range panel.Results() {
		a := detect.NewAccumulator(scorers[i], o)
		a.Exclude(prompt)
		a.AddPair([]Token{5, 6}, 7)
		for _, text := range texts {
			a.Add(text)
		}
		want := a.Result()
		require.Equal(t, want.Log10P, r.Log10P)
		require.Equal(t, want.Scored, r.Scored)
		require.Equal(t, want.Green, r.Green)
		require.Equal(t, want.Skipped, r.Skipped)
		require.Equal(t, want.Mark, r.Mark)
		require.Equal(t, int64(40), r.Tests)
		require.InDelta(t, tail.Bonferroni(tail.Sidak(want.Log10P, 20), 2), r.Log10PAdjusted, 1e-12, "adjusted for every key")
		require.Equal(t, i == 7, r.Verdict == detect.Detected)
	}
	panel.Reset()
	assert.Zero(t, panel.Results()[0].Tokens)
}

// TestAddPackedIsAddPair compares packed pairs with the pairs themselves, among them some with ids outside
// the vocabulary, with contexts that are not whole and with ids older than the context.
func TestAddPackedIsAddPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	var clean, rough []watermark.Packed
	for i := range 140_000 { // more than fit one page of a set
		var in watermark.Packed
		for j := range watermark.MaxPackedWidth {
			id := rng.IntN(vocab)
			in[3*j], in[3*j+1], in[3*j+2] = byte(id), byte(id>>8), byte(id>>16)
		}
		binary.BigEndian.PutUint32(in[12:], uint32(rng.IntN(vocab)))
		for j := range 6 {
			in[j] = 0xff // a context of two ids
		}
		clean = append(clean, in)
		switch i % 50 {
		case 10:
			in[8] = 0xfe // outside the vocabulary
		case 20:
			in[6], in[7], in[8] = 0xff, 0xff, 0xff // the context has one id
		case 30:
			in[12] = 0xff // a negative token
		case 40:
			in[2] = 0 // an older id
		}
		rough = append(rough, in)
	}
	marks := []detect.Scorer{testmark.Green(t, testmark.Key(1), 2), testmark.Green(t, testmark.Key(2), 1), testmark.Green(t, testmark.Key(3), 0)}
	for _, c := range []struct {
		name  string
		o     detect.Options
		pairs []watermark.Packed
	}{
		{"clean", detect.Options{Dedup: detect.DedupPair}, clean},
		{"rough", detect.Options{Dedup: detect.DedupPair}, rough},
		{"rough by context", detect.Options{Dedup: detect.DedupContext}, rough[:5000]},
		{"rough in a sample", detect.Options{Dedup: detect.DedupPair, Sample: detect.Sample{Size: 700, RunKey: [16]byte{1}}}, rough[:5000]},
	} {
		t.Run(c.name, func(t *testing.T) {
			packed, single := detect.NewPanel(marks, &c.o), detect.NewPanel(marks, &c.o)
			text := testmark.Uniform(rng, 900, vocab)
			packed.Add(text)
			single.Add(text)
			packed.AddPacked(c.pairs[:len(c.pairs)/2])
			packed.AddPacked(c.pairs[len(c.pairs)/2:])
			packed.AddPacked(nil)
			for _, in := range c.pairs {
				var context []Token
				for j := range watermark.MaxPackedWidth {
					if id := Token(in[3*j]) | Token(in[3*j+1])<<8 | Token(in[3*j+2])<<16; id != 1<<24-1 {
						context = append(context, id)
					}
				}
				single.AddPair(context, Token(int32(binary.BigEndian.Uint32(in[12:]))))
			}
			assert.Equal(t, single.Results(), packed.Results())
			assert.Positive(t, packed.Results()[0].Scored)
		})
	}
	wide := detect.NewPanel([]detect.Scorer{testmark.Green(t, testmark.Key(4), 5)}, nil)
	assert.PanicsWithValue(t, "detect: AddPacked: a scorer is wider than MaxPackedWidth", func() { wide.AddPacked(clean[:1]) })
}

func TestNewPanelRefuses(t *testing.T) {
	m := testmark.Green(t, watermark.NewKey(), 2)
	other := testmark.Mark(t, watermark.NewKey(), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, vocab+1)
	for _, c := range []struct {
		name, says string
		scorers    []detect.Scorer
		tests      int64
	}{
		{"none", "detect: a Panel needs at least one scorer", nil, 1},
		{"a key twice", "detect: two scorers of a Panel have one ID", []detect.Scorer{m, m}, 1},
		{"another vocabulary", "detect: the scorers of a Panel differ in vocabulary", []detect.Scorer{m, other}, 1},
		{"too many tests", "detect: Tests times the number of scorers overflows", []detect.Scorer{m, m}, math.MaxInt64},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.PanicsWithValue(t, c.says, func() { detect.NewPanel(c.scorers, &detect.Options{Tests: c.tests}) })
		})
	}
}
