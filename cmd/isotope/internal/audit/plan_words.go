package audit

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
)

// factList collects named values.
type factList []report.Fact

func (l *factList) add(name, format string, args ...any) {
	*l = append(*l, report.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
}

// terms returns the plan in words.
func (d *DeclaredPlan) terms() []report.Fact {
	p := &d.Plan
	facts := factList{
		{Name: "key", Value: p.Key}, {Name: "mark", Value: p.Mark}, {Name: "profile", Value: p.Profile}, {Name: "tokenizer", Value: p.Tokenizer},
	}
	facts.add("statistics", "%s", strings.Join(p.Statistics, "; "))
	if p.Reference != "" {
		facts.add("reference model", "%s", p.Reference)
	}
	facts.add("detected means", "the p-value, adjusted for all tests, is at most %g", p.Alpha)
	if p.Tests > 1 {
		facts.add("tests of this question", "%d in all, counted besides the statistics", p.Tests)
	}
	facts.add("decoys", "%d control keys that marked nothing, run key %s", p.Decoys, p.RunKey)
	if p.PromptsUnmarked {
		facts.add("prompts", "declared to be unmarked: their contexts stay in the test, and the test is refused if they carry the mark")
	} else {
		facts.add("prompts", "a context that occurs in a prompt is not tested")
	}
	if r := p.Registry; r != nil {
		facts.add("accounts", "epoch %s of the registry %s: %d cohorts and %d tenants, including decoys", r.Epoch, r.Digest, r.Cohorts, r.Tenants)
	}
	if b := p.Provenance; b != nil {
		facts.addProvenance(b)
	}
	if d.Collection != nil {
		facts.addCollection(d.Collection, p)
	} else {
		facts.add("stopping rule", "the outputs come from files and are tested once")
	}
	if p.C1 > 0 {
		facts.add("sensitivity", "c1 = %g, which was stated and is not measured here; share of interest %g", p.C1, p.Share)
		if p.C1Pairs > 0 {
			facts.add("c1 was measured at", "%d scored pairs; silence of more pairs is inconclusive", p.C1Pairs)
		} else {
			facts.add("c1 was measured at", "an unknown number of scored pairs, so silence is inconclusive")
		}
	}
	return facts
}

func (l *factList) addProvenance(b *Provenance) {
	l.add("provenance band", "the mark %s of the key %s, profile %s, tested once at the end", b.Mark, b.Key, b.Profile)
	if b.Live == nil {
		return
	}
	l.add("live strength", "in outputs of the marked model itself, the excess of green is %.5f, and the provenance band has a mean score %.3f standard deviations above chance",
		b.Live.Trace, b.Live.Provenance)
	for _, f := range b.Live.Files {
		l.add("outputs of the marked model", "%s: %s", f.Name, f.Value)
	}
}

func (l *factList) addCollection(c *Collection, p *Plan) {
	r := &c.Request
	l.add("suspect", "%s, model %s, %s", r.Endpoint, r.Model, r.API)
	sampling := fmt.Sprintf("at most %d tokens per answer", r.MaxTokens)
	if r.Temperature != nil {
		sampling += fmt.Sprintf(", temperature %g", *r.Temperature)
	}
	if r.TopP != nil {
		sampling += fmt.Sprintf(", top-p %g", *r.TopP)
	}
	if len(r.Extra) > 0 {
		sampling += ", " + string(r.Extra)
	}
	l.add("sampling", "%s", sampling)
	if r.System != "" {
		l.add("system prompt", "%s", r.System)
	}
	l.add("questions", "%d, from %d prompts with the digest %s", c.Asks, c.Number, c.Prompts)
	if c.Budget != (collect.Budget{}) {
		l.add("budget", "%s", budgetWords(c.Budget))
	}
	if p.Stopping == Sequential {
		l.add("stopping rule", "the sequential test looks after every %d answers, and ends the collection when it detects%s; otherwise it ends when all is asked or the budget is spent", c.Batch, futility(p))
	} else {
		l.add("stopping rule", "the collection ends when all is asked or the budget is spent, and nobody looks before")
	}
}

// futility words the bound at which the sequential test gives up.
func futility(p *Plan) string {
	if p.C1 > 0 {
		return fmt.Sprintf(", or when a share of %g would have been detected with probability 0.9", p.Share)
	}
	return ""
}

// budgetWords words a budget.
func budgetWords(b collect.Budget) string {
	var words []string
	if b.Tokens > 0 {
		words = append(words, fmt.Sprintf("%d tokens in and out", b.Tokens))
	}
	if b.Money > 0 {
		words = append(words, fmt.Sprintf("%g of money, at %g per million tokens in and %g per million tokens out", b.Money, b.PriceIn, b.PriceOut))
	}
	return strings.Join(words, ", ")
}
