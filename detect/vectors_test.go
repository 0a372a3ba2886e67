package detect_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

type detectVector struct {
	Name, Leaf, Selector, Profile string
	Prompts, Texts                [][]watermark.Token
	Tokens, Scored, Green         int64
	Skipped                       struct {
		Vocab        int64
		ShortContext int64 `json:"short_context"`
		Band         int64
		Payload      int64
		Excluded     int64
		Duplicate    int64
	}
	Log10P float64 `json:"log10_p"`
}

// accumulator returns an empty test of the vector's profile.
func (v *detectVector) accumulator(t *testing.T) *detect.Accumulator {
	t.Helper()
	m, p := testmark.VectorMark(t, v.Profile, v.Leaf, v.Selector)
	o := &detect.Options{Exempt: p.Exempt}
	if p.Dedup == watermark.DedupContext {
		o.Dedup = detect.DedupContext
	}
	return detect.NewAccumulator(m, o)
}

func (v *detectVector) check(t *testing.T, r detect.Result, how string) {
	t.Helper()
	assert.Equal(t, v.Tokens, r.Tokens, "tokens, %s", how)
	assert.Equal(t, v.Scored, r.Scored, "scored, %s", how)
	assert.Equal(t, v.Green, r.Green, "green, %s", how)
	want := detect.Skipped{
		Vocab: v.Skipped.Vocab, ShortContext: v.Skipped.ShortContext, Band: v.Skipped.Band, Payload: v.Skipped.Payload,
		Excluded: v.Skipped.Excluded, Duplicate: v.Skipped.Duplicate,
	}
	assert.Equal(t, want, r.Skipped, "skipped, %s", how)
	// The vector's tail is exact, by integers.
	assert.LessOrEqual(t, math.Abs(r.Log10P-v.Log10P), 1e-9*math.Abs(v.Log10P),
		"log10 p is %v, want %v, %s", r.Log10P, v.Log10P, how)
}

// TestVectorsDetect compares with counts of another program, by docs/spec.md: see
// testdata/vectors/generate.py. The counts do not depend on the order of texts and prompts, or on how
// they were spread over accumulators.
func TestVectorsDetect(t *testing.T) {
	var file struct{ Detections []detectVector }
	testmark.ReadVectors(t, "detect.json", &file)
	require.NotEmpty(t, file.Detections)
	for _, v := range file.Detections {
		t.Run(v.Name, func(t *testing.T) {
			forward, backward, merged := v.accumulator(t), v.accumulator(t), v.accumulator(t)
			for _, p := range v.Prompts {
				forward.Exclude(p)
			}
			for _, ids := range v.Texts {
				forward.Add(ids)
				alone := v.accumulator(t)
				alone.Add(ids)
				require.NoError(t, merged.Merge(alone))
			}
			for _, ids := range slices.Backward(v.Texts) {
				backward.Add(ids)
			}
			for _, p := range v.Prompts {
				backward.Exclude(p)
				alone := v.accumulator(t)
				alone.Exclude(p)
				require.NoError(t, merged.Merge(alone))
			}
			v.check(t, forward.Result(), "prompts first")
			v.check(t, backward.Result(), "prompts last, texts backward")
			v.check(t, merged.Result(), "merged")
		})
	}
}
