package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scanRow fills a row with normal numbers and a share of special ones.
func scanRow(rng *rand.Rand, row []float32) {
	odd := []float32{
		float32(math.NaN()), float32(math.Inf(-1)), float32(math.Inf(1)), float32(math.Copysign(0, -1)), 0,
		1e-40, -1e-40, math.MaxFloat32, -math.MaxFloat32, 2,
		math.Float32frombits(0x7f800001), math.Float32frombits(0xffc12345), // NaN that signals, and a negative one
	}
	share := []float64{0, 0.01, 0.5, 1}[rng.IntN(4)]
	few := odd[:1+rng.IntN(len(odd))]
	for i := range row {
		if row[i] = float32(rng.NormFloat64() * 4); rng.Float64() < share {
			row[i] = few[rng.IntN(len(few))]
		}
	}
}

// eachScan runs f on every backend, with rows of all lengths below 1024 and many alignments.
func eachScan(t *testing.T, f func(t *testing.T, rng *rand.Rand, row []float32)) {
	onEachBackend(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(41, 42))
		memory := make([]float32, 1100)
		for n := range 1024 {
			offset := rng.IntN(16)
			row := memory[offset:][:n:n]
			scanRow(rng, row)
			f(t, rng, row)
		}
	})
}

func TestBlockMax(t *testing.T) {
	eachScan(t, func(t *testing.T, _ *rand.Rand, row []float32) {
		blocks := (len(row) + ScanBlock - 1) / ScanBlock
		got := make([]float32, blocks+1)
		got[blocks] = 77
		BlockMax(got, row)
		require.Equal(t, float32(77), got[blocks], "written past the end")
		for i, m := range got[:blocks] {
			want := float32(math.Inf(-1))
			for _, x := range row[i*ScanBlock : min((i+1)*ScanBlock, len(row))] {
				if !math.IsNaN(float64(x)) {
					want = max(want, x)
				}
			}
			if want == 0 {
				want = 0 // not -0
			}
			require.Equal(t, math.Float32bits(want), math.Float32bits(m), "block %d of %v", i, row)
		}
	})
}

// TestBlockMaxOfZeros has blocks whose largest entries are -0.
func TestBlockMaxOfZeros(t *testing.T) {
	negative := float32(math.Copysign(0, -1))
	onEachBackend(t, func(t *testing.T) {
		for _, other := range []float32{negative, 0, -1, float32(math.Inf(-1)), float32(math.NaN())} {
			row, got := make([]float32, ScanBlock+1), make([]float32, 2)
			for i := range row {
				if row[i] = other; i%9 == 1 || i == ScanBlock {
					row[i] = negative
				}
			}
			BlockMax(got, row)
			assert.Equal(t, [2]uint32{}, [2]uint32(bitsOf(got)), "besides %v", other)
		}
	})
}

func TestAtLeast(t *testing.T) {
	eachScan(t, func(t *testing.T, rng *rand.Rand, row []float32) {
		row = row[:min(len(row), ScanBlock)]
		delta := float32(rng.IntN(3))
		for _, floor := range []float32{
			float32(rng.NormFloat64() * 4), 2, 0, -math.MaxFloat32,
			float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		} {
			got := AtLeast(row, delta, floor)
			for i := range ScanBlock {
				want := i < len(row) && float32(row[i]+delta) >= floor
				require.Equal(t, want, got>>i&1 == 1,
					"entry %d of %v, plus %v, at least %v", i, row, delta, floor)
			}
		}
	})
}

// TestSumExp holds every backend to the bound on the error.
func TestSumExp(t *testing.T) {
	eachScan(t, func(t *testing.T, rng *rand.Rand, row []float32) {
		green := make([]uint64, (len(row)+63)/64)
		for i := range green {
			green[i] = rng.Uint64()
		}
		delta, cut := float32(rng.Float64()*3), float32(rng.NormFloat64()*4)
		if len(row) > 0 && rng.IntN(2) == 0 { // an entry that equals cut does not count
			if x := row[rng.IntN(len(row))]; math.Abs(float64(x)) < 100 {
				cut = x
			}
		}
		top, temperature := cut+float32(rng.ExpFloat64()*5), math.Exp(rng.NormFloat64())
		var want float64
		blocks := make([]float64, len(green))
		for i, x := range row {
			y := x
			if green[i/64]>>(i%64)&1 == 1 {
				y += delta
			}
			if y < cut {
				w := math.Exp((float64(y) - float64(top)) / temperature)
				want += w
				blocks[i/64] += w
			}
		}
		sums := make([]float32, len(green))
		got := SumExp(sums, row, green, delta, cut, top, float32(1/temperature))
		for i, want := range blocks {
			bound := SumExpError(float64(sums[i]), ScanBlock)
			require.InDelta(t, want, float64(sums[i]), bound, "block %d", i)
		}
		require.InDelta(t, want, got, SumExpError(got, len(row)),
			"n=%d delta=%v cut=%v top=%v T=%v", len(row), delta, cut, top, temperature)
	})
}

// TestSumExpTerms sums one term at a time. The bound allows a relative error of 2^-24 (4|z| + 16).
func TestSumExpTerms(t *testing.T) {
	onEachBackend(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(43, 44))
		row, green, sums := make([]float32, ScanBlock), []uint64{0}, []float32{0}
		worst := 0.0
		for range 50_000 {
			for i := range row {
				row[i] = float32(math.NaN())
			}
			x, temperature := float32(-rng.Float64()*60), 0.7+rng.Float64()
			row[rng.IntN(ScanBlock)] = x
			z := float64(x) / temperature
			got := SumExp(sums, row, green, 0, 1, 0, float32(1/temperature))
			wrong := math.Abs(got/math.Exp(z)-1) / (0x1p-24 * (4*-z + 16))
			require.Less(t, wrong, 1.0, "exp(%v)", z)
			worst = max(worst, wrong)
		}
		assert.Greater(t, worst, 1e-6, "the error that was measured")
	})
}

func TestGroupMax(t *testing.T) {
	eachScan(t, func(t *testing.T, _ *rand.Rand, row []float32) {
		for i, x := range row {
			if x != x {
				row[i] = 1
			}
		}
		memory := make([]float32, (len(row)+7)/8+8)
		groups := GroupMax(memory, row)
		require.LessOrEqual(t, len(groups), len(memory)-1)
		require.GreaterOrEqual(t, len(groups), (len(row)+7)/8)
		// A group is every eighth entry of a block of 64, or 8 neighbours at the end of the row.
		var want []float32
		whole := len(row) / ScanBlock * ScanBlock
		for b := 0; b < whole; b += ScanBlock {
			for lane := range 8 {
				top := float32(math.Inf(-1))
				for j := lane; j < ScanBlock; j += 8 {
					top = max(top, row[b+j])
				}
				want = append(want, top)
			}
		}
		for b := whole; b < len(row); b += 8 {
			top := float32(math.Inf(-1))
			for _, x := range row[b:min(b+8, len(row))] {
				top = max(top, x)
			}
			want = append(want, top)
		}
		require.Equal(t, want, append([]float32(nil), groups...))
	})
}
