package interop

import (
	"math"
	"math/bits"

	"github.com/isotope-wm/isotope/watermark"
)

// textseal 0.0.5 and its repository in 2026: one function of 8191 values, linear but for one
// shift.

// textsealValues is the number of values of the function.
const textsealValues = 1<<13 - 1

var textsealPrimes = [...]int64{
	10000019, 10000247, 10000439, 10000643, 10000747, 10000867, 10000993, 10001213, 10001357, 10001501,
}

// textsealHash returns the value of a pair, 0 to textsealValues-1.
func textsealHash(key uint64, context []watermark.Token, token watermark.Token) int64 {
	h := 100000007*int64(token) + 500001713*int64(key)
	for i, t := range context {
		h += textsealPrimes[i] * int64(t)
	}
	h *= 15485863 * 40499
	h ^= h >> 13
	if h %= textsealValues; h < 0 {
		h += textsealValues
	}
	return h
}

// textsealUniform reads a value r as u = r / 8191 in float32.
func textsealUniform(r int64) uniform {
	u := float32(r) / textsealValues
	c := uniform{atLeast: 0, complement: 0} // u = 0
	if r > 0 {
		c.atLeast, _ = bits.Div64(uint64(textsealValues-r), textsealValues-1, textsealValues) // rounded up
		c.complement = uint64(math.Ldexp(float64(float32(1-u)), 64))
	}
	return c
}

// textsealGreen returns how many values are green, u < gamma in float32. They come first.
func textsealGreen(gamma float64) int64 {
	limit := float32(gamma)
	n := int64(0)
	for n < textsealValues && float32(n)/textsealValues < limit {
		n++
	}
	return n
}
