package audit

import (
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A LiveStrength is how strongly both marks show in text of the marked model itself. It was measured
// before the plan was declared.
type LiveStrength struct {
	Files      []report.Fact `json:"files"`
	Trace      float64       `json:"trace_excess"`         // green rate above gamma
	Provenance float64       `json:"provenance_excess_sd"` // mean score above the null, in standard deviations of a score
}

// A Live measures how strongly both marks show in outputs that the marked model itself wrote. It is
// not safe for concurrent use.
type Live struct {
	tokenizer         tokenize.Tokenizer
	trace, provenance *detect.Accumulator
	law               detect.Scorer // of the trace
}

// NewLive returns a Live without outputs. t is nil if outputs are token ids.
func NewLive(trace detect.Scorer, exempt []watermark.Token, provenance *Band, t tokenize.Tokenizer) *Live {
	return &Live{
		tokenizer:  t,
		trace:      detect.NewAccumulator(trace, &detect.Options{Exempt: exempt}),
		provenance: detect.NewAccumulator(provenance.Scorer, &detect.Options{Dedup: provenance.Dedup, Exempt: provenance.Exempt}),
		law:        trace,
	}
}

// AddDocument adds a row of a file, as [Audit.AddDocument] does.
func (l *Live) AddDocument(d *corpus.Document) (refused string) {
	prompt, texts, refused := DocumentTokens(l.tokenizer, d)
	if refused != "" {
		return refused
	}
	for _, a := range []*detect.Accumulator{l.trace, l.provenance} {
		a.Exclude(prompt)
		for _, text := range texts {
			a.Add(text)
		}
	}
	return ""
}

// Strength returns the strengths, for a plan that names the files. It returns an error if a mark is
// not detected, since there is then nothing to compare with.
func (l *Live) Strength(files []report.Fact) (*LiveStrength, error) {
	r := l.trace.Result()
	p := l.provenance.Result()
	if err := errors.Join(checkShows("the mark", &r), checkShows("the provenance band", &p)); err != nil {
		return nil, err
	}
	return &LiveStrength{
		Files: files, Trace: float64(r.Green)/float64(r.Scored) - greenLaw(l.law), Provenance: excess(&p),
	}, nil
}

// checkShows returns an error unless a mark was detected.
func checkShows(name string, r *detect.Result) error {
	if r.Verdict != detect.Detected {
		return fmt.Errorf("the outputs of the marked model itself do not show %s (log10 p %.3f, %d scored); give outputs of this model, or the right key and profile", name, r.Log10P, r.Scored)
	}
	return nil
}
