package scan

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// engineMark returns a Mark of an engine's profile.
func engineMark(t *testing.T, profile string) Mark {
	t.Helper()
	p, err := interop.ParseProfile([]byte(`{"isotope":1,"vocab":1000,"tokenizer":"none",` + profile + `}`))
	require.NoError(t, err)
	k, err := interop.NewKey(1<<50 + 3)
	require.NoError(t, err)
	s, err := p.Bind(k)
	require.NoError(t, err)
	return Mark{
		Label: "engine", KeyID: "engine", Profile: "sha256:test", Scheme: p.Scheme, Bound: interop.Bound{Scorer: s, Engine: s},
		Tokenizer: words1, Vocab: 1000,
	}
}

// TestPilePromptsOfEngines: text that walks the pairs of words of a marked prompt has the inputs of the
// prompt in other windows. The pile leaves them out where contexts tell, and is not tested where they do
// not.
func TestPilePromptsOfEngines(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		tested        bool
	}{
		{"a seed of the last token", `"scheme":"hf-lefthash","width":3`, true},
		{"a seed of the smallest hash", `"scheme":"kgw","preset":"ff-minfunc_prf-3-False"`, true},
		{"a seed that depends on the token", `"scheme":"hf-selfhash","width":3`, false},
		{"contexts that are not kept", `"scheme":"hf-lefthash","width":6`, false},
		{"a seed for each context", `"scheme":"hf-lefthash","width":1`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			mark := engineMark(t, c.profile)
			w := newWorld(t, 77)
			// Green pairs of words, as a marked prompt has them.
			s, rng := mark.Bound.Scorer, rand.New(rand.NewPCG(5, 6))
			prompt := testmark.Uniform(rng, s.Width(), 1000)
			for len(prompt) < 600 {
				next := rng.Int32N(1000)
				if s.Score(nil, []detect.Pair{{Context: prompt[len(prompt)-s.Width():], Token: next}})[0] == 1 {
					prompt = append(prompt, next)
				}
			}
			// The text alternates between words of its own and pairs of the prompt.
			var copied []watermark.Token
			for i := 0; i+1 < len(prompt); i += 2 {
				copied = append(copied, rng.Int32N(1000), rng.Int32N(1000), prompt[i], prompt[i+1])
			}
			w.file("part-00.jsonl", w.row(text(prompt), text(copied)))
			_, totals, _ := scanned(t, []Mark{mark}, testOptions(), w.input(nil), nil)
			pile := totals.Pile[0]
			if !c.tested {
				assert.Nil(t, pile.Log10P)
				require.NotEmpty(t, pile.Warnings)
				assert.Contains(t, pile.Warnings[len(pile.Warnings)-1], "no test of a pile with prompts for this engine")
				return
			}
			require.NotNil(t, pile.Log10P)
			assert.Positive(t, pile.Excluded)
			panel := detect.NewPanel([]detect.Scorer{s}, nil)
			panel.Exclude(prompt)
			panel.Add(copied)
			want := panel.Results()[0]
			assert.Equal(t, want.Scored, pile.Scored)
			assert.Equal(t, want.Log10P, *pile.Log10P)
			assert.Greater(t, *pile.Log10P, -3.0)

			// Without prompts the same text is tested whole.
			w = newWorld(t, 78)
			w.file("part-00.jsonl", w.row("", text(copied)))
			_, totals, _ = scanned(t, []Mark{mark}, testOptions(), w.input(nil), nil)
			assert.Greater(t, totals.Pile[0].Scored, want.Scored)
		})
	}
}
