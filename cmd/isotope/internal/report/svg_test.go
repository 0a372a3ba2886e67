package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A drawing is the elements of an SVG by name, and its texts.
type drawing struct {
	elements map[string][]map[string]string // attributes
	texts    []string
}

// parse reads an SVG, which must be well-formed, and checks that every coordinate lies inside.
func parse(t *testing.T, svg string) drawing {
	t.Helper()
	require.NotContains(t, svg, "NaN")
	require.NotContains(t, svg, "Inf")
	d := drawing{elements: make(map[string][]map[string]string)}
	var width, height float64
	inside := func(text string, most float64) {
		x, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, x, -0.05, text)
		assert.LessOrEqual(t, x, most+0.05, text)
	}
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			attributes := make(map[string]string)
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			d.elements[token.Name.Local] = append(d.elements[token.Name.Local], attributes)
			if token.Name.Local == "svg" {
				box := strings.Fields(attributes["viewBox"])
				width, _ = strconv.ParseFloat(box[2], 64)
				height, _ = strconv.ParseFloat(box[3], 64)
			}
			for _, name := range []string{"x", "x1", "x2", "cx"} {
				if v, ok := attributes[name]; ok {
					inside(v, width)
				}
			}
			for _, name := range []string{"y", "y1", "y2", "cy"} {
				if v, ok := attributes[name]; ok {
					inside(v, height)
				}
			}
			for _, point := range strings.Fields(attributes["points"]) {
				x, y, ok := strings.Cut(point, ",")
				require.True(t, ok)
				inside(x, width)
				inside(y, height)
			}
		case xml.CharData:
			d.texts = append(d.texts, string(token))
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		name   string
		lo, hi float64
		want   []float64
	}{
		{"one", 0, 1, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		{"hundred", 0, 100, []float64{0, 20, 40, 60, 80, 100}},
		{"seven", 0, 7, []float64{0, 2, 4, 6}},
		{"not from zero", 3, 9, []float64{3, 4, 5, 6, 7, 8, 9}},
	} {
		t.Run(c.name, func(t *testing.T) { assert.InDeltaSlice(t, c.want, ticks(c.lo, c.hi), 1e-9) })
	}
}

func TestCurves(t *testing.T) {
	long := Curve{Name: "long", Strong: true}
	for i := range 50 {
		long.Points = append(long.Points, Point{int64(20 * (i + 1)), -float64(i)})
	}
	for _, c := range []struct {
		name   string
		curves []Curve
	}{
		{"none", nil},
		{"one without points", []Curve{{Name: "empty"}}},
		{"no evidence", []Curve{{Name: "flat", Points: []Point{{10, 0}, {20, 0}}}}},
		{"two", []Curve{long, {Name: hostile, Points: []Point{{10, -2}}}}},
		{"an immense one", []Curve{{Name: "deep", Points: []Point{{1, -1e9}, {1 << 60, -2e9}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, string(drawCurves(c.curves)))
			require.Len(t, d.elements["polyline"], len(c.curves))
			for i, curve := range c.curves {
				assert.Equal(t, curve.Strong, d.elements["polyline"][i]["class"] == "strong")
				assert.Len(t, strings.Fields(d.elements["polyline"][i]["points"]), len(curve.Points)+1, "it begins at the origin")
				if len(curve.Points) > 0 {
					assert.Contains(t, d.texts, curve.Name)
				}
			}
		})
	}
	// A name stands after the end of a short curve, and before the end of a long one.
	d := parse(t, string(drawCurves([]Curve{long, {Name: "short", Points: []Point{{10, -2}}}})))
	anchors := make(map[string]string)
	for i, text := range d.elements["text"] {
		anchors[d.texts[i]] = text["text-anchor"]
	}
	assert.Equal(t, "end", anchors["long"])
	assert.Equal(t, "start", anchors["short"])
}

// crowd is n p-values of which many are equal, and one is as small as a decoy's may be.
func crowd(n int) []float64 {
	p := []float64{-6}
	for i := range n - 1 {
		p = append(p, math.Log10(float64(i/3*3+1)/float64(n)))
	}
	return p
}

func TestStrip(t *testing.T) {
	for _, c := range []struct {
		name        string
		of          Decoys
		decoys, key int // that are drawn
	}{
		{"three", Decoys{Log10P: []float64{-0.1, -2, -0.5}, Key: -40}, 3, 1},
		{"one", Decoys{Log10P: []float64{0}, Key: 0}, 1, 1},
		{"a thousand, one of them beyond the key", Decoys{Log10P: crowd(1000), Key: -3}, 1000, 1},
		{"a key beyond all", Decoys{Log10P: crowd(100), Key: -5000}, 100, 1},
		{"p-values that do not exist", Decoys{Log10P: []float64{math.NaN(), math.Inf(-1), -1}, Key: math.NaN()}, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, string(drawStrip(c.of)))
			classes := make(map[string]int)
			places := make(map[string]bool)
			for _, dot := range d.elements["circle"] {
				classes[dot["class"]]++
				places[dot["class"]+dot["cx"]+" "+dot["cy"]] = true
			}
			assert.Equal(t, c.decoys, classes["decoy"])
			assert.Equal(t, c.key, classes["key"])
			if c.decoys == 1000 {
				assert.Len(t, places, 1001, "no dot hides another one")
			}
		})
	}
}

func TestQQ(t *testing.T) {
	for _, c := range []struct {
		name  string
		p     []float64
		drawn int
	}{
		{"one", []float64{0}, 1}, {"three", []float64{-0.1, -2, -0.5}, 3}, {"a thousand", crowd(1000), 1000}, {"far from chance", []float64{-300, -0.5, -0.1}, 3},
		{"some that do not exist", []float64{math.NaN(), math.Inf(-1), -1, -2}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, string(drawQQ(Decoys{Log10P: c.p})))
			assert.Len(t, d.elements["circle"], c.drawn)
			require.Len(t, d.elements["polygon"], 1)
			assert.Len(t, strings.Fields(d.elements["polygon"][0]["points"]), 2*c.drawn)
			// The dots go from the right to the left, the smallest p-value first.
			before := math.Inf(1)
			for _, dot := range d.elements["circle"] {
				x, err := strconv.ParseFloat(dot["cx"], 64)
				require.NoError(t, err)
				assert.LessOrEqual(t, x, before)
				before = x
			}
		})
	}
}

func TestQQOfNothing(t *testing.T) {
	assert.Empty(t, drawQQ(Decoys{}))
	assert.Empty(t, drawQQ(Decoys{Log10P: []float64{math.NaN()}}))
}

// TestUniformQuantile has the closed forms: the smallest of n is below x with
// probability 1 - (1-x)^n, the largest with x^n.
func TestUniformQuantile(t *testing.T) {
	assert.InDelta(t, math.Log10(1-math.Pow(0.995, 1.0/99)), uniformQuantile(1, 99, 0.005), 1e-9)
	assert.InDelta(t, math.Log10(0.995)/99, uniformQuantile(99, 99, 0.995), 1e-9)
}
