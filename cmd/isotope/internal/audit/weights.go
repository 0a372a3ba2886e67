package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/reading"
)

// readings say which test a file of readings is for.
var readings = map[reading.Kind][2]string{
	reading.Choices:    {"reading mode", "the model's choice after each window, once in a text and each pair once over all"},
	reading.Mass:       {"mass", "the probability that the model puts on green"},
	reading.Difference: {"difference", "what the model says more often than its base, on green"},
}

// ReadingStatistic returns the statistic that a file of readings declares, and its header.
func ReadingStatistic(path string) (string, *reading.Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	r, err := reading.NewReader(f)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	h := r.Header()
	name := readings[h.Kind][0]
	if h.Marked {
		name += " over marked texts"
	}
	return name, &h, nil
}

// Reading tests what a file of readings says of a model whose weights one holds, and
// reports it. The config's outputs, reference and accounts have no part in it. The
// report's Observed part is left to the caller.
func TestWeights(c Config, path string) (*report.Audit, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	n := &counter{r: io.TeeReader(f, sum)}
	r, err := reading.NewReader(n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &c.Declared.Plan
	options := &detect.ReadingOptions{Exempt: c.Exempt, Alpha: p.Alpha, Tests: p.Tests}
	h := r.Header()
	var test readingTest
	switch {
	case h.Marked:
		test = &markedTest{detect.NewMarkedReading(c.Scorer, c.Decoys, options)}
	case h.Kind == reading.Choices:
		test = &choiceTest{detect.NewChoiceReading(c.Scorer, c.Decoys, options)}
	case h.Kind == reading.Mass:
		test = &rowTest{detect.NewMass(c.Scorer, c.Decoys, options)}
	default:
		test = &rowTest{detect.NewDifference(c.Scorer, c.Decoys, options)}
	}
	// The null hypothesis is about model and texts: those that are not said to be marked are
	// tested for the mark, as prompts are.
	own := detect.New(c.Scorer, &detect.Options{Exempt: c.Exempt})
	texts, tokens := int64(0), int64(0)
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = test.add(t)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !h.Marked {
			own.Add(t.Tokens)
		}
		texts++
		tokens += int64(len(t.Tokens))
	}
	if _, err := io.Copy(io.Discard, n); err != nil { // the hash is of the whole file
		return nil, err
	}
	out := test.result()
	if own.Result().Log10P <= log10MarkedTexts {
		out.refuse()
	}
	d := c.Declared
	out.statistic.Decoys = decoysOf(&out.decoys, p.RunKey)
	canonical := report.AuditCanonical{
		Question: p.Question, Declared: d.JSON(), Plan: d.Digest(), Terms: d.terms(),
		Verdict: out.verdict, Log10P: out.statistic.Log10P, Log10PAdjusted: out.statistic.Log10PAdjusted, Tests: p.Tests,
		Complete: true, Ending: endings[collect.Asked], Refused: out.refused,
		Explanations: []string{}, NotShown: slices.Clone(readingNotShown), Limits: limits, Power: []string{"an effect of unknown size: how large it must be was not measured, so that silence is inconclusive"},
		Statistics: []report.AuditStatistic{out.statistic},
		Outputs:    report.AuditCounts{In: texts, Tested: texts, Skipped: []report.AuditCount{}, Texts: texts, Tokens: tokens},
		Positions:  out.positions, Warnings: out.warnings,
		Sources: []report.Fact{
			{Name: filepath.Base(path), Value: fmt.Sprintf("%d bytes, sha256:%s", n.n, hex.EncodeToString(sum.Sum(nil)))},
			{Name: "model", Value: h.Model},
		},
	}
	if h.Base != "" {
		canonical.Sources = append(canonical.Sources, report.Fact{Name: "base model", Value: h.Base})
	}
	gamma, s := greenLaw(c.Scorer), &out.statistic
	canonical.Effect = report.AuditEffect{Gamma: report.Number(gamma), GreenRate: report.Number(math.NaN()), Excess: report.Number(math.NaN()), Z: s.Z}
	if s.Scored > 0 {
		rate := float64(s.Green) / float64(s.Scored)
		canonical.Effect.GreenRate, canonical.Effect.Excess = report.Number(rate), report.Number(rate-gamma)
	}
	canonical.Claim = "The model shows no dependence on the key. Silence is no exoneration."
	switch {
	case out.refused:
		canonical.Claim = "Nothing may be concluded: the texts that were read carry the mark, and the file does not say so."
	case slices.Contains(out.warnings, detect.ErrDecoys.Error()):
		canonical.Verdict, canonical.Claim = detect.Inconclusive, "Nothing may be concluded: the controls of this test failed."
	case out.verdict == detect.Detected:
		canonical.Level, canonical.Claim = "A", "The model depends on the key: marked text was used, directly or through others, in making it."
		canonical.Explanations = append(canonical.Explanations, "training on answers of the marked model", "training on text that customers published", "training on another model that was trained on marked text")
	}
	a := &report.Audit{Canonical: canonical}
	return a, a.Seal()
}

// readingNotShown is what does not follow from a test of weights.
var readingNotShown = []string{
	"who trained the model, and whether anybody meant to use marked text",
	"that the file of readings came from the model it names",
	"since when the key was fixed and secret (level B): that takes a commitment that is older than the model",
}

// A readingTest is one of detect's tests of open weights.
type readingTest interface {
	add(*reading.Text) error
	result() *readingOutcome
}

type readingOutcome struct {
	verdict   detect.Verdict
	statistic report.AuditStatistic
	decoys    detect.DecoyPanel
	positions []report.AuditCount
	warnings  []string
	refused   bool
}

// log10MarkedTexts is the p-value at which texts count as marked, that of prompts.
const log10MarkedTexts = -3

// refuse takes back what was tested. That makes rejections rarer under the null.
func (o *readingOutcome) refuse() {
	o.refused, o.verdict = true, detect.Inconclusive
	o.statistic.Log10P, o.statistic.Log10PAdjusted = 0, 0
	o.warnings = append(o.warnings, "the texts that were read carry the mark: read human or unmarked text, or, in the order of the log, say that they are marked")
}

func (o *readingOutcome) warn(errs []error) {
	o.warnings = []string{}
	for _, err := range errs {
		o.warnings = append(o.warnings, err.Error())
	}
}

type choiceTest struct{ *detect.ChoiceReading }

func (t *choiceTest) add(x *reading.Text) error { return t.Add(x.Tokens, x.Choices) }

func (t *choiceTest) result() *readingOutcome {
	r := t.Result()
	name := readings[reading.Choices]
	o := &readingOutcome{verdict: r.Verdict, statistic: statisticOf(name[0], name[1], &r.Result), decoys: r.Decoys, positions: []report.AuditCount{
		{Name: "scored", Count: r.Scored}, {Name: "skipped: window came before in the text", Count: r.Repeated},
		{Name: "skipped: model not asked", Count: r.Unread}, {Name: "skipped: repeated, excluded, or without a window", Count: r.Skipped.Total()},
	}}
	o.warn(r.Warnings)
	return o
}

type markedTest struct{ *detect.MarkedReading }

func (t *markedTest) add(x *reading.Text) error { return t.Add(x.Tokens, x.Choices) }

func (t *markedTest) result() *readingOutcome {
	r := t.Result()
	name := readings[reading.Choices]
	o := &readingOutcome{verdict: r.Verdict, decoys: r.Decoys, statistic: report.AuditStatistic{
		Name: name[0] + " over marked texts", Means: "an e-process over the model's choices, each window once over all texts, in the order of the log",
		Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(math.NaN()),
		Scored: r.Scored, Green: r.Green, Tests: r.Tests,
	}, positions: []report.AuditCount{
		{Name: "scored", Count: r.Scored}, {Name: "skipped: model not asked", Count: r.Unread},
		{Name: "skipped: repeated, excluded, or without a window", Count: r.Skipped.Total()},
	}}
	o.warn(r.Warnings)
	return o
}

// A rowTest is of the mass, or of the difference.
type rowTest struct{ *detect.Difference }

func (t *rowTest) add(x *reading.Text) error { return t.Add(x.Tokens, x.Model, x.Base) }

func (t *rowTest) result() *readingOutcome {
	r := t.Result()
	o := &readingOutcome{verdict: r.Verdict, decoys: r.Decoys, statistic: report.AuditStatistic{
		Name: "next-token rows", Means: "the model's probabilities on green, less its base's where there is one, each window once in a text",
		Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(r.Z),
		Scored: r.Scored, Green: r.Green, Tests: r.Tests,
	}, positions: []report.AuditCount{
		{Name: "distinct windows tested", Count: r.Windows}, {Name: "distinct windows excluded", Count: r.Excluded},
		{Name: "skipped: window came before in the text", Count: r.Repeated}, {Name: "skipped: model not asked", Count: r.Unread},
		{Name: "skipped: at the beginning of a text", Count: r.ShortContext}, {Name: "skipped: outside the vocabulary", Count: r.Vocab},
	}}
	o.warn(r.Warnings)
	return o
}
