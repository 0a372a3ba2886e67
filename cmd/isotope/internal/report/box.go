package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/isotope-wm/isotope/detect"
)

//go:embed style.css
var styleSheet string

// A Box is the first thing that a page shows: the result for somebody who has ten seconds.
type Box struct {
	Verdict detect.Verdict
	Exhibit []string // what was tested: name, digest, time
	Says    string   // the result in one sentence
	Odds    string   // how likely chance gives such a result
	Means   string
	Not     string // what it does not mean
	Fixed   string // threshold and number of tests
	Bar     *Bar   // nil: no share to show
}

// Word returns the verdict in capital letters.
func (b *Box) Word() string { return strings.ToUpper(strings.ReplaceAll(string(b.Verdict), "_", " ")) }

// A Bar is a share of green next to what chance gives.
type Bar struct {
	Rate, Chance float64 // in [0,1]
	Scored       int64
}

// String words the bar.
func (b *Bar) String() string {
	return fmt.Sprintf("%.0f %% green, %.0f %% expected by chance (%s tested)", 100*b.Rate, 100*b.Chance, group(b.Scored))
}

// drawBar draws a share as a bar, with a line where chance would be.
func drawBar(b *Bar) template.HTML {
	const width, height = 560.0, 22.0
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height+4, template.HTMLEscapeString(b.String()))
	fmt.Fprintf(&s, `<rect class="trough" x="0" y="2" width="%g" height="%g" rx="2"/>`, width, height)
	fmt.Fprintf(&s, `<rect class="filled" x="0" y="2" width="%.1f" height="%g" rx="2"/>`, width*clamp(b.Rate), height)
	fmt.Fprintf(&s, `<line class="tick" x1="%.1f" y1="0" x2="%.1f" y2="%g"/></svg>`, width*clamp(b.Chance), width*clamp(b.Chance), height+4)
	return template.HTML(s.String())
}

func clamp(x float64) float64 { return min(max(x, 0), 1) }

// overviewBins is the number of stretches of an overview.
const overviewBins = 60

// An overview counts the tokens of a passage by stretches of equal length.
type overview struct {
	green, scored [overviewBins]int
	part          [overviewBins]bool
}

// newOverview returns the overview of a passage.
func newOverview(tokens []Token) *overview {
	o := &overview{}
	for i, t := range tokens {
		at := i * overviewBins / len(tokens)
		if t.Colour != Unscored {
			o.scored[at]++
		}
		if t.Colour == Green {
			o.green[at]++
		}
		o.part[at] = o.part[at] || t.Part > 0
	}
	return o
}

// words describes the overview for those who do not see it: the share of green in each tenth.
func (o *overview) words() string {
	var parts []string
	for tenth := range 10 {
		green, scored := 0, 0
		for i := tenth * overviewBins / 10; i < (tenth+1)*overviewBins/10; i++ {
			green, scored = green+o.green[i], scored+o.scored[i]
		}
		share := "none scored"
		if scored > 0 {
			share = fmt.Sprintf("%d of %d green", green, scored)
		}
		parts = append(parts, fmt.Sprintf("tenth %d: %s", tenth+1, share))
	}
	return strings.Join(parts, ", ")
}

// drawOverview draws how green each stretch of a passage is, with its parts. It returns nothing for
// a passage that is too short for stretches.
func drawOverview(p Passage) template.HTML {
	if len(p.Tokens) < 2*overviewBins {
		return ""
	}
	o := newOverview(p.Tokens)
	const width, height = 720.0, 46.0
	const each = width / overviewBins
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height+6, template.HTMLEscapeString("Green from the beginning of the text to its end. "+o.words()))
	fmt.Fprintf(&s, `<rect class="trough" x="0" y="3" width="%g" height="%g"/>`, width, height)
	for i := range overviewBins {
		if o.scored[i] == 0 {
			continue
		}
		h := height * float64(o.green[i]) / float64(o.scored[i])
		fmt.Fprintf(&s, `<rect class="filled" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, float64(i)*each, 3+height-h, each-1, h)
	}
	for i := 0; i < overviewBins; i++ {
		from := i
		for i < overviewBins && o.part[i] {
			i++
		}
		if i > from {
			fmt.Fprintf(&s, `<rect class="part" x="%.1f" y="1.5" width="%.1f" height="%g"/>`, float64(from)*each, float64(i-from)*each-1, height+3)
		}
	}
	return template.HTML(s.String() + "</svg>")
}
