package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
)

func TestColoursJoinSplitCharacters(t *testing.T) {
	parts := []string{"a", "\xe2\x82", "\xac", "b", "\xf0\x9f", "\x99", "\x82", "\xff", "c\xe2"}
	colours := []Colour{Green, Red, Green, Green, Red, Unscored, Green, Red, Green}
	got := Colours(len(parts), func(i int) ([]byte, Colour, int) { return []byte(parts[i]), colours[i], i })
	assert.Equal(t, []Token{
		{"a", Green, 0}, {"€", Red, 1}, {"b", Green, 3}, {"\U0001f642", Red, 4}, {"\ufffd", Red, 7}, {"c\ufffd", Green, 8},
	}, got)
	assert.Empty(t, Colours(0, nil))
}

func TestFormatP(t *testing.T) {
	for p, want := range map[float64]string{0: "1", -0.3: "0.5", -2: "0.01", -5.25: "10^-5.2", -1234.5: "10^-1234.5", math.Inf(-1): "10^-Inf"} {
		assert.Equal(t, want, formatP(p))
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []float64
	}{{0, 1, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}}, {0, 100, []float64{0, 20, 40, 60, 80, 100}}, {0, 7, []float64{0, 2, 4, 6}}} {
		assert.InDeltaSlice(t, c.want, ticks(c.lo, c.hi), 1e-9)
	}
}

// TestUniformQuantile has the closed forms: the smallest of n is below x with
// probability 1 - (1-x)^n, the largest with x^n.
func TestUniformQuantile(t *testing.T) {
	assert.InDelta(t, math.Log10(1-math.Pow(0.995, 1.0/99)), uniformQuantile(1, 99, 0.005), 1e-9)
	assert.InDelta(t, math.Log10(0.995)/99, uniformQuantile(99, 99, 0.995), 1e-9)
}

func samplePage() *Page {
	return &Page{
		Title: "A <b>title</b>", Lead: "lead & more",
		Facts:    []Fact{{"key id", "0011"}},
		Rows:     []Row{{Name: "x", Result: detect.Result{Verdict: detect.Detected, Log10PAdjusted: -30}}},
		Passages: []Passage{{Title: "p", Prompt: "<script>alert(1)</script>", Tokens: []Token{{"<i>", Green, 0}, {"\n", Red, 0}}}},
		Curves:   []Curve{{Name: "</svg><script>", Points: []Point{{10, -2}, {20, -5}}}, {Name: "empty"}},
		Decoys:   Decoys{Log10P: []float64{-0.1, -2, -0.5}, Key: -40},
		Notes:    []string{"note"},
	}
}

func TestPageIsSelfContainedAndEscaped(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, samplePage().WriteHTML(&out))
	page := out.String()
	for _, bad := range []string{"<script", "<b>title", "<i>", "http://", "https://", "NaN", "%!", "ZgotmplZ"} {
		assert.NotContains(t, page, bad)
	}
	assert.Contains(t, page, `<span class="g">&lt;i&gt;</span>`)
	assert.Contains(t, page, "10^-30.0")
}

// TestChartsAreWellFormed parses every SVG.
func TestChartsAreWellFormed(t *testing.T) {
	p := samplePage()
	for name, svg := range map[string]string{
		"curves": string(drawCurves(p.Curves)), "no curves": string(drawCurves(nil)),
		"strip": string(drawStrip(p.Decoys)), "qq": string(drawQQ(p.Decoys)),
		"one decoy": string(drawQQ(Decoys{Log10P: []float64{0}})),
	} {
		assert.NotContains(t, svg, "NaN", name)
		assert.NotContains(t, svg, "Inf", name)
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
		}
	}
}

func TestPageWithNothing(t *testing.T) {
	require.NoError(t, (&Page{}).WriteHTML(io.Discard))
}
