package speed

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPhilox has the known answer of the Random123 library for a counter and a key of 0.
func TestPhilox(t *testing.T) {
	want := [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}
	assert.Equal(t, want, philox([4]uint32{}, [2]uint32{}))
}

// TestSipHash has the example of the SipHash paper, appendix A.
func TestSipHash(t *testing.T) {
	msg := make([]byte, 15)
	for i := range msg {
		msg[i] = byte(i)
	}
	assert.Equal(t, uint64(0xa129ca6149be45e5), siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, msg))
}

// TestMarks: every way to mark a row marks half of it.
func TestMarks(t *testing.T) {
	const n = 20_000
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		mark func(row []float32)
	}{
		{"perm", func(row []float32) { markByPerm(row, 5, 1) }},
		{"shuffle", func(row []float32) { markByShuffle(row, make([]int32, n), rng, 1) }},
		{"draw", func(row []float32) { markByDraw(row, rng, 1) }},
		{"philox", func(row []float32) { markByPhilox(row, 7, 1) }},
		{"siphash", func(row []float32) { markBySipHash(row, 7, 1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := make([]float32, n)
			c.mark(row)
			green := 0.0
			for _, x := range row {
				green += float64(x)
			}
			assert.InDelta(t, n/2, green, 5*math.Sqrt(n)/2)
		})
	}
}

// TestSamplers: the baselines draw from their distributions.
func TestSamplers(t *testing.T) {
	row := []float32{0, 1, 2, -3, 0.5}
	var s heapSampler
	counts := make([]int, len(row))
	const draws = 10_000
	for i := range draws {
		counts[s.sample(row, 1, 3, 1, (float64(i)+0.5)/draws)]++
	}
	total := math.E + math.Sqrt(math.E) + math.E*math.E // the three largest weights: e^1, e^0.5 and e^2
	assert.InDelta(t, draws*math.E*math.E/total, counts[2], 2)
	assert.InDelta(t, draws*math.E/total, counts[1], 2)
	assert.Zero(t, counts[0])
	assert.Zero(t, counts[3])
	assert.Equal(t, int32(2), s.sample(row, 1, 0, 0.4, 0.99), "the nucleus is the best token")

	rng := rand.New(rand.NewPCG(3, 4))
	logs := make([]int, len(row))
	for range draws {
		logs[gumbelByLogs(row, 1, rng)]++
	}
	all := 0.0
	for _, x := range row {
		all += math.Exp(float64(x))
	}
	p := math.Exp(2) / all
	assert.InDelta(t, draws*p, logs[2], 5*math.Sqrt(draws*p*(1-p)))
}
