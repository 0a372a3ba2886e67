package audit

import (
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
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

// MeasureLive measures how strongly both marks show in files of outputs that the marked model
// itself wrote. It reads files as [Audit.AddFile] does. It returns an error if a mark is not
// detected, since there is then nothing to compare with.
func MeasureLive(trace detect.Scorer, exempt []watermark.Token, provenance *Band, t tokenize.Tokenizer, files []string) (*LiveStrength, error) {
	l := &liveOutputs{
		trace:      detect.NewAccumulator(trace, &detect.Options{Exempt: exempt}),
		provenance: detect.NewAccumulator(provenance.Scorer, &detect.Options{Dedup: provenance.Dedup, Exempt: provenance.Exempt}),
	}
	m := new(LiveStrength)
	for _, path := range files {
		fact, err := outputReader{t, l}.file(path)
		if err != nil {
			return nil, err
		}
		m.Files = append(m.Files, fact)
	}
	r := l.trace.Result()
	p := l.provenance.Result()
	if err := errors.Join(checkShows("the mark", &r), checkShows("the provenance band", &p)); err != nil {
		return nil, err
	}
	m.Trace = float64(r.Green)/float64(r.Scored) - greenLaw(trace)
	m.Provenance = excess(&p)
	return m, nil
}

// checkShows returns an error unless a mark was detected.
func checkShows(name string, r *detect.Result) error {
	if r.Verdict != detect.Detected {
		return fmt.Errorf("the outputs of the marked model itself do not show %s (log10 p %.3f, %d scored); give outputs of this model, or the right key and profile", name, r.Log10P, r.Scored)
	}
	return nil
}

// liveOutputs accumulates outputs of the marked model itself, for both marks.
type liveOutputs struct{ trace, provenance *detect.Accumulator }

func (l *liveOutputs) Add(prompt []watermark.Token, texts ...[]watermark.Token) {
	for _, a := range []*detect.Accumulator{l.trace, l.provenance} {
		a.Exclude(prompt)
		for _, text := range texts {
			a.Add(text)
		}
	}
}

func (*liveOutputs) Skip(string) {}
