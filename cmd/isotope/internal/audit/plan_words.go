package audit

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
)

// terms is the plan in words.
func (d *Declared) terms() []report.Fact {
	p := &d.Plan
	facts := []report.Fact{
		{Name: "key", Value: p.Key}, {Name: "mark", Value: p.Mark}, {Name: "profile", Value: p.Profile}, {Name: "tokenizer", Value: p.Tokenizer},
	}
	add := func(name, format string, args ...any) {
		facts = append(facts, report.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add("statistics", "%s", strings.Join(p.Statistics, "; "))
	if p.Reference != "" {
		add("reference model", "%s", p.Reference)
	}
	add("detected means", "the p-value, with all tests counted, is at most %g", p.Alpha)
	if p.Tests > 1 {
		add("other tests counted", "%d in all, besides the statistics", p.Tests)
	}
	add("decoys", "%d keys that marked nothing, run key %s", p.Decoys, p.RunKey)
	if p.PromptsUnmarked {
		add("prompts", "declared to be unmarked: their contexts stay in the test, which is refused if they carry the mark")
	} else {
		add("prompts", "every context that occurs in a prompt is out of the test")
	}
	if r := p.Registry; r != nil {
		add("accounts", "epoch %s of the registry %s: %d cohorts and %d tenants, decoys among them", r.Epoch, r.Digest, r.Cohorts, r.Tenants)
	}
	if b := p.Provenance; b != nil {
		add("provenance band", "the mark %s of the key %s, profile %s, tested once at the end", b.Mark, b.Key, b.Profile)
		if l := b.Live; l != nil {
			add("live strength", "in outputs of the marked model itself the mark has an excess of green of %.5f, and the provenance band one of %.3f standard deviations a score",
				l.Trace, l.Provenance)
			for _, f := range l.Files {
				add("outputs of the marked model", "%s: %s", f.Name, f.Value)
			}
		}
	}
	if c := d.Collection; c != nil {
		r := &c.Request
		add("suspect", "%s, model %s, %s", r.Endpoint, r.Model, r.API)
		sampling := fmt.Sprintf("at most %d tokens an answer", r.MaxTokens)
		if r.Temperature != nil {
			sampling += fmt.Sprintf(", temperature %g", *r.Temperature)
		}
		if r.TopP != nil {
			sampling += fmt.Sprintf(", top-p %g", *r.TopP)
		}
		if len(r.Extra) > 0 {
			sampling += ", " + string(r.Extra)
		}
		add("sampling", "%s", sampling)
		if r.System != "" {
			add("system prompt", "%s", r.System)
		}
		add("questions", "%d, from %d prompts with the digest %s", c.Asks, c.Number, c.Prompts)
		if c.Budget != (collect.Budget{}) {
			add("budget", "%s", budgetWords(c.Budget))
		}
		if p.Stopping == Sequential {
			add("stopping rule", "after every %d answers, by the sequential test: when it detects%s; else when all is asked or the budget is spent", c.Batch, futility(p))
		} else {
			add("stopping rule", "when all is asked or the budget is spent, without a look before")
		}
	} else {
		add("stopping rule", "the outputs were given; they are tested once")
	}
	if p.C1 > 0 {
		add("sensitivity", "c1 = %g, stated and not measured here; share of interest %g", p.C1, p.Share)
	}
	return facts
}

func futility(p *Plan) string {
	if p.C1 > 0 {
		return fmt.Sprintf(", or when a share of %g would have shown with probability 0.99", p.Share)
	}
	return ""
}

func budgetWords(b collect.Budget) string {
	var words []string
	if b.Tokens > 0 {
		words = append(words, fmt.Sprintf("%d tokens in and out", b.Tokens))
	}
	if b.Money > 0 {
		words = append(words, fmt.Sprintf("%g of money at %g and %g a million tokens in and out", b.Money, b.PriceIn, b.PriceOut))
	}
	return strings.Join(words, ", ")
}
