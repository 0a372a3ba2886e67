package detect

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWalshHadamard(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	for n := range 14 {
		a := make([]int64, 1<<n)
		for i := range a {
			a[i] = rng.Int64N(2001) - 1000
		}
		got := append([]int64(nil), a...)
		walshHadamard(got)
		for range 50 {
			m := rng.IntN(len(a))
			var want int64
			for c, x := range a {
				want += x * int64(1-2*(bits.OnesCount(uint(c&m))&1))
			}
			require.Equal(t, want, got[m])
		}
		walshHadamard(got) // it is its own inverse, up to the length
		for i := range got {
			require.Equal(t, a[i]<<n, got[i])
		}
	}
}

func BenchmarkWalshHadamard(b *testing.B) {
	for _, n := range []int{8, 16, 20} {
		b.Run(fmt.Sprintf("bits=%d", n), func(b *testing.B) {
			a := make([]int64, 1<<n)
			for i := range a {
				a[i] = int64(i & 7)
			}
			b.SetBytes(int64(8 * len(a)))
			for b.Loop() {
				walshHadamard(a) // wraps around, which takes no time
			}
		})
	}
}
