package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// An Eval is the page of a measurement: charts and tables.
type Eval struct {
	Title   string
	Lead    string
	Summary []string // the findings, a sentence each, in the box
	Charts  []Chart
	Tables  []Table
	Notes   []string
	Facts   []Fact
	Digest  string
}

// A Chart has curves over named axes.
type Chart struct {
	Title, Caption string
	X, Y           string // names of the axes
	Curves         []Line
	Points         bool    // the curves are single points, with their names beside them
	LogX           bool    // the x axis is logarithmic
	YMax           float64 // 0 is the largest value
}

// A Line is a curve, or a point.
type Line struct {
	Name   string
	Points []XY
}

// An XY is a point with the interval of Y. Low and High may be equal to Y.
type XY struct{ X, Y, Low, High float64 }

// A Table has a header and rows of text. The first column is left-aligned, and the others are numbers.
type Table struct {
	Title, Caption string
	Words          int // how many columns hold words, from the left; at least 1
	Head           []string
	Rows           [][]string
}

//go:embed eval.html
var evalHTML string

var evalTemplate = template.Must(template.New("eval").Funcs(shared).Funcs(template.FuncMap{
	"chart":  drawChart,
	"number": func(t Table, column int) bool { return column >= max(t.Words, 1) },
}).Parse(evalHTML))

// WriteHTML writes the page.
func (e *Eval) WriteHTML(w io.Writer) error {
	if err := evalTemplate.Execute(w, e); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// lineStyles tell curves apart without colour.
var lineStyles = []struct{ class, dash, shape string }{
	{"strong", "", "circle"}, {"ink", "7 4", "square"}, {"accent", "2 3", "triangle"}, {"faint", "9 3 2 3", "diamond"},
	{"ink", "", "cross"}, {"strong", "2 3", "square"}, {"accent", "", "diamond"}, {"faint", "5 2", "circle"},
	{"ink", "2 3", "triangle"}, {"strong", "9 3 2 3", "cross"}, {"accent", "7 4", "circle"}, {"faint", "", "square"},
}

// MaxCurves is the number of curves of a chart that can be told apart.
var MaxCurves = len(lineStyles)

// drawChart draws a chart with its legend.
func drawChart(d Chart) template.HTML {
	xMin, xMax, yMax := math.Inf(1), math.Inf(-1), d.YMax
	for _, l := range d.Curves {
		for _, p := range l.Points {
			xMin, xMax = min(xMin, p.X), max(xMax, p.X)
			if d.YMax == 0 {
				yMax = max(yMax, p.Y*1.1)
			}
		}
	}
	if !(xMin <= xMax) {
		return "" // nothing to draw
	}
	at := func(x float64) float64 { return x }
	if d.LogX {
		at = math.Log10
		xMin = max(xMin, 1)
	} else {
		xMin = min(xMin, 0)
	}
	if yMax <= 0 {
		yMax = 1
	}
	if xMax <= xMin {
		xMax = xMin + 1
	}
	from, to := at(xMin), at(xMax)
	if d.Points {
		to += (to - from) * 0.06
		from -= (to - from) * 0.03
	}
	c := newChart(720, 340, from, to, 0, yMax, d.Title+". "+d.X+" against "+d.Y)
	if d.LogX {
		c.logAxes(d.X, d.Y)
	} else {
		c.axes(d.X, d.Y)
	}
	for i, l := range d.Curves {
		s := lineStyles[i%len(lineStyles)]
		var path strings.Builder
		for _, p := range l.Points {
			fmt.Fprintf(&path, "%.1f,%.1f ", c.x(at(p.X)), c.y(min(p.Y, yMax)))
		}
		if len(l.Points) > 1 {
			fmt.Fprintf(&c.b, `<polyline class="%s" stroke-dasharray="%s" points="%s"/>`, s.class, s.dash, strings.TrimSpace(path.String()))
		}
		for j, p := range l.Points {
			if len(l.Points) > 12 && j%(len(l.Points)/6) != 0 {
				continue // a marker here and there tells the curve
			}
			if p.Low < p.High {
				x := c.x(at(p.X)) + float64(i%5-2)*1.5
				fmt.Fprintf(&c.b, `<line class="whisker" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, c.y(min(max(p.Low, 0), yMax)), x, c.y(min(p.High, yMax)))
			}
			c.marker(s.class, s.shape, c.x(at(p.X)), c.y(min(p.Y, yMax)), fmt.Sprintf("%s: %.4g, %.4g", l.Name, p.X, p.Y))
		}
	}
	return c.html() + legend(d)
}

// marker draws a shape at a place in pixels.
func (c *chart) marker(class, shape string, x, y float64, title string) {
	const r = 4
	form := ""
	switch shape {
	case "circle":
		form = fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="%d"/>`, x, y, r)
	case "square":
		form = fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%d" height="%d"/>`, x-r, y-r, 2*r, 2*r)
	case "triangle":
		form = fmt.Sprintf(`<path d="M%.1f %.1f l%d %d h-%d z"/>`, x, y-r-1, r+1, 2*r+1, 2*r+2)
	case "diamond":
		form = fmt.Sprintf(`<path d="M%.1f %.1f l%d %d l-%d %d l-%d -%d z"/>`, x, y-r-1, r+1, r+1, r+1, r+1, r+1, r+1)
	default:
		form = fmt.Sprintf(`<path class="stroke" d="M%.1f %.1f l%d %d M%.1f %.1f l%d -%d"/>`, x-r, y-r, 2*r, 2*r, x-r, y+r, 2*r, 2*r)
	}
	fmt.Fprintf(&c.b, `<g class="mk %s"><title>%s</title>%s</g>`, class, template.HTMLEscapeString(title), form)
}

// legend names the curves next to their line and marker.
func legend(d Chart) template.HTML {
	var b strings.Builder
	b.WriteString(`<ul class="legend-list">`)
	for i, l := range d.Curves {
		s := lineStyles[i%len(lineStyles)]
		c := &chart{}
		c.marker(s.class, s.shape, 20, 8, l.Name)
		fmt.Fprintf(&b, `<li><svg class="key-line" viewBox="0 0 40 16" role="img" aria-label="%s">`, template.HTMLEscapeString("line of "+l.Name))
		if !d.Points {
			fmt.Fprintf(&b, `<polyline class="%s" stroke-dasharray="%s" points="2,8 38,8"/>`, s.class, s.dash)
		}
		fmt.Fprintf(&b, `%s</svg> %s</li>`, c.b.String(), template.HTMLEscapeString(l.Name))
	}
	b.WriteString("</ul>")
	return template.HTML(b.String())
}

// logAxes draws the grid for an x axis of powers of ten.
func (c *chart) logAxes(xName, yName string) {
	for _, v := range ticks(c.yMin, c.yMax) {
		c.line("grid", c.xMin, v, c.xMax, v)
		c.text(c.left-8, c.y(v)+4, "end", fmt.Sprintf("%.6g", v))
	}
	for e := math.Floor(c.xMin); e <= c.xMax; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := math.Log10(m) + e
			if v < c.xMin-1e-9 || v > c.xMax+1e-9 {
				continue
			}
			c.line("grid", v, c.yMin, v, c.yMax)
			c.text(c.x(v), c.height-c.bottom+16, "middle", fmt.Sprintf("%.6g", m*math.Pow(10, e)))
		}
	}
	c.line("grid", c.xMin, c.yMin, c.xMax, c.yMin)
	c.text((c.left+c.width-chartRight)/2, c.height-8, "middle", xName)
	fmt.Fprintf(&c.b, `<text transform="translate(14 %.1f) rotate(-90)" text-anchor="middle">%s</text>`, (c.height-c.bottom+chartTop)/2, template.HTMLEscapeString(yName))
}
