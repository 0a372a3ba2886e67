package sequential_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// TestExcludesSeeds: where the last token of a context is the seed, all contexts that end with a token
// of the prompt are out, and stay out after the test was kept.
func TestExcludesSeeds(t *testing.T) {
	type ids = []watermark.Token
	p, err := interop.ParseProfile([]byte(`{"isotope":1,"scheme":"hf-lefthash","width":3,"vocab":100,"tokenizer":"none"}`))
	require.NoError(t, err)
	key, err := interop.NewKey(1<<50 + 3)
	require.NoError(t, err)
	s, err := p.Bind(key)
	require.NoError(t, err)
	prompt := ids{1, 2, 3, 4} // its contexts end with 3 and with 4
	text := ids{7, 8, 3, 5, 6, 4, 9, 10}

	for _, c := range []struct {
		name string
		take func(*sequential.Test)
	}{
		{"exclude", func(q *sequential.Test) { require.NoError(t, q.Exclude(prompt)) }},
		{"prompt", func(q *sequential.Test) { q.Prompt(prompt) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := sequential.New(s, nil)
			c.take(q)
			kept, err := q.MarshalBinary()
			require.NoError(t, err)
			back := sequential.New(s, nil)
			require.NoError(t, back.UnmarshalBinary(kept))
			for _, q := range []*sequential.Test{q, back} {
				q.Add(text)
				r := q.Result()
				assert.EqualValues(t, 3, r.Scored, "after 5, 6 and 9")
				assert.EqualValues(t, 2, r.Skipped.Excluded, "after 3 and 4")
			}
			require.ErrorIs(t, q.Exclude(ids{50, 51, 6}), sequential.ErrLate, "another context with a seed that was scored")
			require.NoError(t, q.Exclude(ids{50, 51, 52}))
		})
	}
}
