package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/isotope-wm/isotope/internal/tail"
)

// Evidence shows how the evidence grows from the beginning of one text to its end.
type Evidence struct {
	Points []Point
	// Threshold is the evidence, as -log10 p, from which a text is called detected. It has the number
	// of tests in it.
	Threshold float64
}

// chance is the evidence that one unrelated key in a hundred reaches, as -log10 p.
const chance = 2

// evidencePoints bounds the number of points of a curve.
const evidencePoints = 120

// EvidenceOf returns the curve of a text whose tokens are green with probability gamma by chance. It
// returns nil if nothing was scored.
func EvidenceOf(colours []Colour, gamma, threshold float64) *Evidence {
	scored := 0
	for _, c := range colours {
		if c != Unscored {
			scored++
		}
	}
	if scored == 0 {
		return nil
	}
	e := &Evidence{Threshold: threshold}
	step := max(1, (scored+evidencePoints-1)/evidencePoints)
	var n, green int64
	for _, c := range colours {
		if c == Unscored {
			continue
		}
		if n++; c == Green {
			green++
		}
		if n%int64(step) == 0 || n == int64(scored) {
			e.Points = append(e.Points, Point{n, tail.Binomial(green, n, gamma)})
		}
	}
	return e
}

// An evidenceAxis is the y axis of a curve. Above the break it is coarser, so that what chance gives stays
// to be seen.
type evidenceAxis struct {
	low, high float64 // evidence at the break and at the top; equal without a break
	share     float64 // of the height that is below the break
}

// axis returns the axis for a curve.
func (e *Evidence) axis() evidenceAxis {
	low := max(4, e.Threshold*1.25)
	high := low
	for _, p := range e.Points {
		if finite(p.Log10P) {
			high = max(high, -p.Log10P*1.05)
		}
	}
	if high > 2.5*low {
		return evidenceAxis{low, high, 0.45}
	}
	return evidenceAxis{high, high, 1}
}

func (a evidenceAxis) broken() bool { return a.share < 1 }

// at returns the height of a number, from 0 to 1.
func (a evidenceAxis) at(v float64) float64 {
	v = min(max(v, 0), a.high)
	if v <= a.low {
		return v / a.low * a.share
	}
	return a.share + (v-a.low)/(a.high-a.low)*(1-a.share)
}

// drawEvidence plots -log10 p against scored tokens, with the band of chance and the threshold.
func drawEvidence(e *Evidence) template.HTML {
	last := e.Points[len(e.Points)-1]
	a := e.axis()
	label := fmt.Sprintf("The evidence after each part of the text. It ends at %.1f after %d scored tokens. The threshold is %.1f", -last.Log10P, last.Scored, e.Threshold)
	if a.broken() {
		label += fmt.Sprintf(". The axis is broken at %.1f", a.low)
	}
	c := newChart(720, 320, 0, float64(last.Scored), 0, 1, label)
	mark := func(v float64) {
		c.line("grid", 0, a.at(v), c.xMax, a.at(v))
		c.text(c.left-8, c.y(a.at(v))+4, "end", fmt.Sprintf("%.6g", v))
	}
	fmt.Fprintf(&c.b, `<rect class="band" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
		c.x(0), c.y(a.at(chance)), c.x(c.xMax)-c.x(0), c.y(0)-c.y(a.at(chance)))
	for _, v := range ticks(0, c.xMax) {
		c.text(c.x(v), c.height-c.bottom+16, "middle", fmt.Sprintf("%.6g", v))
	}
	for _, v := range ticks(0, a.low) {
		mark(v)
	}
	if a.broken() {
		for _, v := range ticks(a.low, a.high) {
			if a.at(v)-a.share > 0.05 { // clear of the labels below the break
				mark(v)
			}
		}
		for _, dy := range []float64{-3, 3} {
			fmt.Fprintf(&c.b, `<path class="break" d="M%.1f %.1f l14 -5"/>`, c.left-7, c.y(a.share)+2.5+dy)
		}
		c.line("diagonal", 0, a.share, c.xMax, a.share)
		c.text(c.width-chartRight, c.y(a.share)-5, "end", "the axis is broken here")
	}
	c.text((c.left+c.width-chartRight)/2, c.height-8, "middle", "scored tokens")
	fmt.Fprintf(&c.b, `<text transform="translate(14 %.1f) rotate(-90)" text-anchor="middle">evidence, -log10 p</text>`, (c.height-c.bottom+chartTop)/2)
	c.line("threshold", 0, a.at(e.Threshold), c.xMax, a.at(e.Threshold))
	c.text(c.width-chartRight, c.y(a.at(e.Threshold))-4, "end", "threshold")
	c.text(c.width-chartRight, c.y(a.at(chance))+13, "end", "99 of 100 unrelated keys end below this")
	var line strings.Builder
	fmt.Fprintf(&line, "%.1f,%.1f", c.x(0), c.y(0))
	for _, p := range e.Points {
		v := -p.Log10P
		if math.IsInf(v, 1) {
			v = a.high
		}
		fmt.Fprintf(&line, " %.1f,%.1f", c.x(float64(p.Scored)), c.y(a.at(v)))
	}
	fmt.Fprintf(&c.b, `<polyline class="strong" points="%s"/>`, line.String())
	return c.html()
}
