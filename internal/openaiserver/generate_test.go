package openaiserver

import (
	"context"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/watermark"
)

// TestSameAsGenerate checks that the server writes what the generator of the embedded model
// writes with the same marks, prompt, sampler and seed. The last tokens of the prompt are
// context of the first marks.
func TestSameAsGenerate(t *testing.T) {
	s := start(t, nil)
	tenant := s.config.Tenants.Find(acmeKey)
	marks, err := s.config.Marker.Marks(tenant)
	require.NoError(t, err)
	for seed := range int64(8) {
		q := request{Seed: &seed}
		prompt := s.ngram.tokenizer.Append(nil, []byte("The old river"))
		ids, err := s.ngram.Model.Generate(context.Background(), lm.Job{
			Prompts: [][]int32{prompt}, Tokens: 12, Marks: marks, Seed: q.seedFor(tenant, "The old river"),
			Sampler: watermark.Sampler{Temperature: 0.7, TopP: 0.95, TopK: 50, MinP: 0.03},
		})
		require.NoError(t, err)
		want, err := s.ngram.tokenizer.Decode(nil, ids[0])
		require.NoError(t, err)
		params := textParams("The old river", 12, seed)
		params.Temperature, params.TopP = openai.Float(0.7), openai.Float(0.95)
		client := s.client(acmeKey)
		got, err := client.Completions.New(t.Context(), params)
		require.NoError(t, err)
		assert.Equal(t, string(want), got.Choices[0].Text)
	}
}
