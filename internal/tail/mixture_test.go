package tail_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/tail"
)

// mixtureTail returns log10 P(X + w B >= s) for one or two terms X of any law and a binomial B. It
// averages binomial tails over X. Other tests compare binomial tails with exact ones.
func mixtureTail(x tail.Lattice, w, n int64, p float64, s int64) float64 {
	l := latticeLaw([]tail.Lattice{x})
	var logs []float64
	most := math.Inf(-1)
	for i, q := range l.p {
		if q.Sign() != 0 {
			at := s - l.min - int64(i)
			logs = append(logs, lnBig(q)/math.Ln10+tail.Binomial(ceilDiv(at, w), n, p))
			most = max(most, logs[len(logs)-1])
		}
	}
	sum := 0.0
	for _, y := range logs {
		sum += math.Pow(10, y-most)
	}
	return most + math.Log10(sum)
}

// TestLatticeSumMixture adds a few terms of any law to many terms of one weight. At the resonances of
// that weight the few terms decide the sign of the integrand. If their characteristic function is
// real and negative there, a lost phase makes the tail too small or too large.
func TestLatticeSumMixture(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 22))
	low, high := 0.0, 0.0
	for range 3000 {
		x := tail.Lattice{Count: 1 + random.Int64N(2), P: make([]float64, 2+random.IntN(6))}
		last, sum := len(x.P)-1, 0.0
		for i := range x.P {
			if i == 0 || i == last || random.IntN(4) > 0 {
				x.P[i] = random.Float64()
			}
			if random.IntN(2) == 0 {
				x.P[i] = math.Ceil(x.P[i]*16) / 16
			}
			sum += x.P[i]
		}
		for i := range x.P {
			x.P[i] /= sum
		}
		w, n := 1+random.Int64N(8), int64(math.Exp(7+random.Float64()*18))
		p := []float64{0.5, 0.25, 0.03}[random.IntN(3)]
		many := tail.Lattice{Count: n, P: make([]float64, w+1)}
		many.P[0], many.P[w] = 1-p, p
		mean, sd := float64(w)*float64(n)*p, float64(w)*math.Sqrt(float64(n)*p*(1-p))
		s := int64(mean + sd*(random.Float64()*14-4))

		want, got := mixtureTail(x, w, n, p, s), tail.LatticeSum([]tail.Lattice{x, many}, s)
		e := (got - want) / max(1, -want)
		low, high = min(low, e), max(high, e)
		require.InDelta(t, 0, e, tolerance, "%v w=%d n=%d p=%v s=%d: want %v, got %v",
			x, w, n, p, s, want, got)
	}
	t.Logf("errors from %.2g to %.2g", low, high)
}
