package detect_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestDetectDrawVectors compares sums of scores and tails of keyed draws with a second
// implementation, which shares no code with this one.
func TestDetectDrawVectors(t *testing.T) {
	var file struct {
		Detections []struct {
			detectVector
			Sum        int64
			Unweighted *struct {
				Sum    int64
				Log10P float64 `json:"log10_p"`
			}
		}
	}
	testmark.ReadVectors(t, "detect-draws.json", &file)
	require.NotEmpty(t, file.Detections)
	unweighted := 0
	for _, v := range file.Detections {
		t.Run(v.Name, func(t *testing.T) {
			a := v.accumulator(t)
			for _, p := range v.Prompts {
				a.Exclude(p)
			}
			for _, text := range v.Texts {
				a.Add(text)
			}
			r := a.Result()
			v.check(t, r, "whole")
			assert.Equal(t, v.Sum, r.Sum)
			if v.Unweighted == nil {
				return
			}
			unweighted++
			m, _ := testmark.VectorMark(t, v.Profile, v.Leaf, "")
			plain := detect.NewAccumulator(m.Unweighted(), nil)
			for _, text := range v.Texts {
				plain.Add(text)
			}
			r = plain.Result()
			assert.Equal(t, v.Unweighted.Sum, r.Sum)
			assert.InDelta(t, v.Unweighted.Log10P, r.Log10P, 1e-9)
		})
	}
	assert.Positive(t, unweighted)
}
