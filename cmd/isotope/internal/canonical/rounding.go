package canonical

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
)

// Tolerance is how far two numbers with a fraction may be apart that [Rounded] takes for one:
// relative to the larger one, and absolute below 1. Programs of other versions, or on other
// processors, may round the last of 16 digits differently. Nothing that a report says hangs on the
// tenth digit.
const Tolerance = 1e-9

// A Rounding says which numbers differ between two values that are the same but for rounding.
type Rounding struct {
	Numbers int     // that differ
	Largest float64 // difference, on the scale of Tolerance
}

// Rounded compares two JSON values. ok says that they are the same but for the rounding of numbers
// with a fraction, within [Tolerance]. Whole numbers, strings, names and orders must be equal. It
// returns an error if old or new is not JSON.
func Rounded(old, new []byte) (r Rounding, ok bool, err error) {
	a, err := decode(old)
	if err != nil {
		return r, false, err
	}
	b, err := decode(new)
	if err != nil {
		return r, false, err
	}
	ok = r.same(a, b)
	return r, ok, nil
}

func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return v, d.Decode(&v)
}

func (r *Rounding) same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			if w, ok := y[name]; !ok || !r.same(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i, v := range x {
			if !r.same(v, y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		return ok && (x == y || r.close(x, y))
	}
	return a == b
}

// close takes two numbers that are not written alike.
func (r *Rounding) close(a, b json.Number) bool {
	if whole(a) && whole(b) {
		return false
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	if errX != nil || errY != nil {
		return false
	}
	apart := math.Abs(x-y) / max(1, math.Abs(x), math.Abs(y))
	if !(apart <= Tolerance) {
		return false
	}
	r.Numbers++
	r.Largest = max(r.Largest, apart)
	return true
}

func whole(n json.Number) bool { return !strings.ContainsAny(string(n), ".eE") }
