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
			text := make([]Token, 10_001)
			for i := range text {
				text[i] = Token(i)
			}
			s := coins{scores{law: watermark.Bernoulli{P: 0.5, Marked: 0.9}}, rng, rate}
			q, _ := newSequence(s, text, (*Options)(nil).orDefault(), nil, nil)
			o := (*Options)(nil).orDefault()
			for b.Loop() {
				q.scan(o)
			}
		})
	}
}

// coins is a scorer of random colours.
type coins struct {
	scores
	rng  *rand.Rand
	rate float64
}

func (c coins) Score(dst []int64, pairs []Pair) []int64 {
	for range pairs {
		score := int64(0)
		if c.rng.Float64() < c.rate {
			score = 1
		}
		dst = append(dst, score)
	}
	return dst
}
