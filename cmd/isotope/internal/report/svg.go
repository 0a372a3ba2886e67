package report

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/internal/tail"
)

// A chart is a plot area with linear axes, drawn as SVG.
type chart struct {
	b                      strings.Builder
	width, height          float64
	left, bottom           float64 // room for labels
	xMin, xMax, yMin, yMax float64
}

const (
	chartRight = 16
	chartTop   = 12
)

func newChart(width, height, xMin, xMax, yMin, yMax float64, label string) *chart {
	c := &chart{width: width, height: height, left: 58, bottom: 44, xMin: xMin, xMax: xMax, yMin: yMin, yMax: yMax}
	fmt.Fprintf(&c.b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(label))
	return c
}

func (c *chart) x(v float64) float64 {
	return c.left + (v-c.xMin)/(c.xMax-c.xMin)*(c.width-c.left-chartRight)
}

func (c *chart) y(v float64) float64 {
	return c.height - c.bottom - (v-c.yMin)/(c.yMax-c.yMin)*(c.height-c.bottom-chartTop)
}

func (c *chart) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, c.x(x1), c.y(y1), c.x(x2), c.y(y2))
}

func (c *chart) dot(class string, x, y float64, title string) {
	fmt.Fprintf(&c.b, `<circle class="%s" cx="%.1f" cy="%.1f" r="3"><title>%s</title></circle>`, class, c.x(x), c.y(y), template.HTMLEscapeString(title))
}

// text places a label at pixels.
func (c *chart) text(x, y float64, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(s))
}

// axes draws the grid and the labels; without a name the y axis has none.
func (c *chart) axes(xName, yName string) {
	for _, v := range ticks(c.xMin, c.xMax) {
		c.line("grid", v, c.yMin, v, c.yMax)
		c.text(c.x(v), c.height-c.bottom+16, "middle", fmt.Sprintf("%.6g", v))
	}
	c.line("grid", c.xMin, c.yMin, c.xMax, c.yMin)
	if yName != "" {
		for _, v := range ticks(c.yMin, c.yMax) {
			c.line("grid", c.xMin, v, c.xMax, v)
			c.text(c.left-8, c.y(v)+4, "end", fmt.Sprintf("%.6g", v))
		}
	}
	c.text((c.left+c.width-chartRight)/2, c.height-8, "middle", xName)
	if yName != "" {
		fmt.Fprintf(&c.b, `<text transform="translate(14 %.1f) rotate(-90)" text-anchor="middle">%s</text>`,
			(c.height-c.bottom+chartTop)/2, template.HTMLEscapeString(yName))
	}
}

func (c *chart) html() template.HTML { return template.HTML(c.b.String() + "</svg>") }

// ticks returns about five round numbers in [lo, hi].
func ticks(lo, hi float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/5)))
	for _, m := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*m) <= 6 {
			step *= m
			break
		}
	}
	var t []float64
	for i := math.Ceil(lo / step); i*step <= hi*(1+1e-9); i++ {
		t = append(t, i*step)
	}
	return t
}

// drawCurves plots -log10 p against scored tokens.
func drawCurves(curves []Curve) template.HTML {
	xMax, yMax := 1.0, 4.0
	for _, c := range curves {
		for _, p := range c.Points {
			xMax = max(xMax, float64(p.Scored))
			yMax = max(yMax, -p.Log10P)
		}
	}
	c := newChart(720, 320, 0, xMax, 0, yMax*1.05, "Evidence against the number of scored tokens")
	c.axes("scored tokens", "evidence, -log10 p")
	for _, curve := range curves {
		class := "weak"
		if curve.Strong {
			class = "strong"
		}
		fmt.Fprintf(&c.b, `<polyline class="%s" points="%.1f,%.1f`, class, c.x(0), c.y(0))
		for _, p := range curve.Points {
			fmt.Fprintf(&c.b, " %.1f,%.1f", c.x(float64(p.Scored)), c.y(-p.Log10P))
		}
		c.b.WriteString(`"/>`)
		if n := len(curve.Points); n > 0 {
			last := curve.Points[n-1]
			x, y := c.x(float64(last.Scored)), c.y(-last.Log10P)
			if x < c.width/2 {
				c.text(x+6, y+4, "start", curve.Name)
			} else {
				c.text(x-4, y-7, "end", curve.Name)
			}
		}
	}
	return c.html()
}

// drawStrip plots every key on one axis: the decoys in a heap, the key alone.
func drawStrip(d Decoys) template.HTML {
	xMax := max(4, -d.Key*1.08)
	c := newChart(720, 150, 0, xMax, 0, 1, "p-values of the key and of the decoys")
	c.axes("evidence, -log10 p", "")
	// Dots that would overlap are stacked, and no stack is higher than the chart.
	const bin = 7.0
	stacks := map[int][]float64{}
	highest := 12
	for _, v := range d.Log10P {
		at := int(c.x(-v) / bin)
		stacks[at] = append(stacks[at], v)
		highest = max(highest, len(stacks[at]))
	}
	for _, at := range slices.Sorted(maps.Keys(stacks)) {
		for i, v := range stacks[at] {
			c.dot("decoy", -v, (float64(i)+0.5)/float64(highest), fmt.Sprintf("decoy, log10 p %.2f", v))
		}
	}
	c.dot("key", -d.Key, 0.5/float64(highest), fmt.Sprintf("the key, log10 p %.2f", d.Key))
	c.text(c.x(-d.Key), c.y(0.5/float64(highest))-8, "middle", "the key")
	return c.html()
}

// drawQQ plots the decoys' p-values against those of a uniform law, in order, with the
// band in which each of them lies 99 times in 100 when the law is uniform.
func drawQQ(d Decoys) template.HTML {
	sorted := slices.Clone(d.Log10P)
	slices.Sort(sorted)
	n := len(sorted)
	top := max(-uniformQuantile(1, n, 0.005), -sorted[0]) * 1.05
	right := math.Log10(float64(n)+1) * 1.05
	c := newChart(360, 300, 0, right, 0, top, "Decoys against a uniform law")
	c.axes("expected -log10 p of a uniform law", "decoys, -log10 p")
	var upper, lower strings.Builder
	for i := 1; i <= n; i++ {
		x := c.x(expectedLog(i, n))
		fmt.Fprintf(&upper, "%.1f,%.1f ", x, c.y(-uniformQuantile(i, n, 0.005)))
		fmt.Fprintf(&lower, "%.1f,%.1f ", c.x(expectedLog(n+1-i, n)), c.y(-uniformQuantile(n+1-i, n, 0.995)))
	}
	fmt.Fprintf(&c.b, `<polygon class="band" points="%s%s"/>`, upper.String(), strings.TrimSpace(lower.String()))
	c.line("diagonal", 0, 0, min(right, top), min(right, top))
	for i, v := range sorted {
		c.dot("decoy", expectedLog(i+1, n), -v, fmt.Sprintf("rank %d, log10 p %.2f", i+1, v))
	}
	return c.html()
}

// expectedLog is -log10 of the mean of the i-th smallest of n uniform numbers.
func expectedLog(i, n int) float64 { return -math.Log10(float64(i) / float64(n+1)) }

// uniformQuantile returns log10 of the q-quantile of the i-th smallest of n uniform
// numbers, which is at most x when at least i of them are.
func uniformQuantile(i, n int, q float64) float64 {
	lo, hi, target := -12.0, 0.0, math.Log10(q)
	for range 50 {
		mid := (lo + hi) / 2
		if tail.Binomial(int64(i), int64(n), pow10(mid)) < target {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

func pow10(x float64) float64 { return math.Pow(10, x) }
