package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
)

// A Page is the report of texts.
type Page struct {
	Title    string
	Box      *Box
	Lead     string // what was done, in a sentence or two
	Index    []IndexRow
	Facts    []Fact // key id, profile, seed
	Rows     []Row
	Passages []Passage
	Curves   []Curve
	Evidence *Evidence
	Decoys   Decoys
	Notes    []string // what the results show, and what they do not
	Digest   string   // of what was tested, in the footer of printed pages
}

// An IndexRow is a text in a list of several.
type IndexRow struct {
	Rank     int
	Verdict  detect.Verdict
	Log10P   float64 // adjusted
	Evidence string
	Name     string
	Key      string // that the text was found to have, of several
	Page     string // relative address, or ""
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

//go:embed box.html
var boxHTML string

//go:embed passage.html
var passageHTML string

var pageTemplate = template.Must(template.Must(template.New("page").Funcs(shared).Funcs(template.FuncMap{
	"p":        formatP,
	"curves":   drawCurves,
	"evidence": drawEvidence,
	"strip":    drawStrip,
	"qq":       drawQQ,
	"overview": drawOverview,
	"verdict":  func(v detect.Verdict) string { return string(v) },
}).Parse(boxHTML + passageHTML)).Parse(pageHTML))

// shared are the functions of all templates.
var shared = template.FuncMap{
	"style":    style,
	"overview": drawOverview,
	"bar":      drawBar,
	"words":    func(v detect.Verdict) string { return strings.ReplaceAll(string(v), "_", " ") },
}

var plainDigest = regexp.MustCompile(`^[a-z0-9:]+$`)

// style returns the style sheet of a page. Printed pages have a digest in the footer.
func style(digest string) template.CSS {
	page := "@page { size: A4; margin: 16mm 15mm 20mm; "
	if plainDigest.MatchString(digest) {
		page += `@bottom-left { content: "` + digest + `"; font: 7.5pt monospace; } `
	}
	return template.CSS(styleSheet + page + `@bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }`)
}

// Spoken says for screen readers how much of a passage is green.
func (p Passage) Spoken() string {
	green, scored := 0, 0
	for _, t := range p.Tokens {
		if t.Colour != Unscored {
			scored++
		}
		if t.Colour == Green {
			green++
		}
	}
	return fmt.Sprintf("In the following text %d of %d scored pieces are green. The pieces are told apart by underlines, and each piece is read as plain text.", green, scored)
}

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
