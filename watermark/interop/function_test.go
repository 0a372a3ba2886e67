package interop

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// The vectors of this file are numbers that the reference programs return for single inputs.
// testdata/make_vectors.py wrote them.

func read(t testing.TB, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func TestTorchGenerator(t *testing.T) {
	var file struct {
		Permutations []struct {
			Seed        uint64
			N           int
			First, Last []int32
		}
		Uniforms []struct {
			Seed   uint64
			Values [][2]float64
		}
		Bits []struct {
			Seed   uint64
			N      int
			Values string
		}
	}
	read(t, "torch", &file)
	require.NotEmpty(t, file.Permutations)
	for _, v := range file.Permutations {
		p := torchPermutation(uint32(v.Seed), v.N)
		require.Equal(t, v.First[:min(12, v.N)], p[:min(12, v.N)])
		require.Equal(t, v.Last, p[v.N-4:])
	}
	for _, v := range file.Uniforms {
		for _, u := range v.Values {
			require.Equal(t, u[1], math.Ldexp(float64(torchUniform24(uint32(v.Seed), int(u[0]))), -24))
		}
	}
	for _, v := range file.Bits {
		got := ""
		for _, b := range torchBits(uint32(v.Seed), v.N) {
			got += strconv.Itoa(int(b))
		}
		require.Equal(t, v.Values, got)
	}
}

// TestListsNeedNoArray: following one id gives what the whole permutation gives, at both ends of
// it, and so does the cached list.
func TestListsNeedNoArray(t *testing.T) {
	for _, c := range []struct {
		vocab, size int
		last        bool
	}{{20, 5, false}, {20, 5, true}, {65, 64, false}, {64, 1, true}, {1300, 325, false}, {1300, 325, true}, {700, 699, false}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			for seed := range uint32(6) {
				want := map[int32]bool{}
				p := torchPermutation(seed, c.vocab)
				if c.last {
					p = p[c.vocab-c.size:]
				} else {
					p = p[:c.size]
				}
				for _, id := range p {
					want[id] = true
				}
				l := newList(c.vocab, c.size, c.last)
				for id := range int32(c.vocab) {
					fresh := newList(c.vocab, c.size, c.last)
					require.Equal(t, want[id], fresh.has(seed, id), "id %d", id)
					require.Equal(t, want[id], l.has(seed, id), "id %d, cached", id)
				}
			}
		})
	}
}

func TestListCacheIsBounded(t *testing.T) {
	l := newList(100, 25, false)
	l.cache.limit = 3
	for seed := range uint32(20) {
		for range 3 {
			l.has(seed, 7)
		}
		require.LessOrEqual(t, len(l.cache.lists), 3)
	}
}

func TestVLLMFunction(t *testing.T) {
	var file struct {
		Uniforms struct {
			Key    uint64
			Values [][3]json.RawMessage
		}
	}
	read(t, "vllm", &file)
	require.NotEmpty(t, file.Uniforms.Values)
	f := newVLLMFunction(file.Uniforms.Key)
	const absent = -1
	for _, v := range file.Uniforms.Values {
		var context []watermark.Token
		var token watermark.Token
		var u float64
		require.NoError(t, json.Unmarshal(v[0], &context))
		require.NoError(t, json.Unmarshal(v[1], &token))
		require.NoError(t, json.Unmarshal(v[2], &u))
		got := f.uniform(watermark.Pair{Context: context, Token: token}, absent)
		require.Equal(t, u, 1-math.Ldexp(float64(got.complement), -64))
	}
	// Published in the specification of the function.
	assert.Equal(t, uint32(425429266), f.word(f.state([]watermark.Token{1, 2, 3, 4}, absent), 7))
	assert.Equal(t, uint32(3424185538), f.word(f.state([]watermark.Token{4, 5, 6, 7}, absent), 8))
}

// TestUniformsAreDominated: the probability of u or more is never below what the test takes it
// for, for every value that vLLM's function has.
func TestUniformsAreDominated(t *testing.T) {
	last := uint64(math.MaxUint64)
	for m := range uint32(1 << 24) {
		u := vllmUniform(m << 8)
		above := uint64(1<<24-m) << 40 // so many of 2^24 values are u or more
		step := int64(u.atLeast - u.complement)
		if u.atLeast != above || u.complement > last || step < 0 || step > 1<<40 {
			t.Fatalf("value %d: %v", m, u)
		}
		last = u.complement
	}
	for r := range int64(textsealValues) {
		u := textsealUniform(r)
		exact := float64(textsealValues-r) / textsealValues
		if r == 0 {
			require.Zero(t, u.atLeast)
			continue
		}
		hi, lo := bits.Mul64(u.atLeast, textsealValues)
		require.True(t, hi == uint64(textsealValues-r) && lo < textsealValues, "the probability is rounded up: %d", r)
		require.InDelta(t, exact, math.Ldexp(float64(u.complement), -64), 1e-7)
	}
	for _, w := range []uint64{0, 1, 1<<32 - 1} {
		u := uniform{atLeast: (1<<32 - w) << 32, complement: (2*(1<<32-w) - 1) << 31}
		assert.GreaterOrEqual(t, u.atLeast-1, u.complement-1, "a step of 0 stands for 2^64")
	}
}

func TestSGLangFunction(t *testing.T) {
	var file struct {
		Contexts [][2]json.RawMessage
		Words    [][4]json.RawMessage
	}
	read(t, "sglang", &file)
	require.NotEmpty(t, file.Words)
	for _, v := range file.Contexts {
		var context []watermark.Token
		var want uint32
		require.NoError(t, json.Unmarshal(v[0], &context))
		require.NoError(t, json.Unmarshal(v[1], &want))
		require.Equal(t, want, sglangContext(context, -1))
		require.Equal(t, want, sglangContext(append([]watermark.Token{-1, -1}, context...), -1), "absent tokens do not count")
	}
	for _, v := range file.Words {
		var digits string
		var context, token, want uint32
		require.NoError(t, json.Unmarshal(v[0], &digits))
		require.NoError(t, json.Unmarshal(v[1], &context))
		require.NoError(t, json.Unmarshal(v[2], &token))
		require.NoError(t, json.Unmarshal(v[3], &want))
		key, ok := sglangKey(digits)
		require.True(t, ok)
		require.Equal(t, (1<<32-uint64(want))<<32, sglangUniform(key, context, watermark.Token(token)).atLeast)
	}
}

func TestKGWSeeds(t *testing.T) {
	var file struct {
		Table []int32
		Seeds [][4]json.RawMessage
	}
	read(t, "kgw", &file)
	require.Equal(t, file.Table, kgwTable()[:len(file.Table)])
	functions := map[string]bool{}
	for _, v := range file.Seeds {
		var name, want string
		var key uint64
		var ids []watermark.Token
		require.NoError(t, json.Unmarshal(v[0], &name))
		require.NoError(t, json.Unmarshal(v[1], &key))
		require.NoError(t, json.Unmarshal(v[2], &ids))
		require.NoError(t, json.Unmarshal(v[3], &want))
		at, err := kgwPreset(name)
		require.NoError(t, err)
		w := &window{name: at.function, width: at.width, own: at.own, key: key, hash: tableHash(kgwTable())}
		require.Equal(t, want, strconv.FormatUint(w.kgwSeed(ids), 10), "%s %v", name, ids)
		functions[at.function] = true
	}
	assert.Len(t, functions, len(kgwFunctions), "every function has vectors")
}

func TestHFLists(t *testing.T) {
	var file struct {
		Lists []struct {
			Profile json.RawMessage
			Key     []uint64
			Window  []watermark.Token
			Seed    uint64
			First   []int32
			Size    int
		}
	}
	read(t, "hf", &file)
	require.NotEmpty(t, file.Lists)
	for _, v := range file.Lists {
		p, err := ParseProfile(v.Profile)
		require.NoError(t, err)
		k, err := NewKey(v.Key...)
		require.NoError(t, err)
		s, err := p.Bind(k)
		require.NoError(t, err)
		require.Equal(t, v.First, torchPermutation(uint32(v.Seed), p.Vocab)[:len(v.First)])
		pair := watermark.Pair{Context: v.Window, Token: v.Window[len(v.Window)-1]}
		if p.Scheme == "hf-selfhash" {
			pair.Context = v.Window[:len(v.Window)-1]
		}
		seed := s.(interface {
			AppendUnit([]byte, watermark.Pair) []byte
		}).AppendUnit(nil, pair)[:8]
		require.Equal(t, appendUnit(nil, uint64(uint32(v.Seed)), 0)[:8], seed)
		require.Equal(t, float64(v.Size)/float64(p.Vocab), s.Law().(watermark.Bernoulli).P)
	}
}

func TestSBWThreshold(t *testing.T) {
	var file struct{ Edges [][3]any }
	read(t, "sbw", &file)
	require.NotEmpty(t, file.Edges)
	for _, v := range file.Edges {
		require.Equal(t, v[2].(bool), uint32(v[1].(float64)) < sbwThreshold(v[0].(float64)), "%v", v)
	}
}

func TestTextSealFunction(t *testing.T) {
	var file struct{ Hashes [][4]json.RawMessage }
	read(t, "textseal", &file)
	require.NotEmpty(t, file.Hashes)
	for _, v := range file.Hashes {
		var context []watermark.Token
		var token watermark.Token
		var key uint64
		var want int64
		require.NoError(t, json.Unmarshal(v[0], &context))
		require.NoError(t, json.Unmarshal(v[1], &token))
		require.NoError(t, json.Unmarshal(v[2], &key))
		require.NoError(t, json.Unmarshal(v[3], &want))
		require.Equal(t, want, textsealHash(key, context, token))
	}
	assert.Equal(t, int64(4096), textsealGreen(0.5), "one half has one value more")
}

// TestSynthIDStart is published in the specification: the default keys of DeepMind.
func TestSynthIDStart(t *testing.T) {
	keys := []uint64{654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585, 118, 504, 421, 521, 129, 669, 732, 225, 90, 960}
	assert.Equal(t, int64(1614033703599872695), synthidStart(keys))
	spell := func(row synthidBits) string {
		bits, out := row([]watermark.Token{10, 20, 30, 40}, 50), ""
		for l := range keys {
			out += strconv.Itoa(int(bits >> l & 1))
		}
		return out
	}
	assert.Equal(t, "101111010101110101011111100100", spell(synthidHash(keys)))
	assert.Equal(t, "000101000010010000101000000110", spell(synthidTable(keys, 1<<16, 0)))
}

// TestSBWSeeds: the permutations of sbw take the value modulo 2^63-1, never negative.
func TestSBWSeeds(t *testing.T) {
	for _, c := range []struct {
		name  string
		token watermark.Token // times 2^63-1, modulo 2^64, is the value
		want  uint64
	}{{"2^63-1", 1, 0}, {"-2", 2, 1<<63 - 3}, {"zero", 0, 0}, {"2^63-3", 3, 1<<63 - 3}} {
		t.Run(c.name, func(t *testing.T) {
			w := &window{name: "additive_prf", width: 1, key: 1<<63 - 1}
			assert.Equal(t, c.want, w.sbwSeed([]watermark.Token{c.token}))
		})
	}
}
