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

// A chart is an SVG plot with linear axes.
type chart struct {
	b                      strings.Builder
	width, height          float64
	left, bottom           float64 // margins for labels, in pixels
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

// text draws a label at a place in pixels.
func (c *chart) text(x, y float64, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(s))
}

// axes draws the grid and the labels. The y axis is left out if its name is "".
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

// drawStrip plots every key on one axis: the decoys in stacks, and the key. If the key is so far out
// that the decoys would be one blot, the axis is broken before it.
func drawStrip(d Decoys) template.HTML {
	decoys, key := finiteOf(d.Log10P), finiteOf([]float64{d.Key})
	xMax := 4.0
	for _, v := range decoys {
		xMax = max(xMax, -v*1.08)
	}
	end := xMax // of the axis, in its own unit
	broken := len(key) > 0 && -key[0] > 2*xMax
	if broken {
		end = xMax * 1.25
	} else if len(key) > 0 {
		xMax = max(xMax, -key[0]*1.08)
		end = xMax
	}
	label := "p-values of the key and of the control keys"
	if broken {
		label = fmt.Sprintf("%s; the axis is broken before the key, whose log10 p is %.1f", label, key[0])
	}
	c := newChart(720, 160, 0, end, 0, 1, label)
	for _, v := range ticks(0, xMax) {
		c.line("grid", v, 0, v, 1)
		c.text(c.x(v), c.height-c.bottom+16, "middle", fmt.Sprintf("%.6g", v))
	}
	c.line("grid", 0, 0, end, 0)
	c.text((c.left+c.width-chartRight)/2, c.height-8, "middle", "evidence, -log10 p")
	fmt.Fprintf(&c.b, `<text transform="translate(14 %.1f) rotate(-90)" text-anchor="middle">keys</text>`, (c.height-c.bottom+chartTop)/2)
	// Overlapping dots are stacked, and the highest stack fills the chart.
	const bin = 7.0
	stacks := map[int][]float64{}
	highest := 12
	for _, v := range decoys {
		at := int(c.x(-v) / bin)
		stacks[at] = append(stacks[at], v)
		highest = max(highest, len(stacks[at]))
	}
	for _, at := range slices.Sorted(maps.Keys(stacks)) {
		for i, v := range stacks[at] {
			c.dot("decoy", -v, (float64(i)+0.5)/float64(highest), fmt.Sprintf("control key, log10 p %.2f", v))
		}
	}
	for _, v := range key {
		at, words := -v, "the key"
		if broken {
			at, words = xMax*1.19, fmt.Sprintf("the key, at %.1f", -v)
			for _, x := range []float64{xMax * 1.06, xMax * 1.08} {
				px, py := c.x(x), c.y(0)
				fmt.Fprintf(&c.b, `<path class="break" d="M%.1f %.1f l-4 14 M%.1f %.1f"/>`, px+2, py-7, px, py)
			}
		}
		c.dot("key", at, 0.5/float64(highest), fmt.Sprintf("the key, log10 p %.2f", v))
		c.text(min(c.x(at), c.width-chartRight-46), c.y(0.5/float64(highest))-8, "middle", words)
	}
	return c.html()
}

// finiteOf returns the numbers that can be drawn.
func finiteOf(numbers []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(numbers), func(x float64) bool { return !finite(x) })
}

// drawQQ plots the decoys' p-values in order against those of a uniform distribution, under which
// each point lies in the band with probability 0.99.
func drawQQ(d Decoys) template.HTML {
	sorted := finiteOf(d.Log10P)
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return ""
	}
	top := max(-uniformQuantile(1, n, 0.005), -sorted[0]) * 1.05
	right := math.Log10(float64(n)+1) * 1.05
	c := newChart(360, 300, 0, right, 0, top, "Control keys against chance")
	c.axes("expected -log10 p by chance", "control keys, -log10 p")
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

// expectedLog returns -log10 of the mean of the i-th smallest of n uniform numbers.
func expectedLog(i, n int) float64 { return -math.Log10(float64(i) / float64(n+1)) }

// uniformQuantile returns log10 of the q-quantile of the i-th smallest of n uniform numbers. That
// number is at most x if and only if at least i of them are.
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
