package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/audit"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// detectOptions are what the plan of detect declares besides what every plan has.
type detectOptions struct {
	Any       bool        `json:"any"`
	MinShare  float64     `json:"min_share"`
	Rates     []float64   `json:"rates"`
	Spans     bool        `json:"spans"`
	Normalize string      `json:"normalize"`
	Read      readOptions `json:"read"`
}

// readOptions are how files are read.
type readOptions struct {
	Format      string   `json:"format"`
	Encoding    string   `json:"encoding"`
	Fields      []string `json:"fields"`
	PromptField string   `json:"prompt_field"`
	Roles       []string `json:"roles"`
}

func (o *readFlags) options() readOptions {
	return readOptions{o.format, o.encoding, list(o.fields), o.promptField, list(o.roles)}
}

func (o *readFlags) set(r readOptions) {
	o.format, o.encoding, o.fields, o.promptField, o.roles = r.Format, r.Encoding, r.Fields, r.PromptField, r.Roles
}

// list returns a list that is [] and not null in JSON.
func list[T any](l []T) []T { return append([]T{}, l...) }

// declarableDetect are the flags of detect that a plan can declare, and those that do not change a
// result.
var declarableDetect = []string{
	"key", "profile", "any", "alpha", "min-share", "rate", "spans", "normalize", "format", "encoding", "field", "prompt-field", "role",
	"tokenizer", "declare", "log", "sign-key", "question", "control-keys", "clean",
}

// plannedDetect are the flags of detect with a signed plan. The plan has all others.
var plannedDetect = []string{"key", "tokenizer", "plan-file", "log", "sign-key", "signed-report", "clean", "report", "json", "fail-on"}

// globalFlags are those of the program.
var globalFlags = []string{"quiet", "passphrase-fd", "no-colours"}

// onlyThese is the rule that a call has no other flags than these. why ends the sentence.
func onlyThese(changed, allowed []string, why string) rule {
	for _, name := range changed {
		if !slices.Contains(allowed, name) && !slices.Contains(globalFlags, name) {
			return rule{true, fmt.Sprintf("--%s %s; leave it out", name, why)}
		}
	}
	return rule{}
}

// changedFlags are the names of the flags that a call gives.
func changedFlags(f *pflag.FlagSet) []string {
	var names []string
	f.Visit(func(x *pflag.Flag) { names = append(names, x.Name) })
	return names
}

// checkDeclared returns a usage error for a call that declares a test, or makes a declared one.
func (o *detectFlags) checkDeclared(args []string) error {
	planned := o.plan != ""
	rules := o.evidence.rules(planned)
	switch {
	case planned:
		rules = append(rules, onlyThese(o.changed, plannedDetect, "is declared in the plan, or is not part of a declared test"),
			rule{len(o.keys) == 0, "--key FILE is missing: the key that the plan tests"})
	case o.evidence.declare != "":
		rules = append(rules, onlyThese(o.changed, declarableDetect, "cannot be declared beforehand"),
			rule{o.controls != 0 && o.controls < student.MinDecoys, fmt.Sprintf("--control-keys %d is below %d; give as many, or 0 for none", o.controls, student.MinDecoys)},
			within("control-keys", o.controls, fromTo(0, 100_000)))
	default:
		rules = append(rules, rule{len(o.evidence.clean) > 0, "--clean is for a declared test; give --declare or --plan-file"})
	}
	if planned || o.evidence.declare != "" {
		rules = append(rules, rule{len(args) == 0, "PATH is missing: the files of the corpus"},
			rule{slices.Contains(args, inputs.Stdin), "a declared corpus has files, and standard input is none; put it into a file"})
	}
	return check(rules)
}

// declareDetect writes the plan of a call and scores nothing.
func (c *cli) declareDetect(ctx context.Context, o *detectFlags, args []string) error {
	if err := newFile("declare", o.evidence.declare); err != nil {
		return err
	}
	if err := c.loadTokenizers(o.tokenizers); err != nil {
		return err
	}
	l, err := c.openLog(&o.evidence.logFlags)
	if err != nil {
		return err
	}
	defer l.close()
	keys, dedup, err := l.committedPairs(o.keys, o.profiles)
	if err != nil {
		return err
	}
	files, err := c.readCorpus(ctx, "detect", args)
	if err != nil {
		return err
	}
	options, err := canonical.Encode(detectOptions{
		Any: o.any.given, MinShare: o.minShare, Rates: list(o.rates), Spans: o.spans, Normalize: o.normalize, Read: o.read.options(),
	})
	if err != nil {
		return err
	}
	p := &provenance.Plan{
		Version: 1, Test: "detect", Question: o.question, Log: l.vkey, Keys: keys, Corpus: files.manifest.Digest(), Files: files.manifest,
		Unit: "text", Dedup: dedup, Statistics: []string{"score of the mark"}, Alpha: o.alpha,
		Multiplicity: "Holm for all texts, Sidak or Bonferroni for the keys and forms of each", Tests: 1, Stopping: "fixed",
		Controls: provenance.Controls{Keys: o.controls, RunKey: audit.RunKeyText(detect.NewRunKey())}, Tool: toolVersion(), Options: options,
	}
	if p.Question == "" {
		p.Question = "Does a text of this corpus depend on a key of this plan?"
	}
	if len(o.evidence.clean) > 0 {
		clean, err := c.readCorpus(ctx, "detect", o.evidence.clean)
		if err != nil {
			return err
		}
		p.Clean = clean.manifest
	}
	// What the test would refuse is refused before it is declared.
	if _, err := c.declaredCandidates(o, p, nil); err != nil {
		return err
	}
	return c.declarePlan(ctx, &o.evidence, l, p)
}

// fromPlan sets the flags that a plan declares.
func (o *detectFlags) fromPlan(p *provenance.Plan) error {
	var x detectOptions
	if err := strictjson.Decode(p.Options, &x); err != nil {
		return fmt.Errorf("the options of the plan: %w", err)
	}
	o.alpha, o.minShare, o.rates, o.spans, o.normalize = p.Alpha, x.MinShare, x.Rates, x.Spans, x.Normalize
	o.any = switchOrFile{given: x.Any}
	o.read.set(x.Read)
	o.given = func(string) bool { return false }
	var err error
	if o.normalize != "" {
		o.chains, err = parseChains(o.normalize)
	}
	return err
}

// declaredCandidates binds the profiles of a plan to its keys. Without keys it checks the profiles
// alone, with keys that mark nothing.
func (c *cli) declaredCandidates(o *detectFlags, p *provenance.Plan, keys []watermark.Key) (*candidateSet, error) {
	s := &candidateSet{cli: c}
	for i, x := range p.Keys {
		profile, err := watermark.ParseProfile(x.Profile)
		if err != nil {
			return nil, err
		}
		k := watermark.NewKey()
		if keys != nil {
			k = keys[i]
		}
		// The label is the id of the key, since others have other names for its file.
		cand, err := s.add("", described(profile), interop.AnyKey{Native: k}, nil, o)
		if err != nil {
			return nil, err
		}
		if len(o.rates) > 0 {
			cand.options.Rate = o.rates[i]
		}
	}
	return s, s.checkDifferent()
}

// detectPlanned makes a declared test.
func (c *cli) detectPlanned(ctx context.Context, o *detectFlags, args []string) error {
	t, err := c.openDeclared(ctx, &o.evidence, o.plan, "detect")
	if err != nil {
		return err
	}
	defer t.log.close()
	d, outcome, err := c.runDetect(ctx, o, t, args)
	if err != nil {
		return err
	}
	if d.signed, err = t.report(ctx, c, &o.evidence, outcome); err != nil {
		return err
	}
	return d.finish()
}

// runDetect tests the corpus of a plan and returns the outcome.
func (c *cli) runDetect(ctx context.Context, o *detectFlags, t *declaredTest, args []string) (*detection, *provenance.Outcome, error) {
	keys, err := t.keys(o.keys)
	if err != nil {
		return nil, nil, err
	}
	if err := o.fromPlan(t.plan); err != nil {
		return nil, nil, err
	}
	if err := c.loadTokenizers(o.tokenizers); err != nil {
		return nil, nil, err
	}
	if err := t.open(ctx, c, args, o.evidence.clean); err != nil {
		return nil, nil, err
	}
	d := &detection{cli: c, flags: o}
	if d.set, err = c.declaredCandidates(o, t.plan, keys); err != nil {
		return nil, nil, err
	}
	if d.controls, err = newControlSet(d.set, t.plan.Controls); err != nil {
		return nil, nil, err
	}
	if err := t.begin(c); err != nil {
		return nil, nil, err
	}
	if err := d.read(ctx, t.files.paths); err != nil {
		return nil, nil, err
	}
	if err := t.files.read(&d.ledger); err != nil {
		return nil, nil, err
	}
	for _, f := range d.findings {
		f.place.File = d.ledger.Files[f.file].Name
	}
	if d.ledger.Tested() == 0 {
		return nil, nil, nothingTested(&d.ledger)
	}
	d.scorer().decide(d.findings)
	clean, err := d.readClean(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	outcome, err := d.outcome(t, clean)
	return d, outcome, err
}

// readClean tests the clean corpus of a plan, without control keys. It returns nil if there is none.
func (d *detection) readClean(ctx context.Context, t *declaredTest) (*controlSet, error) {
	if t.clean == nil {
		return nil, nil
	}
	clean := &detection{cli: d.cli, flags: d.flags, set: d.set}
	var err error
	if clean.controls, err = newControlSet(d.set, provenance.Controls{RunKey: t.plan.Controls.RunKey}); err != nil {
		return nil, err
	}
	if err := clean.read(ctx, t.clean.paths); err != nil {
		return nil, err
	}
	if err := t.clean.read(&clean.ledger); err != nil {
		return nil, err
	}
	if clean.ledger.Tested() == 0 {
		return nil, fmt.Errorf("--clean: %w", nothingTested(&clean.ledger))
	}
	return clean.controls, nil
}

// canonicalDetect is the JSON object of detect without what differs from run to run.
type canonicalDetect struct {
	tested
	*headlineJSON
	Results  []textJSON   `json:"results"`
	Keys     []rankedJSON `json:"keys,omitempty"`
	Warnings []string     `json:"warnings"`
}

// outcome returns the canonical part of a report.
func (d *detection) outcome(t *declaredTest, clean *controlSet) (*provenance.Outcome, error) {
	j := d.json()
	result, err := canonical.Encode(canonicalDetect{j.tested, j.headlineJSON, j.Results, j.Keys, j.Warnings})
	if err != nil {
		return nil, err
	}
	out := &provenance.Outcome{
		Verdict: string(d.verdict()), Alpha: d.flags.alpha, Files: t.files.manifest, Counts: countsOf(&d.ledger), Result: result,
		Controls: d.controls.results(),
	}
	if clean != nil {
		for i := range out.Controls {
			p := clean.least[i][0]
			out.Controls[i].Clean = &p
		}
	}
	return out, nil
}

// A controlSet tests the same texts under control keys: keys that marked nothing. The p-values are
// those of whole texts as they are.
type controlSet struct {
	set     *candidateSet
	scorers [][]detect.Scorer // by candidate: its own, and then those of the control keys
	least   [][]float64       // the smallest log10 p of each, of all texts
}

func newControlSet(s *candidateSet, controls provenance.Controls) (*controlSet, error) {
	run, err := (&audit.Plan{RunKey: controls.RunKey}).RunKeyBytes()
	if err != nil {
		return nil, err
	}
	out := &controlSet{set: s}
	for _, c := range s.list {
		scorers := []detect.Scorer{c.bound[0].Scorer}
		if controls.Keys > 0 {
			p := c.profile.Native
			decoys, err := student.NewDecoys(run, controls.Keys, func(k watermark.Key) (detect.Scorer, error) { return p.Mark(k) })
			if err != nil {
				return nil, fmt.Errorf("the control keys: %w", err)
			}
			for i := range decoys.Len() {
				m, err := p.Mark(decoys.Key(i))
				if err != nil {
					return nil, err
				}
				scorers = append(scorers, m)
			}
		}
		out.scorers = append(out.scorers, scorers)
		out.least = append(out.least, make([]float64, len(scorers)))
	}
	return out, nil
}

// add tests one text for a candidate.
func (s *controlSet) add(c *candidate, t *tokenText, given [][]watermark.Token) {
	i := slices.Index(s.set.list, c)
	panel := detect.NewPanel(s.scorers[i], &c.options)
	for _, p := range given {
		panel.Exclude(p)
	}
	for part := range t.parts() {
		panel.Add(part)
	}
	for j, r := range panel.Results() {
		s.least[i][j] = min(s.least[i][j], r.Log10P)
	}
}

// results compares each key with the control keys.
func (s *controlSet) results() []provenance.ControlResult {
	out := make([]provenance.ControlResult, len(s.set.list))
	for i, c := range s.set.list {
		x := provenance.ControlResult{Key: c.keyID, Log10P: s.least[i][0], Keys: list(s.least[i][1:]), Rank: 1}
		slices.Sort(x.Keys)
		for _, p := range x.Keys {
			if p <= x.Log10P {
				x.Rank++
			}
		}
		out[i] = x
	}
	return out
}
