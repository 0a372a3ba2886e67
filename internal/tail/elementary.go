package tail

import "math"

// The elementary functions of package math differ in the last bits between machines, because of
// assembly and fused multiply-add. math.Log is off by 14 % for subnormal numbers on amd64. A p-value
// is evidence, and every machine must compute the same number.
//
// So the functions below use only operations that IEEE 754 defines exactly. The code converts every
// product before it adds it, which forbids fusing (Go specification, "Floating-point operators").
// Where it needs a fused operation it calls math.FMA, which is exact on every machine. The error of
// each function is below two units in the last place.

const (
	ln2Hi = 0x1.62e42feep-1 // its product with an exponent is exact
	ln2Lo = 1.908214929270587816144265680755001343603e-10

	halfPi1 = 0x1.921fb54442d18p0
	halfPi2 = 0x1.1a62633145c07p-54
	halfPi3 = -0x1.f1976b7ed8fbcp-110
)

// half returns x/2. The compiler may turn x/2 into a product and fuse it.
func half(x float64) float64 { return float64(x / 2) }

// inverseFactorial holds 1/j!.
var inverseFactorial = func() (f [20]float64) {
	x := 1.0 // j! is an exact float up to 22!
	f[0] = 1
	for j := 1; j < len(f); j++ {
		x *= float64(j)
		f[j] = 1 / x
	}
	return f
}()

// odd holds 1/(2j+1).
var odd = func() (f [16]float64) {
	for j := range f {
		f[j] = 1 / float64(2*j+1)
	}
	return f
}()

// expm1Small returns e^r - 1 for |r| < 0.36, by the Taylor series.
func expm1Small(r float64) float64 {
	return r + expm1mxSmall(r)
}

// expm1mxSmall returns e^r - 1 - r for |r| < 0.36.
func expm1mxSmall(r float64) float64 {
	f := &inverseFactorial
	s := f[14]
	for j := 13; j >= 2; j-- {
		s = f[j] + float64(r*s)
	}
	return float64(float64(r*r) * s)
}

// exp returns e^x. It writes x = k ln 2 + r with |r| <= ln(2)/2.
func exp(x float64) float64 {
	switch {
	case x < -746:
		return 0
	case x > 710:
		return math.Inf(1)
	case x != x:
		return x
	}
	k := math.Floor(float64(x*(1/math.Ln2)) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	y := 1 + expm1Small(r)
	if k > -1000 && k < 1000 {
		return y * math.Float64frombits(uint64(int64(k)+1023)<<52)
	}
	return math.Ldexp(y, int(k))
}

// expm1 returns e^x - 1.
func expm1(x float64) float64 {
	if x > -0.36 && x < 0.36 {
		return expm1Small(x)
	}
	return exp(x) - 1
}

// expm1mx returns e^x - 1 - x.
func expm1mx(x float64) float64 {
	if x > -0.36 && x < 0.36 {
		return expm1mxSmall(x)
	}
	return exp(x) - 1 - x
}

// ln returns the natural logarithm. It writes x = 2^e m with m in [sqrt(1/2), sqrt 2), and uses
// ln m = 2 atanh((m-1)/(m+1)).
func ln(x float64) float64 {
	switch {
	case !(x >= 0):
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x > math.MaxFloat64:
		return x
	}
	m, i := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		i--
	}
	f := m - 1
	v := f / (2 + f)
	w := float64(v * v)
	s := odd[10]
	for j := 9; j >= 1; j-- {
		s = odd[j] + float64(w*s)
	}
	// 2v equals f - v f.
	rest := float64(v * (f - float64(2*w*s)))
	e := float64(i)
	return float64(e*ln2Hi) - ((rest - float64(e*ln2Lo)) - f)
}

// log1p returns ln(1+x).
func log1p(x float64) float64 {
	if x > -0.4 && x < 0.7 {
		return x + log1pmx(x)
	}
	u := 1 + x
	if u <= 0 || u > math.MaxFloat64 {
		return ln(u)
	}
	// The rounding error of 1+x, to first order.
	c := x - (u - 1)
	if x > 1 {
		c = 1 - (u - x)
	}
	return ln(u) + c/u
}

// log1pmx returns ln(1+x) - x without cancellation at small x. There the logarithm is 2 atanh(v) with
// v = x/(2+x), and its first term differs from x by exactly x v.
func log1pmx(x float64) float64 {
	if !(x > -0.4 && x < 0.7) {
		return log1p(x) - x
	}
	v := x / (2 + x)
	w := float64(v * v)
	s := odd[14]
	for j := 13; j >= 1; j-- {
		s = odd[j] + float64(w*s)
	}
	return float64(2*v*w*s) - float64(x*v)
}

// sincos returns the sine and cosine of t for |t| < 2^31. The results for larger t mean nothing.
func sincos(t float64) (sin, cos float64) {
	k := math.Floor(float64(t*(2/math.Pi)) + 0.5)
	r := math.FMA(-k, halfPi1, t)
	r = math.FMA(-k, halfPi2, r)
	r = math.FMA(-k, halfPi3, r)
	f := &inverseFactorial
	w := -float64(r * r)
	s, c := f[17], f[18]
	for j := 16; j >= 2; j -= 2 {
		s = f[j-1] + float64(w*s)
		c = f[j] + float64(w*c)
	}
	s, c = float64(r*s), 1+float64(w*c)
	switch int64(k) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}

// arctan8 holds atan(j/8).
var arctan8 = [9]float64{
	0,
	0.1243549945467614350313548491638710255732,
	0.2449786631268641541720824812112758109141,
	0.358770670270572220395920063926460499777,
	0.4636476090008061162142562314612144020285,
	0.5585993153435624359715082164016612703464,
	0.6435011087932843868028092287173226380415,
	0.7188299996216245054170141515259046539514,
	0.7853981633974483096156608458198757210493,
}

// atan2 returns the angle of (x, y), which are finite and not both zero. A table gives the angle of
// the nearest eighth of the tangent, and the series that of the rest, which is at most 1/16.
func atan2(y, x float64) float64 {
	a, b := math.Abs(y), math.Abs(x)
	steep := a > b
	if steep {
		a, b = b, a
	}
	j := int(float64(8*(a/b)) + 0.5)
	c := float64(j) / 8
	v := (a - float64(c*b)) / (b + float64(c*a))
	w := -float64(v * v)
	s := odd[7]
	for i := 6; i >= 1; i-- {
		s = odd[i] + float64(w*s)
	}
	t := arctan8[j] + (v + float64(v*w*s))
	if steep {
		t = halfPi1 - (t - halfPi2)
	}
	if x < 0 {
		t = math.Pi - t
	}
	return math.Copysign(t, y)
}

// sinmx returns sin x - x.
func sinmx(x float64) float64 {
	if x < -0.8 || x > 0.8 {
		s, _ := sincos(x)
		return s - x
	}
	f := &inverseFactorial
	w := -float64(x * x)
	s := f[15]
	for j := 13; j >= 3; j -= 2 {
		s = f[j] + float64(w*s)
	}
	return float64(x * w * s)
}

// complexLog1p returns ln(1+z) for z = a + i b.
func complexLog1p(a, b float64) (re, im float64) {
	u := 1 + a
	if a < -0.3 {
		// u is exact, and its square keeps its digits if z is close to -1.
		if u == 0 && b == 0 {
			return math.Inf(-1), 0
		}
		return half(ln(float64(u*u) + float64(b*b))), atan2(b, u)
	}
	return half(log1p(float64(2*a) + float64(a*a) + float64(b*b))), atan2(b, u)
}

// complexLog1pmx returns ln(1+z) - z for z = a + i b off the negative axis.
func complexLog1pmx(a, b float64) (re, im float64) {
	if math.Abs(a)+math.Abs(b) > 0.3 {
		re, im = complexLog1p(a, b)
		return re - a, im - b
	}
	// As in log1pmx, it is 2 v^3 (1/3 + v^2/5 + ...) - z v with v = z/(2+z).
	d := float64((2+a)*(2+a)) + float64(b*b)
	vr := (float64(a*(2+a)) + float64(b*b)) / d
	vi := float64(2*b) / d
	wr, wi := multiply(vr, vi, vr, vi)
	sr, si := odd[11], 0.0
	for j := 10; j >= 1; j-- {
		sr, si = multiply(sr, si, wr, wi)
		sr += odd[j]
	}
	sr, si = multiply(sr, si, wr, wi)
	// v (2 w s - z)
	return multiply(vr, vi, float64(2*sr)-a, float64(2*si)-b)
}

// multiply returns (a + i b)(c + i d).
func multiply(a, b, c, d float64) (re, im float64) {
	return float64(a*c) - float64(b*d), float64(a*d) + float64(b*c)
}

// Ln returns the natural logarithm of x > 0, with the same bits on every machine.
func Ln(x float64) float64 { return ln(x) }

// Exp returns e^x, with the same bits on every machine.
func Exp(x float64) float64 { return exp(x) }

// Log1p returns the natural logarithm of 1 + x for x > -1, with the same bits on every machine.
func Log1p(x float64) float64 { return log1p(x) }

// Expm1 returns e^x - 1, with the same bits on every machine.
func Expm1(x float64) float64 { return expm1(x) }
