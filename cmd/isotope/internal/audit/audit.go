// Package audit tests the outputs of a suspect model by a plan that was declared before,
// and reports what came of it. It puts together what other packages do: collect has the
// outputs, detect the tests, report the page.
package audit

import (
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

// A Config is what a plan needs to be carried out. What it says must be what the plan
// says; whoever makes both sees to that.
type Config struct {
	Declared  *Declared
	Scorer    detect.Scorer
	Decoys    *detect.Decoys
	Reference detect.Reference   // nil: one statistic
	Tokenizer tokenize.Tokenizer // nil: outputs are token ids
	Exempt    []watermark.Token
	Cohorts   []detect.Account
	Tenants   []detect.Account
	// Provenance is tested where the plan declares it.
	Provenance *Band
}

// An Audit gathers outputs and tests them. One goroutine at a time.
type Audit struct {
	config     Config
	student    *detect.Student
	sequential *detect.StudentSequential // nil when the stopping rule is fixed
	provenance *band                     // nil when it is not declared

	in, tested, texts, tokens int64
	unprompted                int64 // outputs without a prompt
	skipped                   map[string]int64
	models                    map[string]int64 // answers by the model's name
	usage                     collect.Usage
	uncounted                 int64 // answers without a usage
	answers                   answersHash
}

// New returns an empty Audit, or says that the config cannot be: it lacks decoys among the
// tenants.
func New(c Config) (*Audit, error) {
	p := &c.Declared.Plan
	if len(c.Tenants) > 0 {
		decoys := 0
		for _, t := range c.Tenants {
			if t.Decoy {
				decoys++
			}
		}
		if decoys < detect.MinDecoyAccounts {
			return nil, fmt.Errorf("the registry has %d decoys among its tenants; a trace needs %d", decoys, detect.MinDecoyAccounts)
		}
	}
	if want := detect.MinDecoys; p.Decoys < want {
		return nil, fmt.Errorf("%d decoys are fewer than %d", p.Decoys, want)
	}
	if (p.Provenance == nil) != (c.Provenance == nil) {
		return nil, errors.New("a provenance band is declared and not given, or given and not declared")
	}
	// With a sequential test there are two bundles, with a provenance band one more, and
	// each counts as one of so many.
	tests := p.Tests * p.bundles()
	share := p.Share
	if p.C1 == 0 {
		share = 0
	}
	a := &Audit{
		config: c, skipped: make(map[string]int64), models: make(map[string]int64), answers: newAnswersHash(),
		student: detect.NewStudent(c.Scorer, c.Decoys, &detect.StudentOptions{
			Reference: c.Reference, PromptsUnmarked: p.PromptsUnmarked, Exempt: c.Exempt, Alpha: p.Alpha, Tests: tests, C1: p.C1, MinShare: share,
		}),
	}
	if p.Stopping == Sequential {
		// It ends the collection at the level that is left when the families of a trace are
		// counted, too, as the verdict counts them.
		a.sequential = detect.NewStudentSequential(c.Scorer, c.Decoys, &detect.StudentSequentialOptions{
			PromptsUnmarked: p.PromptsUnmarked, Exempt: c.Exempt, Alpha: min(p.Alpha, 0.5) / float64(c.families()), Tests: tests, C1: p.C1, MinShare: share,
		})
	}
	if c.Provenance != nil {
		if err := c.Provenance.Check(c.Scorer); err != nil {
			return nil, err
		}
		var err error
		if a.provenance, err = newBand(&c); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// families is the number of families of a trace: the master, and those of accounts.
func (c *Config) families() int64 {
	n := int64(1)
	for _, family := range [][]detect.Account{c.Cohorts, c.Tenants} {
		if len(family) > 0 {
			n++
		}
	}
	return n
}

// bundles is the number of tests that are made apart from each other: the fixed one, the
// sequential one, and that of the provenance band.
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

// Add counts one response with texts, each after the same prompt.
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

// Skip counts one response that has nothing to test.
func (a *Audit) Skip(reason string) {
	a.in++
	a.skipped[reason]++
}

// Look counts a batch of answers and says whether the sequential test has its verdict; it is
// a collect.Look.
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
		prompt := promptTokens(a.config.Tokenizer, append(given[:len(given):len(given)], x.Prompt)...)
		texts := make([][]watermark.Token, len(x.Texts))
		for i, text := range x.Texts {
			texts[i] = a.config.Tokenizer.Append(nil, []byte(text))
		}
		a.Add(prompt, texts...)
	}
	return a.sequential != nil && a.sequential.Done(), nil
}

// promptTokens returns the tokens of what a model was given, each text twice: as it would
// stand in a sentence first, after a space, and as it stands. The first word of a text is
// another token there, and a prompt that was cut from marked text has the contexts of
// that token, which an answer that quotes it has again.
func promptTokens(t tokenize.Tokenizer, texts ...string) []watermark.Token {
	var ids []watermark.Token
	for _, text := range texts {
		ids = t.Append(ids, []byte(" "+text))
	}
	for _, text := range texts {
		ids = t.Append(ids, []byte(text))
	}
	return ids
}
