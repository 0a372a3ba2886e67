package detect

import (
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// A powerKey is all that a statement of power depends on.
type powerKey struct {
	law         watermark.Law
	units       null.Units
	alpha, rate float64
	tests       int64
}

type knownPower struct {
	key   powerKey
	power Power
}

// powers holds statements of power by the hash of their key. It takes longer to make one than to test a
// text, and neither the text nor the key of the mark matters to it. So texts of one size share it. A new
// statement replaces one with the same hash, and nobody waits.
var powers [1024]atomic.Pointer[knownPower]

// rememberedPower is powerOf. Most calls find the answer of an earlier one.
func rememberedPower(s Scorer, law null.Law, units *null.Units, o Options, tests int64) Power {
	key := powerKey{s.Law(), *units, o.Alpha, o.Rate, tests}
	place := &powers[key.hash()%uint64(len(powers))]
	if known := place.Load(); known != nil && known.key == key {
		return known.power
	}
	u := *units // escapes, and units does not
	power := powerOf(law, &u, o, tests)
	place.Store(&knownPower{key, power})
	return power
}

// hash leaves the law out, because one process rarely tests for many.
func (k *powerKey) hash() uint64 {
	h := math.Float64bits(k.alpha) ^ bits.RotateLeft64(math.Float64bits(k.rate), 32) ^ uint64(k.tests)
	for _, n := range k.units {
		h = (h ^ uint64(n)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}
