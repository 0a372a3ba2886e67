package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// Values of Plan.Stopping.
const (
	Fixed      = "fixed"      // all questions are asked, then the test is made once
	Sequential = "sequential" // a test that may stop the collection, and at its end the fixed one
)

// A Plan is what is declared of a test before anything is looked at. It holds no secret:
// keys by their ids. It has no default values: what is written is what is meant.
type Plan struct {
	Version   int       `json:"isotope_student"` // 1
	Question  string    `json:"question"`
	Key       string    `json:"key"` // id of the key that is tested
	Mark      string    `json:"mark"`
	Profile   string    `json:"profile"`
	Tokenizer string    `json:"tokenizer"`
	Registry  *Registry `json:"registry,omitempty"`
	// Provenance is a test of its own beside the statistics, made at the end.
	Provenance *Provenance `json:"provenance,omitempty"`
	Statistics []string    `json:"statistics"`
	Reference  string      `json:"reference,omitempty"` // the model of the second statistic
	Stopping   string      `json:"stopping"`
	Alpha      float64     `json:"alpha"`
	Tests      int64       `json:"tests"` // that this one belongs to, its own statistics apart
	C1         float64     `json:"c1"`    // 0: unknown
	Share      float64     `json:"share"` // of interest; without a c1 nothing depends on it
	Decoys     int         `json:"decoys"`
	RunKey     string      `json:"run_key"` // from which the decoys follow
	// PromptsUnmarked declares that the marked model wrote no prompt, so that contexts of
	// prompts stay in the test.
	PromptsUnmarked bool `json:"prompts_unmarked"`
}

// A Registry says which accounts are tested.
type Registry struct {
	Digest  string `json:"digest"`
	Root    string `json:"root"` // key id
	Epoch   string `json:"epoch"`
	Cohorts int    `json:"cohorts"`
	Tenants int    `json:"tenants"`
}

// A Declared is a plan with what it is about.
type Declared struct {
	Plan       Plan        `json:"plan"`
	Collection *Collection `json:"collection,omitempty"` // nil when outputs come from files
}

// A Collection is a collect.Declaration without what the plan says, and with the digest of
// its prompts in their place.
type Collection struct {
	Request collect.Request `json:"request"`
	Prompts string          `json:"prompts"`
	Number  int             `json:"number_of_prompts"`
	Asks    int             `json:"asks"`
	Batch   int             `json:"batch"`
	Budget  collect.Budget  `json:"budget,omitzero"`
}

// Declare returns the declaration of a collection, without its plan.
func Declare(d *collect.Declaration) *Declared {
	return &Declared{Collection: &Collection{
		Request: d.Request, Prompts: collect.DigestPrompts(d.Prompts), Number: len(d.Prompts), Asks: d.Asks, Batch: d.Batch, Budget: d.Budget,
	}}
}

// FromDeclaration reads what a journal declares.
func FromDeclaration(d *collect.Declaration) (*Declared, error) {
	out := Declare(d)
	if err := strictjson.Decode(d.Plan, &out.Plan); err != nil {
		return nil, fmt.Errorf("the journal's plan: %w", err)
	}
	return out, nil
}

// JSON returns the bytes that are hashed.
func (d *Declared) JSON() []byte {
	text, err := canonical.Encode(d)
	if err != nil {
		panic("audit: " + err.Error()) // plain values, and an Extra that was parsed
	}
	return text
}

// Digest names the plan: "sha256:" and the hash of its JSON.
func (d *Declared) Digest() string { return canonical.Digest(d.JSON()) }

// ParseDeclared reads the JSON of a plan. Unknown fields are an error.
func ParseDeclared(text []byte) (*Declared, error) {
	var out Declared
	if err := strictjson.Decode(text, &out); err != nil {
		return nil, fmt.Errorf("not a plan: %w", err)
	}
	if out.Plan.Version != 1 {
		return nil, fmt.Errorf("not a plan: isotope_student is %d and not 1", out.Plan.Version)
	}
	return &out, nil
}

// Same returns an error that says where two plans differ.
func (d *Declared) Same(e *Declared) error {
	changes, err := canonical.Compare(d.JSON(), e.JSON())
	if err != nil || len(changes) == 0 {
		return err
	}
	said := make([]string, len(changes))
	for i, c := range changes {
		said[i] = c.String()
	}
	return errors.New("not what was declared: " + strings.Join(said, "; "))
}

// RunKeyBytes returns the run key.
func (p *Plan) RunKeyBytes() (key [16]byte, err error) {
	b, err := hex.DecodeString(p.RunKey)
	if err != nil || len(b) != len(key) {
		return key, fmt.Errorf("a run key is %d hex digits", 2*len(key))
	}
	return [16]byte(b), nil
}

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

// Published is the sensitivity that papers report for a width, and 0 where there is none: Pan et al.
// 2025, "Can LLM watermarks robustly prevent unauthorized knowledge distillation?", for a
// green list and a student trained on nothing but marked text. They do not deduplicate, so
// a plan that rests on it is a lower bound.
func Published(width int) float64 { return map[int]float64{1: 0.35, 2: 0.11}[width] }

// counted is the number of tests that the p-value of a statistic counts: other tests, the
// sequential one, the fixed one and that of the provenance band, statistics, and families of
// accounts.
func (p *Plan) counted() int64 {
	families := int64(1)
	if r := p.Registry; r != nil {
		families += int64(min(r.Cohorts, 1) + min(r.Tenants, 1))
	}
	return p.Tests * p.bundles() * int64(len(p.Statistics)) * families
}

// shown returns the smallest share of marked training text that so many scored pairs show
// with probability 0.9, every test counted, by the stated c1.
func (p *Plan) shown(scored int64) float64 {
	return detect.StudentPlan{C1: p.C1, Alpha: min(p.Alpha, 0.5), Tests: p.counted()}.Share(scored, 0.9)
}

// A Need is what a share asks of a collection.
type Need struct {
	Share  float64 `json:"share"`
	C1     float64 `json:"c1"`
	Source string  `json:"c1_source"`
	Power  float64 `json:"power"`
	Scored float64 `json:"scored_tokens"` // distinct pairs outside prompts
	// Answers is the number of answers that hold so many tokens if all are as long
	// as they may be and no pair is repeated; 0 without a collection.
	Answers float64 `json:"answers_at_least"`
}

// Need returns how many tokens show the plan's share with probability 0.9, or nil when no
// c1 is known. An unresolved account asks for more.
func (d *Declared) Need(width int) *Need {
	n := &Need{Share: d.Plan.Share, C1: d.Plan.C1, Source: "stated", Power: 0.9}
	if n.C1 == 0 {
		n.C1, n.Source = Published(width), "published, without dedup: a lower bound of tokens"
	}
	if n.C1 == 0 || n.Share == 0 {
		return nil
	}
	n.Scored = detect.StudentPlan{C1: n.C1, Alpha: min(d.Plan.Alpha, 0.5), Tests: d.Plan.counted()}.Tokens(n.Share, n.Power)
	if d.Collection != nil {
		n.Answers = n.Scored / float64(d.Collection.Request.MaxTokens)
	}
	return n
}
