package detect

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkResult is a tally of 1000 units with its statement of power: what a Result
// costs besides scoring.
func BenchmarkResult(b *testing.B) {
	for name, public := range lawsToTest() {
		for _, weighted := range []bool{false, true} {
			classes := "weights=1"
			if weighted {
				classes = "weights=15"
			}
			b.Run(name+"/"+classes, func(b *testing.B) {
				rng := rand.New(rand.NewPCG(221, 222))
				t := tally{law: lawOf(public)}
				for range 1000 {
					w := 1
					if weighted {
						w = 1 + rng.IntN(MaxWeight)
					}
					t.classes[w].add(drawScore(rng, public), t.law.colours())
				}
				o := (*Options)(nil).orDefault()
				for b.Loop() {
					t.measure(scores{law: public}, o, 1)
				}
			})
		}
	}
}
