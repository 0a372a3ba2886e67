package prf

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oddNumbers returns numbers near those at which NegLog takes another row of its table or another
// exponent.
func oddNumbers() []uint64 {
	var out []uint64
	for e := range 64 {
		for i := range 8 {
			out = append(out, 1<<e+uint64(i)-4)
		}
	}
	for i := range uint64(256) {
		for d := range uint64(3) {
			out = append(out, 1<<63+i<<55+d-1, 1<<40+i<<32+d-1)
		}
	}
	return out
}

// TestNegLogIsTheSlowOne compares NegLog with the series of any precision.
func TestNegLogIsTheSlowOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := oddNumbers()
	for range 2_000 {
		numbers = append(numbers, rng.Uint64()>>rng.IntN(64), -(rng.Uint64() >> rng.IntN(64)))
	}
	for _, n := range numbers {
		if n == 0 {
			continue
		}
		for _, k := range []uint{0, 1, 32, 46, 50} {
			require.Equal(t, negLogExact(n, k), NegLog(n, k), "n=%d k=%d", n, k)
		}
	}
	assert.Zero(t, NegLog(0, 46), "-ln 1")
}

// TestNegLogBound measures the error of the fast bound against 256 bits.
func TestNegLogBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	numbers := oddNumbers()
	for range 4_000 {
		numbers = append(numbers, rng.Uint64()>>rng.IntN(64))
	}
	limit := new(big.Int).Lsh(big.NewInt(negLogError), 128)
	most := new(big.Int)
	for _, n := range numbers {
		if n == 0 {
			continue
		}
		whole, hi, lo := negLogBelow(n)
		fast := new(big.Int).SetUint64(whole)
		for _, w := range []uint64{hi, lo} {
			fast.Lsh(fast, 64).Add(fast, new(big.Int).SetUint64(w))
		}
		fast.Lsh(fast, 128)
		slow, lacks := negLogSeries(n, 256)
		require.GreaterOrEqual(t, slow.Cmp(fast), 0, "%d: above the truth", n)
		lack := slow.Add(slow, lacks).Sub(slow, fast)
		require.Less(t, lack.Cmp(limit), 0, "%d: %v", n, lack)
		if lack.Cmp(most) > 0 {
			most = lack
		}
	}
	share, _ := new(big.Float).Quo(new(big.Float).SetInt(most), new(big.Float).SetInt(limit)).Float64()
	t.Logf("largest error: %.3f of the bound", share)
	assert.Greater(t, share, 0.01, "the bound is far too wide, or the test does not measure the error")
}

// TestNegLogTable computes the table again.
func TestNegLogTable(t *testing.T) {
	for i, row := range negLogTable {
		r := new(big.Int).Lsh(big.NewInt(1), 72)
		r.Quo(r, big.NewInt(int64(257+i)))
		require.Equal(t, r.Uint64(), row[0], i)
		at, lacks := negLogSeries(row[0], 256)
		at.Add(at, lacks).Rsh(at, 128) // the ceiling, less one
		at.Add(at, big.NewInt(1))
		want := new(big.Int).SetUint64(row[1])
		want.Lsh(want, 64).Add(want, new(big.Int).SetUint64(row[2]))
		require.Equal(t, 0, want.Cmp(at), i)
	}
	at, lacks := negLogSeries(1<<63, 256)
	at.Add(at, lacks).Rsh(at, 128)
	want := new(big.Int).SetUint64(ln2Hi)
	want.Lsh(want, 64).Add(want, new(big.Int).SetUint64(ln2Lo))
	assert.Equal(t, 0, want.Cmp(at))
}
