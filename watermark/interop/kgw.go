package interop

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark"
)

// Green lists in the way of lm-watermarking (Kirchenbauer et al. 2023, "On the Reliability of
// Watermarks for Large Language Models"): a function of a window gives a seed, and the seed gives
// a list. The engines differ in the arithmetic of the seed, in the hash of a token, and in the
// list.

// tableSize is the size of the table that hashes tokens.
const tableSize = 1000003

// A tokenHash is the hash of a token, or of its product with the key.
type tokenHash func(x int64) int64

// tableHash reads a permutation of torch. The remainder is never negative, as in torch.
func tableHash(table []int32) tokenHash {
	return func(x int64) int64 {
		x %= tableSize
		if x < 0 {
			x += tableSize
		}
		return int64(table[x]) + 1
	}
}

// kgwTable is the fixed table of lm-watermarking and sbw.
var kgwTable = sync.OnceValue(func() []int32 { return torchPermutation(2971215073&0xffffffff, tableSize) })

// jenkins is the integer hash of Bob Jenkins on 32 bits, with arithmetic shifts, after adding 1.
func jenkins(x int64) int64 {
	i := int32(x + 1)
	i -= i << 6
	i ^= i >> 17
	i -= i << 9
	i ^= i << 4
	i -= i << 3
	i ^= i << 10
	i ^= i >> 15
	return int64(i)
}

// A window is the parameters of a seed.
type window struct {
	name  string // of the function, as in lm-watermarking
	width int    // tokens in the window, the candidate included if own is set
	own   bool   // the window ends with the candidate
	key   uint64 // where the arithmetic wraps, the bits of a signed number, as in torch
	hash  tokenHash
}

// context returns the number of tokens before the candidate.
func (w *window) context() int {
	if w.own {
		return w.width - 1
	}
	return w.width
}

// kgwFunctions lists the functions of a window, as in lm-watermarking.
var kgwFunctions = []string{
	"additive_prf", "anchored_minhash_prf", "anchored_skipgram_prf", "minfunc_prf", "minhash_prf", "minskipgram_prf",
	"multiplicative_prf", "noncomm_prf", "position_prf", "simple_skip_prf", "skipgram_prf",
}

// value returns the seed before the generator cuts it, in integers that wrap at 64 bits. The last
// token of x is the candidate if own is set.
func (w *window) value(x []watermark.Token) int64 {
	k, h, last := int64(w.key), w.hash, len(x)-1
	id := func(i int) int64 { return int64(x[i]) }
	switch w.name {
	case "additive_prf", "multiplicative_prf", "minfunc_prf":
		return k * w.plain(x)
	case "simple_skip_prf":
		v := int64(1)
		for i := 0; i <= last; i += 2 {
			v *= h(k * id(i))
		}
		return v
	case "skipgram_prf":
		return h(k * id(0))
	case "anchored_skipgram_prf":
		return h(k*id(0)) * h(k*id(last))
	case "minhash_prf":
		v := h(k * id(0))
		for i := range x {
			v = min(v, h(k*id(i)))
		}
		return v
	case "anchored_minhash_prf":
		anchor := h(id(last))
		v := k * h(id(0)) * anchor
		for i := range x {
			v = min(v, k*h(id(i))*anchor)
		}
		return v
	case "minskipgram_prf":
		v := h(k*id(0)) * h(k*id(1))
		for i := range x {
			for j := i + 1; j <= last; j++ {
				v = min(v, h(k*id(i))*h(k*id(j)))
			}
		}
		return v
	case "noncomm_prf":
		v := k
		for i := range x {
			v = v * h(v*id(i)) & 0xffffffff // the remainder of 2^32, never negative
		}
		return v
	default: // position_prf
		v := int64(0)
		for i := range x {
			v += k * id(i) * int64(i+1)
		}
		return v
	}
}

// plain returns what the functions without a hash multiply by the key.
func (w *window) plain(x []watermark.Token) int64 {
	switch w.name {
	case "minfunc_prf":
		return int64(slices.Min(x))
	case "multiplicative_prf":
		v := int64(1)
		for _, t := range x {
			v *= int64(t)
		}
		return v
	default:
		v := int64(0)
		for _, t := range x {
			v += int64(t)
		}
		return v
	}
}

// exact reports whether lm-watermarking computes the product of key and tokens with integers of
// any size.
func (w *window) exact() bool {
	return w.name == "additive_prf" || w.name == "multiplicative_prf" || w.name == "minfunc_prf"
}

// kgwSeed returns the seed of lm-watermarking: the value modulo 2^64-1.
func (w *window) kgwSeed(x []watermark.Token) uint64 {
	if w.exact() {
		return mulSeed(w.key%seedModulus, signedSeed(w.plain(x)))
	}
	return signedSeed(w.value(x))
}

// sbwSeed returns the seed of the lists of sbw that are permutations: the value modulo 2^63-1.
func (w *window) sbwSeed(x []watermark.Token) uint64 {
	v := w.value(x) % (1<<63 - 1)
	if v < 0 {
		v += 1<<63 - 1
	}
	return uint64(v)
}

// A preset is a window by its name in lm-watermarking or sbw.
type preset struct {
	function string
	width    int
	own      bool
}

var kgwPresets = map[string]preset{
	"simple_1":    {"additive_prf", 1, false},
	"lefthash":    {"additive_prf", 1, false},
	"algorithm-3": {"anchored_minhash_prf", 4, true},
	"selfhash":    {"anchored_minhash_prf", 4, true},
	"minhash":     {"minhash_prf", 4, false},
	"skipgram":    {"skipgram_prf", 5, false},
}

// kgwPreset reads a preset of lm-watermarking: a name, or the free form "ff-FUNCTION-WIDTH-OWN".
func kgwPreset(name string) (preset, error) {
	if p, ok := kgwPresets[name]; ok {
		return p, nil
	}
	if rest, ok := strings.CutPrefix(name, "ff-"); ok {
		return freeForm(name, rest)
	}
	return preset{}, paramError("preset", "%s is unknown; use simple_1, lefthash, selfhash, minhash, skipgram or ff-FUNCTION-WIDTH-SELF", secret.Quote(name))
}

func freeForm(name, rest string) (preset, error) {
	parts := strings.Split(rest, "-")
	if len(parts) != 3 {
		return preset{}, paramError("preset", "%s is not of the form ff-FUNCTION-WIDTH-SELF; the key belongs in the key file", secret.Quote(name))
	}
	width, err := strconv.Atoi(parts[1])
	own := parts[2] == "True"
	switch {
	case !slices.Contains(kgwFunctions, parts[0]):
		return preset{}, paramError("preset", "%s has an unknown function; use one of %s", secret.Quote(name), strings.Join(kgwFunctions, ", "))
	case err != nil || width < 1 || strconv.Itoa(width) != parts[1]:
		return preset{}, paramError("preset", "%s has no width", secret.Quote(name))
	case parts[2] != "True" && parts[2] != "False":
		return preset{}, paramError("preset", "%s does not end in True or False", secret.Quote(name))
	case parts[0] == "minskipgram_prf" && width < 2:
		return preset{}, paramError("preset", "%s needs a width of 2 or more", secret.Quote(name))
	}
	return preset{parts[0], width, own}, nil
}

// An sbwScheme is a seeding scheme of sbw 1.0.0.
type sbwScheme struct {
	preset
	philox  bool // a list by Philox and a threshold; else a permutation of torch
	jenkins bool // tokens are hashed by jenkins; else by the table
}

// sbwPreset reads a seeding scheme of sbw. The number of candidates at the end of a name matters
// to generation alone.
func sbwPreset(name string) (sbwScheme, error) {
	gpu, philox := strings.CutPrefix(name, "gpu-")
	base, _ := strings.CutPrefix(gpu, "fused-")
	fused := base != gpu
	parts := strings.Split(base, "-")
	unknown := paramError("preset", "%s is not a seeding scheme of sbw 1.0.0", secret.Quote(name))
	var s sbwScheme
	var err error
	switch parts[0] {
	case "ff":
		own := 0
		if len(parts) == 5 {
			own = 1
			if parts[3] != "True" || !isCandidates(parts[4]) {
				return s, unknown
			}
		}
		if fused || len(parts) < 4 {
			return s, unknown
		}
		s.preset, err = freeForm(name, strings.Join(parts[1:len(parts)-own], "-"))
	case "selfhash":
		s.preset, err = kgwPreset("selfhash")
		for _, p := range parts[1:] {
			// "cpuhash" does not exist for fused schemes.
			if !isCandidates(p) && !(p == "cpuhash" && philox && !fused) && !(p == "cudagraphs" && base == "selfhash-fullvocab-cudagraphs") {
				return s, unknown
			}
		}
	case "simple_4":
		s.preset = preset{"additive_prf", 4, false}
		if !fused || len(parts) > 2 || len(parts) == 2 && !isCandidates(parts[1]) {
			return s, unknown
		}
	default:
		if fused || philox && (base == "lefthash" || base == "algorithm-3") {
			return s, unknown
		}
		if s.preset, err = kgwPreset(base); err != nil {
			return s, unknown
		}
	}
	if err != nil {
		return s, err
	}
	if fused && !philox {
		return s, unknown
	}
	s.philox = philox
	s.jenkins = philox && !slices.Contains(parts, "cpuhash")
	return s, nil
}

func isCandidates(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "fullvocab" || err == nil && n > 0 && strconv.Itoa(n) == s
}

// sbwThreshold returns the count of 31-bit words that a detector of sbw calls green. It compares
// float32(word) * float32(4.6566127342e-10) with gamma in float32.
func sbwThreshold(gamma float64) uint32 {
	const scale = float32(4.6566127342e-10)
	limit := float32(gamma)
	lo, hi := uint32(0), uint32(1)<<31
	for lo < hi {
		mid := lo + (hi-lo)/2
		if float32(float32(mid)*scale) < limit {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// sbwWord returns the 31 bits that decide about a token.
func sbwWord(seed uint64, token watermark.Token) uint32 {
	t := uint32(token)
	return philox([4]uint32{t >> 2}, uint32(seed), uint32(seed>>32))[t&3] & 0x7fffffff
}
