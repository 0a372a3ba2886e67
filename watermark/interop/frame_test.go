package interop_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

type ids = []watermark.Token

func TestFrames(t *testing.T) {
	const vocab = 100 // 100 is the absent id of engines that pad
	for _, c := range []struct {
		name, profile string
		prompt, text  ids
		want          interop.Frame
	}{
		{"vllm pads", `"scheme":"vllm-gumbel","width":2`, ids{7, 8, 9}, ids{1, 2}, interop.Frame{Tokens: ids{100, 100, 1, 2}, Before: 2}},
		{"the absent id is not in the text", `"scheme":"vllm-gumbel","width":1`, nil, ids{100, 1}, interop.Frame{Tokens: ids{100, 101, 1}, Before: 1}},
		{"sglang without a prompt", `"scheme":"sglang-gumbel","width":2`, nil, ids{1, 2, 3}, interop.Frame{Tokens: ids{1, 2, 3}}},
		{"sglang with a prompt", `"scheme":"sglang-gumbel","width":2`, ids{7, 8, 9}, ids{1, 2}, interop.Frame{Tokens: ids{8, 9, 1, 2}, Before: 2}},
		{"sglang with a short prompt", `"scheme":"sglang-gumbel","width":3`, ids{9}, ids{1, 2}, interop.Frame{Tokens: ids{100, 100, 9, 1, 2}, Before: 3}},
		{"sglang with a prompt outside", `"scheme":"sglang-gumbel","width":3`, ids{5, 200, 9}, ids{1}, interop.Frame{Tokens: ids{9, 1}, Before: 1}},
		{"first contexts", `"scheme":"sglang-gumbel","width":1,"max_contexts":2`, nil, ids{1, 2, 1, 3, 4}, interop.Frame{Tokens: ids{1, 2, 1}, End: 2}},
		{"hf", `"scheme":"hf-lefthash","width":1`, nil, ids{1, 2}, interop.Frame{Tokens: ids{1, 2}}},
		{"hf with a prompt", `"scheme":"hf-lefthash","width":1`, ids{8, 9}, ids{1, 2}, interop.Frame{Tokens: ids{9, 1, 2}, Before: 1}},
		{"hf with BOS", `"scheme":"hf-lefthash","width":1,"bos":1`, nil, ids{1, 2, 1}, interop.Frame{Tokens: ids{2, 1}, Start: 1}},
		{"three_bricks begins late", `"scheme":"three-bricks-gumbel","width":2`, nil, ids{1, 2, 3, 4}, interop.Frame{Tokens: ids{2, 3, 4}, Start: 1}},
		{"three_bricks with a prompt", `"scheme":"three-bricks-gumbel","width":2`, ids{7, 8, 9}, ids{1}, interop.Frame{Tokens: ids{8, 9, 1}, Before: 2}},
		{"synthid ends", `"scheme":"synthid-hf","width":2,"depth":1,"eos":3`, ids{9}, ids{1, 2, 3, 4, 3}, interop.Frame{Tokens: ids{1, 2}, End: 3}},
		{"empty", `"scheme":"three-bricks-gumbel","width":2`, nil, nil, interop.Frame{}},
		{"empty, padded", `"scheme":"vllm-gumbel","width":2`, nil, nil, interop.Frame{Tokens: ids{100, 100}, Before: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parse(t, `{"isotope":1,"vocab":100,"tokenizer":"none",`+c.profile+`}`)
			numbers := make([]uint64, p.Numbers())
			numbers[0] = 1 << 60
			s, err := p.Bind(newKey(t, numbers...))
			require.NoError(t, err)
			got := s.Frame(c.prompt, c.text)
			if len(c.want.Tokens) == 0 {
				assert.Empty(t, got.Tokens)
				got.Tokens = nil
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, len(c.text), len(got.Tokens)-got.Before+got.Start+got.End, "no token is lost")
			a := detect.NewAccumulator(s, nil)
			a.Add(got.Tokens)
			assert.GreaterOrEqual(t, a.Result().Skipped.ShortContext, int64(min(got.Before, s.Width())))
			for u := range a.Units() {
				assert.Less(t, int(u.Token), vocab)
			}
		})
	}
}

// TestEachCountsEveryPosition: under DedupNone no position is a duplicate.
func TestEachCountsEveryPosition(t *testing.T) {
	p := parse(t, `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":100,"tokenizer":"none","dedup":"none"}`)
	s, err := p.Bind(newKey(t, 1<<60))
	require.NoError(t, err)
	text := ids{1, 2, 1, 2, 1, 2, 500, 3, 4}
	r, sum := measure(s, nil, text)
	assert.EqualValues(t, 6, r.Scored, "pairs with an id outside the vocabulary are left out")
	assert.Equal(t, float64(r.Green), sum)
	limits := s.Limits()
	assert.True(t, limits.NoVerdict)
	assert.Contains(t, limits.Warnings, interop.ErrNoDedup)
	wide := parse(t, `{"isotope":1,"scheme":"vllm-gumbel","width":16,"vocab":100,"tokenizer":"none","dedup":"none"}`)
	ws, err := wide.Bind(newKey(t, 1))
	require.NoError(t, err)
	assert.Nil(t, interop.Each(ws))
	assert.Contains(t, ws.Limits().Warnings, interop.ErrGuessableKey)
}

// TestUnits: windows with one seed are one input.
func TestUnits(t *testing.T) {
	for _, c := range []struct {
		profile    string
		same, diff watermark.Pair // same as {1,2,3},4 and not
	}{
		{`"scheme":"hf-lefthash","width":3`, watermark.Pair{Context: ids{9, 9, 3}, Token: 4}, watermark.Pair{Context: ids{1, 3, 2}, Token: 4}},
		{`"scheme":"kgw","preset":"ff-additive_prf-3-False"`, watermark.Pair{Context: ids{3, 2, 1}, Token: 4}, watermark.Pair{Context: ids{3, 2, 2}, Token: 4}},
		{`"scheme":"kgw","preset":"ff-minfunc_prf-3-False"`, watermark.Pair{Context: ids{7, 1, 9}, Token: 4}, watermark.Pair{Context: ids{7, 1, 9}, Token: 5}},
		{`"scheme":"sbw","preset":"gpu-ff-additive_prf-3-False"`, watermark.Pair{Context: ids{3, 2, 1}, Token: 4}, watermark.Pair{Context: ids{3, 2, 2}, Token: 4}},
	} {
		t.Run(c.profile, func(t *testing.T) {
			s, err := parse(t, `{"isotope":1,"vocab":100,"tokenizer":"none",`+c.profile+`}`).Bind(newKey(t, 1<<50+3))
			require.NoError(t, err)
			n, ok := s.(detect.UnitNamer)
			require.True(t, ok)
			unit := string(n.AppendUnit(nil, watermark.Pair{Context: ids{1, 2, 3}, Token: 4}))
			assert.Equal(t, unit, string(n.AppendUnit(nil, c.same)))
			assert.NotEqual(t, unit, string(n.AppendUnit(nil, c.diff)))
		})
	}
}

// TestPromptsExcludeSeeds: an input of the engine's function that the prompt has is left out, even if
// the text has it in another window. Text that shares pairs of words with a marked prompt would be
// called marked otherwise.
func TestPromptsExcludeSeeds(t *testing.T) {
	for _, c := range []struct {
		profile      string
		prompt, text ids
		scored       int64
	}{
		{`"scheme":"hf-lefthash","width":3`, ids{1, 2, 3, 4}, ids{7, 8, 3, 4, 9}, 0},
		{`"scheme":"hf-lefthash","width":3`, ids{1, 2, 3, 4}, ids{7, 8, 3, 5, 6}, 1},
		{`"scheme":"hf-lefthash","width":3`, ids{1, 2, 3, 4}, ids{7, 3, 8, 5}, 1},
		{`"scheme":"kgw","preset":"ff-minfunc_prf-3-False"`, ids{9, 2, 9, 4}, ids{7, 2, 7, 5, 6}, 0},
		{`"scheme":"kgw","preset":"ff-minfunc_prf-3-False"`, ids{9, 2, 9, 4}, ids{7, 8, 7, 5, 6}, 2},
		{`"scheme":"sbw","preset":"gpu-ff-additive_prf-2-False"`, ids{2, 5}, ids{4, 3, 6, 9}, 1},
		{`"scheme":"kgw","preset":"ff-additive_prf-3-True"`, ids{1, 2, 6}, ids{2, 1, 6, 9}, 1}, // the pair of the prompt, 2+1+6
		{`"scheme":"kgw","preset":"ff-additive_prf-3-True"`, ids{1, 2, 6}, ids{2, 1, 7, 9}, 2},
		{`"scheme":"three-bricks-greenlist","width":2`, ids{1, 2, 3}, ids{5, 2, 3, 4}, 1}, // 2, 3 is a context of the prompt
	} {
		t.Run(c.profile, func(t *testing.T) {
			s, err := parse(t, `{"isotope":1,"vocab":100,"tokenizer":"none",`+c.profile+`}`).Bind(newKey(t, 1<<50+3))
			require.NoError(t, err)
			a := detect.NewAccumulator(s, nil)
			a.Exclude(c.prompt)
			a.Add(c.text)
			assert.Equal(t, c.scored, a.Result().Scored)
			r := detect.Text(s, c.text, &detect.TextOptions{Prompts: [][]watermark.Token{c.prompt}, Spans: true})
			assert.Equal(t, c.scored, r.Scored)
		})
	}
}
