package detect_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
)

// TestVectorsDecode compares with a second implementation, which tries every message.
func TestVectorsDecode(t *testing.T) {
	var file struct {
		Decodings []struct {
			detectVector
			Label   detectVector
			Payload struct {
				Bits        int
				Message     uint32
				RunnerUp    uint32 `json:"runner_up"`
				Margin      int64
				Scored, Sum int64
				Log10P      float64 `json:"log10_p"`
				Adjusted    float64 `json:"log10_p_adjusted"`
			}
		}
	}
	testmark.ReadVectors(t, "payload.json", &file)
	require.NotEmpty(t, file.Decodings)
	for _, v := range file.Decodings {
		t.Run(v.Name, func(t *testing.T) {
			a := v.accumulator(t)
			for _, ids := range v.Texts {
				a.Add(ids)
			}
			for _, p := range v.Prompts {
				a.Exclude(p)
			}
			r := a.Result()
			v.Label.check(t, r, "the label")
			d, want := a.Decode(), v.Payload
			assert.Equal(t,
				detect.Decoded{
					Bits: want.Bits, Message: want.Message, RunnerUp: want.RunnerUp,
					Margin: want.Margin, Scored: want.Scored, Sum: want.Sum,
				},
				detect.Decoded{
					Bits: d.Bits, Message: d.Message, RunnerUp: d.RunnerUp,
					Margin: d.Margin, Scored: d.Scored, Sum: d.Sum,
				})
			assert.Equal(t, want.Scored, r.Scored+d.Carrying)
			assert.LessOrEqual(t, math.Abs(d.Log10P-want.Log10P), 1e-9*math.Abs(want.Log10P))
			assert.InDelta(t, want.Adjusted, d.Log10PAdjusted, 1e-9*max(1, math.Abs(want.Adjusted)))
		})
	}
}
