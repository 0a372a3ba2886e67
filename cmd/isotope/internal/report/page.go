package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/isotope-wm/isotope/detect"
)

// A Page is a report.
type Page struct {
	Title    string
	Lead     string // what the page shows, in a sentence or two
	Facts    []Fact // what was used: key id, profile, seed
	Rows     []Row
	Passages []Passage
	Curves   []Curve
	Decoys   Decoys
	Notes    []string // what is claimed and what is not
}

// A Fact is a named value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Row is one test.
type Row struct {
	Name    string // what was tested
	Expect  string // what should come out, if that was known
	Result  detect.Result
	OneLine string // what it means
	Draw    bool   // of a keyed draw, whose scores are no colours
}

// A Colour is what a test saw at a position.
type Colour string

const (
	Green    Colour = "g" // scored, green
	Red      Colour = "r" // scored, not green
	Unscored Colour = "u" // not scored
)

// A Token is a piece of text with its colour.
type Token struct {
	Text   string
	Colour Colour
	Part   int // Parts[Part-1] of the Passage, or 0 for none
}

// A Passage is text as a test sees it.
type Passage struct {
	Title  string
	Prompt string
	Tokens []Token
	Parts  []string // what was found about parts of it, which are outlined
}

// A Point is the evidence after some scored tokens.
type Point struct {
	Scored int64
	Log10P float64
}

// A Curve is how evidence grows.
type Curve struct {
	Name   string
	Strong bool // of marked text
	Points []Point
}

// Decoys are p-values of keys that have nothing to do with the text, and that of the
// key which has.
type Decoys struct {
	Log10P []float64
	Key    float64
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"p":       formatP,
	"curves":  drawCurves,
	"strip":   drawStrip,
	"qq":      drawQQ,
	"verdict": verdictClass,
}).Parse(pageHTML))

// Expects reports whether any test had something that should come out.
func (p *Page) Expects() bool {
	return slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Expect != "" })
}

// Outlines reports whether parts of a passage are outlined.
func (p *Page) Outlines() bool {
	return slices.ContainsFunc(p.Passages, func(p Passage) bool { return len(p.Parts) > 0 })
}

// WriteHTML writes the page.
func (p *Page) WriteHTML(w io.Writer) error {
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// formatP writes a p-value for people: "0.38", "1 in 10^95".
func formatP(log10P float64) string {
	switch {
	case log10P == 0: // not -0
		return "1"
	case log10P > -4:
		return fmt.Sprintf("%.2g", pow10(log10P))
	default:
		return fmt.Sprintf("10^%.1f", log10P)
	}
}

func verdictClass(v detect.Verdict) string { return string(v) }
