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

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/reading"
)

// readingStatistics are the name and the meaning of the statistic of each kind of reading file.
// The names are declared, so they never change.
var readingStatistics = map[reading.Kind][2]string{
	reading.Choices:    {"reading mode", "the model's choice after each window, once in a text and each pair once over all"},
	reading.Mass:       {"mass", "the probability that the model gives to green tokens"},
	reading.Difference: {"difference", "how much more probable green tokens are than under the base model"},
}

// ReadingStatistic returns the statistic that a reading file declares, and the file's header.
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
	if h.Kind == reading.Reference {
		return "", nil, fmt.Errorf("%s has rows of a reference model, which --reference takes; --reading tests rows of a suspect", path)
	}
	name := readingStatistics[h.Kind][0]
	if h.Marked {
		name += " over marked texts"
	}
	return name, &h, nil
}

// TestWeights tests a reading file, which holds what a model with open weights would write next,
// and reports the result. It does not use the outputs, the reference and the accounts of the
// config. The caller fills in the report's Observed part.
func TestWeights(c Config, path string) (*report.Audit, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	bytes := &counter{r: io.TeeReader(f, sum)}
	w := weightsTest{config: c, own: detect.NewAccumulator(c.Scorer, &detect.Options{Exempt: c.Exempt})}
	if err := w.read(bytes); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, bytes); err != nil { // the hash covers the whole file
		return nil, err
	}
	out := w.test.result()
	if w.own.Result().Log10P <= log10MarkedTexts {
		out.refuse()
	}
	outcome := w.canonical(out)
	outcome.Sources = []report.Fact{
		{Name: filepath.Base(path), Value: fmt.Sprintf("%d bytes, sha256:%s", bytes.n, hex.EncodeToString(sum.Sum(nil)))},
		{Name: "model", Value: w.header.Model},
	}
	if w.header.Base != "" {
		outcome.Sources = append(outcome.Sources, report.Fact{Name: "base model", Value: w.header.Base})
	}
	a := &report.Audit{Canonical: outcome}
	return a, a.Seal()
}

// A weightsTest tests one reading file.
type weightsTest struct {
	config        Config
	header        reading.Header
	test          readingTest
	texts, tokens int64
	// own tests the texts themselves for the mark, as prompts are: the null hypothesis is about
	// model and texts. Texts that the file declares to be marked are not tested.
	own *detect.Accumulator
}

// read adds all texts of a file.
func (w *weightsTest) read(file io.Reader) error {
	r, err := reading.NewReader(file)
	if err != nil {
		return err
	}
	w.header = r.Header()
	if w.test, err = newReadingTest(&w.config, w.header); err != nil {
		return err
	}
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = w.test.add(t)
		}
		if err != nil {
			return err
		}
		if !w.header.Marked {
			w.own.Add(t.Tokens)
		}
		w.texts++
		w.tokens += int64(len(t.Tokens))
	}
}

// canonical returns the canonical part of the report, without its sources.
func (w *weightsTest) canonical(out *readingOutcome) report.AuditCanonical {
	d := w.config.Declared
	s := &out.statistic
	s.Decoys = decoysOf(&out.decoys, d.Plan.RunKey)
	c := report.AuditCanonical{
		Question: d.Plan.Question, Declared: d.JSON(), Plan: d.Digest(), Terms: d.terms(),
		Verdict: out.verdict, Log10P: s.Log10P, Log10PAdjusted: s.Log10PAdjusted, Tests: d.Plan.Tests,
		Complete: true, Ending: "all texts were read", Refused: out.refused,
		Explanations: []string{}, NotShown: slices.Clone(readingNotShown), Limits: limits,
		Power:      []string{"no effect of a known size: the size that it needs was not measured, so silence is inconclusive"},
		Statistics: []report.AuditStatistic{*s},
		Effect:     report.AuditEffect{Gamma: report.Number(greenLaw(w.config.Scorer)), GreenRate: report.Number(math.NaN()), Excess: report.Number(math.NaN()), Z: s.Z},
		Outputs:    report.AuditCounts{In: w.texts, Tested: w.texts, Skipped: []report.AuditCount{}, Texts: w.texts, Tokens: w.tokens},
		Positions:  out.positions, Warnings: out.warnings,
	}
	if s.Scored > 0 {
		rate := report.Number(float64(s.Green) / float64(s.Scored))
		c.Effect.GreenRate, c.Effect.Excess = rate, rate-c.Effect.Gamma
	}
	c.Claim = "The model shows no dependence on the key. This does not exonerate it."
	switch {
	case out.refused:
		c.Claim = "Nothing may be concluded: the texts in the file carry the mark, and the file does not say so."
	case slices.Contains(out.warnings, student.ErrDecoys.Error()):
		c.Verdict, c.Claim = detect.Inconclusive, "Nothing may be concluded: the decoys of this test do not look like chance."
	case out.verdict == detect.Detected:
		c.Level, c.Claim = "A", "The model depends on the key. Marked text was used, directly or through others, in making it, if the key was secret."
		c.Explanations = append(c.Explanations, "training on answers of the marked model", "training on text that customers published",
			"training on another model that was trained on marked text", "a leaked key, or lists that somebody learned from enough marked text")
	}
	return c
}

// readingNotShown lists what does not follow from a test of weights.
var readingNotShown = []string{
	"who trained the model, and whether anybody meant to use marked text",
	"that the reading file came from the model that it names",
	"that the key was secret: whoever has it, or has learned its lists, can train a model on text of their own that is marked",
	"since when the key has been fixed and secret (claim level B): this takes a commitment that is older than the model",
}

// A readingTest is one of detect's tests of open weights.
type readingTest interface {
	add(*reading.Text) error
	result() *readingOutcome
}

// newReadingTest returns the test for a kind of reading file.
func newReadingTest(c *Config, h reading.Header) (readingTest, error) {
	p := &c.Declared.Plan
	options := &student.WeightsOptions{Exempt: c.Exempt, Alpha: p.Alpha, Tests: p.Tests}
	switch {
	case h.Marked:
		t, err := student.NewMarked(c.Scorer, c.Decoys, options)
		return &markedTest{t}, err
	case h.Kind == reading.Choices:
		t, err := student.NewChoices(c.Scorer, c.Decoys, options)
		return &choiceTest{t}, err
	case h.Kind == reading.Mass:
		t, err := student.NewMass(c.Scorer, c.Decoys, options)
		return &rowTest{t}, err
	}
	t, err := student.NewDifference(c.Scorer, c.Decoys, options)
	return &rowTest{t}, err
}

// A readingOutcome is the result of a readingTest.
type readingOutcome struct {
	verdict   detect.Verdict
	statistic report.AuditStatistic
	decoys    student.DecoyPanel
	positions []report.AuditCount
	warnings  []string
	refused   bool
}

// log10MarkedTexts is log10 of the p-value from which on texts count as marked, as for prompts.
const log10MarkedTexts = -3

// refuse takes the result back. This makes rejections rarer under the null hypothesis.
func (o *readingOutcome) refuse() {
	o.refused, o.verdict = true, detect.Inconclusive
	o.statistic.Log10P, o.statistic.Log10PAdjusted = 0, 0
	o.warnings = append(o.warnings, "the texts in the file carry the mark; use human or unmarked text, or declare them as marked, in the order of the log")
}

func (o *readingOutcome) warn(errs []error) {
	o.warnings = []string{}
	for _, err := range errs {
		o.warnings = append(o.warnings, err.Error())
	}
}

type choiceTest struct{ *student.Choices }

func (t *choiceTest) add(x *reading.Text) error { return t.Add(x.Tokens, x.Choices) }

func (t *choiceTest) result() *readingOutcome {
	r := t.Result()
	name := readingStatistics[reading.Choices]
	o := &readingOutcome{verdict: r.Verdict, statistic: statisticOf(name[0], name[1], &r.Result), decoys: r.Decoys, positions: []report.AuditCount{
		{Name: "scored", Count: r.Scored}, {Name: "skipped: window occurred before in the text", Count: r.Repeated},
		{Name: "skipped: model not asked", Count: r.Unread}, {Name: "skipped: repeated, excluded, or without a window", Count: r.Skipped.Total()},
	}}
	o.warn(r.Warnings)
	return o
}

type markedTest struct{ *student.Marked }

func (t *markedTest) add(x *reading.Text) error { return t.Add(x.Tokens, x.Choices) }

func (t *markedTest) result() *readingOutcome {
	r := t.Result()
	name := readingStatistics[reading.Choices]
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

// A rowTest tests the mass, or the difference.
type rowTest struct{ *student.Difference }

func (t *rowTest) add(x *reading.Text) error { return t.Add(x.Tokens, x.Model, x.Base) }

func (t *rowTest) result() *readingOutcome {
	r := t.Result()
	o := &readingOutcome{verdict: r.Verdict, decoys: r.Decoys, statistic: report.AuditStatistic{
		Name: "next-token rows", Means: "the probability of green tokens, minus that under the base model if there is one, each window once in a text",
		Log10P: report.Number(r.Log10P), Log10PAdjusted: report.Number(r.Log10PAdjusted), Z: report.Number(r.Z),
		Scored: r.Scored, Green: r.Green, Tests: r.Tests,
	}, positions: []report.AuditCount{
		{Name: "distinct windows tested", Count: r.Windows}, {Name: "distinct windows excluded", Count: r.Excluded},
		{Name: "skipped: window occurred before in the text", Count: r.Repeated}, {Name: "skipped: model not asked", Count: r.Unread},
		{Name: "skipped: at the beginning of a text", Count: r.ShortContext}, {Name: "skipped: outside the vocabulary", Count: r.Vocab},
	}}
	o.warn(r.Warnings)
	return o
}

// A counter counts bytes.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
