package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// BenchmarkResult is a tally of 1000 units with its statement of power: what a Result costs besides
// scoring. The first text of its length computes the power, and the others remember it.
func BenchmarkResult(b *testing.B) {
	for _, c := range lawtest.Cases() {
		name, public := c.Name, c.Law
		for _, weighted := range []bool{false, true} {
			classes := "weights=1"
			if weighted {
				classes = "weights=15"
			}
			for _, first := range []bool{true, false} {
				which := "first"
				if !first {
					which = "others"
				}
				b.Run(name+"/"+classes+"/"+which, func(b *testing.B) {
					rng := rand.New(rand.NewPCG(221, 222))
					t := evidence.Tally{Law: null.Of(public)}
					for range 1000 {
						w := 1
						if weighted {
							w = 1 + rng.IntN(MaxWeight)
						}
						c, score := &t.Classes[w], lawtest.Draw(rng, public)
						c.Scored, c.Sum = c.Scored+1, c.Sum+score
					}
					o := (*Options)(nil).orDefault()
					for b.Loop() {
						if first {
							for i := range powers {
								powers[i].known = false
							}
						}
						measure(&t, scores{law: public}, o, 1)
					}
				})
			}
		}
	}
}
