package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"strings"
)

// A plot is a chart with points and lines, written as SVG. The colours are those of Okabe and Ito, which
// colour-blind people can tell apart. Lines also differ in shape.
type plot struct {
	title, x, y string
	logX, logY  bool
	series      []series
	note        string // under the title
}

// A series is a list of points with a name in the legend.
type series struct {
	name   string
	points [][2]float64
	line   bool // connect the points
	dashed bool // a law: a dashed line without dots
	colour int  // index into colours
	small  bool // small dots, for many points
}

var colours = []string{
	"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999",
}

const (
	plotWidth, plotHeight       = 760, 420
	plotLeft, plotRight         = 70, 240
	plotTop, plotBottom         = 52, 50
	plotInnerWidth, plotInnerHt = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

// An axis maps values to [0,1].
type axis struct {
	lo, hi float64
	log    bool
}

// axisOf returns an axis that contains the values, with a margin.
func axisOf(values []float64, log bool) axis {
	a := axis{math.Inf(1), math.Inf(-1), log}
	for _, v := range values {
		if log && v <= 0 {
			continue
		}
		a.lo, a.hi = min(a.lo, v), max(a.hi, v)
	}
	if a.lo > a.hi {
		a.lo, a.hi = 1, 2
	}
	if log {
		a.lo, a.hi = a.lo/1.3, a.hi*1.3
		return a
	}
	if a.lo > 0 && a.lo < a.hi/2 {
		a.lo = 0
	}
	margin := (a.hi - a.lo) * 0.05
	if margin == 0 {
		margin = 1
	}
	if a.hi += margin; a.lo != 0 {
		a.lo -= margin
	}
	return a
}

// at returns the place of a value on the axis.
func (a axis) at(v float64) float64 {
	if a.log {
		return math.Log(v/a.lo) / math.Log(a.hi/a.lo)
	}
	return (v - a.lo) / (a.hi - a.lo)
}

// ticks returns round numbers within the axis.
func (a axis) ticks() (t []float64) {
	if a.log {
		for e := math.Floor(math.Log10(a.lo)); e <= math.Log10(a.hi); e++ {
			steps := []float64{1, 2, 5}
			if a.hi/a.lo > 1e4 {
				steps = steps[:1]
			}
			for _, m := range steps {
				if v := m * math.Pow(10, e); v >= a.lo && v <= a.hi {
					t = append(t, v)
				}
			}
		}
		return t
	}
	step := math.Pow(10, math.Floor(math.Log10((a.hi-a.lo)/5)))
	for _, m := range []float64{1, 2, 5, 10} {
		if (a.hi-a.lo)/(step*m) <= 7 {
			step *= m
			break
		}
	}
	for i := math.Ceil(a.lo / step); i*step <= a.hi; i++ {
		t = append(t, i*step)
	}
	return t
}

// label returns the text of a tick.
func label(v float64) string {
	if v == 0 {
		return "0" // v may be -0
	}
	if math.Abs(v) >= 10_000 {
		return fmt.Sprintf("%.4gk", v/1000)
	}
	return fmt.Sprintf("%.4g", v)
}

func (p plot) write(path string) error { return os.WriteFile(path, []byte(p.svg()), 0o666) }

func (p plot) svg() string {
	var xs, ys []float64
	for _, s := range p.series {
		for _, q := range s.points {
			xs, ys = append(xs, q[0]), append(ys, q[1])
		}
	}
	ax, ay := axisOf(xs, p.logX), axisOf(ys, p.logY)
	px := func(v float64) float64 { return plotLeft + ax.at(v)*plotInnerWidth }
	py := func(v float64) float64 { return plotTop + (1-ay.at(v))*plotInnerHt }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		`font-size="12" role="img" aria-label="%s">`+"\n", plotWidth, plotHeight, html.EscapeString(p.title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	text := func(x, y float64, anchor, size, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%s">%s</text>`+"\n",
			x, y, anchor, size, html.EscapeString(s))
	}
	text(plotLeft, 20, "start", "15", p.title)
	text(plotLeft, 38, "start", "11", p.note)
	for _, v := range ax.ticks() {
		fmt.Fprintf(&b, `<path d="M%.1f %d v%d" stroke="#ddd"/>`+"\n", px(v), plotTop, plotInnerHt)
		text(px(v), plotHeight-plotBottom+16, "middle", "11", label(v))
	}
	for _, v := range ay.ticks() {
		fmt.Fprintf(&b, `<path d="M%d %.1f h%d" stroke="#ddd"/>`+"\n", plotLeft, py(v), plotInnerWidth)
		text(plotLeft-6, py(v)+4, "end", "11", label(v))
	}
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#888"/>`+"\n",
		plotLeft, plotTop, plotInnerWidth, plotInnerHt)
	text(plotLeft+plotInnerWidth/2, plotHeight-12, "middle", "12", p.x)
	fmt.Fprintf(&b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n",
		plotTop+plotInnerHt/2, html.EscapeString(p.y))
	for i, s := range p.series {
		colour := colours[s.colour%len(colours)]
		var path strings.Builder
		for _, q := range s.points {
			if p.logX && q[0] <= 0 || p.logY && q[1] <= 0 {
				continue
			}
			if path.Len() == 0 {
				path.WriteByte('M')
			} else {
				path.WriteByte('L')
			}
			fmt.Fprintf(&path, "%.1f %.1f", px(q[0]), py(q[1]))
			if !s.dashed {
				r := 3.5
				if s.small {
					r = 1.8
				}
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%g" fill="%s"/>`+"\n",
					px(q[0]), py(q[1]), r, colour)
			}
		}
		dash := ""
		if s.dashed {
			dash = ` stroke-dasharray="6 4"`
		}
		if s.line || s.dashed {
			fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.6"%s/>`+"\n",
				path.String(), colour, dash)
		}
		y := float64(plotTop + 10 + 18*i)
		if s.line || s.dashed {
			fmt.Fprintf(&b, `<path d="M%d %.1f h20" stroke="%s" stroke-width="1.6"%s/>`+"\n",
				plotWidth-plotRight+10, y-4, colour, dash)
		}
		if !s.dashed {
			fmt.Fprintf(&b, `<circle cx="%d" cy="%.1f" r="3" fill="%s"/>`+"\n",
				plotWidth-plotRight+20, y-4, colour)
		}
		text(plotWidth-plotRight+36, y, "start", "11", s.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
