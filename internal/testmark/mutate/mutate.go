// Package mutate makes `go test` try inputs near the seeds of a fuzz target. They are the same inputs on
// every run and machine: a random search can fail by luck, and belongs to `make fuzz`. Only files
// that end in _test.go import it.
package mutate

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const (
	perSeed   = 64   // neighbours of a seed
	perTarget = 1000 // neighbours of all seeds of a target
)

// F is a fuzz target whose Add also adds neighbours of each seed.
type F struct {
	*testing.F
	rng   *rand.Rand
	left  int
	seeds []any // of one argument each
}

// New returns the target f. With -short, and while the fuzzing engine makes the inputs, F adds the seeds
// alone.
func New(f *testing.F) *F {
	h := fnv.New64a()
	h.Write([]byte(f.Name()))
	m := &F{F: f, rng: rand.New(rand.NewPCG(h.Sum64(), 0)), left: perTarget}
	if fuzz := flag.Lookup("test.fuzz"); testing.Short() || fuzz != nil && fuzz.Value.String() != "" {
		m.left = 0
	}
	return m
}

// Add adds a seed and its neighbours. See [testing.F.Add] for the types.
func (f *F) Add(args ...any) {
	f.Helper()
	f.F.Add(args...)
	f.seeds = append(f.seeds, args...)
	for range min(perSeed, f.left) {
		f.left--
		near := slices.Clone(args)
		for range 1 + f.rng.IntN(2) {
			i := f.rng.IntN(len(near))
			near[i] = f.neighbour(near[i])
		}
		f.F.Add(near...)
	}
}

// neighbour returns a value that differs from v in a few places.
func (f *F) neighbour(v any) any {
	r := f.rng
	switch v := v.(type) {
	case []byte:
		return f.bytes(v)
	case string:
		return string(f.bytes([]byte(v)))
	case bool:
		return !v
	case byte:
		return byte(f.number(uint64(v)))
	case int8:
		return int8(f.number(uint64(v)))
	case uint16:
		return uint16(f.number(uint64(v)))
	case int16:
		return int16(f.number(uint64(v)))
	case uint32:
		return uint32(f.number(uint64(v)))
	case rune:
		return rune(f.number(uint64(v)))
	case uint64:
		return f.number(v)
	case int64:
		return int64(f.number(uint64(v)))
	case uint:
		return uint(f.number(uint64(v)))
	case int:
		return int(f.number(uint64(v)))
	case float64:
		return []float64{-v, v + 1, v / 3, v * 1e9, 0, math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64}[r.IntN(8)]
	case float32:
		return []float32{-v, v + 1, v / 3, v * 1e9, 0, float32(math.Inf(1)), float32(math.NaN())}[r.IntN(7)]
	}
	panic(fmt.Sprintf("mutate: neighbours of a %T are not known", v))
}

func (f *F) number(v uint64) uint64 {
	r := f.rng
	return []uint64{v + 1, v - 1, -v, v << 1, 0, math.MaxUint64, 1 << 63, math.MaxInt64, math.MaxInt32, 1 << r.IntN(64), v ^ 1<<r.IntN(64), r.Uint64()}[r.IntN(12)]
}

// pieces are bytes that parsers look for.
var pieces = []string{
	"\x00", "\xff", "\n", "\r\n", " ", "\t", `"`, `'`, `\`, "\\\\", "%", "&", "=", ",", ":", ";", "{", "}", "[", "]", "<", ">", "-", "0", "-1", "9223372036854775808",
	"1e999", "null", "true", "{}", "[]", `{"`, `"}`, "\ufeff", "\u200b", "\u202e", "\xc3\x28", "é", "中", "😀", "\x1b[0m", "</", "<!--", "data: ", "\n\n",
}

// bytes returns a copy of b after a few edits.
func (f *F) bytes(b []byte) []byte {
	r := f.rng
	out := slices.Clone(b)
	for range 1 + r.IntN(4) {
		i := r.IntN(len(out) + 1)
		j := min(len(out), i+1+r.IntN(1<<r.IntN(6)))
		switch r.IntN(9) {
		case 0: // one bit
			if i < len(out) {
				out[i] ^= 1 << r.IntN(8)
			}
		case 1: // one byte
			if i < len(out) {
				out[i] = byte(r.Uint32())
			}
		case 2:
			out = slices.Insert(out, i, []byte(pieces[r.IntN(len(pieces))])...)
		case 3:
			out = slices.Delete(out, i, j)
		case 4: // what stands here, several times
			for part := slices.Clone(out[i:j]); len(out) < 1<<16; {
				if out = slices.Insert(out, i, part...); r.IntN(3) == 0 || len(part) == 0 {
					break
				}
			}
		case 5:
			out = out[:i]
		case 6:
			out = out[i:]
		case 7: // a part of another seed
			if other := f.other(); len(other) > 0 {
				k := r.IntN(len(other))
				out = slices.Insert(out, i, other[k:min(len(other), k+1+r.IntN(64))]...)
			}
		case 8: // a place replaced by a piece
			out = slices.Replace(out, i, j, []byte(pieces[r.IntN(len(pieces))])...)
		}
	}
	return out
}

// other returns an argument of a seed, or nothing if that one is a number.
func (f *F) other() []byte {
	switch v := f.seeds[f.rng.IntN(len(f.seeds))].(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	return nil
}
