package audit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A Provenance declares the test of the provenance band: a keyed draw in the same texts as the
// mark, which training is not known to carry over.
type Provenance struct {
	Key     string        `json:"key"` // id
	Mark    string        `json:"mark"`
	Profile string        `json:"profile"`
	Live    *LiveStrength `json:"live,omitempty"`
}

// A Band is a second mark that is tested on the same outputs.
type Band struct {
	Scorer detect.Scorer
	Dedup  detect.Dedup
	Exempt []watermark.Token
	// Bind returns the scorer of a decoy's key, bound as the real key is.
	Bind func(watermark.Key) (detect.Scorer, error)
}

// unit names what is scored once.
func (b *Band) unit() string {
	if b.Dedup == detect.DedupContext {
		return "each context"
	}
	return "each pair of a context and a token"
}

// A bandTest tests a Band under the real key, which comes first, and under decoys.
type bandTest struct{ panel *detect.Panel }

func newBandTest(c *Config) (*bandTest, error) {
	b := c.Provenance
	scorers := []detect.Scorer{b.Scorer}
	for i := range c.Decoys.Len() {
		s, err := b.Bind(c.Decoys.Key(i))
		if err != nil {
			return nil, err
		}
		scorers = append(scorers, s)
	}
	return &bandTest{detect.NewPanel(scorers, &detect.Options{Dedup: b.Dedup, Exempt: b.Exempt})}, nil
}

// add adds one text, and excludes the contexts of its prompt. Prompts that are declared to be
// unmarked are excluded as well: few long contexts occur in them.
func (b *bandTest) add(prompt, text []watermark.Token) {
	b.panel.Exclude(prompt)
	b.panel.Add(text)
}

// A bandFinding is the result of a bandTest.
type bandFinding struct {
	result   detect.Result // of the real key; Log10PAdjusted and Tests are those of the plan
	decoys   student.DecoyPanel
	detected bool
}

// test returns the result, as one of so many tests.
func (b *bandTest) test(run [16]byte, alpha float64, tests int64) *bandFinding {
	results := b.panel.Results()
	f := &bandFinding{result: results[0], decoys: student.DecoyPanel{RunKey: run, Real: results[0].Log10P, Rank: 1}}
	f.result.Tests = tests
	f.result.Log10PAdjusted = tail.Bonferroni(f.result.Log10P, tests)
	f.detected = f.result.Log10PAdjusted <= tail.Log10(alpha)
	for _, r := range results[1:] {
		f.decoys.Log10P = append(f.decoys.Log10P, r.Log10P)
		if r.Log10P <= f.result.Log10P {
			f.decoys.Rank++
		}
	}
	slices.Sort(f.decoys.Log10P)
	return f
}

// strength returns the finding as student.Conclude takes it.
func (f *bandFinding) strength(p *Provenance) *student.BandStrength {
	s := &student.BandStrength{Detected: f.detected, Excess: excess(&f.result)}
	if p.Live != nil {
		s.Live = p.Live.Provenance
	}
	return s
}

// effect returns how strong the band is, or nil if it was not tested.
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

// excess returns how far the mean score is above that of the null, in standard deviations of a
// score. It is 0 if nothing was scored.
func excess(r *detect.Result) float64 {
	if r.Scored == 0 {
		return 0
	}
	return r.Z / math.Sqrt(float64(r.Scored))
}

var errSameMark = errors.New("the provenance band is the mark itself; give another key or profile")

// longContext is the context width from which on no mark is known to survive training. What the
// report says of a detected provenance band depends on it.
const longContext = 4

// Check returns an error unless the band can be tested besides the mark.
func (b *Band) Check(mark detect.Scorer) error {
	switch {
	case b.Scorer.ID() == mark.ID():
		return errSameMark
	case b.Scorer.Width() < longContext:
		return fmt.Errorf("the provenance band has a context width of %d, and training can carry over a mark of less than %d; give another profile", b.Scorer.Width(), longContext)
	case b.Scorer.Vocab() != mark.Vocab():
		return fmt.Errorf("the provenance band has a vocabulary of %d ids, and the mark has %d", b.Scorer.Vocab(), mark.Vocab())
	}
	return nil
}
