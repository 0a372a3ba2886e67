package tail

import "math"

// A neumaier is a sum that carries its own rounding error (Neumaier 1974). The laws
// here are tested close to means that are much larger than their standard deviations,
// so differences from the mean are taken before anything is rounded.
type neumaier struct{ sum, rest float64 }

func (s *neumaier) add(x float64) {
	t := s.sum + x
	if math.Abs(s.sum) >= math.Abs(x) {
		s.rest += s.sum - t + x
	} else {
		s.rest += x - t + s.sum
	}
	s.sum = t
}

// addInt adds n, which need not be an exact float.
func (s *neumaier) addInt(n int64) {
	hi, lo := halves(n)
	s.add(hi)
	s.add(lo)
}

// addProduct adds n x.
func (s *neumaier) addProduct(n int64, x float64) {
	hi, lo := halves(n)
	for _, m := range [2]float64{hi, lo} {
		h := float64(m * x)
		s.add(h)
		s.add(math.FMA(m, x, -h)) // what h lost
	}
}

func (s *neumaier) value() float64 { return s.sum + s.rest }

// halves splits an integer into two exact floats.
func halves(n int64) (hi, lo float64) {
	const half = 1 << 32
	return float64(float64(n>>32) * half), float64(n & (half - 1))
}

// excess returns k - n x, however close the two are.
func excess(k, n int64, x float64) float64 {
	var s neumaier
	s.addInt(k)
	s.addProduct(n, -x)
	return s.value()
}
