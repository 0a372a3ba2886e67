package interop

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/isotope-wm/isotope/watermark"
)

// vLLM 0.33.0, function "philox4x32-10-v1". A context is hashed to four words, four tokens at a
// time. A place before the first token counts as -1.

const (
	vllmContextDomain = 0x574D4358
	vllmTokenDomain   = 0x574D544B
)

// A vllmFunction is the function of one 64-bit key.
type vllmFunction struct{ k0, k1 uint32 }

func newVLLMFunction(key uint64) vllmFunction {
	return vllmFunction{k0: uint32(key), k1: uint32(key >> 32)}
}

// vllmHalves returns the two keys of algorithm dual_key_gumbel.
func vllmHalves(key uint64) (a, b vllmFunction) {
	half := func(domain string) vllmFunction {
		d := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(domain), key))
		return newVLLMFunction(binary.BigEndian.Uint64(d[:]))
	}
	return half("key_a"), half("key_b")
}

// state hashes a context. absent is the id that stands for -1.
func (f vllmFunction) state(context []watermark.Token, absent watermark.Token) [4]uint32 {
	state := [4]uint32{vllmContextDomain, uint32(len(context))}
	for off := 0; off < len(context); off += 4 {
		for j := range uint32(4) {
			word := 0xffffffff - j // past the end
			if i := off + int(j); i < len(context) {
				if word = uint32(context[i]); context[i] == absent {
					word = 0xffffffff
				}
			}
			state[j] ^= word
		}
		state = philox(state, f.k0^uint32(off), f.k1)
	}
	return state
}

func (f vllmFunction) word(state [4]uint32, token watermark.Token) uint32 {
	t := uint32(token)
	out := philox([4]uint32{t >> 2, state[0], state[1], state[2]}, f.k0^state[3], f.k1^vllmTokenDomain)
	return out[t&3]
}

func (f vllmFunction) uniform(p watermark.Pair, absent watermark.Token) uniform {
	return vllmUniform(f.word(f.state(p.Context, absent), p.Token))
}

// vllmUniform reads the high 24 bits of a word, m, as u = (m+1) / (2^24+1) in float32.
func vllmUniform(word uint32) uniform {
	m := word >> 8
	u := float32(float64(m+1) / (1<<24 + 1))
	return uniform{
		atLeast:    uint64(1<<24-m) << 40,
		complement: -uint64(math.Ldexp(float64(u), 64)), // u has 24 bits and is above 2^-25
	}
}
