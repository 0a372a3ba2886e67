package tokset

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSampleIsTheBottomOfAll compares a sample with the definition of docs/spec.md.
func TestSampleIsTheBottomOfAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	key := [16]byte{1, 2, 3}
	block, err := aes.NewCipher(key[:])
	require.NoError(t, err)
	for _, size := range []int{1, 2, 33, 200} {
		t.Run(fmt.Sprintf("size=%d", size), func(t *testing.T) {
			s := New(Config{Width: 1, Size: size, RunKey: key})
			type entry struct {
				hi, lo uint64
				p      position
			}
			var all []entry
			counts := map[position]int64{}
			for range 2000 {
				p := position{rng.Int32N(20), rng.Int32N(20)}
				s.Add([]int32{p.context}, p.token, 1)
				if counts[p]++; counts[p] > 1 {
					continue
				}
				in := bytes.Repeat([]byte{0xff}, 9)
				in = append(in, byte(p.context), byte(p.context>>8), byte(p.context>>16))
				in = binary.BigEndian.AppendUint32(in, uint32(p.token))
				block.Encrypt(in, in)
				low, high := binary.LittleEndian.Uint64(in), binary.LittleEndian.Uint64(in[8:])
				all = append(all, entry{low, high, p})
			}
			slices.SortFunc(all, func(a, b entry) int {
				return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
			})
			want := map[position]int64{}
			for _, e := range all[:size] {
				want[e.p] = counts[e.p]
			}
			got := map[position]int64{}
			for i := range s.Len() {
				u := s.Unit(i)
				got[position{s.AppendContext(nil, i)[0], u.Token}] = u.Count
			}
			assert.Equal(t, want, got)
			assert.Equal(t, int64(2000), s.Positions())
		})
	}
}

func TestSampleMemoryIsBounded(t *testing.T) {
	s := New(Config{Width: 1, Size: 10})
	for i := range int32(100_000) {
		s.Add([]int32{i}, i, 1)
		require.LessOrEqual(t, s.n, 20)
		require.LessOrEqual(t, s.index.size(), minSlots)
	}
	require.LessOrEqual(t, len(s.inputs.list[0]), 40)
}

func TestSamplesOfContextsPanic(t *testing.T) {
	assert.Panics(t, func() { New(Config{Width: 1, Rule: ByContext, Size: 3}) })
}
