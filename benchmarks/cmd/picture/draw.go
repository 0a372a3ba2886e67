package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Measures of the picture, in pixels.
const (
	width      = 940
	margin     = 20
	panel      = 440 // of a text
	columns    = 54  // characters of a line
	cell       = 7.8 // of a character
	lines      = 9
	lineHeight = 22
	top        = 84 // of the first line
	curveTop   = top + lines*lineHeight + 74
	curveWide  = 700
	curveHigh  = 180
	height     = curveTop + curveHigh + 62
)

// Colours that differ in grey and for the colour-blind (Okabe and Ito). A favoured token is also
// underlined.
const (
	fill   = "#cfe3ff"
	stroke = "#0072b2"
	other  = "#d55e00"
	ink    = "#1b1b1b"
	rule   = "#c8c8c8"
)

// draw returns the picture of a marked text and its unmarked twin.
func draw(marked, unmarked *text, version string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" fill="%s">`+"\n", width, height, ink)
	fmt.Fprintf(&b, "<title id=\"title\">A marked text and its unmarked twin</title>\n")
	fmt.Fprintf(&b, "<desc id=\"desc\">Of the marked text %d of %d scored tokens are green, log10 p %.1f. Of its unmarked twin %d of %d are, log10 p %.1f. Drawn with %s.</desc>\n",
		marked.green, len(marked.log10P), last(marked.log10P), unmarked.green, len(unmarked.log10P), last(unmarked.log10P), version)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	words(&b, margin, 28, 15, "600", "start", "The same prompt and the same random numbers, with the mark and without")
	for i, t := range []*text{marked, unmarked} {
		x := margin + float64(i)*(panel+20)
		name := "marked"
		if i == 1 {
			name = "unmarked"
		}
		t.panel(&b, x, name)
	}
	y := float64(top + lines*lineHeight + 14)
	fmt.Fprintf(&b, `<rect x="%d" y="%.0f" width="26" height="13" fill="%s"/><rect x="%d" y="%.0f" width="26" height="2" fill="%s"/>`+"\n",
		margin, y-11, fill, margin, y+2, stroke)
	words(&b, margin+34, y, 12, "400", "start", "green under the key; chance makes half of the tokens green")
	curve(&b, marked.log10P, unmarked.log10P)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func last(x []float64) float64 { return x[len(x)-1] }

// words writes one line of text.
func words(b *bytes.Buffer, x, y float64, size int, weight, anchor, text string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="%d" font-weight="%s" text-anchor="%s">%s</text>`+"\n", x, y, size, weight, anchor, escape(text))
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}

// panel draws the beginning of a text, token by token.
func (t *text) panel(b *bytes.Buffer, x float64, name string) {
	var body strings.Builder
	column, line := 0, 0
	scored, green := 0, 0
	for _, p := range t.pieces {
		before, _, breaks := strings.Cut(p.bytes, "\n")
		s := printable(before)
		if column+utf8.RuneCountInString(s) > columns {
			column, line = 0, line+1
		}
		if column == 0 {
			s = strings.TrimLeft(s, " ")
		}
		if line >= lines {
			break
		}
		if p.scored {
			scored++
			if p.green {
				green++
			}
		}
		n := utf8.RuneCountInString(s)
		lead := len(s) - len(strings.TrimLeft(s, " "))
		if n > lead {
			at, y, wide := x+float64(column+lead)*cell, float64(top+line*lineHeight), float64(n-lead)*cell-1
			if p.scored && p.green {
				fmt.Fprintf(&body, `<rect x="%.1f" y="%.1f" width="%.1f" height="17" fill="%s"/><rect x="%.1f" y="%.1f" width="%.1f" height="2" fill="%s"/>`+"\n",
					at, y-13, wide, fill, at, y+3, wide, stroke)
			}
			fmt.Fprintf(&body, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n", at, y, wide, escape(strings.TrimSpace(s)))
		}
		column += n
		if breaks && column > 0 {
			column, line = 0, line+1
		}
	}
	words(b, x, 58, 13, "600", "start", fmt.Sprintf("%s: %d of %d scored tokens shown are green", name, green, scored))
	fmt.Fprintf(b, `<g font-family="ui-monospace, monospace" font-size="13">`+"\n%s</g>\n", body.String())
}

// curve draws how the p-values of both texts fall as tokens are scored.
func curve(b *bytes.Buffer, marked, unmarked []float64) {
	low := math.Floor(last(marked)/10) * 10
	most := max(len(marked), len(unmarked))
	left := float64(margin + 60)
	px := func(n int) float64 { return left + float64(n)/float64(most)*curveWide }
	py := func(log10 float64) float64 { return curveTop + log10/low*curveHigh }
	words(b, margin, curveTop-22, 13, "600", "start", "Evidence: how rarely chance gives a text this green, or greener")
	for v := 0.0; v >= low; v -= 10 {
		fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%[3]f" stroke="%s"/>`+"\n", left, left+curveWide, py(v), rule)
		label := "1"
		if v < 0 {
			label = fmt.Sprintf("1 in 10^%.0f", -v)
		}
		words(b, left-6, py(v)+4, 11, "400", "end", label)
	}
	fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%[3]f" stroke="%s" stroke-dasharray="2 4"/>`+"\n", left, left+curveWide, py(-6), ink)
	words(b, left+curveWide+6, py(-6)+4, 11, "400", "start", "detected (1 in 10^6)")
	for n := 0; n <= most; n += 50 {
		words(b, px(n), curveTop+curveHigh+18, 11, "400", "middle", fmt.Sprint(n))
	}
	words(b, left+curveWide/2, curveTop+curveHigh+38, 12, "400", "middle", "scored tokens")
	for _, c := range []struct {
		name, colour, dash string
		log10P             []float64
	}{{"marked", stroke, "", marked}, {"unmarked", other, "6 4", unmarked}} {
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s" points="`, c.colour, c.dash)
		for i, p := range append([]float64{0}, c.log10P...) {
			fmt.Fprintf(b, "%.1f,%.1f ", px(i), py(p))
		}
		b.WriteString("\"/>\n")
		words(b, px(len(c.log10P))+6, py(last(c.log10P))+4, 12, "600", "start", c.name)
	}
}
