package audit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A Provenance declares the test of the provenance band: a keyed draw that stands in the
// same texts as the mark and that training is not known to carry over.
type Provenance struct {
	Key     string `json:"key"` // its id
	Mark    string `json:"mark"`
	Profile string `json:"profile"`
	Live    *Live  `json:"live,omitempty"`
}

// A Band is a second mark that is tested over the same outputs.
type Band struct {
	Scorer detect.Scorer
	Dedup  detect.Dedup
	Exempt []watermark.Token
	// Bind binds the decoys' keys as the real one is bound.
	Bind func(watermark.Key) (detect.Scorer, error)
}

// unit is what is scored once.
func (b *Band) unit() string {
	if b.Dedup == detect.DedupContext {
		return "each context"
	}
	return "each pair of a context and a token"
}

// A band is the test of a Band: the real key first, and its decoys.
type band struct{ panel *detect.Panel }

func newBand(c *Config) (*band, error) {
	run, err := c.Declared.Plan.RunKeyBytes()
	if err != nil {
		return nil, err
	}
	b := c.Provenance
	scorers := []detect.Scorer{b.Scorer}
	for i := range c.Declared.Plan.Decoys {
		s, err := b.Bind(detect.DecoyKey(run, i))
		if err != nil {
			return nil, err
		}
		scorers = append(scorers, s)
	}
	return &band{detect.NewPanel(scorers, &detect.Options{Dedup: b.Dedup, Exempt: b.Exempt})}, nil
}

// add counts one text after a prompt, whose contexts are out of the test. That the prompts
// are declared to be unmarked changes nothing here: of long contexts few occur in them.
func (b *band) add(prompt, text []watermark.Token) {
	b.panel.Exclude(prompt)
	b.panel.Add(text)
}

// A bandFinding is what the test of a band says.
type bandFinding struct {
	result   detect.Result // of the real key alone; Log10PAdjusted and Tests count as the plan does
	decoys   detect.DecoyPanel
	detected bool
}

// test tests the band as one of so many tests.
func (b *band) test(run [16]byte, alpha float64, tests int64) *bandFinding {
	results := b.panel.Results()
	f := &bandFinding{result: results[0], decoys: detect.DecoyPanel{RunKey: run, Real: results[0].Log10P, Rank: 1}}
	f.result.Tests = tests
	f.result.Log10PAdjusted = tail.Bonferroni(f.result.Log10P, tests)
	f.detected = f.result.Log10PAdjusted <= math.Log10(alpha)
	for _, r := range results[1:] {
		f.decoys.Log10P = append(f.decoys.Log10P, r.Log10P)
		if r.Log10P <= f.result.Log10P {
			f.decoys.Rank++
		}
	}
	slices.Sort(f.decoys.Log10P)
	return f
}

// strength is what detect.Conclude is told.
func (f *bandFinding) strength(p *Provenance) *detect.BandStrength {
	s := &detect.BandStrength{Detected: f.detected, Excess: excess(&f.result)}
	if p.Live != nil {
		s.Live = p.Live.Provenance
	}
	return s
}

// effect is how strong the band is; nil where it was not tested.
func (f *bandFinding) effect(p *Provenance) *report.AuditBand {
	if f == nil {
		return nil
	}
	b := &report.AuditBand{Excess: report.Number(excess(&f.result))}
	if p.Live != nil {
		b.Live, b.LiveTrace = report.Number(p.Live.Provenance), report.Number(p.Live.Trace)
	}
	return b
}

// excess is the mean score above that of the null, in standard deviations of a score, and 0
// where nothing was scored.
func excess(r *detect.Result) float64 {
	if r.Scored == 0 {
		return 0
	}
	return r.Z / math.Sqrt(float64(r.Scored))
}

var errSameMark = errors.New("the provenance band is the mark itself")

// longContext is the width from which no mark is known to survive training. What is said of a
// provenance band that shows rests on that.
const longContext = 4

// Check says whether the band can stand beside the mark.
func (b *Band) Check(mark detect.Scorer) error {
	switch {
	case b.Scorer.ID() == mark.ID():
		return errSameMark
	case b.Scorer.Width() < longContext:
		return fmt.Errorf("the provenance band has a width of %d, and training can carry over one of less than %d", b.Scorer.Width(), longContext)
	case b.Scorer.Vocab() != mark.Vocab():
		return fmt.Errorf("the provenance band has a vocabulary of %d ids, and the mark one of %d", b.Scorer.Vocab(), mark.Vocab())
	}
	return nil
}
