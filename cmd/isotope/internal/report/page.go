package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/isotope-wm/isotope/detect"
)

// A Page is the report of texts.
type Page struct {
	Title    string
	Lead     string // the result, in a sentence or two
	Facts    []Fact // key id, profile, seed
	Rows     []Row
	Passages []Passage
	Curves   []Curve
	Decoys   Decoys
	Notes    []string // what the results show, and what they do not
}

// A Fact is a named value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Row is the result of one test.
type Row struct {
	Name    string // what was tested
	Expect  string // the expected result, or ""
	Result  detect.Result
	OneLine string // about the test, in one line
	Draw    bool   // of a keyed draw, whose scores are not colours
}

// A Colour is the colour of a token under a key.
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
	Part   int // the token belongs to Parts[Part-1] of the passage; 0 is none
}

// A Passage is a text as a test sees it.
type Passage struct {
	Title  string
	Prompt string
	Tokens []Token
	Parts  []string // about the outlined parts
}

// A Point is the evidence after some scored tokens.
type Point struct {
	Scored int64
	Log10P float64
}

// A Curve shows how evidence grows.
type Curve struct {
	Name   string
	Strong bool // of marked text
	Points []Point
}

// Decoys holds log10 of the p-values of unrelated keys, and that of the key.
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
	"verdict": func(v detect.Verdict) string { return string(v) },
}).Parse(pageHTML))

// Expects reports whether any test has an expected result.
func (p *Page) Expects() bool {
	return slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Expect != "" })
}

// Outlines reports whether any passage has outlined parts.
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
