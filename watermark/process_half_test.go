package watermark_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// TestProcessHalfIsProcess checks that a row in half precision is marked like its float32 form.
// It tries every kind of mark, contexts inside and outside a band, padding, and batches.
func TestProcessHalfIsProcess(t *testing.T) {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5a", 32))
	require.NoError(t, err)
	const vocab = 1000
	rng := rand.New(rand.NewPCG(21, 22))
	for _, opts := range [][]watermark.Option{
		nil,
		{watermark.Band{Selector: key.Derive("selector"), Lo: 0, Hi: 1 << 15}},
		{watermark.Payload{Bits: 3, Message: 5}},
		{watermark.Lane{Group: 1, Index: 9}},
	} {
		m, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, vocab, opts...)
		require.NoError(t, err)
		for range 20 {
			context := []watermark.Token{rng.Int32N(vocab), rng.Int32N(vocab)}
			for _, n := range []int{0, 7, 500, vocab, vocab + 70} {
				src, bf, fp := make([]uint16, n), make([]float32, n), make([]float32, n)
				for i := range src {
					src[i] = uint16(rng.Uint32())
					bf[i] = math.Float32frombits(uint32(src[i]) << 16)
					fp[i] = float32(src[i]&1023) / 1024
				}
				small := make([]uint16, n) // numbers in [1,2), less 1 by delta
				for i, h := range src {
					small[i] = 15<<10 | h&1023
					fp[i]++
				}
				got := make([]float32, n)
				m.ProcessBF16(got, src, context)
				batch := [][]float32{slices.Clone(bf), slices.Clone(fp)}
				m.Process(bf, context)
				for i := range bf {
					if bf[i] != bf[i] {
						require.True(t, got[i] != got[i])
						continue
					}
					require.Equal(t, math.Float32bits(bf[i]), math.Float32bits(got[i]), "%v, entry %d of %d", opts, i, n)
				}
				m.ProcessFP16(got, small, context)
				m.Process(fp, context)
				require.Equal(t, fp, got)
				m.ProcessBatch(batch, [][]watermark.Token{context, context})
				require.Equal(t, fp, batch[1])
			}
		}
	}
	assert.Panics(t, func() { new(watermark.Mark).ProcessBatch(nil, make([][]watermark.Token, 1)) })
}
