package audit

import (
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A Live is how strongly both marks show in text of the marked model itself, which was measured
// before the plan was declared.
type Live struct {
	Files      []report.Fact `json:"files"`
	Trace      float64       `json:"trace_excess"`         // green rate above gamma
	Provenance float64       `json:"provenance_excess_sd"` // mean score above that of the null, in standard deviations of a score
}

// MeasureLive measures how strongly both marks show in files of outputs, as [Audit.AddFile]
// reads them, that the marked model itself wrote. Where one of them does not show there is
// nothing to compare with, and that is an error.
func MeasureLive(trace detect.Scorer, exempt []watermark.Token, provenance *Band, t tokenize.Tokenizer, files []string) (*Live, error) {
	l := &live{
		trace:      detect.New(trace, &detect.Options{Exempt: exempt}),
		provenance: detect.New(provenance.Scorer, &detect.Options{Dedup: provenance.Dedup, Exempt: provenance.Exempt}),
	}
	m := new(Live)
	for _, path := range files {
		fact, err := outputs{t, l}.file(path)
		if err != nil {
			return nil, err
		}
		m.Files = append(m.Files, fact)
	}
	r := l.trace.Result()
	p := l.provenance.Result()
	if err := errors.Join(shows("the mark", &r), shows("the provenance band", &p)); err != nil {
		return nil, err
	}
	m.Trace = float64(r.Green)/float64(r.Scored) - greenLaw(trace)
	m.Provenance = excess(&p)
	return m, nil
}

func shows(name string, r *detect.Result) error {
	if r.Verdict != detect.Detected {
		return fmt.Errorf("the outputs of the marked model itself do not show %s (log10 p %.3f, %d scored): these are other outputs, or another key or profile", name, r.Log10P, r.Scored)
	}
	return nil
}

// A live is where outputs of the marked model go.
type live struct{ trace, provenance *detect.Accumulator }

func (l *live) Add(prompt []watermark.Token, texts ...[]watermark.Token) {
	for _, a := range []*detect.Accumulator{l.trace, l.provenance} {
		a.Exclude(prompt)
		for _, text := range texts {
			a.Add(text)
		}
	}
}

func (*live) Skip(string) {}
