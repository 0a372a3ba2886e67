package sequential_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

func score(rng *rand.Rand, rate float64) int64 {
	if rng.Float64() < rate {
		return 1
	}
	return 0
}

// TestSegmentsErrorRate looks at streams without a mark after every score. Segments may not be found,
// at any time, more often than alpha says.
func TestSegmentsErrorRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	streams, length := int64(10_000), 300
	if testing.Short() {
		streams = 1000
	}
	for _, bound := range []int64{0, int64(length)} {
		t.Run(fmt.Sprintf("bound=%d", bound), func(t *testing.T) {
			var found [2]int64
			levels := [2]float64{0.5, 0.05}
			for i := range streams {
				law := watermark.Bernoulli{P: []float64{0.5, 0.25, 0.8}[i%3]}
				g := sequential.NewSegments(law, bound, &detect.Options{Alpha: levels[0]})
				best := 0.0
				for range length {
					g.Add(score(rng, law.P))
					for _, s := range g.Found() {
						best = min(best, s.Log10PAdjusted)
					}
				}
				for l, alpha := range levels {
					if best <= math.Log10(alpha) {
						found[l]++
					}
				}
			}
			for l, alpha := range levels {
				t.Logf("alpha %v: %d of %d streams", alpha, found[l], streams)
				assert.Greater(t, tail.Binomial(found[l], streams, alpha), -6.0)
			}
			assert.Positive(t, found[0], "a test that never rejects has no power")
		})
	}
}

func TestSegmentsFindPlantedParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(63, 64))
	law := watermark.Bernoulli{P: 0.5}
	for _, bound := range []int64{0, 5000} {
		t.Run(fmt.Sprintf("bound=%d", bound), func(t *testing.T) {
			g := sequential.NewSegments(law, bound, nil)
			for i := range 5000 {
				rate := law.P
				if i >= 1000 && i < 1400 || i >= 4000 && i < 4300 {
					rate = 0.85
				}
				g.Add(score(rng, rate))
			}
			found := g.Found()
			require.Len(t, found, 2)
			for i, want := range [][2]float64{{1000, 1400}, {4000, 4300}} {
				assert.InDelta(t, want[0], found[i].Start, 15)
				assert.InDelta(t, want[1], found[i].End, 15)
				assert.InDelta(t, 0.85, float64(found[i].Green)/float64(found[i].End-found[i].Start), 0.1)
				assert.LessOrEqual(t, found[i].Log10PAdjusted, -6.0)
			}
			assert.Equal(t, int64(5000), g.Taken())
		})
	}
}

// TestSegmentP recomputes the p-value of a segment from its definition.
func TestSegmentP(t *testing.T) {
	for _, bound := range []int64{0, 400} {
		t.Run(fmt.Sprintf("bound=%d", bound), func(t *testing.T) {
			g := sequential.NewSegments(watermark.Bernoulli{P: 0.25}, bound, &detect.Options{Tests: 3})
			for i := range 200 {
				if i < 100 && i%4 != 0 || i >= 100 && i < 150 {
					g.Add(0)
				} else {
					g.Add(1)
				}
			}
			found := g.Found()
			require.Len(t, found, 1)
			s := found[0]
			assert.Equal(t, int64(150), s.Start)
			assert.Equal(t, int64(200), s.End)
			assert.Equal(t, int64(50), s.Green)
			assert.InDelta(t, math.Exp(4)/3/(1+math.Exp(4)/3), s.Rate, 1e-12)
			starts := 400.0
			if bound == 0 {
				starts = 151 * 152
			}
			want := math.Log10(6*starts) - 50*math.Log10(s.Rate/0.25)
			assert.InDelta(t, want, s.Log10P, 1e-5)
			assert.GreaterOrEqual(t, s.Log10P, want, "rounding errs upwards")
			assert.InDelta(t, s.Log10P+math.Log10(3), s.Log10PAdjusted, 1e-9)
		})
	}
}

func TestSegmentsRefuse(t *testing.T) {
	law := watermark.Bernoulli{P: 0.5}
	for _, c := range []struct {
		name  string
		law   watermark.Law
		bound int64
		o     *detect.Options
	}{
		{"no law", nil, 0, nil}, {"a negative bound", law, -1, nil}, {"options", law, 0, &detect.Options{Alpha: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Panics(t, func() { sequential.NewSegments(c.law, c.bound, c.o) })
		})
	}
	assert.Panics(t, func() { sequential.NewSegments(law, 0, nil).Add(watermark.NotScored) })
	g := sequential.NewSegments(law, 1, nil)
	g.Add(1)
	assert.Panics(t, func() { g.Add(1) })
	assert.Empty(t, g.Found())
}

func BenchmarkSegments(b *testing.B) {
	rng := rand.New(rand.NewPCG(65, 66))
	g := sequential.NewSegments(watermark.Bernoulli{P: 0.5}, 0, nil)
	scores := make([]int64, 1<<16)
	for i := range scores {
		scores[i] = score(rng, 0.5)
	}
	i := 0
	for b.Loop() {
		g.Add(scores[i%len(scores)])
		i++
	}
}
