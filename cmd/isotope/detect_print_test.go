package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

func TestEvidenceWords(t *testing.T) {
	r := detect.Result{Scored: 4, Green: 3, Sum: 3}
	assert.Equal(t, "green     3 of 4 scored", evidenceWords(watermark.Bernoulli{P: 0.5}, r))
	r = detect.Result{Scored: 4, Sum: 6 * watermark.ScoreUnit}
	assert.Equal(t, "score     mean 1.500 over 4 scored, 1 by chance", evidenceWords(watermark.Exponential{First: 0.25, Second: 0.75}, r))
	assert.Equal(t, "score     mean 1.500 over 4 scored, 2 by chance", evidenceWords(watermark.Exponential{First: 1, Second: 1}, r))
	r.Sum = 4 * 4785 * 3 / 4
	assert.Equal(t, "bits      mean 0.750 over 4 scored, 0.5 by chance", evidenceWords(watermark.Layers{Depth: 30, Weighted: true}, r))
	assert.Equal(t, "score     mean - over 0 scored, 1 by chance", evidenceWords(watermark.Exponential{First: 1}, detect.Result{}))
}

func TestPowerWords(t *testing.T) {
	r := detect.Result{Power: detect.Power{MinExcess: 0.125, MinShare: 0.5, Alpha: 1e-6}}
	assert.Contains(t, powerWords(watermark.Bernoulli{P: 0.5}, r), "in the best case, a text of which 50 % is marked would have been detected with probability 0.9 (green rate higher by 0.125, alpha 1e-06)")
	assert.Contains(t, powerWords(watermark.Exponential{First: 1}, r), "a mean higher by 0.125 would have been detected")
	r.Power.MinShare = 2
	assert.Contains(t, powerWords(watermark.Exponential{First: 1}, r), "too few to promise that even a text is detected that is marked throughout at one bit of choice a token (")
	assert.Contains(t, powerWords(watermark.Bernoulli{P: 0.5}, r), "too few to detect even a text that is marked throughout with probability 0.9 (")
}

// TestWhatRoundsToZeroHasNoSign: a log10 p of -0.0004 is 0.000 in every line.
func TestWhatRoundsToZeroHasNoSign(t *testing.T) {
	mark, err := watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, 100)
	require.NoError(t, err)
	small := -0.0004
	r := detect.Result{Verdict: detect.Inconclusive, Scored: 4, Green: 2, Z: small, Log10P: small, Log10PAdjusted: small, Tests: 2}
	message := &detect.Decoded{Bits: 1, Log10P: -0.3013, Log10PMessage: small}
	c := &candidate{profile: described(&watermark.Profile{Scheme: watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}}), bound: []interop.Bound{{Scorer: mark}}}
	for _, o := range []*outcome{
		{candidate: c, scorer: mark, result: r},
		{candidate: c, scorer: mark, result: r, scan: detect.Scan{Intervals: 3, Log10P: small}, spans: []spanJSON{{Log10PAdjusted: &small}}},
		{candidate: c, scorer: mark, result: r, scan: detect.Scan{Intervals: 3, Log10P: small}, message: message},
	} {
		var b strings.Builder
		o.print(&b)
		assert.Contains(t, b.String(), "log10 p   0.000 ")
		assert.NotContains(t, b.String(), "-0.0")
		assert.NotContains(t, o.bandLine(), "-0.0")
	}
}

func TestSpanWords(t *testing.T) {
	p := -7.0
	s := spanJSON{DisplayStart: 1, DisplayEnd: 9, Start: 2, End: 8, Scored: 6, Green: 5, Log10PAdjusted: &p}
	assert.Contains(t, s.String(), "5 of 6 scored green between tokens 2 and 8")
	s.draw = true
	assert.Contains(t, s.String(), "tokens 1 to 9: 6 scored between tokens 2 and 8")
}

// TestUpward: what is printed is never below the number.
func TestUpward(t *testing.T) {
	for _, c := range []struct {
		x    float64
		want string
	}{{0.125, "0.125"}, {0.1251, "0.126"}, {50, "50"}, {12.341, "12.4"}, {99.95, "100"}, {0.00012345, "0.000124"}, {9.999, "10"}, {1, "1"}} {
		assert.Equal(t, c.want, upward(c.x))
	}
}
