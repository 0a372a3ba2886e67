package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// TestBestCaseIsFound draws texts of which MinShare is marked by a model that finds all tokens equally
// likely, and texts whose green rate is higher by MinExcess. At least nine in ten are detected.
func TestBestCaseIsFound(t *testing.T) {
	const texts = 400
	for _, law := range []watermark.Bernoulli{{P: 0.5, Marked: 0.88}, {P: 0.25, Marked: 0.71}, {P: 0.5, Marked: 0.62}} {
		for _, n := range []int64{60, 400, 3000} {
			t.Run(fmt.Sprintf("%v of %d", law, n), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(23, uint64(n)))
				p := powerOf(null.Of(law), &null.Units{1: n}, Options{Alpha: 1e-4}, 2)
				if p.MinShare > 1 {
					t.Skip("too few tokens")
				}
				var shares, excess int64
				for range texts {
					var x, y int64
					for range n {
						rate := law.P
						if rng.Float64() < p.MinShare {
							rate = law.Marked
						}
						if rng.Float64() < rate {
							x++
						}
						if rng.Float64() < law.P+p.MinExcess {
							y++
						}
					}
					if x >= p.MinSum {
						shares++
					}
					if y >= p.MinSum {
						excess++
					}
				}
				t.Logf("a share of %.3f is found in %d, an excess of %.3f in %d of %d", p.MinShare, shares, p.MinExcess, excess, texts)
				for _, found := range []int64{shares, excess} {
					assert.Greater(t, tail.Binomial(texts-found, texts, 0.1), -4.0)
				}
			})
		}
	}
}

// TestTooFewAreTooFew draws texts that are marked throughout. From the number of tokens on at which the
// statement "too few" ends, nine in ten are detected. Before it, that is not so for green lists. Of
// other marks the statement promises nothing, and tournaments are detected sooner. Where no sum would
// do, not even a text of green tokens alone is detected.
func TestTooFewAreTooFew(t *testing.T) {
	const texts = 300
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(29, 1))
			l := null.Of(c.Law)
			of := func(n int64) Power { return powerOf(l, &null.Units{1: n}, Options{Alpha: 1e-3}, 1) }
			lo, n := int64(0), int64(4000)
			require.LessOrEqual(t, of(n).MinShare, 1.0)
			for n-lo > 1 {
				if mid := (lo + n) / 2; of(mid).MinShare > 1 {
					lo = mid
				} else {
					n = mid
				}
			}
			marked := func(n int64) (found int64) {
				least := of(n).MinSum
				for range texts {
					var sum int64
					for range n {
						if b, ok := c.Law.(watermark.Bernoulli); ok {
							if rng.Float64() < b.Marked {
								sum++
							}
							continue
						}
						sum += lawtest.DrawMarked(rng, c.Law)
					}
					if sum >= least {
						found++
					}
				}
				return found
			}
			few, enough := marked(n*7/10), marked(n)
			t.Logf("%d tokens: %d of %d; %d tokens: %d", n*7/10, few, texts, n, enough)
			if _, ok := c.Law.(watermark.Bernoulli); ok {
				assert.Less(t, tail.Binomial(texts-few, texts, 0.1), -4.0, "7 in 10 of them are too few")
			}
			assert.Greater(t, tail.Binomial(texts-enough, texts, 0.1), -4.0)
			if b, ok := c.Law.(watermark.Bernoulli); ok {
				all := int64(1)
				for ; math.IsInf(of(all).MinExcess, 1); all++ {
				}
				assert.Greater(t, tail.Binomial(all-1, all-1, b.P), -3.0, "green tokens alone")
				assert.LessOrEqual(t, tail.Binomial(all, all, b.P), -3.0)
			}
		})
	}
}
