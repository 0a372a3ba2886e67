package tail

import (
	"cmp"
	"math"
	"slices"
)

// An Exponential is a group of Count independent terms. Each is Weight times a standard exponential
// variable.
type Exponential struct {
	Weight float64 // finite and not negative
	Count  int64   // not negative
}

// WeightedExponential returns log10 P(S >= s) for the sum S of all terms of all groups. It panics if
// a weight is negative or not finite, a count is negative, or s is NaN.
//
// The error is below 1e-12 * max(1, |log10 P|) for any number of terms. If the quadrature does not
// converge, or s exceeds 1e15 times the largest weight, the result is an upper bound. It is then
// Chernoff's bound, or 0 for s below the mean.
func WeightedExponential(groups []Exponential, s float64) float64 {
	if s != s {
		panic("tail: score is NaN")
	}
	terms := make([]Exponential, 0, len(groups))
	for _, g := range groups {
		if !(g.Weight >= 0 && g.Weight <= math.MaxFloat64) {
			panic("tail: weight negative or not finite")
		}
		if g.Count < 0 {
			panic("tail: negative number of terms")
		}
		if g.Weight > 0 && g.Count > 0 {
			terms = append(terms, g)
		}
	}
	switch {
	case s <= 0:
		return 0
	case len(terms) == 0 || math.IsInf(s, 1):
		return math.Inf(-1)
	}
	slices.SortFunc(terms, func(a, b Exponential) int { return cmp.Compare(b.Weight, a.Weight) })
	// A power of two brings the largest weight into [1/2, 1) without rounding.
	_, e := math.Frexp(terms[0].Weight)
	s = math.Ldexp(s, -e)
	switch {
	case s < 1e-80:
		return 0 // P(S < s) is below that of the largest term, which is at most 2 s
	case math.IsInf(s, 1):
		return -math.MaxFloat64 / 16 // the logarithm of the tail is below all floats
	}
	merged := terms[:0]
	for _, g := range terms {
		g.Weight = math.Ldexp(g.Weight, -e)
		if last := len(merged) - 1; last >= 0 && merged[last].Weight == g.Weight {
			if merged[last].Count > math.MaxInt64-g.Count {
				panic("tail: sum too large")
			}
			merged[last].Count += g.Count
		} else {
			merged = append(merged, g)
		}
	}
	if len(merged) == 1 && s < math.MaxFloat64/4 {
		return Gamma(merged[0].Count, s/merged[0].Weight)
	}
	var count float64
	for _, g := range merged {
		count += float64(g.Count)
	}
	if r := s / merged[0].Weight; r > 1e15 && r > 1e5*count {
		// Here 1 - w x has no digits left. Chernoff's bound at x = 0.9999/w is
		// log10 P <= -0.43425 r + 4 count, which is below the result.
		return -0.434 * s / merged[0].Weight
	}
	return newHypo(merged, s, false).tail()
}

// WeightedExponentialBelow returns log10 P(S < s) for the sum S of all terms of all groups, which is
// log10 P(S <= s) too. It panics as WeightedExponential does.
//
// The error is that of WeightedExponential. If the quadrature does not converge, the result is an
// upper bound: Chernoff's for s below the mean, else 0.
func WeightedExponentialBelow(groups []Exponential, s float64) float64 {
	if s != s {
		panic("tail: score is NaN")
	}
	terms := make([]Exponential, 0, len(groups))
	for _, g := range groups {
		if !(g.Weight >= 0 && g.Weight <= math.MaxFloat64) {
			panic("tail: weight negative or not finite")
		}
		if g.Count < 0 {
			panic("tail: negative number of terms")
		}
		if g.Weight > 0 && g.Count > 0 {
			terms = append(terms, g)
		}
	}
	switch {
	case len(terms) == 0 && s > 0 || math.IsInf(s, 1):
		return 0
	case s <= 0:
		return math.Inf(-1)
	}
	slices.SortFunc(terms, func(a, b Exponential) int { return cmp.Compare(b.Weight, a.Weight) })
	_, e := math.Frexp(terms[0].Weight)
	s = math.Ldexp(s, -e)
	if s < 1e-80 || math.IsInf(s, 1) {
		// Below, P(S < s) is at most s/w for the largest weight w, which is at least 1/2. Above, it
		// is at most 1.
		return log10(min(ln(2*min(s, 1)), 0))
	}
	merged := terms[:0]
	for _, g := range terms {
		g.Weight = math.Ldexp(g.Weight, -e)
		if last := len(merged) - 1; last >= 0 && merged[last].Weight == g.Weight {
			merged[last].Count += g.Count
		} else {
			merged = append(merged, g)
		}
	}
	return newHypo(merged, s, true).below()
}

// A hypo is a hypoexponential law and the path of integration of its tail: a parabola through x on
// the real axis.
type hypo struct {
	terms []Exponential // weights at most 1, descending
	gap   float64       // E[S] - s
	s     float64
	// direct keeps digits far below the mean, where E[S] is large and cancels.
	direct bool
	upper  bool // integrate P(S >= s) with 0 < x < 1/weight, else P(S < s) with x < 0
	x      float64
	scale  []float64 // weight/(1 - weight x), per group
	drift  float64   // K'(x) - s
	bend   float64
}

func newHypo(terms []Exponential, s float64, direct bool) *hypo {
	h := &hypo{terms: terms, s: s, direct: direct, scale: make([]float64, len(terms))}
	var gap neumaier
	gap.add(-s)
	for _, g := range terms {
		gap.addProduct(g.Count, g.Weight)
	}
	h.gap = gap.value()
	h.upper = h.gap < 0
	h.saddle()
	var k2, k3 float64
	for i, g := range terms {
		u := g.Weight / math.FMA(-g.Weight, h.x, 1)
		h.scale[i] = u
		k2 += float64(float64(g.Count) * u * u)
		k3 += float64(float64(g.Count) * u * u * u)
	}
	h.drift = h.slope(h.x)
	// With bend = K'''/(6 K'') and K''' = 2 k3, the path z = x + bend t^2 + i t follows the path
	// of steepest descent to third order.
	h.bend = k3 / (3 * k2)
	return h
}

// slope returns K'(x) - s = E[S] - s + x sum of n w^2/(1 - w x).
func (h *hypo) slope(x float64) float64 {
	sum := 0.0
	if h.direct && x*h.terms[0].Weight < -1 {
		for _, g := range h.terms {
			sum += float64(float64(g.Count) * (g.Weight / math.FMA(-g.Weight, x, 1)))
		}
		return sum - h.s
	}
	for _, g := range h.terms {
		w := g.Weight
		sum += float64(float64(g.Count) * w * (w / math.FMA(-w, x, 1)))
	}
	return h.gap + float64(x*sum)
}

// saddle sets x to the minimum of K(x) - x s - ln |x|. It searches in the variable y, in which the
// derivative is nearly linear: x = y/(1+w y) with w the largest weight, or x = -y.
func (h *hypo) saddle() {
	w := h.terms[0].Weight
	at := func(y float64) (x, dx float64) {
		if !h.upper {
			return -y, -1
		}
		d := 1 + float64(w*y)
		return y / d, 1 / d / d
	}
	y := root(func(y float64) (f, slope float64) {
		x, dx := at(y)
		f = h.slope(x) - 1/x
		for _, g := range h.terms {
			u := g.Weight / math.FMA(-g.Weight, x, 1)
			slope += float64(float64(g.Count) * u * u)
		}
		slope = float64((slope + 1/x/x) * dx)
		if !h.upper {
			return -f, -slope
		}
		return f, slope
	})
	h.x, _ = at(y)
}

// tail returns log10 P(S >= s).
//
// It takes the inversion integral 1/(2 pi i) Int E[e^(zS)] e^(-zs)/z dz along a parabola that opens
// to the right around the poles. The parabola is close to the path of steepest descent (Daniels
// 1954). With few terms the integrand falls off slowly along a straight line. The bend adds the
// factor e^(-s bend t^2), so one term is as easy as a thousand.
//
// The trapezoidal rule converges exponentially (Trefethen and Weideman 2014, "The exponentially
// convergent trapezoidal rule"). The step is halved until the sum no longer changes.
func (h *hypo) tail() float64 {
	exponent := h.exponent()
	sum, err := h.integrate()
	if !(err < 0x1p-20*sum) {
		if h.upper {
			return log10(exponent) // Chernoff's bound
		}
		return 0
	}
	if h.upper {
		return log10(exponent + ln(sum+err))
	}
	return log10(log1mExp(min(exponent+ln(sum-err), 0)))
}

// exponent returns K(x) - x s.
func (h *hypo) exponent() float64 {
	exponent := float64(h.x * h.gap)
	for _, g := range h.terms {
		wx := float64(g.Weight * h.x)
		l := log1pmx(-wx)
		if wx > 0.4 {
			l = ln(math.FMA(-g.Weight, h.x, 1)) + wx // x may be close to 1/w
		}
		exponent -= float64(float64(g.Count) * l)
	}
	return exponent
}

// below returns log10 P(S < s).
func (h *hypo) below() float64 {
	exponent := h.exponent()
	if h.x*h.terms[0].Weight < -1 {
		exponent = -float64(h.x * h.s)
		for _, g := range h.terms {
			exponent -= float64(float64(g.Count) * log1p(-float64(g.Weight*h.x)))
		}
	}
	sum, err := h.integrate()
	if !(err < 0x1p-20*sum) {
		if h.upper {
			return 0
		}
		return log10(min(exponent, 0)) // Chernoff's bound
	}
	if h.upper {
		return log10(log1mExp(min(exponent+ln(sum-err), 0)))
	}
	return log10(min(exponent+ln(sum+err), 0))
}

// integrate returns the integral relative to e^exponent, and a bound of its error.
func (h *hypo) integrate() (value, err float64) {
	var k2 float64
	for i, g := range h.terms {
		k2 += float64(float64(g.Count) * h.scale[i] * h.scale[i])
	}
	// A pole at the distance d in t makes the rule err by e^(-2 pi d/step). The nearest poles are
	// 1/w and that of the kernel at 0, towards which an upper path bends.
	near := math.Abs(h.x)
	if h.upper {
		near = min(2*near/(1+math.Sqrt(1+float64(4*h.bend*near))), 1/h.scale[0])
	}
	step := min(0.45/math.Sqrt(k2), 2*math.Pi/40*near)
	var total trapezoid
	h.add(&total, 0, step)
	for range 8 {
		var odd trapezoid
		h.add(&odd, step/2, step)
		change := math.Abs(total.sum - odd.sum)
		total.sum += odd.sum
		total.rounding += odd.rounding
		scale := step / (4 * math.Pi)
		value, err = float64(total.sum*scale), float64((change+total.rounding)*scale)
		if change <= 0x1p-43*math.Abs(total.sum) {
			return value, err
		}
		step /= 2
	}
	return value, math.Inf(1)
}

// A trapezoid is the sum of the integrand over both halves of the path.
type trapezoid struct{ sum, rounding float64 }

// add adds the nodes start, start + step, ... until they no longer change the sum.
func (h *hypo) add(total *trapezoid, start, step float64) {
	const maxNodes = 1 << 16
	for j := range maxNodes {
		t := start + float64(float64(j)*step)
		value, size, rounding := h.node(t)
		if t > 0 {
			value, size, rounding = 2*value, 2*size, 2*rounding
		}
		total.sum += value
		total.rounding += rounding
		if size < 0x1p-60*math.Abs(total.sum) {
			return
		}
	}
	total.rounding = math.Inf(1)
}

// node returns the integrand at z = x + bend t^2 + i t with respect to t, a bound of its modulus, and
// a bound of its rounding error.
func (h *hypo) node(t float64) (value, size, rounding float64) {
	a := float64(h.bend * float64(t*t)) // z - x = a + i t
	re, im := float64(h.drift*a), float64(h.drift*t)
	weight := math.Abs(re) + math.Abs(im)
	for i, g := range h.terms {
		n, u := float64(g.Count), h.scale[i]
		lr, li := complexLog1pmx(-float64(u*a), -float64(u*t))
		re -= float64(n * lr)
		im -= float64(n * li)
		weight += float64(n * (math.Abs(lr) + math.Abs(li)))
	}
	sin, cos := sincos(im)
	f := exp(re)
	// e^(re + i im) (1 - 2 i bend t) / (z or -z), dz = (2 bend t + i) dt.
	zr, zi := h.x+a, t
	if !h.upper {
		zr, zi = -zr, -zi
	}
	norm := float64(zr*zr) + float64(zi*zi)
	b := float64(-2 * h.bend * t)
	nr, ni := cos-float64(sin*b), sin+float64(cos*b)
	value = float64(f * (float64(nr*zr) + float64(ni*zi)) / norm)
	size = float64(f * math.Sqrt((1+float64(b*b))/norm))
	return value, size, float64(size * (0x1p-49 + float64(0x1p-51*weight)))
}
