package scan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// A Mark is one of the marks that a document may have.
type Mark struct {
	Label     string // of the key in its keyring; may be empty
	KeyID     string
	Profile   string // id of the profile
	Scheme    string
	Bound     interop.Bound
	Tokenizer tokenize.Tokenizer // nil: the profile has none, and only token ids can be tested
	Vocab     int
	Dedup     detect.Dedup // what is scored once in a document
	Exempt    []token      // sorted
	Rate      float64      // by how much the mark raises the mean score of marked text; 0 is unknown
}

// id names everything that the scores of the mark depend on.
func (m *Mark) id() string {
	return fmt.Sprintf("%s\n%s\n%d %d %v", m.Bound.Scorer.ID(), tokenizerID(m.Tokenizer), m.Vocab, m.Dedup, m.Exempt)
}

// tokenizerID names a tokenizer and its version.
func tokenizerID(t tokenize.Tokenizer) string {
	if t == nil {
		return "ids"
	}
	return t.Name() + " " + t.Digest()
}

// Options says how a scan tests. Each field belongs to the result.
type Options struct {
	Alpha    float64 // largest adjusted p-value that is called detected, in (0,1)
	FDR      float64 // false discovery rate of the list of documents, in (0,1)
	MinShare float64 // as in detect.Options
	Spans    bool    // also test the parts of each document, which is one more test for each mark
	Sample   int     // largest weight of the sample of pairs, at least 1
	RunKey   [16]byte
	Reader   string // the options of the reader of files, in words, so that two scans can be told apart
}

// A group is marks that share the pairs of a text.
type group struct {
	reader  int // number of the tokenizer
	engine  interop.Scorer
	bound   interop.Bound
	marks   []int
	scorers []detect.Scorer
	options detect.Options
	vocab   int
	exempt  []token
	widths  []int // of the samples
	samples int   // number of the first one
}

// A design is the marks of a scan, arranged for testing.
type design struct {
	Options
	marks   []Mark
	readers []tokenize.Tokenizer // distinct; nil for ids alone
	groups  []group
	samples []sampleOf
	tests   int64 // of one document
}

// A sampleOf says whose pairs a sample holds.
type sampleOf struct {
	group, width int
}

func newDesign(marks []Mark, o Options) (*design, error) {
	d := &design{Options: o, marks: marks}
	switch {
	case len(marks) == 0:
		return nil, errors.New("scan: there is no mark to test for")
	case !(o.Alpha > 0 && o.Alpha < 1) || !(o.FDR > 0 && o.FDR < 1):
		return nil, errors.New("scan: Alpha or FDR is outside (0,1)")
	case o.Sample < 1 || o.Sample > 1<<28:
		return nil, errors.New("scan: Sample is outside [1, 2^28]")
	}
	d.tests = int64(len(marks))
	if o.Spans {
		d.tests *= 2
	}
	seen := map[string]bool{}
	at := map[string]int{}
	readers := map[string]int{}
	for i := range marks {
		m := &marks[i]
		if seen[m.id()] {
			return nil, fmt.Errorf("scan: two marks are one test: %s", m.KeyID)
		}
		seen[m.id()] = true
		name := tokenizerID(m.Tokenizer)
		r, ok := readers[name]
		if !ok {
			r = len(d.readers)
			readers[name] = r
			d.readers = append(d.readers, m.Tokenizer)
		}
		key := fmt.Sprintf("%d %d %d %v", r, m.Vocab, m.Dedup, m.Exempt)
		if m.Bound.Engine != nil {
			key = m.id() // a detector of an engine frames a text in its own way
		}
		g, ok := at[key]
		if !ok {
			g = len(d.groups)
			at[key] = g
			d.groups = append(d.groups, group{
				reader: r, engine: m.Bound.Engine, bound: m.Bound, vocab: m.Vocab, exempt: m.Exempt,
				options: detect.Options{Dedup: m.Dedup, Exempt: m.Exempt, Alpha: o.Alpha, MinShare: o.MinShare},
			})
		}
		x := &d.groups[g]
		x.marks = append(x.marks, i)
		x.scorers = append(x.scorers, m.Bound.Scorer)
		if w := m.Bound.Scorer.Width(); !slices.Contains(x.widths, w) {
			x.widths = append(x.widths, w)
		}
	}
	for g := range d.groups {
		x := &d.groups[g]
		slices.Sort(x.widths)
		x.samples = len(d.samples)
		for _, w := range x.widths {
			d.samples = append(d.samples, sampleOf{g, w})
		}
	}
	return d, nil
}

// floor returns log10 of the smallest p-value that a test of mark i may claim.
func (d *design) floor(i int) float64 {
	if l := d.marks[i].Bound.Limits(); l.Floor > math.Inf(-1) {
		return l.Floor
	}
	return math.Inf(-1)
}

// newSamples returns an empty sample for each width of each group.
func (d *design) newSamples() []*sample {
	list := make([]*sample, len(d.samples))
	for i, s := range d.samples {
		list[i] = newSample(s.width, d.Sample, d.RunKey)
	}
	return list
}

// appendSamples appends the state of the pile.
func (d *design) appendSamples(dst []byte, list []*sample) []byte {
	for _, s := range list {
		dst = s.appendBinary(dst)
	}
	return dst
}

// decodeSamples reads what appendSamples wrote.
func (d *design) decodeSamples(data []byte) ([]*sample, error) {
	list := make([]*sample, len(d.samples))
	for i, s := range d.samples {
		var err error
		if list[i], data, err = decodeSample(data, s.width, d.Sample, d.groups[s.group].vocab, d.RunKey); err != nil {
			return nil, err
		}
	}
	if len(data) > 0 {
		return nil, errState
	}
	return list, nil
}

// planBody is the first record of a journal. Journals with equal plans go together.
type planBody struct {
	Version int      `json:"version"`
	Marks   []string `json:"marks"` // sha256 of what names each mark and its label
	Alpha   float64  `json:"alpha"`
	FDR     float64  `json:"fdr"`
	Share   float64  `json:"min_share"`
	Spans   bool     `json:"spans"`
	Sample  int      `json:"sample"`
	RunKey  string   `json:"run_key"`
	Reader  string   `json:"reader"`
}

// journalVersion is the version of the format of journals.
const journalVersion = 1

func (d *design) plan() planBody {
	p := planBody{
		Version: journalVersion, Alpha: d.Alpha, FDR: d.FDR, Share: d.MinShare, Spans: d.Spans, Sample: d.Sample,
		RunKey: fmt.Sprintf("%x", d.RunKey), Reader: d.Reader, Marks: []string{},
	}
	for i := range d.marks {
		m := &d.marks[i]
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %v", m.id(), m.Label, m.Profile, m.Rate))
		p.Marks = append(p.Marks, fmt.Sprintf("%x", sum))
	}
	return p
}

// check says how two plans differ, or returns nil.
func (p *planBody) check(other *planBody) error {
	differ := func(what string) error { return fmt.Errorf("%w: its %s differ from those of this call", ErrPlan, what) }
	switch {
	case p.Version != other.Version:
		return fmt.Errorf("the journal has version %d, and this program reads version %d", p.Version, other.Version)
	case !slices.Equal(p.Marks, other.Marks):
		return differ("marks: keys, profiles, labels or rates")
	case p.Sample != other.Sample:
		return differ("sizes of the sample")
	case p.RunKey != other.RunKey:
		return differ("run keys")
	case p.Reader != other.Reader:
		return differ("options for reading files")
	case p.Spans != other.Spans:
		return differ("tests of parts (--spans)")
	case *p.levels() != *other.levels():
		return differ("levels (--alpha, --fdr or --min-share)")
	}
	return nil
}

type levels struct{ alpha, fdr, share float64 }

func (p *planBody) levels() *levels { return &levels{p.Alpha, p.FDR, p.Share} }
