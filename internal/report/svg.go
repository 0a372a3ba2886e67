package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
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

func (c *chart) axes(xName, yName string) {
	for _, v := range ticks(c.xMin, c.xMax) {
		c.line("grid", v, c.yMin, v, c.yMax)
		c.text(c.x(v), c.height-c.bottom+16, "middle", fmt.Sprintf("%g", v))
	}
	for _, v := range ticks(c.yMin, c.yMax) {
		c.line("grid", c.xMin, v, c.xMax, v)
		c.text(c.left-8, c.y(v)+4, "end", fmt.Sprintf("%g", v))
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
	for i, curve := range curves {
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
			c.text(min(c.x(float64(last.Scored)), c.width-chartRight)-4, c.y(-last.Log10P)-6-float64(i%2)*2, "end", curve.Name)
		}
	}
	return c.html()
}

// drawStrip plots every key on one axis: the decoys in a heap, the key alone.
func drawStrip(d Decoys) template.HTML {
	xMax := max(4, -d.Key*1.08)
	c := newChart(720, 170, 0, xMax, 0, 1, "p-values of the key and of the decoys")
	c.axes("evidence, -log10 p", "")
	// Dots that would overlap are stacked.
	const bin, step = 7.0, 0.07
	stack := map[int]int{}
	for _, v := range d.Log10P {
		at := int(c.x(-v) / bin)
		c.dot("decoy", -v, min(0.05+step*float64(stack[at]), 1), fmt.Sprintf("decoy, log10 p %.2f", v))
		stack[at]++
	}
	c.dot("key", -d.Key, 0.05, fmt.Sprintf("the key, log10 p %.2f", d.Key))
	c.text(c.x(-d.Key), c.y(0.16), "end", "the key")
	return c.html()
}

// drawQQ plots the decoys' p-values against those of a uniform law, in order.
func drawQQ(d Decoys) template.HTML {
	sorted := slices.Clone(d.Log10P)
	slices.Sort(sorted)
	n := float64(len(sorted))
	top := max(math.Log10(n+1), 1)
	if len(sorted) > 0 {
		top = max(top, -sorted[0])
	}
	c := newChart(360, 300, 0, top*1.05, 0, top*1.05, "Decoys against a uniform law")
	c.axes("expected -log10 p of a uniform law", "decoys, -log10 p")
	c.line("diagonal", 0, 0, top*1.05, top*1.05)
	for i, v := range sorted {
		expected := -math.Log10((float64(i) + 1) / (n + 1))
		c.dot("decoy", expected, -v, fmt.Sprintf("rank %d, log10 p %.2f", i+1, v))
	}
	return c.html()
}

func pow10(x float64) float64 { return math.Pow(10, x) }
