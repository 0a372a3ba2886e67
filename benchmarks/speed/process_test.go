package speed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/watermark"
)

// gammas lists one gamma for each lane width: 1, 2, 4 and 8 bits.
var gammas = []struct {
	bits  int
	gamma float64
}{{1, 0.5}, {2, 0.25}, {4, 0.3125}, {8, 0.3984375}}

// BenchmarkProcess marks a row in place.
func BenchmarkProcess(b *testing.B) {
	for _, v := range vocabs {
		for _, g := range gammas {
			if v != vocab && g.bits > 1 {
				continue
			}
			for _, mem := range []string{"hot", "dram"} {
				name := fmt.Sprintf("scheme=greenlist/vocab=%d/w=%d/mem=%s", v, g.bits, mem)
				backends(b, name, func(b *testing.B) {
					m := newMark(b, watermark.GreenList{Gamma: g.gamma, Delta: tiny, Width: 2}, v)
					r := rowsOf(v, mem)
					context := []watermark.Token{1, 2}
					inTurns(b, 1, func() { kernel.Floor(r.next(), tiny) }, func() {
						context[0] = (context[0] + 1) % watermark.Token(v)
						m.Process(r.next(), context)
					})
				})
			}
		}
	}
}

// BenchmarkMask writes the bitmap alone, for engines whose logits are on a device.
func BenchmarkMask(b *testing.B) {
	for _, g := range gammas {
		backends(b, fmt.Sprintf("scheme=greenlist/vocab=%d/w=%d", vocab, g.bits), func(b *testing.B) {
			m := newMark(b, watermark.GreenList{Gamma: g.gamma, Delta: tiny, Width: 2}, vocab)
			r := rowsOf(vocab, "hot")
			dst, context := make([]uint64, (vocab+63)/64), []watermark.Token{1, 2}
			inTurns(b, 1, func() { kernel.Floor(r.next(), tiny) }, func() { m.Mask(dst, context) })
		})
	}
}

// BenchmarkMarkBy marks a row in the ways of marks.go, in turns with this library.
func BenchmarkMarkBy(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, v := range vocabs {
		order := make([]int32, v)
		seed := uint64(0)
		for _, way := range []struct {
			name string
			mark func(row []float32)
		}{
			{"perm", func(row []float32) { seed++; markByPerm(row, seed, tiny) }},
			{"shuffle", func(row []float32) { markByShuffle(row, order, rng, tiny) }},
			{"draw", func(row []float32) { markByDraw(row, rng, tiny) }},
			{"philox", func(row []float32) { seed++; markByPhilox(row, uint32(seed), tiny) }},
			{"siphash", func(row []float32) { seed++; markBySipHash(row, seed, tiny) }},
		} {
			if v != vocab && way.name != "perm" && way.name != "shuffle" {
				continue
			}
			b.Run(fmt.Sprintf("method=%s/vocab=%d/mem=hot", way.name, v), func(b *testing.B) {
				r := rowsOf(v, "hot")
				m := newMark(b, watermark.GreenList{Gamma: 0.5, Delta: tiny, Width: 2}, v)
				floor := func() { kernel.Floor(r.next(), tiny) }
				ours := func() { m.Process(r.next(), []watermark.Token{1, 2}) }
				inTurns(b, 1, floor, func() { way.mark(r.next()) }, ours)
			})
		}
	}
}
