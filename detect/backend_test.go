package detect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// slowScorer hides that a mark can score packed pairs.
type slowScorer struct{ detect.Scorer }

// TestBackendsAgree: texts are marked and tested alike, bit for bit, on every backend, and by a
// scorer that does not know packed pairs.
func TestBackendsAgree(t *testing.T) {
	key := testmark.RepeatKey(0x3c)
	type outcome struct {
		text   []detect.Token
		result detect.Result
		state  []byte
	}
	schemes := []watermark.GreenList{
		{Gamma: 0.5, Delta: 2, Width: 2}, {Gamma: 0.25, Delta: 1, Width: 4}, {Gamma: 0.375, Delta: 2, Width: 0},
		{Gamma: 65.0 / 256, Delta: 2, Width: 1}, {Gamma: 0.5, Delta: 2, Width: 6},
	}
	options := [][]watermark.Option{
		nil,
		{watermark.Band{Selector: key.Derive("selector"), Lo: 100, Hi: 40000}},
		{watermark.Lane{Group: 2, Index: 13}},
		{watermark.Payload{Bits: 4, Message: 9}},
	}
	for i, scheme := range schemes {
		for j, opts := range options {
			if j == 3 && scheme.Gamma != 0.5 || j == 1 && scheme.Width == 0 {
				continue // a payload needs gamma 1/2, and the one context of width 0 may be outside the band
			}
			t.Run(fmt.Sprintf("gamma=%.3g width=%d opts=%d", scheme.Gamma, scheme.Width, j), func(t *testing.T) {
				m := testmark.Mark(t, key, scheme, vocab, opts...)
				run := func(scorer detect.Scorer) outcome {
					rng := rand.New(rand.NewPCG(uint64(i), uint64(j)))
					a := detect.NewAccumulator(scorer, &detect.Options{Dedup: detect.Dedup((i + j) % 2)})
					var o outcome
					for range 2 {
						o.text = testmark.Write(t, rng, 120, testmark.Flat, m)
						for k := range 24 { // repeats, and ids outside the vocabulary
							o.text[rng.IntN(120)] = []detect.Token{1, 2, -1, vocab}[k%4]
						}
						a.Add(o.text)
					}
					o.result = a.Result()
					if _, slow := scorer.(slowScorer); !slow {
						o.state = encode(t, a)
					}
					return o
				}
				restore := kernel.Use(kernel.Generic)
				want := run(m)
				restore()
				require.Positive(t, want.result.Scored)
				for _, b := range kernel.Available() {
					restore := kernel.Use(b)
					got, slow := run(m), run(slowScorer{m})
					restore()
					require.Equal(t, want, got, b)
					require.Equal(t, want.result, slow.result, b)
				}
			})
		}
	}
}
