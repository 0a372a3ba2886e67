package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkScore decides the tokens of a text of 4096 tokens. The keys share the packed contexts.
// The floor adds a constant to as many numbers.
func BenchmarkScore(b *testing.B) {
	const n = 4096
	rng := rand.New(rand.NewPCG(1, 2))
	tokens, inputs := make([]int32, n), make([]Input, n)
	for i := range tokens {
		tokens[i] = rng.Int32N(128256)
	}
	bits, row := make([]uint64, ScoreSize(n)), make([]float32, n)
	for _, keys := range []int{1, 16} {
		ks := make([]*Keys, keys)
		for i := range ks {
			ks[i] = NewKeys(&[16]byte{byte(i)})
		}
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			onEachBackend(b, func(b *testing.B) {
				table := NewTable(2, 1, 0, 1)
				var s Scratch
				ratio(b, "ns/pair", float64(n*keys), func() { Floor(row, 1e-30) }, func() {
					for from := 0; from < n; from += 512 {
						in := inputs[from:][:512]
						Pack(in, tokens, from, 2)
						for _, k := range ks {
							table.Score(&s, bits[from/64:], k, in)
						}
					}
				})
			})
		})
	}
}

// BenchmarkLanes decides a text of 4096 tokens for 128 tenants of one group.
func BenchmarkLanes(b *testing.B) {
	const n = 4096
	rng := rand.New(rand.NewPCG(1, 2))
	inputs, row := make([]Input, n), make([]float32, n)
	for i := range inputs {
		inputs[i] = Input{byte(i), byte(i >> 8), 14: byte(rng.Uint32()), 15: byte(rng.Uint32())}
	}
	keys := NewKeys(&[16]byte{1})
	onEachBackend(b, func(b *testing.B) {
		var s Scratch
		var ones [MaxLanes]int64
		ratio(b, "ns/pair", n*MaxLanes, func() { Floor(row, 1e-30) }, func() {
			CountLanes(&s, keys, &ones, inputs)
		})
	})
}
