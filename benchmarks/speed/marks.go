package speed

import (
	"encoding/binary"
	"math/rand/v2"
)

// These are other ways to mark a row, with gamma 1/2. Each is as fast as Go without assembly allows. It
// allocates only if its description requires that, and adds instead of branching on random bits.

// markByPerm is the reference green list (Kirchenbauer et al. 2023). Key and context seed a generator,
// which permutes the vocabulary. The first half of it is green.
func markByPerm(row []float32, seed uint64, delta float32) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, v := range rng.Perm(len(row))[:len(row)/2] {
		row[v] += delta
	}
}

// markByShuffle is the same without seeding, in memory that is kept between steps.
func markByShuffle(row []float32, order []int32, rng *rand.Rand, delta float32) {
	for i := range order {
		order[i] = int32(i)
	}
	for i := len(order) - 1; i > 0; i-- {
		j := rng.Uint32N(uint32(i + 1))
		order[i], order[j] = order[j], order[i]
	}
	for _, v := range order[:len(row)/2] {
		row[v] += delta
	}
}

// markByDraw draws a random number for each token.
func markByDraw(row []float32, rng *rand.Rand, delta float32) {
	for i := range row {
		if rng.Float64() < 0.5 {
			row[i] += delta
		}
	}
}

// markByPhilox takes 4 tokens from each block of Philox.
func markByPhilox(row []float32, seed uint32, delta float32) {
	add := [2]float32{0, delta}
	for i := 0; i+4 <= len(row); i += 4 {
		block := philox([4]uint32{uint32(i)}, [2]uint32{seed, 1})
		for j, word := range block {
			row[i+j] += add[word>>31]
		}
	}
}

// markBySipHash hashes each token with its context.
func markBySipHash(row []float32, context uint64, delta float32) {
	var msg [12]byte
	binary.LittleEndian.PutUint64(msg[:], context)
	add := [2]float32{0, delta}
	for i := range row {
		binary.LittleEndian.PutUint32(msg[8:], uint32(i))
		row[i] += add[siphash(1, 2, msg[:])&1]
	}
}
