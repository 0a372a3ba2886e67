package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/detect"
)

// An Audit is the report on a suspect model. As JSON it is one versioned object, and as HTML one
// page. Both have two parts. The canonical part follows from the plan and the recorded responses,
// byte for byte. The observed part says when and how they were collected.
type Audit struct {
	Version   int            `json:"version"` // 1
	Canonical AuditCanonical `json:"canonical"`
	// Digest is "sha256:" and the hash of the JSON of Canonical, as [Audit.WriteJSON] writes it.
	Digest   string        `json:"canonical_digest"`
	Observed AuditObserved `json:"observed"`
}

// An AuditCanonical is the part that anybody who has the recording can compute again.
type AuditCanonical struct {
	Question string          `json:"question"`
	Declared json.RawMessage `json:"declared"` // the plan, whole
	Plan     string          `json:"plan"`     // its digest
	Terms    []Fact          `json:"terms"`    // the plan in words

	Verdict        detect.Verdict `json:"verdict"`
	Log10P         Number         `json:"log10_p"` // of the claim, not adjusted for other tests
	Log10PAdjusted Number         `json:"log10_p_adjusted"`
	Tests          int64          `json:"tests"` // that the p-value is adjusted for
	Complete       bool           `json:"complete"`
	Ending         string         `json:"ending"` // why the collection ended
	Refused        bool           `json:"refused"`

	Level        string   `json:"claim_level"` // "A", or "" if nothing is claimed
	Claim        string   `json:"claim"`
	Pattern      string   `json:"pattern"`
	Rule         string   `json:"rule"` // that gave the pattern
	Explanations []string `json:"explanations"`
	NotShown     []string `json:"not_shown"`

	Statistics []AuditStatistic `json:"statistics"`
	Effect     AuditEffect      `json:"effect"`
	Power      []string         `json:"power"`
	Families   []AuditFamily    `json:"families,omitempty"`
	Prompts    AuditStatistic   `json:"prompts"` // test of the prompts, which should carry no mark

	Outputs   AuditCounts  `json:"outputs"`
	Positions []AuditCount `json:"positions"` // tokens by what became of them
	Sources   []Fact       `json:"sources"`   // what was tested, with digests
	Limits    []string     `json:"limits"`
	Warnings  []string     `json:"warnings"`
}

// A Number is a float64. NaN and infinities are null in JSON.
type Number float64

// MarshalJSON writes a number or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); finite(f) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// An AuditStatistic is one statistic under the key, and under the decoys.
type AuditStatistic struct {
	Name           string       `json:"name"`
	Means          string       `json:"means"`
	Log10P         Number       `json:"log10_p"` // of this statistic alone
	Log10PAdjusted Number       `json:"log10_p_adjusted"`
	Z              Number       `json:"z"`
	Scored         int64        `json:"scored"`
	Green          int64        `json:"green"`
	KeyedDraw      bool         `json:"keyed_draw,omitempty"` // its scores are not colours, and Green is 0
	Tests          int64        `json:"tests"`
	Decoys         *AuditDecoys `json:"decoys,omitempty"`
}

// AuditDecoys holds the p-values of decoys: control keys that marked nothing.
type AuditDecoys struct {
	RunKey      string    `json:"run_key,omitempty"`
	Rank        int       `json:"rank"`         // of the key among all keys; 1 is the smallest p-value
	Log10Misfit Number    `json:"log10_misfit"` // log10 p of a test of the decoys against chance
	Log10P      []float64 `json:"log10_p"`      // ascending
}

// An AuditEffect says how strong the mark is.
type AuditEffect struct {
	Gamma     Number `json:"gamma"`
	GreenRate Number `json:"green_rate"`
	Excess    Number `json:"excess"`
	Z         Number `json:"z"`
	C1        Number `json:"c1,omitempty"`            // stated beforehand, or 0
	Share     Number `json:"implied_share,omitempty"` // z / (c1 sqrt(scored)), and the ends of a 95 % interval
	Low       Number `json:"implied_low,omitempty"`
	High      Number `json:"implied_high,omitempty"`
	// Provenance is the strength of the provenance band, or nil if it was not tested.
	Provenance *AuditBand `json:"provenance,omitempty"`
}

// An AuditBand says how strong a provenance band is, in standard deviations of a score. Live and
// LiveTrace say how strong both marks are in text of the marked model itself, or are 0.
type AuditBand struct {
	Excess    Number `json:"excess_sd"`
	Live      Number `json:"live_excess_sd,omitempty"`
	LiveTrace Number `json:"live_trace_excess,omitempty"` // green rate above gamma
}

// An AuditFamily holds the accounts of one kind.
type AuditFamily struct {
	Name        string         `json:"name"`
	Accounts    []AuditAccount `json:"accounts"` // the smallest p-value first
	Named       int            `json:"named"`
	Triage      int            `json:"triage"`
	DecoysNamed int            `json:"decoys_named"`
	Resolution  Number         `json:"resolution"`
	Decoys      *AuditDecoys   `json:"decoys,omitempty"`
}

// An AuditAccount is a tenant or a cohort.
type AuditAccount struct {
	ID     string `json:"id"`
	Cohort string `json:"cohort,omitempty"`
	Decoy  bool   `json:"decoy,omitempty"`
	Lane   bool   `json:"lane,omitempty"`
	Scored int64  `json:"scored"`
	Green  int64  `json:"green"`
	Log10P Number `json:"log10_p"`
	Holm   Number `json:"log10_p_holm"`
	Q      Number `json:"log10_q"`
	Named  bool   `json:"named"`
	Triage bool   `json:"triage"`
}

// AuditCounts counts responses. In is the sum of Tested and of all counts in Skipped.
type AuditCounts struct {
	In      int64        `json:"in"`
	Tested  int64        `json:"tested"`
	Skipped []AuditCount `json:"skipped"`
	Texts   int64        `json:"texts"`  // in the tested responses; reasoning and answer are two texts
	Tokens  int64        `json:"tokens"` // in the texts
}

// An AuditCount is a named number.
type AuditCount struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// An AuditObserved says when and how outputs were collected. It differs from run to run.
type AuditObserved struct {
	Tool     string   `json:"tool"`
	Facts    []Fact   `json:"facts"`
	Sessions []string `json:"sessions,omitempty"`
}

//go:embed audit.html
var auditHTML string

var auditTemplate = template.Must(template.Must(template.New("audit").Funcs(shared).Funcs(template.FuncMap{
	"p":      func(n Number) string { return formatP(float64(n)) },
	"log":    func(n Number) string { return Decimal("%.3f", float64(n)) },
	"z":      func(n Number) string { return Decimal("%.2f", float64(n)) },
	"rate":   func(n Number) string { return Decimal("%.5f", float64(n)) },
	"share":  func(n Number) string { return Decimal("%.3g", float64(n)) },
	"strip":  func(s AuditStatistic) template.HTML { return drawStrip(s.decoys()) },
	"qq":     func(s AuditStatistic) template.HTML { return drawQQ(s.decoys()) },
	"top":    func(f AuditFamily) []AuditAccount { return f.Accounts[:f.shown()] },
	"ranks":  func(decoys []float64) int { return len(decoys) + 1 },
	"finite": func(n Number) bool { return finite(float64(n)) },
	"count":  group,
}).Parse(boxHTML)).Parse(auditHTML))

// decoys returns the p-values that are drawn.
func (s AuditStatistic) decoys() Decoys {
	return Decoys{Log10P: s.Decoys.Log10P, Key: float64(s.Log10P)}
}

// shown returns how many accounts a page lists: those that are named or for triage, and a few
// more that show where these end. It is at most 200.
func (f *AuditFamily) shown() int {
	n := 0
	for i, a := range f.Accounts {
		if a.Named || a.Triage {
			n = i + 1
		}
	}
	return min(n+5, len(f.Accounts), 200)
}

// group returns a count in groups of three digits.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Seal sets the digest and the version. Call it when the canonical part is complete.
func (a *Audit) Seal() error {
	text, err := canonical.Encode(a.Canonical)
	if err != nil {
		return err
	}
	a.Version, a.Digest = 1, canonical.Digest(text)
	return nil
}

// WriteJSON writes the report as one JSON object, on one line.
func (a *Audit) WriteJSON(w io.Writer) error {
	text, err := canonical.Encode(a)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// WriteHTML writes the report as a page. Its main element holds the canonical part, and nothing
// else.
func (a *Audit) WriteHTML(w io.Writer) error {
	if err := auditTemplate.Execute(w, a); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// Box returns the first thing that the page shows.
func (c *AuditCanonical) Box() *Box {
	b := &Box{Verdict: c.Verdict, Says: c.Claim}
	if c.Outputs.Tested != c.Outputs.In {
		b.Exhibit = append(b.Exhibit, strings.Trim(c.Partial(), " ()"))
	}
	if c.Level != "" {
		b.Exhibit = append(b.Exhibit, "claim level "+c.Level+": dependence")
	}
	if !c.Complete {
		b.Exhibit = append(b.Exhibit, "The collection is not complete.")
	}
	tests := "1 test"
	if c.Tests != 1 {
		tests = group(c.Tests) + " tests"
	}
	b.Fixed = fmt.Sprintf("p-value, adjusted for %s: %s (log10 p = %s).", tests, formatP(float64(c.Log10PAdjusted)), Decimal("%.3f", float64(c.Log10PAdjusted)))
	if c.Verdict == detect.Detected {
		units := int64(0)
		for _, s := range c.Statistics {
			units = max(units, s.Scored)
		}
		b.Odds = Odds(float64(c.Log10PAdjusted), floorOfAudit(units))
		b.Means = "the outputs depend on the key. The possible explanations are below, and the test does not choose between them."
		b.Not = "who trained the model, on what, or with which intent."
	}
	if rate := float64(c.Effect.GreenRate); finite(rate) && len(c.Statistics) > 0 && c.Statistics[0].Scored > 0 {
		b.Bar = &Bar{Rate: rate, Chance: float64(c.Effect.Gamma), Scored: c.Statistics[0].Scored}
	}
	return b
}

// Partial says that responses were skipped: " (4 of 7 responses were tested)". It is empty if none
// was.
func (c *AuditCanonical) Partial() string {
	if c.Outputs.Tested == c.Outputs.In {
		return ""
	}
	return fmt.Sprintf(" (%d of %d responses were tested)", c.Outputs.Tested, c.Outputs.In)
}

// Pretty returns the plan with line breaks, for the page.
func (c *AuditCanonical) Pretty() string {
	var b bytes.Buffer
	if json.Indent(&b, c.Declared, "", " ") != nil {
		return string(c.Declared)
	}
	return b.String()
}

// Drawn returns the statistics whose decoys a page draws.
func (c *AuditCanonical) Drawn() []AuditStatistic {
	return slices.DeleteFunc(slices.Clone(c.Statistics), func(s AuditStatistic) bool { return s.Decoys == nil || len(s.Decoys.Log10P) == 0 })
}
