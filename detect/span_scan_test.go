package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/isotope-wm/isotope/watermark"
)

// BenchmarkScan is the scan alone, without scoring.
func BenchmarkScan(b *testing.B) {
	for _, rate := range []float64{0.5, 0.6, 0.8} {
		b.Run(fmt.Sprintf("scored=10000/rate=%v", rate), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(71, 72))
			q := &sequence{law: bernoulliLaw{watermark.Bernoulli{P: 0.5, Marked: 0.9}}, prefix: []int64{0}}
			for i := range 10_000 {
				q.at = append(q.at, int32(i))
				q.prefix = append(q.prefix, q.prefix[i])
				if rng.Float64() < rate {
					q.prefix[i+1]++
				}
			}
			o := (*Options)(nil).orDefault()
			for b.Loop() {
				q.scan(o)
			}
		})
	}
}
