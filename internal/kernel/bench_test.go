package kernel

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// ratio runs work and floor in turns. It reports the median time of work over perTurn, and its
// ratio to the median of floor. A turn is long enough for the clock, and short enough for both to
// meet the same machine.
func ratio(b *testing.B, unit string, perTurn float64, floor, work func()) {
	b.Helper()
	b.ReportAllocs()
	const turn = 100 * time.Microsecond
	calls := func(f func()) int {
		f()
		start := time.Now()
		f()
		return 1 + int(turn/max(time.Since(start), 1))
	}
	nFloor, nWork := calls(floor), calls(work)
	floors, works := make([]float64, 0, 1<<16), make([]float64, 0, 1<<16)
	time1 := func(n int, f func()) float64 {
		start := time.Now()
		for range n {
			f()
		}
		return float64(time.Since(start)) / float64(n)
	}
	for b.Loop() {
		floors = append(floors, time1(nFloor, floor))
		works = append(works, time1(nWork, work))
	}
	slices.Sort(floors)
	slices.Sort(works)
	f, w := floors[len(floors)/2], works[len(works)/2]
	b.ReportMetric(w/perTurn, unit)
	b.ReportMetric(w/f, "x_floor")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkProcess marks a row in place. The floor adds a constant to it.
func BenchmarkProcess(b *testing.B) {
	for _, vocab := range []int{128256, 262144} {
		benchmarkProcess(b, vocab)
	}
}

func benchmarkProcess(b *testing.B, vocab int) {
	keys := NewKeys(&[16]byte{1, 2, 3})
	for _, mem := range []struct {
		name string
		rows int
	}{{"hot", 1}, {"dram", 400}} {
		rows := make([]float32, mem.rows*vocab)
		Floor(rows, 1) // fresh memory is one shared page
		for _, width := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("vocab=%d/w=%d/mem=%s", vocab, width, mem.name), func(b *testing.B) {
				onEachBackend(b, func(b *testing.B) {
					table := NewTable(width, 1<<width/2-1+1/width, 0, 1e-30)
					var s Scratch
					at := 0
					next := func() []float32 {
						at = (at + 1) % mem.rows
						return rows[at*vocab:][:vocab]
					}
					nonce := Nonce{5}
					ratio(b, "ns/row", 1, func() { Floor(next(), 1e-30) }, func() {
						table.Process(&s, keys, &nonce, next())
					})
				})
			})
		}
	}
}

// BenchmarkProcessHalf widens a row and marks it in the same pass.
func BenchmarkProcessHalf(b *testing.B) {
	const vocab = 128256
	keys, row, half := NewKeys(&[16]byte{1, 2, 3}), make([]float32, vocab), make([]uint16, vocab)
	table, nonce := NewTable(1, 1, 0, 1), Nonce{5}
	for _, c := range []struct {
		name   string
		format Format
	}{{"bf16", BF16}, {"fp16", FP16}} {
		b.Run("format="+c.name, func(b *testing.B) {
			onEachBackend(b, func(b *testing.B) {
				var s Scratch
				ratio(b, "ns/row", 1, func() { Floor(row, 1e-30) }, func() {
					table.ProcessHalf(&s, keys, &nonce, c.format, row, half)
				})
			})
		})
	}
}

// BenchmarkMask writes the decisions of a vocabulary as a bitmap.
func BenchmarkMask(b *testing.B) {
	const vocab = 128256
	keys, row, mask := NewKeys(&[16]byte{1, 2, 3}), make([]float32, vocab), make([]uint64, (vocab+63)/64)
	nonce := Nonce{5}
	for _, width := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("w=%d", width), func(b *testing.B) {
			onEachBackend(b, func(b *testing.B) {
				table := NewTable(width, 1, 0, 1)
				var s Scratch
				ratio(b, "ns/mask", 1, func() { Floor(row, 1e-30) }, func() {
					table.ProcessMask(&s, keys, &nonce, mask, vocab)
				})
			})
		})
	}
}
