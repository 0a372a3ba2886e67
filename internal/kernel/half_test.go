package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWidenEveryNumber computes every number of half precision by its definition, in float64.
func TestWidenEveryNumber(t *testing.T) {
	for h := range 1 << 16 {
		sign := 1 - 2*float64(h>>15)
		e, m := h>>10&31, float64(h&1023)
		want := sign * math.Ldexp(1+m/1024, e-15)
		switch {
		case e == 0:
			want = sign * math.Ldexp(m, -24)
		case e == 31 && m == 0:
			want = math.Inf(int(sign))
		case e == 31:
			want = math.NaN()
		}
		got := float64(FP16.widen(uint16(h)))
		if math.IsNaN(want) {
			require.True(t, math.IsNaN(got), "fp16 %04x", h)
		} else {
			require.Equal(t, math.Float64bits(want), math.Float64bits(got), "fp16 %04x", h)
		}
		require.Equal(t, uint32(h)<<16, math.Float32bits(BF16.widen(uint16(h))), "bf16 %04x", h)
	}
}

// TestProcessHalf compares ProcessHalf with Process of the widened row, for every number and for
// many lengths.
func TestProcessHalf(t *testing.T) {
	keys, nonce := NewKeys(&[16]byte{4}), Nonce{7}
	rng := rand.New(rand.NewPCG(15, 16))
	all := make([]uint16, 1<<16)
	for i, p := range rng.Perm(1 << 16) {
		all[i] = uint16(p)
	}
	onEachBackend(t, func(t *testing.T) {
		var s Scratch
		for _, f := range []Format{BF16, FP16} {
			check := func(width, offset, n int) {
				table := NewTable(width, 1, 3, 1.25)
				src := all[offset : offset+n]
				want := make([]float32, n+1)
				for i, h := range src {
					want[i] = f.widen(h)
				}
				table.Process(&s, keys, &nonce, want[:n])
				got := make([]float32, n+1)
				table.ProcessHalf(&s, keys, &nonce, f, got, src)
				require.Equal(t, bitsOf(want), bitsOf(got), "format %d, width %d, n %d", f, width, n)
			}
			for n := range 100 {
				check(1<<rng.IntN(4), rng.IntN(60_000), n)
			}
			check(1, 0, 1<<16)
			check(8, 1, 1<<16-1)
		}
	})
}

func TestWidenChangesNothing(t *testing.T) {
	src := make([]uint16, 1<<16)
	for i := range src {
		src[i] = uint16(i)
	}
	onEachBackend(t, func(t *testing.T) {
		for _, f := range []Format{BF16, FP16} {
			dst := make([]float32, len(src)+1)
			Widen(new(Scratch), f, dst, src)
			for i, h := range src {
				want, got := f.widen(h), dst[i]
				if want != want {
					require.True(t, got != got, "%04x", h)
					continue
				}
				require.Equal(t, math.Float32bits(want), math.Float32bits(got), "%04x", h)
			}
			assert.Zero(t, dst[len(src)])
		}
	})
}
