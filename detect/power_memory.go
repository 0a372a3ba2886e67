package detect

import (
	"math"
	"math/bits"
	"sync"

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

// A knownPower holds a statement of power, if known is true. Its lock guards the rest.
type knownPower struct {
	lock  sync.RWMutex
	known bool
	key   powerKey
	power Power
}

// powers holds statements of power by the hash of their key. It takes longer to make one than to test a
// text, and neither the text nor the key of the mark matters to it. So texts of one size share it. A new
// statement replaces one with the same hash, in the same memory. Nobody waits: who does not get the lock
// makes a statement of their own.
var powers [1024]knownPower

// rememberedPower is powerOf. Most calls find the answer of an earlier one.
func rememberedPower(s Scorer, law null.Law, units *null.Units, o Options, tests int64) Power {
	key := powerKey{s.Law(), *units, o.Alpha, o.Rate, tests}
	place := &powers[key.hash()%uint64(len(powers))]
	if power, known := place.find(&key); known {
		return power
	}
	if !place.lock.TryLock() {
		u := *units // escapes, and units does not
		return powerOf(law, &u, o, tests)
	}
	defer place.lock.Unlock()
	place.known = false // until powerOf returns
	place.key = key
	place.power = powerOf(law, &place.key.units, o, tests)
	place.known = true
	return place.power
}

// find returns the statement of a key, unless another is here or is being made.
func (k *knownPower) find(key *powerKey) (power Power, known bool) {
	if !k.lock.TryRLock() {
		return Power{}, false
	}
	defer k.lock.RUnlock()
	if !k.known || k.key != *key {
		return Power{}, false
	}
	return k.power, true
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
