package llamacpp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// TestDraftsKeepTheEvidence checks drafts without a distribution under a keyed draw, and drafts of a
// model under a green list alone: text and evidence are those of a request without drafts.
func TestDraftsKeepTheEvidence(t *testing.T) {
	loop := make([]Token, 0, 120)
	for range 20 {
		loop = append(loop, words(4, 6)...)
	}
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
		model  *fake
		draft  *fake // nil looks up the text
	}{
		{"look-up under a GumbelMax", watermark.GumbelMax{Width: 2}, &fake{salt: 3, order: 1}, nil},
		{"a draft model under a green list", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, &fake{salt: 3}, &fake{salt: 3, blur: 0.5}},
		{"a draft model under a tournament", watermark.Tournament{Depth: 20, Width: 3}, &fake{salt: 3}, &fake{salt: 3, blur: 0.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fakeModel(t, c.model)
			config := Config{Slots: 1, Context: 600, Ahead: 4}
			if c.draft != nil {
				config.Draft = fakeModel(t, c.draft)
			}
			e := newEngine(t, m, config)
			mark := newMark(t, c.name, c.scheme, fakeVocab)
			var results []string
			for _, plain := range []bool{true, false} {
				r := &Request{Prompt: loop, MaxTokens: 300, Sampler: watermark.Sampler{Temperature: 0.5}, NoDraft: plain}
				r.Sequence = newSequence(t, loop, mark)
				text, err := e.Write(t.Context(), r)
				require.NoError(t, err)
				require.Len(t, text.Tokens, 300)
				test := detect.NewAccumulator(mark, nil)
				test.Add(text.Tokens)
				assert.Less(t, test.Result().Log10P, -6.0)
				results = append(results, fmt.Sprint(text.Tokens, test.Result()))
			}
			assert.Equal(t, results[0], results[1])
			assert.Positive(t, e.Stats().Accepted)
		})
	}
}

// TestSamplesOfOnePrompt checks which marks give n samples of one prompt n texts: the biases do, and
// a keyed draw does with a salt or a variant for each sample. A plain keyed draw decides the whole
// text, so all samples are one.
func TestSamplesOfOnePrompt(t *testing.T) {
	const n, tokens = 4, 100
	f := &fake{salt: 6}
	e := newEngine(t, fakeModel(t, f), Config{Slots: n, Context: 200})
	key := testKey(t, "samples")
	trace, err := watermark.TraceProfile(fakeVocab, watermark.TokenizerNone, "", 0.05)
	require.NoError(t, err)
	provenance, err := watermark.ProvenanceProfile(fakeVocab, watermark.TokenizerNone, "")
	require.NoError(t, err)
	bias, err := trace.Mark(key)
	require.NoError(t, err)
	draw, err := provenance.Mark(key)
	require.NoError(t, err)
	everywhere := *provenance
	everywhere.Marked = watermark.MarkedAll
	constant, err := everywhere.Mark(key)
	require.NoError(t, err)
	several := *provenance
	several.Variants = n
	variants, err := several.Marks(key)
	require.NoError(t, err)
	dual := newMark(t, "dual", watermark.GumbelMax{Width: 4, Dual: 0.75}, fakeVocab)
	for _, c := range []struct {
		name  string
		marks func(i int) []*watermark.Mark
		salt  bool
		texts int
	}{
		{"unmarked", func(int) []*watermark.Mark { return nil }, false, n},
		{"a bias", func(int) []*watermark.Mark { return []*watermark.Mark{bias} }, false, n},
		{"a keyed draw", func(int) []*watermark.Mark { return []*watermark.Mark{draw} }, false, n},
		{"a keyed draw that marks the first words", func(int) []*watermark.Mark { return []*watermark.Mark{constant} }, false, 1},
		{"a variant for each sample", func(i int) []*watermark.Mark { return variants[i : i+1] }, false, n},
		{"two keys and a salt for each sample", func(int) []*watermark.Mark { return []*watermark.Mark{dual} }, true, n},
		{"two keys without a salt", func(int) []*watermark.Mark { return []*watermark.Mark{dual} }, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			texts := map[string]bool{}
			for i := range n {
				r := &Request{Prompt: words(9, 30), MaxTokens: tokens, Sampler: watermark.Sampler{Temperature: 1}, Seed: [32]byte{byte(i)}}
				r.Sequence = newSequence(t, nil, c.marks(i)...)
				if c.salt {
					r.Sequence.SetSalt(uint32(i))
				}
				r.Sequence.Reset(r.Prompt)
				text, err := e.Write(t.Context(), r)
				require.NoError(t, err)
				texts[fmt.Sprint(text.Tokens)] = true
			}
			assert.Len(t, texts, c.texts)
		})
	}
}

// TestCountsShowTheMark checks what an engine sees of a mark: the counts of its outcomes sum to the
// number of tokens, and most positions are marked.
func TestCountsShowTheMark(t *testing.T) {
	f := &fake{salt: 6}
	e := newEngine(t, fakeModel(t, f), Config{Slots: 1, Context: 400, Ahead: 3})
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
	}{
		{"a keyed draw", watermark.GumbelMax{Width: 4}},
		{"a green list", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Request{Prompt: words(9, 30), MaxTokens: 200, Sampler: watermark.Sampler{Temperature: 1}, NoDraft: true}
			r.Sequence = newSequence(t, r.Prompt, newMark(t, "counts", c.scheme, fakeVocab))
			_, err := e.Write(t.Context(), r)
			require.NoError(t, err)
			n := r.Sequence.Counts()
			assert.EqualValues(t, 200, n.Tokens)
			assert.Zero(t, n.Unasked)
			assert.Zero(t, n.Replaced)
			for _, m := range []watermark.MarkCounts{n.Draw, n.Bias} {
				if m == (watermark.MarkCounts{}) {
					continue
				}
				assert.EqualValues(t, 200, m.Marked+m.Unscorable+m.OutOfBand+m.Repeated+m.Exempt+m.Forced+m.Greedy)
				assert.Greater(t, m.Marked, int64(190))
			}
			assert.NotEqual(t, n.Draw, n.Bias, "one of them marks")
		})
	}
}
