// Package audit tests the outputs of a suspect model by a plan that was declared beforehand, and
// reports the result.
//
// An [Audit] takes outputs from files ([Audit.AddDocument]) or from a collection ([Audit.Look]), and
// [Audit.Report] makes the tests of the plan. [TestWeights] tests a model whose weights are at
// hand. Package collect collects outputs, package detect tests them, and package report writes
// the result.
package audit

import (
	"errors"
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A Config holds what the plan of a test needs. The caller ensures that both describe the same
// test.
type Config struct {
	Declared  *DeclaredPlan
	Scorer    detect.Scorer
	Decoys    *student.Decoys
	Reference detect.Reference   // nil: no residual, or one by Rows
	Rows      student.OutputRows // in place of Reference; nil: none
	Tokenizer tokenize.Tokenizer // nil: outputs are token ids
	Exempt    []watermark.Token
	Cohorts   []student.Account
	Tenants   []student.Account
	// Provenance must be set if and only if the plan declares it.
	Provenance *Band
	// Floor is log10 of the smallest p-value that is claimed, below 0. It is 0 without a floor.
	Floor    float64
	Warnings []error // about the mark, for the report
}

// floor returns log10 of the smallest p-value that is claimed, or -Inf.
func (c *Config) floor() float64 {
	if c.Floor == 0 {
		return math.Inf(-1)
	}
	return c.Floor
}

// An Audit accumulates outputs and tests them. It is not safe for concurrent use.
type Audit struct {
	config     Config
	student    *student.Test
	sequential *student.Sequential // nil if the stopping rule is Fixed
	provenance *bandTest           // nil if it is not declared

	in, tested, texts, tokens int64
	unprompted                int64 // outputs without a prompt
	skipped                   map[string]int64
	models                    map[string]int64 // answers by the name that the endpoint gives its model
	usage                     collect.Usage
	uncounted                 int64 // answers without a count of tokens
	answers                   answersHash
}

// New returns an Audit without outputs. It returns an error for a config that cannot be tested,
// such as one with too few decoys.
func New(c Config) (*Audit, error) {
	p := &c.Declared.Plan
	if want := student.MinDecoys; p.Decoys < want {
		return nil, fmt.Errorf("the plan has %d decoys, and a test needs at least %d", p.Decoys, want)
	}
	if (p.Provenance == nil) != (c.Provenance == nil) {
		return nil, errors.New("the plan and the call disagree about a provenance band; give the band that the plan declares")
	}
	// A sequential test adds a bundle, and so does a provenance band. Each bundle is one test
	// among so many.
	tests := p.Tests * p.bundles()
	share := p.Share
	if p.C1 == 0 {
		share = 0
	}
	a := &Audit{config: c, skipped: make(map[string]int64), models: make(map[string]int64), answers: newAnswersHash()}
	var err error
	a.student, err = student.New(c.Scorer, c.Decoys, &student.Options{
		Reference: c.Reference, OutputRows: c.Rows, PromptsUnmarked: p.PromptsUnmarked, Exempt: c.Exempt, Alpha: p.Alpha, Tests: tests, C1: p.C1, MinShare: share, C1Pairs: p.C1Pairs,
	})
	if err != nil {
		return nil, err
	}
	if err := a.student.CheckAccounts(c.Cohorts, c.Tenants); err != nil {
		return nil, err
	}
	if p.Stopping == Sequential {
		// The verdict is adjusted for the families of a trace, so the level at which this test
		// ends the collection is, too.
		a.sequential, err = student.NewSequential(c.Scorer, c.Decoys, &student.SequentialOptions{
			PromptsUnmarked: p.PromptsUnmarked, Exempt: c.Exempt, Alpha: min(p.Alpha, 0.5) / float64(c.families()), Tests: tests, C1: p.C1, MinShare: share, C1Pairs: p.C1Pairs,
		})
		if err != nil {
			return nil, err
		}
	}
	if c.Provenance != nil {
		if err := c.Provenance.Check(c.Scorer); err != nil {
			return nil, err
		}
		if a.provenance, err = newBandTest(&c); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// families returns the number of families of a trace: the master, cohorts and tenants.
func (c *Config) families() int64 {
	n := int64(1)
	for _, family := range [][]student.Account{c.Cohorts, c.Tenants} {
		if len(family) > 0 {
			n++
		}
	}
	return n
}

// bundles returns the number of separate tests: the fixed one, the sequential one, and that of
// the provenance band.
func (p *Plan) bundles() int64 {
	n := int64(1)
	if p.Stopping == Sequential {
		n++
	}
	if p.Provenance != nil {
		n++
	}
	return n
}

// Add adds one response: its texts, which all follow the same prompt.
func (a *Audit) Add(prompt []watermark.Token, texts ...[]watermark.Token) {
	a.in++
	a.tested++
	if len(prompt) == 0 {
		a.unprompted++
	}
	for _, text := range texts {
		a.texts++
		a.tokens += int64(len(text))
		a.student.Add(prompt, text)
		if a.sequential != nil {
			a.sequential.Add(prompt, text)
		}
		if a.provenance != nil {
			a.provenance.add(prompt, text)
		}
	}
}

// Skip counts one response that has nothing to test, under its reason.
func (a *Audit) Skip(reason string) {
	a.in++
	a.skipped[reason]++
}

// Look adds a batch of answers, and reports whether the sequential test has its verdict. It is a
// [collect.Look].
func (a *Audit) Look(batch []collect.Answer) (bool, error) {
	given := a.config.Declared.Collection.Request.Given()
	for _, x := range batch {
		if err := a.answers.add(x); err != nil {
			return false, err
		}
		if x.Model != "" {
			a.models[x.Model]++
		}
		if x.Usage != nil {
			a.usage.In += min(x.Usage.In, 1<<40)
			a.usage.Out += min(x.Usage.Out, 1<<40)
		} else {
			a.uncounted++
		}
		if x.Skip != "" {
			a.Skip(string(x.Skip))
			continue
		}
		prompt := PromptTokens(a.config.Tokenizer, append(given[:len(given):len(given)], x.Prompt)...)
		texts := make([][]watermark.Token, len(x.Texts))
		for i, text := range x.Texts {
			texts[i] = a.config.Tokenizer.Append(nil, []byte(text))
		}
		a.Add(prompt, texts...)
	}
	return a.sequential != nil && a.sequential.Done(), nil
}

// PromptTokens returns the tokens of the texts that a model was given, each text twice: after a
// space, as in the middle of a sentence, and as it is. The first word of a text is another token
// after a space. A prompt that was cut from marked text has the contexts of that token, and an
// answer that quotes the prompt has them again.
func PromptTokens(t tokenize.Tokenizer, texts ...string) []watermark.Token {
	var ids []watermark.Token
	for _, text := range texts {
		ids = t.Append(ids, []byte(" "+text))
	}
	for _, text := range texts {
		ids = t.Append(ids, []byte(text))
	}
	return ids
}
