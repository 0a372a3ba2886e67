package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
)

// A Scan is the report of a corpus: one page, whose size does not grow with the corpus.
type Scan struct {
	Title      string
	Box        *Box
	Lead       string
	Warnings   []string
	Histogram  Histogram
	Pile       []ScanPile
	MorePile   int64         // marks that are not in Pile
	Controls   *ScanControls // nil: there were none
	Listed     int64         // documents on the list
	Documents  []ScanDocument
	Sources    []ScanSource
	Hosts      []ScanSource
	Skipped    []AuditCount // by reason
	FirstSkips []string
	Found      int64 // rows
	Tested     int64
	Provenance []Provenance
	Notes      []string
	Facts      []Fact
	Digest     string // of the manifest, in the footer of printed pages
}

const (
	// HistogramBins is the number of bars of a Histogram.
	HistogramBins = 20
	// HistogramTail is the largest evidence of a Histogram, as -log10 p.
	HistogramTail = 40
)

// A Histogram counts documents by their p-values. Its size is fixed.
type Histogram struct {
	Documents int64
	Ones      int64                    // p-values of 1
	Bins      [HistogramBins]int64     // bar i has the p-values in (i/20, (i+1)/20], without those of 1
	Tail      [HistogramTail + 1]int64 // [k] has the p-values of at most 10^-k
}

// Add counts a document.
func (h *Histogram) Add(log10P float64) {
	h.Documents++
	for k := range h.Tail {
		if log10P > -float64(k) {
			break
		}
		h.Tail[k]++
	}
	if log10P >= 0 {
		h.Ones++
		return
	}
	h.Bins[min(max(int(math.Ceil(pow10(log10P)*HistogramBins))-1, 0), HistogramBins-1)]++
}

// A ScanPile is the test of all documents together for one mark.
type ScanPile struct {
	Name     string
	Verdict  string
	P        string // adjusted
	Counts   string
	Estimate string
	Warnings []string
}

// ScanControls are the p-values of the pile under control keys.
type ScanControls struct {
	Name   string // of the mark
	Log10P []float64
	Key    float64
	Rank   int
	Misfit float64 // log10 p of a test of the control keys against chance
}

// Decoys returns what is drawn.
func (c *ScanControls) Decoys() Decoys { return Decoys{Log10P: c.Log10P, Key: c.Key} }

// A ScanDocument is one of the documents with the smallest p-values.
type ScanDocument struct {
	Rank     int
	Place    string
	Key      string // of several
	Rows     int64  // that are this document
	Listed   bool
	Detected bool
	P        string // adjusted for all tests
	Log10Q   string
	Facts    []Fact
	Passage  *Passage // nil: the text is not shown, and Missing says why
	Missing  string
}

// A ScanSource is a file or a host.
type ScanSource struct {
	Name      string
	Documents int64 // 0: not counted
	Listed    int64
}

// A Provenance says where a number comes from.
type Provenance struct{ Name, Value, From string }

//go:embed scan.html
var scanHTML string

var scanTemplate = template.Must(template.Must(template.New("scan").Funcs(shared).Funcs(template.FuncMap{
	"log":   func(x float64) string { return Decimal("%.2f", x) },
	"bars":  drawBars,
	"tail":  drawTail,
	"strip": drawStrip,
	"qq":    drawQQ,
	"count": group,
	"slash": func(n int64) string { return Decimal("%.4g", float64(n)/HistogramBins) },
}).Parse(boxHTML + passageHTML)).Parse(scanHTML))

// WriteHTML writes the page.
func (s *Scan) WriteHTML(w io.Writer) error {
	if err := scanTemplate.Execute(w, s); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// KeepColours leaves out the colours of tokens unless show is true; see [Page.KeepColours].
func (s *Scan) KeepColours(show bool) *Scan {
	p := &Page{}
	for _, d := range s.Documents {
		if d.Passage != nil {
			p.Passages = append(p.Passages, *d.Passage) // with the same tokens
		}
	}
	s.Notes = append(s.Notes, p.KeepColours(show).Notes...)
	return s
}

// Shown reports whether the page shows the text of any document.
func (s *Scan) Shown() bool {
	return slices.ContainsFunc(s.Documents, func(d ScanDocument) bool { return d.Passage != nil })
}

// Outlines reports whether any text has outlined parts.
func (s *Scan) Outlines() bool {
	return slices.ContainsFunc(s.Documents, func(d ScanDocument) bool { return d.Passage != nil && len(d.Passage.Parts) > 0 })
}

// drawBars draws how many documents have p-values in each twentieth, with the mean of uniform ones.
func drawBars(h Histogram) template.HTML {
	even := float64(h.Documents) / HistogramBins
	top := max(even, float64(slices.Max(h.Bins[:])), 1) * 1.08
	label := fmt.Sprintf("Documents by p-value, in %d bars from 0 to 1:", HistogramBins)
	for _, n := range h.Bins {
		label += fmt.Sprintf(" %d", n)
	}
	c := newChart(720, 260, 0, 1, 0, top, label)
	c.axes("p-value of a document", "documents")
	for i, n := range h.Bins {
		x, y := c.x(float64(i)/HistogramBins), c.y(float64(n))
		fmt.Fprintf(&c.b, `<rect class="filled" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>documents: %d</title></rect>`,
			x+1, y, c.x(float64(i+1)/HistogramBins)-x-2, max(c.y(0)-y, 0), n)
	}
	c.line("diagonal", 0, even, 1, even)
	return c.html()
}

// drawTail draws how many documents have a p-value of at most 10^-k, and at most how many of unmarked
// ones have it on average.
func drawTail(h Histogram) template.HTML {
	last := 4
	for k, n := range h.Tail {
		if n > 0 {
			last = max(last, k)
		}
	}
	all := math.Log10(float64(max(h.Documents, 2)))
	c := newChart(720, 260, 0, float64(last), 0, all*1.05, "Number of documents with at least some evidence, on a logarithmic scale")
	c.axes("evidence, -log10 p", "log10 of documents")
	c.line("diagonal", 0, all, min(all, float64(last)), max(all-float64(last), 0))
	var points strings.Builder
	for k := range last + 1 {
		if n := h.Tail[k]; n > 0 {
			y := math.Log10(float64(n))
			fmt.Fprintf(&points, "%.1f,%.1f ", c.x(float64(k)), c.y(y))
			c.dot("key", float64(k), y, fmt.Sprintf("p of at most 10^-%d: %d documents", k, n))
		}
	}
	fmt.Fprintf(&c.b, `<polyline class="strong" points="%s"/>`, strings.TrimSpace(points.String()))
	return c.html()
}
