package detect_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// TestProfileIsOneObject checks that a test without Options follows the profile of its mark, in what
// is scored once and in what is never scored.
func TestProfileIsOneObject(t *testing.T) {
	text := []Token{1, 2, 3, 1, 2, 4, 1, 2, 5, 7, 7}
	for _, c := range []struct {
		name   string
		dedup  string
		exempt []Token
		want   *detect.Options
	}{
		{"pairs", watermark.DedupPair, nil, &detect.Options{}},
		{"contexts", watermark.DedupContext, nil, &detect.Options{Dedup: detect.DedupContext}},
		{"exempt ids", watermark.DedupPair, []Token{5, 7}, &detect.Options{Exempt: []Token{5, 7}}},
		{"both", watermark.DedupContext, []Token{3}, &detect.Options{Dedup: detect.DedupContext, Exempt: []Token{3}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &watermark.Profile{
				Scheme: watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, Vocab: 10, Tokenizer: watermark.TokenizerNone,
				Dedup: c.dedup, Exempt: c.exempt,
			}
			mark, err := p.Mark(testmark.Key(0x31))
			require.NoError(t, err)
			assert.Equal(t, c.want, detect.OptionsOf(mark))
			result := func(o *detect.Options) detect.Result {
				a := detect.NewAccumulator(mark, o)
				a.Add(text)
				return a.Result()
			}
			want := result(c.want)
			assert.Equal(t, want, result(nil))
			assert.Equal(t, want, detect.Text(mark, text, nil).Result)
			panel := detect.NewPanel([]detect.Scorer{mark}, nil)
			panel.Add(text)
			assert.Equal(t, want, panel.Results()[0])
			if c.name != "pairs" {
				assert.NotEqual(t, want.Scored, result(&detect.Options{}).Scored, "Options that are given count")
			}
		})
	}
	t.Run("profiles that differ", func(t *testing.T) {
		p := &watermark.Profile{Scheme: watermark.GumbelMax{Width: 2}, Vocab: 10, Tokenizer: watermark.TokenizerNone}
		pair, err := p.Mark(testmark.Key(0x32))
		require.NoError(t, err)
		q := *p
		q.Dedup = watermark.DedupContext
		context, err := q.Mark(testmark.Key(0x33))
		require.NoError(t, err)
		panel := detect.NewPanel([]detect.Scorer{pair, context}, nil)
		panel.Add(text)
		for _, r := range panel.Results() {
			assert.EqualValues(t, 9, r.Scored, "distinct pairs")
		}
	})
}
