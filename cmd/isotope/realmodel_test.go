package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStudentOfRealModel audits what two real students wrote: SmolLM2-135M-Instruct, trained once over
// 40,000 marked tokens, and its twin of unmarked ones. The reference are rows of the model before its
// training. benchmarks/realmodel/README.md says how to make the files again.
func TestStudentOfRealModel(t *testing.T) {
	const dir = "testdata/realmodel/"
	w := newDir(t)
	key, err := os.ReadFile(dir + "key.txt")
	require.NoError(t, err)
	for _, c := range []struct {
		name, verdict string
		pairs         float64 // log10 of the p-value of distinct pairs, and of the residual
		residual      float64
		tokens        int64
	}{
		{"student", "detected", -6.684, -16.415, 5283},
		{"twin", "inconclusive", -0.276, -0.141, 7778},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parseReport(t, mustRun(t, "audit", "--key", w.file("key", string(key)), "--profile", dir+"profile.json", "--prompts-unmarked",
				"--decoys", "100", "--run-key", strings.Repeat("07", 16), "--reference", dir+c.name+".rows.jsonl.gz", "--json", dir+c.name+".jsonl.gz"))
			assert.Equal(t, c.verdict, r.parsed.Verdict)
			require.Len(t, r.parsed.Statistics, 2)
			assert.InDelta(t, c.pairs, r.parsed.Statistics[0].Log10P, 1e-3)
			assert.InDelta(t, c.residual, r.parsed.Statistics[1].Log10P, 1e-3)
			assert.Equal(t, c.tokens, r.parsed.Outputs.Tokens)
			if c.verdict == "detected" {
				for _, s := range r.parsed.Statistics {
					assert.Equal(t, 1, s.Decoys.Rank, s.Name)
				}
			}
		})
	}
}
