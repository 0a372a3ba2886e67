package prf

import (
	"math/big"
	"math/bits"
)

// NegLog returns floor(2^k * -ln(n / 2^64)) exactly, for k up to 50. The number 0 stands for 2^64.
// It is the only logarithm of the wire format. It uses integers alone, so that all machines agree.
//
// A lower bound within 2^-77 decides all but about one n in 2^(77-k). For those, NegLog computes
// with more precision and allocates.
func NegLog(n uint64, k uint) uint64 {
	if n == 0 {
		return 0
	}
	whole, hi, lo := negLogBelow(n)
	floor := whole<<k | hi>>(64-k)
	_, carry := bits.Add64(lo, negLogError, 0)
	if above, carry := bits.Add64(hi, 0, carry); carry != 0 || above>>(64-k) != hi>>(64-k) {
		return negLogExact(n, k)
	}
	return floor
}

// negLogError is 2^-77 in units of 2^-128.
const negLogError = 1 << 51

// ln2Hi and ln2Lo are floor(2^128 ln 2).
const (
	ln2Hi = 0xb17217f7d1cf79ab
	ln2Lo = 0xc9e3b39803f2f6af
)

// negLogBelow returns a lower bound of -ln(n / 2^64) for n > 0, as an integer and 128 bits of
// fraction. The bound is less than 2^-77 below the truth.
//
// Let n = m 2^e with 1 <= m < 2, and let r be the table's reciprocal for the first 8 bits of m - 1.
// Then m r = 1 - y with 0 < y < 2^-7.99, and
//
//	-ln(n/2^64) = (64-e) ln 2 - (-ln r) + y + y^2 (1/2 + y/3 + ... + y^7/9) + ...
//
// y is exact, y^2 has 80 bits of fraction, and the terms after y^9/9 are below 2^-82.
func negLogBelow(n uint64) (whole, hi, lo uint64) {
	shift := bits.LeadingZeros64(n)
	m := n << shift
	row := &negLogTable[m>>55&0xff]
	ph, pl := bits.Mul64(m, row[0]) // m r in units of 2^-127
	yl, borrow := bits.Sub64(0, pl, 0)
	yh, _ := bits.Sub64(1<<63, ph, borrow)
	yh, yl = yh<<1|yl>>63, yl<<1 // y in units of 2^-128

	y := yh<<8 | yl>>56 // in units of 2^-72
	series := uint64(1<<64-1) / 9
	for _, c := range [...]uint64{inverse8, inverse7, inverse6, inverse5, inverse4, inverse3, inverse2} {
		t, _ := bits.Mul64(series, y)
		series = c + t>>8
	}
	square, _ := bits.Mul64(y, y)
	q, _ := bits.Mul64(square, series) // in units of 2^-80

	// The error of (64-e) ln 2 is at most 64 times that of ln 2.
	j := uint64(shift + 1)
	carryLn2, lo2 := bits.Mul64(ln2Lo, j)
	whole, hi = bits.Mul64(ln2Hi, j)
	var c uint64
	hi, c = bits.Add64(hi, carryLn2, 0)
	whole += c
	lo, c = bits.Add64(lo2, yl, 0)
	hi, c = bits.Add64(hi, yh, c)
	whole += c
	lo, c = bits.Add64(lo, q<<48, 0)
	hi, c = bits.Add64(hi, q>>16, c)
	whole += c
	lo, c = bits.Sub64(lo, row[2], 0)
	hi, c = bits.Sub64(hi, row[1], c)
	return whole - c, hi, lo
}

// Reciprocals in units of 2^-64, rounded down.
const (
	inverse2 = 1 << 63
	inverse3 = (1<<64 - 1) / 3
	inverse4 = 1 << 62
	inverse5 = (1<<64 - 1) / 5
	inverse6 = (1<<64 - 1) / 6
	inverse7 = (1<<64 - 1) / 7
	inverse8 = 1 << 61
)

// negLogExact is NegLog by series. It doubles the precision until both ends of an interval around
// the truth have the same floor. This ends, because the logarithm of a rational other than 1 is
// irrational.
func negLogExact(n uint64, k uint) uint64 {
	for precision := uint(128); ; precision *= 2 {
		at, err := negLogSeries(n, precision)
		above := new(big.Int).Add(at, err)
		at.Rsh(at, precision-k)
		above.Rsh(above, precision-k)
		if at.Cmp(above) == 0 {
			return at.Uint64()
		}
	}
}

// negLogSeries returns a lower bound of -ln(n/2^64) in units of 2^-precision, and an upper bound of
// its error.
func negLogSeries(n uint64, precision uint) (at, err *big.Int) {
	e := bits.Len64(n) - 1
	one := new(big.Int).Lsh(big.NewInt(1), uint(e))
	m := new(big.Int).SetUint64(n)
	// ln m = 2 artanh((m-1)/(m+1)), and ln 2 = 2 artanh(1/3).
	lnM, termsM := artanh(new(big.Int).Sub(m, one), new(big.Int).Add(m, one), precision)
	ln2, terms2 := artanh(big.NewInt(1), big.NewInt(3), precision)
	j := int64(64 - e)
	at = ln2.Mul(ln2, big.NewInt(j))
	at.Sub(at, lnM)
	at.Sub(at, big.NewInt(termsM))
	at.Lsh(at, 1)
	return at, big.NewInt(2 * (j*terms2 + termsM))
}

// artanh returns a lower bound of artanh(a/b) for 0 <= a/b <= 1/3, in units of 2^-precision. lacks
// is an upper bound of its error: two for each term of the series.
func artanh(a, b *big.Int, precision uint) (sum *big.Int, lacks int64) {
	power := new(big.Int).Lsh(a, precision)
	power.Quo(power, b)
	sum = new(big.Int)
	a2, b2 := new(big.Int).Mul(a, a), new(big.Int).Mul(b, b)
	for i := int64(1); power.Sign() > 0; i += 2 {
		sum.Add(sum, new(big.Int).Quo(power, big.NewInt(i)))
		power.Mul(power, a2)
		power.Quo(power, b2)
		lacks += 2
	}
	return sum, lacks + 2
}
