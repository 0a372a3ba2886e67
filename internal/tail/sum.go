package tail

import "math"

// A neumaier is a sum that carries its own rounding error (Neumaier 1974). Scores lie close to means
// that are much larger than the standard deviation, so differences from the mean must be taken
// before anything is rounded.
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

// addInt adds n. A float64 need not hold n exactly.
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
		s.add(math.FMA(m, x, -h)) // the rounding error of h
	}
}

func (s *neumaier) value() float64 { return s.sum + s.rest }

// halves returns two floats whose exact sum is n.
func halves(n int64) (hi, lo float64) {
	const half = 1 << 32
	return float64(float64(n>>32) * half), float64(n & (half - 1))
}

// excess returns k - n x to full precision, even if the two are close.
func excess(k, n int64, x float64) float64 {
	var s neumaier
	s.addInt(k)
	s.addProduct(n, -x)
	return s.value()
}
